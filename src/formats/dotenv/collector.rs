//! The assignments of one file, and which of them win.

use std::collections::HashMap;

use crate::{
    domain::{
        place::Place,
        reading::{Occurrence, Problem, Yield},
        secret::SecretValue,
    },
    formats::{Contents, Environment, MOST_VALUE_BYTES, Refusal, dotenv::source::Source},
};

/// Collects what an engine finds, in file order, for readers whose last assignment wins.
pub(super) struct Collector<'file> {
    source: &'file Source<'file>,
    environment: &'file Environment,
    contents: Contents,
    deciding: HashMap<String, usize>,
    bytes: usize,
}

impl<'file> Collector<'file> {
    /// Starts with nothing.
    pub(super) fn new(source: &'file Source<'file>, environment: &'file Environment) -> Self {
        Self {
            source,
            environment,
            contents: Contents::default(),
            deciding: HashMap::new(),
            bytes: 0,
        }
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

    /// What an earlier line of the file gave `variable`; `None` when no line named it.
    pub(super) fn assigned(&self, variable: &str) -> Option<&Yield<SecretValue>> {
        self.deciding.get(variable).map(|index| &self.contents.occurrences[*index].yields)
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
        if decides {
            self.deciding.insert(variable.to_owned(), self.contents.occurrences.len());
        }
        let position = self.source.position(at);
        self.contents.occurrences.push(Occurrence::new(variable, position, yields));
    }
}
