//! No answer, or none that decides.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{by_outcome, name},
};
use crate::domain::{outcome::Outcome, snapshot::Row};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    let undecided = [Outcome::Unreachable, Outcome::Unknown, Outcome::UnknownRetry];
    by_outcome(scene, "SK504", Severity::Warning, &undecided, |row| {
        let endpoint = row.probe.endpoint.as_deref().unwrap_or("the provider");
        let message =
            format!("The key in {} could not be judged by {endpoint}: {}.", name(row), why(row));
        (message, Fix::text("then ask again; until then nothing is known of this key"))
    })
}

fn why(row: &Row) -> String {
    match (row.probe.reason, row.probe.status) {
        (Some(reason), _) => reason.text().to_owned(),
        (None, Some(status)) => format!("HTTP {status}, which this version does not know"),
        (None, None) => "no answer".to_owned(),
    }
}
