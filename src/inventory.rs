//! The inventory: which credentials there are, in which environments, and in which layers they live.
//!
//! [`parse`] is pure: text in, an [`Inventory`] or every mistake of it out. [`discovery`] finds and
//! reads the file, [`trust`] says what reading it would make stalekey do, [`user_settings`] is what a
//! person sets for themselves.

mod check;
pub mod discovery;
pub mod duration;
mod endpoint;
mod home;
mod hosts;
mod kinds;
mod model;
mod names;
pub mod trust;
pub mod user_settings;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

pub use home::absolute;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    domain::{container::Engine, layer::LayerKind},
    providers::{Catalogue, Provider},
    strict_toml::{self, Mistakes, Source},
};

/// What the inventory needs to know of the catalogue of providers.
pub trait Providers {
    /// Every provider's id.
    fn ids(&self) -> Vec<&str>;

    /// The variable names of a provider, in order of precedence; `None` when there is no such one.
    fn variables(&self, id: &str) -> Option<&[String]>;
}

impl Providers for Catalogue {
    fn ids(&self) -> Vec<&str> {
        self.ids().collect()
    }

    fn variables(&self, id: &str) -> Option<&[String]> {
        self.provider(id).map(Provider::variables)
    }
}

impl Providers for BTreeMap<String, Vec<String>> {
    fn ids(&self) -> Vec<&str> {
        self.keys().map(String::as_str).collect()
    }

    fn variables(&self, id: &str) -> Option<&[String]> {
        self.get(id).map(Vec::as_slice)
    }
}

/// A valid inventory; everything in file order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// The file; `None` when it was made in memory.
    pub path: Option<PathBuf>,
    /// What relative paths are relative to.
    pub folder: PathBuf,
    /// SHA-256 of its bytes, as `sha256:…`; `None` when it was made in memory.
    pub digest: Option<String>,
    /// How often, how fast, how long.
    pub settings: Settings,
    /// Salt of the fingerprints (SECURITY F1). Not secret.
    pub salt: Option<[u8; 32]>,
    /// The logical secrets.
    pub credentials: Vec<Credential>,
    /// Where they are used.
    pub environments: Vec<Environment>,
    /// The places they live in.
    pub layers: Vec<Layer>,
}

impl Inventory {
    /// The credential with this id.
    pub fn credential(&self, id: &str) -> Option<&Credential> {
        self.credentials.iter().find(|credential| credential.id == id)
    }

    /// The environment with this name.
    pub fn environment(&self, name: &str) -> Option<&Environment> {
        self.environments.iter().find(|environment| environment.name == name)
    }

    /// The layer with this name.
    pub fn layer(&self, name: &str) -> Option<&Layer> {
        self.layers.iter().find(|layer| layer.name == name)
    }

    /// The endpoint that the inventory names for a credential in an environment; the environment's
    /// own goes before the credential's.
    pub fn endpoint(&self, environment: &str, credential: &str) -> Option<&str> {
        self.environment(environment)
            .and_then(|environment| environment.endpoint.get(credential))
            .or_else(|| self.credential(credential)?.endpoint.as_ref())
            .map(String::as_str)
    }
}

/// How often, how fast, how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The dashboard reads everything again; at least five seconds.
    pub refresh: Duration,
    /// An answer older than this is asked again.
    pub probe_every: Duration,
    /// Of one probe, all in all.
    pub timeout: Duration,
    /// Probes in flight.
    pub concurrency: usize,
    /// Probes in flight to one host.
    pub in_flight_per_host: usize,
    /// Probes started per second to one host.
    pub requests_per_second: u32,
    /// Refusals in a row that stop the probes of one host.
    pub stop_after_refusals: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            refresh: Duration::from_mins(1),
            probe_every: Duration::from_mins(5),
            timeout: Duration::from_secs(10),
            concurrency: 16,
            in_flight_per_host: 2,
            requests_per_second: 5,
            stop_after_refusals: 10,
        }
    }
}

