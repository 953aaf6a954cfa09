//! A watcher starts its program again, and gives it the environment that it was started with.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{in_a_container, is_old_process},
    sk201::{restart, story, supervisor},
    sk202::capitalised,
};
use crate::domain::{running::Supervisor, snapshot::Row};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .by_layer_and_key(|row| {
            is_old_process(row) && !in_a_container(row) && watcher(row).is_some()
        })
        .into_iter()
        .filter_map(|rows| {
            let row = &scene.rows[*rows.first()?];
            let watcher = watcher(row)?;
            let whose = match watcher.holds {
                Some(true) => "has it in its own environment, and a saved file changes nothing",
                Some(false) => "has no such variable; it does not watch a `.env`",
                None => "may hand it down, and does not watch a `.env`",
            };
            Some(Finding {
                code: "SK216",
                severity: Severity::Error,
                message: format!(
                    "{}. {} (pid {}) {whose}.",
                    story(scene, row, rows.len()),
                    capitalised(watcher.kind.text()),
                    watcher.pid
                ),
                restart_helps: scene.restart_helps(row),
                fixes: vec![fix(scene, row, watcher)],
                rows,
            })
        })
        .collect()
}

fn watcher(row: &Row) -> Option<&Supervisor> {
    supervisor(row).filter(|supervisor| supervisor.kind.is_watcher())
}

fn fix(scene: &Scene<'_>, row: &Row, watcher: &Supervisor) -> Fix {
    let who = watcher.kind.text();
    let words = match watcher.holds {
        Some(false) => format!(
            "save a source file, so that {who} starts it again; saving the `.env` is not enough"
        ),
        _ => format!("stop {who} itself and start it again; saving a source file is not enough"),
    };
    restart(scene, row, &words)
}
