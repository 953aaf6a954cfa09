//! What the findings about processes with an old key have in common: who has it since when, and how
//! it is started again. Which of them speaks is decided by what starts the process.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{in_a_container, is_old_process, launched_with_it, name, variable},
};
use crate::domain::{
    age::span,
    judge::ago,
    reading::Rank,
    restart::{Action, Obstacle},
    running::Supervisor,
    snapshot::Row,
};

/// One finding for each layer and key, of the old processes that `concerns` chooses. `remark` is what
/// is said of the one that starts them, behind the story.
pub(super) fn findings(
    scene: &Scene<'_>,
    code: &'static str,
    concerns: impl Fn(&Row) -> bool,
    remark: impl Fn(&Row) -> Option<String>,
) -> Vec<Finding> {
    scene
        .by_layer_and_key(|row| is_old_process(row) && !in_a_container(row) && concerns(row))
        .into_iter()
        .filter_map(|rows| {
            let row = &scene.rows[*rows.first()?];
            let remark = remark(row).map(|remark| format!(" {remark}.")).unwrap_or_default();
            Some(Finding {
                code,
                severity: Severity::Error,
                message: format!("{}.{remark}", story(scene, row, rows.len())),
                restart_helps: row.after_restart().and_then(|restart| restart.helps),
                fixes: fixes(scene, row),
                rows,
            })
        })
        .collect()
}

/// The process that starts this one again and again.
pub(super) fn supervisor(row: &Row) -> Option<&Supervisor> {
    row.evidence.process.as_ref()?.supervisor.as_ref()
}

/// Who has which key since when, and what its source has; no full stop.
fn story(scene: &Scene<'_>, row: &Row, count: usize) -> String {
    let process = row.evidence.process.as_ref();
    let who = match (count, process) {
        (1, Some(process)) => {
            format!("`{}` (pid {}, {})", row.identity.layer, process.pid, process.program)
        }
        (1, None) => name(row),
        (count, _) => format!("{count} processes of `{}`", row.identity.layer),
    };
    let started = match row.evidence.started_at {
        Some(started) => format!("started {}", ago(scene.now, started)),
        None => "started earlier".to_owned(),
    };
    let fixed = if launched_with_it(row) {
        "an environment is fixed at start"
    } else {
        "a program loads its keys when it starts"
    };
    let source = scene.configuration_of(row);
    let changed = source.and_then(|source| source.evidence.changed());
    let tail = match (source, changed, row.evidence.started_at) {
        (Some(source), ..) if source.key().is_some() && source.key() == row.key() => {
            format!("{} still has the same one", name(source))
        }
        (Some(source), Some(changed), Some(start)) if changed > start => format!(
            "{} changed {} later, and {fixed}",
            name(source),
            span(changed.as_second() - start.as_second())
        ),
        (Some(source), ..) => format!("{} has another one", name(source)),
        (None, ..) => fixed.to_owned(),
    };
    match row.key() {
        Some(key) if row.rank == Rank::Live => {
            let holds = if count == 1 { "holds" } else { "hold" };
            format!("{who} {started} and now {holds} the key {}; {tail}", key.told())
        }
        Some(key) => format!("{who} {started} with the key {}; {tail}", key.told()),
        None => format!("{who} {started}; {tail}"),
    }
}

/// What gives it the expected key, by what each action is predicted to do.
pub(super) fn fixes(scene: &Scene<'_>, row: &Row) -> Vec<Fix> {
    let mut helpful = row.after.iter().filter(|prediction| prediction.helps == Some(true));
    if let Some(best) = helpful.next() {
        let in_full = helpful
            .find(|other| best.action < Action::Restart && other.how.command.is_some())
            .map(|other| Fix { text: "or restart it in full".to_owned(), ..other.how.clone() });
        return std::iter::once(best.how.clone()).chain(in_full).collect();
    }
    match scene.obstacle(row) {
        Some(Obstacle::Layer(layer)) => {
            let action = row.after.first().map_or("a restart", |best| best.action.text());
            vec![Fix::text(format!(
                "update {} first: {action} would load the same key again",
                name(layer)
            ))]
        }
        Some(Obstacle::Shell) => vec![Fix::command(
            "take it out of this shell before you start the program from it",
            format!("unset {}", variable(row)),
        )],
        None => row.after.first().map(|best| best.how.clone()).into_iter().collect(),
    }
}
