//! One line of the file as it may be shown: keys and punctuation, and of the values nothing.

use std::{cell::OnceCell, collections::BTreeMap, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue, Error},
};
use unicode_width::UnicodeWidthStr;

use super::{Source, mistake::Mistake};
use crate::domain::{inert::inert, place::Position};

/// What stands for something that is not shown.
const HIDDEN: &str = "…";
/// The most columns of a line that are shown.
const MOST_COLUMNS: usize = 160;

/// A line and where its caret goes, in columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub(super) line: String,
    pub(super) indent: usize,
    pub(super) width: usize,
}

/// The text of a file and what each part of it is.
#[derive(Debug, Clone)]
pub(super) struct Sheet {
    name: String,
    text: String,
    /// Start to end and kind of every key and every scalar; collected for the first excerpt, since a
    /// file without mistakes needs none.
    parts: OnceCell<BTreeMap<usize, (usize, Part)>>,
    /// Bytes where the parser lost its way, sorted.
    faults: Vec<usize>,
    /// Where each line starts.
    lines: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Key,
    Text,
    Plain,
}

impl Sheet {
    pub(super) fn new(source: &Source<'_>, errors: &[Error]) -> Self {
        let mut faults: Vec<_> =
            errors.iter().map(|error| error.span().map_or(0, |span| span.start)).collect();
        faults.sort_unstable();
        let breaks = memchr::memchr_iter(b'\n', source.text.as_bytes());
        let lines = std::iter::once(0).chain(breaks.map(|at| at + 1)).collect();
        Self {
            name: source.name.to_owned(),
            text: source.text.to_owned(),
            parts: OnceCell::new(),
            faults,
            lines,
        }
    }

    fn parts(&self) -> &BTreeMap<usize, (usize, Part)> {
        self.parts.get_or_init(|| {
            let (tree, errors) = DeTable::parse_recoverable(&self.text);
            let mut parts = BTreeMap::new();
            collect_table(tree.get_ref(), &mut parts);
            for error in errors {
                if error.message().starts_with("duplicate key")
                    && let Some(span) = error.span()
                {
                    parts.insert(span.start, (span.end, Part::Key));
                }
            }
            parts
        })
    }

