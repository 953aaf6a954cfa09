//! The variable is not there, but one with almost its name is.

use super::{Finding, Fix, Scene, Severity, scene::name};
use crate::domain::reading::State;

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .rows()
        .filter(|(_, row)| matches!(row.state, State::Missing(_)))
        .filter_map(|(index, row)| {
            let near = row.near_misses.first()?;
            let credential = scene
                .credentials
                .iter()
                .find(|credential| credential.id == row.identity.credential)?;
            let wanted = credential.variables.first()?;
            Some(Finding {
                code: "SK308",
                severity: Severity::Error,
                message: format!(
                    "{} defines `{near}`; the application reads `{wanted}`.",
                    name(row)
                ),
                rows: vec![index],
                restart_helps: Some(false),
                fixes: vec![Fix::text(format!("rename `{near}` to `{wanted}`"))],
            })
        })
        .collect()
}
