//! What every shape does with its values.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Part;
use crate::{
    domain::{
        place::{Place, Position},
        reading::{Occurrence, OpaqueReason, Problem, Yield},
        secret::SecretValue,
    },
    formats::{Contents, tree::Node},
};

/// The variables of one consumer, while they are collected.
#[derive(Default)]
pub(super) struct Collector {
    entries: Vec<Entry>,
    problems: Vec<Problem>,
    elsewhere: bool,
}

/// One variable of an export.
pub(super) struct Entry {
    variable: String,
    position: Position,
    yields: Yield<SecretValue>,
    /// Of several entries of one variable the last of the highest rank wins.
    rank: u8,
    updated_at: Option<Timestamp>,
}

impl Entry {
    /// A variable whose value stands at `node`.
    pub(super) fn of(variable: &str, node: &Node) -> Self {
        Self::new(variable, node.position, yields(node))
    }

    /// A variable whose value cannot be known.
    pub(super) fn opaque(variable: &str, position: Position, reason: OpaqueReason) -> Self {
        Self::new(variable, position, Yield::Opaque(reason))
    }

    /// A variable that gives anything.
    pub(super) fn new(variable: &str, position: Position, yields: Yield<SecretValue>) -> Self {
        Self { variable: variable.to_owned(), position, yields, rank: 0, updated_at: None }
    }

    pub(super) fn ranked(self, rank: u8) -> Self {
        Self { rank, ..self }
    }

    pub(super) fn updated(self, updated_at: Option<Timestamp>) -> Self {
        Self { updated_at, ..self }
    }
}

impl Collector {
    pub(super) fn add(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    pub(super) fn problem(&mut self, position: Position, text: &'static str) {
        self.problems.push(Problem { place: Place::at(position), text });
    }

    /// More variables come from a place that the export only names.
    pub(super) fn more_elsewhere(&mut self) {
        self.elsewhere = true;
    }

    pub(super) fn finish(self) -> Part {
        let mut best: BTreeMap<&str, (u8, usize)> = BTreeMap::new();
        for (index, entry) in self.entries.iter().enumerate() {
            let candidate = (entry.rank, index);
            let winner = best.entry(&entry.variable).or_insert(candidate);
            *winner = candidate.max(*winner);
        }
        let winners: Vec<usize> = best.into_values().map(|(_, index)| index).collect();
        let mut part = Part { elsewhere: self.elsewhere, ..Part::default() };
        let mut occurrences = Vec::new();
        for (index, entry) in self.entries.into_iter().enumerate() {
            let mut occurrence = Occurrence::new(entry.variable, entry.position, entry.yields);
            occurrence.wins =
                winners.contains(&index) && part.updated(&occurrence, entry.updated_at);
            occurrences.push(occurrence);
        }
        part.contents = Contents { occurrences, problems: self.problems };
        part
    }
}

impl Part {
    /// The part's only value is meant whatever it is called, unless its name is one that programs
    /// use: then it may be another variable's.
    pub(super) fn alone(mut self) -> Self {
        if let [only] = self.contents.occurrences.as_slice()
            && !is_variable_name(&only.variable)
        {
            self.bare = Some(only.clone());
        }
        self
    }

    /// Notes when a winner was updated.
    fn updated(&mut self, winner: &Occurrence<SecretValue>, at: Option<Timestamp>) -> bool {
        self.updated_at.extend(at.map(|at| (winner.variable.clone(), at)));
        true
    }
}

/// What a value of an export gives: nothing that is masked, hidden or a reference is a key.
pub(super) fn yields(node: &Node) -> Yield<SecretValue> {
    match node.scalar() {
        None => Yield::Opaque(OpaqueReason::Hidden),
        Some(text) if is_masked(text.expose()) => Yield::Opaque(OpaqueReason::Hidden),
        Some(text) if is_reference(text.expose()) => Yield::Opaque(OpaqueReason::Reference),
        Some(text) => Yield::Value(text.clone()),
    }
}

/// What platforms print in place of a value: `[SENSITIVE]`, stars or dots, a ciphertext of KMS.
fn is_masked(value: &[u8]) -> bool {
    const WORDS: [&[u8]; 4] =
        [b"[SENSITIVE]", b"[REDACTED]", b"<hidden-by-infisical>", b"<concealed by 1Password>"];
    WORDS.contains(&value)
        || value.starts_with(b"AQICA")
        || value.starts_with(b"***")
        || value.starts_with("•••".as_bytes())
}

/// What another tool resolves before the consumer sees it.
pub(super) fn is_reference(value: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 6] =
        [b"arn:", b"op://", b"vault:", b"encrypted:", b"@Microsoft.KeyVault(", b"{{resolve:"];
    let google =
        value.starts_with(b"projects/") && memchr::memmem::find(value, b"/secrets/").is_some();
    google || BEGINNINGS.iter().any(|beginning| value.starts_with(beginning))
}

/// A time as platforms write it: RFC 3339, or seconds or milliseconds since 1970.
pub(super) fn time(node: Option<&Node>) -> Option<Timestamp> {
    const LATEST_SECONDS: f64 = 1e11;
    let text = node?.as_name()?;
    let Ok(number) = text.parse::<f64>() else { return text.parse().ok() };
    let milliseconds = if number.abs() < LATEST_SECONDS { number * 1e3 } else { number };
    let time = Timestamp::from_millisecond(milliseconds as i64).ok()?;
    (time > Timestamp::UNIX_EPOCH).then_some(time)
}

/// A value of no bytes.
pub(super) fn empty() -> Yield<SecretValue> {
    Yield::Value(SecretValue::new(""))
}

/// `OPENAI_API_KEY`, as environment variables are spelled.
pub(super) fn is_variable_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_uppercase() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}
