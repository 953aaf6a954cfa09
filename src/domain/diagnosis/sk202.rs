//! A worker has an old key, and its master starts workers that get the same one.

use super::{
    Finding, Fix, Scene,
    old_process::{Starter, capitalised, findings, restart, starter},
};
use crate::domain::{
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
        |row| master(scene, row).map(|master| fixes(scene, row, master)).unwrap_or_default(),
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

fn fixes(scene: &Scene<'_>, row: &Row, master: &Supervisor) -> Vec<Fix> {
    let full = format!(
        "stop {} and start it again; a reload (HUP) starts workers that inherit the same key",
        master.kind.text()
    );
    let reload = master.kind == SupervisorKind::Gunicorn && master.holds == Some(false);
    if reload && scene.restart_helps(row) != Some(false) {
        let words = "new workers are enough, since each loads its own";
        let own = row.restart.as_ref().map(|own| Fix::command("or restart it in full", own));
        let reload = Fix::command(words, format!("kill -HUP {}", master.pid));
        return std::iter::once(reload).chain(own).collect();
    }
    vec![restart(scene, row, &full)]
}
