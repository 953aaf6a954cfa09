//! Running processes: what their environment holds now, what they were launched with, and since
//! when they run.

mod clock;
mod elf;
mod holders;
mod live;
pub mod memory;
mod permission;
mod selector;
mod service;
mod sockets;
#[cfg(any(not(target_os = "linux"), test))]
mod system;
mod table;

use std::collections::{BTreeMap, BTreeSet};

pub use holders::Holder;
pub(super) use live::Symbols;
pub use table::ProcessTable;

use self::{
    live::Live,
    permission::Rights,
    table::{LaunchEnvironment, Process},
};
use super::{
    Surroundings,
    resolve::{Absence, Found, Undefined},
};
use crate::{
    domain::{
        credential::CredentialFacts,
        layer::Instance,
        memory::Permit,
        place::Place,
        reading::{
            Evidence, MissingReason, Occurrence, OpaqueReason, Origin, Rank, Unreadable,
            UnreadableKind, Yield,
        },
        running::{ProcessFacts, Supervisor, SupervisorKind},
        secret::SecretValue,
    },
    formats::{Contents, Environment},
    inventory::{ProcessMatch, trust::memory_of},
};

/// What Node's cluster gives each of its workers, and PM2's daemon with it.
const NODE_CLUSTER: &str = "NODE_UNIQUE_ID";

/// How a remedy ends where nothing but a new start tells.
const MAKES_SURE: &str = "; a restart makes it sure";

pub(super) fn read(
    matching: &ProcessMatch,
    min: Option<usize>,
    memory: bool,
    credentials: &[&CredentialFacts],
    surroundings: &Surroundings,
) -> Vec<Found> {
    if !surroundings.processes().is_supported() {
        return vec![absent(unsupported())];
    }
    let rights = Rights::of_this_process();
    let chosen = match selector::select(matching, surroundings, &rights) {
        Ok(chosen) => chosen,
        Err(absence) => return vec![absent(absence)],
    };
    let search = Search {
        allowed: memory && surroundings.trust.grants(&memory_of(matching)),
        of_others: matching.user.is_some() || matching.pid.is_some(),
    };
    let mut found = instances(chosen, credentials, surroundings, rights, search);
    if found.len() < min.unwrap_or(1) {
        let missing =
            if found.is_empty() { MissingReason::NotRunning } else { MissingReason::TooFew };
        found.push(absent(Absence::Missing(missing)));
    }
    found
}

/// The rows of the processes in a container: the one it was started with, and what descends from it.
/// `None` when that process is not seen here, or is another container's.
pub(super) fn inside(
    pid: u32,
    container: &str,
    credentials: &[&CredentialFacts],
    surroundings: &Surroundings,
) -> Option<Vec<Found>> {
    let table = surroundings.processes();
    let is_there = table.is_supported() && table.get(pid).is_some();
    if !is_there || table.container(pid).as_deref() != Some(container) {
        return None;
    }
    let all = table.with_descendants(BTreeSet::from([pid]));
    // Nothing but a daemon: that is no application, and no failure of the container's row.
    let chosen = selector::without_supervisors(all, table).unwrap_or_default();
    let rights = Rights::of_this_process();
    let mut found = instances(chosen, credentials, surroundings, rights, Search::NEVER);
    // A container that is restarted launches them with the same environment once more.
    let remedies = found.iter_mut().filter_map(|found| found.evidence.process.as_mut());
    for remedy in remedies.filter_map(|process| process.remedy.as_mut()) {
        if let Some(rest) = remedy.strip_suffix(MAKES_SURE) {
            *remedy = rest.to_owned();
        }
    }
    Some(found)
}

/// A row for each of these processes, as a manager of processes names them. Supervisors are evidence
/// on the rows of what they start.
pub(super) fn of_manager(
    chosen: BTreeSet<u32>,
    credentials: &[&CredentialFacts],
    surroundings: &Surroundings,
) -> Result<Vec<Found>, Absence> {
    let table = surroundings.processes();
    if !table.is_supported() {
        return Err(unsupported());
    }
    let chosen = selector::without_supervisors(chosen, table)?;
    let rights = Rights::of_this_process();
    let found = instances(chosen, credentials, surroundings, rights, Search::NEVER);
    if found.is_empty() { Err(Absence::Missing(MissingReason::NotRunning)) } else { Ok(found) }
}

