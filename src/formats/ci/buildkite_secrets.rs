//! The secrets of a Buildkite cluster: never given back, but dated.

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

const NO_KEY: &str = "a Buildkite secret without a `key`";

pub(super) fn fits(root: &Node) -> bool {
    let others = ["cluster_url", "graphql_id", "policy", "last_read_at"];
    lists::first(root, &[]).is_some_and(|first| {
        first.has("key") && !first.has("value") && others.iter().any(|field| first.has(field))
    })
}

pub(super) fn read(root: &Node, scope: Option<&str>) -> Result<Vec<Row>, Refusal> {
    let mut draft = Draft::default();
    for list in lists::of(root, &[]) {
        for item in list.items {
            let key = lists::name(item, "key", NO_KEY)?;
            let position = item.get("key").map_or(item.position, |key| key.position);
            let yields = Yield::Opaque(OpaqueReason::WriteOnly);
            let entry = Entry::new(key, position, yields, 0, scope.unwrap_or("cluster"));
            draft.add(entry.updated(lists::time(item, &["updated_at", "created_at"])));
        }
    }
    Ok(vec![draft.finish(Unknown::Empty)])
}
