//! Running processes: the environment they were launched with, and since when they run.

use regex::Regex;

use super::{
    Surroundings,
    process_table::{LaunchEnvironment, Process, ProcessTable},
    resolve::{Absence, Found, Undefined},
};
use crate::{
    domain::{
        layer::Instance,
        place::Place,
        reading::{
            Evidence, MissingReason, Occurrence, OpaqueReason, Origin, ProcessFacts, Rank,
            Unreadable, UnreadableKind, Yield,
        },
        secret::SecretValue,
    },
    formats::Contents,
    inventory::ProcessMatch,
};

pub(super) fn read(
    matching: &ProcessMatch,
    min: Option<usize>,
    surroundings: &Surroundings,
) -> Vec<Found> {
    let table = surroundings.processes();
    if !table.is_supported() {
        let detail = "processes can be read on Linux only";
        return vec![absent(Absence::Unreadable(Unreadable::new(
            UnreadableKind::Unsupported,
            detail,
        )))];
    }
    let selector = Selector::of(matching);
    let mut found: Vec<Found> = table
        .select(|process| selector.fits(process, table))
        .into_iter()
        .filter_map(|process| instance(process, table))
        .collect();
    if found.len() < min.unwrap_or(1) {
        found.push(absent(Absence::Missing(MissingReason::NotRunning)));
    }
    found
}

fn absent(absence: Absence) -> Found {
    Found { rank: Rank::Launch, ..Found::configured(Err(absence)) }
}

/// The inventory's `match`, ready to be asked of every process.
struct Selector<'a> {
    matching: &'a ProcessMatch,
    command: Option<Regex>,
}

impl<'a> Selector<'a> {
    fn of(matching: &'a ProcessMatch) -> Self {
        // The inventory was validated: an expression that does not compile cannot come here.
        let command = matching.command.as_deref().and_then(|text| Regex::new(text).ok());
        Self { matching, command }
    }

    fn fits(&self, process: &Process, table: &ProcessTable) -> bool {
        let matching = self.matching;
        matching.pid.is_none_or(|pid| pid == process.pid)
            && matching
                .name
                .as_ref()
                .is_none_or(|name| *name == process.name || *name == process.program)
            && matching.command.is_none() == self.command.is_none()
            && self.command.as_ref().is_none_or(|command| command.is_match(process.command_line()))
            && matching.user.as_ref().is_none_or(|user| {
                *user == table.user(process.user_id) || *user == process.user_id.to_string()
            })
    }
}

/// One row; `None` when the process ended meanwhile or is a thread of the kernel.
fn instance(process: &Process, table: &ProcessTable) -> Option<Found> {
    let oldest = table.oldest_ancestor(process);
    let user = table.user(process.user_id);
    let mut undefined = Undefined::Opaque(OpaqueReason::NotInLaunchEnvironment);
    let contents = match table.launch_environment(process.pid) {
        LaunchEnvironment::Block(block) => Ok(contents(&block)),
        LaunchEnvironment::Erased => {
            undefined = Undefined::Opaque(OpaqueReason::Erased);
            Ok(Contents::default())
        }
        LaunchEnvironment::Gone => return None,
        LaunchEnvironment::NoPermission => {
            let detail = format!("its environment belongs to user `{user}`");
            Err(Absence::Unreadable(Unreadable::new(UnreadableKind::NoPermission, detail)))
        }
        LaunchEnvironment::Failed => {
            let detail = "the system did not show its environment";
            Err(Absence::Unreadable(Unreadable::new(UnreadableKind::System, detail)))
        }
    };
    Some(Found {
        instance: Some(Instance::Pid(process.pid)),
        undefined,
        place: Some(Place { path: None, position: None }),
        rank: Rank::Launch,
        evidence: Evidence {
            started_at: oldest.started_at,
            process: Some(ProcessFacts {
                pid: process.pid,
                user,
                program: process.program.clone(),
                container: table.container(process.pid),
                oldest_ancestor: (oldest.pid != process.pid).then_some(oldest.pid),
            }),
            ..Evidence::default()
        },
        ..Found::configured(contents)
    })
}

/// `getenv` returns the first of several equal names, so the first wins.
fn contents(block: &[u8]) -> Contents {
    let mut contents = Contents::default();
    for entry in block.split(|byte| *byte == 0) {
        let Some(equals) = entry.iter().position(|byte| *byte == b'=') else { continue };
        let variable = String::from_utf8_lossy(&entry[..equals]).into_owned();
        let wins = contents.winner(&variable).is_none();
        contents.occurrences.push(Occurrence {
            variable,
            place: Place { path: None, position: None },
            origin: Origin::LaunchEnvironment,
            yields: Yield::Value(SecretValue::new(&entry[equals + 1..])),
            wins,
        });
    }
    contents
}
