//! A process runs with the key it was started with, and its source has another one by now.

use super::{
    Finding, Scene,
    old_process::{findings, supervisor},
};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    findings(scene, "SK201", |row| supervisor(row).is_none(), |_| None)
}
