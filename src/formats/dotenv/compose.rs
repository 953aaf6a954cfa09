//! Docker Compose's env files: compose-go 2 (2.13), for `.env` and `env_file:` alike.
//!
//! A statement is `NAME=value`, `NAME: value`, with or without `export`, or a bare `NAME`, which
//! passes a variable through. Values may be quoted over several lines; `$` references are resolved
//! outside single quotes, the environment before the file. One bad statement, and Compose loads
//! nothing of the file.

use crate::{
    domain::reading::Yield,
    formats::{
        Contents, Environment, Refusal,
        dotenv::{
            characters::{first, leading, statement_start, through_json, trim_end},
            collector::{Above, Collector},
            compose_template,
            source::{Decoding, Invalid, Returns, Source},
        },
    },
};

/// Reads a file as Docker Compose does.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    read_behind(bytes, environment, &Above::new())
}

/// The same of a file behind others, whose values its references see.
pub(in crate::formats) fn read_behind(
    bytes: &[u8],
    environment: &Environment,
    above: &Above,
) -> Result<Contents, Refusal> {
    let decoding =
        Decoding { drops_byte_order_mark: true, invalid: Invalid::Kept, returns: Returns::Kept };
    let source = Source::decode(bytes, decoding)?;
    let mut collector = Collector::new(&source, environment).behind(above);
    let text = source.text();
    let mut at = 0;
    while let Some(start) = statement_start(text, at) {
        at = read_statement(&mut collector, text, start)?;
    }
    Ok(collector.finish())
}

/// Reads a `.env` as `${NAME}` in a compose file sees it: only names that a reference can name.
pub(super) fn read_for_interpolation(
    bytes: &[u8],
    environment: &Environment,
) -> Result<Contents, Refusal> {
    read_behind_for_interpolation(bytes, environment, &Above::new())
}

/// The same of a file behind others (`--env-file` twice).
pub(super) fn read_behind_for_interpolation(
    bytes: &[u8],
    environment: &Environment,
    above: &Above,
) -> Result<Contents, Refusal> {
    let mut contents = read_behind(bytes, environment, above)?;
    contents.occurrences.retain(|occurrence| {
        let name = occurrence.variable.as_bytes();
        name.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
            && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    });
    Ok(contents)
}

/// Reads one statement and says where the next one may start.
fn read_statement(
    collector: &mut Collector<'_>,
    text: &[u8],
    start: usize,
) -> Result<usize, Refusal> {
    let start = start + export_length(&text[start..]);
    let Some(end) = name_end(collector, text, start)? else {
        let reason = "the last line has no `=`; Compose gives its text to a variable without name";
        collector.problem(start, reason);
        return Ok(text.len());
    };
    let name = &text[start..end];
    let name = std::str::from_utf8(name).unwrap_or_default().trim_end();
    if let Some(space) = name.find(' ') {
        let reason = "a space inside a name; Compose refuses the file";
        return Err(collector.refusal(start + space, reason));
    }
    let value = end + 1 + leading(&text[end + 1..], is_space);
    if text[end] == b'\n' {
        collector.inherit(name, start);
        return Ok(value);
    }
    match text.get(value) {
        Some(quote @ (b'"' | b'\'')) => read_quoted(collector, text, name, value, *quote),
        _ => read_unquoted(collector, text, name, value),
    }
}

/// `export` and the white space behind it; 0 when it is a name that only begins so.
fn export_length(text: &[u8]) -> usize {
    match text.strip_prefix(b"export") {
        Some(rest) if matches!(rest.first(), Some(b' ' | b'\t' | b'\n' | b'\r' | b'\x0c')) => {
            b"export".len() + leading(rest, is_space)
        }
        _ => 0,
    }
}

