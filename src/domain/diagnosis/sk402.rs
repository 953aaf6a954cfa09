//! The key is valid, but not for the organisation or project the layer names.

use super::{Finding, Fix, Scene, Severity, scene::name};
use crate::domain::outcome::Outcome;

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
                    "The key in {} is valid, but not for the {what} the layer names{named}.",
                    name(row)
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
