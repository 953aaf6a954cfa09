//! `deno run --env-file` (Deno 2.9): Node's parser, the first assignment of a name, and `$`.
//!
//! `$NAME` (letters and digits only) and `${anything}` are resolved in values without quotes and
//! between double quotes, the environment before the file; `\$` is a dollar.

use crate::formats::{
    Contents, Environment, MOST_VALUE_BYTES, Refusal,
    dotenv::{
        collector::{Collector, bytes_of},
        node::{DECODING, Entry, Quotes, scan},
        source::Source,
    },
};

/// Reads a file as Deno does.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    let invalid = std::str::from_utf8(bytes).err();
    let source = Source::decode(bytes, DECODING)?;
    let mut collector = Collector::new(&source, environment);
    if let Some(error) = invalid {
        let before = Source::decode(&bytes[..error.valid_up_to()], DECODING)?.text().len();
        collector.problem(before, "bytes that are not UTF-8; Deno warns and loads nothing");
        return Ok(collector.finish());
    }
    collector.first_wins();
    let mut refused = None;
    scan(source.text(), Quotes::BeforeLineEnd, &mut |entry| {
        if refused.is_none() {
            refused = record(&mut collector, &entry).err();
        }
    });
    match refused {
        Some(refusal) => Err(refusal),
        None => Ok(collector.finish()),
    }
}

fn record(collector: &mut Collector<'_>, entry: &Entry<'_>) -> Result<(), Refusal> {
    let Entry::Assignment { name, at, value, open } = entry else {
        entry.record(collector, true);
        return Ok(());
    };
    let value = if *open { substitute(collector, value) } else { value.clone() };
    collector.bounded(*at, &value)?;
    if name.contains(&0) || value.contains(&0) {
        collector.problem(*at, "a NUL byte; Deno stops reading the file here");
        return Ok(());
    }
    if name.is_empty() {
        return Err(collector.refusal(*at, "a value without a name; Deno ends with an error"));
    }
    collector.assign(std::str::from_utf8(name).unwrap_or_default(), *at, value);
    Ok(())
}

fn substitute(collector: &Collector<'_>, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(dollar) = memchr::memchr(b'$', rest) {
        if out.len() > MOST_VALUE_BYTES {
            break;
        }
        if let Some(before) = rest[..dollar].strip_suffix(b"\\") {
            out.extend_from_slice(before);
            out.push(b'$');
            rest = &rest[dollar + 1..];
            continue;
        }
        out.extend_from_slice(&rest[..dollar]);
        let after = &rest[dollar + 1..];
        let (name, tail) = if let Some(inner) = after.strip_prefix(b"{") {
            let length = memchr::memchr(b'}', inner).unwrap_or(inner.len());
            (&inner[..length], inner.get(length + 1..).unwrap_or_default())
        } else {
            let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
            after.split_at(after.iter().take_while(is_name).count())
        };
        if let Ok(name) = std::str::from_utf8(name) {
            let preset = collector.inherited(name);
            let preset = preset.filter(|value| std::str::from_utf8(value).is_ok());
            let value = preset.or_else(|| bytes_of(collector.latest(name)));
            out.extend_from_slice(value.unwrap_or_default());
        }
        rest = tail;
    }
    out.extend_from_slice(rest);
    out
}
