//! A container's environment is fixed when it is created; restarting it changes nothing.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{in_a_container, is_old_process, name, quoted},
};
use crate::domain::{
    judge::ago,
    layer::{Instance, LayerKind},
    snapshot::Row,
};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .by_layer_and_key(|row| is_old_process(row) && in_a_container(row))
        .into_iter()
        .filter_map(|rows| {
            let row = &scene.rows[*rows.first()?];
            let container = container(row)?;
            let short: String = container.chars().take(12).collect();
            let started = match row.evidence.started_at {
                Some(started) => format!(", running since {},", ago(scene.now, started)),
                None => String::new(),
            };
            Some(Finding {
                code: "SK206",
                severity: Severity::Error,
                message: format!(
                    "{} runs in container {short}{started} with an old key; a container's \
                     environment is fixed when it is created, so a restart keeps it.",
                    name(row)
                ),
                restart_helps: Some(false),
                fixes: vec![fix(scene, row)],
                rows,
            })
        })
        .collect()
}

fn container(row: &Row) -> Option<&str> {
    row.evidence.process.as_ref()?.container.as_deref()
}

fn fix(scene: &Scene<'_>, row: &Row) -> Fix {
    if scene.restart_helps(row) == Some(false) {
        let source = scene.configuration_of(row).map_or_else(|| "its source".to_owned(), name);
        return Fix::text(format!("update {source} first, then recreate the container"));
    }
    if let Some(command) = &row.restart {
        return Fix::command("recreate it", command);
    }
    let service = scene
        .configuration_of(row)
        .filter(|source| source.kind == LayerKind::Compose)
        .and_then(|source| match &source.identity.instance {
            Some(Instance::Service(service)) => Some(quoted(service)),
            _ => None,
        });
    match service {
        Some(service) => Fix::command(
            "recreate it",
            format!("docker compose up -d --no-deps --force-recreate {service}"),
        ),
        None => Fix::text("remove the container and create it again"),
    }
}
