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
    /// PM2, which keeps a copy of the environment that an application was started with.
    Pm2 {
        /// Name of the application, or number of its instance where instances differ.
        app: String,
        /// PM2's folder, where the inventory names it.
        home: Option<String>,
        /// It was started from an ecosystem file.
        from_file: bool,
        /// PM2's daemon runs.
        runs: bool,
        /// What `pm2 save` has written.
        saved: Option<Saved>,
    },
    /// supervisord, which keeps the configuration that it has loaded.
    Supervisor {
        /// The program, as in `[program:api]`.
        program: String,
        /// The group that it belongs to.
        group: String,
        /// What `supervisorctl restart` takes.
        target: String,
        /// supervisord's configuration, where the inventory names it.
        config: Option<String>,
    },
}

/// The file in which a manager has saved what it starts when the machine has started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Saved {
    /// The file, inert.
    pub path: String,
    /// Every user of the machine may read it.
    pub open_to_all: bool,
}

impl Manager {
    /// The word of the contract.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Systemd { .. } => "systemd",
            Self::Pm2 { .. } => "pm2",
            Self::Supervisor { .. } => "supervisor",
        }
    }

    /// What it calls the thing that it starts.
    pub fn name(&self) -> &str {
        match self {
            Self::Systemd { unit: name, .. }
            | Self::Pm2 { app: name, .. }
            | Self::Supervisor { program: name, .. } => name,
        }
    }

    /// The command that starts it again, with what the manager has loaded.
    pub fn restart(&self) -> String {
        match self {
            Self::Systemd { user, .. } => format!("{} restart {}", systemctl(*user), self.quoted()),
            Self::Pm2 { home, .. } => format!("{} restart {}", pm2(home.as_deref()), self.quoted()),
            Self::Supervisor { target, config, .. } => {
                format!("{} restart {}", supervisorctl(config.as_deref()), quoted(target))
            }
        }
    }

    /// The command that starts what does not run.
    pub fn start(&self) -> String {
        match self {
            Self::Systemd { user, .. } => format!("{} start {}", systemctl(*user), self.quoted()),
            Self::Pm2 { home, runs: false, saved: Some(_), .. } => {
                format!("{} resurrect", pm2(home.as_deref()))
            }
            Self::Pm2 { home, .. } => format!("{} start {}", pm2(home.as_deref()), self.quoted()),
            Self::Supervisor { target, config, .. } => {
                format!("{} start {}", supervisorctl(config.as_deref()), quoted(target))
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
            Self::Supervisor { config, .. } => {
                Some(format!("{} reread", supervisorctl(config.as_deref())))
            }
            Self::Pm2 { .. } => None,
        }
    }

    /// The command that starts it again with what the manager has just loaded.
    pub fn restart_loaded(&self) -> String {
        match self {
            // It restarts what was changed; `restart` would start it as it was.
            Self::Supervisor { group, config, .. } => {
                format!("{} update {}", supervisorctl(config.as_deref()), quoted(group))
            }
            other => other.restart(),
        }
    }

    /// The command that starts it again with the environment of the shell in which it is typed,
    /// where the manager keeps a copy of that.
    pub fn update(&self) -> Option<String> {
        match self {
            Self::Systemd { .. } | Self::Supervisor { .. } => None,
            Self::Pm2 { .. } => Some(format!("{} --update-env", self.restart())),
        }
    }

    /// The command that saves what the manager has, where it starts from that when the machine has
    /// started.
    pub fn save(&self) -> Option<String> {
        match self {
            Self::Systemd { .. } | Self::Supervisor { .. } => None,
            Self::Pm2 { home, .. } => Some(format!("{} save", pm2(home.as_deref()))),
        }
    }

    /// The file in which it has saved what it starts.
    pub const fn saved(&self) -> Option<&Saved> {
        match self {
            Self::Systemd { .. } | Self::Supervisor { .. } => None,
            Self::Pm2 { saved, .. } => saved.as_ref(),
        }
    }

    fn quoted(&self) -> String {
        quoted(self.name())
    }
}

const fn systemctl(user: bool) -> &'static str {
    if user { "systemctl --user" } else { "systemctl" }
}

fn pm2(home: Option<&str>) -> String {
    home.map_or_else(|| "pm2".to_owned(), |home| format!("PM2_HOME={} pm2", quoted(home)))
}

fn supervisorctl(config: Option<&str>) -> String {
    config.map_or_else(
        || "supervisorctl".to_owned(),
        |config| format!("supervisorctl -c {}", quoted(config)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(name: &str, home: Option<&str>, runs: bool) -> Manager {
        let saved = Some(Saved { path: "/h/.pm2/dump.pm2".to_owned(), open_to_all: false });
        let (app, home) = (name.to_owned(), home.map(str::to_owned));
        Manager::Pm2 { app, home, from_file: false, runs, saved }
    }

    #[test]
    fn commands_can_be_copied_whatever_the_names_are() {
        let odd = app("a b'c", Some("/srv/p m2"), true);
        assert_eq!(
            odd.update().as_deref(),
            Some(r"PM2_HOME='/srv/p m2' pm2 restart 'a b'\''c' --update-env")
        );
        assert_eq!(app("api", None, true).restart(), "pm2 restart api");
        assert_eq!(app("api", None, true).start(), "pm2 start api");
        assert_eq!(app("api", None, false).start(), "pm2 resurrect");
        assert_eq!(app("api", None, false).save().as_deref(), Some("pm2 save"));
        let unit = |user| Manager::Systemd { unit: "a.service".to_owned(), user, edited: true };
        assert_eq!(unit(true).reload().as_deref(), Some("systemctl --user daemon-reload"));
        assert_eq!(unit(false).restart(), "systemctl restart a.service");
    }
}
