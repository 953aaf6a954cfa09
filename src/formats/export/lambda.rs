//! The configuration of an AWS Lambda function.

use super::{
    Part, Source,
    collector::{Collector, Entry, time},
};
use crate::formats::{Refusal, tree::Node};

const DENIED: &str = "Lambda gives no variables: it may not decrypt them (see `Environment.Error`)";
const PINNED: &str = "a published version: its variables never change, an alias may still use it";

/// `get-function` wraps what `get-function-configuration` prints.
fn configuration(root: &Node) -> &Node {
    root.get("Configuration").unwrap_or(root)
}

pub(super) fn fits(root: &Node) -> bool {
    configuration(root).has("FunctionName") || configuration(root).has("FunctionArn")
}

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Part>, Refusal> {
    let root = configuration(source.root);
    if let Some(error) = root.at("Environment/Error").filter(|error| !error.is_null()) {
        return Err(Refusal::at(error.position, DENIED));
    }
    let mut collector = Collector::default();
    if let Some(version) = root.get("Version").filter(|node| node.as_name() != Some("$LATEST")) {
        collector.problem(version.position, PINNED);
    }
    let updated_at = time(root.get("LastModified"));
    for (name, node) in root.at("Environment/Variables").map_or(&[][..], Node::entries) {
        collector.add(Entry::of(name, node).updated(updated_at));
    }
    Ok(vec![collector.finish()])
}
