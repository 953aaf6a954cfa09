//! An item of 1Password. A field's label is the variable's name; an item with one concealed field
//! holds that one value.

use super::{
    Part, Source,
    collector::{Collector, Entry, is_variable_name, time},
};
use crate::formats::{Refusal, tree::Node};

const NO_FIELDS: &str = "this item has no field with a value";

pub(super) fn fits(root: &Node) -> bool {
    root.has("fields")
        && (root.has("vault") || root.has("category"))
        && root.get("fields").is_some_and(Node::is_list)
}

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Part>, Refusal> {
    let root = source.root;
    let updated_at = time(root.get("updated_at"));
    let fields = root.list("fields");
    let concealed = |field: &&Node| field.word("type") == Some("CONCEALED") && field.has("value");
    let mut collector = Collector::default();
    let mut any = false;
    for field in fields {
        let name = field.word("label").or_else(|| field.word("id"));
        let (Some(name), Some(value)) = (name, field.get("value")) else { continue };
        any = true;
        // A field that is not concealed may carry the same label.
        let rank = u8::from(concealed(&field));
        collector.add(Entry::of(name, value).ranked(rank).updated(updated_at));
    }
    if !any {
        return Err(Refusal::at(root.position, NO_FIELDS));
    }
    let mut part = collector.finish();
    let mut secrets = fields.iter().filter(concealed);
    if let (Some(only), None) = (secrets.next(), secrets.next()) {
        let at = only.get("value").map(|value| value.position);
        let mut found = part.contents.occurrences.iter();
        part.bare = found
            .find(|found| found.place.position == at && !is_variable_name(&found.variable))
            .cloned();
    }
    Ok(vec![part])
}
