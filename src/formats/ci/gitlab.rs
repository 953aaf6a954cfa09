//! GitLab CI/CD variables.
//!
//! The same key may stand once per environment scope; the job's environment decides. A hidden
//! variable has no value in the export, and one of type `file` gives the job a path.

use std::collections::BTreeMap;

use super::CiEntry;
use crate::{
    domain::reading::{Occurrence, OpaqueReason, Origin, Yield},
    formats::{Refusal, json::Object},
};

const NO_KEY: &str = "a GitLab variable without a `key`";

/// The scope that every job is in.
const EVERYWHERE: &str = "*";

pub(super) fn fits(object: &Object<'_>) -> bool {
    object.has("key") && (object.has("value") || object.has("environment_scope"))
}

pub(super) fn entry(object: &Object<'_>) -> Result<CiEntry, Refusal> {
    let key = object.word("key").filter(|key| !key.is_empty());
    let key = key.ok_or_else(|| Refusal::at(object.position_of("key"), NO_KEY))?;
    let scope = object.word("environment_scope").unwrap_or_else(|| EVERYWHERE.to_owned());
    let (position, yields) = match object.text("value")? {
        Some(text) if object.word("variable_type").as_deref() == Some("file") => {
            (text.position, Yield::Opaque(OpaqueReason::Reference))
        }
        Some(text) => (text.position, Yield::Value(text.value)),
        None => (object.position_of("value"), Yield::Opaque(OpaqueReason::Hidden)),
    };
    let mut occurrence = Occurrence::new(key, position, yields);
    occurrence.origin = Origin::CiScope(scope);
    Ok(CiEntry {
        occurrence,
        updated_at: object.word("updated_at").and_then(|time| time.parse().ok()),
        protected: object.is("protected"),
        masked: object.is("masked"),
        hidden: object.is("hidden"),
        expands: !object.is("raw"),
    })
}

/// Of each key the entry whose scope fits the environment best.
pub(super) fn winners(entries: &[CiEntry], environment: Option<&str>) -> Vec<usize> {
    let mut best: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        let Origin::CiScope(scope) = &entry.occurrence.origin else { continue };
        let Some(rank) = specificity(scope, environment) else { continue };
        let known = best.get(entry.occurrence.variable.as_str());
        if known.is_none_or(|(most, _)| rank >= *most) {
            best.insert(&entry.occurrence.variable, (rank, index));
        }
    }
    let mut winners: Vec<usize> = best.into_values().map(|(_, index)| index).collect();
    winners.sort_unstable();
    winners
}

/// How closely a scope names the environment; `None` when it does not.
fn specificity(scope: &str, environment: Option<&str>) -> Option<usize> {
    if scope == EVERYWHERE {
        return Some(0);
    }
    let environment = environment?;
    if scope == environment {
        return Some(usize::MAX);
    }
    matches(scope, environment).then(|| scope.bytes().filter(|byte| *byte != b'*').count() + 1)
}

/// Whether the pattern, in which `*` stands for any text, is the whole name.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("review/*", "review/app", true)]
    #[case("review/*", "review", false)]
    #[case("*/eu", "prod/eu", true)]
    #[case("prod*eu*1", "prod-eu-1", true)]
    #[case("prod*eu*1", "prod-us-1", false)]
    #[case("a*a", "a", false)]
    #[case("production", "production-2", false)]
    fn scopes_match(#[case] pattern: &str, #[case] name: &str, #[case] expected: bool) {
        assert_eq!(matches(pattern, name), expected);
    }
}
