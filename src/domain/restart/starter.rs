//! What starts a process, and which environment it gives to the next one. A new manager is one arm
//! of [`Starter`], one line in [`starters`] and its rows in [`Starter::offers`].

use super::{Action, Configured, Gives};
use crate::domain::{
    layer::{Instance, LayerKind},
    manager::Manager,
    running::{Supervisor, SupervisorKind},
    snapshot::Row,
};

/// What starts a process.
#[derive(Debug, Clone, Copy)]
pub(super) enum Starter<'a> {
    /// A person, or something that is not known.
    Nobody,
    /// A master that forks its workers, or starts them with its own environment.
    Master(&'a Supervisor),
    /// What starts a program again when a source file is saved.
    Watcher(&'a Supervisor),
    /// PM2's daemon.
    Pm2(&'a Supervisor),
    /// A container engine.
    Container,
    /// systemd.
    Unit,
    /// A cluster.
    Pod,
    /// A process manager that tells what it keeps.
    Managed(&'a Manager),
}

/// Which environment an action gives to what it starts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Environment {
    /// The one that the starter has or keeps.
    Kept,
    /// That of a shell, or of whatever else the whole service is started from.
    Started,
    /// The one that the configuration tells now.
    Configured,
    /// The one of the shell from which the manager takes another copy.
    Beyond,
    /// The one that the configuration told when its manager last read it; with what that means.
    AsLoaded(&'static str),
}

/// A possible action, with what would do it and the environment that it gives.
pub(super) type Offer<'a> = (Starter<'a>, Action, Environment);

const UNIT_AS_LOADED: &str = "systemd starts it with the unit as it last read it; only after \
    `systemctl daemon-reload` is that what the file says";
const SUPERVISOR_AS_LOADED: &str = "supervisord starts it with the configuration that it has \
    loaded, and does not tell what that is";
const POD_AS_LOADED: &str = "a restarted container takes what the cluster holds, which is what was \
    last applied";

/// The possible actions, the least first. What is around a service decides what a full start of it
/// is.
pub(super) fn starters<'a>(row: &'a Row, configured: Option<&Configured<'_>>) -> Vec<Offer<'a>> {
    let inner = row
        .evidence
        .process
        .as_ref()
        .and_then(|process| process.supervisor.as_ref())
        .map_or(Starter::Nobody, Starter::of);
    let outer = around(row, configured).filter(|outer| {
        // The unit around PM2's daemon starts it with what PM2 has saved.
        !matches!((inner, outer), (Starter::Pm2(_), Starter::Unit))
    });
    let outer = row.evidence.manager.as_ref().map(Starter::Managed).or(outer);
    let Some(outer) = outer else { return inner.offered().collect() };
    let within = inner.offered().filter(|(_, action, environment)| {
        matches!(environment, Environment::Kept) && *action != Action::Restart
    });
    within.chain(outer.offered()).collect()
}

/// The manager around the whole service.
fn around<'a>(row: &Row, configured: Option<&Configured<'_>>) -> Option<Starter<'a>> {
    let kind = configured.map(|configured| configured.row.kind);
    let through = configured.into_iter().flat_map(|configured| &configured.through).copied();
    let mut rows = std::iter::once(row).chain(through);
    let in_a_pod = |row: &Row| matches!(row.identity.instance, Some(Instance::Pod(_)));
    let in_a_container = |row: &Row| {
        matches!(row.identity.instance, Some(Instance::Container(_)))
            || row.evidence.process.as_ref().is_some_and(|process| process.container.is_some())
    };
    if kind == Some(LayerKind::Kubernetes) || rows.clone().any(in_a_pod) {
        Some(Starter::Pod)
    } else if kind == Some(LayerKind::Systemd) {
        Some(Starter::Unit)
    } else if rows.any(in_a_container) {
        Some(Starter::Container)
    } else {
        None
    }
}

impl<'a> Starter<'a> {
    fn of(supervisor: &'a Supervisor) -> Self {
        match supervisor.kind {
            SupervisorKind::Gunicorn | SupervisorKind::UvicornWorkers => Self::Master(supervisor),
            SupervisorKind::UvicornReload
            | SupervisorKind::FlaskReload
            | SupervisorKind::DjangoReload
            | SupervisorKind::NodeWatch
            | SupervisorKind::Nodemon => Self::Watcher(supervisor),
            SupervisorKind::Pm2 | SupervisorKind::Pm2Cluster => Self::Pm2(supervisor),
        }
    }

