//! What runs of a unit, as a running systemd knows it.

use std::collections::BTreeSet;

use crate::{
    domain::{
        credential::CredentialFacts,
        inert::inert,
        manager::Manager,
        place::Place,
        reading::{MissingReason, Occurrence, Origin, Unreadable, UnreadableKind, Yield},
        secret::SecretValue,
    },
    formats::systemd::{Machine, PROPERTIES, Request, Scope, Shown},
    layers::{
        Surroundings,
        files::Opener,
        managed,
        open::LINES_CAP,
        process,
        resolve::{Absence, Found},
        run::Program,
    },
};

/// systemd answers of a unit.
pub(super) fn ask(
    unit: &str,
    scope: Scope,
    surroundings: &Surroundings,
) -> Result<Shown, Unreadable> {
    let user = scope == Scope::User;
    let mut words = vec!["systemctl"];
    words.extend(user.then_some("--user"));
    words.extend(["show", "--no-pager"]);
    words.extend(PROPERTIES.iter().flat_map(|property| ["-p", property]));
    words.extend(["--", unit]);
    let printed = Program::new(words, &surroundings.shell).run();
    let printed = printed.map_err(|why| {
        let why = why.of("systemctl");
        match why.kind {
            UnreadableKind::Unsupported => Unreadable::new(
                why.kind,
                "there is no `systemctl` here, so what runs of the unit cannot be told",
            )
            .with_remedy(ELSEWHERE),
            _ => why,
        }
    })?;
    if printed.status.success()
        && let Some(shown) = Shown::parse(printed.out.expose())
    {
        return Ok(shown);
    }
    Err(refused(&String::from_utf8_lossy(printed.err.expose()), user))
}

const ELSEWHERE: &str =
    "run stalekey on the machine that runs the unit, or name its files in `files`";

/// What `systemctl` says when it cannot ask. Its words are matched, and never shown.
fn refused(said: &str, user: bool) -> Unreadable {
    let said = said.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if has(&["permission denied", "access denied", "operation not permitted"]) {
        let detail = "systemd does not answer this user";
        return Unreadable::new(UnreadableKind::NoPermission, detail)
            .with_remedy("run stalekey as root, or as the user that the unit belongs to");
    }
    if has(&["connect to bus", "dbus_session_bus_address", "no medium found"]) && user {
        let detail = "this user's systemd is not reached: there is no session bus";
        return Unreadable::new(UnreadableKind::System, detail).with_remedy(
            "run stalekey in a login session of that user (XDG_RUNTIME_DIR=/run/user/UID)",
        );
    }
    if has(&["not been booted with systemd", "connect to bus", "host is down"]) {
        let detail = "systemd does not run here, so what runs of the unit cannot be told";
        return Unreadable::new(UnreadableKind::Unsupported, detail).with_remedy(ELSEWHERE);
    }
    let detail = "`systemctl show` failed, so what runs of the unit cannot be told";
    Unreadable::new(UnreadableKind::System, detail)
        .with_remedy("run `systemctl show` of the unit, and see what it says")
}

/// A row for each process of the unit, or for the unit as a whole where none can be told.
pub(super) fn rows(
    asked: Result<&Shown, Unreadable>,
    request: &Request,
    manager: &Manager,
    machine: &Machine,
    credentials: &[&CredentialFacts],
    surroundings: &Surroundings,
) -> Vec<Found> {
    let rows = match asked {
        Err(why) => vec![process::absent(Absence::Unreadable(why))],
        Ok(shown) => match running(shown, manager, credentials, surroundings) {
            Ok(mut rows) => {
                if shown.edited {
                    let copy = loaded(shown, request, machine, credentials, surroundings);
                    for row in &mut rows {
                        managed::add(row, &copy);
                    }
                }
                rows
            }
            // It is started when it is time, and then with what is configured.
            Err(Absence::Missing(MissingReason::NotRunning)) if shown.rests && !shown.edited => {
                Vec::new()
            }
            Err(absence) => vec![process::absent(absence)],
        },
    };
    rows.into_iter().map(|row| managed::of_manager(row, manager)).collect()
}

fn running(
    shown: &Shown,
    manager: &Manager,
    credentials: &[&CredentialFacts],
    surroundings: &Surroundings,
) -> Result<Vec<Found>, Absence> {
    let unknown = |detail: &str, remedy: String| {
        let why = Unreadable::new(UnreadableKind::System, detail).with_remedy(remedy);
        Err(Absence::Unreadable(why))
    };
    match shown.load_state.as_str() {
        "loaded" => {}
        "not-found" => {
            let user = matches!(manager, Manager::Systemd { user: true, .. });
            let systemctl = if user { "systemctl --user" } else { "systemctl" };
            return unknown(
                "systemd knows no unit of this name",
                format!(
                    "correct `unit` or `scope`; for a new unit run `{systemctl} daemon-reload`"
                ),
            );
        }
        "masked" => return Err(Absence::Missing(MissingReason::NotRunning)),
        _ => {
            let text = format!("run `systemctl status {}`, and see what it says", manager.name());
            return unknown("systemd could not load the unit", text);
        }
    }
    let table = surroundings.processes();
    let mut chosen: BTreeSet<u32> = shown.main_pid.into_iter().collect();
    match &shown.control_group {
        Some(group) if group != "/" => chosen.extend(table.of_control_group(group)),
        _ => chosen = table.with_descendants(chosen),
    }
    if chosen.is_empty() {
        return Err(Absence::Missing(MissingReason::NotRunning));
    }
    process::of_manager(chosen, credentials, surroundings)
}

/// What systemd would start it with, as long as it does not load the unit again.
fn loaded(
    shown: &Shown,
    request: &Request,
    machine: &Machine,
    credentials: &[&CredentialFacts],
    surroundings: &Surroundings,
) -> Vec<Occurrence<SecretValue>> {
    let mut files = Opener::new(surroundings, LINES_CAP, "systemd");
    let Ok(contents) = shown.environment(request.scope, machine, &mut files) else {
        return Vec::new();
    };
    let is_key = |variable: &String| {
        credentials.iter().any(|credential| credential.variables.contains(variable))
    };
    let winners = contents.occurrences.into_iter().filter(|occurrence| {
        occurrence.wins
            && is_key(&occurrence.variable)
            && matches!(occurrence.yields, Yield::Value(_))
    });
    winners
        .map(|occurrence| Occurrence {
            origin: Origin::ManagerCopy,
            place: Place { path: None, position: None },
            wins: false,
            ..occurrence
        })
        .collect()
}

/// The unit as advice names it.
pub(super) fn manager(unit: &str, scope: Scope, shown: Option<&Shown>) -> Manager {
    Manager::Systemd {
        unit: inert(shown.map_or(unit, |shown| &shown.id)),
        user: scope == Scope::User,
        edited: shown.is_some_and(|shown| shown.edited),
    }
}
