//! `@next/env` 16: dotenv 16's parser and an expansion of its own.
//!
//! The last `$` that no backslash precedes is resolved first, and the text is looked at again. A
//! name in the environment wins, then the default, then the file. Single quotes protect nothing.

use std::collections::HashMap;

use crate::{
    domain::{
        reading::{Problem, Yield},
        secret::SecretValue,
    },
    formats::{
        Contents, Environment, Refusal,
        dotenv::{
            javascript::{
                Halt, Work, environment_text, object_order, replace_first, unescape_dollars,
                until_nul, value_of,
            },
            node_dotenv,
        },
    },
};

/// JavaScript's stack is full after about this many references; the file is then dropped.
const MOST_REFERENCES: usize = 6_000;

/// Reads a file as `loadEnvConfig` does.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    let mut contents = node_dotenv::read(bytes, environment)?;
    let process = environment_text(environment);
    let order = object_order(&contents, false);
    let mut parsed: HashMap<String, Vec<u8>> = order
        .iter()
        .map(|index| &contents.occurrences[*index])
        .map(|occurrence| (occurrence.variable.clone(), value_of(&occurrence.yields).to_vec()))
        .collect();
    let mut work = Work::new();
    for index in order {
        let name = contents.occurrences[index].variable.clone();
        let literal = value_of(&contents.occurrences[index].yields).to_vec();
        let value = interpolate(literal, &process, &parsed, &mut work);
        let Ok(value) = value else { return Ok(dropped(&contents, index)) };
        let value = unescape_dollars(&value);
        let known = match process.get(name.as_str()) {
            Some(preset) => match interpolate(preset.clone(), &process, &parsed, &mut work) {
                Ok(preset) => unescape_dollars(&preset),
                Err(_) => return Ok(dropped(&contents, index)),
            },
            None => value.clone(),
        };
        parsed.insert(name, known);
        contents.occurrences[index].yields = Yield::Value(SecretValue::new(until_nul(&value)));
    }
    Ok(contents)
}

/// What is left of a file when the expansion fails: Next says so, drops the file and goes on.
fn dropped(contents: &Contents, index: usize) -> Contents {
    let place = contents.occurrences[index].place.clone();
    let text = "the references lead back to themselves; Next drops the whole file";
    Contents { occurrences: Vec::new(), problems: vec![Problem { place, text }] }
}

fn interpolate(
    mut value: Vec<u8>,
    process: &HashMap<&str, Vec<u8>>,
    parsed: &HashMap<String, Vec<u8>>,
    work: &mut Work,
) -> Result<Vec<u8>, Halt> {
    for _ in 0..MOST_REFERENCES {
        let unescaped = |dollar: &usize| *dollar == 0 || value[*dollar - 1] != b'\\';
        let Some(dollar) = memchr::memrchr_iter(b'$', &value).find(unescaped) else {
            return Ok(value);
        };
        let Some(reference) = reference(&value[dollar..]) else { return Ok(value) };
        work.take(value.len())?;
        let filled = |found: Option<&Vec<u8>>| found.filter(|value| !value.is_empty()).cloned();
        let replacement = filled(process.get(reference.name))
            .or_else(|| reference.default.filter(|default| !default.is_empty()).map(<[u8]>::to_vec))
            .or_else(|| filled(parsed.get(reference.name)))
            .unwrap_or_default();
        value = replace_first(&value, reference.template, &replacement);
    }
    Err(Halt::Endless)
}

struct Reference<'text> {
    template: &'text [u8],
    name: &'text str,
    default: Option<&'text [u8]>,
}

/// `${?NAME(:-default)?}?` at the start of `text`.
fn reference(text: &[u8]) -> Option<Reference<'_>> {
    let open = if text.get(1) == Some(&b'{') { 2 } else { 1 };
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
    let end = open + text[open..].iter().take_while(is_name).count();
    if end == open {
        return None;
    }
    let mut after = end;
    let mut default = None;
    if let Some(word) = text[end..].strip_prefix(b":-") {
        let length = word.iter().position(|byte| matches!(byte, b'}' | b'\\'));
        let length = length.unwrap_or(word.len());
        default = Some(&word[..length]);
        after += 2 + length;
    }
    if text.get(after) == Some(&b'}') {
        after += 1;
    }
    let name = std::str::from_utf8(&text[open..end]).ok()?;
    Some(Reference { template: &text[..after], name, default })
}
