//! Programs of supervisord: what its configuration gives them, what it hands down itself, and what
//! runs of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use super::{
    Surroundings,
    files::Opener,
    managed,
    open::LINES_CAP,
    process::{self, LaunchedWith},
    resolve::{Absence, Found, Undefined},
};
use crate::{
    domain::{
        credential::CredentialFacts,
        inert::inert,
        layer::Instance,
        manager::Manager,
        place::Place,
        reading::{
            MissingReason, Occurrence, OpaqueReason, Origin, Unreadable, UnreadableKind, Yield,
        },
        secret::SecretValue,
    },
    formats::{
        Environment,
        supervisor::{self, Config, Failure, Program},
    },
    inventory::supervisor_configs,
};

/// Where Linux tells the name of the host.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";
/// What supervisord gives each process of a program.
const GROUP: &str = "SUPERVISOR_GROUP_NAME";
const PROCESS: &str = "SUPERVISOR_PROCESS_NAME";

const NO_PROGRAM: &str = "the configuration has no such program";

pub(super) fn read(
    program: Option<&str>,
    config: Option<&str>,
    credentials: &[&CredentialFacts],
    surroundings: &Surroundings,
) -> Vec<Found> {
    let path = config.map(str::to_owned).or_else(|| {
        let usual = supervisor_configs().into_iter();
        usual.map(str::to_owned).find(|path| surroundings.file(path).exists())
    });
    let path = path.unwrap_or_else(|| supervisor_configs()[0].to_owned());
    let mut files = Opener::new(surroundings, LINES_CAP, "supervisor");
    let host = fs::read_to_string(HOST_NAME).unwrap_or_default();
    let parsed = supervisor::read(&path, host.trim_end(), &mut files);
    let daemon = parsed.as_ref().ok().map(|config| daemon(&path, config, surroundings));
    let inherited = daemon.as_ref().map_or_else(Inherited::default, |daemon| {
        Inherited::of(
            daemon.as_ref().ok().copied(),
            parsed.as_ref().ok(),
            credentials,
            surroundings,
        )
    });
    let programs = parsed.and_then(|config| config.programs(program, inherited.known.as_ref()));
    let evidence = files.evidence;
    let place = || Some(Place::file(inert(&path)));
    let alone = |absence| {
        let found = Found::configured(Err(absence));
        vec![Found { place: place(), evidence: evidence.clone(), ..found }]
    };
    let programs = match programs {
        Ok(programs) if programs.is_empty() => {
            let why = Unreadable::new(UnreadableKind::WrongFormat, NO_PROGRAM);
            let why = why.with_remedy("correct `program` or `config` in the inventory");
            return alone(Absence::Unreadable(why));
        }
        Ok(programs) => programs,
        Err(failure) => return alone(absence(failure)),
    };
    let daemon = daemon.unwrap_or(Err(Absence::Missing(MissingReason::NotRunning)));
    let children = daemon.as_ref().map(|pid| Children::of(*pid, surroundings));
    let mut rows = Vec::new();
    for one in &programs {
        let manager = Manager::Supervisor {
            program: inert(&one.name),
            group: inert(&one.group),
            target: inert(&one.target()),
            config: config.map(|config| named(config, surroundings)),
        };
        let mut contents = one.contents.clone();
        inherited.add(&mut contents.occurrences);
        let mut evidence = evidence.clone();
        evidence.manager = Some(manager.clone());
        rows.push(Found {
            instance: program.is_none().then(|| Instance::Service(manager.name().to_owned())),
            undefined: Undefined::Opaque(OpaqueReason::NotKept),
            place: Some(Place::file(inert(&one.path))),
            evidence,
            ..Found::configured(Ok(contents))
        });
        let running = match &children {
            Ok(children) => children.rows_of(one, credentials, surroundings),
            Err(absence) => Err((*absence).clone()),
        };
        let running = running.unwrap_or_else(|absence| vec![process::absent(absence)]);
        rows.extend(running.into_iter().map(|row| managed::of_manager(row, &manager)));
    }
    rows
}

/// As a command names it that is typed anywhere.
fn named(config: &str, surroundings: &Surroundings) -> String {
    if config.starts_with("~/") {
        return inert(config);
    }
    inert(&surroundings.file(config).to_string_lossy())
}

fn absence(failure: Failure) -> Absence {
    match failure {
        Failure::Absent => Absence::Missing(MissingReason::FileAbsent),
        Failure::Unreadable { path, why } => Absence::Unreadable(why.at(Place::file(inert(&path)))),
        Failure::Refused { path, refusal } => {
            super::dotenv::refused(&path, "supervisord", &refusal)
        }
    }
}

/// The number of the supervisord that runs with this configuration.
fn daemon(path: &str, config: &Config, surroundings: &Surroundings) -> Result<u32, Absence> {
    let table = surroundings.processes();
    if !table.is_supported() {
        return Err(process::unsupported());
    }
    let running = table.select(process::is_supervisord);
    let written = config.pid_file().and_then(|file| {
        let text = fs::read_to_string(surroundings.file(&file)).ok()?;
        text.trim().parse::<u32>().ok()
    });
    if let Some(pid) = written.filter(|pid| running.contains(pid)) {
        return Ok(pid);
    }
    // By the words that it was started with: this configuration, or none at all.
    let file = surroundings.file(path);
    let full = fs::canonicalize(&file).unwrap_or(file);
    let is_named = |pid: &&u32| {
        let words = table.get(**pid).map(|process| process.command_line().to_owned());
        let folder = table.folder(**pid).unwrap_or_default();
        words.is_some_and(|words| {
            config_in(&words).is_some_and(|named| {
                let named = folder.join(named);
                fs::canonicalize(&named).unwrap_or(named) == full
            })
        })
    };
    let is_bare = |pid: &&u32| {
        table.get(**pid).is_some_and(|process| config_in(process.command_line()).is_none())
    };
    let usual = supervisor_configs().contains(&path);
    let found = running.iter().find(is_named);
    let found = found.or_else(|| running.iter().find(is_bare).filter(|_| usual));
    match found {
        Some(pid) => Ok(*pid),
        None if table.hides_others() => {
            let detail = "supervisord may run, and processes of other users are hidden";
            let why = Unreadable::new(UnreadableKind::NoPermission, detail);
            Err(Absence::Unreadable(why.with_remedy("run stalekey as root")))
        }
        None => Err(Absence::Missing(MissingReason::NotRunning)),
    }
}

