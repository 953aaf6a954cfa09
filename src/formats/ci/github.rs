//! GitHub Actions variables and secrets.
//!
//! Variables have values, secrets never do. The lists do not name their level; only those of an
//! organization have a visibility. The layer's scope says what else a list was made of.

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

const NO_NAME: &str = "a GitHub variable or secret without a `name`";

/// The narrowest wins.
const LEVELS: [&str; 3] = ["organization", "repository", "environment"];
const ORGANIZATION: usize = 0;
const REPOSITORY: usize = 1;
const ENVIRONMENT: usize = 2;

pub(super) fn fits(root: &Node) -> bool {
    let others = ["value", "updatedAt", "updated_at", "createdAt", "created_at", "visibility"];
    lists::first(root, &LEVELS).is_some_and(|first| {
        first.has("name")
            && !first.has("key")
            && !first.has("variables")
            && others.iter().any(|field| first.has(field))
    })
}

pub(super) fn read(root: &Node, scope: Option<&str>) -> Result<Vec<Row>, Refusal> {
    let mut draft = Draft::default();
    for list in lists::of(root, &LEVELS) {
        for item in list.items {
            draft.add(entry(item, list.level, scope)?);
        }
    }
    Ok(vec![draft.finish(Unknown::Empty)])
}

fn entry(item: &Node, level: Option<usize>, scope: Option<&str>) -> Result<Entry, Refusal> {
    let name = lists::name(item, "name", NO_NAME)?;
    let (position, yields) = if item.has("value") {
        lists::value(item, "value", OpaqueReason::Hidden)?
    } else {
        let position = item.get("name").map_or(item.position, |name| name.position);
        (position, Yield::Opaque(OpaqueReason::WriteOnly))
    };
    let named = LEVELS.iter().position(|level| Some(*level) == scope);
    let level = level.unwrap_or_else(|| match (item.word("visibility"), named, scope) {
        (Some(_), ..) => ORGANIZATION,
        (None, Some(named), _) => named,
        (None, None, Some(_)) => ENVIRONMENT,
        (None, None, None) => REPOSITORY,
    });
    let label = match scope {
        Some(scope) if level == ENVIRONMENT => scope,
        _ => LEVELS.get(level).copied().unwrap_or_default(),
    };
    let updated_at = lists::time(item, &["updatedAt", "updated_at"]);
    Ok(Entry::new(name, position, yields, level, label).updated(updated_at))
}
