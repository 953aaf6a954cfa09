//! A worker has an old key, and its master starts workers that get the same one.

use super::{
    Finding, Scene,
    old_process::{Starter, findings, fixes, starter},
};
use crate::domain::{
    inert::capitalised,
    judge::ago,
    running::{Supervisor, SupervisorKind},
    snapshot::Row,
};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    findings(
        scene,
        "SK202",
        |row| master(scene, row).is_some(),
        |row| master(scene, row).map(|master| remark(scene, row, master)),
        |row| fixes(scene, row),
    )
}

fn master<'a>(scene: &Scene<'_>, row: &'a Row) -> Option<&'a Supervisor> {
    let Starter::Supervisor(supervisor) = starter(scene, row) else { return None };
    let kind = supervisor.kind;
    matches!(kind, SupervisorKind::Gunicorn | SupervisorKind::UvicornWorkers).then_some(supervisor)
}

fn remark(scene: &Scene<'_>, row: &Row, master: &Supervisor) -> String {
    let started = match row.evidence.started_at {
        Some(started) => format!(", started {}", ago(scene.now, started)),
        None => String::new(),
    };
    let whose = match master.holds {
        Some(true) => "has it in its own environment and hands it down",
        Some(false) => "has no such variable: each worker loads its own",
        None => "may hand it down",
    };
    format!("{} (pid {}{started}) {whose}", capitalised(master.kind.text()), master.pid)
}
