//! A task definition of AWS ECS: `environment` before `environmentFiles`, and `secrets` that are
//! resolved when a task starts.

use super::{
    Part, Source,
    collector::{Collector, Entry, time},
    containers,
};
use crate::{
    domain::reading::OpaqueReason,
    formats::{Refusal, tree::Node},
};

const NO_CONTAINERS: &str = "this task definition has no containers";
const FILES: &str = "more variables come from a file in S3 that is not read here";

fn definition(root: &Node) -> &Node {
    root.get("taskDefinition").unwrap_or(root)
}

pub(super) fn fits(root: &Node) -> bool {
    definition(root).has("containerDefinitions")
}

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Part>, Refusal> {
    let root = definition(source.root);
    let list = root.list("containerDefinitions");
    if list.is_empty() {
        return Err(Refusal::at(root.position, NO_CONTAINERS));
    }
    let updated_at = time(root.get("registeredAt"));
    Ok(containers::named(list, |container| {
        let mut collector = Collector::default();
        if let Some(file) = container.list("environmentFiles").first() {
            collector.problem(file.position, FILES);
            collector.more_elsewhere();
        }
        for item in container.list("environment") {
            if let (Some(name), Some(value)) = (item.word("name"), item.get("value")) {
                collector.add(Entry::of(name, value).updated(updated_at));
            }
        }
        for item in container.list("secrets") {
            if let (Some(name), Some(from)) = (item.word("name"), item.get("valueFrom")) {
                collector.add(Entry::opaque(name, from.position, OpaqueReason::Reference));
            }
        }
        collector.finish()
    }))
}
