//! A worker has an old key, and its master starts workers that get the same one.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{in_a_container, is_old_process},
    sk201::{restart, story, supervisor},
};
use crate::domain::{
    judge::ago,
    running::{Supervisor, SupervisorKind},
    snapshot::Row,
};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .by_layer_and_key(|row| {
            is_old_process(row) && !in_a_container(row) && master(row).is_some()
        })
        .into_iter()
        .filter_map(|rows| {
            let row = &scene.rows[*rows.first()?];
            let master = master(row)?;
            let started = match row.evidence.started_at {
                Some(started) => format!(", started {}", ago(scene.now, started)),
                None => String::new(),
            };
            let whose = match master.holds {
                Some(true) => "has it in its own environment and hands it down",
                Some(false) => "has no such variable: each worker loads its own",
                None => "may hand it down",
            };
            Some(Finding {
                code: "SK202",
                severity: Severity::Error,
                message: format!(
                    "{}. {} (pid {}{started}) {whose}.",
                    story(scene, row, rows.len()),
                    capitalised(master.kind.text()),
                    master.pid
                ),
                restart_helps: scene.restart_helps(row),
                fixes: fixes(scene, row, master),
                rows,
            })
        })
        .collect()
}

fn master(row: &Row) -> Option<&Supervisor> {
    supervisor(row).filter(|supervisor| {
        matches!(supervisor.kind, SupervisorKind::Gunicorn | SupervisorKind::UvicornWorkers)
    })
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

/// With a large letter at its beginning.
pub(super) fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
