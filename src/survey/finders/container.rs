//! Running containers of this user that were created with a variable of the catalogue.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{Finder, no_file};
use crate::{
    domain::container::{ComposeLabels, Engine},
    inventory::{ContainerMatch, LayerSpec},
    layers::{self, RunningContainer},
    survey::{
        environment::{self, Guess},
        ground::Ground,
        proposal::{Candidate, OfCompose},
    },
};

pub(super) const FINDER: Finder = Finder { wants: no_file, find };

fn find(ground: &Ground<'_>) -> Vec<Candidate> {
    if !ground.running {
        return Vec::new();
    }
    let running = layers::running_containers(&ground.credentials, &ground.surroundings);
    for why in running.unseen {
        ground.note(format!("running containers were not looked at: {why}"));
    }
    // Those of one service of one project are one layer, whose labels say the same.
    let mut places: BTreeMap<(Option<Engine>, String, String), Vec<RunningContainer>> =
        BTreeMap::new();
    for container in running.containers {
        let place = match service(&container) {
            Some(labels) => (container.engine, labels.project.clone(), labels.service.clone()),
            None => (container.engine, String::new(), container.name.clone()),
        };
        places.entry(place).or_default().push(container);
    }
    places.values().filter_map(|containers| candidate(ground, containers)).collect()
}

/// Labels of Compose, as an inventory can name them.
fn service(container: &RunningContainer) -> Option<&ComposeLabels> {
    let labels = container.compose.as_ref()?;
    let both = [&labels.project, &labels.service];
    both.iter().all(|name| ContainerMatch::is_name(name)).then_some(labels)
}

fn candidate(ground: &Ground<'_>, containers: &[RunningContainer]) -> Option<Candidate> {
    let first = containers.first()?;
    let engine = first.engine;
    let (matching, name, place, because) = match service(first) {
        Some(ComposeLabels { project, service, .. }) => {
            let what = match containers.len() {
                1 => "a container runs".to_owned(),
                count => format!("{count} containers run"),
            };
            (
                ContainerMatch::Service { project: project.clone(), service: service.clone() },
                format!("{project} {service} container"),
                format!("{project}/{service}"),
                format!(
                    "{what} of service `{service}` of the compose project `{project}`, created with \
                     a variable of the catalogue"
                ),
            )
        }
        None if ContainerMatch::is_name(&first.name) => (
            ContainerMatch::Name(first.name.clone()),
            format!("{} container", first.name),
            first.name.clone(),
            "a container runs, created with a variable of the catalogue".to_owned(),
        ),
        None => {
            ground.note(format!(
                "a running container is named so that no inventory can name it: {}",
                first.name
            ));
            return None;
        }
    };
    let guess = environment::of_file(&place.replace('/', "-"))
        .unwrap_or_else(|| Guess::default("development"));
    let kind = LayerSpec::Container { matching, engine };
    let mut candidate = Candidate::new(kind, name, place, guess, because);
    for container in containers {
        candidate.variables.extend(container.variables.iter().cloned());
        candidate.filled.extend(container.filled.iter().cloned());
        candidate.containers.insert(container.name.clone());
    }
    // Containers of one service that were created from different files have no source that is certain.
    let mut all = containers.iter().map(|container| of_compose(ground, service(container)?));
    let compose = all.next().flatten().filter(|first| all.all(|it| it.as_ref() == Some(first)));
    Some(Candidate { compose, ..candidate })
}

/// The compose files that its labels name, as paths from the folder; nothing where one is elsewhere.
fn of_compose(ground: &Ground<'_>, labels: &ComposeLabels) -> Option<OfCompose> {
    let real = ground.folder.canonicalize().unwrap_or_else(|_| ground.folder.clone());
    let below = |file: &String| {
        let file = Path::new(file).canonicalize().ok()?;
        Some(file.strip_prefix(&real).ok()?.to_str()?.to_owned())
    };
    let files: Option<BTreeSet<String>> = labels.files.iter().map(below).collect();
    let files = files.filter(|files| !files.is_empty())?;
    Some(OfCompose { files, service: labels.service.clone() })
}
