//! One reader per kind of layer: finds the bytes, calls a format, returns readings with evidence.
//!
//! A new kind is one file here and one line in [`read`]. A reader never judges: it says what a
//! consumer of this layer would see, where that stands and how it knows.

mod beside;
mod ci;
mod command;
mod companion;
mod compose;
mod container;
mod dotenv;
mod export;
mod files;
mod gate;
mod hosts;
mod kubernetes;
mod managed;
mod near_miss;
mod open;
mod pm2;
mod process;
mod read_files;
mod report;
mod resolve;
mod run;
mod shell;
mod shell_file;
mod supervisor;
mod systemd;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

pub use crate::inventory::absolute;
pub use container::{RunningContainer, RunningContainers, running as running_containers};
pub use process::{Holder, ProcessTable, memory};
pub use read_files::ReadFiles;

use resolve::{Absence, Found};

use crate::{
    domain::{
        credential::CredentialFacts,
        held::Held,
        reading::{Reading, Unreadable},
    },
    formats::{
        Environment, compose::Request, kubernetes as kubernetes_format, systemd as systemd_format,
    },
    inventory::{
        Layer, LayerSpec,
        trust::{Trust, of_layer, would},
    },
};

/// What all readers of one pass share.
pub struct Surroundings {
    /// The inventory's folder: relative paths start here.
    pub folder: PathBuf,
    /// The user's home folder, for `~/`.
    pub home: Option<PathBuf>,
    /// The environment that stalekey itself was started with.
    pub shell: Environment,
    /// What may be read beyond the inventory's folder.
    pub trust: Arc<Trust>,
    neighbours: container::Neighbours,
    /// What every fingerprint begins with that can be compared with those of this run.
    fingerprint_scheme: String,
    /// The longest that one other machine may take.
    patience: Duration,
    processes: OnceLock<ProcessTable>,
    folders: beside::Folders,
    opened: gate::Folder,
    files: Arc<ReadFiles>,
    pass: u64,
}

