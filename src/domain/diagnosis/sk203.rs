//! PM2 keeps a copy of the environment and gives it to every start.

use super::{
    Finding, Scene,
    old_process::{Starter, findings, restart, starter},
};
use crate::domain::{running::SupervisorKind, snapshot::Row};

const COPY: &str = "PM2 keeps a copy of the environment: `pm2 restart` and `pm2 reload` start it \
    with that copy";
const UPDATE: &str = "load the new key into a shell, then there `pm2 restart NAME --update-env`, and \
    `pm2 save`; what loads its own file needs a plain restart only";

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    findings(
        scene,
        "SK203",
        |row| is_of_pm2(scene, row),
        |_| Some(COPY.to_owned()),
        |row| vec![restart(scene, row, UPDATE)],
    )
}

fn is_of_pm2(scene: &Scene<'_>, row: &Row) -> bool {
    matches!(starter(scene, row), Starter::Supervisor(by) if by.kind == SupervisorKind::Pm2)
}