/// What a process was launched with, of the variables that were asked for.
pub(super) enum LaunchedWith {
    Known(Environment),
    /// It may not be seen, or was overwritten.
    Unknown,
    /// It has ended.
    Gone,
}

/// What a process was launched with, of these variables.
pub(super) fn launched_with(
    pid: u32,
    names: &BTreeSet<&str>,
    surroundings: &Surroundings,
) -> LaunchedWith {
    match surroundings.processes().launch_environment(pid) {
        LaunchEnvironment::Block(block) => {
            let mut found = Environment::new();
            for (name, value) in variables(&block, |name| names.contains(name)) {
                // `getenv` returns the first of several equal names.
                found.entry(name).or_insert(value);
            }
            LaunchedWith::Known(found)
        }
        LaunchEnvironment::Gone => LaunchedWith::Gone,
        _ => LaunchedWith::Unknown,
    }
}

/// Whether it is the daemon of supervisor.
pub(super) fn is_supervisord(process: &Process) -> bool {
    process.runs("supervisord")
}

fn variables(block: &[u8], wanted: impl Fn(&str) -> bool) -> Variables {
    block
        .split(|byte| *byte == 0)
        .filter_map(|entry| {
            let equals = entry.iter().position(|byte| *byte == b'=')?;
            let name = std::str::from_utf8(&entry[..equals]).ok()?;
            wanted(name).then(|| (name.to_owned(), SecretValue::new(&entry[equals + 1..])))
        })
        .collect()
}

/// This system does not show its processes.
pub(super) fn unsupported() -> Absence {
    let detail = "processes can be read on Linux only";
    Absence::Unreadable(Unreadable::new(UnreadableKind::Unsupported, detail))
}

fn instances(
    chosen: impl IntoIterator<Item = u32>,
    credentials: &[&CredentialFacts],
    surroundings: &Surroundings,
    rights: Rights,
    search: Search,
) -> Vec<Found> {
    let table = surroundings.processes();
    let wanted = credentials.iter().flat_map(|credential| credential.wanted_variables()).collect();
    let symbols = &surroundings.files.symbols;
    let mut reader = Reader { table, wanted, symbols, rights, search, held: BTreeMap::new() };
    chosen
        .into_iter()
        .filter_map(|pid| table.get(pid))
        .filter_map(|process| reader.instance(process))
        .collect()
}

/// A row of something that should run.
pub(super) fn absent(absence: Absence) -> Found {
    Found { rank: Rank::Launch, ..Found::configured(Err(absence)) }
}

/// A name and its value.
type Variable = (String, SecretValue);
/// In the order of the environment.
type Variables = Vec<Variable>;

/// What a process was launched with.
enum Launch {
    Known(Variables),
    Erased,
    NoPermission,
    NotShown,
    Failed,
}

/// What can be said of the environment of one process.
struct Look {
    contents: Result<Contents, Absence>,
    undefined: OpaqueReason,
    rank: Rank,
    remedy: Option<String>,
}

/// What the layer says of searching memory.
#[derive(Clone, Copy)]
struct Search {
    /// It allows it.
    allowed: bool,
    /// It names the user or the number, so that root may search what is not root's.
    of_others: bool,
}

impl Search {
    const NEVER: Self = Self { allowed: false, of_others: false };
}

struct Reader<'a> {
    table: &'a ProcessTable,
    wanted: BTreeSet<&'a str>,
    symbols: &'a Symbols,
    rights: Rights,
    search: Search,
    /// Which of the wanted variables a supervisor's own environment has, by its pid.
    held: BTreeMap<u32, Option<BTreeSet<String>>>,
}

