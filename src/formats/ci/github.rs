//! GitHub Actions variables and secrets.
//!
//! Variables have values, secrets never do. The lists do not name their level; only those of an
//! organization have a visibility.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::CiEntry;
use crate::{
    domain::reading::{Occurrence, OpaqueReason, Origin, Yield},
    formats::{Refusal, json::Object},
};

const NO_NAME: &str = "a GitHub variable or secret without a `name`";
const ORGANIZATION: &str = "organization";
const REPOSITORY: &str = "repository";

pub(super) fn fits(object: &Object<'_>) -> bool {
    let others = ["value", "updatedAt", "updated_at", "createdAt", "created_at", "visibility"];
    object.has("name") && !object.has("key") && others.iter().any(|field| object.has(field))
}

pub(super) fn entry(object: &Object<'_>) -> Result<CiEntry, Refusal> {
    let name = object.word("name").filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Refusal::at(object.position_of("name"), NO_NAME))?;
    let organization = object.word("visibility").is_some_and(|visibility| !visibility.is_empty());
    let hidden = !object.has("value");
    let (position, yields) = match object.text("value")? {
        Some(text) => (text.position, Yield::Value(text.value)),
        None if hidden => (object.position_of("name"), Yield::Opaque(OpaqueReason::WriteOnly)),
        None => (object.position_of("value"), Yield::Opaque(OpaqueReason::Hidden)),
    };
    let mut occurrence = Occurrence::new(name, position, yields);
    let scope = if organization { ORGANIZATION } else { REPOSITORY };
    occurrence.origin = Origin::CiScope(scope.to_owned());
    let time = object.word("updatedAt").or_else(|| object.word("updated_at"));
    Ok(CiEntry {
        occurrence,
        updated_at: time.and_then(|time| time.parse().ok()).filter(is_set),
        protected: false,
        masked: hidden,
        hidden,
        expands: false,
    })
}

/// The command prints the year 1 for a time that it was not given.
fn is_set(time: &Timestamp) -> bool {
    *time > Timestamp::UNIX_EPOCH
}

/// Of each name the last entry of the narrowest level.
pub(super) fn winners(entries: &[CiEntry]) -> Vec<usize> {
    let mut best: BTreeMap<&str, (bool, usize)> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        let narrow = entry.occurrence.origin != Origin::CiScope(ORGANIZATION.to_owned());
        let known = best.get(entry.occurrence.variable.as_str());
        if known.is_none_or(|(most, _)| narrow >= *most) {
            best.insert(&entry.occurrence.variable, (narrow, index));
        }
    }
    let mut winners: Vec<usize> = best.into_values().map(|(_, index)| index).collect();
    winners.sort_unstable();
    winners
}
