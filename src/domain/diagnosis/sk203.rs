//! PM2 keeps a copy of the environment and gives it to every start.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{in_a_container, is_old_process},
    sk201::{restart, story, supervisor},
};
use crate::domain::{running::SupervisorKind, snapshot::Row};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .by_layer_and_key(|row| is_old_process(row) && !in_a_container(row) && is_of_pm2(row))
        .into_iter()
        .filter_map(|rows| {
            let row = &scene.rows[*rows.first()?];
            Some(Finding {
                code: "SK203",
                severity: Severity::Error,
                message: format!(
                    "{}. PM2 keeps a copy of the environment: `pm2 restart` and `pm2 reload` start \
                     it with that copy.",
                    story(scene, row, rows.len())
                ),
                restart_helps: scene.restart_helps(row),
                fixes: fixes(scene, row),
                rows,
            })
        })
        .collect()
}

fn is_of_pm2(row: &Row) -> bool {
    supervisor(row).is_some_and(|supervisor| supervisor.kind == SupervisorKind::Pm2)
}

fn fixes(scene: &Scene<'_>, row: &Row) -> Vec<Fix> {
    let words = "load the new key into a shell, then there `pm2 restart NAME --update-env`, and \
                 `pm2 save`; what loads its own file needs a plain restart only";
    vec![restart(scene, row, words)]
}
