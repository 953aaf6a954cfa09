//! One file over another.

use super::model::{Block, EnvFile, Form, Reset, Service, Services};

/// What may stand in a list only once.
pub(super) trait Unique {
    fn is_same(&self, other: &Self) -> bool;
}

impl Unique for EnvFile {
    fn is_same(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

/// Lays the services of a later file over those of the earlier ones.
pub(super) fn merge(below: &mut Services, above: Services) {
    for (name, service) in above {
        let merged = match below.remove(&name) {
            Some(base) => merge_service(base, service),
            None => service,
        };
        below.insert(name, merged);
    }
}

/// A service over the one it extends or overrides: `environment` by variable, lists in order.
pub(super) fn merge_service(base: Service, over: Service) -> Service {
    let mut env_files = base.env_files;
    for file in over.env_files {
        append(&mut env_files, file);
    }
    let mut mounts = base.mounts;
    for mount in over.mounts {
        append(&mut mounts, mount);
    }
    let mut profiles = base.profiles;
    profiles.extend(over.profiles);
    let mut runs = base.runs;
    runs.extend(over.runs);
    let mut problems = base.problems;
    problems.extend(over.problems);
    Service {
        place: over.place,
        environment: match (base.environment, over.environment) {
            (Some(base), Some(over)) => Some(merge_block(base, over)),
            (base, over) => over.or(base),
        },
        env_files,
        mounts,
        profiles,
        extends: over.extends.or(base.extends),
        runs,
        problems,
    }
}

/// Compose keeps the place of what is named again, and takes what the later one says.
pub(super) fn append<T: Unique>(list: &mut Vec<T>, item: T) {
    match list.iter_mut().find(|known| known.is_same(&item)) {
        Some(known) => *known = item,
        None => list.push(item),
    }
}

fn merge_block(base: Block, over: Block) -> Block {
    let form = if base.entries.iter().any(|entry| entry.live) { Form::List } else { over.form };
    let mut entries = base.entries;
    entries.extend(over.entries);
    Block { form, entries }
}

/// Takes away what a later file resets.
pub(super) fn reset(services: &mut Services, resets: &[Reset]) {
    for reset in resets {
        match reset {
            Reset::Services => services.clear(),
            Reset::Service(name) => {
                services.remove(name);
            }
            Reset::Attribute(name, _) | Reset::Variable(name, _) => {
                if let Some(service) = services.get_mut(name) {
                    reset_service(service, reset);
                }
            }
        }
    }
}

/// Takes away parts of one service, whatever its name.
pub(super) fn reset_service(service: &mut Service, reset: &Reset) {
    match reset {
        Reset::Attribute(_, attribute) => match attribute.as_str() {
            "environment" => {
                for entry in service.environment.iter_mut().flat_map(|block| &mut block.entries) {
                    entry.live = false;
                }
            }
            "env_file" => service.env_files.clear(),
            "secrets" | "configs" => {
                service.mounts.retain(|mount| mount.kind().key() != attribute);
            }
            "profiles" => service.profiles.clear(),
            "extends" => service.extends = None,
            other => {
                service.runs.remove(other);
            }
        },
        // Compose cannot take single entries out of a list.
        Reset::Variable(_, variable) => {
            if let Some(block) = service.environment.as_mut().filter(|b| b.form == Form::Map) {
                for entry in block.entries.iter_mut().filter(|e| e.variable == *variable) {
                    entry.live = false;
                }
            }
        }
        Reset::Services | Reset::Service(_) => {}
    }
}
