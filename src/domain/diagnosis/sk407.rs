//! Alive, but bound to another regional host.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{by_outcome, name},
};
use crate::domain::outcome::Outcome;

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    by_outcome(scene, "SK407", Severity::Error, &[Outcome::WrongRegion], |row| {
        (
            format!("The key in {} is valid, but bound to another regional host.", name(row)),
            Fix::text(
                "set the base URL of that region in the layer and the endpoint in the inventory",
            ),
        )
    })
}
