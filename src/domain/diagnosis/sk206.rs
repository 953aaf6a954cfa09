//! A container's environment is fixed when it is created; restarting it changes nothing.

use std::collections::BTreeMap;

use super::{
    Finding, Fix, Scene, Severity,
    scene::{in_a_container, is_old_process, name, quoted},
};
use crate::domain::{
    age::span,
    container::ContainerFacts,
    judge::ago,
    layer::{Instance, LayerKind},
    restart::Obstacle,
    snapshot::Row,
};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .by_layer_and_key(|row| is_old_process(row) && in_a_container(scene, row))
        .into_iter()
        .flat_map(|rows| by_creation(scene, rows))
        .filter_map(|rows| {
            let row = &scene.rows[*rows.first()?];
            Some(Finding {
                code: "SK206",
                severity: Severity::Error,
                message: format!(
                    "{}; a container's environment is fixed when it is created, so a restart keeps \
                     it.",
                    story(scene, row, &rows)
                ),
                restart_helps: Some(false),
                fixes: fixes(scene, row),
                rows,
            })
        })
        .collect()
}

/// What one command creates again: the containers of a compose service, or a single one.
fn by_creation(scene: &Scene<'_>, rows: Vec<usize>) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for index in rows {
        let row = &scene.rows[index];
        let facts = scene.container_of(row);
        let id = match facts.and_then(|facts| facts.compose.as_ref()) {
            Some(labels) => (labels.project.as_str(), labels.service.as_str()),
            None => ("", facts.map_or("", |facts| facts.id.as_str())),
        };
        groups.entry(id).or_default().push(index);
    }
    groups.into_values().collect()
}

/// Which container has which key since when, and what its source has.
fn story(scene: &Scene<'_>, row: &Row, rows: &[usize]) -> String {
    let layer = &row.identity.layer;
    let facts = scene.container_of(row);
    let all = || rows.iter().map(|row| &scene.rows[*row]);
    let containers = all().filter(|row| row.own_container().is_some()).count();
    let (who, verb) = match (row.own_container(), facts) {
        (Some(_), _) if containers > 1 => (format!("{containers} containers of `{layer}`"), "were"),
        (Some(_), _) => (name(row), "was"),
        (None, Some(facts)) => {
            let who = match rows.len() {
                1 => format!("{} runs", name(row)),
                count => format!("{count} processes of `{layer}` run"),
            };
            let is_same = |row: &Row| scene.container_of(row).is_some_and(|it| it.id == facts.id);
            match &facts.compose {
                Some(labels) if !all().all(is_same) => {
                    (format!("{who} in containers of service `{}`, which", labels.service), "were")
                }
                _ => (format!("{who} in container `{}`, which", facts.name), "was"),
            }
        }
        (None, None) => return process_alone(scene, row),
    };
    let created_at = facts.and_then(|facts| facts.created_at);
    let created = match created_at {
        Some(created) => format!("{verb} created {}", ago(scene.now, created)),
        None => format!("{verb} created earlier"),
    };
    let with = match row.key() {
        Some(key) => format!("with the key {}", key.told()),
        None => "without the variable".to_owned(),
    };
    let source = scene.configuration_of(row);
    let changed = source.and_then(|source| source.evidence.changed());
    match (source, changed.zip(created_at)) {
        (Some(source), Some((changed, since))) if changed > since => format!(
            "{who} {created} {with}; {} changed {} later",
            name(source),
            span(changed.as_second() - since.as_second())
        ),
        (Some(source), _) if source.key().is_some() => {
            format!("{who} {created} {with}; {} has another one", name(source))
        }
        _ => format!("{who} {created} {with}"),
    }
}

/// Of a container no layer tells more than its id.
fn process_alone(scene: &Scene<'_>, row: &Row) -> String {
    let process = row.evidence.process.as_ref();
    let id = process.and_then(|process| process.container.as_deref()).unwrap_or_default();
    let short: String = id.chars().take(12).collect();
    let started = match row.evidence.started_at {
        Some(started) => format!(", running since {},", ago(scene.now, started)),
        None => String::new(),
    };
    format!("{} runs in container {short}{started} with an old key", name(row))
}

fn fixes(scene: &Scene<'_>, row: &Row) -> Vec<Fix> {
    if let Some(Obstacle::Layer(layer)) = scene.obstacle(row) {
        let layer = name(layer);
        return vec![Fix::text(format!("update {layer} first, then recreate the container"))];
    }
    let facts = scene.container_of(row);
    let keeps = |command: &&String| ContainerFacts::keeps_environment(command);
    if let Some(command) = row.restart.as_ref().filter(|command| !keeps(command)) {
        return vec![Fix::command("recreate it", command)];
    }
    let mut fixes = vec![recreate(scene, row, facts)];
    if row.restart.is_some() {
        let text = "the inventory's `restart` of this layer starts the container again as it is, \
                    with the old key; correct it";
        fixes.push(Fix::text(text));
    }
    fixes
}

fn recreate(scene: &Scene<'_>, row: &Row, facts: Option<&ContainerFacts>) -> Fix {
    if let Some(command) = facts.and_then(ContainerFacts::recreate) {
        return Fix::command("recreate it", command);
    }
    let service = scene
        .configuration_of(row)
        .filter(|source| source.kind == LayerKind::Compose && facts.is_none())
        .and_then(|source| match &source.identity.instance {
            Some(Instance::Service(service)) => Some(quoted(service)),
            _ => None,
        });
    match (service, facts) {
        (Some(service), _) => Fix::command(
            "recreate it",
            format!("docker compose up -d --no-deps --force-recreate {service}"),
        ),
        (None, Some(facts)) => Fix::text(facts.recreate_by_hand()),
        (None, None) => Fix::text("remove the container and create it again"),
    }
}
