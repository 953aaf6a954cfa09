//! A secret of AWS Secrets Manager: a JSON object of variables, or one bare value.

use super::{
    Part, Source,
    collector::{Collector, Entry, time},
};
use crate::{
    domain::place::Position,
    formats::{
        Refusal,
        tree::{self, Node},
    },
};

const BINARY: &str = "this secret is binary (SecretBinary), so it is no variable's value";
const NO_VALUE: &str = "this secret has no `SecretString`";
const NOT_CURRENT: &str = "this version is not the current one (AWSCURRENT)";

pub(super) fn fits(root: &Node) -> bool {
    root.has("SecretString")
        || root.has("SecretBinary")
        || root.list("SecretValues").first().is_some_and(fits)
}

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Part>, Refusal> {
    let mut collector = Collector::default();
    let several = source.root.list("SecretValues");
    let secrets = if several.is_empty() { std::slice::from_ref(source.root) } else { several };
    for secret in secrets {
        add(secret, source.bytes, &mut collector)?;
    }
    let mut part = collector.finish().alone();
    if let [only] = part.contents.occurrences.as_slice()
        && only.place.position == secrets.first().and_then(plain_place)
    {
        part.bare = Some(only.clone());
    }
    Ok(vec![part])
}

fn add(secret: &Node, bytes: &[u8], collector: &mut Collector) -> Result<(), Refusal> {
    let Some(value) = secret.get("SecretString").filter(|value| !value.is_null()) else {
        let reason = if secret.has("SecretBinary") { BINARY } else { NO_VALUE };
        return Err(Refusal::at(secret.position, reason));
    };
    if let Some(stages) = secret.get("VersionStages").filter(|stages| stages.is_list())
        && !stages.items().iter().any(|stage| stage.as_name() == Some("AWSCURRENT"))
    {
        collector.problem(stages.position, NOT_CURRENT);
    }
    let updated_at = time(secret.get("CreatedDate"));
    if let Some(fields) = tree::inside(bytes, value) {
        for (name, node) in fields.entries() {
            if node.scalar().is_some() || node.is_null() {
                collector.add(Entry::of(name, node).updated(updated_at));
            }
        }
    } else {
        let name = secret.word("Name").unwrap_or_default();
        let variable = name.rsplit('/').next().unwrap_or(name);
        collector.add(Entry::of(variable, value).updated(updated_at));
    }
    Ok(())
}

/// Where a secret stands that is one text; what is inside of an object stands behind that.
fn plain_place(secret: &Node) -> Option<Position> {
    secret.get("SecretString").map(|value| value.position)
}
