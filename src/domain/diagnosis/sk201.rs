//! A process runs with the key it was started with, and its source has another one by now.

use super::{Finding, Fix, Scene, Severity, scene::name};
use crate::domain::{age::span, judge::ago, snapshot::Row, verdict::Verdict};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .by_layer_and_key(|row| {
            is_old_process(row)
                && row.evidence.process.as_ref().is_some_and(|process| process.container.is_none())
        })
        .into_iter()
        .filter_map(|rows| {
            let row = &scene.rows[*rows.first()?];
            let helps = scene.restart_helps(row);
            Some(Finding {
                code: "SK201",
                severity: Severity::Error,
                message: message(scene, row, rows.len()),
                restart_helps: helps,
                fixes: vec![fix(scene, row, helps)],
                rows,
            })
        })
        .collect()
}

/// A running row with an old key, or one that is likely to have it.
pub(super) fn is_old_process(row: &Row) -> bool {
    row.kind.is_running() && matches!(row.verdict, Verdict::Stale | Verdict::Mismatch)
}

fn message(scene: &Scene<'_>, row: &Row, count: usize) -> String {
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
    let source = scene.configuration_of(row);
    let changed = source.and_then(|source| source.evidence.changed());
    let tail = match (source, changed, row.evidence.started_at) {
        (Some(source), Some(changed), Some(start)) if changed > start => format!(
            "{} changed {} later, and an environment is fixed at start",
            name(source),
            span(changed.as_second() - start.as_second())
        ),
        (Some(source), ..) => format!("{} has another one", name(source)),
        (None, ..) => "an environment is fixed at start".to_owned(),
    };
    match row.key() {
        Some(key) => format!("{who} {started} with the key {}; {tail}.", key.told()),
        None => format!("{who} {started}; {tail}."),
    }
}

fn fix(scene: &Scene<'_>, row: &Row, helps: Option<bool>) -> Fix {
    if helps == Some(false) {
        let source = scene.configuration_of(row).map_or_else(|| "its source".to_owned(), name);
        return Fix::text(format!(
            "update {source} first: a restart would load the same key again"
        ));
    }
    match &row.restart {
        Some(command) => Fix::command("restart it in full; a reload is not enough", command),
        None => Fix::text("stop it and start it again; a reload is not enough"),
    }
}
