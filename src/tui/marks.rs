//! The colour and the two glyphs of each key, so that equal keys look equal at a glance.

use std::collections::HashMap;

use crate::{
    domain::{fingerprint::Fingerprint, snapshot::Snapshot},
    tui::theme::MARKS,
};

/// What decorates one key; never its identity, which is text (SECURITY F6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Number of the colour.
    pub colour: usize,
    /// Number of the two glyphs.
    pub glyphs: usize,
}

/// The marks of all keys seen in this run. A key takes what its fingerprint says, or the next that
/// is free, and keeps it: in an incident there are two keys, and they must not look alike.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    known: HashMap<Fingerprint, Mark>,
    colours: Vec<usize>,
    glyphs: HashMap<usize, usize>,
}

impl Marks {
    /// Marks for every key of the picture, with `colours` colours to choose from.
    pub fn learn(&mut self, snapshot: &Snapshot, colours: usize) {
        self.colours.resize(colours.max(1), 0);
        for row in &snapshot.rows {
            if let Some(expected) = row.expected.as_ref().and_then(|expected| expected.fingerprint)
            {
                self.add(expected);
            }
            if let Some(key) = row.key() {
                self.add(key.fingerprint);
            }
        }
    }

    fn add(&mut self, fingerprint: Fingerprint) {
        if self.known.contains_key(&fingerprint) {
            return;
        }
        let [colour, high, low, _] = fingerprint.decoration();
        let count = self.colours.len();
        let start = usize::from(colour) % count;
        let colour = (0..count)
            .map(|step| (start + step) % count)
            .min_by_key(|candidate| self.colours[*candidate])
            .unwrap_or(start);
        self.colours[colour] += 1;
        let wanted = usize::from(u16::from_be_bytes([high, low])) % MARKS;
        let taken = |number: &usize| self.glyphs.contains_key(number);
        let glyphs = (0..MARKS)
            .map(|step| (wanted + step) % MARKS)
            .find(|number| !taken(number))
            .unwrap_or(wanted);
        *self.glyphs.entry(glyphs).or_default() += 1;
        self.known.insert(fingerprint, Mark { colour, glyphs });
    }

    /// The mark of a key.
    pub fn of(&self, fingerprint: &Fingerprint) -> Option<Mark> {
        self.known.get(fingerprint).copied()
    }
}
