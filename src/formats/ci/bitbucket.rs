//! Bitbucket's variables: secured ones have no value.

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

const NO_KEY: &str = "a Bitbucket variable without a `key`";

/// The narrowest wins.
const LEVELS: [&str; 3] = ["workspace", "repository", "deployment"];
const REPOSITORY: usize = 1;
const DEPLOYMENT: usize = 2;

pub(super) fn fits(root: &Node) -> bool {
    lists::first(root, &LEVELS).is_some_and(|first| first.has("key") && first.has("secured"))
}

pub(super) fn read(root: &Node, scope: Option<&str>) -> Result<Vec<Row>, Refusal> {
    let mut draft = Draft::default();
    let named = |name: &str| LEVELS.iter().position(|level| *level == name);
    for list in lists::of(root, &LEVELS) {
        lists::first_page(&list, &mut draft);
        // A scope that is no level is the name of a deployment environment.
        let level = list.level.unwrap_or_else(|| {
            scope.map_or(REPOSITORY, |scope| named(scope).unwrap_or(DEPLOYMENT))
        });
        let label = match scope {
            Some(scope) if level == DEPLOYMENT => scope,
            _ => LEVELS.get(level).copied().unwrap_or_default(),
        };
        for item in list.items {
            let key = lists::name(item, "key", NO_KEY)?;
            let (position, yields) = lists::value(item, "value", OpaqueReason::Hidden)?;
            let (position, yields) = if item.is_on("secured") {
                let key = item.get("key").map_or(position, |key| key.position);
                (key, Yield::Opaque(OpaqueReason::WriteOnly))
            } else {
                (position, yields)
            };
            draft.add(Entry::new(key, position, yields, level, label));
        }
    }
    Ok(vec![draft.finish(Unknown::Empty)])
}
