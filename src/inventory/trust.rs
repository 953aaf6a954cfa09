//! What an inventory makes stalekey do beyond looking at its own folder (SECURITY T).

use std::{
    collections::BTreeSet,
    path::{Component, Path, PathBuf},
};

use super::{Cluster, ContainerMatch, Inventory, Layer, LayerSpec, ProcessMatch};
use crate::domain::container::Engine;

/// Something that an inventory nobody trusts may not have done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Keys are sent to an address that is not the provider's own.
    Send {
        /// Id of the credential.
        credential: String,
        /// Id of its provider.
        provider: Option<String>,
        /// The address.
        endpoint: String,
    },
    /// A file outside the inventory's folder is read.
    ReadOutside {
        /// The file, with `.` and `..` resolved as text; `~` stays.
        path: PathBuf,
    },
    /// systemd is asked for a unit; that is read, the files that it names, and the environments of its
    /// processes.
    Unit {
        /// Its name.
        name: String,
    },
    /// The environments of other processes are read.
    Processes {
        /// Which ones, in one line.
        what: String,
    },
    /// The memory of other processes is searched, when a person asks for that.
    Memory {
        /// Which ones, in one line.
        what: String,
    },
    /// Containers are looked into, through their engine's command.
    Containers {
        /// Which ones, with their engine, in one line.
        what: String,
    },
    /// A process manager is asked for its own records; those are read, and the environments of its
    /// processes.
    Manager {
        /// Which one, with what it manages, in one line.
        what: String,
    },
    /// A cluster is asked, through `kubectl`.
    Cluster {
        /// Which one, with what is asked, in one line.
        what: String,
    },
    /// A program is run.
    Run {
        /// It and its arguments, as the system gets them.
        command: Vec<String>,
        /// Names of the variables of this shell that it is given, besides those every program is.
        inherit: Vec<String>,
    },
    /// Another machine is asked, through `ssh`.
    Host {
        /// Its name, as `ssh` gets it.
        name: String,
    },
}

/// What may happen besides looking at the inventory's own folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Everything that the inventory asks for: it is built in, or of a test.
    All,
    /// These effects and no others.
    Only(BTreeSet<Effect>),
}

impl Trust {
    /// Whether an effect may happen. This is the one place that decides it.
    pub fn grants(&self, effect: &Effect) -> bool {
        match self {
            Self::All => true,
            Self::Only(granted) => granted.contains(effect),
        }
    }

    /// Whether a file, also one that data names (SECURITY T7), may be read: those beneath the
    /// inventory's folder always, others when the effect is granted.
    pub fn may_read(&self, folder: &Path, path: &str) -> bool {
        outside(folder, path).is_none_or(|path| self.grants(&Effect::ReadOutside { path }))
    }
}

/// Every effect of an inventory, sorted, each once.
pub fn effects(inventory: &Inventory) -> Vec<Effect> {
    let own = inventory
        .credentials
        .iter()
        .filter_map(|credential| Some((credential.id.as_str(), credential.endpoint.as_deref()?)));
    let of_environments = inventory.environments.iter().flat_map(|environment| {
        environment.endpoint.iter().map(|(id, endpoint)| (id.as_str(), endpoint.as_str()))
    });
    let mut effects: Vec<_> = own
        .chain(of_environments)
        .map(|(id, endpoint)| Effect::Send {
            credential: id.to_owned(),
            provider: inventory.credential(id).and_then(|credential| credential.provider.clone()),
            endpoint: endpoint.to_owned(),
        })
        .collect();
    effects.extend(inventory.layers.iter().flat_map(|layer| of_layer(layer, &inventory.folder)));
    effects.sort();
    effects.dedup();
    effects
}

/// What reading one layer does.
pub fn of_layer(layer: &Layer, folder: &Path) -> Vec<Effect> {
    let outside = |path| outside(folder, path).map(|path| Effect::ReadOutside { path });
    let mut effects: Vec<_> = layer.kind.paths().into_iter().filter_map(outside).collect();
    match &layer.kind {
        LayerSpec::Process { matching, .. } => {
            effects.push(Effect::Processes { what: in_words(matching) });
        }
        LayerSpec::Container { matching, engine } => {
            effects.push(Effect::Containers { what: containers_in_words(matching, *engine) });
        }
        LayerSpec::Systemd { unit: Some(name), files, .. } if files.is_empty() => {
            effects.push(Effect::Unit { name: name.clone() });
        }
        LayerSpec::Pm2 { app, home } => {
            let app = app.as_deref().unwrap_or("all applications");
            let home = home.as_ref().map(|home| format!(", home {home}")).unwrap_or_default();
            effects.push(Effect::Manager { what: format!("pm2 {app}{home}") });
        }
        LayerSpec::Supervisor { program, config } => {
            let program = program.as_deref().unwrap_or("all programs");
            let config = config.as_ref().map(|config| format!(", config {config}"));
            let what = format!("supervisor {program}{}", config.unwrap_or_default());
            effects.push(Effect::Manager { what });
        }
        LayerSpec::Kubernetes { cluster: Some(cluster), workload, .. } => {
            effects.push(Effect::Cluster { what: asked(cluster, workload.as_deref()) });
        }
        LayerSpec::Command { command, inherit, .. } => {
            effects.push(Effect::Run { command: command.clone(), inherit: inherit.clone() });
        }
        _ => {}
    }
    effects
}

