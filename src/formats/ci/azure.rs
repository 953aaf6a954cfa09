//! Variable groups of Azure DevOps: a row each.
//!
//! A secret is never given back, and reaches a script only where a step maps it. `$(NAME)` is
//! replaced by another variable of the group; what is not known there stays as it is written.

use super::{
    Row,
    draft::{Draft, Entry},
    expand::Unknown,
    lists, refuse,
};
use crate::{
    domain::{
        reading::{OpaqueReason, Yield},
        secret::SecretValue,
    },
    formats::{Refusal, tree::Node},
};

const NO_VARIABLES: &str = "a variable group without `variables`";
const NO_VARIABLE: &str = "a variable of a group is an object with `value` and `isSecret`";
const UNMAPPED: &str = "a secret variable: a script gets it only from a step that maps it with \
    `env: {NAME: $(NAME)}`";
const LITERAL: &str = "`$(NAME)` of no variable of this group stays as it is written";

/// Most macros inside each other.
const MOST_DEPTH: usize = 20;
/// Most bytes of a value after its macros.
const MOST_BYTES: usize = 64 * 1024;

pub(super) fn fits(root: &Node) -> bool {
    groups(root).first().is_some_and(|first| {
        first.get("variables").is_some_and(|variables| {
            let described = first.has("name") || first.has("id") || first.has("type");
            variables.is_map() && described
        })
    })
}

fn groups(root: &Node) -> Vec<&Node> {
    if root.has("variables") {
        return vec![root];
    }
    let list = if root.is_list() { root.items() } else { root.list("value") };
    list.iter().collect()
}

pub(super) fn read(root: &Node, _: Option<&str>) -> Result<Vec<Row>, Refusal> {
    groups(root).into_iter().map(row).collect()
}

fn row(group: &Node) -> Result<Row, Refusal> {
    let name = group.word("name").unwrap_or("variable group");
    let variables = group.get("variables").filter(|variables| variables.is_map());
    let variables = variables.ok_or_else(|| refuse(group.position, NO_VARIABLES))?;
    let of_vault = group.word("type") == Some("AzureKeyVault");
    // The group's time is the latest that any of its variables can have.
    let updated_at = lists::time(group, &["modifiedOn", "createdOn"]);
    let mut draft = Draft::named(name);
    for (variable, node) in variables.entries() {
        if !node.is_map() {
            return Err(refuse(node.position, NO_VARIABLE));
        }
        let is_secret = of_vault || node.is_on("isSecret");
        let (position, yields) = lists::value(node, "value", OpaqueReason::WriteOnly)?;
        let yields = match yields {
            _ if is_secret => Yield::Opaque(OpaqueReason::WriteOnly),
            Yield::Value(value) => {
                let mut left = MOST_BYTES;
                let (value, literal) = expand(&value, variables, 0, &mut left);
                if literal {
                    draft.problem(position, LITERAL);
                }
                value
            }
            yields => yields,
        };
        if is_secret {
            draft.problem(position, UNMAPPED);
        }
        let variable = environment_name(variable);
        draft.add(Entry::new(&variable, position, yields, 0, name).updated(updated_at));
    }
    Ok(draft.finish(Unknown::Empty))
}

/// As scripts see it: upper case, dots and blanks as underscores.
pub(super) fn environment_name(name: &str) -> String {
    name.to_uppercase().replace(['.', ' '], "_")
}

/// The value with its macros replaced, and whether one stayed.
fn expand(
    value: &SecretValue,
    variables: &Node,
    depth: usize,
    left: &mut usize,
) -> (Yield<SecretValue>, bool) {
    let mut expanded = Vec::new();
    let mut literal = false;
    let mut rest = value.expose();
    while let Some(start) = memchr::memmem::find(rest, b"$(") {
        let (before, macro_text) = rest.split_at(start);
        expanded.extend_from_slice(before);
        let end = memchr::memchr(b')', macro_text);
        let name = end.and_then(|end| macro_text.get(2..end));
        let name = name.and_then(|name| std::str::from_utf8(name).ok());
        let found = name.and_then(|name| {
            let mut entries = variables.entries().iter();
            entries.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, node)| node)
        });
        let (Some(node), Some(end)) = (found, end) else {
            literal = true;
            let (dollar, after) = macro_text.split_at(2);
            expanded.extend_from_slice(dollar);
            rest = after;
            continue;
        };
        match node.get("value").and_then(Node::text) {
            Some(inner) if !node.is_on("isSecret") && depth < MOST_DEPTH && *left > inner.len() => {
                *left -= inner.len() + 1;
                match expand(inner, variables, depth + 1, left) {
                    (Yield::Value(inner), stayed) => {
                        expanded.extend_from_slice(inner.expose());
                        literal |= stayed;
                    }
                    opaque => return opaque,
                }
            }
            _ => return (Yield::Opaque(OpaqueReason::Reference), literal),
        }
        rest = macro_text.get(end + 1..).unwrap_or_default();
    }
    expanded.extend_from_slice(rest);
    (Yield::Value(SecretValue::new(expanded)), literal)
}
