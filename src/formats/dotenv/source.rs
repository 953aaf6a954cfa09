//! The text of a file as a reader decodes it, with the way back to the bytes on disk.

use std::borrow::Cow;

use crate::{domain::place::Position, formats::Refusal};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

/// What a reader does before it looks at the first line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decoding {
    /// A byte order mark at the start of the file is dropped.
    pub(super) drops_byte_order_mark: bool,
    /// What happens to bytes that are not UTF-8.
    pub(super) invalid: Invalid,
    /// What becomes of carriage returns before anything else is looked at.
    pub(super) returns: Returns,
}

/// What a reader does with carriage returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Returns {
    /// They stay as they are.
    Kept,
    /// `\r\n` and a lone `\r` become `\n`.
    Newlines,
    /// `\r\n` becomes `\n`; a lone `\r` stays.
    Paired,
    /// All of them are taken out.
    Dropped,
}

/// What a reader does with bytes that are not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Invalid {
    /// They stay as they are.
    Kept,
    /// The whole file is refused.
    Refused,
    /// U+FFFD stands in for each sequence, as the WHATWG encoding standard does.
    Replaced,
}

/// From `text` on, this text stands at `raw` in the file.
#[derive(Debug)]
struct Shift {
    text: usize,
    raw: usize,
}

/// A decoded file.
#[derive(Debug)]
pub(super) struct Source<'bytes> {
    text: Cow<'bytes, [u8]>,
    shifts: Vec<Shift>,
    line_starts: Vec<usize>,
}

impl<'bytes> Source<'bytes> {
    /// Decodes the bytes of a file.
    pub(super) fn decode(bytes: &'bytes [u8], decoding: Decoding) -> Result<Self, Refusal> {
        let marked = decoding.drops_byte_order_mark && bytes.starts_with(BYTE_ORDER_MARK);
        let start = if marked { BYTE_ORDER_MARK.len() } else { 0 };
        let line_starts =
            std::iter::once(0).chain(memchr::memchr_iter(b'\n', bytes).map(|at| at + 1)).collect();
        let mut source = Self {
            text: Cow::Borrowed(&bytes[start..]),
            shifts: vec![Shift { text: 0, raw: start }],
            line_starts,
        };
        let invalid = match decoding.invalid {
            Invalid::Kept => None,
            Invalid::Refused | Invalid::Replaced => std::str::from_utf8(&bytes[start..]).err(),
        };
        if let Some(error) = invalid
            && decoding.invalid == Invalid::Refused
        {
            return Err(Refusal {
                position: Some(source.position(error.valid_up_to())),
                reason: "the file is not UTF-8; this reader loads nothing of it",
            });
        }
        let rewrites = decoding.returns != Returns::Kept && memchr::memchr(b'\r', bytes).is_some();
        if invalid.is_some() || rewrites {
            source.rewrite(&bytes[start..], start, invalid.is_some(), decoding.returns);
        }
        Ok(source)
    }

    /// Builds the decoded text piece by piece and notes where it leaves the bytes of the file.
    fn rewrite(&mut self, bytes: &[u8], start: usize, replaces: bool, returns: Returns) {
        let mut text = Vec::with_capacity(bytes.len());
        let mut raw = start;
        let mut append = |taken: usize, given: &[u8]| {
            text.extend_from_slice(given);
            raw += taken;
            if taken != given.len() {
                self.shifts.push(Shift { text: text.len(), raw });
            }
        };
        let pieces: Vec<(&[u8], usize)> = if replaces {
            let chunks = bytes.utf8_chunks();
            chunks.map(|chunk| (chunk.valid().as_bytes(), chunk.invalid().len())).collect()
        } else {
            vec![(bytes, 0)]
        };
        for (mut valid, invalid) in pieces {
            while returns != Returns::Kept
                && let Some(at) = memchr::memchr(b'\r', valid)
            {
                append(at, &valid[..at]);
                let paired = valid.get(at + 1) == Some(&b'\n');
                let (taken, given): (usize, &[u8]) = match returns {
                    Returns::Dropped => (1, b""),
                    _ if paired => (2, b"\n"),
                    Returns::Newlines => (1, b"\n"),
                    Returns::Kept | Returns::Paired => (1, b"\r"),
                };
                append(taken, given);
                valid = &valid[at + taken..];
            }
            append(valid.len(), valid);
            if invalid > 0 {
                append(invalid, REPLACEMENT);
            }
        }
        self.text = Cow::Owned(text);
    }

    /// The decoded text.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Where a byte of the decoded text stands in the file.
    pub(super) fn position(&self, at: usize) -> Position {
        let shift = &self.shifts[self.shifts.partition_point(|shift| shift.text <= at) - 1];
        let raw = shift.raw + (at - shift.text);
        let line = self.line_starts.partition_point(|start| *start <= raw);
        Position { line: line as u32, column: (raw - self.line_starts[line - 1] + 1) as u32 }
    }
}
