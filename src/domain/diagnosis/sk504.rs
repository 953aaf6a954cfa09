//! No answer, or none that decides.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{by_outcome, name},
};
use crate::domain::{
    outcome::{Outcome, ProbeReason},
    snapshot::Row,
};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    let undecided = [Outcome::Unreachable, Outcome::Unknown, Outcome::UnknownRetry];
    by_outcome(scene, "SK504", Severity::Warning, &undecided, |row| {
        let endpoint = row.probe.endpoint.as_deref().unwrap_or("the provider");
        let message =
            format!("The key in {} could not be judged by {endpoint}: {}.", name(row), why(row));
        (message, Fix::text(next_step(row)))
    })
}

fn why(row: &Row) -> String {
    match (row.probe.reason, row.probe.status) {
        (Some(reason), _) => reason.text().to_owned(),
        (None, Some(status)) => format!("HTTP {status}, which this version does not know"),
        (None, None) => "no answer".to_owned(),
    }
}

const fn next_step(row: &Row) -> &'static str {
    match row.probe.reason {
        Some(ProbeReason::Dns) => "check the host name and the resolver",
        Some(ProbeReason::ConnectionRefused) => "check that something listens there",
        Some(ProbeReason::TimedOut | ProbeReason::ConnectionReset) => {
            "check firewall, VPN and proxy, then ask again"
        }
        Some(ProbeReason::Tls) => "check the clock, the certificate and SSL_CERT_FILE",
        Some(ProbeReason::Proxy) => "check the proxy variables of this shell",
        _ => "ask again in a minute",
    }
}
