//! Every layer may have moved, and the provider still refuses the key.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{by_outcome, name},
};
use crate::domain::{outcome::Outcome, verdict::Verdict};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = by_outcome(
        scene,
        "SK411",
        Severity::Error,
        &[Outcome::Dead, Outcome::AccountDisabled],
        |row| {
            (
                format!("{} holds the expected key, and the provider refuses it.", name(row)),
                Fix::text(
                    "create a new key, or look at the account; moving layers to this one will not help",
                ),
            )
        },
    );
    findings.retain(|finding| scene.rows[finding.rows[0]].verdict == Verdict::Rejected);
    findings
}