/// A logical secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its id in the inventory.
    pub id: String,
    /// Id of its provider in the catalogue; `None`: compared, never probed.
    pub provider: Option<String>,
    /// Variable names in order of precedence: its own, or else its provider's.
    pub variables: Vec<String>,
    /// Models that the key must be able to see.
    pub models: Vec<String>,
    /// Who owns it.
    pub owner: Option<String>,
    /// How old a key may become.
    pub rotate_every: Option<Duration>,
    /// Where it is asked instead of at its provider's own address.
    pub endpoint: Option<String>,
}

/// Where keys are used: production, staging …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// The key that is meant to be used, by credential.
    pub expect: BTreeMap<String, Expect>,
    /// Where a credential is asked in this environment, by credential.
    pub endpoint: BTreeMap<String, String>,
}

/// Which key is meant to be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// The one that ends in these four characters.
    Last4(String),
    /// The one with this fingerprint: exported (`keyfp1:…`), or its first characters as they are
    /// shown (`K7QM2-XPDR4`).
    Fingerprint(String),
    /// The one in the layer of this name.
    Reference(String),
}

/// A place that credentials live in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Unique.
    pub name: String,
    /// The environment it belongs to.
    pub environment: String,
    /// The credentials it holds; `None`: all of them.
    pub credentials: Option<Vec<String>>,
    /// It need not hold them.
    pub optional: bool,
    /// Name of the layer it takes its value from.
    pub source: Option<String>,
    /// The command that makes it take a new value. Shown, never run.
    pub restart: Option<String>,
    /// Who owns it.
    pub owner: Option<String>,
    /// The machines it is read on instead of here.
    pub hosts: Vec<String>,
    /// What it is and where.
    pub kind: LayerSpec,
}

/// What a layer is and where. Paths are as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayerSpec {
    /// `.env`-style files.
    Dotenv {
        /// At least one, in the order in which their consumer reads them.
        files: Vec<String>,
        /// Whose rules they are read by.
        dialect: Option<String>,
    },
    /// The environment that stalekey was started with.
    Shell,
    /// A file that a shell or a login reads.
    ShellFile {
        /// The file.
        path: String,
        /// Whose syntax it has.
        shell: Option<String>,
    },
    /// The compose files of a service.
    Compose {
        /// Empty: Compose's own discovery in the folder.
        files: Vec<String>,
        /// The project's folder; `None`: that of the inventory.
        folder: Option<String>,
        /// `None`: a row per service.
        service: Option<String>,
        /// Active profiles.
        profiles: Vec<String>,
        /// In place of `.env`, for interpolation.
        env_files: Vec<String>,
    },
    /// A variable list that a CI platform exported, or a file that describes its pipeline.
    Ci {
        /// The file.
        path: String,
        /// Whose file it is.
        platform: Option<String>,
        /// The environment, level, job, step, stage or group that is meant.
        scope: Option<String>,
    },
    /// What a hosting platform or a secret manager prints, or plain JSON, YAML or TOML.
    Export {
        /// The file.
        path: String,
        /// Whose print it is.
        shape: Option<String>,
        /// Where in the file the values stand (RFC 6901).
        pointer: Option<String>,
    },
    /// Kubernetes manifests, or what a cluster has and runs.
    Kubernetes {
        /// Files and folders; none where a cluster is named.
        paths: Vec<String>,
        /// The cluster that is asked in place of manifests.
        cluster: Option<Cluster>,
        /// `None`: a row per container of every workload, or per object where there is none.
        workload: Option<String>,
        /// `None`: a row per container.
        container: Option<String>,
    },
    /// A systemd unit.
    Systemd {
        /// Its name; given when `files` is empty.
        unit: Option<String>,
        /// Whose it is: the system's or the user's.
        scope: Option<String>,
        /// Its files, in place of those that systemd would find.
        files: Vec<String>,
    },
    /// Running processes.
    Process {
        /// Which ones.
        matching: ProcessMatch,
        /// How many there should be at least.
        min: Option<usize>,
        /// Their memory may be searched, when a person asks for that.
        memory: bool,
    },
    /// Applications of PM2.
    Pm2 {
        /// Name or number of the application; `None`: all.
        app: Option<String>,
        /// PM2's folder; `None`: `PM2_HOME`, else `~/.pm2`.
        home: Option<String>,
    },
    /// Programs of supervisord.
    Supervisor {
        /// Name of the program; `None`: all.
        program: Option<String>,
        /// supervisord's configuration; `None`: the first of [`supervisor_configs`].
        config: Option<String>,
    },
    /// Containers.
    Container {
        /// Which ones.
        matching: ContainerMatch,
        /// What runs them; `None`: Docker where it is there, else Podman.
        engine: Option<Engine>,
    },
    /// What `stalekey report` wrote elsewhere.
    Report {
        /// The file.
        path: String,
    },
    /// The output of a command.
    Command {
        /// The program and its arguments; not empty.
        command: Vec<String>,
        /// What it prints.
        output: Output,
        /// Where in printed JSON the values stand (RFC 6901).
        pointer: Option<String>,
        /// Whose rules printed lines are read by.
        dialect: Option<String>,
        /// Variables of this shell that it is given besides the usual ones.
        inherit: Vec<String>,
    },
}

