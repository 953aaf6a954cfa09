//! Pure parsers: bytes in, occurrences out. Nothing here opens a file or looks at the process.
//!
//! Each format is one file. A format never fails for a bad line that its consumer survives, never
//! executes anything, and reports a [`Refusal`] exactly where its consumer would load nothing.

use std::collections::BTreeMap;

use crate::domain::{
    place::Position,
    reading::{Occurrence, Problem},
    secret::SecretValue,
};

pub mod ci;
pub mod compose;
pub mod dotenv;
pub mod export;
pub mod files;
mod json;
pub mod kubernetes;
pub mod shell;
pub mod systemd;
pub mod template;
mod tree;
pub mod yaml;

/// Interpolation can double a value with every line. A value, or all values of a file together,
/// that would grow beyond this many bytes are not followed.
const MOST_VALUE_BYTES: usize = 4 * 1024 * 1024;

/// Variables of a process, as a parser that interpolates or passes names through needs them.
pub type Environment = BTreeMap<String, SecretValue>;

/// What a file gives its consumer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Every assignment, in file order; the winners are marked by the consumer's own rules.
    pub occurrences: Vec<Occurrence<SecretValue>>,
    /// What the consumer survives but a person should know.
    pub problems: Vec<Problem>,
}

impl Contents {
    /// The occurrence that decides what the consumer sees for `variable`.
    pub fn winner(&self, variable: &str) -> Option<&Occurrence<SecretValue>> {
        self.occurrences
            .iter()
            .find(|occurrence| occurrence.wins && occurrence.variable == variable)
    }
}

/// The consumer's own reader refuses the file and loads nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Where, when the consumer would say so.
    pub position: Option<Position>,
    /// Why, in a fixed sentence that quotes nothing of the file (SECURITY P4).
    pub reason: &'static str,
}

impl Refusal {
    /// A refusal at a place.
    pub(crate) const fn at(position: Position, reason: &'static str) -> Self {
        Self { position: Some(position), reason }
    }
}
