//! The process manager behind a row: what starts it, and what makes that take a new value.

use serde::Serialize;

use crate::domain::inert::quoted;

/// The process manager behind a row. Names are inert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Manager {
    /// systemd.
    Systemd {
        /// The unit, with its type: `api.service`.
        unit: String,
        /// It belongs to the user's own manager.
        user: bool,
        /// Its files were edited since systemd has loaded them.
        edited: bool,
    },
}

impl Manager {
    /// The word of the contract.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Systemd { .. } => "systemd",
        }
    }

    /// What it calls the thing that it starts.
    pub fn name(&self) -> &str {
        match self {
            Self::Systemd { unit, .. } => unit,
        }
    }

    /// The command that starts it again, with what the manager has loaded.
    pub fn restart(&self) -> String {
        match self {
            Self::Systemd { unit, user, .. } => {
                format!("{} restart {}", systemctl(*user), quoted(unit))
            }
        }
    }

    /// The command that starts what does not run.
    pub fn start(&self) -> String {
        match self {
            Self::Systemd { unit, user, .. } => {
                format!("{} start {}", systemctl(*user), quoted(unit))
            }
        }
    }

    /// The command that makes the manager load what is configured by now, where it does not do so
    /// by itself.
    pub fn reload(&self) -> Option<String> {
        match self {
            Self::Systemd { user, edited, .. } => {
                edited.then(|| format!("{} daemon-reload", systemctl(*user)))
            }
        }
    }
}

const fn systemctl(user: bool) -> &'static str {
    if user { "systemctl --user" } else { "systemctl" }
}
