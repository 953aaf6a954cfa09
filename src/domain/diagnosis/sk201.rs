//! A process runs with the key it was started with, and its source has another one by now.

use super::{
    Finding, Scene,
    old_process::{findings, restart, supervisor},
};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    findings(
        scene,
        "SK201",
        |row| supervisor(row).is_none() && row.evidence.pod.is_none(),
        |_| None,
        |row| vec![restart(scene, row, "restart it in full; a reload is not enough")],
    )
}
