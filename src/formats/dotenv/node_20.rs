//! `node --env-file` (and `util.parseEnv`) of Node 20.
//!
//! The parser as it was: only spaces are trimmed, so that an indented blank line or any line
//! without `=` becomes part of the next name.

use crate::formats::{
    Contents, Environment, Refusal,
    dotenv::{
        collector::Collector,
        node::{DECODING, Entry, newlines},
        source::Source,
    },
};

/// Reads a file as `node --env-file` does.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    let source = Source::decode(bytes, DECODING)?;
    let mut collector = Collector::new(&source, environment);
    scan(source.text(), &mut |entry| entry.record(&mut collector, true));
    Ok(collector.finish())
}

/// Parses a file as `util.parseEnv` does.
pub(super) fn parse(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    let source = Source::decode(bytes, DECODING)?;
    let mut collector = Collector::new(&source, environment);
    scan(source.text(), &mut |entry| entry.record(&mut collector, false));
    Ok(collector.finish())
}

fn scan(text: &[u8], emit: &mut dyn FnMut(Entry<'_>)) {
    let mut end = trim_end(text).len();
    let mut at = spaces(&text[..end]);
    while at < end {
        let rest = &text[at..end];
        if matches!(rest[0], b'\n' | b'#')
            && let Some(newline) = memchr::memchr(b'\n', rest)
        {
            at += newline + 1;
            continue;
        }
        let Some(sign) = memchr::memchr(b'=', rest) else {
            return emit(Entry::Passed { at });
        };
        if sign == 0 {
            return emit(Entry::Passed { at });
        }
        let name = trim_end(&rest[spaces(&rest[..sign])..sign]);
        // Where the name is nothing but spaces, Node takes the byte before them for it.
        let name = if name.is_empty() { b"\n" } else { name };
        let name = name.strip_prefix(b"export ").unwrap_or(name);
        at += sign + 1;
        end = at + trim_end(&text[at..end]).len();
        at += spaces(&text[at..end]);
        at += read_value(&text[at..end], at, name, emit);
    }
}

/// Reads the value that `rest` starts with, and says how much of it is done with.
fn read_value(rest: &[u8], at: usize, name: &[u8], emit: &mut dyn FnMut(Entry<'_>)) -> usize {
    let newline = memchr::memchr(b'\n', rest);
    let quote = rest.first().copied().filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    if let Some(quote) = quote {
        let Some(close) = memchr::memchr(quote, &rest[1..]).map(|length| 1 + length) else {
            let Some(newline) = newline else {
                // Nothing is taken: the value is looked at as the next line.
                emit(Entry::Passed { at });
                return 0;
            };
            let value = rest[..newline].to_vec();
            emit(Entry::Assignment { name, at, value, open: false });
            return newline + 1;
        };
        let inner = &rest[1..close];
        let value = if quote == b'"' { newlines(inner) } else { inner.to_vec() };
        emit(Entry::Assignment { name, at: at + 1, value, open: quote == b'"' });
        let after = memchr::memchr(b'\n', &rest[close + 1..]);
        return after.map_or(rest.len(), |length| close + 1 + length + 1);
    }
    let line = &rest[..newline.unwrap_or(rest.len())];
    let value = &line[..memchr::memchr(b'#', line).unwrap_or(line.len())];
    let value = trim_end(value).to_vec();
    emit(Entry::Assignment { name, at, value, open: true });
    newline.map_or(rest.len(), |newline| newline + 1)
}

fn spaces(text: &[u8]) -> usize {
    text.iter().take_while(|byte| **byte == b' ').count()
}

fn trim_end(text: &[u8]) -> &[u8] {
    let trailing = text.iter().rev().take_while(|byte| **byte == b' ').count();
    &text[..text.len() - trailing]
}
