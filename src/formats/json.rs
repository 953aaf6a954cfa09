//! Lists of JSON objects whose values keep their exact place.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    domain::{place::Position, secret::SecretValue},
    formats::{Refusal, yaml::lines::Lines},
};

const NOT_UTF8: &str = "these bytes are not UTF-8 text, so this is no JSON";
const NO_JSON: &str = "no JSON list in this file; export the variables as JSON";
pub(in crate::formats) const BROKEN: &str = "this JSON ends early or is not valid here";
const NO_TEXT: &str = "this field must be a text";

/// A file with one JSON value, after lines that a command printed before it.
pub(in crate::formats) struct Document<'a> {
    bytes: &'a [u8],
    lines: Lines,
    root: &'a RawValue,
}

/// One object of the list.
pub(in crate::formats) struct Object<'a> {
    document: &'a Document<'a>,
    raw: &'a RawValue,
    fields: BTreeMap<String, &'a RawValue>,
}

/// A text and where its first character stands.
pub(in crate::formats) struct Text {
    pub(in crate::formats) value: SecretValue,
    pub(in crate::formats) position: Position,
}

impl<'a> Document<'a> {
    pub(in crate::formats) fn of(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let lines = Lines::of(bytes);
        let text = std::str::from_utf8(bytes)
            .map_err(|error| Refusal::at(lines.position(error.valid_up_to()), NOT_UTF8))?;
        let start = start_of_json(text).ok_or(Refusal { position: None, reason: NO_JSON })?;
        let body = text.get(start..).unwrap_or_default();
        let root: &RawValue = serde_json::from_str(body).map_err(|error| {
            let lines_before = error.line().saturating_sub(1);
            let line: usize = body.split_inclusive('\n').take(lines_before).map(str::len).sum();
            Refusal::at(lines.position(start + line + error.column().saturating_sub(1)), BROKEN)
        })?;
        Ok(Self { bytes, lines, root })
    }

    /// The objects of the list: the value itself, or its `variables` or `secrets`. An error is
    /// the place of the first thing that is none.
    pub(in crate::formats) fn objects(&'a self) -> Result<Vec<Object<'a>>, Position> {
        let mut list = self.root;
        if let Ok(fields) = fields(list) {
            let inner = ["variables", "secrets"].iter().find_map(|name| fields.get(*name));
            list = inner.copied().ok_or_else(|| self.position(list))?;
        }
        let items: Vec<&'a RawValue> =
            serde_json::from_str(list.get()).map_err(|_| self.position(list))?;
        let objects = items.into_iter().map(|raw| {
            let fields = fields(raw).map_err(|()| self.position(raw))?;
            Ok(Object { document: self, raw, fields })
        });
        objects.collect()
    }

    /// The value of the whole file.
    pub(in crate::formats) const fn root(&self) -> &'a RawValue {
        self.root
    }

    /// Where its lines begin.
    pub(in crate::formats) const fn lines(&self) -> &Lines {
        &self.lines
    }

    fn position(&self, raw: &RawValue) -> Position {
        self.lines.position(self.offset(raw))
    }

    /// The raw value is a slice of the file, so the distance of their addresses is its offset.
    pub(in crate::formats) fn offset(&self, raw: &RawValue) -> usize {
        raw.get().as_ptr().addr().saturating_sub(self.bytes.as_ptr().addr()).min(self.bytes.len())
    }
}

impl Object<'_> {
    /// Where it begins.
    pub(in crate::formats) fn position(&self) -> Position {
        self.document.position(self.raw)
    }

    pub(in crate::formats) fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// A text that may be secret; `None` for null or no such field.
    pub(in crate::formats) fn text(&self, field: &str) -> Result<Option<Text>, Refusal> {
        let Some(raw) = self.fields.get(field).filter(|raw| raw.get() != "null") else {
            return Ok(None);
        };
        let text: String = serde_json::from_str(raw.get())
            .map_err(|_| Refusal::at(self.document.position(raw), NO_TEXT))?;
        let position = self.document.lines.position(self.document.offset(raw) + 1);
        Ok(Some(Text { value: SecretValue::new(text), position }))
    }

    /// A text that is a name or a time.
    pub(in crate::formats) fn word(&self, field: &str) -> Option<String> {
        self.fields.get(field).and_then(|raw| serde_json::from_str(raw.get()).ok())
    }

    /// A switch; absent is off.
    pub(in crate::formats) fn is(&self, field: &str) -> bool {
        self.fields.get(field).is_some_and(|raw| raw.get() == "true")
    }

    /// Where the text of a field begins, or the object.
    pub(in crate::formats) fn position_of(&self, field: &str) -> Position {
        self.fields.get(field).map_or_else(
            || self.position(),
            |raw| {
                let quote = usize::from(raw.get().starts_with('"'));
                self.document.lines.position(self.document.offset(raw) + quote)
            },
        )
    }
}

fn fields(raw: &RawValue) -> Result<BTreeMap<String, &RawValue>, ()> {
    #[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
    struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
    let fields: BTreeMap<Name<'_>, &RawValue> = serde_json::from_str(raw.get()).map_err(|_| ())?;
    Ok(fields.into_iter().map(|(name, raw)| (name.0.into_owned(), raw)).collect())
}

/// The first line that begins as a JSON list or object does; some exporters print a line before.
fn start_of_json(text: &str) -> Option<usize> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let blank = |character: char| character.is_whitespace() || character == '\u{feff}';
        let content = line.trim_start_matches(blank);
        if content.starts_with(['[', '{']) {
            return Some(start + line.len() - content.len());
        }
        start += line.len();
    }
    None
}
