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
pub mod container;
pub mod dotenv;
pub mod ecosystem;
pub mod export;
pub mod files;
mod glob;
pub mod host;
mod json;
pub mod kubernetes;
mod pattern;
pub mod pm2;
pub mod report;
pub mod shell;
pub mod sign_in;
pub mod supervisor;
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
        let fit = |occurrence: &Occurrence<SecretValue>| wanted.fit(occurrence.variable.as_bytes());
        let (kept, others): (Vec<_>, Vec<_>) =
            self.occurrences.into_iter().partition(|occurrence| fit(occurrence) == Fit::Wanted);
        self.occurrences = kept;
        // These may be held for as long as the program runs.
        self.occurrences.shrink_to_fit();
        let slips = others.into_iter().filter(|occurrence| fit(occurrence) == Fit::Slip);
        self.other_names.extend(slips.map(|occurrence| occurrence.variable));
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

/// The variables that a caller asks for, where values of others need not be kept. Asked about every
/// line of every file, so most names are told apart by their length and letters alone.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    names: BTreeSet<String>,
    outlines: Vec<Outline>,
}

/// What a name is to who asks for some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// One of them.
    Wanted,
    /// It may be one of them misspelt. No slip is missed; other names may pass for one.
    Slip,
    /// Neither.
    Other,
}

/// A slip changes so many characters of a name, or only the case of letters.
const MOST_SLIPPED: u32 = 2;

impl Wanted {
    /// These names.
    pub fn new(names: BTreeSet<String>) -> Self {
        let mut outlines: Vec<Outline> =
            names.iter().map(|name| Outline::of(name.as_bytes())).collect();
        outlines.sort_unstable();
        outlines.dedup();
        Self { names, outlines }
    }

    /// The names, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// What this name is to them.
    pub fn fit(&self, name: &[u8]) -> Fit {
        let outline = Outline::of(name);
        if !self.outlines.iter().any(|wanted| wanted.is_near(outline)) {
            Fit::Other
        } else if self.outlines.contains(&outline)
            && self.names.iter().any(|wanted| wanted.as_bytes() == name)
        {
            Fit::Wanted
        } else {
            Fit::Slip
        }
    }
}

/// What a slip can change only a little: how many characters a name has, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Outline {
    characters: u32,
    /// A bit for each letter in either case, for the digits, and for all else.
    kinds: u32,
}

impl Outline {
    fn of(name: &[u8]) -> Self {
        let mut outline = Self { characters: 0, kinds: 0 };
        for byte in name {
            outline.characters += u32::from(byte & 0xc0 != 0x80);
            // In ASCII the low five bits of a letter are its number, from 1.
            outline.kinds |= match byte {
                b'a'..=b'z' | b'A'..=b'Z' => 1 << (byte & 0x1f),
                b'0'..=b'9' => 1 << 27,
                b'_' => 1 << 28,
                _ => 1 << 29,
            };
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_slip_is_missed(
            name in "[A-Z0-9_]{6,20}",
            slips in prop::collection::vec((0_usize..20, "[A-Za-z_\u{e4}\u{202e}]?"), 0..=2),
            inserts: bool,
            lower: bool,
        ) {
            let wanted = Wanted::new([name.clone()].into());
            prop_assert_eq!(wanted.fit(name.as_bytes()), Fit::Wanted);
            let mut slipped: Vec<String> = name.chars().map(String::from).collect();
            for (at, with) in slips {
                let at = at % slipped.len();
                if inserts { slipped.insert(at, with) } else { slipped[at] = with }
            }
            let mut slipped = slipped.concat();
            if lower {
                slipped.make_ascii_lowercase();
            }
            let expected = if slipped == name { Fit::Wanted } else { Fit::Slip };
            prop_assert_eq!(wanted.fit(slipped.as_bytes()), expected);
        }
    }

    #[test]
    fn other_names_are_told_apart_by_length_or_letters() {
        let wanted = Wanted::new(["OPENAI_API_KEY".to_owned()].into());
        for name in ["PORT", "DATABASE_URL", "POSTGRES_HOST", "OPENAI_API_KEY_BACKUP"] {
            assert_eq!(wanted.fit(name.as_bytes()), Fit::Other, "{name}");
        }
    }
}
