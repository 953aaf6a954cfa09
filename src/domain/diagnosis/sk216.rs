//! A watcher starts its program again, and gives it the environment that it was started with.

use super::{
    Finding, Scene,
    old_process::{Starter, findings, fixes, starter},
};
use crate::domain::{inert::capitalised, running::Supervisor, snapshot::Row};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    findings(
        scene,
        "SK216",
        |row| watcher(scene, row).is_some(),
        |row| watcher(scene, row).map(remark),
        |row| fixes(scene, row),
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
