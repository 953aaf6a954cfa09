//! Secrets of Doppler: `doppler secrets --json`. What it downloads is a plain map.

use super::{
    Part, Source,
    collector::{Collector, Entry},
    map,
};
use crate::{
    domain::reading::OpaqueReason,
    formats::{Refusal, tree::Node},
};

const NO_VALUE: &str = "a Doppler secret without a `computed` value";

pub(super) fn fits(root: &Node) -> bool {
    let with_values = root.entries().first().is_some_and(|(_, node)| node.has("computed"));
    with_values || map::fits(root) && root.has("DOPPLER_CONFIG") && root.has("DOPPLER_PROJECT")
}

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Part>, Refusal> {
    if map::fits(source.root) {
        return map::read(source);
    }
    let mut collector = Collector::default();
    for (name, secret) in source.root.entries() {
        let value = secret.get("computed").ok_or_else(|| Refusal::at(secret.position, NO_VALUE))?;
        collector.add(if secret.word("computedVisibility") == Some("restricted") {
            Entry::opaque(name, value.position, OpaqueReason::WriteOnly)
        } else {
            Entry::of(name, value)
        });
    }
    Ok(vec![collector.finish()])
}
