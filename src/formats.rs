//! Pure parsers: bytes in, occurrences out. Nothing here opens a file or looks at the process.
//!
//! Each format is one file. A format never fails for a bad line that its consumer survives, never
//! executes anything, and reports a [`Refusal`] exactly where its consumer would load nothing.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Variables that are assigned as well, where only some are kept in `occurrences`.
    pub other_names: Vec<String>,
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

/// The variables that a caller asks for, where values of others need not be kept. Asked about every
/// line of every file, so most names are told apart by their length and letters alone.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    names: BTreeSet<String>,
    outlines: Vec<Outline>,
}

/// A slip changes so many characters of a name, or only the case of letters.
const MOST_SLIPPED: u32 = 2;

impl Wanted {
    /// These names.
    pub fn new(names: BTreeSet<String>) -> Self {
        let mut outlines: Vec<Outline> = names.iter().map(|name| Outline::of(name)).collect();
        outlines.sort_unstable();
        outlines.dedup();
        Self { names, outlines }
    }

    /// The names, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// It is one of them.
    pub fn contains(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// It may be one of them misspelt. No slip is missed; other names may pass.
    pub fn resembles(&self, name: &str) -> bool {
        let outline = Outline::of(name);
        self.outlines.iter().any(|wanted| wanted.is_near(outline))
    }
}

/// What a slip can change only a little: how many characters a name has, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Outline {
    characters: u32,
    /// A bit for each letter in either case, for each kind of digit and for all else.
    kinds: u64,
}

impl Outline {
    fn of(name: &str) -> Self {
        let mut outline = Self { characters: 0, kinds: 0 };
        for character in name.chars() {
            outline.characters += 1;
            let bit = match character {
                'a'..='z' => u32::from(character) - u32::from('a'),
                'A'..='Z' => u32::from(character) - u32::from('A'),
                '0'..='9' => 26 + u32::from(character) - u32::from('0'),
                '_' => 36,
                _ => 37,
            };
            outline.kinds |= 1 << bit;
        }
        outline
    }

    /// One slip takes one kind away and brings one at the most.
    fn is_near(self, other: Self) -> bool {
        self.characters.abs_diff(other.characters) <= MOST_SLIPPED
            && (self.kinds ^ other.kinds).count_ones() <= 2 * MOST_SLIPPED
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
