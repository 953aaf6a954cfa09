//! A layer that could be, and one that is proposed.

use std::collections::{BTreeMap, BTreeSet};

use super::{environment::Guess, ground::Row, universe::Universe};
use crate::inventory::{Layer, LayerSpec};

/// A layer, with what speaks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// As it would stand in the inventory.
    pub layer: Layer,
    /// Why it is a layer, inert.
    pub because: String,
    /// What its environment was guessed from; `None`: from nothing.
    pub environment_because: Option<String>,
    /// What else a person should know, inert: how a file is read, what could be its source.
    pub remarks: Vec<String>,
    /// The variables of its credentials that occur in it.
    pub variables: BTreeSet<String>,
    /// Its source is in the inventory already.
    pub(super) source_is_present: bool,
}

impl Proposal {
    /// The credentials that it holds.
    pub fn credentials(&self) -> &[String] {
        self.layer.credentials.as_deref().unwrap_or_default()
    }

    /// A source that is not written cannot be named; one that the inventory has already can.
    pub(super) fn forget_sources_but(&mut self, names: &[String]) {
        let is_named = self.layer.source.as_ref().is_none_or(|source| names.contains(source));
        if !is_named && !self.source_is_present {
            self.layer.source = None;
        }
    }
}

/// A layer before it has a name.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) kind: LayerSpec,
    /// What it would be called, if nothing else is.
    pub(super) name: String,
    /// What tells it apart where something else is called so.
    pub(super) place: String,
    pub(super) environment: Guess,
    pub(super) because: String,
    pub(super) remarks: Vec<String>,
    /// The variables that it defines or is given.
    pub(super) variables: BTreeSet<String>,
    /// Those of them that are not defined as empty.
    pub(super) filled: BTreeSet<String>,
    /// Files that what it holds comes from.
    pub(super) from: BTreeMap<String, Named>,
    /// The unit of systemd that it is, or that starts it.
    pub(super) unit: Option<String>,
    /// The processes that fit now.
    pub(super) pids: BTreeSet<u32>,
    /// Names of the containers that fit now.
    pub(super) containers: BTreeSet<String>,
    /// What it was created from.
    pub(super) compose: Option<OfCompose>,
    /// It need not hold its credentials.
    pub(super) optional: bool,
    /// Name of the layer that it certainly takes its value from.
    pub(super) source: Option<String>,
    /// That layer is in the inventory already.
    pub(super) source_is_present: bool,
}

/// The compose files, as paths from the folder, and the service of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OfCompose {
    pub(super) files: BTreeSet<String>,
    pub(super) service: String,
}

/// Who names a file, and for what: `compose.yaml names it as env_file` of `api`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) by: String,
    pub(super) of: BTreeSet<String>,
}

impl Named {
    fn join(&mut self, other: &Self) {
        self.of.extend(other.of.iter().cloned());
    }
}

impl Candidate {
    /// With more files that what it holds comes from.
    pub(super) fn from(mut self, files: BTreeMap<String, Named>) -> Self {
        for (path, named) in files {
            match self.from.get_mut(&path) {
                Some(known) => known.join(&named),
                None => {
                    self.from.insert(path, named);
                }
            }
        }
        self
    }

    pub(super) fn new(
        kind: LayerSpec,
        name: impl Into<String>,
        place: impl Into<String>,
        environment: Guess,
        because: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            name: name.into(),
            place: place.into(),
            environment,
            because: because.into(),
            remarks: Vec::new(),
            variables: BTreeSet::new(),
            filled: BTreeSet::new(),
            from: BTreeMap::new(),
            unit: None,
            pids: BTreeSet::new(),
            containers: BTreeSet::new(),
            compose: None,
            optional: false,
            source: None,
            source_is_present: false,
        }
    }

    /// With what a row, or several, hold.
    pub(super) fn holding<'r>(mut self, rows: impl IntoIterator<Item = &'r Row>) -> Self {
        for row in rows {
            self.variables.extend(row.variables.iter().cloned());
            self.filled.extend(row.filled.iter().cloned());
        }
        self
    }

    /// With names that stand in it, where it cannot be read as its consumer would.
    pub(super) fn mentioning(mut self, variables: BTreeSet<String>) -> Self {
        self.filled.extend(variables.iter().cloned());
        self.variables.extend(variables);
        self
    }

    pub(super) fn into_proposal(self, universe: &Universe) -> Proposal {
        let credentials: Vec<String> = universe
            .credentials
            .iter()
            .filter(|credential| {
                credential.variables.iter().any(|variable| self.variables.contains(variable))
            })
            .map(|credential| credential.id.clone())
            .collect();
        Proposal {
            layer: Layer {
                name: self.name,
                environment: self.environment.name,
                credentials: Some(credentials),
                optional: self.optional,
                source: self.source,
                restart: None,
                owner: None,
                hosts: Vec::new(),
                kind: self.kind,
            },
            because: self.because,
            environment_because: self.environment.because,
            remarks: self.remarks,
            variables: self.variables,
            source_is_present: self.source_is_present,
        }
    }
}
