//! What the findings about processes with an old key have in common: who has it since when, and how
//! it is started again. Which of them speaks is decided by what starts the process.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{in_a_container, is_old_process, launched_with_it, name, variable},
};
use crate::domain::{
    age::span,
    judge::ago,
    manager::Manager,
    reading::{MissingReason, Origin, Rank, State, Yield},
    restart::{Action, Obstacle},
    running::{Supervisor, SupervisorKind},
    snapshot::Row,
    verdict::Verdict,
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
        .by_layer_and_key(|row| is_old_process(row) && !in_a_container(scene, row) && concerns(row))
        .into_iter()
        .filter_map(|rows| {
            let row = &scene.rows[*rows.first()?];
            let remark = remark(row).map(|remark| format!(" {remark}.")).unwrap_or_default();
            Some(Finding {
                code,
                severity: Severity::Error,
                message: format!("{}.{remark}", story(scene, row, rows.len())),
                restart_helps: row.after_restart().and_then(|restart| restart.helps),
                fixes: fixes(row),
                rows,
            })
        })
        .collect()
}

/// What starts a process again; it decides which finding speaks of an old one.
pub(super) enum Starter<'a> {
    /// A manager that has loaded another key than its files have by now.
    Behind(&'a Manager),
    /// A manager that hands its own environment down, with the key in it.
    HandsDown(&'a Manager),
    /// PM2, which keeps a copy of the environment.
    Pm2,
    /// Another process.
    Supervisor(&'a Supervisor),
    /// Nothing that is known, or a manager that starts it with what its files have.
    Other,
}

/// What starts this process again.
pub(super) fn starter<'a>(scene: &Scene<'_>, row: &'a Row) -> Starter<'a> {
    match (&row.evidence.manager, supervisor(row)) {
        (Some(manager), _) if row.running && is_behind(scene, row, manager) => {
            Starter::Behind(manager)
        }
        (Some(manager @ Manager::Supervisor { .. }), _) if hands_down(scene, row) => {
            Starter::HandsDown(manager)
        }
        (Some(Manager::Pm2 { .. }), _) => Starter::Pm2,
        (_, Some(supervisor))
            if matches!(supervisor.kind, SupervisorKind::Pm2 | SupervisorKind::Pm2Cluster) =>
        {
            Starter::Pm2
        }
        (_, Some(supervisor)) => Starter::Supervisor(supervisor),
        _ => Starter::Other,
    }
}

/// The process that starts this one again and again.
fn supervisor(row: &Row) -> Option<&Supervisor> {
    row.evidence.process.as_ref()?.supervisor.as_ref()
}

/// What is configured was edited, and says something else of this key than what the manager loaded.
/// What it has loaded may not be known.
fn is_behind(scene: &Scene<'_>, row: &Row, manager: &Manager) -> bool {
    if manager.reload().is_none() {
        return false;
    }
    let source = scene.source_of(row).filter(|source| is_own(row, source));
    let configured = source.and_then(Row::key).map(|key| key.fingerprint);
    if let Manager::Supervisor { .. } = manager {
        // It does not tell what it has loaded. What it would start by now with another key than it
        // has, was started with what was loaded then.
        let own = row.key().map(|key| key.fingerprint);
        return source.is_some_and(|source| !decided_by(source, &Origin::ManagerCopy))
            && own.zip(configured).is_some_and(|(own, configured)| own != configured);
    }
    let copy = row.occurrences.iter().find_map(|occurrence| match &occurrence.yields {
        Yield::Value(key) if occurrence.origin == Origin::ManagerCopy => Some(key.fingerprint),
        _ => None,
    });
    copy.is_none() || copy != configured
}

/// What its own layer configures for a row that runs.
fn is_own(row: &Row, source: &Row) -> bool {
    !source.running && source.identity.layer == row.identity.layer
}

/// The value that decides a row is of this origin.
pub(super) fn decided_by(row: &Row, origin: &Origin) -> bool {
    row.occurrences.iter().any(|occurrence| {
        occurrence.wins
            && occurrence.origin == *origin
            && Some(&occurrence.variable) == row.variable.as_ref()
    })
}

/// The manager started it with a key of its own environment.
fn hands_down(scene: &Scene<'_>, row: &Row) -> bool {
    scene.source_of(row).is_some_and(|source| {
        is_own(row, source)
            && decided_by(source, &Origin::ManagerCopy)
            && source.key().map(|key| key.fingerprint) == row.key().map(|key| key.fingerprint)
    })
}

/// Puts the rows of old copies to the findings about what was started with them; those of which
/// nothing runs get findings of their own.
pub(super) fn with_copies(
    scene: &Scene<'_>,
    mut all: Vec<Finding>,
    is_copy: impl Fn(&Row) -> bool,
    of_copy: impl Fn(usize, &Row) -> Finding,
) -> Vec<Finding> {
    let is_old = |row: &Row| {
        !row.running
            && row.expected.is_some()
            && matches!(row.verdict, Verdict::Stale | Verdict::Mismatch)
    };
    for (index, row) in scene.rows().filter(|(_, row)| is_old(row) && is_copy(row)) {
        let started = |finding: &&mut Finding| {
            finding.rows.iter().any(|other| same_program(&scene.rows[*other], row))
        };
        match all.iter_mut().find(started) {
            Some(finding) => {
                finding.rows.push(index);
                finding.rows.sort_unstable();
            }
            None => all.push(of_copy(index, row)),
        }
    }
    all
}

fn same_program(row: &Row, copy: &Row) -> bool {
    let name = |row: &Row| row.evidence.manager.as_ref().map(|it| it.name().to_owned());
    row.identity.layer == copy.identity.layer
        && row.identity.host == copy.identity.host
        && row.identity.credential == copy.identity.credential
        && name(row) == name(copy)
}

/// Who has which key since when, and what its source has; no full stop.
fn story(scene: &Scene<'_>, row: &Row, count: usize) -> String {
    let process = row.evidence.process.as_ref();
    let who = match (count, process) {
        (1, Some(process)) => {
            format!("`{}` (pid {}, {})", row.identity.layer, process.pid, process.program)
        }
        (1, None) => name(row),
        (count, _) => match &row.evidence.manager {
            Some(manager) => {
                format!("{count} processes of `{}` ({})", row.identity.layer, manager.name())
            }
            None => format!("{count} processes of `{}`", row.identity.layer),
        },
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
    let own = row.key().map(|key| key.fingerprint);
    let changed = source.and_then(|source| source.evidence.changed());
    let tail = match (source, changed, row.evidence.started_at) {
        (Some(source), Some(changed), Some(start)) if changed > start => format!(
            "{} changed {} later, and {fixed}",
            name(source),
            span(changed.as_second() - start.as_second())
        ),
        (Some(source), ..) if source.key().map(|key| key.fingerprint) == own => {
            format!("{} has that one too", name(source))
        }
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

/// What a person does to start it again, in these words, unless that would load the same key.
pub(super) fn restart(scene: &Scene<'_>, row: &Row, words: &str) -> Fix {
    if let Some(Obstacle::Layer(layer)) = scene.obstacle(row) {
        return Fix::text(format!(
            "update {} first: a restart would load the same key again",
            name(layer)
        ));
    }
    match command(scene, row) {
        Some(command) => Fix::command(words, command),
        None => Fix::text(words),
    }
}

/// What the inventory says, or else what the manager takes; before it, what lets the manager load
/// what is configured by now.
fn command(scene: &Scene<'_>, row: &Row) -> Option<String> {
    let manager = row.evidence.manager.as_ref();
    let runs = !matches!(row.state, State::Missing(MissingReason::NotRunning));
    let behind = match starter(scene, row) {
        Starter::Behind(manager) => manager.reload().map(|reload| (manager, reload)),
        _ => None,
    };
    let of_manager = |manager: &Manager| match (&behind, runs) {
        (Some(_), true) => manager.restart_loaded(),
        (None, true) => manager.restart(),
        (_, false) => manager.start(),
    };
    let again = row.restart.clone().or_else(|| manager.map(of_manager))?;
    Some(match behind {
        Some((_, reload)) if !again.contains(&reload) => format!("{reload} && {again}"),
        _ => again,
    })
}
