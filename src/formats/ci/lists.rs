//! The lists that platforms answer with, alone or several in one file.

use jiff::Timestamp;

use super::{draft::Draft, refuse};
use crate::{
    domain::{
        place::Position,
        reading::{OpaqueReason, Yield},
        secret::SecretValue,
    },
    formats::{Refusal, tree::Node},
};

/// The names that an answer gives its list.
const WRAPPERS: [&str; 5] = ["variables", "secrets", "values", "items", "value"];

const FIRST_PAGE: &str = "only the first page of the list; ask for the next one too, or a variable \
    that stands there is missing here";
const NO_TEXT: &str = "the value of a variable must be a text";

/// One list of a file.
pub(super) struct List<'a> {
    /// Index of its level among those of the platform; the highest wins.
    pub(super) level: Option<usize>,
    pub(super) items: Vec<&'a Node>,
    node: &'a Node,
}

/// The lists of a file: one, or one for each level.
pub(super) fn of<'a>(root: &'a Node, levels: &[&str]) -> Vec<List<'a>> {
    let entries = root.entries();
    let level = |name: &str| levels.iter().position(|level| *level == name);
    if !entries.is_empty() && entries.iter().all(|(name, _)| level(name).is_some()) {
        let lists = entries.iter().map(|(name, node)| list(node, level(name)));
        return lists.collect();
    }
    vec![list(root, None)]
}

fn list(node: &Node, level: Option<usize>) -> List<'_> {
    let items = if node.is_list() {
        node.items().iter().collect()
    } else {
        WRAPPERS.iter().flat_map(|name| node.list(name)).collect()
    };
    List { level, items, node }
}

/// The first entry of the first list that has one.
pub(super) fn first<'a>(root: &'a Node, levels: &[&str]) -> Option<&'a Node> {
    of(root, levels).into_iter().find_map(|list| list.items.first().copied())
}

/// A list without entries, alone or in an answer.
pub(super) fn is_empty(root: &Node) -> bool {
    let wrapped = || WRAPPERS.iter().filter_map(|name| root.get(name)).collect::<Vec<_>>();
    if root.is_list() {
        root.items().is_empty()
    } else {
        let lists = wrapped();
        !lists.is_empty() && lists.iter().all(|list| list.is_list() && list.items().is_empty())
    }
}

/// Says when an answer has a next page.
pub(super) fn first_page(list: &List<'_>, draft: &mut Draft) {
    let next = ["next", "next_page_token"].iter().find_map(|name| list.node.get(name));
    if let Some(next) = next.filter(|next| !next.is_null()) {
        draft.problem(next.position, FIRST_PAGE);
    }
}

/// The name in a field of an entry.
pub(super) fn name<'a>(
    item: &'a Node,
    field: &str,
    reason: &'static str,
) -> Result<&'a str, Refusal> {
    let position = || item.get(field).map_or(item.position, |name| name.position);
    item.word(field).ok_or_else(|| refuse(position(), reason))
}

/// The value in a field of an entry and its place; without one, why.
pub(super) fn value(
    item: &Node,
    field: &str,
    absent: OpaqueReason,
) -> Result<(Position, Yield<SecretValue>), Refusal> {
    match item.get(field) {
        None => Ok((item.position, Yield::Opaque(absent))),
        Some(node) if node.is_null() => Ok((node.position, Yield::Opaque(absent))),
        Some(node) => match node.text() {
            Some(text) => Ok((node.position, Yield::Value(text.clone()))),
            None => Err(refuse(node.position, NO_TEXT)),
        },
    }
}

/// The first of these times that is set; some tools print the year 1 for one that is not.
pub(super) fn time(item: &Node, fields: &[&str]) -> Option<Timestamp> {
    let times = fields.iter().filter_map(|field| item.word(field)?.parse::<Timestamp>().ok());
    times.into_iter().find(|time| *time > Timestamp::UNIX_EPOCH)
}
