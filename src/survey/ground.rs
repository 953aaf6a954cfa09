//! What the finders see: names of files, and which variables a layer would hold. Values are dropped
//! here.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use regex::bytes::Regex;

use super::{Request, universe::Universe, walk::Tree};
use crate::{
    domain::{
        credential::CredentialFacts,
        inert::inert,
        layer::Instance,
        reading::{Occurrence, Origin, Reading, State},
        secret::SecretValue,
    },
    inventory::{Layer, LayerSpec},
    layers::{self, Surroundings},
};

/// What GitHub makes anew for each job: nobody rotates it.
const MADE_BY_GITHUB: [&str; 2] = ["secrets.GITHUB_TOKEN", "github.token"];

/// One row that a layer would have, and what it holds.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) instance: Option<Instance>,
    /// The variables that it defines or is given.
    pub(super) variables: BTreeSet<String>,
    /// The files that these come from.
    pub(super) from: BTreeMap<String, Origin>,
}

/// What reading a layer came to.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// The rows that hold something.
    pub(super) rows: Vec<Row>,
    /// Why the layer, or a part of it, could not be read; inert.
    pub(super) unreadable: Option<String>,
    /// Whose rules a file is read by, and why so.
    pub(super) reader: Option<(String, String)>,
}

impl Look {
    /// All that the rows hold.
    pub(super) fn variables(&self) -> BTreeSet<String> {
        self.rows.iter().flat_map(|row| row.variables.iter().cloned()).collect()
    }
}

pub(super) struct Ground<'a> {
    pub(super) folder: PathBuf,
    pub(super) request: Request,
    pub(super) surroundings: Surroundings,
    pub(super) credentials: Vec<&'a CredentialFacts>,
    files: Vec<String>,
    /// The name of any variable.
    names: Option<Regex>,
    notes: RefCell<Vec<String>>,
}

impl<'a> Ground<'a> {
    pub(super) fn new(
        folder: &Path,
        tree: Tree,
        surroundings: Surroundings,
        universe: &'a Universe,
        request: Request,
    ) -> Self {
        let mut names: Vec<String> =
            universe.variables().keys().map(|name| regex::escape(name)).collect();
        // The longest first: an alternation takes the first that fits.
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        Self {
            folder: folder.to_owned(),
            request,
            surroundings,
            credentials: universe.credentials.iter().collect(),
            files: tree.files,
            names: Regex::new(&names.join("|")).ok(),
            notes: RefCell::default(),
        }
    }

    /// The files with such a path.
    pub(super) fn files(&self, wanted: impl Fn(&str) -> bool) -> Vec<&str> {
        self.files.iter().map(String::as_str).filter(|path| wanted(path)).collect()
    }

    /// Whether there is such a file below the folder; also one that no finder asked for.
    pub(super) fn has_file(&self, path: &str) -> bool {
        let is_below = !path.starts_with('/') && path.split('/').all(|part| part != "..");
        is_below && self.surroundings.file(path).is_file()
    }

    /// Something a person should know.
    pub(super) fn note(&self, note: String) {
        self.notes.borrow_mut().push(note);
    }

    pub(super) fn into_notes(self) -> Vec<String> {
        self.notes.into_inner()
    }

    /// The variables whose names stand anywhere in a file; also within longer names.
    pub(super) fn mentioned(&self, path: &str) -> BTreeSet<String> {
        let Some(names) = &self.names else { return BTreeSet::new() };
        let look = |bytes: &[u8]| -> BTreeSet<String> {
            names
                .find_iter(bytes)
                .filter(|found| {
                    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                    let before = found.start().checked_sub(1).and_then(|at| bytes.get(at));
                    !before.is_some_and(is_part) && !bytes.get(found.end()).is_some_and(is_part)
                })
                .filter_map(|found| std::str::from_utf8(found.as_bytes()).ok().map(str::to_owned))
                .collect()
        };
        layers::peek(&self.surroundings.file(path), look).unwrap_or_default()
    }

    /// Has the reader of its kind read a layer.
    pub(super) fn look(&self, kind: &LayerSpec) -> Look {
        let layer = Layer {
            name: "survey".to_owned(),
            environment: "survey".to_owned(),
            credentials: None,
            optional: false,
            source: None,
            restart: None,
            owner: None,
            kind: kind.clone(),
        };
        let readings = layers::read(&layer, &self.credentials, &self.surroundings);
        let mut look = Look::default();
        let mut rows: Vec<Row> = Vec::new();
        for reading in &readings {
            let row = match rows.iter_mut().find(|row| row.instance == reading.instance) {
                Some(row) => row,
                None => {
                    rows.push(Row { instance: reading.instance.clone(), ..Row::default() });
                    let last = rows.len() - 1;
                    &mut rows[last]
                }
            };
            for occurrence in reading.occurrences.iter().filter(|found| is_held(kind, found)) {
                row.variables.insert(occurrence.variable.clone());
            }
            row.from.extend(origins(kind, reading));
            if let State::Unreadable(why) = &reading.state {
                let place = why.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
                look.unreadable.get_or_insert_with(|| inert(&format!("{place}{}", why.detail)));
            }
            if look.reader.is_none() {
                look.reader = reading.evidence.reader.as_ref().map(|reader| {
                    let because = reading.evidence.reader_because.as_deref().unwrap_or("its kind");
                    (reader.clone(), because.to_owned())
                });
            }
        }
        rows.retain(|row| !row.variables.is_empty());
        look.rows = rows;
        look
    }
}

/// Whether an occurrence says that the layer has the variable, and not only that this shell has it.
fn is_held(kind: &LayerSpec, occurrence: &Occurrence<SecretValue>) -> bool {
    match &occurrence.origin {
        Origin::ShellEnvironment => matches!(kind, LayerSpec::Shell),
        Origin::CiReference(name) => !MADE_BY_GITHUB.contains(&name.as_str()),
        _ => true,
    }
}

/// The files, other than the layer's own, that the deciding value stands in.
fn origins(kind: &LayerSpec, reading: &Reading<SecretValue>) -> BTreeMap<String, Origin> {
    let own: BTreeSet<String> = kind.paths().into_iter().map(plain).collect();
    let winners = || reading.occurrences.iter().filter(|occurrence| occurrence.wins);
    let from_variables = winners()
        .any(|occurrence| matches!(occurrence.origin, Origin::ComposeEnvironment));
    reading
        .occurrences
        .iter()
        .filter(|occurrence| match occurrence.origin {
            // What stands beside an entry of `environment:` is where its value came from.
            Origin::ComposeDotenv => from_variables,
            _ => occurrence.wins,
        })
        .filter_map(|occurrence| {
            let path = plain(occurrence.place.path.as_deref()?);
            (!own.contains(&path)).then(|| (path, occurrence.origin.clone()))
        })
        .collect()
}

/// Without `.` and `x/..`, so that two ways to write a path are one.
pub(super) fn plain(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." if parts.last().is_some_and(|last| !matches!(*last, ".." | "")) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}
