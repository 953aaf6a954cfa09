//! YAML as a tree.

use super::{Node, Value};
use crate::{
    domain::secret::SecretValue,
    formats::{
        Refusal,
        yaml::{self, scalar::Typed},
    },
};

const NAME: &str = "a name in this mapping is not a text";

pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Node>, Refusal> {
    yaml::parse(bytes)?.iter().map(|document| node(&document.root)).collect()
}

/// The composer has already bounded the depth and the number of nodes.
fn node(from: &yaml::Node) -> Result<Node, Refusal> {
    let value = match &from.value {
        yaml::Value::Scalar(scalar) => match yaml::scalar::type_of(from) {
            Some(Typed::Null) => Value::Null,
            Some(Typed::Text) | None => Value::Text(SecretValue::clone(&scalar.text)),
            Some(_) => Value::Plain(SecretValue::clone(&scalar.text)),
        },
        yaml::Value::Sequence(items) => {
            Value::List(items.iter().map(node).collect::<Result<_, _>>()?)
        }
        yaml::Value::Mapping(pairs) => {
            let entries = pairs.iter().map(|pair| {
                let name = pair.key.name().ok_or(Refusal::at(pair.key.position, NAME))?;
                Ok((name.to_owned(), node(&pair.value)?))
            });
            Value::Map(entries.collect::<Result<_, _>>()?)
        }
    };
    // A text without quotes and escapes stands between its first byte and the end of the node.
    let indent = from.position.column.saturating_sub(from.span.position.column) as usize;
    let same_line = from.position.line == from.span.position.line;
    let start = if same_line { from.span.start + indent } else { from.span.start };
    Ok(Node { value, position: from.position, raw: start..from.span.end.max(start) })
}
