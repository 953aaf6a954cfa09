//! A process runs with the key it was started with, and its source has another one by now.

use super::{
    Finding, Scene,
    old_process::{findings, supervisor},
};
use crate::domain::snapshot::Row;

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    let concerns = |row: &Row| supervisor(row).is_none() && row.evidence.pod.is_none();
    findings(scene, "SK201", concerns, |_| None)
}
