//! `docker run --env-file` (docker CLI 28, `pkg/kvfile`): lines of `NAME=value`, taken literally.
//!
//! Nothing is unquoted, unescaped or interpolated. A bare `NAME` passes the variable of the
//! client's environment through. One bad line, and no container is created.

use crate::formats::{
    Contents, Environment, Refusal,
    dotenv::{
        collector::Collector,
        source::{Decoding, Invalid, Returns, Source},
    },
};

/// The client's line scanner gives up at a line of this many bytes.
const LONGEST_LINE: usize = 64 * 1024;

/// Reads a file as `docker run --env-file` does.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    let decoding =
        Decoding { drops_byte_order_mark: true, invalid: Invalid::Refused, returns: Returns::Kept };
    let source = Source::decode(bytes, decoding)?;
    let mut collector = Collector::new(&source, environment);
    let text = source.text();
    let mut start = 0;
    while start < text.len() {
        let end = memchr::memchr(b'\n', &text[start..]).map_or(text.len(), |at| start + at);
        if end - start >= LONGEST_LINE {
            return Err(collector.refusal(start, "a line of 64 KiB or more; docker loads nothing"));
        }
        read_line(&mut collector, text, start, end)?;
        start = end + 1;
    }
    Ok(collector.finish())
}

fn read_line(
    collector: &mut Collector<'_>,
    text: &[u8],
    start: usize,
    end: usize,
) -> Result<(), Refusal> {
    let line = &text[start..end];
    let line = std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line)).unwrap_or_default();
    let trimmed = line.trim_start();
    let at = start + (line.len() - trimmed.len());
    if trimmed.is_empty() || trimmed.starts_with('#') {
        return Ok(());
    }
    let (name, value) = match trimmed.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (trimmed, None),
    };
    if name.is_empty() {
        return Err(collector.refusal(at, "no name before `=`; docker loads nothing of the file"));
    }
    if let Some(space) = name.find([' ', '\t']) {
        let reason = "a space or tab in the name; docker loads nothing of the file";
        return Err(collector.refusal(at + space, reason));
    }
    match value {
        Some(value) => collector.assign(name, at + name.len() + 1, value),
        None => collector.inherit(name, at),
    }
    Ok(())
}
