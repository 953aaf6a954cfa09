//! An item of 1Password, or fields of it. A field's label is the variable's name; an item with one concealed field
//! holds that one value.

use super::{
    Part, Source,
    collector::{Collector, Entry, is_variable_name, time},
};
use crate::formats::{Refusal, tree::Node};

const NO_FIELDS: &str = "this item has no field with a value";

pub(super) fn fits(root: &Node) -> bool {
    let item = root.get("fields").is_some_and(Node::is_list)
        && (root.has("vault") || root.has("category"));
    item || is_field(root) || root.items().first().is_some_and(is_field)
}

/// `--fields` prints the fields alone: one, or a list.
fn is_field(node: &Node) -> bool {
    let is_kind = |kind| matches!(kind, "CONCEALED" | "STRING" | "PASSWORD");
    node.has("id") && node.has("value") && node.word("type").is_some_and(is_kind)
}

fn fields(root: &Node) -> &[Node] {
    match root.get("fields") {
        Some(fields) => fields.items(),
        None if root.is_list() => root.items(),
        None => std::slice::from_ref(root),
    }
}

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Part>, Refusal> {
    let root = source.root;
    let updated_at = time(root.get("updated_at"));
    let fields = fields(root);
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
