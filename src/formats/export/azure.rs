//! The settings of an Azure App Service or Function App.

use super::{
    Part, Source,
    collector::{Collector, Entry},
};
use crate::formats::{Refusal, tree::Node};

const NO_NAME: &str = "a setting without a `name`";
const NO_VALUE: &str = "a setting without a `value`";

pub(super) fn fits(root: &Node) -> bool {
    root.items().first().is_some_and(|first| first.has("name") && first.has("slotSetting"))
}

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Part>, Refusal> {
    let mut collector = Collector::default();
    for item in source.root.items() {
        let name = item.word("name").ok_or_else(|| Refusal::at(item.position, NO_NAME))?;
        let value = item.get("value").ok_or_else(|| Refusal::at(item.position, NO_VALUE))?;
        collector.add(Entry::of(name, value));
    }
    Ok(vec![collector.finish()])
}
