//! `$NAME` and `${NAME}` in GitLab variables that are not raw.

use std::collections::{BTreeSet, HashMap};

use super::draft::Entry;
use crate::domain::{
    reading::{OpaqueReason, Yield},
    secret::SecretValue,
};

/// Most variables that may refer to each other in a chain.
const MOST_DEPTH: usize = 50;

/// Most bytes of an expanded value; GitLab's own limit for a variable is 10 000 characters.
const MOST_BYTES: usize = 64 * 1024;

/// Most bytes that all values of one list may expand to.
const MOST_BYTES_OF_ALL: usize = 8 * 1024 * 1024;

/// What a name means that no entry of the file has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    /// The file is the whole list: nothing.
    Empty,
    /// Another place may define it.
    Elsewhere,
}

/// The variables that one job sees.
pub(super) struct Expander<'a> {
    visible: HashMap<&'a str, &'a Entry>,
    /// The variables whose values are being expanded.
    open: Vec<&'a str>,
    /// Bytes that the value being expanded may still take.
    left: usize,
    /// Bytes that all values may still take.
    left_of_all: usize,
    unknown: Unknown,
}

enum Obstacle {
    Opaque(OpaqueReason),
    Circle,
}

impl<'a> Expander<'a> {
    /// Only the winners are visible.
    pub(super) fn new(entries: &'a [Entry], winners: &BTreeSet<usize>, unknown: Unknown) -> Self {
        let visible = winners
            .iter()
            .filter_map(|index| entries.get(*index))
            .map(|entry| (entry.variable.as_str(), entry))
            .collect();
        Self { visible, open: Vec::new(), left: 0, left_of_all: MOST_BYTES_OF_ALL, unknown }
    }

    /// The value that a job would see. A name that no variable has becomes empty, one that only
    /// the pipeline knows makes the value unknowable; variables that refer to each other in a
    /// circle keep their text.
    pub(super) fn value(&mut self, entry: &'a Entry) -> Yield<SecretValue> {
        self.open.clear();
        self.left = MOST_BYTES;
        match self.entry(entry) {
            Ok(value) => Yield::Value(SecretValue::new(value)),
            Err(Obstacle::Opaque(reason)) => Yield::Opaque(reason),
            Err(Obstacle::Circle) if self.unknown == Unknown::Elsewhere => {
                Yield::Opaque(OpaqueReason::Reference)
            }
            Err(Obstacle::Circle) => entry.yields.clone(),
        }
    }

    fn entry(&mut self, entry: &'a Entry) -> Result<Vec<u8>, Obstacle> {
        let value = match &entry.yields {
            Yield::Value(value) => value.expose(),
            Yield::Opaque(reason) => return Err(Obstacle::Opaque(*reason)),
            Yield::Unset | Yield::Inherited => return Ok(Vec::new()),
        };
        let taken = value.len() + 1;
        if taken > self.left || taken > self.left_of_all || self.open.len() >= MOST_DEPTH {
            return Err(Obstacle::Opaque(OpaqueReason::Reference));
        }
        self.left -= taken;
        self.left_of_all -= taken;
        if !entry.expands {
            return Ok(value.to_vec());
        }
        self.open.push(&entry.variable);
        let mut expanded = Vec::with_capacity(value.len());
        let mut rest = value;
        while let Some(dollar) = memchr::memchr(b'$', rest) {
            let (before, after) = rest.split_at(dollar);
            expanded.extend_from_slice(before);
            let after = after.get(1..).unwrap_or_default();
            let (name, length) = reference(after);
            rest = after.get(length..).unwrap_or_default();
            match name {
                Some(name) => expanded.extend_from_slice(&self.variable(name)?),
                None => expanded.push(b'$'),
            }
        }
        expanded.extend_from_slice(rest);
        self.open.pop();
        Ok(expanded)
    }

    fn variable(&mut self, name: &str) -> Result<Vec<u8>, Obstacle> {
        if self.open.contains(&name) {
            return Err(Obstacle::Circle);
        }
        match self.visible.get(name).copied() {
            Some(entry) => self.entry(entry),
            None if self.unknown == Unknown::Empty && !is_predefined(name) => Ok(Vec::new()),
            None => Err(Obstacle::Opaque(OpaqueReason::Reference)),
        }
    }
}

/// Only the pipeline knows it.
fn is_predefined(name: &str) -> bool {
    name.starts_with("CI_") || name.starts_with("GITLAB_")
}

/// The name behind a `$`, and the bytes it takes; no name for `$$` and for a bare dollar.
fn reference(text: &[u8]) -> (Option<&str>, usize) {
    let name = |text: &[u8]| {
        let first = text.first().is_some_and(|byte| *byte == b'_' || byte.is_ascii_alphabetic());
        let word = text.iter().take_while(|byte| **byte == b'_' || byte.is_ascii_alphanumeric());
        if first { word.count() } else { 0 }
    };
    let text_of = |from, to| text.get(from..to).and_then(|word| std::str::from_utf8(word).ok());
    match text.first() {
        Some(b'$') => (None, 1),
        Some(b'{') => {
            let length = name(text.get(1..).unwrap_or_default());
            if length > 0 && text.get(length + 1) == Some(&b'}') {
                (text_of(1, length + 1), length + 2)
            } else {
                (None, 0)
            }
        }
        _ => match name(text) {
            0 => (None, 0),
            length => (text_of(0, length), length),
        },
    }
}
