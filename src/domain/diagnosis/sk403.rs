//! Alive, with fewer rights than the probe needs: a healthy restricted key.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{by_outcome, name},
};
use crate::domain::outcome::Outcome;

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    by_outcome(scene, "SK403", Severity::Note, &[Outcome::AliveRestricted], |row| {
        (
            format!("The key in {} is alive, with restricted permissions.", name(row)),
            Fix::text(
                "nothing to do if the application needs no more; otherwise edit the key's permissions",
            ),
        )
    })
}
