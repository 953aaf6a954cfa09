//! The layer's own base URL sends the key somewhere else than the inventory says.

use super::{Finding, Fix, Scene, Severity, scene::name};
use crate::domain::{outcome::ProbeReason, snapshot::Row};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .rows()
        .filter_map(|(index, row)| {
            let base = row.context.base_url.as_deref()?;
            let variable = row.context.base_url_variable.as_deref()?;
            let elsewhere = row.probe.reason == Some(ProbeReason::OtherEndpoint)
                || row.probe.endpoint.as_deref().is_some_and(|asked| !same_base(asked, base));
            elsewhere.then(|| Finding {
                code: "SK401",
                severity: Severity::Warning,
                message: format!(
                    "{} sends its key to {base} (`{variable}`); {}.",
                    name(row),
                    asked(row)
                ),
                rows: vec![index],
                restart_helps: None,
                fixes: vec![Fix::text(
                    "name that address as the endpoint of the credential or environment in the \
                     inventory, or remove the variable",
                )],
            })
        })
        .collect()
}

fn same_base(asked: &str, base: &str) -> bool {
    asked.starts_with(base.trim_end_matches('/'))
}

fn asked(row: &Row) -> String {
    match &row.probe.endpoint {
        Some(endpoint) => {
            format!(
                "the key was checked at {endpoint} instead, with the answer {}",
                row.probe.outcome
            )
        }
        None => "that address is not in the inventory, so the key was not checked".to_owned(),
    }
}
