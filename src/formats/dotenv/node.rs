//! `node --env-file` (and `util.parseEnv`), Node 22 and later.
//!
//! A parser of Node's own that looks like dotenv's and is not: white space behind `=` may swallow
//! the next line, a quoted value ends at the first quote of its kind, and nothing is escaped but
//! `\n` between double quotes. Carriage returns are taken out before it looks.

use crate::formats::{
    Contents, Environment, Refusal,
    dotenv::{
        collector::Collector,
        javascript::until_nul,
        source::{Decoding, Invalid, Returns, Source},
    },
};

/// How Node and its descendants decode a file.
pub(super) const DECODING: Decoding = Decoding {
    drops_byte_order_mark: false,
    invalid: Invalid::Replaced,
    returns: Returns::Dropped,
};

/// Reads a file as `node --env-file` does.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    let source = Source::decode(bytes, DECODING)?;
    let mut collector = Collector::new(&source, environment);
    scan(source.text(), Quotes::First, &mut |entry| entry.record(&mut collector, true));
    Ok(collector.finish())
}

/// Parses a file as `util.parseEnv` does: no process is involved that would end values at NUL.
pub(super) fn parse(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    let source = Source::decode(bytes, DECODING)?;
    let mut collector = Collector::new(&source, environment);
    scan(source.text(), Quotes::First, &mut |entry| entry.record(&mut collector, false));
    Ok(collector.finish())
}

/// One assignment, or a line that is none.
pub(super) enum Entry<'text> {
    /// A line that is passed over.
    Passed {
        /// Where it starts.
        at: usize,
    },
    /// An assignment.
    Assignment {
        /// The name, not checked.
        name: &'text [u8],
        /// Where the value stands.
        at: usize,
        /// The value.
        value: Vec<u8>,
        /// References in it would count: it stands in no quotes, or in double ones.
        open: bool,
    },
}

impl Entry<'_> {
    /// Hands it to a collector. `to_process`: as environment variables, which end at a NUL byte.
    pub(super) fn record(&self, collector: &mut Collector<'_>, to_process: bool) {
        match self {
            Self::Passed { at } => {
                collector.problem(*at, "a line that is no assignment; it is passed over");
            }
            Self::Assignment { name, at, value, .. } => {
                let cut = |text| if to_process { until_nul(text) } else { text };
                let name = std::str::from_utf8(cut(name)).unwrap_or_default();
                collector.assign(name, *at, cut(value));
            }
        }
    }
}

/// The part of a text that is still to be read. Node trims it at both ends, so that it may end
/// before the file does.
#[derive(Clone, Copy)]
struct Rest<'text> {
    text: &'text [u8],
    at: usize,
    end: usize,
}

impl<'text> Rest<'text> {
    fn bytes(&self) -> &'text [u8] {
        &self.text[self.at..self.end]
    }

    fn find(&self, byte: u8, from: usize) -> Option<usize> {
        memchr::memchr(byte, self.bytes().get(from..)?).map(|at| from + at)
    }

    /// Goes on behind the line break at or after `from`, or to the end.
    fn skip_line(&mut self, from: usize) {
        self.at = self.find(b'\n', from).map_or(self.end, |newline| self.at + newline + 1);
    }

    fn trim(&mut self) {
        let bytes = self.bytes();
        let start = bytes.iter().take_while(|byte| is_space(**byte)).count();
        self.end = self.at + trim(bytes).len() + start;
        self.at += start;
    }
}

/// Which quote closes a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    /// The first.
    First,
    /// The first on its line that nothing but a comment follows; else the first.
    BeforeLineEnd,
}

/// Finds the assignments of a text.
pub(super) fn scan(text: &[u8], quotes: Quotes, emit: &mut dyn FnMut(Entry<'_>)) {
    let mut rest = Rest { text, at: 0, end: text.len() };
    rest.trim();
    while let Some(first) = rest.bytes().first() {
        if matches!(first, b'\n' | b'#') {
            rest.skip_line(0);
            continue;
        }
        let start = rest.at;
        let Some(sign) = memchr::memchr2(b'=', b'\n', rest.bytes()) else {
            emit(Entry::Passed { at: start });
            break;
        };
        let name = trim(&rest.bytes()[..sign]);
        let line_breaks = rest.bytes()[sign] == b'\n';
        rest.at += sign + 1;
        if line_breaks {
            emit(Entry::Passed { at: start });
            rest.trim();
            continue;
        }
        if matches!(rest.bytes().first(), None | Some(b'\n')) {
            emit(Entry::Assignment { name, at: rest.at, value: Vec::new(), open: false });
            continue;
        }
        rest.trim();
        if name.is_empty() {
            emit(Entry::Passed { at: start });
            continue;
        }
        let name = name.strip_prefix(b"export ").map_or(name, trim);
        if !read_value(&mut rest, name, quotes, emit) {
            break;
        }
    }
}

/// Reads the value that `rest` starts with; `false` when nothing is left.
fn read_value(
    rest: &mut Rest<'_>,
    name: &[u8],
    quotes: Quotes,
    emit: &mut dyn FnMut(Entry<'_>),
) -> bool {
    let at = rest.at;
    let Some(quote) = rest.bytes().first().copied() else {
        emit(Entry::Assignment { name, at, value: Vec::new(), open: false });
        return false;
    };
    let in_quotes = matches!(quote, b'"' | b'\'' | b'`');
    if in_quotes && let Some(first) = rest.find(quote, 1) {
        let close = match quotes {
            Quotes::First => first,
            Quotes::BeforeLineEnd => last_quote(rest.bytes(), first),
        };
        let inner = &rest.bytes()[1..close];
        let value = if quote == b'"' { newlines(inner) } else { inner.to_vec() };
        emit(Entry::Assignment { name, at: at + 1, value, open: quote == b'"' });
        rest.skip_line(close + 1);
        return true;
    }
    let length = rest.find(b'\n', 0).unwrap_or(rest.bytes().len());
    let line = &rest.bytes()[..length];
    let value = if in_quotes {
        line
    } else {
        trim(&line[..memchr::memchr(b'#', line).unwrap_or(line.len())])
    };
    emit(Entry::Assignment { name, at, value: value.to_vec(), open: !in_quotes });
    rest.skip_line(length);
    rest.trim();
    true
}

/// The quote on the line of `first` that only white space and a comment follow; `first` when there
/// is none.
fn last_quote(text: &[u8], first: usize) -> usize {
    let line = &text[first..];
    let line = &line[..memchr::memchr(b'\n', line).unwrap_or(line.len())];
    memchr::memchr_iter(text[first], line)
        .find(|at| matches!(trim(&line[at + 1..]).first(), None | Some(b'#')))
        .map_or(first, |at| first + at)
}

/// `\n` means a line break.
pub(super) fn newlines(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, b"\\n") {
        out.extend_from_slice(&rest[..at]);
        out.push(b'\n');
        rest = &rest[at + 2..];
    }
    out.extend_from_slice(rest);
    out
}

fn trim(text: &[u8]) -> &[u8] {
    let start = text.iter().take_while(|byte| is_space(**byte)).count();
    let text = &text[start..];
    let trailing = text.iter().rev().take_while(|byte| is_space(**byte)).count();
    &text[..text.len() - trailing]
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n')
}
