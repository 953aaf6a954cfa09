//! Something between here and the provider answered.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{by_outcome, name},
};
use crate::domain::outcome::Outcome;

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = by_outcome(
        scene,
        "SK406",
        Severity::Warning,
        &[
            Outcome::WrongEndpoint,
            Outcome::Blocked,
            Outcome::BlockedIp,
            Outcome::BlockedRegion,
            Outcome::PublicEndpoint,
            Outcome::Missing,
        ],
        |row| {
            (
                format!(
                    "The answer for {} does not judge the key: another address, a portal, a firewall or a network rule answered.",
                    name(row)
                ),
                Fix::text(
                    "check base URL, proxy and allow-list; ask again from where the application runs",
                ),
            )
        },
    );
    // Of a key that was replaced on the way SK412 says more.
    findings.retain(|finding| scene.rows[finding.rows[0]].probe.received.is_none());
    findings
}
