//! Netlify's environment variables, as its API lists them; `env:list --json` is a plain map.
//!
//! A variable has a value per deploy context. What is marked secret is hidden.

use super::{
    Part, Source,
    collector::{Collector, Entry, time},
};
use crate::{
    domain::reading::OpaqueReason,
    formats::{Refusal, tree::Node},
};

const NO_KEY: &str = "a Netlify variable without a `key`";
const NO_VALUES: &str = "a Netlify variable without `values`";

pub(super) fn fits(root: &Node) -> bool {
    super::map::fits(root) && root.has("NETLIFY")
        || root.items().first().is_some_and(|first| first.has("key") && first.has("values"))
}

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Part>, Refusal> {
    if source.root.is_map() {
        return super::map::read(source);
    }
    let mut collector = Collector::default();
    for item in source.root.items() {
        let key = item.word("key").ok_or_else(|| Refusal::at(item.position, NO_KEY))?;
        let values = item.get("values").ok_or_else(|| Refusal::at(item.position, NO_VALUES))?;
        let updated_at = time(item.get("updated_at"));
        for one in values.items() {
            let rank = match one.word("context") {
                Some("production") => 3,
                Some("all") => 2,
                _ => 1,
            };
            let value = one.get("value").unwrap_or(one);
            let entry = if item.is_on("is_secret") {
                Entry::opaque(key, value.position, OpaqueReason::WriteOnly)
            } else {
                Entry::of(key, value)
            };
            collector.add(entry.ranked(rank).updated(updated_at));
        }
    }
    Ok(vec![collector.finish()])
}
