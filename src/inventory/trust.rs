//! What an inventory makes stalekey do beyond looking at its own folder (SECURITY T).

mod ledger;
mod pin;
mod program;
mod store;
mod words;

use std::path::{Component, Path, PathBuf};

pub use ledger::{Ledger, Survey, Trust};
pub use pin::{Context, digests_in};
pub use program::find;
pub use store::{Accepted, Store, all as stored};
pub use words::would;

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
    /// Values that do not look like a key of the provider are sent to it: found while reading, since
    /// only the value tells (SECURITY T2).
    SendUnrecognised {
        /// Id of the credential.
        credential: String,
        /// Id of its provider.
        provider: String,
        /// The variables that it is taken from.
        variables: Vec<String>,
    },
    /// A file outside the inventory's folder is read; of a folder, all that is in it.
    ReadOutside {
        /// The file, with `.` and `..` resolved as text; `~` stays.
        path: PathBuf,
    },
    /// Files in a folder outside are read that tell which program reads a `.env` there.
    LookBeside {
        /// The folder, as [`Effect::ReadOutside`] has it.
        folder: PathBuf,
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

impl Effect {
    /// Nothing but files of this machine is looked at.
    pub const fn is_of_files(&self) -> bool {
        matches!(self, Self::ReadOutside { .. } | Self::LookBeside { .. } | Self::Unit { .. })
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
    if !layer.hosts.is_empty() {
        // Nothing of it is read here.
        return layer.hosts.iter().map(|name| Effect::Host { name: name.clone() }).collect();
    }
    let outside = |path: &str| outside(folder, path).map(|path| Effect::ReadOutside { path });
    let mut effects: Vec<_> = layer.kind.paths().into_iter().filter_map(outside).collect();
    match &layer.kind {
        LayerSpec::Dotenv { files, dialect: None } => {
            // Who reads a `.env` is told by what stands beside the first of them.
            let file = files.first().and_then(|file| self::outside(folder, file));
            let beside = file.as_deref().and_then(Path::parent).map(Path::to_owned);
            effects.extend(beside.map(|folder| Effect::LookBeside { folder }));
        }
        LayerSpec::ShellFile { path, .. } => {
            let siblings = read_together(path).iter().map(|name| sibling(path, name));
            effects.extend(siblings.filter_map(|path| outside(&path)));
        }
        LayerSpec::Process { matching, memory, .. } => {
            effects.push(Effect::Processes { what: in_words(matching) });
            effects.extend(memory.then(|| memory_of(matching)));
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

/// The effect of searching the memory of these processes.
pub fn memory_of(matching: &ProcessMatch) -> Effect {
    Effect::Memory { what: in_words(matching) }
}

/// What a login or fish reads with a file, or instead of it, and a row about the file depends on.
fn read_together(path: &str) -> &'static [&'static str] {
    match path.rsplit('/').next() {
        Some(".profile") => &[".bash_profile", ".bash_login"],
        Some(".bash_login") => &[".bash_profile"],
        Some("config.fish") => &["fish_variables"],
        _ => &[],
    }
}

fn sibling(path: &str, name: &str) -> String {
    path.rsplit_once('/').map_or_else(|| name.to_owned(), |(folder, _)| format!("{folder}/{name}"))
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

/// Which processes are meant, as the end of a sentence about them.
fn in_words(matching: &ProcessMatch) -> String {
    let ProcessMatch { pid, pid_file, name, command, port, folder, user, unit, descendants } =
        matching;
    let mut words = Vec::new();
    words.extend(pid.map(|pid| format!("with the pid {pid}")));
    words.extend(pid_file.as_ref().map(|file| format!("whose pid stands in `{file}`")));
    words.extend(name.as_ref().map(|name| format!("named `{name}`")));
    words.extend(command.as_ref().map(|command| format!("whose command line fits /{command}/")));
    words.extend(port.map(|port| format!("that listen on port {port}")));
    words.extend(folder.as_ref().map(|folder| format!("that work in the folder `{folder}`")));
    words.extend(user.as_ref().map(|user| format!("of the user `{user}`")));
    words.extend(unit.as_ref().map(|unit| format!("of the unit `{unit}`")));
    let which = words.join(", ");
    if *descendants { format!("{which}, and all that they have started") } else { which }
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
