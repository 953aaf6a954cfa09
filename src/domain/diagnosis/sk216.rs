//! A watcher starts its program again, and gives it the environment that it was started with.

use super::{
    Finding, Fix, Scene,
    old_process::{capitalised, findings, restart, supervisor},
};
use crate::domain::{running::Supervisor, snapshot::Row};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    findings(
        scene,
        "SK216",
        |row| watcher(row).is_some(),
        |row| watcher(row).map(remark),
        |row| watcher(row).map(|watcher| fix(scene, row, watcher)).into_iter().collect(),
    )
}

fn watcher(row: &Row) -> Option<&Supervisor> {
    supervisor(row).filter(|supervisor| supervisor.kind.is_watcher())
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
