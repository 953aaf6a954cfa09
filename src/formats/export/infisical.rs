//! Secrets of Infisical: a list, in which a personal value goes before the shared one.

use super::{
    Part, Source,
    collector::{Collector, Entry, time},
};
use crate::formats::{Refusal, tree::Node};

const NO_KEY: &str = "an Infisical secret without a `key`";
const NO_VALUE: &str = "an Infisical secret without a `value`";
const PERSONAL: &str = "a personal value: only the person who exported it gets it";

pub(super) fn fits(root: &Node) -> bool {
    root.items().first().is_some_and(|first| {
        let own = ["workspace", "secretPath", "skipMultilineEncoding", "_id"];
        first.has("key") && first.has("value") && own.iter().any(|field| first.has(field))
    })
}

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Part>, Refusal> {
    let mut collector = Collector::default();
    for item in source.root.items() {
        let key = item.word("key").ok_or_else(|| Refusal::at(item.position, NO_KEY))?;
        let value = item.get("value").ok_or_else(|| Refusal::at(item.position, NO_VALUE))?;
        let personal = item.word("type") == Some("personal");
        if personal {
            collector.problem(value.position, PERSONAL);
        }
        let updated_at = time(item.get("updatedAt"));
        collector.add(Entry::of(key, value).ranked(u8::from(personal)).updated(updated_at));
    }
    Ok(vec![collector.finish()])
}
