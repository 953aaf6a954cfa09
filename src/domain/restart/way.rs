//! How a program that runs came by its key: with the environment that it was given, or by itself.

use super::Starter;
use crate::domain::{
    key::Key,
    reading::{OpaqueReason, Origin, Rank, State, Yield},
    running::SupervisorKind,
    snapshot::Row,
};

/// How a program comes by its key while what starts it stays as it is.
pub(super) enum Way {
    /// With the environment that it is given, which has this one.
    Inherits(Key),
    /// It loads it when it starts.
    LoadsItself,
    /// Who can tell, and why not.
    Unknown(String),
}

/// What a process was launched with.
enum Launch<'a> {
    With(&'a Key),
    Without,
    Unknown,
}

impl<'a> Launch<'a> {
    fn of(row: &'a Row) -> Self {
        let at_launch = row.occurrences.iter().find(|occurrence| {
            occurrence.origin == Origin::LaunchEnvironment
                && Some(&occurrence.variable) == row.variable.as_ref()
        });
        if let Some(at_launch) = at_launch {
            return match &at_launch.yields {
                Yield::Value(key) => Self::With(key),
                _ => Self::Unknown,
            };
        }
        match &row.state {
            State::Found(key) if row.rank == Rank::Launch => Self::With(key),
            State::Unreadable(_)
            | State::Opaque(
                OpaqueReason::Erased | OpaqueReason::NotShown | OpaqueReason::GivenLater,
            ) => Self::Unknown,
            _ => Self::Without,
        }
    }
}

/// The key that it was launched with, where it was.
pub(super) fn launched_with(row: &Row) -> Option<&Key> {
    match Launch::of(row) {
        Launch::With(key) => Some(key),
        Launch::Without | Launch::Unknown => None,
    }
}

/// How the next program of this starter would come by its key.
pub(super) fn way(row: &Row, starter: Starter<'_>) -> Way {
    let launch = Launch::of(row);
    // It has replaced what it was launched with.
    let replaced = |key: &Key| row.key().is_some_and(|now| now != key);
    match starter {
        Starter::Master(master) if master.kind == SupervisorKind::Gunicorn => {
            let who = master.kind.text();
            match (master.holds, launch) {
                (Some(false), _) => Way::LoadsItself,
                (_, Launch::With(key)) if !replaced(key) => Way::Inherits(key.clone()),
                (Some(true), Launch::With(_)) => Way::Unknown(format!(
                    "the program replaces what {who} hands down; whether it does so again depends \
                     on where: not with `--preload`"
                )),
                (Some(true), _) => Way::Unknown(format!(
                    "{who} has it, and may have loaded it itself; then its configuration decides \
                     whether a reload loads it again: not with `--preload`"
                )),
                (None, _) => Way::Unknown(format!("it cannot be seen whether {who} has it")),
            }
        }
        Starter::Pm2(daemon) if daemon.kind == SupervisorKind::Pm2Cluster => match launch {
            Launch::With(key) if !replaced(key) => Way::Inherits(key.clone()),
            _ => Way::Unknown(
                "in PM2's cluster mode it cannot be seen whether the key is of PM2's copy or \
                 loaded by the program"
                    .to_owned(),
            ),
        },
        // A new process each time: what it is launched with is what it is given.
        _ => match (starter, launch) {
            (_, Launch::With(key)) if !replaced(key) => Way::Inherits(key.clone()),
            (Starter::Watcher(watcher), Launch::Without) if watcher.holds == Some(true) => {
                Way::Unknown(format!("{} has it since this one started", watcher.kind.text()))
            }
            (_, Launch::With(_) | Launch::Without) => Way::LoadsItself,
            (Starter::Watcher(watcher), Launch::Unknown) if watcher.holds == Some(false) => {
                Way::LoadsItself
            }
            (_, Launch::Unknown) => {
                Way::Unknown("it cannot be seen what it was launched with".to_owned())
            }
        },
    }
}
