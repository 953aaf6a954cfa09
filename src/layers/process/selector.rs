//! Which processes the inventory means, and which of them are rows.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

use super::{
    permission::Rights,
    sockets::Listeners,
    table::{Process, ProcessTable},
};
use crate::{
    domain::{
        place::Place,
        reading::{MissingReason, Unreadable, UnreadableKind},
        running::SupervisorKind,
    },
    inventory::ProcessMatch,
    layers::{
        Surroundings,
        open::{Failure, open},
        resolve::Absence,
    },
};

/// A number, a line break, and what some programs write below.
const PID_FILE_CAP: usize = 4096;

/// A file that is written when a program starts is younger than the program. One that is older by
/// more than this is another program's, whose number was given again.
const OLDER_SECONDS: i64 = 2;

/// What holds others without being an application of its own.
const DAEMONS: [&str; 6] =
    ["dockerd", "containerd", "containerd-shim", "containerd-shim-runc-v2", "conmon", "runc"];

/// What a container is started with to reap what ends in it; there for what it has started.
const INITS: [&str; 4] = ["docker-init", "tini", "dumb-init", "catatonit"];

/// The processes that are rows; where there are none, why.
pub(super) fn select(
    matching: &ProcessMatch,
    surroundings: &Surroundings,
    rights: &Rights,
) -> Result<BTreeSet<u32>, Absence> {
    let table = surroundings.processes();
    let selector = Selector::of(matching, surroundings)?;
    // The shell that stalekey was started from works in the same folder, and is not meant.
    let own = if selector.names_one() { BTreeSet::new() } else { table.own_ancestors() };
    let mut chosen =
        table.select(|process| !own.contains(&process.pid) && selector.fits(process, table));
    if chosen.is_empty() {
        return Err(selector.nobody(table, rights));
    }
    if matching.descendants {
        chosen = table.with_descendants(chosen);
    }
    let chosen = without_supervisors(chosen, table)?;
    let of_user =
        |pid: &u32| table.get(*pid).is_some_and(|process| selector.is_users(process, table));
    Ok(chosen.into_iter().filter(of_user).collect())
}

/// A supervisor is evidence on the rows of what it starts. A shell that waits for a program it was
/// told to run, and a daemon beside an application, are no rows either.
pub(super) fn without_supervisors(
    mut chosen: BTreeSet<u32>,
    table: &ProcessTable,
) -> Result<BTreeSet<u32>, Absence> {
    let mut workers: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for process in table.all() {
        if let Some((supervisor, kind)) = table.supervisor(process)
            && kind != SupervisorKind::Pm2
        {
            workers.entry(supervisor.pid).or_default().push(process.pid);
        }
    }
    let mut rows = BTreeSet::new();
    while let Some(pid) = chosen.pop_first() {
        match workers.remove(&pid) {
            Some(workers) => chosen.extend(workers.into_iter().filter(|pid| !rows.contains(pid))),
            None => {
                rows.insert(pid);
            }
        }
    }
    let is_for_others = |pid: &u32| {
        table.get(*pid).is_some_and(|process| {
            let is_init = INITS.iter().any(|init| process.program == *init);
            let waits = (process.is_shell_for_another() || is_init)
                && table.children(*pid).any(|child| rows.contains(&child.pid));
            waits
                || process.is_pm2_daemon()
                || DAEMONS.iter().any(|daemon| process.program == *daemon)
        })
    };
    let applications: BTreeSet<u32> =
        rows.iter().copied().filter(|pid| !is_for_others(pid)).collect();
    let daemon = rows.first().and_then(|pid| table.get(*pid)).filter(|_| applications.is_empty());
    match daemon {
        Some(daemon) => {
            let name = if daemon.is_pm2_daemon() { "PM2's daemon" } else { &*daemon.program };
            let detail = format!(
                "nothing fits but {name}, which only runs others; select those by `command` or \
                 `folder`"
            );
            Err(Absence::Unreadable(Unreadable::new(UnreadableKind::WrongFormat, detail)))
        }
        None => Ok(applications),
    }
}

/// The inventory's `match`, ready to be asked of every process.
struct Selector<'a> {
    matching: &'a ProcessMatch,
    command: Option<Regex>,
    pid: Option<u32>,
    listeners: Option<Listeners>,
    folder: Option<PathBuf>,
}

