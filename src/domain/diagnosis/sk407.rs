//! Alive, but bound to another regional host.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{by_outcome, name},
};
use crate::domain::outcome::Outcome;

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    by_outcome(scene, "SK407", Severity::Error, &[Outcome::WrongRegion], |row| {
        let host = row.probe.right_host.as_deref();
        let variable = row.context.base_url_variable.as_deref().or_else(|| {
            let credential = &row.identity.credential;
            let credential = scene.credentials.iter().find(|known| known.id == *credential)?;
            credential.base_url_variables.first().map(String::as_str)
        });
        let fix = match (host, variable) {
            (Some(host), Some(variable)) => {
                format!(
                    "point {variable} of the layer, and the endpoint in the inventory, at {host}"
                )
            }
            _ => row.probe.advice.clone().unwrap_or_else(|| {
                "set the base URL of that region in the layer and the endpoint in the inventory"
                    .to_owned()
            }),
        };
        (
            format!(
                "The key in {} is alive, but bound to {}.",
                name(row),
                host.unwrap_or("another regional host")
            ),
            Fix::text(fix),
        )
    })
}
