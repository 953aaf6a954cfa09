//! `dotenvx run` (2.38): dotenv's expression, other escapes, and references line by line.
//!
//! Single quotes protect a value; everything else is expanded, after `$(…)` would have been run.
//! The environment comes before earlier lines. Encrypted values stay with those who have the key.

use std::{cell::RefCell, collections::HashSet};

use crate::{
    domain::{reading::OpaqueReason, reading::Yield, secret::SecretValue},
    formats::{
        Contents, Environment, Refusal,
        dotenv::{
            collector::Collector,
            dotenv_expand::{expand_strictly, has_command},
            javascript::{Halt, Work, first_reference, unescape_dollars, until_nul},
            node_dotenv::{DECODING, Found, scan},
            source::Source,
        },
    },
};

/// Reads a file as dotenvx does.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    let source = Source::decode(bytes, DECODING)?;
    let mut reader = Reader {
        collector: Collector::new(&source, environment),
        protected: HashSet::new(),
        work: Work::new(),
    };
    let refused = RefCell::new(None);
    scan(source.text(), &mut |found| {
        if refused.borrow().is_some() {
            return;
        }
        match found {
            Found::Passed { at } => {
                let reason = "a line that is no assignment; dotenvx passes it over";
                reader.collector.problem(at, reason);
            }
            Found::Assignment { name, at, value, quote } => {
                if let Err(refusal) = reader.record(name, at, value, quote) {
                    refused.replace(Some(refusal));
                }
            }
        }
    });
    match refused.into_inner() {
        Some(refusal) => Err(refusal),
        None => Ok(reader.collector.finish()),
    }
}

struct Reader<'file> {
    collector: Collector<'file>,
    /// Names whose single quotes hold a reference that is to stay.
    protected: HashSet<String>,
    work: Work,
}

impl Reader<'_> {
    fn record(&mut self, name: &str, at: usize, raw: &[u8], quote: u8) -> Result<(), Refusal> {
        let value = decode(raw, quote);
        if value.starts_with(b"encrypted:") && self.has_key() {
            self.collector.opaque(name, at, OpaqueReason::Reference);
            return Ok(());
        }
        let expanded = if value.starts_with(b"encrypted:") {
            Ok(value)
        } else if quote == b'\'' {
            if holds_reference(&value) {
                self.protected.insert(name.to_owned());
            } else {
                self.protected.remove(name);
            }
            Ok(value)
        } else if has_command(&value) {
            Err(Halt::Dynamic)
        } else {
            self.expand(&value)
        };
        match expanded {
            Ok(value) => {
                let value = until_nul(&value);
                self.collector.bounded(at, value)?;
                self.collector.assign(name, at, value);
            }
            Err(Halt::Dynamic) => self.collector.dynamic(name, at),
            Err(Halt::Endless) => {
                let reason = "the references lead back to themselves; dotenvx never ends";
                return Err(self.collector.refusal(at, reason));
            }
        }
        Ok(())
    }

    /// The environment holds a key; without one dotenvx hands out the encrypted text.
    fn has_key(&self) -> bool {
        self.collector.environment().keys().any(|name| name.starts_with("DOTENV_PRIVATE_KEY"))
    }

    fn expand(&mut self, value: &[u8]) -> Result<Vec<u8>, Halt> {
        let Self { collector, protected, work } = self;
        let look_up = |name: &str| -> Option<Option<&[u8]>> {
            match collector.environment().get(name).map(SecretValue::expose) {
                Some(value) => Some(Some(value)),
                None => collector.assigned(name).map(|yields| match yields {
                    Yield::Value(value) => Some(value.expose()),
                    _ => None,
                }),
            }
        };
        let of_file =
            |name: &str| protected.contains(name) && !collector.environment().contains_key(name);
        let expanded = expand_strictly(value, work, &look_up, &of_file)?;
        Ok(unescape_dollars(&expanded))
    }
}

/// `\$\{[^}]+\}|\$[A-Za-z_][A-Za-z0-9_]*`, escaped or not.
fn holds_reference(text: &[u8]) -> bool {
    let unescaped: Vec<u8> = text.iter().copied().filter(|byte| *byte != b'\\').collect();
    first_reference(&unescaped).is_some()
        || memchr::memmem::find_iter(text, b"${")
            .any(|at| memchr::memchr(b'}', &text[at + 2..]).is_some_and(|length| length > 0))
}

/// The escapes of this reader's quotes.
fn decode(text: &[u8], quote: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let (byte, length) = match (quote, rest.get(at + 1)) {
            (b'"', Some(b'n')) => (b'\n', 2),
            (b'"', Some(b'r')) => (b'\r', 2),
            (b'"', Some(b't')) => (b'\t', 2),
            (b'\'', Some(b'\'')) => (b'\'', 2),
            _ => (b'\\', 1),
        };
        out.push(byte);
        rest = &rest[at + length..];
    }
    out.extend_from_slice(rest);
    out
}