/// Where supervisord looks for its configuration.
pub const fn supervisor_configs() -> [&'static str; 4] {
    [
        "supervisord.conf",
        "etc/supervisord.conf",
        "/etc/supervisord.conf",
        "/etc/supervisor/supervisord.conf",
    ]
}

/// A namespace of a cluster, as `kubectl` finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// The context of the user's `kubectl`.
    pub context: String,
    /// The namespace.
    pub namespace: String,
    /// The values of Secrets may be read, not only when they changed.
    pub reads_secrets: bool,
    /// Variables of this shell that `kubectl` is given besides the usual ones.
    pub inherit: Vec<String>,
}

/// What a command prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Output {
    /// The value of the layer's one credential. One line end behind it is not part of it.
    #[default]
    Value,
    /// Lines of a `.env` file.
    Dotenv,
    /// JSON: names and values, or the JSON that a secret manager prints.
    Json,
}

impl LayerSpec {
    /// Its kind.
    pub const fn kind(&self) -> LayerKind {
        match self {
            Self::Dotenv { .. } => LayerKind::Dotenv,
            Self::Shell => LayerKind::Shell,
            Self::ShellFile { .. } => LayerKind::ShellFile,
            Self::Compose { .. } => LayerKind::Compose,
            Self::Ci { .. } => LayerKind::Ci,
            Self::Export { .. } => LayerKind::Export,
            Self::Kubernetes { .. } => LayerKind::Kubernetes,
            Self::Systemd { .. } => LayerKind::Systemd,
            Self::Process { .. } => LayerKind::Process,
            Self::Pm2 { .. } => LayerKind::Pm2,
            Self::Supervisor { .. } => LayerKind::Supervisor,
            Self::Command { .. } => LayerKind::Command,
            Self::Container { .. } => LayerKind::Container,
            Self::Report { .. } => LayerKind::Report,
        }
    }

    /// Reading it may ask a person for a finger or a password, or another service for a secret that
    /// it counts: the dashboard does so at its start and when a person wants it, not at every refresh.
    pub const fn is_on_demand(&self) -> bool {
        matches!(self, Self::Command { .. })
    }

