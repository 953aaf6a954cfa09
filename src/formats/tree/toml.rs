//! TOML as a tree.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{MOST_DEPTH, MOST_NODES, Node, TOO_DEEP, TOO_MANY_NODES, Value};
use crate::{
    domain::secret::SecretValue,
    formats::{Refusal, yaml::lines::Lines},
};

const NOT_UTF8: &str = "these bytes are not UTF-8 text, so this is no TOML";
const NOT_TOML: &str = "this is not valid TOML: texts stand in quotes, names stand once";

pub(super) fn parse(bytes: &[u8]) -> Result<Node, Refusal> {
    let lines = Lines::of(bytes);
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Refusal::at(lines.position(error.valid_up_to()), NOT_UTF8))?;
    let table = DeTable::parse(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        Refusal::at(lines.position(start), NOT_TOML)
    })?;
    let mut reader = Reader { bytes, lines, nodes: 0 };
    let value = reader.table(table.get_ref(), 0)?;
    let position = reader.lines.position(0);
    Ok(Node { value, position, raw: 0..bytes.len() })
}

struct Reader<'a> {
    bytes: &'a [u8],
    lines: Lines,
    nodes: usize,
}

impl Reader<'_> {
    fn table(&mut self, table: &DeTable<'_>, depth: usize) -> Result<Value, Refusal> {
        // The table itself is sorted by name; a file is read from top to bottom.
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        let entries = entries
            .into_iter()
            .map(|(name, value)| Ok((name.get_ref().to_string(), self.node(value, depth + 1)?)));
        Ok(Value::Map(entries.collect::<Result<_, _>>()?))
    }

    fn node(&mut self, from: &Spanned<DeValue<'_>>, depth: usize) -> Result<Node, Refusal> {
        let span = from.span();
        let position = self.lines.position(span.start);
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(Refusal::at(position, TOO_MANY_NODES));
        }
        if depth > MOST_DEPTH {
            return Err(Refusal::at(position, TOO_DEEP));
        }
        let as_written = || SecretValue::new(self.bytes.get(span.clone()).unwrap_or_default());
        let value = match from.get_ref() {
            DeValue::String(text) => {
                let value = Value::Text(SecretValue::new(text.as_bytes()));
                let start = span.start + self.opening(span.start);
                let raw = start..span.end.max(start);
                return Ok(Node { value, position: self.lines.position(start), raw });
            }
            DeValue::Array(items) => {
                let items = items.iter().map(|item| self.node(item, depth + 1));
                Value::List(items.collect::<Result<_, _>>()?)
            }
            DeValue::Table(table) => self.table(table, depth)?,
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => Value::Plain(as_written()),
        };
        Ok(Node { value, position, raw: span })
    }

    /// Bytes before the first one of a text: the quotes, and the newline behind three of them.
    fn opening(&self, start: usize) -> usize {
        let text = self.bytes.get(start..).unwrap_or_default();
        if text.starts_with(b"\"\"\"") || text.starts_with(b"'''") {
            match text.get(3..) {
                Some([b'\r', b'\n', ..]) => 5,
                Some([b'\n', ..]) => 4,
                _ => 3,
            }
        } else {
            usize::from(text.starts_with(b"\"") || text.starts_with(b"'"))
        }
    }
}
