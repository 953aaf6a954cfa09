//! What the findings about processes with an old key have in common: who has it since when, and how
//! it is started again. Which of them speaks is decided by what starts the process.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{in_a_container, is_old_process, launched_with_it, name},
};
use crate::domain::{
    age::span, judge::ago, layer::row_label, reading::Rank, running::Supervisor, snapshot::Row,
};

/// One finding for each layer and key, of the old processes that `concerns` chooses. `remark` is what
/// is said of the one that starts them, behind the story.
pub(super) fn findings(
    scene: &Scene<'_>,
    code: &'static str,
    concerns: impl Fn(&Row) -> bool,
    remark: impl Fn(&Row) -> Option<String>,
    fixes: impl Fn(&Row) -> Vec<Fix>,
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
                restart_helps: scene.restart_helps(row),
                fixes: fixes(row),
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
    let layer = row_label(&row.identity.layer, None, row.identity.host.as_deref());
    let who = match (count, process) {
        (1, Some(process)) => format!("`{layer}` (pid {}, {})", process.pid, process.program),
        (1, None) => name(row),
        (count, _) => format!("{count} processes of `{layer}`"),
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

/// What a person does to start it again, in these words, unless that would load the same key.
pub(super) fn restart(scene: &Scene<'_>, row: &Row, words: &str) -> Fix {
    if scene.restart_helps(row) == Some(false) {
        let source = scene.configuration_of(row).map_or_else(|| "its source".to_owned(), name);
        return Fix::text(format!(
            "update {source} first: a restart would load the same key again"
        ));
    }
    match &row.restart {
        Some(command) => Fix::command(words, command),
        None => Fix::text(words),
    }
}

/// With a large letter at its beginning.
pub(super) fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
