//! A process runs with the key it was started with, and its source has another one by now.

use super::{
    Finding, Scene,
    old_process::{Starter, findings, restart, starter},
};
use crate::domain::{manager::Manager, snapshot::Row};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    findings(
        scene,
        "SK201",
        |row| matches!(starter(scene, row), Starter::Other),
        |_| None,
        |row| vec![restart(scene, row, words(row))],
    )
}

fn words(row: &Row) -> &'static str {
    match &row.evidence.manager {
        Some(Manager::Systemd { .. }) => {
            "restart the unit; `systemctl reload` gives what runs no other environment"
        }
        _ => "restart it in full; a reload is not enough",
    }
}
