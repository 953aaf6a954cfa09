//! A watcher starts its program again, and gives it the environment that it was started with.

use super::{
    Finding, Fix, Scene,
    old_process::{Starter, capitalised, findings, restart, starter},
};
use crate::domain::{running::Supervisor, snapshot::Row};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    findings(
        scene,
        "SK216",
        |row| watcher(scene, row).is_some(),
        |row| watcher(scene, row).map(remark),
        |row| watcher(scene, row).map(|watcher| fix(scene, row, watcher)).into_iter().collect(),
    )
}

fn watcher<'a>(scene: &Scene<'_>, row: &'a Row) -> Option<&'a Supervisor> {
    let Starter::Supervisor(supervisor) = starter(scene, row) else { return None };
    supervisor.kind.is_watcher().then_some(supervisor)
}

fn remark(watcher: &Supervisor) -> String {
    let whose = match watcher.holds {
        Some(true) => "has it in its own environment, and a saved file changes nothing",
        Some(false) => "has no such variable; it does not watch a `.env`",
        None => "may hand it down, and does not watch a `.env`",
    };
    format!("{} (pid {}) {whose}", capitalised(watcher.kind.text()), watcher.pid)
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
