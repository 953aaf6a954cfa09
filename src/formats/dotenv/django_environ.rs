//! Python's `django-environ` 0.14 (`Env.read_env`): lines without white space around `=`.
//!
//! Single quotes are taken away, then double quotes with their backslashes; `\n`, `\r` and `\t`
//! stay what they are. White space and comments behind a value belong to it.

use crate::formats::{
    Contents, Environment, Refusal,
    dotenv::{
        characters::first,
        collector::Collector,
        source::{Decoding, Invalid, Returns, Source},
    },
};

/// Reads a file as `read_env` does.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    let decoding = Decoding {
        drops_byte_order_mark: false,
        invalid: Invalid::Refused,
        returns: Returns::Newlines,
    };
    let source = Source::decode(bytes, decoding)?;
    let mut collector = Collector::new(&source, environment);
    let text = source.text();
    let (mut start, mut at) = (0, 0);
    while at < text.len() {
        let (character, length) = first(&text[at..]);
        at += length;
        if ends_line(character) {
            read_line(&mut collector, &text[start..at - length], start)?;
            start = at;
        }
    }
    read_line(&mut collector, &text[start..], start)?;
    Ok(collector.finish())
}

fn read_line(collector: &mut Collector<'_>, line: &[u8], start: usize) -> Result<(), Refusal> {
    let assignment = line.strip_prefix(b"export ").unwrap_or(line);
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
    let sign = assignment.iter().take_while(is_name).count();
    if sign == 0 || assignment.get(sign) != Some(&b'=') {
        if !line.is_empty() && !line.starts_with(b"#") {
            collector.problem(start, "a line that is no assignment; it is skipped");
        }
        return Ok(());
    }
    let (name, value) = (&assignment[..sign], &assignment[sign + 1..]);
    let mut at = start + (line.len() - value.len());
    let value = match value {
        [b'\'', inner @ .., b'\''] => {
            at += 1;
            inner
        }
        value => value,
    };
    let value = match value {
        [b'"', inner @ .., b'"'] => {
            at += 1;
            unescape(inner)
        }
        value => value.to_vec(),
    };
    if value.contains(&0) {
        return Err(collector.refusal(at, "a NUL byte; no environment takes it"));
    }
    collector.assign(std::str::from_utf8(name).unwrap_or_default(), at, value);
    Ok(())
}

/// A backslash goes, except before `n`, `r` and `t`.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => match bytes.next() {
                Some(kept @ (b'n' | b'r' | b't')) => out.extend_from_slice(&[b'\\', kept]),
                Some(escaped) => out.push(escaped),
                None => out.push(b'\\'),
            },
            other => out.push(other),
        }
    }
    out
}

/// Where Python's `splitlines` splits.
const fn ends_line(character: char) -> bool {
    matches!(character,
        '\n'..='\r' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}
