//! Pure parsers: bytes in, occurrences out. Nothing here opens a file or looks at the process.
//!
//! Each format is one file. A format never fails for a bad line that its consumer survives, never
//! executes anything, and reports a [`Refusal`] exactly where its consumer would load nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    place::Position,
    reading::{Occurrence, Problem},
    secret::SecretValue,
    trap::{Trap, Trapped},
};

pub mod ci;
pub mod compose;
pub mod dotenv;
pub mod export;
pub mod files;
mod json;
pub mod kubernetes;
mod pattern;
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
    /// Variables that are assigned as well, where only some are kept in `occurrences`.
    pub other_names: Vec<String>,
    /// Traps that the format itself saw, by variable; without one, of the whole file.
    pub traps: Vec<(Option<String>, Trapped)>,
}

impl Contents {
    /// The occurrence that decides what the consumer sees for `variable`.
    pub fn winner(&self, variable: &str) -> Option<&Occurrence<SecretValue>> {
        self.occurrences
            .iter()
            .find(|occurrence| occurrence.wins && occurrence.variable == variable)
    }

    /// Without the variables that nobody wants; names that may be a slip stay.
    #[must_use]
    pub fn only(mut self, wanted: &Wanted) -> Self {
        let is_wanted =
            |occurrence: &Occurrence<SecretValue>| wanted.contains(&occurrence.variable);
        if !self.occurrences.iter().all(is_wanted) {
            let (kept, others): (Vec<_>, Vec<_>) =
                self.occurrences.into_iter().partition(is_wanted);
            self.occurrences = kept;
            let names = others.into_iter().map(|occurrence| occurrence.variable);
            self.other_names.extend(names.filter(|name| wanted.resembles(name)));
        }
        self
    }
}

/// What a problem's sentence is called in the catalogue of traps, where it is one.
///
/// A trap is about the variable at the problem's line; where `true` stands, about all of the file,
/// or about what stands below it there.
pub fn trap_of(problem: &str) -> Option<(Trap, bool)> {
    const TRAPS: [(&str, Trap, bool); 12] = [
        (shell::LEAVES, Trap::InteractiveOnly, true),
        (shell::NOT_EXPORTED, Trap::NotExported, false),
        (kubernetes::ENCODED_AGAIN, Trap::Base64Layer, false),
        (kubernetes::ENCODED_BREAK, Trap::Base64Layer, false),
        (export::STAGED, Trap::Staged, false),
        (ci::PROTECTED, Trap::ScopeMismatch, false),
        (ci::UNSCOPED, Trap::ScopeMismatch, false),
        (ci::LOSES, Trap::WrongPrecedenceBelief, false),
        (systemd::REST_IGNORED, Trap::RestIgnored, false),
        (systemd::NO_ASSIGNMENT, Trap::RestIgnored, false),
        (compose::INACTIVE, Trap::ScopeMismatch, true),
        (compose::OVERRIDE_IGNORED, Trap::OverrideFileIgnored, true),
    ];
    let known = TRAPS.iter().find(|(text, ..)| *text == problem);
    known.map(|(_, trap, of_file)| (*trap, *of_file))
}

/// The variables that a caller asks for, where values of others need not be kept.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    names: BTreeSet<String>,
}

/// A slip changes the length of a name by no more than this.
const MOST_SLIPPED: usize = 2;

impl Wanted {
    /// These names.
    pub fn new(names: BTreeSet<String>) -> Self {
        Self { names }
    }

    /// The names, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// It is one of them.
    pub fn contains(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// It may be one of them misspelt: its length is close.
    pub fn resembles(&self, name: &str) -> bool {
        self.names.iter().any(|wanted| wanted.len().abs_diff(name.len()) <= MOST_SLIPPED)
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
