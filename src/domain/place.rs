//! Where something stands in a file.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Line and column, both counted from 1 and the column in bytes, of the first byte of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in bytes, from 1.
    pub column: u32,
}

impl Position {
    /// The position of byte `offset` in `text`. An offset past the end gives the end.
    pub fn of_offset(text: &[u8], offset: usize) -> Self {
        let before = &text[..offset.min(text.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
        Self { line: line as u32, column: (before.len() - start + 1) as u32 }
    }
}

/// A file, as the inventory or the data named it, and a position in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The path as a person would open it (relative to the inventory where it was written so);
    /// already inert. `None` for a layer that is no file (this shell, a process).
    pub path: Option<String>,
    /// Where in that file; `None` when only the file is known.
    pub position: Option<Position>,
}

impl Place {
    /// A position whose file is filled in later, by the layer that opened it.
    pub fn at(position: Position) -> Self {
        Self { path: None, position: Some(position) }
    }

    /// A whole file.
    pub fn file(path: impl Into<String>) -> Self {
        Self { path: Some(path.into()), position: None }
    }

    /// The same position in a named file.
    #[must_use]
    pub fn in_file(self, path: impl Into<String>) -> Self {
        Self { path: Some(path.into()), ..self }
    }
}

impl fmt::Display for Place {
    /// `path:line:column`, the form that editors and terminals open.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.path, self.position) {
            (Some(path), Some(at)) => write!(formatter, "{path}:{}:{}", at.line, at.column),
            (Some(path), None) => formatter.write_str(path),
            (None, Some(at)) => write!(formatter, "line {}, column {}", at.line, at.column),
            (None, None) => formatter.write_str("-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_from_one_and_in_bytes() {
        let text = "A=1\nSCHLÜSSEL=x\n".as_bytes();
        assert_eq!(Position::of_offset(text, 0), Position { line: 1, column: 1 });
        assert_eq!(Position::of_offset(text, 4), Position { line: 2, column: 1 });
        let value = text.iter().rposition(|byte| *byte == b'x').unwrap();
        assert_eq!(Position::of_offset(text, value), Position { line: 2, column: 12 });
        assert_eq!(Position::of_offset(text, 999), Position { line: 3, column: 1 });
    }
}
