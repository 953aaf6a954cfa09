//! A key-value secret of Vault: version 1 gives the fields, version 2 wraps them.

use super::{
    Part, Source,
    collector::{Collector, Entry, time},
    map,
};
use crate::formats::{Refusal, tree::Node};

const NO_DATA: &str = "this answer of Vault has no `data`";
const DELETED: &str = "this version of the secret is deleted or destroyed; it has no values";

pub(super) fn fits(root: &Node) -> bool {
    let answer = root.has("request_id") || root.has("lease_id") || root.has("lease_duration");
    root.has("data") && (answer || is_wrapped(root.get("data")))
}

fn is_wrapped(data: Option<&Node>) -> bool {
    data.is_some_and(|data| data.has("data") && data.at("metadata/version").is_some())
}

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Part>, Refusal> {
    let data = source.root.get("data");
    let data = data.ok_or_else(|| Refusal::at(source.root.position, NO_DATA))?;
    if !is_wrapped(Some(data)) {
        if !data.is_map() {
            return Err(Refusal::at(data.position, NO_DATA));
        }
        return Ok(vec![map::entries(data).finish().alone()]);
    }
    let mut collector = Collector::default();
    let deleted = data
        .at("metadata/deletion_time")
        .is_some_and(|time| time.scalar().is_some_and(|time| !time.is_empty()));
    let destroyed = data.get("metadata").is_some_and(|metadata| metadata.is_on("destroyed"));
    let values = data.get("data").filter(|values| values.is_map());
    if deleted && values.is_none() || destroyed {
        collector.problem(data.position, DELETED);
    }
    let updated_at = time(data.at("metadata/created_time"));
    for (name, node) in values.map_or(&[][..], Node::entries) {
        if node.scalar().is_some() || node.is_null() {
            collector.add(Entry::of(name, node).updated(updated_at));
        }
    }
    Ok(vec![collector.finish().alone()])
}
