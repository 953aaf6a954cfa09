//! CircleCI's variables of projects and contexts: values are never given back. Those of a project
//! are masked to their last four characters, those of a context have only a time.

use super::{
    Row,
    draft::{Draft, Entry},
    expand::Unknown,
    lists,
};
use crate::{
    domain::reading::{OpaqueReason, Yield},
    formats::{Refusal, tree::Node},
};

const NO_NAME: &str = "a CircleCI variable without a `name` or `variable`";

/// A context wins over the project.
const LEVELS: [&str; 2] = ["project", "context"];
const CONTEXT: usize = 1;

pub(super) fn fits(root: &Node) -> bool {
    let is_answer = root.has("items") || LEVELS.iter().any(|level| root.has(level));
    lists::first(root, &LEVELS).is_some_and(|first| {
        let masked =
            first.get("value").and_then(Node::text).is_some_and(|value| is_masked(value.expose()));
        let timed = first.has("updatedAt") || first.has("updated_at");
        first.has("variable") || (first.has("name") && !timed && (is_answer || masked))
    })
}

pub(super) fn read(root: &Node, scope: Option<&str>) -> Result<Vec<Row>, Refusal> {
    let mut draft = Draft::default();
    for list in lists::of(root, &LEVELS) {
        lists::first_page(&list, &mut draft);
        for item in &list.items {
            draft.add(entry(item, list.level, scope)?);
        }
    }
    Ok(vec![draft.finish(Unknown::Empty)])
}

fn entry(item: &Node, level: Option<usize>, scope: Option<&str>) -> Result<Entry, Refusal> {
    let of_context = item.has("variable");
    let name = lists::name(item, if of_context { "variable" } else { "name" }, NO_NAME)?;
    let (position, yields) = if of_context {
        let position = item.get("variable").map_or(item.position, |name| name.position);
        (position, Yield::Opaque(OpaqueReason::WriteOnly))
    } else {
        match lists::value(item, "value", OpaqueReason::WriteOnly)? {
            (position, Yield::Value(value)) if is_masked(value.expose()) => {
                (position, Yield::Opaque(OpaqueReason::Hidden))
            }
            given => given,
        }
    };
    let level = level.unwrap_or(if of_context { CONTEXT } else { 0 });
    let label = scope.unwrap_or(LEVELS.get(level).copied().unwrap_or_default());
    let times = ["updated_at", "updated-at", "created_at", "created-at"];
    Ok(Entry::new(name, position, yields, level, label).updated(lists::time(item, &times)))
}

/// `xxxx` and at most the last four characters.
fn is_masked(value: &[u8]) -> bool {
    value.starts_with(b"xxxx") && value.len() <= "xxxx1234".len()
}
