//! What is kept of a compose file: the parts that decide a container's environment.

use std::collections::{BTreeMap, BTreeSet};

use super::mounts::{Mount, Resources};
use crate::domain::{
    place::Place,
    reading::{Occurrence, Problem, Yield},
    secret::SecretValue,
    trap::Trap,
};

/// The services of one or several files, by name.
pub(super) type Services = BTreeMap<String, Service>;

/// One document of a file, with what it takes away from the files before it.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer {
    pub(super) services: Services,
    pub(super) resources: Resources,
    pub(super) resets: Vec<Reset>,
    pub(super) includes: Vec<Include>,
}

/// One service before its environment is put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) place: Place,
    pub(super) environment: Option<Block>,
    pub(super) env_files: Vec<EnvFile>,
    /// Its `secrets:` and `configs:`.
    pub(super) mounts: Vec<Mount>,
    pub(super) profiles: Vec<String>,
    pub(super) extends: Option<Extends>,
    /// Which of `image`, `build` and `provider` it has; it needs one to run.
    pub(super) runs: BTreeSet<&'static str>,
    /// About its `environment:`; told when the service is part of the answer.
    pub(super) problems: Vec<Problem>,
}

impl Service {
    /// Bytes that a clone copies.
    pub(super) fn cost(&self) -> usize {
        let entries = self.environment.iter().flat_map(|block| &block.entries);
        let values = entries.map(|entry| {
            let sources = entry.sources.iter().map(|source| match &source.yields {
                Yield::Value(value) => size_of::<Occurrence<SecretValue>>() + value.len(),
                _ => size_of::<Occurrence<SecretValue>>(),
            });
            let value = entry.value.as_ref().map_or(0, SecretValue::len);
            size_of::<Entry>() + value + sources.sum::<usize>()
        });
        values.sum::<usize>() + self.env_files.len() * size_of::<EnvFile>()
    }
}

/// The `environment:` of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) form: Form,
    /// In the order of the files; the last live entry of a variable counts.
    pub(super) entries: Vec<Entry>,
}

/// How `environment:` is written. Compose resolves names that are passed through earlier in lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `NAME: value`
    Map,
    /// `- NAME=value`; also what a merge of two blocks becomes.
    List,
}

/// One entry of `environment:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) variable: String,
    /// `None` while a name that is passed through is not resolved.
    pub(super) value: Option<SecretValue>,
    pub(super) place: Place,
    /// Where the value came from, when it does not stand in the file itself; none of these wins.
    pub(super) sources: Vec<Occurrence<SecretValue>>,
    /// What the way in which it is written does to it.
    pub(super) traps: Vec<Trap>,
    /// Not taken away by `!reset` or `!override`.
    pub(super) live: bool,
}

/// One file of `env_file:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EnvFile {
    pub(super) path: String,
    pub(super) required: bool,
    /// `format: raw`: read as `docker run --env-file` does.
    pub(super) raw: bool,
    /// Where it is named.
    pub(super) place: Place,
}

/// The service that a service is based on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extends {
    pub(super) service: String,
    pub(super) file: Option<String>,
    pub(super) place: Place,
}

/// One element of `include:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Include {
    /// The first is the main file, the others are laid over it.
    pub(super) paths: Vec<String>,
    pub(super) folder: Option<String>,
    pub(super) env_files: Vec<String>,
    pub(super) place: Place,
}

/// What `!reset` and `!override` take away from what came before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reset {
    Services,
    Service(String),
    Attribute(String, String),
    Variable(String, String),
}
