//! `env` in a Buildkite pipeline: a row for the pipeline, and one for each step with an `env` or
//! `secrets` of its own.
//!
//! `$NAME` is replaced when the pipeline is uploaded, on the machine that uploads it; `$$NAME` and
//! `\$NAME` stay for the step.

use super::{
    Row,
    draft::{Draft, Entry, within_budget},
    expand::Unknown,
    refuse,
    typing::{self, Given},
};
use crate::{
    domain::{
        reading::{OpaqueReason, Origin, Yield},
        secret::SecretValue,
    },
    formats::{Refusal, yaml::Node},
};

const NO_MAP: &str = "`env` is a map of names and values";
const NO_TEXT: &str = "the value of a variable must be a text, a number or a switch";
const UPLOADED: &str = "`$NAME` is replaced on the machine that uploads the pipeline, and is empty \
    where that has no such variable; `$$NAME` stays for the step";

const PIPELINE: usize = 0;
const STEP: usize = 1;
const SECRET: usize = 2;

/// Groups of steps inside each other.
const MOST_DEPTH: usize = 8;

pub(super) fn fits(root: &Node) -> bool {
    let keys = ["command", "commands", "wait", "block", "input", "group", "plugins", "label"];
    root.get("steps").and_then(Node::items).is_some_and(|steps| {
        steps.iter().any(|step| {
            keys.iter().any(|key| step.get(key).is_some())
                || matches!(step.name(), Some("wait" | "block" | "input"))
        })
    }) && ["pool", "jobs", "stages", "on"].iter().all(|key| root.get(key).is_none())
}

pub(super) fn read(root: &Node) -> Result<Vec<Row>, Refusal> {
    let mut whole = Draft::default();
    given(root, PIPELINE, "pipeline", &mut whole)?;
    let mut rows = Vec::new();
    let steps = root.get("steps").and_then(Node::items).unwrap_or_default();
    read_steps(steps, &whole, 0, &mut rows)?;
    if !whole.entries.is_empty() || rows.is_empty() {
        rows.insert(0, whole.finish(Unknown::Empty));
    }
    Ok(rows)
}

fn read_steps(
    steps: &[Node],
    whole: &Draft,
    depth: usize,
    rows: &mut Vec<Row>,
) -> Result<(), Refusal> {
    for step in steps {
        if let Some(inner) = step.get("steps").and_then(Node::items) {
            if depth < MOST_DEPTH {
                read_steps(inner, whole, depth + 1, rows)?;
            }
            continue;
        }
        if step.get("env").is_none() && step.get("secrets").is_none() {
            continue;
        }
        let word = |key: &str| step.get(key).and_then(Node::name).filter(|word| !word.is_empty());
        let name = ["key", "id", "identifier", "label", "name"].into_iter().find_map(word);
        let numbered = || format!("step {}", rows.len() + 1);
        let mut draft = Draft::named(name.map_or_else(numbered, str::to_owned));
        let scope = name.map_or_else(numbered, |name| format!("step {name}"));
        within_budget((rows.len() + 1) * whole.entries.len(), step.position)?;
        draft.entries.clone_from(&whole.entries);
        draft.problems.clone_from(&whole.problems);
        given(step, STEP, &scope, &mut draft)?;
        rows.push(draft.finish(Unknown::Empty));
    }
    Ok(())
}

/// What a pipeline or a step is given.
fn given(node: &Node, level: usize, scope: &str, draft: &mut Draft) -> Result<(), Refusal> {
    if let Some(env) = node.get("env").filter(|env| !env.is_null()) {
        let pairs = env.pairs().ok_or_else(|| refuse(env.position, NO_MAP))?;
        for pair in pairs {
            let Some(name) = pair.key.name() else { continue };
            let Given::Value(value) = typing::go(&pair.value) else {
                return Err(refuse(pair.value.position, NO_TEXT));
            };
            add(name, &value, &pair.value, level, scope, draft);
        }
    }
    let Some(secrets) = node.get("secrets") else { return Ok(()) };
    let mut secret = |variable: &str, key: &str, node: &Node| {
        let yields = Yield::Opaque(OpaqueReason::Reference);
        let entry = Entry::new(variable, node.position, yields, SECRET + level, scope);
        draft.add(entry.referring(format!("secret {key}")));
    };
    for pair in secrets.pairs().unwrap_or_default() {
        if let (Some(variable), Some(key)) = (pair.key.name(), pair.value.name()) {
            secret(variable, key, &pair.value);
        }
    }
    for item in secrets.items().unwrap_or_default() {
        if let Some(key) = item.name() {
            secret(key, key, item);
        }
    }
    Ok(())
}

fn add(name: &str, value: &SecretValue, node: &Node, level: usize, scope: &str, draft: &mut Draft) {
    let entry = match interpolated(value.expose()) {
        Ok(interpolated) => {
            let yields = Yield::Value(SecretValue::new(interpolated));
            Entry::new(name, node.position, yields, level, scope).written(node, value)
        }
        Err(other) => {
            // The upload knows what the pipeline's own `env` has defined so far.
            let known = draft.entries.iter().rev().find(|entry| {
                let is_own = matches!(entry.origin, Origin::CiScope(_));
                entry.variable == other && entry.rank == Some((PIPELINE, 0)) && is_own
            });
            let yields =
                known.filter(|_| is_whole(value.expose(), other)).map(|entry| entry.yields.clone());
            if known.is_none() {
                draft.problem(node.position, UPLOADED);
            }
            let yields = yields.unwrap_or(Yield::Opaque(OpaqueReason::Reference));
            Entry::new(name, node.position, yields, level, scope).referring(format!("${other}"))
        }
    };
    draft.add(entry);
}

/// The value is `$NAME` or `${NAME}` and nothing else.
fn is_whole(value: &[u8], name: &str) -> bool {
    value == format!("${name}").as_bytes() || value == format!("${{{name}}}").as_bytes()
}

/// The text after an upload; an error is the first name that the upload replaces.
fn interpolated(text: &[u8]) -> Result<Vec<u8>, &str> {
    let mut result = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'$' | b'\\', [b'$', more @ ..]) => {
                result.push(b'$');
                rest = more;
            }
            (b'$', _) => {
                let name = after.strip_prefix(b"{").unwrap_or(after);
                let is_part = |byte: &u8| *byte == b'_' || byte.is_ascii_alphanumeric();
                let end = name.iter().take_while(|byte| is_part(byte)).count();
                let name = name.get(..end).and_then(|name| std::str::from_utf8(name).ok());
                let starts = |name: &&str| !name.starts_with(|c: char| c.is_ascii_digit());
                match name.filter(|name| !name.is_empty()).filter(starts) {
                    Some(name) => return Err(name),
                    None => result.push(b'$'),
                }
            }
            _ => result.push(*first),
        }
    }
    Ok(result)
}
