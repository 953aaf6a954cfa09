//! A value pinned under `environment:` beats the file named by `env_file:`.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{edit_place, name, variable},
};
use crate::domain::{
    layer::LayerKind,
    reading::{Origin, Yield},
    snapshot::Row,
};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .rows()
        .filter(|(_, row)| row.kind == LayerKind::Compose && row.verdict.is_error())
        .filter_map(|(index, row)| {
            let file = beaten_file(row)?;
            let variable = variable(row);
            let place = edit_place(row).unwrap_or_else(|| "the compose file".to_owned());
            Some(Finding {
                code: "SK104",
                severity: Severity::Error,
                message: format!(
                    "{} pins `{variable}` under `environment:` ({place}); that beats {file}.",
                    name(row)
                ),
                rows: vec![index],
                restart_helps: Some(false),
                fixes: vec![Fix::text(format!(
                    "delete `{variable}` at {place}, then `docker compose up -d`"
                ))],
            })
        })
        .collect()
}

/// The `env_file` that holds the expected key and loses.
fn beaten_file(row: &Row) -> Option<String> {
    let expected = row.expected.as_ref()?.fingerprint?;
    row.occurrences
        .iter()
        .find(|occurrence| occurrence.wins && occurrence.origin == Origin::ComposeEnvironment)?;
    row.occurrences.iter().find_map(|occurrence| match &occurrence.yields {
        Yield::Value(key)
            if occurrence.origin == Origin::ComposeEnvFile && key.fingerprint == expected =>
        {
            Some(occurrence.place.to_string())
        }
        _ => None,
    })
}
