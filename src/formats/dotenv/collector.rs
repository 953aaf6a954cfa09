//! The assignments of one file, and which of them win.

use std::collections::{BTreeMap, HashMap};

use crate::{
    domain::{
        place::Place,
        reading::{Occurrence, OpaqueReason, Problem, Yield},
        secret::SecretValue,
    },
    formats::{Contents, Environment, MOST_VALUE_BYTES, Refusal, dotenv::source::Source},
};

/// What the files before this one give, for readers to whom several files are as one.
pub(in crate::formats) type Above = BTreeMap<String, Yield<SecretValue>>;

/// Collects what an engine finds, in file order; the last assignment of a variable wins, or the
/// first.
pub(super) struct Collector<'file> {
    source: &'file Source<'file>,
    environment: &'file Environment,
    above: Option<&'file Above>,
    contents: Contents,
    deciding: HashMap<String, usize>,
    latest: HashMap<String, usize>,
    first_wins: bool,
    bytes: usize,
}

impl<'file> Collector<'file> {
    /// Starts with nothing.
    pub(super) fn new(source: &'file Source<'file>, environment: &'file Environment) -> Self {
        Self {
            source,
            environment,
            above: None,
            contents: Contents::default(),
            deciding: HashMap::new(),
            latest: HashMap::new(),
            first_wins: false,
            bytes: 0,
        }
    }

    /// References see these, as if earlier lines of the file assigned them.
    pub(super) fn behind(mut self, above: &'file Above) -> Self {
        self.above = Some(above);
        self
    }

    /// From here on the first assignment of a variable wins.
    pub(super) fn first_wins(&mut self) {
        self.first_wins = true;
    }

    /// `variable` gets `value`, whose first byte stands at `at` of the decoded text.
    pub(super) fn assign(&mut self, variable: &str, at: usize, value: impl Into<Vec<u8>>) {
        if variable.is_empty() {
            return self.problem(at, "a value without a name; no process can be given it");
        }
        let value = SecretValue::new(value);
        self.bytes += value.len();
        self.record(variable, at, Yield::Value(value), true);
    }

    /// `variable` gets what only running a command would tell.
    pub(super) fn dynamic(&mut self, variable: &str, at: usize) {
        self.opaque(variable, at, OpaqueReason::Dynamic);
    }

    /// `variable` gets a value that cannot be known from here.
    pub(super) fn opaque(&mut self, variable: &str, at: usize, reason: OpaqueReason) {
        self.record(variable, at, Yield::Opaque(reason), true);
    }

    /// `variable` is named without a value, and this reader then has none.
    pub(super) fn unset(&mut self, variable: &str, at: usize) {
        self.record(variable, at, Yield::Unset, true);
    }

    /// `variable` is named without a value and passed through. Where the environment does not
    /// define it, an earlier assignment in the file stays.
    pub(super) fn inherit(&mut self, variable: &str, at: usize) {
        if variable.is_empty() {
            return;
        }
        let defined = self.environment.contains_key(variable);
        let decides = defined || !self.deciding.contains_key(variable);
        self.record(variable, at, Yield::Inherited, decides);
    }

    /// A line that this reader passes over.
    pub(super) fn problem(&mut self, at: usize, text: &'static str) {
        let place = Place::at(self.source.position(at));
        self.contents.problems.push(Problem { place, text });
    }

    /// The file is refused because of what stands at `at`.
    pub(super) fn refusal(&self, at: usize, reason: &'static str) -> Refusal {
        Refusal { position: Some(self.source.position(at)), reason }
    }

    /// What an earlier line of the file gave `variable`, and still gives it, or a file above this
    /// one; `None` when no line named it.
    pub(super) fn assigned(&self, variable: &str) -> Option<&Yield<SecretValue>> {
        match self.deciding.get(variable) {
            Some(index) => Some(&self.contents.occurrences[*index].yields),
            None => self.above?.get(variable),
        }
    }

    /// What the line before this one that named `variable` gave it, whoever wins.
    pub(super) fn latest(&self, variable: &str) -> Option<&Yield<SecretValue>> {
        self.latest.get(variable).map(|index| &self.contents.occurrences[*index].yields)
    }

    /// The bytes that the environment holds for `variable`.
    pub(super) fn inherited(&self, variable: &str) -> Option<&'file [u8]> {
        self.environment.get(variable).map(SecretValue::expose)
    }

    /// Refuses, in place of the reader, a file whose references make its values grow without bound.
    pub(super) fn bounded(&self, at: usize, value: &[u8]) -> Result<(), Refusal> {
        if self.bytes + value.len() > MOST_VALUE_BYTES {
            return Err(self.refusal(at, "the references make values of more than 4 MiB; not read"));
        }
        Ok(())
    }

    /// The environment that the reader runs in.
    pub(super) fn environment(&self) -> &'file Environment {
        self.environment
    }

    /// Marks the winners: the last assignment of each variable.
    pub(super) fn finish(mut self) -> Contents {
        for index in self.deciding.into_values() {
            self.contents.occurrences[index].wins = true;
        }
        self.contents
    }

    fn record(&mut self, variable: &str, at: usize, yields: Yield<SecretValue>, decides: bool) {
        let index = self.contents.occurrences.len();
        self.latest.insert(variable.to_owned(), index);
        if decides && !(self.first_wins && self.deciding.contains_key(variable)) {
            self.deciding.insert(variable.to_owned(), index);
        }
        let position = self.source.position(at);
        self.contents.occurrences.push(Occurrence::new(variable, position, yields));
    }
}

/// The bytes behind an earlier assignment, for readers that run no commands.
pub(super) fn bytes_of(yields: Option<&Yield<SecretValue>>) -> Option<&[u8]> {
    match yields {
        Some(Yield::Value(value)) => Some(value.expose()),
        _ => None,
    }
}
