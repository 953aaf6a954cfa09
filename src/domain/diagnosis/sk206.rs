//! A container's environment is fixed when it is created; restarting it changes nothing.

use super::{
    Finding, Scene, Severity,
    old_process::fixes,
    scene::{in_a_container, is_old_process, name},
};
use crate::domain::{judge::ago, snapshot::Row};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .by_layer_and_key(|row| is_old_process(row) && in_a_container(row))
        .into_iter()
        .filter_map(|rows| {
            let row = &scene.rows[*rows.first()?];
            let container = container(row)?;
            let short: String = container.chars().take(12).collect();
            let started = match row.evidence.started_at {
                Some(started) => format!(", running since {},", ago(scene.now, started)),
                None => String::new(),
            };
            Some(Finding {
                code: "SK206",
                severity: Severity::Error,
                message: format!(
                    "{} runs in container {short}{started} with an old key; a container's \
                     environment is fixed when it is created, so a restart keeps it.",
                    name(row)
                ),
                restart_helps: row.after_restart().and_then(|restart| restart.helps),
                fixes: fixes(scene, row),
                rows,
            })
        })
        .collect()
}

fn container(row: &Row) -> Option<&str> {
    row.evidence.process.as_ref()?.container.as_deref()
}
