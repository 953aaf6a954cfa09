//! The key is valid, but not for the organisation or project the layer names.

use super::{Finding, Fix, Scene, Severity, scene::name};
use crate::domain::{outcome::Outcome, snapshot::Row};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .rows()
        .filter_map(|(index, row)| {
            let identity = &row.identity;
            let credential =
                scene.credentials.iter().find(|credential| credential.id == identity.credential)?;
            let (what, value, variables) = match row.probe.outcome {
                Outcome::WrongOrg => {
                    ("organisation", &row.context.organisation, &credential.organisation_variables)
                }
                Outcome::WrongProject => {
                    ("project", &row.context.project, &credential.project_variables)
                }
                _ => return None,
            };
            let named = value.as_ref().map_or_else(String::new, |value| format!(" ({value})"));
            Some(Finding {
                code: "SK402",
                severity: Severity::Error,
                message: format!(
                    "The key in {} is sent with {} {what} that is not its own{named}: {}.",
                    name(row),
                    if what == "organisation" { "an" } else { "a" },
                    proof(row, what)
                ),
                rows: vec![index],
                restart_helps: None,
                fixes: vec![Fix::text(format!(
                    "remove {} from the layer, or use a key of that {what}",
                    variables.join(" or ")
                ))],
            })
        })
        .collect()
}

/// What one more request without the header showed.
fn proof(row: &Row, what: &str) -> String {
    match row.probe.trial {
        Some(trial) if trial.outcome.accepted() => {
            "proven, since the same key without it is accepted".to_owned()
        }
        Some(trial) if trial.outcome == Outcome::Unreachable => {
            "the provider says so; asked again without it, no answer came".to_owned()
        }
        Some(trial) => format!(
            "the provider says so, but without it the key is not accepted either ({})",
            trial.outcome
        ),
        None => format!("the provider says so, although no {what} was sent from here"),
    }
}
