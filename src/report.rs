//! Writers over a snapshot. Each writes one format and knows nothing but the snapshot.

pub mod checklist;
pub mod confirmation;
pub mod evidence;
pub mod human;
pub mod json;
pub mod page;
pub mod requests;

use std::io::{self, Write};

use crate::domain::{snapshot::Snapshot, verdict::Verdict};

/// What a report needs to know besides the snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Colour may be used.
    pub colour: bool,
    /// Only ASCII can be drawn.
    pub ascii: bool,
}

/// The formats of `check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A table for people.
    Human,
    /// The contract for programs.
    Json,
}

/// Writes the snapshot. `exit_code` is what `check` will end with; the JSON contract carries it.
///
/// # Errors
/// Those of the writer.
pub fn write(
    snapshot: &Snapshot,
    format: Format,
    style: Style,
    exit_code: u8,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Human => human::write(snapshot, style, out),
        Format::Json => json::write(snapshot, exit_code, out),
    }
}

/// `6 current, 3 stale`: the worst first.
pub fn verdict_counts(snapshot: &Snapshot) -> String {
    let counts: Vec<String> = Verdict::ALL
        .iter()
        .filter_map(|verdict| {
            snapshot.summary.verdicts.get(verdict).map(|count| format!("{count} {verdict}"))
        })
        .collect();
    if counts.is_empty() { "no rows".to_owned() } else { counts.join(", ") }
}
