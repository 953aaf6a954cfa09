//! Fly's secrets: names and digests, never values.

use super::{
    Part, Source,
    collector::{Collector, Entry, time},
};
use crate::{
    domain::reading::OpaqueReason,
    formats::{Refusal, tree::Node},
};

const NO_NAME: &str = "a Fly secret without a `name`";
/// The trap `staged`.
pub const STAGED: &str = "staged: no machine has it before the next deploy";
const PARTIAL: &str = "deployed to some machines only";

/// Older versions begin the fields with a capital.
fn field<'a>(item: &'a Node, name: &str, capital: &str) -> Option<&'a Node> {
    item.get(name).or_else(|| item.get(capital))
}

pub(super) fn fits(root: &Node) -> bool {
    root.items().first().is_some_and(|first| {
        field(first, "name", "Name").is_some() && field(first, "digest", "Digest").is_some()
    })
}

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Part>, Refusal> {
    let mut collector = Collector::default();
    for item in source.root.items() {
        let name = field(item, "name", "Name").and_then(Node::as_name).filter(|n| !n.is_empty());
        let name = name.ok_or_else(|| Refusal::at(item.position, NO_NAME))?;
        let digest = field(item, "digest", "Digest").unwrap_or(item);
        match field(item, "status", "Status").and_then(Node::as_name) {
            Some("Staged") => collector.problem(digest.position, STAGED),
            Some("Partial") => collector.problem(digest.position, PARTIAL),
            _ => {}
        }
        let updated_at = ["updated_at", "created_at", "createdAt", "CreatedAt"]
            .iter()
            .find_map(|name| time(item.get(name)));
        let entry = Entry::opaque(name, digest.position, OpaqueReason::WriteOnly);
        collector.add(entry.updated(updated_at));
    }
    Ok(vec![collector.finish()])
}
