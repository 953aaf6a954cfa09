//! The Ruby gem `dotenv` 3.2, also behind Rails.
//!
//! One regular expression finds the statements, so what does not match is passed over. Backslashes
//! are taken away outside single quotes, `$NAME` and `${NAME}` are resolved (nothing of `:-` is
//! known), and `$(…)` would be run.

use std::sync::LazyLock;

use regex::bytes::Regex;

use crate::{
    domain::reading::Yield,
    formats::{
        Contents, Environment, MOST_VALUE_BYTES, Refusal,
        dotenv::{
            collector::Collector,
            commands::{self, Commands},
            source::{Decoding, Invalid, Returns, Source},
        },
    },
};

/// The gem's own expression; its engine and this one choose alike.
static LINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?m-u)^\s*(?<export>export\s+)?(?<name>[\w.]+)"#,
        r#"(?:(?:\s*=\s*?|:\s+?)(?<value>\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|[^\#\n]+)?)?"#,
        r#"\s*(?:\#.*)?$"#,
    ))
    .ok()
});

/// Reads a file as `Dotenv.parse` and `Dotenv.overwrite` do: a reference sees the file first.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    read_with(bytes, environment, false)
}

/// Reads a file as `Dotenv.load` does: a variable that the environment has is left alone, and a
/// reference to it gives what the environment holds.
pub(super) fn read_to_load(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    read_with(bytes, environment, true)
}

fn read_with(bytes: &[u8], environment: &Environment, loads: bool) -> Result<Contents, Refusal> {
    let decoding = Decoding {
        drops_byte_order_mark: true,
        invalid: Invalid::Refused,
        returns: Returns::Newlines,
    };
    let source = Source::decode(bytes, decoding)?;
    let mut reader = Reader { collector: Collector::new(&source, environment), loads };
    let text = source.text();
    for found in LINE.iter().flat_map(|line| line.captures_iter(text)) {
        let Some(name) = found.name("name") else { continue };
        let at = name.start();
        let name = std::str::from_utf8(name.as_bytes()).unwrap_or_default();
        let value = found.name("value");
        if found.name("export").is_some()
            && value.is_none()
            && !(loads && environment.contains_key(name))
        {
            if reader.collector.assigned(name).is_none() {
                let reason = "`export` of a variable that has no value; dotenv raises an error";
                return Err(reader.collector.refusal(at, reason));
            }
            continue;
        }
        match value {
            None => reader.collector.assign(name, at + name.len(), ""),
            Some(value) => reader.record(name, value.start(), value.as_bytes())?,
        }
    }
    Ok(reader.collector.finish())
}

struct Reader<'file> {
    collector: Collector<'file>,
    loads: bool,
}

impl Reader<'_> {
    fn record(&mut self, name: &str, at: usize, raw: &[u8]) -> Result<(), Refusal> {
        let indent = raw.iter().take_while(|byte| is_stripped(**byte)).count();
        let text = &raw[indent..];
        let text = &text[..text.len() - text.iter().rev().take_while(|b| is_stripped(**b)).count()];
        let (quote, inner) = match text {
            [open @ (b'\'' | b'"'), inner @ .., close] if open == close => (Some(*open), inner),
            text => (None, text),
        };
        let at = at + indent + usize::from(quote.is_some());
        if self.loads && inner.contains(&0) {
            let reason = "a NUL byte; no environment takes it, and dotenv raises an error";
            return Err(self.collector.refusal(at, reason));
        }
        let value = match quote {
            Some(b'\'') => Some(inner.to_vec()),
            Some(_) => self.resolve(&unescape(&self.newlines(inner))),
            None => self.resolve(&unescape(inner)),
        };
        match value {
            Some(value) => {
                self.collector.bounded(at, &value)?;
                self.collector.assign(name, at, value);
            }
            None => self.collector.dynamic(name, at),
        }
        Ok(())
    }

    /// `\n` and `\r` stay what they are, unless the old way is asked for.
    fn newlines(&self, text: &[u8]) -> Vec<u8> {
        let mode = match self.collector.assigned("DOTENV_LINEBREAK_MODE") {
            Some(Yield::Value(value)) => Some(value.expose()),
            _ => self.collector.inherited("DOTENV_LINEBREAK_MODE"),
        };
        let legacy = mode == Some(b"legacy");
        let mut out = Vec::with_capacity(text.len());
        let mut at = 0;
        while at < text.len() {
            match (text[at], text.get(at + 1)) {
                (b'\\', Some(b'n')) if legacy => out.push(b'\n'),
                (b'\\', Some(b'r')) if legacy => out.push(b'\r'),
                (b'\\', Some(letter @ (b'n' | b'r'))) => {
                    out.extend_from_slice(&[b'\\', b'\\', *letter]);
                }
                (byte, _) => {
                    out.push(byte);
                    at += 1;
                    continue;
                }
            }
            at += 2;
        }
        out
    }

    /// Commands first, then references; `None` where a command would have to run.
    fn resolve(&self, text: &[u8]) -> Option<Vec<u8>> {
        let Commands::Escaped(text) = commands::resolve(text) else { return None };
        let mut out = Vec::with_capacity(text.len());
        let mut rest = &text[..];
        while let Some(dollar) = memchr::memchr(b'$', rest) {
            let escaped = dollar > 0 && rest[dollar - 1] == b'\\';
            out.extend_from_slice(&rest[..dollar - usize::from(escaped)]);
            let after = &rest[dollar + 1..];
            if out.len() > MOST_VALUE_BYTES {
                break;
            }
            if after.first() == Some(&b'(') {
                out.extend_from_slice(if escaped { b"\\$" } else { b"$" });
                rest = after;
                continue;
            }
            let open = usize::from(after.first() == Some(&b'{'));
            let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
            let end = open + after[open..].iter().take_while(is_name).count();
            let length = end + usize::from(after.get(end) == Some(&b'}'));
            if escaped || end == open {
                out.push(b'$');
                out.extend_from_slice(&after[..length]);
            } else {
                let name = std::str::from_utf8(&after[open..end]).unwrap_or_default();
                match self.look_up(name) {
                    Some(Yield::Opaque(_)) => return None,
                    Some(Yield::Value(value)) => out.extend_from_slice(value.expose()),
                    _ => {
                        out.extend_from_slice(self.collector.inherited(name).unwrap_or_default());
                    }
                }
            }
            rest = &after[length..];
        }
        out.extend_from_slice(rest);
        Some(out)
    }

    fn look_up(&self, name: &str) -> Option<&Yield<crate::domain::secret::SecretValue>> {
        let preset = self.loads && self.collector.inherited(name).is_some();
        if preset { None } else { self.collector.assigned(name) }
    }
}

/// A backslash before anything but `$` is taken away.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        match rest.get(at + 1) {
            Some(escaped) if *escaped != b'$' => {
                out.push(*escaped);
                rest = &rest[at + 2..];
            }
            _ => {
                out.push(b'\\');
                rest = &rest[at + 1..];
            }
        }
    }
    out.extend_from_slice(rest);
    out
}

/// What Ruby's `strip` takes away at the ends.
const fn is_stripped(byte: u8) -> bool {
    matches!(byte, 0 | b'\t'..=b'\r' | b' ')
}