/// Where the name that starts at `start` is ended by `=`, `:` or a line break.
fn name_end(
    collector: &Collector<'_>,
    text: &[u8],
    start: usize,
) -> Result<Option<usize>, Refusal> {
    let mut at = start;
    while at < text.len() {
        let (character, length) = first(&text[at..]);
        match character {
            '=' | ':' | '\n' => return Ok(Some(at)),
            '_' | '.' | '-' | '[' | ']' => {}
            other if is_space(other) || other.is_alphabetic() || other.is_numeric() => {}
            _ => {
                let reason = "a character that no name may contain; Compose refuses the file";
                return Err(collector.refusal(at, reason));
            }
        }
        at += length;
    }
    Ok(None)
}

/// The rest of the line, without an inline comment and white space at its end.
fn read_unquoted(
    collector: &mut Collector<'_>,
    text: &[u8],
    name: &str,
    at: usize,
) -> Result<usize, Refusal> {
    let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |length| at + length);
    let line = &text[at..end];
    let value = &line[..memchr::memmem::find(line, b" #").unwrap_or(line.len())];
    let value = resolve(collector, trim_end(value, char::is_whitespace), at)?;
    collector.assign(name, at, through_json(&value));
    Ok((end + 1).min(text.len()))
}

/// A quoted value; what follows the closing quote is the next statement.
fn read_quoted(
    collector: &mut Collector<'_>,
    text: &[u8],
    name: &str,
    open: usize,
    quote: u8,
) -> Result<usize, Refusal> {
    let mut value = Vec::new();
    let mut at = open + 1;
    loop {
        match text.get(at) {
            None => {
                let reason = "a quote that is never closed; Compose refuses the file";
                return Err(collector.refusal(open, reason));
            }
            Some(byte) if *byte == quote => break,
            Some(b'\\') if at + 1 < text.len() => {
                at += 1;
                if text[at] != quote {
                    value.push(b'\\');
                }
                value.push(text[at]);
            }
            Some(byte) => value.push(*byte),
        }
        at += 1;
    }
    if quote == b'"' {
        value = resolve(collector, &unescape(&value), open + 1)?;
    }
    collector.assign(name, open + 1, through_json(&value));
    Ok(at + 1)
}

/// The escapes of double quotes: those of the shell's `$'…'` without `\x`, octal as `\0101`, and
/// `\$`, which becomes the template's own escape.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let escaped = rest.get(at + 1).copied();
        rest = &rest[(at + 2).min(rest.len())..];
        match escaped {
            Some(b'a') => out.push(7),
            Some(b'b') => out.push(8),
            Some(b'f') => out.push(12),
            Some(b'n') => out.push(b'\n'),
            Some(b'r') => out.push(b'\r'),
            Some(b't') => out.push(b'\t'),
            Some(b'v') => out.push(11),
            Some(byte @ (b'"' | b'\\')) => out.push(byte),
            Some(b'$') => out.extend_from_slice(b"$$"),
            Some(b'0') => {
                let count = rest.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
                let (digits, after) = rest.split_at(count);
                rest = after;
                if let Some(character) = octal(digits) {
                    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                } else {
                    out.push(b'\\');
                    out.extend_from_slice(digits);
                }
            }
            Some(byte) => out.extend_from_slice(&[b'\\', byte]),
            None => out.push(b'\\'),
        }
    }
    out.extend_from_slice(rest);
    out
}

/// Exactly three octal digits up to 377.
fn octal(digits: &[u8]) -> Option<char> {
    let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.len() == 3)?;
    u8::from_str_radix(digits, 8).ok().map(char::from)
}

/// The references of a value, resolved; the environment wins over the file.
fn resolve(collector: &Collector<'_>, value: &[u8], at: usize) -> Result<Vec<u8>, Refusal> {
    let lookup = |name: &str| match collector.environment().get(name) {
        Some(value) => Some(value.expose()),
        None => match collector.assigned(name) {
            Some(Yield::Value(value)) => Some(value.expose()),
            _ => None,
        },
    };
    let value = compose_template::substitute(value, &lookup)
        .map_err(|unresolvable| collector.refusal(at, unresolvable.reason))?;
    collector.bounded(at, &value)?;
    Ok(value)
}

/// White space that does not end a line.
const fn is_space(character: char) -> bool {
    matches!(character, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}
