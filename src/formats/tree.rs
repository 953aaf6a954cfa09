//! A structured file as one tree of maps, lists and texts, whatever its syntax is.
//!
//! What platforms print is JSON for one and YAML for the next; whoever looks for a value in it
//! should not care. Every text keeps its exact place.

use std::ops::Range;

use crate::{
    domain::{place::Position, secret::SecretValue},
    formats::Refusal,
};

mod json;
pub(in crate::formats) mod pointer;
mod toml;
mod yaml;

/// Most nodes of a JSON or TOML file.
const MOST_NODES: usize = 250_000;
/// Most collections inside each other in a JSON or TOML file.
const MOST_DEPTH: usize = 64;

const TOO_MANY_NODES: &str = "this file has more than 250000 values";
const TOO_DEEP: &str = "this file is nested more than 64 levels deep";
const EMPTY: &str = "this file is empty";

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::formats) enum Syntax {
    Json,
    Yaml,
    Toml,
}

/// One value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::formats) struct Node {
    pub(in crate::formats) value: Value,
    /// Of the first byte of the value: behind the opening quote of a text.
    pub(in crate::formats) position: Position,
    /// The bytes of a text as it is written, quotes left out; of anything else, of the whole.
    raw: Range<usize>,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::formats) enum Value {
    Null,
    /// A text.
    Text(SecretValue),
    /// A number, a switch or a date, as it is written.
    Plain(SecretValue),
    List(Vec<Node>),
    /// Names and values in file order; a name may stand twice.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The value of a name; of several the last.
    pub(in crate::formats) fn get(&self, name: &str) -> Option<&Self> {
        self.entries().iter().rev().find(|(key, _)| key == name).map(|(_, node)| node)
    }

    /// [`Node::get`], several times over: `a/b/c`.
    pub(in crate::formats) fn at(&self, path: &str) -> Option<&Self> {
        path.split('/').try_fold(self, |node, name| node.get(name))
    }

    pub(in crate::formats) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The names and values of a map; of anything else none.
    pub(in crate::formats) fn entries(&self) -> &[(String, Self)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; of anything else none.
    pub(in crate::formats) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The items of the list with this name.
    pub(in crate::formats) fn list(&self, name: &str) -> &[Self] {
        self.get(name).map_or(&[], Self::items)
    }

    /// A text, number or switch; it may be secret.
    pub(in crate::formats) const fn scalar(&self) -> Option<&SecretValue> {
        match &self.value {
            Value::Text(text) | Value::Plain(text) => Some(text),
            _ => None,
        }
    }

    /// A text, and nothing that is retyped.
    pub(in crate::formats) const fn text(&self) -> Option<&SecretValue> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A scalar that is a name, a kind, a time; never for values.
    pub(in crate::formats) fn as_name(&self) -> Option<&str> {
        std::str::from_utf8(self.scalar()?.expose()).ok()
    }

    /// The word with this name: not empty.
    pub(in crate::formats) fn word(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_name().filter(|word| !word.is_empty())
    }

    /// The switch with this name is on.
    pub(in crate::formats) fn is_on(&self, name: &str) -> bool {
        matches!(self.get(name).map(|node| &node.value),
            Some(Value::Plain(word)) if matches!(word.expose(), b"true" | b"True" | b"TRUE"))
    }

    pub(in crate::formats) const fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    pub(in crate::formats) const fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }

    pub(in crate::formats) const fn is_list(&self) -> bool {
        matches!(self.value, Value::List(_))
    }

    /// Changes every place below.
    fn relocate(&mut self, place: &impl Fn(usize) -> (usize, Position)) {
        let (start, position) = place(self.raw.start);
        let (end, _) = place(self.raw.end);
        (self.raw, self.position) = (start..end.max(start), position);
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(|item| item.relocate(place)),
            Value::Map(entries) => entries.iter_mut().for_each(|(_, node)| node.relocate(place)),
            _ => {}
        }
    }
}

/// The documents of a file. Without a syntax, the one it has: JSON where it begins as such, TOML
/// where all of it is, else YAML.
///
/// # Errors
/// Where the text is not of that syntax.
pub(in crate::formats) fn parse(
    bytes: &[u8],
    syntax: Option<Syntax>,
) -> Result<(Syntax, Vec<Node>), Refusal> {
    let (syntax, documents) = match syntax {
        Some(Syntax::Json) => (Syntax::Json, vec![json::parse(bytes)?]),
        Some(Syntax::Yaml) => (Syntax::Yaml, yaml::parse(bytes)?),
        Some(Syntax::Toml) => (Syntax::Toml, vec![toml::parse(bytes)?]),
        None => guess(bytes)?,
    };
    let documents: Vec<_> = documents.into_iter().filter(|document| !document.is_null()).collect();
    if documents.is_empty() {
        return Err(Refusal { position: None, reason: EMPTY });
    }
    Ok((syntax, documents))
}

fn guess(bytes: &[u8]) -> Result<(Syntax, Vec<Node>), Refusal> {
    let without_mark = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let first = without_mark.iter().find(|byte| !byte.is_ascii_whitespace());
    let json = json::parse(bytes);
    if matches!(first, Some(b'{' | b'[')) {
        return match json {
            Ok(root) => Ok((Syntax::Json, vec![root])),
            // A TOML file may begin with a bracket too.
            Err(refusal) => match toml::parse(bytes) {
                Ok(root) => Ok((Syntax::Toml, vec![root])),
                Err(_) => Err(refusal),
            },
        };
    }
    if let Ok(root) = toml::parse(bytes)
        && !root.entries().is_empty()
    {
        return Ok((Syntax::Toml, vec![root]));
    }
    match (yaml::parse(bytes), json) {
        (Ok(documents), json) => {
            let structured = documents.iter().any(|root| root.is_map() || root.is_list());
            // Text, then JSON: a tool that prints a line before its answer.
            match json {
                Ok(root) if !structured => Ok((Syntax::Json, vec![root])),
                _ => Ok((Syntax::Yaml, documents)),
            }
        }
        (Err(_), Ok(root)) => Ok((Syntax::Json, vec![root])),
        (Err(refusal), Err(_)) => Err(refusal),
    }
}

/// What a text holds that is a JSON object itself, with places in the file around it; `None` when
/// it is none. `bytes` are those of the file, in which the text stands as a JSON string or plainly.
pub(in crate::formats) fn inside(bytes: &[u8], text: &Node) -> Option<Node> {
    let inner = text.text()?.expose();
    let first = inner.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'{') {
        return None;
    }
    let mut root = json::parse(inner).ok().filter(Node::is_map)?;
    let lines = crate::formats::yaml::lines::Lines::of(bytes);
    let raw = bytes.get(text.raw.clone()).unwrap_or_default();
    if raw.starts_with(inner) {
        let start = text.raw.start;
        root.relocate(&|offset| (start + offset, lines.position(start + offset)));
    } else if let Some(marks) = json::unescaped(raw) {
        root.relocate(&|offset| {
            let start = text.raw.start + json::escaped_offset(&marks, offset);
            (start, lines.position(start))
        });
    } else {
        root.relocate(&|_| (text.raw.start, text.position));
    }
    Some(root)
}

#[cfg(test)]
mod tests;
