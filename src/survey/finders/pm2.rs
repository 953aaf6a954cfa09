//! Files that applications of PM2 are started from. They are read, never run.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finder, base_name, dotenv, folder_of, join, short_name};
use crate::formats::files::plain;
use crate::{
    domain::inert::inert,
    formats::ecosystem::{self, App},
    inventory::LayerSpec,
    layers,
    survey::{
        environment::{self, Guess},
        ground::Ground,
        links,
        proposal::{Candidate, Named},
    },
};

pub(super) const FINDER: Finder = Finder { wants, find };

fn wants(path: &str) -> bool {
    matches!(
        base_name(path),
        "ecosystem.config.js"
            | "ecosystem.config.cjs"
            | "ecosystem.config.mjs"
            | "ecosystem.config.json"
            | "process.json"
            | "pm2.config.js"
    )
}

fn find(ground: &Ground<'_>) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    for path in ground.files(wants) {
        for candidate in of_file(ground, path) {
            // PM2 has one application of a name, whichever file it is started from.
            match found.iter_mut().find(|known| known.kind == candidate.kind) {
                Some(known) => {
                    known.variables.extend(candidate.variables);
                    known.filled.extend(candidate.filled);
                    known.remarks.push(candidate.because);
                    known.remarks.extend(candidate.remarks);
                    *known = known.clone().from(candidate.from);
                }
                None => found.push(candidate),
            }
        }
    }
    found
}

/// What an application is given, and how that is known.
#[derive(Default)]
struct Given {
    variables: BTreeSet<String>,
    filled: BTreeSet<String>,
    /// Its file names one of them.
    is_named: bool,
    from: BTreeMap<String, Named>,
    /// Files that the application could read itself.
    beside: BTreeSet<String>,
}

fn of_file(ground: &Ground<'_>, path: &str) -> Vec<Candidate> {
    let known = ground.mentioned(path);
    let Some(read) = layers::peek(&ground.surroundings.file(path), ecosystem::read) else {
        ground.note(format!("could not be read, so it is not proposed: {}", inert(path)));
        return Vec::new();
    };
    let Some(read) = read else {
        // It does not even end: what it names is all that is known.
        let given = Given { is_named: true, ..Given::default() }.naming(known);
        return candidate(path, None, given).into_iter().collect();
    };
    let named = |words: &BTreeSet<String>| -> BTreeSet<String> {
        words.intersection(&known).cloned().collect()
    };
    let shared = named(&read.words);
    let all: Vec<(&App, Given)> = read
        .apps
        .iter()
        .map(|app| (app, given(ground, path, app, named(&app.words))))
        .filter(|(_, given)| !given.variables.is_empty())
        .collect();
    // Whom a name outside of all applications is for, and what an application without a name is
    // called, only a run would tell.
    if shared.is_empty() && all.iter().all(|(app, _)| app.name.as_ref().is_some_and(|it| fits(it)))
    {
        return all
            .into_iter()
            .filter_map(|(app, given)| candidate(path, app.name.as_deref(), given))
            .collect();
    }
    let mut together = Given::default();
    for (_, given) in all {
        together.variables.extend(given.variables);
        together.filled.extend(given.filled);
        together.is_named |= given.is_named;
        together.from.extend(given.from);
        together.beside.extend(given.beside);
    }
    // What is named outside may be what decides.
    if !shared.is_empty() {
        together.from.clear();
    }
    candidate(path, None, together.naming(shared)).into_iter().collect()
}

/// As an inventory can write it.
fn fits(name: &str) -> bool {
    !name.trim().is_empty() && !name.contains(char::is_control)
}

impl Given {
    fn naming(mut self, variables: BTreeSet<String>) -> Self {
        self.is_named |= !variables.is_empty();
        self.filled.extend(variables.iter().cloned());
        self.variables.extend(variables);
        self
    }
}

fn given(ground: &Ground<'_>, path: &str, app: &App, named: BTreeSet<String>) -> Given {
    let mut given = Given::default().naming(named);
    let own = folder_of(path);
    let folder = app.folder.as_deref().map(|folder| beneath(own, folder));
    if let Some(file) = &app.env_file {
        let base = folder.as_deref().unwrap_or(own);
        let file = beneath(base, file);
        if let Some((variables, filled)) = held(ground, &file) {
            // Where both have it, only a run would tell which wins.
            if variables.is_disjoint(&given.variables) {
                let of = app.name.iter().map(|name| format!("`{}`", inert(name))).collect();
                let by = format!("{} names it {}", base_name(path), links::FOR_PM2);
                given.from.insert(file, Named { by, of });
            }
            given.variables.extend(variables);
            given.filled.extend(filled);
        }
    }
    if let Some(folder) = folder {
        let file = if folder == "." { ".env".to_owned() } else { join(&folder, ".env") };
        if let Some((variables, filled)) = held(ground, &file)
            && !given.from.contains_key(&file)
        {
            given.variables.extend(variables);
            given.filled.extend(filled);
            given.beside.insert(file);
        }
    }
    given
}

/// A path that stands in a file of this folder.
fn beneath(folder: &str, path: &str) -> String {
    if path.starts_with(['/', '~']) { path.to_owned() } else { plain(&join(folder, path)) }
}

/// What a dotenv file below the folder defines: its variables, and those that are not empty.
fn held(ground: &Ground<'_>, file: &str) -> Option<(BTreeSet<String>, BTreeSet<String>)> {
    let is_file = |path: &str| path == file && (dotenv::FINDER.wants)(path);
    if ground.files(is_file).is_empty() {
        return None;
    }
    let kind = LayerSpec::Dotenv { files: vec![file.to_owned()], dialect: None };
    let rows = ground.look(&kind).rows;
    let variables: BTreeSet<String> = rows.iter().flat_map(|row| &row.variables).cloned().collect();
    let filled = rows.into_iter().flat_map(|row| row.filled).collect();
    (!variables.is_empty()).then_some((variables, filled))
}

fn candidate(path: &str, app: Option<&str>, given: Given) -> Option<Candidate> {
    if given.variables.is_empty() {
        return None;
    }
    let (name, whose) = match app {
        Some(app) => (format!("pm2 {app}"), format!("application `{}`", inert(app))),
        None => (format!("{} (pm2)", short_name(path)), "applications".to_owned()),
    };
    let file = inert(path);
    let files: Vec<String> = given.beside.iter().map(|file| inert(file)).collect();
    let because = if given.is_named {
        format!("{file} names a variable of the catalogue for PM2's {whose}")
    } else if let Some(from) = given.from.keys().next() {
        format!("{file} gives {} to PM2's {whose}", inert(from))
    } else {
        format!("{file} has PM2's {whose} work beside {}", files.join(", "))
    };
    let guess = app
        .and_then(environment::of_file)
        .or_else(|| environment::of_path(path))
        .unwrap_or_else(|| Guess::default("production"));
    let kind = LayerSpec::Pm2 { app: app.map(str::to_owned), home: None };
    let place = format!("{path} {}", app.unwrap_or_default());
    let mut candidate = Candidate::new(kind, name, place.trim_end(), guess, because);
    // An application that reads the file itself is not given it by PM2.
    candidate.optional = !given.is_named && given.from.is_empty();
    if !files.is_empty() {
        let may = format!("it works beside {}, which it may read itself", files.join(", "));
        candidate.remarks.push(may);
    }
    candidate.variables = given.variables;
    candidate.filled = given.filled;
    Some(candidate.from(given.from))
}
