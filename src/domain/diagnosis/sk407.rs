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
            // The file's advice names the host, when the answer did.
            Fix::text(row.probe.advice.clone().unwrap_or_else(|| {
                "set the base URL of that region in the layer and the endpoint in the inventory"
                    .to_owned()
            })),
        )
    })
}