/// The path, when it is not beneath `folder`. Compared by whole components: `/a/project-evil` is not
/// beneath `/a/project` (SECURITY T9). Links are judged where the file is opened.
fn outside(folder: &Path, path: &str) -> Option<PathBuf> {
    if path == "~" || path.starts_with("~/") {
        return Some(PathBuf::from(path));
    }
    let folder = resolved(folder);
    let path = resolved(&folder.join(path));
    let beneath = path.strip_prefix(&folder).is_ok_and(|rest| {
        // Of a folder that is itself relative, the rest may still lead out.
        !rest.has_root() && !rest.components().any(|part| part == Component::ParentDir)
    });
    (!beneath).then_some(path)
}

/// Without `.` and `..`, as text.
fn resolved(path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(whole.components().next_back(), Some(Component::Normal(_))) =>
            {
                whole.pop();
            }
            Component::ParentDir if whole.has_root() => {}
            other => whole.push(other),
        }
    }
    whole
}

fn asked(cluster: &Cluster, workload: Option<&str>) -> String {
    let Cluster { context, namespace, reads_secrets, inherit } = cluster;
    let mut what = format!("context {context}, namespace {namespace}: ");
    match workload {
        Some(workload) => what.push_str(&format!("workload {workload} and its pods")),
        None => what.push_str("workloads and pods"),
    }
    what.push_str(", the ConfigMaps they name, ");
    what.push_str(if *reads_secrets {
        "THE VALUES of the Secrets they name"
    } else {
        "when the Secrets they name changed (no value is kept)"
    });
    if !inherit.is_empty() {
        what.push_str(&format!("; kubectl is given {}", inherit.join(", ")));
    }
    what
}

fn in_words(matching: &ProcessMatch) -> String {
    let ProcessMatch { pid, pid_file, name, command, port, folder, user, unit, descendants } =
        matching;
    let mut words = Vec::new();
    words.extend(pid.map(|pid| format!("pid {pid}")));
    words.extend(pid_file.as_ref().map(|file| format!("pid file {file}")));
    words.extend(name.as_ref().map(|name| format!("name {name}")));
    words.extend(command.as_ref().map(|command| format!("command /{command}/")));
    words.extend(port.map(|port| format!("port {port}")));
    words.extend(folder.as_ref().map(|folder| format!("folder {folder}")));
    words.extend(user.as_ref().map(|user| format!("user {user}")));
    words.extend(unit.as_ref().map(|unit| format!("unit {unit}")));
    words.extend(descendants.then(|| "with descendants".to_owned()));
    words.join(", ")
}

fn containers_in_words(matching: &ContainerMatch, engine: Option<Engine>) -> String {
    let which = match matching {
        ContainerMatch::Name(name) => format!("name {name}"),
        ContainerMatch::Label(label) => format!("label {label}"),
        ContainerMatch::Service { project, service } => {
            format!("project {project}, service {service}")
        }
    };
    format!("{which}, through {}", engine.map_or("docker or podman", Engine::name))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a/.env", None)]
    #[case("./a/../.env", None)]
    #[case("/srv/project/.env", None)]
    #[case("../.env", Some("/srv/.env"))]
    #[case("a/../../.env", Some("/srv/.env"))]
    #[case("../project-evil/.env", Some("/srv/project-evil/.env"))]
    #[case("/srv/project/../.env", Some("/srv/.env"))]
    #[case("../../../../../etc/environment", Some("/etc/environment"))]
    #[case("/etc/environment", Some("/etc/environment"))]
    #[case("~/.bashrc", Some("~/.bashrc"))]
    #[case("~other/.bashrc", None)]
    fn what_is_outside(#[case] path: &str, #[case] expected: Option<&str>) {
        let found = outside(Path::new("/srv/project"), path);
        assert_eq!(found.as_deref(), expected.map(Path::new));
    }

    #[test]
    fn a_relative_folder_is_a_folder_too() {
        assert_eq!(outside(Path::new("."), "a/.env"), None);
        assert_eq!(outside(Path::new("."), "../.env"), Some(PathBuf::from("../.env")));
        assert_eq!(outside(Path::new("sub"), "../../.env"), Some(PathBuf::from("../.env")));
    }
}
