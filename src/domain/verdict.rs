//! What is true of one row.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The verdict on one row, in the order in which the first that holds decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The layer could not be read.
    Unreadable,
    /// The layer should define it and does not, or defines it empty.
    Missing,
    /// The value is damaged.
    Malformed,
    /// Holds a key known to be old.
    Stale,
    /// Holds the expected key, and the provider refuses it.
    Rejected,
    /// Holds another key than expected, not known to be old.
    Mismatch,
    /// Cannot be decided.
    Unproven,
    /// Holds the expected key, and the provider accepts it or was not asked.
    Current,
}

impl Verdict {
    /// Every verdict, in order of precedence.
    pub const ALL: [Self; 8] = [
        Self::Unreadable,
        Self::Missing,
        Self::Malformed,
        Self::Stale,
        Self::Rejected,
        Self::Mismatch,
        Self::Unproven,
        Self::Current,
    ];

    /// The word on every screen and in the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Stale => "stale",
            Self::Rejected => "rejected",
            Self::Mismatch => "mismatch",
            Self::Unproven => "unproven",
            Self::Current => "current",
        }
    }

    /// One glyph, different for every verdict, so that nothing depends on colour.
    pub const fn glyph(self) -> &'static str {
        match self {
            Self::Unreadable => "!",
            Self::Missing => "∅",
            Self::Malformed => "◊",
            Self::Stale => "✗",
            Self::Rejected => "⊘",
            Self::Mismatch => "≠",
            Self::Unproven => "?",
            Self::Current => "✓",
        }
    }

    /// The glyph where only ASCII can be drawn.
    pub const fn ascii_glyph(self) -> &'static str {
        match self {
            Self::Unreadable => "!",
            Self::Missing => "0",
            Self::Malformed => "%",
            Self::Stale => "x",
            Self::Rejected => "-",
            Self::Mismatch => "#",
            Self::Unproven => "?",
            Self::Current => "+",
        }
    }

    /// Something is wrong with this row.
    pub const fn is_error(self) -> bool {
        matches!(
            self,
            Self::Missing | Self::Malformed | Self::Stale | Self::Rejected | Self::Mismatch
        )
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// How sure a verdict is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Nothing that was read contradicts it.
    Certain,
    /// Inferred; the screen says so.
    Likely,
}

impl Certainty {
    /// The word of the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
        }
    }
}