impl Reader<'_> {
    /// One row; `None` when the process ended meanwhile or is a thread of the kernel.
    fn instance(&mut self, process: &Process) -> Option<Found> {
        let table = self.table;
        let launch = self.launch(process.pid)?;
        let live = table.live_environment(process.pid, &self.wanted, self.symbols);
        let supervisor = table.supervisor(process);
        let in_a_cluster =
            matches!(&launch, Launch::Known(then) if first(then, NODE_CLUSTER).is_some());
        let look = match (live, launch) {
            (Live::Environment(now), launch) => self.live(process, &now, launch),
            (Live::Gone, _) => return None,
            (live, launch) => {
                self.launched(process, supervisor.map(|found| found.1), &live, launch)
            }
        };
        // What was read of a number that another process has by now is of neither.
        if !table.still_runs(process) {
            return None;
        }
        let oldest = table.oldest_ancestor(process);
        let held = supervisor.and_then(|(supervisor, _)| self.held_by(supervisor));
        Some(Found {
            instance: Some(Instance::Pid(process.pid)),
            undefined: Undefined::Opaque(look.undefined),
            place: Some(NOWHERE),
            rank: look.rank,
            evidence: Evidence {
                started_at: oldest.started_at,
                process: Some(ProcessFacts {
                    pid: process.pid,
                    user: table.user(process.user_id),
                    program: process.program.clone(),
                    container: table.container(process.pid),
                    oldest_ancestor: (oldest.pid != process.pid).then_some(oldest.pid),
                    started_at: process.started_at,
                    supervisor: supervisor.map(|(supervisor, kind)| Supervisor {
                        pid: supervisor.pid,
                        kind: if kind == SupervisorKind::Pm2 && in_a_cluster {
                            SupervisorKind::Pm2Cluster
                        } else {
                            kind
                        },
                        holds: None,
                    }),
                    remedy: look.remedy,
                    start_ticks: process.start_ticks,
                    memory: self.permit(process),
                }),
                ..Evidence::default()
            },
            held_by_supervisor: held,
            ..Found::configured(look.contents)
        })
    }

    /// Whether its memory may be searched: no supervisor's, which holds what it gives to others, and
    /// by root nobody else's unless the layer says whose.
    fn permit(&self, process: &Process) -> Permit {
        let Search { allowed, of_others } = self.search;
        if !allowed {
            return Permit::No;
        }
        if process.is_pm2_daemon() || selector::is_daemon(process) {
            let why = "it holds the keys of what it runs, so what it holds tells nothing";
            return Permit::Refused(why.to_owned());
        }
        if self.rights.is_root() && process.user_id != 0 && !of_others {
            let user = self.table.user(process.user_id);
            return Permit::Refused(format!(
                "it belongs to user `{user}`: root searches it when `match` says \
                 `user = \"{user}\"`"
            ));
        }
        Permit::Yes
    }

    fn launch(&self, pid: u32) -> Option<Launch> {
        Some(match self.table.launch_environment(pid) {
            LaunchEnvironment::Block(block) => Launch::Known(self.variables(&block)),
            LaunchEnvironment::Erased => Launch::Erased,
            LaunchEnvironment::NoPermission => Launch::NoPermission,
            LaunchEnvironment::NotShown => Launch::NotShown,
            LaunchEnvironment::Failed => Launch::Failed,
            LaunchEnvironment::Gone => return None,
        })
    }

    fn variables(&self, block: &[u8]) -> Variables {
        variables(block, |name| self.wanted.contains(name) || name == NODE_CLUSTER)
    }

    /// What it holds now, and beside it what it was launched with where that was something else.
    fn live(&self, process: &Process, now: &[Variable], launch: Launch) -> Look {
        let (then, erased) = match launch {
            Launch::Known(then) => (then, None),
            Launch::Erased => (Vec::new(), Some(OpaqueReason::Erased)),
            Launch::NoPermission | Launch::NotShown | Launch::Failed => {
                (Vec::new(), Some(OpaqueReason::NotShown))
            }
        };
        let differs = |(name, value): &Variable| {
            self.wanted.contains(name.as_str()) && first(now, name) != Some(value)
        };
        let changed = now.iter().any(|(name, value)| first(&then, name) != Some(value))
            || then.iter().any(differs);
        if process.keeps_own_table() && erased.is_none() && !changed {
            let remedy =
                format!("`{}` keeps variables in a table of its own{MAKES_SURE}", process.program);
            return launched(&then, OpaqueReason::NotInLaunchEnvironment, Some(remedy));
        }
        let mut contents = Contents::default();
        occurrences(&mut contents, now, &Origin::LiveEnvironment, true);
        occurrences(&mut contents, &then, &Origin::LaunchEnvironment, false);
        // What cannot be seen is no sign that it was launched without them.
        contents.occurrences.extend(self.wanted.iter().filter_map(|variable| {
            Some(Occurrence {
                variable: (*variable).to_owned(),
                place: NOWHERE,
                origin: Origin::LaunchEnvironment,
                yields: Yield::Opaque(erased?),
                wins: false,
            })
        }));
        Look {
            contents: Ok(contents),
            undefined: OpaqueReason::NotInLiveEnvironment,
            rank: Rank::Live,
            remedy: None,
        }
    }

    /// Where its memory does not tell what it holds now.
    fn launched(
        &self,
        process: &Process,
        supervisor: Option<SupervisorKind>,
        live: &Live,
        launch: Launch,
    ) -> Look {
        let remedy = match live {
            Live::NoPermission => self.rights.to_see_live(),
            Live::Unsupported => {
                "this system does not tell what a process holds now; a restart makes \
                                  it sure"
                    .to_owned()
            }
            Live::Changing => "it changed while it was read: check again".to_owned(),
            _ => format!(
                "its program does not tell where its environment is (linked statically, or \
                 stripped){MAKES_SURE}"
            ),
        };
        match launch {
            Launch::Known(then) => {
                let given_later =
                    supervisor == Some(SupervisorKind::Pm2) && first(&then, NODE_CLUSTER).is_some();
                if given_later {
                    let mut look = launched(&[], OpaqueReason::GivenLater, Some(remedy));
                    if let Ok(contents) = &mut look.contents {
                        occurrences(contents, &then, &Origin::LaunchEnvironment, false);
                    }
                    return look;
                }
                launched(&then, OpaqueReason::NotInLaunchEnvironment, Some(remedy))
            }
            Launch::Erased => launched(&[], OpaqueReason::Erased, Some(remedy)),
            Launch::NotShown => {
                let remedy =
                    "run stalekey as root, or as the user of the process: that may show it";
                launched(&[], OpaqueReason::NotShown, Some(remedy.to_owned()))
            }
            Launch::NoPermission => {
                let user = self.table.user(process.user_id);
                let remedy = self.rights.to_see_launch(process.user_id, &user);
                let detail = format!("its environment belongs to user `{user}`");
                unreadable(UnreadableKind::NoPermission, detail, Some(remedy))
            }
            Launch::Failed => {
                let detail = "the system did not show its environment".to_owned();
                unreadable(UnreadableKind::System, detail, None)
            }
        }
    }

    /// Which of the variables stand in the environment of a supervisor, as well as can be known.
    fn held_by(&mut self, supervisor: &Process) -> Option<BTreeSet<String>> {
        if let Some(held) = self.held.get(&supervisor.pid) {
            return held.clone();
        }
        let names = |variables: Variables| variables.into_iter().map(|(name, _)| name).collect();
        let live = self.table.live_environment(supervisor.pid, &self.wanted, self.symbols);
        let held: Option<BTreeSet<String>> = match live {
            Live::Environment(now) => Some(names(now)),
            _ => match self.launch(supervisor.pid) {
                // That it was launched without it does not tell whether it has it by now.
                Some(Launch::Known(then)) if !then.is_empty() => Some(names(then)),
                _ => None,
            },
        };
        self.held.insert(supervisor.pid, held.clone());
        held
    }
}