impl Surroundings {
    /// Surroundings of a new pass; `files` lives through all passes of one run, in which `shell`
    /// is always the same.
    pub fn new(
        folder: &Path,
        home: Option<PathBuf>,
        shell: Environment,
        files: Arc<ReadFiles>,
        trust: Arc<Trust>,
    ) -> Self {
        static PASSES: AtomicU64 = AtomicU64::new(0);
        Self {
            folder: folder.to_owned(),
            home,
            shell,
            trust,
            neighbours: container::Neighbours::default(),
            fingerprint_scheme: String::new(),
            patience: run::DEADLINE,
            processes: OnceLock::new(),
            folders: beside::Folders::default(),
            opened: gate::Folder::default(),
            files,
            pass: PASSES.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// The same, with what readers of containers need to know of the other layers.
    #[must_use]
    pub fn among(self, layers: &[Layer]) -> Self {
        let neighbours = container::Neighbours::of(layers, &self.folder, self.home.as_deref());
        Self { neighbours, ..self }
    }

    /// The same in a run whose fingerprints begin so.
    #[must_use]
    pub fn comparing(self, fingerprint_scheme: String) -> Self {
        Self { fingerprint_scheme, ..self }
    }

    /// The same with this patience for each other machine.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The running processes, listed once a pass and only when a layer asks.
    pub fn processes(&self) -> &ProcessTable {
        self.processes.get_or_init(ProcessTable::of_this_system)
    }

    /// The file that a path of the inventory means.
    pub fn file(&self, path: &str) -> PathBuf {
        absolute(&self.folder, self.home.as_deref(), path)
    }
}

/// Reads one layer for its credentials. Never fails: what cannot be read is a reading that says so.
pub fn read(
    layer: &Layer,
    credentials: &[&CredentialFacts],
    surroundings: &Surroundings,
) -> Vec<Reading<Held>> {
    // Before anything is touched.
    let refused = surroundings.trust.refused_of(of_layer(layer, &surroundings.folder));
    if let Some(would) = would(&refused) {
        return held(layer, credentials, &Found::untrusted(would)).collect();
    }
    if !layer.hosts.is_empty() {
        return hosts::read(layer, credentials, surroundings);
    }
    let found = match &layer.kind {
        LayerSpec::Dotenv { files, dialect } => {
            dotenv::read(files, dialect.as_deref(), credentials, surroundings)
        }
        LayerSpec::Shell => shell::read(surroundings),
        LayerSpec::ShellFile { path, shell } => {
            shell_file::read(path, shell.as_deref(), credentials, surroundings)
        }
        LayerSpec::Compose { files, folder, service, profiles, env_files } => {
            let request = Request {
                folder: folder.clone().unwrap_or_else(|| ".".to_owned()),
                files: files.clone(),
                env_files: env_files.clone(),
                profiles: profiles.clone(),
                service: service.clone(),
                variables: variables_of(credentials),
            };
            compose::read(&request, surroundings)
        }
        LayerSpec::Ci { path, platform, scope } => {
            ci::read(path, platform.as_deref(), scope.as_deref(), credentials, surroundings)
        }
        LayerSpec::Export { path, shape, pointer } => {
            export::read(path, shape.as_deref(), pointer.as_deref(), credentials, surroundings)
        }
        LayerSpec::Kubernetes { cluster: Some(cluster), workload, container, .. } => {
            let request = kubernetes_format::live::Request {
                workload: workload.clone(),
                container: container.clone(),
            };
            kubernetes::read_cluster(cluster, &request, surroundings)
        }
        LayerSpec::Kubernetes { paths, workload, container, cluster: None } => {
            let request = kubernetes_format::Request {
                paths: paths.clone(),
                workload: workload.clone(),
                container: container.clone(),
            };
            kubernetes::read(&request, surroundings)
        }
        LayerSpec::Systemd { unit, scope, files } => {
            let scope = scope.as_deref().and_then(systemd_format::Scope::from_name);
            let request = systemd_format::Request {
                unit: unit.clone(),
                scope: scope.unwrap_or_default(),
                files: files.clone(),
            };
            systemd::read(&request, credentials, surroundings)
        }
        LayerSpec::Process { matching, min, memory } => {
            process::read(matching, *min, *memory, credentials, surroundings)
        }
        LayerSpec::Pm2 { app, home } => {
            pm2::read(app.as_deref(), home.as_deref(), credentials, surroundings)
        }
        LayerSpec::Supervisor { program, config } => {
            supervisor::read(program.as_deref(), config.as_deref(), credentials, surroundings)
        }
        LayerSpec::Command { command, output, pointer, dialect, inherit } => {
            let request = command::Request {
                command,
                output: *output,
                pointer: pointer.as_deref(),
                dialect: dialect.as_deref(),
                inherit,
            };
            command::read(&request, credentials, surroundings)
        }
        LayerSpec::Container { matching, engine } => {
            container::read(matching, *engine, layer, credentials, surroundings)
        }
        LayerSpec::Report { path } => {
            return report::read(path, layer, credentials, surroundings);
        }
    };
    // Exactly as many: ten thousand layers hold theirs until they are judged.
    let mut readings = Vec::with_capacity(found.len() * credentials.len());
    let whole = found.iter().flat_map(|found| resolve::readings(layer, credentials, found));
    readings.extend(whole.map(|reading| reading.map(Held::Secret)));
    managed::drop_what_is_not_kept(&mut readings);
    readings
}

/// What was read here: the keys themselves.
fn held<'a>(
    layer: &'a Layer,
    credentials: &'a [&'a CredentialFacts],
    found: &'a Found,
) -> impl Iterator<Item = Reading<Held>> + 'a {
    resolve::readings(layer, credentials, found).map(|reading| reading.map(Held::Secret))
}

/// The longest that reading these layers may take, where other machines are asked; what is read here
/// has the patience of the inventory.
pub fn patience<'a>(layers: impl Iterator<Item = &'a Layer>, usual: Duration) -> Duration {
    let hosts: usize = layers.map(|layer| layer.hosts.len()).sum();
    usual.max(hosts::patience(hosts, usual))
}

/// Shows somebody the bytes of a regular file, opened as every reader opens one (SECURITY R1): who
/// looks for layers has to know what a file is.
pub fn peek<T>(path: &Path, look: impl FnOnce(&[u8]) -> T) -> Option<T> {
    open::open(path, open::DOCUMENT_CAP).ok().map(|opened| look(&opened.bytes))
}

/// Every variable that may hold one of the credentials.
fn variables_of(credentials: &[&CredentialFacts]) -> Vec<String> {
    let variables = credentials.iter().flat_map(|credential| &credential.variables);
    variables.cloned().collect()
}

/// Readings of a layer that was given up on.
pub fn unread(
    layer: &Layer,
    credentials: &[&CredentialFacts],
    why: &Unreadable,
) -> Vec<Reading<Held>> {
    if !layer.hosts.is_empty() {
        let hosts = layer.hosts.iter();
        return hosts.flat_map(|host| hosts::absent(layer, credentials, host, why)).collect();
    }
    let found = Found::configured(Err(Absence::Unreadable(why.clone())));
    held(layer, credentials, &found).collect()
}
