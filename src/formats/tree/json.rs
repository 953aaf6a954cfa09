//! JSON as a tree.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{MOST_DEPTH, MOST_NODES, Node, TOO_DEEP, TOO_MANY_NODES, Value};
use crate::{
    domain::secret::SecretValue,
    formats::{
        Refusal,
        json::{BROKEN, Document},
    },
};

pub(super) fn parse(bytes: &[u8]) -> Result<Node, Refusal> {
    let document = Document::of(bytes)?;
    let mut reader = Reader { document: &document, nodes: 0 };
    reader.node(document.root(), 0)
}

struct Reader<'d, 'a> {
    document: &'d Document<'a>,
    nodes: usize,
}

impl<'a> Reader<'_, 'a> {
    fn node(&mut self, raw: &'a RawValue, depth: usize) -> Result<Node, Refusal> {
        let (start, text) = (self.document.offset(raw), raw.get());
        let position = self.document.lines().position(start);
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(Refusal::at(position, TOO_MANY_NODES));
        }
        if depth > MOST_DEPTH {
            return Err(Refusal::at(position, TOO_DEEP));
        }
        let broken = |_| Refusal::at(position, BROKEN);
        let end = start + text.len();
        let value = match text.as_bytes().first() {
            Some(b'"') => {
                let text: String = serde_json::from_str(text).map_err(broken)?;
                let position = self.document.lines().position(start + 1);
                let value = Value::Text(SecretValue::new(text));
                return Ok(Node { value, position, raw: start + 1..end.saturating_sub(1) });
            }
            Some(b'{') => {
                let fields: Fields<'_> = serde_json::from_str(text).map_err(broken)?;
                let entries = fields.0.into_iter().map(|(name, raw)| {
                    let node = self.node(raw, depth + 1)?;
                    Ok((name, node))
                });
                Value::Map(entries.collect::<Result<_, _>>()?)
            }
            Some(b'[') => {
                let items: Vec<&'a RawValue> = serde_json::from_str(text).map_err(broken)?;
                let items = items.into_iter().map(|raw| self.node(raw, depth + 1));
                Value::List(items.collect::<Result<_, _>>()?)
            }
            Some(b'n') => Value::Null,
            _ => Value::Plain(SecretValue::new(text)),
        };
        Ok(Node { value, position, raw: start..end })
    }
}

/// The fields of an object in file order, those that stand twice too.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, raw)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    fields.push((name.0.into_owned(), raw));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Where the bytes of a text stand in its JSON string: after each escape, the offset in the text
/// and the offset in the string. `None` for what is no inside of a JSON string.
pub(super) fn unescaped(raw: &[u8]) -> Option<Vec<(usize, usize)>> {
    let mut marks = vec![(0, 0)];
    let (mut inner, mut outer) = (0, 0);
    while let Some(byte) = raw.get(outer) {
        if *byte != b'\\' {
            (inner, outer) = (inner + 1, outer + 1);
            continue;
        }
        if raw.get(outer + 1)? == &b'u' {
            let unit = code_unit(raw, outer)?;
            let pair = (0xd800..0xdc00).contains(&unit);
            outer += if pair { 12 } else { 6 };
            inner += if pair { 4 } else { char::from_u32(unit)?.len_utf8() };
        } else {
            (inner, outer) = (inner + 1, outer + 2);
        }
        marks.push((inner, outer));
    }
    Some(marks)
}

fn code_unit(raw: &[u8], at: usize) -> Option<u32> {
    let digits = std::str::from_utf8(raw.get(at + 2..at + 6)?).ok()?;
    u32::from_str_radix(digits, 16).ok()
}

/// The offset in the string of an offset in the text, by the marks of [`unescaped`].
pub(super) fn escaped_offset(marks: &[(usize, usize)], offset: usize) -> usize {
    let before = marks.partition_point(|(inner, _)| *inner <= offset).saturating_sub(1);
    marks.get(before).map_or(offset, |(inner, outer)| outer + offset.saturating_sub(*inner))
}
