//! The server says which key it received, and it is not the one that was sent.

use super::{Finding, Fix, Scene, Severity, scene::name};
use crate::domain::outcome::Received;

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .rows()
        .filter(|(_, row)| row.probe.received == Some(Received::AnotherKey))
        .map(|(index, row)| {
            let asked = row.probe.endpoint.as_deref().unwrap_or("the server");
            Finding {
                code: "SK412",
                severity: Severity::Warning,
                message: format!(
                    "The key in {} was sent, and {asked} received another one: a proxy or a gateway \
                     on the way replaced it. The answer judges that other key.",
                    name(row)
                ),
                rows: vec![index],
                restart_helps: None,
                fixes: vec![Fix::text(
                    "look at the gateway behind that address and at the proxy of the environment: \
                     the key that it puts in is the one to look after",
                )],
            }
        })
        .collect()
}
