//! Running processes of this user that were launched with a variable of the catalogue.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{Finder, base_name, no_file, systemd};
use crate::{
    domain::{inert::inert, layer::Instance},
    inventory::{LayerSpec, ProcessMatch},
    layers::Holder,
    survey::{
        environment::{self, Guess},
        ground::Ground,
        proposal::Candidate,
        walk::listed,
    },
};

pub(super) const FINDER: Finder = Finder { wants: no_file, find };

fn find(ground: &Ground<'_>) -> Vec<Candidate> {
    if !ground.running {
        return Vec::new();
    }
    let table = ground.surroundings.processes();
    if !table.is_supported() {
        ground.note("this system does not show its processes".to_owned());
        return Vec::new();
    }
    let wanted: BTreeSet<&str> = ground
        .credentials
        .iter()
        .flat_map(|credential| &credential.variables)
        .map(String::as_str)
        .collect();
    let real = ground.folder.canonicalize().unwrap_or_else(|_| ground.folder.clone());
    let mut found: Vec<Candidate> = Vec::new();
    let (mut elsewhere, mut contained): (BTreeMap<String, usize>, usize) = (BTreeMap::new(), 0);
    for holder in table.holders(&wanted) {
        if holder.in_container {
            contained += holder.count;
            continue;
        }
        let unit = match holder.unit.as_deref().map(|unit| of_unit(ground, unit, &mut found)) {
            // The layer of the unit tells what runs of it, too.
            Some(Unit::Installed) => continue,
            Some(Unit::File(unit)) => Some(unit),
            Some(Unit::Other) | None => None,
        };
        let below = holder.folder.as_deref().and_then(|folder| below(folder, &real));
        let candidate = match (&unit, &below) {
            (Some(unit), _) => Some(of_its_unit(&holder, unit)),
            (None, Some(folder)) => Some(of_folder(&holder, folder)),
            (None, None) => None,
        };
        match candidate.and_then(|candidate| seen(ground, candidate)) {
            Some(candidate) => found.push(candidate),
            None => *elsewhere.entry(holder.program.clone()).or_default() += holder.count,
        }
    }
    if !elsewhere.is_empty() {
        let programs: Vec<String> =
            elsewhere
                .iter()
                .map(|(program, count)| {
                    if *count == 1 {
                        inert(program)
                    } else {
                        format!("{} ({count})", inert(program))
                    }
                })
                .collect();
        ground.note(format!(
            "processes that hold a variable of the catalogue and work outside this folder, not \
             proposed: {}",
            listed(&programs)
        ));
    }
    if contained > 0 {
        ground.note(format!(
            "{contained} more in containers hold a variable of the catalogue: a layer of their container \
             has them, too"
        ));
    }
    found
}

/// What is known of the unit of a process.
enum Unit {
    /// It is a layer, as systemd finds it.
    Installed,
    /// A file below the folder has its name.
    File(String),
    /// Nothing that gives it a variable.
    Other,
}

fn of_unit(ground: &Ground<'_>, unit: &str, found: &mut Vec<Candidate>) -> Unit {
    let is_known = |candidate: &Candidate| {
        matches!(candidate.kind, LayerSpec::Systemd { .. })
            && candidate.unit.as_deref() == Some(unit)
    };
    if found.iter().any(is_known) {
        return Unit::Installed;
    }
    if !ground.files(|path| path.ends_with(".service") && base_name(path) == unit).is_empty() {
        return Unit::File(unit.to_owned());
    }
    match systemd::installed(ground, unit) {
        Some(installed) => {
            found.push(installed);
            Unit::Installed
        }
        None => Unit::Other,
    }
}

/// The folder from the inventory's, when it is that or beneath it.
fn below(folder: &Path, real: &Path) -> Option<String> {
    let rest = folder.strip_prefix(real).ok()?.to_str()?;
    Some(if rest.is_empty() { ".".to_owned() } else { rest.to_owned() })
}

fn of_its_unit(holder: &Holder, unit: &str) -> Candidate {
    let matching = ProcessMatch { unit: Some(unit.to_owned()), ..ProcessMatch::default() };
    let name = format!("{unit} process");
    let guess = environment::of_file(unit).unwrap_or_else(|| Guess::default("production"));
    let kind = LayerSpec::Process { matching, min: None, memory: false };
    let candidate = Candidate::new(kind, name, unit, guess, counted(holder.count));
    Candidate { unit: Some(unit.to_owned()), ..candidate.mentioning(holder.variables.clone()) }
}

fn of_folder(holder: &Holder, folder: &str) -> Candidate {
    let matching = ProcessMatch {
        name: Some(holder.program.clone()),
        command: holder.script.as_deref().map(|script| format!("\\b{}", regex::escape(script))),
        folder: Some(folder.to_owned()),
        ..ProcessMatch::default()
    };
    let words = match &holder.script {
        Some(script) => format!("{} {script}", holder.program),
        None => format!("{} process", holder.program),
    };
    let name = if folder == "." { words } else { format!("{} {words}", base_name(folder)) };
    let guess = environment::of_folder(folder).unwrap_or_else(|| Guess::default("development"));
    let kind = LayerSpec::Process { matching, min: None, memory: false };
    Candidate::new(kind, name, folder, guess, counted(holder.count))
        .mentioning(holder.variables.clone())
}

fn counted(count: usize) -> String {
    let what =
        if count == 1 { "a process runs".to_owned() } else { format!("{count} processes run") };
    format!("{what}, launched with a variable of the catalogue")
}

/// The layer would find what it was made from.
fn seen(ground: &Ground<'_>, candidate: Candidate) -> Option<Candidate> {
    let look = ground.look(&candidate.kind);
    let pids: BTreeSet<u32> = look
        .rows
        .iter()
        .filter_map(|row| match row.instance {
            Some(Instance::Pid(pid)) => Some(pid),
            _ => None,
        })
        .collect();
    (!pids.is_empty()).then_some(Candidate { pids, ..candidate })
}
