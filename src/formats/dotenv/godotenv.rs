//! Go's `joho/godotenv` 1.5, also behind `gh secret set -f`.
//!
//! Compose's parser descends from this one. Names end at `=` or `:`; a value may be quoted over
//! several lines; `$NAME` and `${NAME}` (capitals only) see nothing but the file. One bad
//! statement, and nothing is loaded.

use crate::formats::{
    Contents, Environment, MOST_VALUE_BYTES, Refusal,
    dotenv::{
        characters::{first, leading, statement_start, through_json, trim_end},
        collector::{Collector, bytes_of},
        source::{Decoding, Invalid, Returns, Source},
    },
};

/// Reads a file as `godotenv.Parse` does.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    let decoding =
        Decoding { drops_byte_order_mark: false, invalid: Invalid::Kept, returns: Returns::Paired };
    let source = Source::decode(bytes, decoding)?;
    let mut collector = Collector::new(&source, environment);
    let text = source.text();
    let mut at = 0;
    while let Some(start) = statement_start(text, at) {
        at = read_statement(&mut collector, text, start)?;
    }
    Ok(collector.finish())
}

fn read_statement(
    collector: &mut Collector<'_>,
    text: &[u8],
    start: usize,
) -> Result<usize, Refusal> {
    let start = start + export_length(&text[start..]);
    let Some(sign) = name_end(collector, text, start)? else {
        // Without a sign the name is empty, and the value is the statement itself.
        return if start < text.len() {
            read_value(collector, text, "", start)
        } else {
            Err(collector.refusal(start, "`export` of nothing; godotenv loads nothing"))
        };
    };
    let name = String::from_utf8_lossy(&text[start..sign]);
    read_value(collector, text, name.trim_end(), sign + 1)
}

/// `export` and the white space behind it.
fn export_length(text: &[u8]) -> usize {
    match text.strip_prefix(b"export") {
        Some(rest) => match leading(rest, is_blank) {
            0 => 0,
            space => b"export".len() + space,
        },
        None => 0,
    }
}

/// Where `=` or `:` ends the name at `start`. Bytes are looked at as if each were a character.
fn name_end(
    collector: &Collector<'_>,
    text: &[u8],
    start: usize,
) -> Result<Option<usize>, Refusal> {
    for (at, byte) in text.iter().enumerate().skip(start) {
        match char::from(*byte) {
            '=' | ':' => return Ok(Some(at)),
            '_' | '.' => {}
            other if is_blank(other) || other.is_alphabetic() || other.is_numeric() => {}
            _ => {
                let reason = "a character that no name may contain; godotenv loads nothing";
                return Err(collector.refusal(at, reason));
            }
        }
    }
    Ok(None)
}

/// Reads the value at `at` and says where the next statement may start.
fn read_value(
    collector: &mut Collector<'_>,
    text: &[u8],
    name: &str,
    at: usize,
) -> Result<usize, Refusal> {
    let at = at + leading(&text[at..], is_blank);
    if let Some(quote @ (b'"' | b'\'')) = text.get(at).copied() {
        return read_quoted(collector, text, name, at, quote);
    }
    let end = memchr::memchr2(b'\n', b'\r', &text[at..]).map_or(text.len(), |length| at + length);
    let line = &text[at..end];
    let comment = memchr::memrchr_iter(b'#', line)
        .find(|hash| trim_end(&line[..*hash], is_blank).len() < *hash);
    let value = trim_end(&line[..comment.unwrap_or(line.len())], is_blank);
    let value = expand(collector, &through_json(value));
    collector.bounded(at, &value)?;
    collector.assign(name, at, value);
    Ok(end)
}

/// Quotes of the same kind are taken away at both ends, however many there are.
fn read_quoted(
    collector: &mut Collector<'_>,
    text: &[u8],
    name: &str,
    open: usize,
    quote: u8,
) -> Result<usize, Refusal> {
    let closes = |at: &usize| text[*at - 1] != b'\\';
    let close = memchr::memchr_iter(quote, &text[open + 1..])
        .map(|length| open + 1 + length)
        .find(closes)
        .ok_or_else(|| {
            collector.refusal(open, "a quote that is never closed; godotenv loads nothing")
        })?;
    let inner = &text[open..close];
    let leading = inner.iter().take_while(|byte| **byte == quote).count();
    let trailing = inner.iter().rev().take_while(|byte| **byte == quote).count();
    let inner = inner.get(leading..inner.len() - trailing).unwrap_or_default();
    let value = if quote == b'"' { expand(collector, &unescape(inner)) } else { inner.to_vec() };
    collector.bounded(open + 1, &value)?;
    collector.assign(name, open + 1, through_json(&value));
    Ok(close + 1)
}

/// First `\n` and `\r` become line breaks, then a backslash before anything but `$` goes.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut broken = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        broken.extend_from_slice(&rest[..at]);
        let escaped = rest.get(at + 1).copied().filter(|byte| *byte != b'\n');
        match escaped {
            Some(b'n') => broken.push(b'\n'),
            Some(b'r') => broken.push(b'\r'),
            Some(byte) => broken.extend_from_slice(&[b'\\', byte]),
            None => broken.push(b'\\'),
        }
        rest = &rest[at + 1 + usize::from(escaped.is_some())..];
    }
    broken.extend_from_slice(rest);
    let mut out = Vec::with_capacity(broken.len());
    let mut rest = &broken[..];
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let taken = rest.get(at + 1).is_some_and(|byte| *byte != b'$');
        if taken {
            let (_, length) = first(&rest[at + 1..]);
            out.extend_from_slice(&rest[at + 1..at + 1 + length]);
            rest = &rest[at + 1 + length..];
        } else {
            out.push(b'\\');
            rest = &rest[at + 1..];
        }
    }
    out.extend_from_slice(rest);
    out
}

/// `(\\)?(\$)(\()?\{?([A-Z0-9_]+)?\}?`, replaced wherever it stands.
fn expand(collector: &Collector<'_>, text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = memchr::memchr(b'$', rest) {
        let escaped = dollar > 0 && rest[dollar - 1] == b'\\';
        out.extend_from_slice(&rest[..dollar - usize::from(escaped)]);
        if out.len() > MOST_VALUE_BYTES {
            break;
        }
        let after = &rest[dollar + 1..];
        let mut start = usize::from(after.first() == Some(&b'('));
        start += usize::from(after.get(start) == Some(&b'{'));
        let is_name =
            |byte: &&u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b'_';
        let end = start + after[start..].iter().take_while(is_name).count();
        let length = end + usize::from(after.get(end) == Some(&b'}'));
        if escaped || start == end {
            out.push(b'$');
            out.extend_from_slice(&after[..length]);
        } else {
            let name = std::str::from_utf8(&after[start..end]).unwrap_or_default();
            out.extend_from_slice(bytes_of(collector.assigned(name)).unwrap_or_default());
        }
        rest = &after[length..];
    }
    out.extend_from_slice(rest);
    out
}

/// White space that does not end a line.
const fn is_blank(character: char) -> bool {
    matches!(character, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}
