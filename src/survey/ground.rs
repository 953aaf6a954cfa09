//! What the finders see: names of files, and which variables a layer would hold. Values are dropped
//! here.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use regex::bytes::Regex;

use super::{Request, universe::Universe, walk::Tree};
use crate::formats::files::plain;
use crate::{
    domain::{
        credential::CredentialFacts,
        held::Held,
        inert::inert,
        layer::Instance,
        reading::{Occurrence, OpaqueReason, Origin, Reading, State, Yield},
    },
    inventory::{Layer, LayerSpec, trust::Trust},
    layers::{self, ReadFiles, Surroundings},
};

/// What GitHub makes anew for each job: nobody rotates it.
const MADE_BY_GITHUB: [&str; 2] = ["secrets.GITHUB_TOKEN", "github.token"];

/// One row that a layer would have, and what it holds.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) instance: Option<Instance>,
    /// The variables that it defines or is given.
    pub(super) variables: BTreeSet<String>,
    /// Those of them that are not defined as empty.
    pub(super) filled: BTreeSet<String>,
    /// The files that these come from.
    pub(super) from: BTreeMap<String, Origin>,
}

/// What reading a layer came to.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// The rows that hold something.
    pub(super) rows: Vec<Row>,
    /// How many rows hold nothing.
    pub(super) idle: usize,
    /// More may come from places that it only names.
    pub(super) elsewhere: bool,
    /// Why the layer, or a part of it, could not be read; inert.
    pub(super) unreadable: Option<String>,
    /// Whose rules a file is read by, and why so.
    pub(super) reader: Option<(String, String)>,
}

pub(super) struct Ground<'a> {
    pub(super) folder: PathBuf,
    pub(super) running: bool,
    pub(super) templates: bool,
    pub(super) surroundings: Surroundings,
    pub(super) credentials: Vec<&'a CredentialFacts>,
    files: Vec<String>,
    /// The name of any variable.
    names: Option<Regex>,
    notes: RefCell<Vec<String>>,
}

impl<'a> Ground<'a> {
    pub(super) fn new(request: Request<'_>, tree: Tree, universe: &'a Universe) -> Self {
        let variables = universe.variables();
        let mut names: Vec<String> = variables.keys().map(|name| regex::escape(name)).collect();
        // The longest first: an alternation takes the first that fits.
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        let wanted = variables.keys().map(|name| (*name).to_owned()).collect();
        // A person asked for it: every place that a finder names may be read.
        let trust = Arc::new(Trust::All);
        let files = Arc::new(ReadFiles::new(wanted));
        let Request { folder, home, shell, running, templates } = request;
        Self {
            folder: folder.to_owned(),
            running,
            templates,
            surroundings: Surroundings::new(folder, home, shell, files, trust),
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
            hosts: Vec::new(),
            kind: kind.clone(),
        };
        let readings = layers::read(&layer, &self.credentials, &self.surroundings);
        let mut look = Look::default();
        let mut rows: Vec<Row> = Vec::new();
        for reading in &readings {
            let known = rows.iter().position(|row| row.instance == reading.instance);
            let at = known.unwrap_or_else(|| {
                rows.push(Row { instance: reading.instance.clone(), ..Row::default() });
                rows.len() - 1
            });
            let row = &mut rows[at];
            for occurrence in reading.occurrences.iter().filter(|found| is_held(kind, found)) {
                row.variables.insert(occurrence.variable.clone());
                if !is_blank(occurrence) {
                    row.filled.insert(occurrence.variable.clone());
                }
            }
            look.elsewhere |= matches!(reading.state, State::Opaque(OpaqueReason::Elsewhere));
            row.from.extend(origins(kind, reading));
            if let State::Unreadable(why) = &reading.state {
                let place =
                    why.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
                look.unreadable.get_or_insert_with(|| inert(&format!("{place}{}", why.detail)));
            }
            if look.reader.is_none() {
                look.reader = reading.evidence.reader.as_ref().map(|reader| {
                    let because = reading.evidence.reader_because.as_deref().unwrap_or("its kind");
                    (reader.clone(), because.to_owned())
                });
            }
        }
        let all = rows.len();
        rows.retain(|row| !row.variables.is_empty());
        look.idle = all - rows.len();
        look.rows = rows;
        look
    }
}

/// Whether an occurrence says that the layer has the variable, and not only that this shell has it.
fn is_held(kind: &LayerSpec, occurrence: &Occurrence<Held>) -> bool {
    match &occurrence.origin {
        Origin::ShellEnvironment => matches!(kind, LayerSpec::Shell),
        Origin::CiReference(name) => !MADE_BY_GITHUB.contains(&name.as_str()),
        _ => true,
    }
}

/// A line that nobody filled in. What a service or a job is given may be empty here alone.
fn is_blank(occurrence: &Occurrence<Held>) -> bool {
    matches!(&occurrence.yields, Yield::Value(Held::Secret(value)) if value.is_empty())
        && !matches!(occurrence.origin, Origin::ComposeEnvironment | Origin::CiScope(_))
}

/// The files, other than the layer's own, that the deciding value stands in.
fn origins(kind: &LayerSpec, reading: &Reading<Held>) -> BTreeMap<String, Origin> {
    let own: BTreeSet<String> = kind.paths().into_iter().map(plain).collect();
    let winners = || reading.occurrences.iter().filter(|occurrence| occurrence.wins);
    let from_variables =
        winners().any(|occurrence| matches!(occurrence.origin, Origin::ComposeEnvironment));
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
