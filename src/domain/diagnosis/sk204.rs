//! supervisord starts a program with the configuration that it has loaded, and with what it was
//! started with itself.

use super::{
    Finding, Fix, Scene, Severity,
    old_process::{Starter, decided_by, findings, restart, starter, with_copies},
    scene::name,
};
use crate::domain::{layer::LayerKind, manager::Manager, reading::Origin, snapshot::Row};

const LOADED: &str = "`supervisorctl restart` starts it with the configuration that supervisord has \
    loaded, not with what its files say now";
const HANDS_DOWN: &str = "supervisord has that key in its own environment and hands it down";
const UPDATE: &str = "let supervisord load the configuration, and start again what was changed";
const AFRESH: &str = "stop supervisord itself and start it again with the new key in its \
    environment; `restart`, `update` and `reload` of supervisorctl keep what it has";

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    let all = findings(
        scene,
        "SK204",
        |row| remark(scene, row).is_some(),
        |row| remark(scene, row).map(str::to_owned),
        |row| fixes(scene, row),
    );
    let is_handed_down =
        |row: &Row| row.kind == LayerKind::Supervisor && decided_by(row, &Origin::ManagerCopy);
    let mut all = with_copies(scene, all, is_handed_down, of_copy);
    // What a plain restart would do.
    for finding in &mut all {
        finding.restart_helps = Some(false);
    }
    all
}

fn remark(scene: &Scene<'_>, row: &Row) -> Option<&'static str> {
    match starter(scene, row) {
        Starter::Behind(Manager::Supervisor { .. }) => Some(LOADED),
        Starter::HandsDown(Manager::Supervisor { .. }) => Some(HANDS_DOWN),
        _ => None,
    }
}

fn fixes(scene: &Scene<'_>, row: &Row) -> Vec<Fix> {
    match starter(scene, row) {
        Starter::HandsDown(_) => vec![afresh(row)],
        _ => vec![restart(scene, row, UPDATE)],
    }
}

fn afresh(row: &Row) -> Fix {
    match &row.restart {
        Some(command) => Fix::command(AFRESH, command),
        None => Fix::text(AFRESH),
    }
}

/// Nothing runs with it that is known.
fn of_copy(index: usize, row: &Row) -> Finding {
    let key = row.key().map_or_else(String::new, |key| format!(" {}", key.told()));
    Finding {
        code: "SK204",
        severity: Severity::Error,
        message: format!(
            "supervisord was started with the key{key}, and hands it down to {}.",
            name(row)
        ),
        rows: vec![index],
        restart_helps: Some(false),
        fixes: vec![afresh(row)],
    }
}
