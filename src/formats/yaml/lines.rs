//! Offsets to places, many times over one text.

use crate::domain::place::Position;

/// Where the lines of a text begin.
#[derive(Debug, Clone)]
pub struct Lines {
    starts: Vec<usize>,
    length: usize,
}

impl Lines {
    /// Reads the text once.
    pub fn of(text: &[u8]) -> Self {
        let breaks = memchr::memchr_iter(b'\n', text).map(|index| index + 1);
        Self { starts: std::iter::once(0).chain(breaks).collect(), length: text.len() }
    }

    /// The place of a byte; an offset past the end gives the end.
    pub fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.length);
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        Position { line: line as u32, column: (offset - start + 1) as u32 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn places_are_those_of_a_single_look(text in "[a\n\rü]*", offset in 0_usize..60) {
            let lines = Lines::of(text.as_bytes());
            prop_assert_eq!(lines.position(offset), Position::of_offset(text.as_bytes(), offset));
        }
    }
}
