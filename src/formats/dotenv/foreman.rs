//! Node's `foreman` 3 (`nf run`, and `heroku local`): lines cut at `=`, one kind of quotes.
//!
//! Names are not checked, `export` is part of one, and a line of two characters or fewer does not
//! count. A quote that opens a value and never closes ends the program. A file that is JSON is
//! read as JSON.

use serde_json::Value;

use crate::formats::{
    Contents, Environment, Refusal,
    dotenv::{
        characters::{first, leading, trim_end},
        collector::Collector,
        javascript::is_space,
        source::{Decoding, Invalid, Returns, Source},
    },
};

/// Objects inside objects of a JSON file go no deeper than this.
const DEEPEST: usize = 100;

/// Reads a file as `nf` does.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    let decoding = Decoding {
        drops_byte_order_mark: false,
        invalid: Invalid::Replaced,
        returns: Returns::Kept,
    };
    let source = Source::decode(bytes, decoding)?;
    let mut collector = Collector::new(&source, environment);
    let text = source.text();
    if let Ok(json) = serde_json::from_slice::<Value>(text) {
        flatten(&mut collector, &json, &mut Vec::new());
        return Ok(collector.finish());
    }
    let (text, places) = without_comments(text);
    let mut start = 0;
    for line in text.split(|byte| *byte == b'\n') {
        let indent = leading(line, is_space);
        let trimmed = trim_end(&line[indent..], is_space);
        let characters = String::from_utf8_lossy(trimmed).encode_utf16().take(3).count();
        if characters > 2 {
            read_line(&mut collector, trimmed, &places[start + indent..])?;
        }
        start += line.len() + 1;
    }
    Ok(collector.finish())
}

fn read_line(collector: &mut Collector<'_>, line: &[u8], places: &[usize]) -> Result<(), Refusal> {
    let sign = memchr::memchr(b'=', line).unwrap_or(line.len());
    let name = trim_end(&line[..sign], is_space);
    let name = std::str::from_utf8(name).unwrap_or_default();
    let value = line.get(sign + 1..).unwrap_or_default();
    let indent = leading(value, is_space);
    let value = &value[indent..];
    let at = (line.len() - value.len()).min(places.len() - 1);
    let (at, value) = match value.first() {
        Some(quote @ (b'"' | b'\'')) => {
            let Some(length) = memchr::memchr(*quote, &value[1..]) else {
                let reason = "a quote that is never closed; foreman ends with an error";
                return Err(collector.refusal(places[at], reason));
            };
            (at + 1, &value[1..=length])
        }
        _ => (at, without_comment(value)),
    };
    if value.contains(&0) {
        return Err(collector.refusal(places[at], "a NUL byte; foreman cannot start a process"));
    }
    let named = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if named {
        collector.assign(name, places[at], value);
    } else {
        collector.problem(places[0], "a name that the shell foreman starts does not pass on");
    }
    Ok(())
}

/// The value without a comment that runs to its end, and without the white space before that.
fn without_comment(value: &[u8]) -> &[u8] {
    let last_line = leading_of_last_line(value);
    match memchr::memchr(b'#', &value[last_line..]) {
        Some(at) => trim_end(&value[..last_line + at], is_space),
        None => value,
    }
}

/// Where the last line of a text starts, by JavaScript's line ends.
fn leading_of_last_line(text: &[u8]) -> usize {
    let mut start = 0;
    let mut at = 0;
    while at < text.len() {
        let (character, length) = first(&text[at..]);
        at += length;
        if ends_line(character) {
            start = at;
        }
    }
    start
}

/// The text without comment lines and blank lines, and where each of its bytes stood.
fn without_comments(text: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let places: Vec<usize> = (0..=text.len()).collect();
    let (text, places) = remove(text, &places, |text, at| {
        let hash = at + leading(&text[at..], is_space);
        (text.get(hash) == Some(&b'#'))
            .then(|| hash + leading(&text[hash..], |character| !ends_line(character)))
    });
    remove(&text, &places, |text, at| {
        let run = leading(&text[at..], is_space);
        if at + run == text.len() {
            return Some(text.len());
        }
        let mut end = None;
        let mut to = at;
        while to < at + run {
            let (character, length) = first(&text[to..]);
            if ends_line(character) {
                end = Some(to);
            }
            to += length;
        }
        end
    })
}

/// Takes out what `matches` finds at the starts of lines.
fn remove(
    text: &[u8],
    places: &[usize],
    matches: impl Fn(&[u8], usize) -> Option<usize>,
) -> (Vec<u8>, Vec<usize>) {
    let mut kept = Vec::with_capacity(text.len());
    let mut kept_places = Vec::with_capacity(places.len());
    let mut at = 0;
    let mut starts_line = true;
    while at < text.len() {
        if starts_line && let Some(end) = matches(text, at).filter(|end| *end > at) {
            at = end;
            starts_line = false;
            continue;
        }
        let (character, length) = first(&text[at..]);
        kept.extend_from_slice(&text[at..at + length]);
        kept_places.extend_from_slice(&places[at..at + length]);
        starts_line = ends_line(character);
        at += length;
    }
    kept_places.push(places[text.len()]);
    (kept, kept_places)
}

/// `{"a": {"b": "c"}}` gives `A_B`.
fn flatten(collector: &mut Collector<'_>, value: &Value, path: &mut Vec<String>) {
    let assign = |collector: &mut Collector<'_>, value: String| {
        collector.assign(&path.join("_").to_uppercase(), 0, value);
    };
    match value {
        _ if path.len() > DEEPEST => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                path.push(name.clone());
                flatten(collector, value, path);
                path.pop();
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                path.push(index.to_string());
                flatten(collector, value, path);
                path.pop();
            }
        }
        _ if path.is_empty() => {}
        Value::Null => {}
        Value::String(text) => assign(collector, text.clone()),
        Value::Bool(_) | Value::Number(_) => assign(collector, value.to_string()),
    }
}

/// `$` and `^` of JavaScript look for these.
const fn ends_line(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}
