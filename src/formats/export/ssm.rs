//! Parameters of AWS Systems Manager. The last level of a parameter's name is the variable's.

use super::{
    Part, Source,
    collector::{Collector, Entry, time},
};
use crate::{
    domain::reading::Yield,
    formats::{Refusal, tree::Node},
};

const NO_NAME: &str = "a parameter without a `Name`";
const NO_VALUE: &str = "a parameter without a `Value`; describe-parameters prints none";
const INVALID: &str = "there is no such parameter (InvalidParameters)";

pub(super) fn fits(root: &Node) -> bool {
    root.get("Parameter").is_some_and(Node::is_map)
        || root.has("InvalidParameters")
        || root.list("Parameters").first().is_some_and(|first| first.has("Name"))
}

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Part>, Refusal> {
    let mut collector = Collector::default();
    for item in source.root.get("Parameter").into_iter().chain(source.root.list("Parameters")) {
        let name = item.word("Name").ok_or_else(|| Refusal::at(item.position, NO_NAME))?;
        let value = item.get("Value").ok_or_else(|| Refusal::at(item.position, NO_VALUE))?;
        let entry = Entry::of(last_level(name), value);
        collector.add(entry.updated(time(item.get("LastModifiedDate"))));
    }
    for item in source.root.list("InvalidParameters") {
        if let Some(name) = item.as_name() {
            collector.problem(item.position, INVALID);
            collector.add(Entry::new(last_level(name), item.position, Yield::Unset));
        }
    }
    Ok(vec![collector.finish().alone()])
}

fn last_level(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
