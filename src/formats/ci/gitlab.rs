//! GitLab CI/CD variables.
//!
//! The same key may stand once per environment scope; the job's environment decides. A project's
//! variable wins over one of its groups, and that over one of the instance, whatever their scopes
//! are; the closest group wins. A hidden variable has no value in the export, and one of type
//! `file` gives the job a path.

use std::collections::BTreeSet;

use super::{
    Row,
    draft::{Draft, Entry},
    expand::Unknown,
    lists,
};
use crate::{
    domain::{
        place::Position,
        reading::{OpaqueReason, Origin, Yield},
    },
    formats::{Refusal, tree::Node},
};

const NO_KEY: &str = "a GitLab variable without a `key`";
/// The trap `scope-mismatch`.
pub const PROTECTED: &str = "only on protected branches and tags; a job elsewhere does not see it";
/// The same.
pub const UNSCOPED: &str =
    "set only for an environment scope; a job without that environment does not see it";
const FIRST_PAGE: &str = "exactly as many variables as one page of the API holds; ask for \
    `per_page=100` and for the next page, or one that stands there is missing here";

/// The scope that every job is in.
const EVERYWHERE: &str = "*";

/// The narrowest wins.
const LEVELS: [&str; 3] = ["instance", "group", "project"];
const INSTANCE: usize = 0;
const GROUP: usize = 1;
const PROJECT: usize = 2;

/// Room for the depth of a group between two levels.
const DEPTHS: usize = 100;

/// How many variables the API gives at once when it is not asked for more.
const PAGE: usize = 20;

/// Where an answer of GraphQL holds its lists.
const CONNECTIONS: [(&str, usize); 5] = [
    ("data/ciVariables/nodes", INSTANCE),
    ("data/group/inheritedCiVariables/nodes", GROUP),
    ("data/group/ciVariables/nodes", GROUP),
    ("data/project/inheritedCiVariables/nodes", GROUP),
    ("data/project/ciVariables/nodes", PROJECT),
];

fn lists_of(root: &Node) -> Vec<(Option<usize>, Vec<&Node>)> {
    if root.has("data") {
        let connections = CONNECTIONS.iter().filter_map(|(path, level)| {
            Some((Some(*level), root.at(path)?.items().iter().collect()))
        });
        return connections.collect();
    }
    lists::of(root, &LEVELS).into_iter().map(|list| (list.level, list.items)).collect()
}

pub(super) fn fits(root: &Node) -> bool {
    let lists = lists_of(root);
    let first = lists.iter().find_map(|(_, items)| items.first());
    first.is_some_and(|first| {
        let scoped = first.has("environment_scope") || first.has("environmentScope");
        first.has("key") && !first.has("secured") && (first.has("value") || scoped)
    })
}

pub(super) fn read(root: &Node, environment: Option<&str>) -> Result<Vec<Row>, Refusal> {
    let mut draft = Draft::default();
    for (level, items) in lists_of(root) {
        // `glab` asks for all pages; a bare answer of the API begins as one.
        if items.len() == PAGE
            && let Some(last) = items.last()
        {
            draft.problem(last.position, FIRST_PAGE);
        }
        for item in items {
            let entry = entry(item, level, environment)?;
            if item.is_on("protected") {
                draft.problem(entry.position, PROTECTED);
            }
            draft.add(entry);
        }
    }
    if environment.is_none() {
        let seen = draft.winners();
        let seen = seen.iter().filter_map(|index| draft.entries.get(*index));
        let seen: BTreeSet<&str> = seen.map(|entry| entry.variable.as_str()).collect();
        let unseen = |entry: &&Entry| !seen.contains(entry.variable.as_str());
        let unseen: Vec<Position> =
            draft.entries.iter().filter(unseen).map(|entry| entry.position).collect();
        for position in unseen {
            draft.problem(position, UNSCOPED);
        }
    }
    Ok(vec![draft.finish(Unknown::Empty)])
}

fn entry(item: &Node, level: Option<usize>, environment: Option<&str>) -> Result<Entry, Refusal> {
    let key = lists::name(item, "key", NO_KEY)?;
    let either = |snake: &str, camel: &str| item.word(snake).or_else(|| item.word(camel));
    let scope = either("environment_scope", "environmentScope").unwrap_or(EVERYWHERE);
    let (position, mut yields) = lists::value(item, "value", OpaqueReason::Hidden)?;
    let is_file = either("variable_type", "variableType")
        .is_some_and(|kind| kind.eq_ignore_ascii_case("file"));
    if item.is_on("hidden") {
        yields = Yield::Opaque(OpaqueReason::Hidden);
    } else if is_file && matches!(yields, Yield::Value(_)) {
        yields = Yield::Opaque(OpaqueReason::Reference);
    }
    let level = own_level(item).or(level).unwrap_or(PROJECT);
    let mut entry = Entry::new(key, position, yields, level, scope);
    let rank = level * DEPTHS + depth(item);
    entry.rank = specificity(scope, environment).map(|specificity| (rank, specificity));
    if level != PROJECT {
        let name = LEVELS.get(level).copied().unwrap_or_default();
        entry.origin = Origin::CiScope(format!("{scope} of the {name}"));
    }
    entry.expands = !item.is_on("raw");
    Ok(entry.updated(lists::time(item, &["updated_at", "updatedAt"])))
}

/// The level, where an entry says its own.
fn own_level(item: &Node) -> Option<usize> {
    let kind = item.word("__typename").or_else(|| item.word("id"))?;
    let level = match kind {
        _ if kind.contains("InstanceVariable") => INSTANCE,
        _ if kind.contains("GroupVariable") || kind.contains("InheritedCiVariable") => GROUP,
        _ if kind.contains("ProjectVariable") || kind.contains("Ci::Variable/") => PROJECT,
        _ => return None,
    };
    Some(level)
}

/// How many groups the entry's group is inside.
fn depth(item: &Node) -> usize {
    let path = ["groupCiCdSettingsPath", "group_path", "groupPath"];
    let path = path.iter().find_map(|field| item.word(field)).unwrap_or_default();
    let group = path.split("/-/").next().unwrap_or_default();
    group.matches('/').count().min(DEPTHS - 1)
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
