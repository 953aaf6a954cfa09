//! Plain JSON, YAML or TOML: a map of names and values, a list of such pairs, or one value.

use super::{
    Part, Source,
    collector::{Collector, Entry},
    map,
};
use crate::formats::{
    Refusal,
    tree::{Node, pointer::last_name},
};

const NO_VALUES: &str =
    "neither a value, nor a map of names and values, nor a list of them; point at the values";

pub(super) fn fits(root: &Node) -> bool {
    map::fits(root)
}

pub(super) fn read(source: &Source<'_>, pointer: Option<&str>) -> Result<Vec<Part>, Refusal> {
    let root = source.root;
    let collector = if root.is_map() {
        map::entries(root)
    } else if root.is_list() {
        pairs(root)?
    } else {
        let mut collector = Collector::default();
        collector.add(Entry::of(&last_name(pointer.unwrap_or_default()), root));
        let mut part = collector.finish();
        part.bare = part.contents.occurrences.first().cloned();
        return Ok(vec![part]);
    };
    Ok(vec![collector.finish()])
}

/// A list of `{name, value}`, `{key, value}` or the like.
fn pairs(root: &Node) -> Result<Collector, Refusal> {
    let mut collector = Collector::default();
    for item in root.items() {
        let name = ["name", "key", "Name", "Key"].iter().find_map(|field| item.word(field));
        let value = ["value", "Value"].iter().find_map(|field| item.get(field));
        let (Some(name), Some(value)) = (name, value) else {
            return Err(Refusal::at(item.position, NO_VALUES));
        };
        collector.add(Entry::of(name, value));
    }
    Ok(collector)
}
