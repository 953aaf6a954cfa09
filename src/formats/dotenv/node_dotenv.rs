//! Node's `dotenv` package (16, 17 and 18, both of its parsers).
//!
//! The package finds statements with one regular expression over the whole text and never fails:
//! what does not match is passed over. White space is JavaScript's, and so are the ends of lines:
//! U+2028 and U+2029 end a comment, but not an unquoted value.

use crate::formats::{
    Contents, Environment, Refusal,
    dotenv::{
        characters::{first, leading, line, trim_end},
        collector::Collector,
        javascript::is_space,
        source::{Decoding, Invalid, Returns, Source},
    },
};

/// How the package decodes a file.
pub(super) const DECODING: Decoding = Decoding {
    drops_byte_order_mark: false,
    invalid: Invalid::Replaced,
    returns: Returns::Newlines,
};

/// Reads a file as `dotenv.parse` does.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    let source = Source::decode(bytes, DECODING)?;
    let mut collector = Collector::new(&source, environment);
    scan(source.text(), &mut |found| match found {
        Found::Passed { at } => {
            collector.problem(at, "a line that is no assignment; dotenv passes it over");
        }
        Found::Assignment { name, at, value, quote } => {
            collector.assign(name, at, decode(value, quote));
        }
    });
    Ok(collector.finish())
}

/// What the package's expression finds.
pub(super) enum Found<'text> {
    /// A line that is passed over.
    Passed {
        /// Where it starts.
        at: usize,
    },
    /// An assignment.
    Assignment {
        /// The name.
        name: &'text str,
        /// Where the value stands.
        at: usize,
        /// The value without its quotes, not decoded.
        value: &'text [u8],
        /// The first byte of the value as it was written, a quote or not.
        quote: u8,
    },
}

/// Finds the assignments of a text.
pub(super) fn scan(text: &[u8], emit: &mut dyn FnMut(Found<'_>)) {
    let mut at = leading(text, is_space);
    while at < text.len() {
        at = if text[at] == b'#' { line_end(text, at) } else { read_statement(text, at, emit) };
        at += leading(&text[at..], is_space);
    }
}

/// A statement as far as its value: where name and value begin.
struct Head {
    name: std::ops::Range<usize>,
    value: usize,
}

/// Reads the statement that starts at `start`, or passes its line over, and says where to go on.
fn read_statement(text: &[u8], start: usize, emit: &mut dyn FnMut(Found<'_>)) -> usize {
    let exported = export_length(&text[start..]);
    let head = find_head(text, start + exported);
    let Some(Head { name, value }) = head else {
        emit(Found::Passed { at: start });
        let word = leading(&text[start..], is_name);
        return line_end(text, start + word);
    };
    let name = std::str::from_utf8(&text[name]).unwrap_or_default();
    if let Some((open, close)) = quoted(text, value) {
        let inner = &text[open + 1..close];
        emit(Found::Assignment { name, at: open + 1, value: inner, quote: text[open] });
        return line_end(text, close + 1);
    }
    let rest = line(text, value);
    let rest = &rest[..memchr::memchr(b'#', rest).unwrap_or(rest.len())];
    let end = value + rest.len();
    let indent = leading(rest, is_space);
    let plain = trim_end(&rest[indent..], is_space);
    let quote = plain.first().copied().unwrap_or_default();
    let stripped = strip_quotes(plain);
    let at = value + indent + usize::from(is_quote(quote) && stripped.len() < plain.len());
    emit(Found::Assignment { name, at, value: &stripped, quote });
    line_end(text, end)
}

/// `export` and the white space behind it, when a name follows.
fn export_length(text: &[u8]) -> usize {
    let Some(rest) = text.strip_prefix(b"export") else { return 0 };
    let space = leading(rest, is_space);
    let named = leading(&rest[space..], is_name) > 0;
    if space > 0 && named { b"export".len() + space } else { 0 }
}

/// A name with `=` behind it, or with a colon and white space.
fn find_head(text: &[u8], start: usize) -> Option<Head> {
    let end = start + leading(&text[start..], is_name);
    if end == start {
        return None;
    }
    let name = start..end;
    let sign = end + leading(&text[end..], is_space);
    if text.get(sign) == Some(&b'=') {
        return Some(Head { name, value: sign + 1 });
    }
    let after = text.get(end..)?.strip_prefix(b":").filter(|after| !after.is_empty())?;
    let (character, length) = first(after);
    is_space(character).then_some(Head { name, value: end + 1 + length })
}

/// Where the quotes around the value at `start` stand, if it is quoted.
///
/// A quote closes when only white space or a comment follows it on its line. A quote behind a
/// backslash closes only if no later one does, and the first without a backslash is the last that
/// is looked at.
fn quoted(text: &[u8], start: usize) -> Option<(usize, usize)> {
    let open = start + leading(&text[start..], is_space);
    let quote = *text.get(open).filter(|byte| is_quote(**byte))?;
    let mut close = None;
    for at in memchr::memchr_iter(quote, &text[open + 1..]).map(|at| open + 1 + at) {
        let after = &text[at + 1..];
        let gap = leading(after, |character| is_space(character) && !ends_line(character));
        if after
            .get(gap)
            .is_none_or(|_| matches!(first(&after[gap..]).0, '#' | '\n' | '\u{2028}' | '\u{2029}'))
        {
            close = Some(at);
        }
        if text[at - 1] != b'\\' {
            break;
        }
    }
    close.map(|close| (open, close))
}

/// An unquoted value that still begins and ends with the same quote loses both; where U+2028 or
/// U+2029 stand in it, that holds for each of its lines.
fn strip_quotes(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let quote = text[at];
        let close = if is_quote(quote) {
            memchr::memrchr_iter(quote, &text[at + 1..])
                .map(|close| at + 1 + close)
                .find(|close| close + 1 == text.len() || ends_line(first(&text[close + 1..]).0))
        } else {
            None
        };
        if let Some(close) = close {
            out.extend_from_slice(&text[at + 1..close]);
            at = close + 1;
        }
        let end = line_end(text, at);
        let next = end + if end < text.len() { first(&text[end..]).1 } else { 0 };
        out.extend_from_slice(&text[at..next]);
        at = next;
    }
    out
}

/// `\n` and `\r` mean line breaks in a value that began with a double quote.
fn decode(text: &[u8], quote: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest).filter(|_| quote == b'"') {
        out.extend_from_slice(&rest[..at]);
        let (decoded, length) = match rest.get(at + 1) {
            Some(b'n') => (b'\n', 2),
            Some(b'r') => (b'\r', 2),
            _ => (b'\\', 1),
        };
        out.push(decoded);
        rest = &rest[at + length..];
    }
    out.extend_from_slice(rest);
    out
}

/// Where the line of `at` ends, by JavaScript's rules.
fn line_end(text: &[u8], at: usize) -> usize {
    let rest = &text[at..];
    let end = memchr::memchr2_iter(b'\n', 0xe2, rest)
        .find(|end| ends_line(first(&rest[*end..]).0))
        .unwrap_or(rest.len());
    at + end
}

/// `$` and `^` of JavaScript look for these (a `\r` never gets this far).
const fn ends_line(character: char) -> bool {
    matches!(character, '\n' | '\u{2028}' | '\u{2029}')
}

const fn is_quote(byte: u8) -> bool {
    matches!(byte, b'\'' | b'"' | b'`')
}

const fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-')
}
