//! Compose took the value from the shell it was called in, not from its `.env`.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{name, quoted, variable},
};
use crate::domain::{
    layer::{Instance, LayerKind},
    reading::{Origin, Yield},
    snapshot::Row,
};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .rows()
        .filter(|(_, row)| row.kind == LayerKind::Compose && row.verdict.is_error())
        .filter(|(_, row)| came_from_shell(row))
        .map(|(index, row)| {
            let variable = variable(row);
            let service = match &row.identity.instance {
                Some(Instance::Service(service)) => format!(" {}", quoted(service)),
                _ => String::new(),
            };
            Finding {
                code: "SK103",
                severity: Severity::Error,
                message: format!(
                    "Compose fills `{variable}` of {} from this shell, which beats the project's \
                     `.env`.",
                    name(row)
                ),
                rows: vec![index],
                restart_helps: Some(false),
                fixes: vec![Fix::command(
                    "recreate the service without the shell's variable",
                    format!("env -u {variable} docker compose up -d --force-recreate{service}"),
                )],
            }
        })
        .collect()
}

/// The value that stands in the service is the shell's, and `.env` has another one.
fn came_from_shell(row: &Row) -> bool {
    let Some(held) = row.key() else { return false };
    let value_of = |origin: &Origin| {
        row.occurrences.iter().find_map(|occurrence| match &occurrence.yields {
            Yield::Value(key) if occurrence.origin == *origin => Some(key.fingerprint),
            _ => None,
        })
    };
    let from_shell = value_of(&Origin::ShellEnvironment) == Some(held.fingerprint);
    let dotenv = value_of(&Origin::ComposeDotenv);
    from_shell && dotenv.is_some_and(|other| other != held.fingerprint)
}
