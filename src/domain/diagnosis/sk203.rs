//! PM2 keeps a copy of the environment and gives it to every start.

use super::{
    Finding, Scene,
    old_process::{findings, supervisor},
};
use crate::domain::{running::SupervisorKind, snapshot::Row};

const COPY: &str = "PM2 keeps a copy of the environment: `pm2 restart` and `pm2 reload` start it \
    with that copy";

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    findings(scene, "SK203", is_of_pm2, |_| Some(COPY.to_owned()))
}

fn is_of_pm2(row: &Row) -> bool {
    supervisor(row).is_some_and(|supervisor| {
        matches!(supervisor.kind, SupervisorKind::Pm2 | SupervisorKind::Pm2Cluster)
    })
}
