//! What is known of a layer before it is read.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kinds of layers that are built. A new kind is one line here and one reader in `layers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerKind {
    /// A `.env`-style file.
    Dotenv,
    /// The environment that stalekey itself was started with.
    Shell,
    /// A file that a shell or a login reads: `~/.bashrc`, `~/.zshrc`, `/etc/environment`.
    ShellFile,
    /// The compose files of a service.
    Compose,
    /// A variable list that a CI platform exported, or a file that describes its pipeline.
    Ci,
    /// What a hosting platform or a secret manager prints.
    Export,
    /// Kubernetes manifests.
    Kubernetes,
    /// A systemd unit.
    Systemd,
    /// Running processes.
    Process,
    /// Applications of PM2.
    Pm2,
    /// Programs of supervisord.
    Supervisor,
    /// The output of a command.
    Command,
    /// Containers.
    Container,
}

impl LayerKind {
    /// The name used in the inventory and on every screen.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dotenv => "dotenv",
            Self::Shell => "shell",
            Self::ShellFile => "shell-file",
            Self::Compose => "compose",
            Self::Ci => "ci",
            Self::Export => "export",
            Self::Kubernetes => "kubernetes",
            Self::Systemd => "systemd",
            Self::Process => "process",
            Self::Pm2 => "pm2",
            Self::Supervisor => "supervisor",
            Self::Command => "command",
            Self::Container => "container",
        }
    }

    /// Whether a row of this kind is something that runs (and so can be older than its source).
    pub const fn is_running(self) -> bool {
        matches!(self, Self::Process | Self::Container)
    }
}

impl fmt::Display for LayerKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// What the inventory says of a layer, as far as the judgement needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerFacts {
    /// Unique name.
    pub name: String,
    /// The environment it belongs to.
    pub environment: String,
    /// Its kind.
    pub kind: LayerKind,
    /// Name of the layer it takes its value from.
    pub source: Option<String>,
    /// It need not hold its credentials.
    pub optional: bool,
    /// The command that makes it take a new value.
    pub restart: Option<String>,
    /// Who owns it.
    pub owner: Option<String>,
}

/// Tells rows of one layer apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Instance {
    /// A container; it stands before the processes in it.
    Container(String),
    /// A process.
    Pid(u32),
    /// What a compose project or a process manager calls a service: `api`, `api.service`.
    Service(String),
    /// A job, step, stage or variable group of a CI platform: `deploy`, `deploy/smoke test`.
    Scope(String),
    /// A pod.
    Pod(String),
    /// An object of a cluster that is no workload: `secret/keys`.
    Object(String),
}

impl fmt::Display for Instance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pid(pid) => write!(formatter, "pid {pid}"),
            Self::Service(name)
            | Self::Scope(name)
            | Self::Container(name)
            | Self::Pod(name)
            | Self::Object(name) => formatter.write_str(name),
        }
    }
}

/// What a row is called: its layer, what tells the layer's rows apart, and the other machine.
pub fn row_label(layer: &str, instance: Option<&Instance>, host: Option<&str>) -> String {
    let mut label = layer.to_owned();
    if let Some(instance) = instance {
        label.push_str(&format!(" ({instance})"));
    }
    if let Some(host) = host {
        label.push_str(&format!(" @{host}"));
    }
    label
}
