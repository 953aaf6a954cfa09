//! JSON whose values keep their exact place.

use serde_json::value::RawValue;

use crate::formats::{Refusal, yaml::lines::Lines};

const NOT_UTF8: &str = "these bytes are not UTF-8 text, so this is no JSON";
const NO_JSON: &str = "no JSON list in this file; export the variables as JSON";
pub(in crate::formats) const BROKEN: &str = "this JSON ends early or is not valid here";

/// Where a parser stopped; its own words quote the file (SECURITY P4).
fn offset_of(body: &[u8], error: &serde_json::Error) -> usize {
    let lines_before = error.line().saturating_sub(1);
    let line: usize =
        body.split_inclusive(|byte| *byte == b'\n').take(lines_before).map(<[u8]>::len).sum();
    line + error.column().saturating_sub(1)
}

/// The refusal of a file that is one JSON value, where a parser stopped.
pub(in crate::formats) fn position_of(
    bytes: &[u8],
    error: &serde_json::Error,
    reason: &'static str,
) -> Refusal {
    Refusal::at(Lines::of(bytes).position(offset_of(bytes, error)), reason)
}

/// A file with one JSON value, after lines that a command printed before it.
pub(in crate::formats) struct Document<'a> {
    bytes: &'a [u8],
    lines: Lines,
    root: &'a RawValue,
}

impl<'a> Document<'a> {
    pub(in crate::formats) fn of(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let lines = Lines::of(bytes);
        let text = std::str::from_utf8(bytes)
            .map_err(|error| Refusal::at(lines.position(error.valid_up_to()), NOT_UTF8))?;
        let start = start_of_json(text).ok_or(Refusal { position: None, reason: NO_JSON })?;
        let body = text.get(start..).unwrap_or_default();
        let root: &RawValue = serde_json::from_str(body).map_err(|error| {
            Refusal::at(lines.position(start + offset_of(body.as_bytes(), &error)), BROKEN)
        })?;
        Ok(Self { bytes, lines, root })
    }

    /// The value of the whole file.
    pub(in crate::formats) const fn root(&self) -> &'a RawValue {
        self.root
    }

    /// Where its lines begin.
    pub(in crate::formats) const fn lines(&self) -> &Lines {
        &self.lines
    }

    /// The raw value is a slice of the file, so the distance of their addresses is its offset.
    pub(in crate::formats) fn offset(&self, raw: &RawValue) -> usize {
        raw.get().as_ptr().addr().saturating_sub(self.bytes.as_ptr().addr()).min(self.bytes.len())
    }
}

/// The first line that begins as a JSON list or object does; some exporters print a line before.
fn start_of_json(text: &str) -> Option<usize> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let blank = |character: char| character.is_whitespace() || character == '\u{feff}';
        let content = line.trim_start_matches(blank);
        if content.starts_with(['[', '{']) {
            return Some(start + line.len() - content.len());
        }
        start += line.len();
    }
    None
}
