//! Vercel's environment variables.
//!
//! A variable may stand once per target (production, preview, development) and git branch. What
//! is `sensitive` is never given back; `encrypted` values are ciphertext unless `decrypted`.

use super::{
    Part, Source,
    collector::{Collector, Entry, time},
};
use crate::{
    domain::{
        reading::{OpaqueReason, Yield},
        secret::SecretValue,
    },
    formats::{Refusal, tree::Node},
};

const NO_KEY: &str = "a Vercel variable without a `key`";
const SEVERAL: &str = "set for several targets; the value for production is taken";

fn variables(root: &Node) -> &[Node] {
    match root.get("envs") {
        Some(list) => list.items(),
        None => root.items(),
    }
}

pub(super) fn fits(root: &Node) -> bool {
    variables(root)
        .first()
        .is_some_and(|first| first.has("key") && first.has("target") && first.has("type"))
}

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Part>, Refusal> {
    let mut collector = Collector::default();
    let mut seen: Vec<&str> = Vec::new();
    for item in variables(source.root) {
        let key = item.word("key").ok_or_else(|| Refusal::at(item.position, NO_KEY))?;
        if seen.contains(&key) {
            collector.problem(item.position, SEVERAL);
        }
        seen.push(key);
        let value = item.get("value");
        let position = value.map_or(item.position, |value| value.position);
        let entry = match (item.word("type"), value) {
            (Some("sensitive"), _) => Entry::opaque(key, position, OpaqueReason::WriteOnly),
            (Some("system" | "secret"), _) => Entry::opaque(key, position, OpaqueReason::Reference),
            (Some("encrypted"), _) if !item.is_on("decrypted") => {
                Entry::opaque(key, position, OpaqueReason::Hidden)
            }
            (_, None) => Entry::opaque(key, position, OpaqueReason::Hidden),
            (_, Some(value)) => match Entry::of(key, value) {
                // An empty text is what the platform prints for a value that it hides.
                _ if value.scalar().is_some_and(SecretValue::is_empty) => {
                    Entry::new(key, position, Yield::Opaque(OpaqueReason::Hidden))
                }
                entry => entry,
            },
        };
        let updated_at = time(item.get("updatedAt")).or_else(|| time(item.get("createdAt")));
        collector.add(entry.ranked(rank(item)).updated(updated_at));
    }
    Ok(vec![collector.finish()])
}

/// Production before preview before development; one branch's own value behind them all.
fn rank(item: &Node) -> u8 {
    let target = item.get("target");
    let has = |name: &str| {
        target.is_some_and(|target| {
            target.as_name() == Some(name)
                || target.items().iter().any(|item| item.as_name() == Some(name))
        })
    };
    if item.word("gitBranch").is_some() {
        0
    } else if has("production") {
        3
    } else if has("preview") {
        2
    } else {
        1
    }
}