/// `-c FILE`, `-cFILE`, `--configuration FILE`, `--configuration=FILE`.
fn config_in(words: &str) -> Option<&str> {
    let mut words = words.split(' ').filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        match word {
            "-c" | "--configuration" => return words.next(),
            word => {
                let joined = word.strip_prefix("--configuration=");
                let joined = joined.or_else(|| {
                    word.strip_prefix("-c")
                        .filter(|rest| !rest.is_empty() && !rest.starts_with('-'))
                });
                if joined.is_some() {
                    return joined;
                }
            }
        }
    }
    None
}

/// What supervisord itself was started with, and hands down.
#[derive(Default)]
struct Inherited {
    /// The variables that were asked for, where they are known.
    known: Option<Environment>,
    wanted: BTreeSet<String>,
}

impl Inherited {
    fn of(
        daemon: Option<u32>,
        config: Option<&Config>,
        credentials: &[&CredentialFacts],
        surroundings: &Surroundings,
    ) -> Self {
        let wanted = credentials.iter().flat_map(|credential| credential.wanted_variables());
        let wanted: BTreeSet<String> = wanted.map(str::to_owned).collect();
        let names = config.map(Config::names).unwrap_or_default();
        let all: BTreeSet<&str> = wanted.iter().chain(&names).map(String::as_str).collect();
        let known = daemon.and_then(|pid| match process::launched_with(pid, &all, surroundings) {
            LaunchedWith::Known(variables) => Some(variables),
            LaunchedWith::Unknown | LaunchedWith::Gone => None,
        });
        Self { known, wanted }
    }

    /// What is not set anew.
    fn add(&self, occurrences: &mut Vec<Occurrence<SecretValue>>) {
        let known = self.known.iter().flatten();
        let known: Vec<_> = known.filter(|(name, _)| self.wanted.contains(*name)).collect();
        for (name, value) in known {
            let wins = !occurrences.iter().any(|set| set.wins && set.variable == *name);
            occurrences.push(Occurrence {
                variable: name.clone(),
                place: Place { path: None, position: None },
                origin: Origin::ManagerCopy,
                yields: Yield::Value(value.clone()),
                wins,
            });
        }
    }
}

/// The processes that supervisord has started, by group and name.
struct Children {
    named: BTreeMap<(String, String), BTreeSet<u32>>,
    /// Of some it could not be seen which they are.
    unknown: bool,
}

impl Children {
    fn of(daemon: u32, surroundings: &Surroundings) -> Self {
        let mut children = Self { named: BTreeMap::new(), unknown: false };
        let names = BTreeSet::from([GROUP, PROCESS]);
        for child in surroundings.processes().children(daemon) {
            match process::launched_with(child.pid, &names, surroundings) {
                LaunchedWith::Known(found) => {
                    let name = |variable: &str| {
                        let value = found.get(variable).map(SecretValue::expose);
                        String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
                    };
                    let known = children.named.entry((name(GROUP), name(PROCESS)));
                    known.or_default().insert(child.pid);
                }
                LaunchedWith::Unknown => children.unknown = true,
                LaunchedWith::Gone => {}
            }
        }
        children
    }

    fn rows_of(
        &self,
        program: &Program,
        credentials: &[&CredentialFacts],
        surroundings: &Surroundings,
    ) -> Result<Vec<Found>, Absence> {
        let own = program
            .processes
            .iter()
            .filter_map(|name| self.named.get(&(program.group.clone(), name.clone())));
        let own: BTreeSet<u32> = own.flatten().copied().collect();
        if own.is_empty() && self.unknown {
            let detail = "it may not be seen which of supervisord's processes it is";
            let why = Unreadable::new(UnreadableKind::NoPermission, detail);
            return Err(Absence::Unreadable(
                why.with_remedy("run stalekey as root, or as the user of the program"),
            ));
        }
        if own.is_empty() {
            return Err(Absence::Missing(MissingReason::NotRunning));
        }
        let family = surroundings.processes().with_descendants(own);
        process::of_manager(family, credentials, surroundings)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/usr/bin/python3 /usr/bin/supervisord -n -c /etc/s.conf", Some("/etc/s.conf"))]
    #[case("/usr/bin/python3 /usr/bin/supervisord -c/etc/s.conf", Some("/etc/s.conf"))]
    #[case("supervisord --configuration=s.conf", Some("s.conf"))]
    #[case("supervisord --configuration s.conf -n", Some("s.conf"))]
    #[case("supervisord -n", None)]
    fn a_daemon_is_known_by_its_configuration(#[case] words: &str, #[case] expected: Option<&str>) {
        assert_eq!(config_in(words), expected);
    }
}
