//! Alive, but billing or quota stops it: not a rotation problem.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{by_outcome, name},
};
use crate::domain::outcome::Outcome;

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    by_outcome(scene, "SK404", Severity::Warning, &[Outcome::AliveNoQuota], |row| {
        (
            format!(
                "The key in {} is alive, but its quota is used up or billing is off.",
                name(row)
            ),
            Fix::text("look at billing and limits; another key of the same account will not help"),
        )
    })
}