    /// Line and column of a byte.
    pub(super) fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|index| self.lines.get(index)).unwrap_or(&0);
        Position { line: line as u32, column: (offset - start + 1) as u32 }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether the parser never lost its way.
    pub(super) fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }

    /// Whether the parser lost its way in the line of byte `offset`.
    pub(super) fn is_faulty(&self, offset: usize) -> bool {
        let line = self.line_around(offset);
        let next = self.faults.partition_point(|fault| *fault < line.start);
        self.faults.get(next).is_some_and(|fault| *fault <= line.end)
    }

    /// A mistake about `span`; with `named`, the value there is a name that may be shown.
    pub(super) fn mistake(
        &self,
        span: Range<usize>,
        what: impl Into<String>,
        named: bool,
    ) -> Mistake {
        let start = span.start.min(self.text.len());
        let span = start..span.end.clamp(start, self.text.len());
        Mistake {
            position: self.position(span.start),
            what: what.into(),
            allowed: Vec::new(),
            did_you_mean: None,
            help: None,
            file: self.name.clone(),
            excerpt: self.excerpt(&span, named),
            span,
        }
    }

    fn line_around(&self, offset: usize) -> Range<usize> {
        let bytes = self.text.as_bytes();
        let offset = offset.min(bytes.len());
        let start =
            bytes[..offset].iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
        let end = bytes[offset..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(bytes.len(), |index| offset + index);
        start..end
    }

    /// The part that covers `offset`.
    fn part_at(&self, offset: usize) -> Option<(Range<usize>, Part)> {
        let (start, (end, part)) = self.parts().range(..=offset).next_back()?;
        (offset < *end).then_some((*start..*end, *part))
    }

    fn excerpt(&self, span: &Range<usize>, named: bool) -> Option<Excerpt> {
        let line = self.line_around(span.start);
        let faulty = self.is_faulty(span.start);
        let assigns = self.text.get(line.clone())?.contains(['=', '[']);
        let mut shown = String::new();
        let (mut caret_start, mut caret_end) = (None, None);
        let mut after_equals = false;
        let mut at = line.start;
        while at < line.end && caret_end.is_none_or(|_| shown.width() < MOST_COLUMNS) {
            if at >= span.start && caret_start.is_none() {
                caret_start = Some(shown.width());
            }
            if at >= span.end && caret_end.is_none() {
                caret_end = Some(shown.width());
            }
            if let Some((range, part)) = self.part_at(at) {
                let here = at..range.end.min(line.end);
                let whole = range.start >= line.start && range.end <= line.end;
                let text = self.text.get(here.clone()).unwrap_or_default();
                let may = whole && !(faulty && (after_equals || !assigns));
                shown.push_str(&match part {
                    Part::Key if may => shown_name(text),
                    Part::Plain if may && is_plain(text) => text.to_owned(),
                    Part::Text if may && named && range.start == span.start => shown_name(text),
                    Part::Text if whole && text.starts_with(['"', '\'']) => format!("\"{HIDDEN}\""),
                    _ => HIDDEN.to_owned(),
                });
                at = here.end;
                continue;
            }
            match self.text.as_bytes()[at] {
                b'#' => break,
                byte @ (b' ' | b'[' | b']' | b'{' | b'}' | b'=' | b',' | b'.') => {
                    after_equals |= byte == b'=';
                    shown.push(char::from(byte));
                }
                b'\t' => shown.push_str("    "),
                b'\r' => {}
                byte if is_bare(byte) && !faulty && !after_equals => {
                    // The first part of a dotted name that stands in the tree at another place.
                    let rest = &self.text.as_bytes()[at..line.end];
                    let length = rest.iter().take_while(|byte| is_bare(**byte)).count();
                    shown.push_str(&shown_name(self.text.get(at..at + length).unwrap_or_default()));
                    at += length;
                    continue;
                }
                _ => {
                    // Nothing is known of what stands here, so nothing more of the line is shown.
                    shown.push_str(HIDDEN);
                    break;
                }
            }
            at += 1;
        }
        let shown = shown.trim_end().to_owned();
        let indent = caret_start.unwrap_or_else(|| shown.width().saturating_sub(1));
        let end = caret_end.unwrap_or_else(|| shown.width()).min(shown.width());
        Some(Excerpt { width: end.saturating_sub(indent).max(1), indent, line: shown })
    }
}

fn collect_table(table: &DeTable<'_>, parts: &mut BTreeMap<usize, (usize, Part)>) {
    for (key, node) in table {
        parts.insert(key.span().start, (key.span().end, Part::Key));
        collect(node, parts);
    }
}

fn collect(node: &Spanned<DeValue<'_>>, parts: &mut BTreeMap<usize, (usize, Part)>) {
    let part = match node.get_ref() {
        DeValue::Table(table) => return collect_table(table, parts),
        DeValue::Array(array) => {
            return array.iter().for_each(|element| collect(element, parts));
        }
        DeValue::String(_) => Part::Text,
        _ => Part::Plain,
    };
    if !node.span().is_empty() {
        parts.insert(node.span().start, (node.span().end, part));
    }
}

/// A byte of a name without quotes.
const fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// A switch or a short number; whatever else is not quoted may be anything.
fn is_plain(text: &str) -> bool {
    text == "true"
        || text == "false"
        || (text.len() <= 8
            && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-._".contains(&byte)))
}

/// A name from the file as it may be shown: inert, and hidden when it could be a pasted key. A key
/// is a long word in which letters mix with digits or upper with lower case; names of variables, in
/// short capital words, are not.
pub fn shown_name(name: &str) -> String {
    if name.split_whitespace().any(could_be_a_key) { HIDDEN.to_owned() } else { inert(name) }
}

fn could_be_a_key(word: &str) -> bool {
    const LONG: usize = 20;
    const VERY_LONG: usize = 64;
    if word.len() < LONG {
        return false;
    }
    let has = |is: fn(&u8) -> bool| word.bytes().any(|byte| is(&byte));
    let variable = word.contains('_')
        && !has(u8::is_ascii_lowercase)
        && word.split(['_', '"', '\'']).all(|part| part.len() < 16);
    let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    let digits = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    word.len() >= VERY_LONG
        || (!variable && (mixed || digits || !word.is_ascii()))
        || (has(u8::is_ascii_digit) && !has(u8::is_ascii_alphabetic))
}
