//! `$NAME` and `${NAME}` in GitLab variables that are not raw.

use std::collections::HashMap;

use super::CiEntry;
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

/// The variables that one job sees.
pub(super) struct Expander<'a> {
    visible: HashMap<&'a str, &'a CiEntry>,
    /// The variables whose values are being expanded.
    open: Vec<&'a str>,
    /// Bytes that the value being expanded may still take.
    left: usize,
    /// Bytes that all values may still take.
    left_of_all: usize,
}

enum Obstacle {
    Opaque(OpaqueReason),
    Circle,
}

impl<'a> Expander<'a> {
    /// Only the winners are visible.
    pub(super) fn new(entries: &'a [CiEntry], winners: &[usize]) -> Self {
        let visible = winners
            .iter()
            .map(|index| (entries[*index].occurrence.variable.as_str(), &entries[*index]))
            .collect();
        Self { visible, open: Vec::new(), left: 0, left_of_all: MOST_BYTES_OF_ALL }
    }

    /// The value that a job would see. A name that no variable has becomes empty, one that only
    /// the pipeline knows makes the value unknowable; variables that refer to each other in a
    /// circle keep their text.
    pub(super) fn value(&mut self, entry: &'a CiEntry) -> Yield<SecretValue> {
        self.open.clear();
        self.left = MOST_BYTES;
        match self.entry(entry) {
            Ok(value) => Yield::Value(SecretValue::new(value)),
            Err(Obstacle::Opaque(reason)) => Yield::Opaque(reason),
            Err(Obstacle::Circle) => entry.occurrence.yields.clone(),
        }
    }

    fn entry(&mut self, entry: &'a CiEntry) -> Result<Vec<u8>, Obstacle> {
        let value = match &entry.occurrence.yields {
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
        self.open.push(&entry.occurrence.variable);
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
            None if name.starts_with("CI_") || name.starts_with("GITLAB_") => {
                Err(Obstacle::Opaque(OpaqueReason::Reference))
            }
            None => Ok(Vec::new()),
        }
    }
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
