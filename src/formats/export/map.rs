//! A map of names and texts: `heroku config --json`, `railway variable list --json` and many more.

use super::{
    Part, Source,
    collector::{Collector, Entry},
};
use crate::formats::{Refusal, tree::Node};

/// Every value is a text, a number, a switch or hidden.
pub(super) fn fits(root: &Node) -> bool {
    !root.entries().is_empty()
        && root.entries().iter().all(|(_, node)| node.scalar().is_some() || node.is_null())
}

#[expect(clippy::unnecessary_wraps, reason = "every shape's reader has this form")]
pub(super) fn read(source: &Source<'_>) -> Result<Vec<Part>, Refusal> {
    Ok(vec![entries(source.root).finish()])
}

/// The entries that can be variables: no lists, no maps.
pub(super) fn entries(root: &Node) -> Collector {
    let mut collector = Collector::default();
    for (name, node) in root.entries() {
        if node.scalar().is_some() || node.is_null() {
            collector.add(Entry::of(name, node));
        }
    }
    collector
}
