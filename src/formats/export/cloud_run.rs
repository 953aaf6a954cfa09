//! A service or job of Google Cloud Run, as `gcloud` describes it or the API (v1 or v2) gives it.

use super::{
    Part, Source,
    collector::{Collector, Entry, time},
    containers,
};
use crate::{
    domain::reading::OpaqueReason,
    formats::{Refusal, tree::Node},
};

const NO_CONTAINERS: &str = "this service has no containers";
const OLDER: &str = "some traffic goes to a named revision, whose variables may be others";

/// Where the containers stand: a job or service of v1, a service or job of v2.
const PLACES: [&str; 4] = [
    "spec/template/spec/template/spec/containers",
    "spec/template/spec/containers",
    "template/containers",
    "template/template/containers",
];

fn containers(root: &Node) -> Option<&Node> {
    PLACES.iter().find_map(|place| root.at(place))
}

pub(super) fn fits(root: &Node) -> bool {
    let version = root.word("apiVersion").unwrap_or_default();
    let v1 =
        version.starts_with("serving.knative.dev/") || version.starts_with("run.googleapis.com/");
    let v2 = version.is_empty()
        && root.word("name").is_some_and(|name| name.starts_with("projects/"))
        && root.has("template");
    v1 || v2
}

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Part>, Refusal> {
    let root = source.root;
    let list = containers(root).map_or(&[][..], Node::items);
    if list.is_empty() {
        return Err(Refusal::at(root.position, NO_CONTAINERS));
    }
    let traffic = root.at("spec/traffic").or_else(|| root.get("traffic"));
    let pinned = traffic.map_or(&[][..], Node::items).iter().find(|target| {
        let named = target.has("revisionName") || target.word("revision").is_some();
        let share = target.get("percent").and_then(Node::as_name);
        named && !target.is_on("latestRevision") && share.is_some_and(|share| share != "0")
    });
    let updated_at = time(root.get("updateTime"));
    Ok(containers::named(list, |container| {
        let mut collector = Collector::default();
        if let Some(target) = pinned {
            collector.problem(target.position, OLDER);
        }
        for item in container.list("env") {
            let Some(name) = item.word("name") else { continue };
            let from = item.get("valueFrom").or_else(|| item.get("valueSource"));
            let entry = match (from.filter(|from| !from.is_null()), item.get("value")) {
                (Some(from), _) => Entry::opaque(name, from.position, OpaqueReason::Reference),
                (None, Some(value)) => Entry::of(name, value),
                // The API leaves an empty value out.
                (None, None) => Entry::new(name, item.position, super::collector::empty()),
            };
            collector.add(entry.updated(updated_at));
        }
        collector.finish()
    }))
}
