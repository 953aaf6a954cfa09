//! `kubectl create secret generic --from-env-file` (and `configmap`), kubectl 1.32.
//!
//! Lines of `NAME=value`, taken literally. A bare name takes what kubectl's own environment has. A
//! name that is none, or one that comes twice, and nothing is created.

use crate::formats::{
    Contents, Environment, Refusal,
    dotenv::{
        collector::Collector,
        source::{Decoding, Invalid, Returns, Source},
    },
};

/// kubectl's line scanner stops, silently, at a line of this many bytes.
const LONGEST_LINE: usize = 64 * 1024;

/// Reads a file as kubectl does.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    let decoding =
        Decoding { drops_byte_order_mark: true, invalid: Invalid::Kept, returns: Returns::Kept };
    let source = Source::decode(bytes, decoding)?;
    let mut collector = Collector::new(&source, environment);
    let text = source.text();
    let mut start = 0;
    while start < text.len() {
        let end = memchr::memchr(b'\n', &text[start..]).map_or(text.len(), |at| start + at);
        if end - start >= LONGEST_LINE {
            collector.problem(start, "a line of 64 KiB or more; kubectl stops reading here");
            break;
        }
        read_line(&mut collector, &text[start..end], start)?;
        start = end + 1;
    }
    Ok(collector.finish())
}

fn read_line(collector: &mut Collector<'_>, line: &[u8], start: usize) -> Result<(), Refusal> {
    let Ok(line) = std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line)) else {
        let reason = "a line that is not UTF-8; kubectl creates nothing";
        return Err(collector.refusal(start, reason));
    };
    let trimmed = line.trim_start();
    let at = start + (line.len() - trimmed.len());
    if trimmed.is_empty() || trimmed.starts_with('#') {
        return Ok(());
    }
    let (name, value) = match trimmed.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (trimmed, None),
    };
    if !is_name(name) {
        let reason = "a name that no variable may have; kubectl creates nothing";
        return Err(collector.refusal(at, reason));
    }
    if collector.assigned(name).is_some() {
        return Err(collector.refusal(at, "a name that comes twice; kubectl creates nothing"));
    }
    match value {
        Some(value) => collector.assign(name, at + name.len() + 1, value),
        None if collector.inherited(name).is_some() => collector.inherit(name, at),
        None => collector.assign(name, at, ""),
    }
    Ok(())
}

/// `[-._a-zA-Z][-._a-zA-Z0-9]*`, but neither `.` nor `..` nor anything that begins with `..`.
fn is_name(name: &str) -> bool {
    let sign = |byte: u8| matches!(byte, b'-' | b'.' | b'_');
    name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || sign(byte))
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || sign(byte))
        && name != "."
        && !name.starts_with("..")
}