const NOWHERE: Place = Place { path: None, position: None };

fn launched(then: &[Variable], undefined: OpaqueReason, remedy: Option<String>) -> Look {
    let mut contents = Contents::default();
    occurrences(&mut contents, then, &Origin::LaunchEnvironment, true);
    Look { contents: Ok(contents), undefined, rank: Rank::Launch, remedy }
}

fn unreadable(kind: UnreadableKind, detail: String, remedy: Option<String>) -> Look {
    Look {
        contents: Err(Absence::Unreadable(Unreadable::new(kind, detail))),
        undefined: OpaqueReason::NotInLaunchEnvironment,
        rank: Rank::Launch,
        remedy,
    }
}

/// `getenv` returns the first of several equal names.
fn first<'a>(variables: &'a [Variable], name: &str) -> Option<&'a SecretValue> {
    variables.iter().find(|(other, _)| other == name).map(|(_, value)| value)
}

fn occurrences(contents: &mut Contents, variables: &[Variable], origin: &Origin, may_win: bool) {
    for (variable, value) in variables {
        let wins = may_win && contents.winner(variable).is_none();
        contents.occurrences.push(Occurrence {
            variable: variable.clone(),
            place: NOWHERE,
            origin: origin.clone(),
            yields: Yield::Value(value.clone()),
            wins,
        });
    }
}
