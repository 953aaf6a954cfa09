//! A process runs with the key it was started with, and its source has another one by now.

use super::{
    Finding, Scene,
    old_process::{Starter, findings, fixes, starter},
};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    findings(
        scene,
        "SK201",
        |row| matches!(starter(scene, row), Starter::Other) && row.evidence.pod.is_none(),
        |_| None,
        |row| fixes(scene, row),
    )
}