impl<'a> Selector<'a> {
    fn of(matching: &'a ProcessMatch, surroundings: &Surroundings) -> Result<Self, Absence> {
        let table = surroundings.processes();
        if (matching.port.is_some() || matching.unit.is_some()) && !table.tells_ports() {
            let detail = "`port` and `unit` are known on Linux only; select it by `command`, `name`, \
                          `folder` or `pid_file`";
            let why = Unreadable::new(UnreadableKind::Unsupported, detail);
            return Err(Absence::Unreadable(why));
        }
        let pid = match &matching.pid_file {
            Some(file) => Some(pid_in(&surroundings.file(file), file, table)?),
            None => None,
        };
        Ok(Self {
            matching,
            // The inventory was validated: an expression that does not compile cannot come here.
            command: matching.command.as_deref().and_then(|text| Regex::new(text).ok()),
            pid,
            listeners: matching.port.map(|port| table.listeners(port)),
            folder: matching.folder.as_deref().map(|folder| {
                let folder = surroundings.file(folder);
                fs::canonicalize(&folder).unwrap_or(folder)
            }),
        })
    }

    /// It says which one by its number.
    fn names_one(&self) -> bool {
        self.pid.is_some() || self.matching.pid.is_some()
    }

    fn fits(&self, process: &Process, table: &ProcessTable) -> bool {
        self.fits_but_folder(process, table)
            && self.folder.as_ref().is_none_or(|folder| {
                table.folder(process.pid).is_some_and(|working| working == *folder)
            })
    }

    fn fits_but_folder(&self, process: &Process, table: &ProcessTable) -> bool {
        let matching = self.matching;
        matching.pid.is_none_or(|pid| pid == process.pid)
            && self.pid.is_none_or(|pid| pid == process.pid)
            && matching
                .name
                .as_ref()
                .is_none_or(|name| *name == process.name || *name == process.program)
            && matching.command.is_none() == self.command.is_none()
            && self.command.as_ref().is_none_or(|command| command.is_match(process.command_line()))
            && self.listeners.as_ref().is_none_or(|found| found.pids.contains(&process.pid))
            && self.is_users(process, table)
            && matching.unit.as_ref().is_none_or(|unit| table.is_of_unit(process.pid, unit))
    }

    fn is_users(&self, process: &Process, table: &ProcessTable) -> bool {
        self.matching.user.as_ref().is_none_or(|user| {
            *user == table.user(process.user_id) || *user == process.user_id.to_string()
        })
    }

    /// Why nothing fits: nothing runs, or it may not be seen that it does.
    fn nobody(&self, table: &ProcessTable, rights: &Rights) -> Absence {
        let denied = |detail: String, remedy: String| {
            let why = Unreadable::new(UnreadableKind::NoPermission, detail).with_remedy(remedy);
            Absence::Unreadable(why)
        };
        if let (Some(port), Some(found)) = (self.matching.port, &self.listeners)
            && let Some(user) = found.hidden_users.first()
        {
            let name = table.user(*user);
            let detail = format!(
                "a process of user `{name}` listens on port {port}, and it may not be seen which"
            );
            return denied(detail, rights.to_see_launch(*user, &name));
        }
        if self.folder.is_some() {
            let hidden = table.select(|process| {
                self.fits_but_folder(process, table)
                    && process.has_words()
                    && table.folder(process.pid).is_none()
            });
            if !hidden.is_empty() {
                let detail = format!(
                    "no process is seen to work there, and of {} it may not be seen where",
                    hidden.len()
                );
                return denied(detail, rights.to_see_others());
            }
        }
        if table.hides_others() {
            let detail = "no process matches, and those of other users are hidden (hidepid)";
            return denied(detail.to_owned(), rights.to_see_others());
        }
        Absence::Missing(MissingReason::NotRunning)
    }
}

/// The number in a pid file.
fn pid_in(path: &Path, name: &str, table: &ProcessTable) -> Result<u32, Absence> {
    let place = || Place::file(crate::domain::inert::inert(name));
    let opened = match open(path, PID_FILE_CAP) {
        Ok(opened) => opened,
        Err(Failure::Absent) => return Err(Absence::Missing(MissingReason::NotRunning)),
        Err(Failure::Unreadable(why)) => return Err(Absence::Unreadable(why.at(place()))),
    };
    let text = std::str::from_utf8(&opened.bytes).unwrap_or_default();
    let first = text.split_ascii_whitespace().next().unwrap_or_default();
    let Ok(pid) = first.parse() else {
        let detail = "it does not begin with the number of a process";
        let why = Unreadable::new(UnreadableKind::WrongFormat, detail).at(place());
        return Err(Absence::Unreadable(why));
    };
    let started = table.get(pid).and_then(|process| process.started_at);
    match (started, opened.modified_at) {
        (Some(started), Some(written))
            if started.as_second() - written.as_second() > OLDER_SECONDS =>
        {
            Err(Absence::Missing(MissingReason::NotRunning))
        }
        _ => Ok(pid),
    }
}