    fn offered(self) -> impl Iterator<Item = Offer<'a>> {
        self.offers().iter().map(move |(action, environment)| (self, *action, *environment))
    }

    /// The table of what can be done, and of what the next process then gets.
    fn offers(self) -> &'static [(Action, Environment)] {
        use Environment::{AsLoaded, Beyond, Configured, Kept, Started};
        match self {
            Self::Master(Supervisor { kind: SupervisorKind::Gunicorn, .. }) => {
                &[(Action::Reload, Kept), (Action::Restart, Started)]
            }
            Self::Nobody | Self::Master(_) => &[(Action::Restart, Started)],
            Self::Watcher(_) => &[(Action::SaveSource, Kept), (Action::Restart, Started)],
            Self::Pm2(_) => &[(Action::Restart, Kept), (Action::UpdateEnvironment, Started)],
            Self::Container => &[(Action::Restart, Kept), (Action::Recreate, Configured)],
            Self::Managed(Manager::Systemd { edited: false, .. }) => {
                &[(Action::Restart, Configured)]
            }
            Self::Managed(Manager::Pm2 { .. }) => {
                &[(Action::Restart, Configured), (Action::UpdateEnvironment, Beyond)]
            }
            Self::Managed(Manager::Supervisor { .. }) => &[
                (Action::Restart, AsLoaded(SUPERVISOR_AS_LOADED)),
                (Action::RereadAndUpdate, Configured),
            ],
            Self::Unit | Self::Managed(Manager::Systemd { .. }) => &[
                (Action::Restart, AsLoaded(UNIT_AS_LOADED)),
                (Action::ReloadDaemonAndRestart, Configured),
            ],
            Self::Pod => {
                &[(Action::Restart, AsLoaded(POD_AS_LOADED)), (Action::RollOut, Configured)]
            }
        }
    }

    /// Its pid, where it is a process.
    pub(super) const fn pid(self) -> Option<u32> {
        match self {
            Self::Master(supervisor) | Self::Watcher(supervisor) | Self::Pm2(supervisor) => {
                Some(supervisor.pid)
            }
            _ => None,
        }
    }

    /// It reads a file by itself when it is started, as far as is known: nothing has to be loaded
    /// into a shell for it.
    pub(super) fn loads_a_file_itself(self) -> bool {
        matches!(self, Self::Watcher(supervisor) | Self::Master(supervisor)
            if supervisor.kind != SupervisorKind::Gunicorn
                && supervisor.kind != SupervisorKind::Nodemon)
    }

    /// Why what it starts gets the same again.
    pub(super) fn hands_down(self) -> String {
        match self {
            Self::Master(Supervisor { kind, pid, .. })
            | Self::Watcher(Supervisor { kind, pid, .. }) => format!(
                "{} (pid {pid}) hands its own environment down, and a program does not replace \
                 what it has unless told to override it",
                kind.text()
            ),
            Self::Pm2(_) => {
                "PM2 keeps a copy of the environment and starts it with that copy".to_owned()
            }
            Self::Container => {
                "a container's environment is fixed when it is created, and a restart keeps it"
                    .to_owned()
            }
            Self::Nobody | Self::Unit | Self::Pod | Self::Managed(_) => {
                "it keeps its environment".to_owned()
            }
        }
    }

    /// How a person does it.
    pub(super) fn how(self, action: Action, gives: &Gives, helps: Option<bool>) -> String {
        let who = match self {
            Self::Master(supervisor) | Self::Watcher(supervisor) | Self::Pm2(supervisor) => {
                supervisor.kind.text()
            }
            _ => "it",
        };
        match (action, self) {
            (Action::SaveSource, _) => format!(
                "save a source file, so that {who} starts it again; saving the `.env` is not enough"
            ),
            (Action::Reload, _) if helps == Some(true) => {
                "new workers are enough, since each loads its own".to_owned()
            }
            (Action::Reload, _) => "let it start new workers".to_owned(),
            (Action::Restart, Self::Watcher(_)) => {
                format!("stop {who} itself and start it again; saving a source file is not enough")
            }
            (Action::Restart, Self::Master(_)) => format!(
                "stop {who} and start it again; a reload (HUP) starts workers that inherit the \
                 same key"
            ),
            (Action::Restart, Self::Pm2(_)) => {
                "`pm2 restart NAME` is enough, since the program loads its own file".to_owned()
            }
            (Action::Restart, Self::Container) if gives.key().is_some() => {
                "restart the container: the program loads its own file".to_owned()
            }
            (Action::Restart, Self::Container) => "restart the container".to_owned(),
            (Action::Restart, Self::Unit | Self::Managed(Manager::Systemd { .. })) => {
                "restart the unit".to_owned()
            }
            (Action::Restart, Self::Managed(_)) => {
                "restart it: a plain restart is enough".to_owned()
            }
            (Action::RereadAndUpdate, _) => {
                "let supervisord load the configuration, and start again what was changed"
                    .to_owned()
            }
            (Action::Restart, Self::Pod) => "restart the pod".to_owned(),
            (Action::Restart, Self::Nobody) => {
                "restart it in full; a reload is not enough".to_owned()
            }
            (Action::UpdateEnvironment, _) => {
                "load the new key into a shell, then there `pm2 restart NAME --update-env`, and \
                 `pm2 save`"
                    .to_owned()
            }
            (Action::Recreate, _) => "recreate the container".to_owned(),
            (Action::ReloadDaemonAndRestart, _) => {
                "`systemctl daemon-reload`, then restart the unit".to_owned()
            }
            (Action::RollOut, _) => {
                "apply the manifests, then `kubectl rollout restart` the workload".to_owned()
            }
        }
    }
}