    /// Every path it names, as it was written.
    pub fn paths(&self) -> Vec<&str> {
        match self {
            Self::Dotenv { files, .. }
            | Self::Kubernetes { paths: files, .. }
            | Self::Systemd { files, .. } => files.iter().map(String::as_str).collect(),
            Self::ShellFile { path, .. }
            | Self::Ci { path, .. }
            | Self::Export { path, .. }
            | Self::Report { path } => {
                vec![path]
            }
            Self::Compose { files, folder, env_files, .. } => {
                files.iter().chain(folder).chain(env_files).map(String::as_str).collect()
            }
            Self::Process { matching, .. } => {
                matching.pid_file.iter().map(String::as_str).collect()
            }
            Self::Pm2 { home, .. } => home.iter().map(String::as_str).collect(),
            Self::Supervisor { config: Some(config), .. } => vec![config],
            Self::Supervisor { config: None, .. } => supervisor_configs().to_vec(),
            Self::Shell | Self::Command { .. } | Self::Container { .. } => vec![],
        }
    }
}

/// Which processes; all that is given must fit, and something other than `user` is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessMatch {
    /// The one with this number.
    pub pid: Option<u32>,
    /// The one whose number this file begins with.
    pub pid_file: Option<String>,
    /// Name of the program.
    pub name: Option<String>,
    /// A regular expression that the command line contains; it compiles.
    pub command: Option<String>,
    /// A TCP port it listens on.
    pub port: Option<u16>,
    /// The folder it works in.
    pub folder: Option<String>,
    /// Name or number of the user it runs as.
    pub user: Option<String>,
    /// The unit of systemd it belongs to.
    pub unit: Option<String>,
    /// All that descend from what fits are meant too.
    pub descendants: bool,
}

/// Which containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerMatch {
    /// The one with this name.
    Name(String),
    /// All with this label: `name`, or `name=value`.
    Label(String),
    /// All of a service of a compose project.
    Service {
        /// The project's name.
        project: String,
        /// The service's name in it.
        service: String,
    },
}

impl ContainerMatch {
    /// Whether an engine could have given this name; none that it has can be taken for an option.
    pub fn is_name(name: &str) -> bool {
        let mut characters = name.chars();
        characters.next().is_some_and(|first| first.is_ascii_alphanumeric())
            && characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
    }
}

/// Reads an inventory. `display_name` is its path as a person would open it, `folder` what relative
/// paths are relative to.
///
/// # Errors
/// Every mistake, in file order.
pub fn parse(
    text: &str,
    display_name: &str,
    folder: &Path,
    providers: &dyn Providers,
) -> Result<Inventory, Mistakes> {
    let name = crate::domain::inert::inert(display_name);
    let source = Source { name: &name, text };
    let strict_toml::Outcome { document, mut mistakes } =
        strict_toml::read_all::<model::File>(&source);
    if let Some(document) = document {
        let names = if mistakes.is_empty() {
            names::Names::of(document.value())
        } else {
            names::Names::written(text)
        };
        let inventory = check::check(&document, &names, folder, providers, &mut mistakes);
        if mistakes.is_empty() {
            return Ok(inventory);
        }
    }
    mistakes.sort();
    Err(mistakes)
}

/// The JSON Schema of the inventory, for editors.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(model::File).to_value();
    for_editors(&mut schema);
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("title".to_owned(), "The inventory of stalekey".into());
    }
    schema
}

/// TOML has no `null`, and a description is one paragraph wherever it was wrapped.
fn for_editors(schema: &mut Value) {
    let is_null = |form: &Value| form.get("type").is_some_and(|kind| kind == "null");
    match schema {
        Value::Array(parts) => parts.iter_mut().for_each(for_editors),
        Value::Object(fields) => {
            fields.values_mut().for_each(for_editors);
            if let Some(Value::String(text)) = fields.get_mut("description") {
                *text = text.replace('\n', " ");
            }
            if let Some(Value::Array(kinds)) = fields.get_mut("type") {
                kinds.retain(|kind| kind != "null");
                if let [only] = kinds.as_slice() {
                    let only = only.clone();
                    fields.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(forms)) = fields.get_mut("anyOf") {
                forms.retain(|form| !is_null(form));
                if let [Value::Object(only)] = forms.as_slice() {
                    let only = only.clone();
                    fields.remove("anyOf");
                    for (name, value) in only {
                        fields.entry(name).or_insert(value);
                    }
                }
            }
        }
        _ => {}
    }
}
