//! `env` in a GitHub workflow: a row for each job, and one for each step with an `env` of its own.
//!
//! A step's value wins over the job's, the job's over the workflow's, and all of them over what
//! the job's container is given.

use super::{
    Row,
    draft::{Draft, Entry, within_budget},
    expand::Unknown,
    refuse,
    typing::{self, Given},
};
use crate::{
    domain::{
        reading::{OpaqueReason, Yield},
        secret::SecretValue,
    },
    formats::{Refusal, yaml::Node},
};

const NO_MAP: &str = "`env` is a map of names and values";
const NO_TEXT: &str = "the value of a variable must be a text, a number or a switch";

const CONTAINER: usize = 0;
const WORKFLOW: usize = 1;
const JOB: usize = 2;
const STEP: usize = 3;

pub(super) fn fits(root: &Node) -> bool {
    let is_job = |node: &Node| node.get("runs-on").is_some() || node.get("uses").is_some();
    let jobs = root.get("jobs").and_then(Node::pairs);
    jobs.is_some_and(|jobs| jobs.iter().any(|pair| is_job(&pair.value)))
}

pub(super) fn read(root: &Node) -> Result<Vec<Row>, Refusal> {
    let jobs = root.get("jobs").and_then(Node::pairs).unwrap_or_default();
    let (mut rows, mut given) = (Vec::new(), 0);
    for pair in jobs {
        let Some(name) = pair.key.name() else { continue };
        job(name, &pair.value, root, &mut rows, &mut given)?;
    }
    Ok(rows)
}

fn job(
    name: &str,
    job: &Node,
    root: &Node,
    rows: &mut Vec<Row>,
    given: &mut usize,
) -> Result<(), Refusal> {
    let mut draft = Draft::named(name);
    if job.get("uses").is_some() {
        // Another workflow runs: it gets these secrets, and no `env` of this one.
        if let Some(secrets) = job.get("secrets").filter(|secrets| secrets.pairs().is_some()) {
            add(secrets, JOB, &format!("job {name}"), &mut draft)?;
        }
        draft.elsewhere = true;
        rows.push(draft.finish(Unknown::Empty));
        return Ok(());
    }
    if let Some(container) = job.get("container").and_then(|container| container.get("env")) {
        add(container, CONTAINER, &format!("container of job {name}"), &mut draft)?;
    }
    if let Some(env) = root.get("env") {
        add(env, WORKFLOW, "workflow", &mut draft)?;
    }
    if let Some(env) = job.get("env") {
        add(env, JOB, &format!("job {name}"), &mut draft)?;
    }
    let of_job = draft.entries.clone();
    *given += of_job.len();
    within_budget(*given, job.position)?;
    rows.push(draft.finish(Unknown::Empty));
    let services = job.get("services").and_then(Node::pairs).unwrap_or_default();
    for pair in services {
        let (Some(service), Some(env)) = (pair.key.name(), pair.value.get("env")) else { continue };
        let mut draft = Draft::named(format!("{name}/{service}"));
        add(env, CONTAINER, &format!("service {service}"), &mut draft)?;
        rows.push(draft.finish(Unknown::Empty));
    }
    for (index, step) in
        job.get("steps").and_then(Node::items).unwrap_or_default().iter().enumerate()
    {
        let Some(env) = step.get("env") else { continue };
        let word = |key: &str| step.get(key).and_then(Node::name).filter(|word| !word.is_empty());
        let step = word("id").or_else(|| word("name")).map(str::to_owned);
        let numbered = || format!("step {}", index + 1);
        let mut draft = Draft::named(format!("{name}/{}", step.clone().unwrap_or_else(numbered)));
        *given += of_job.len();
        within_budget(*given, env.position)?;
        draft.entries.clone_from(&of_job);
        let scope = step.map_or_else(numbered, |step| format!("step {step}"));
        add(env, STEP, &scope, &mut draft)?;
        rows.push(draft.finish(Unknown::Empty));
    }
    Ok(())
}

fn add(env: &Node, level: usize, scope: &str, draft: &mut Draft) -> Result<(), Refusal> {
    if env.is_null() {
        return Ok(());
    }
    let mut entries = Vec::new();
    match env.pairs() {
        Some(pairs) => {
            for pair in pairs {
                let Some(name) = pair.key.name() else { continue };
                entries.push(entry(name, &pair.value, level, scope, draft)?);
            }
        }
        // `env: ${{ fromJSON(…) }}` gives names that nobody knows.
        None if env.name().is_some_and(|text| text.contains("${{")) => draft.elsewhere = true,
        None => return Err(refuse(env.position, NO_MAP)),
    }
    draft.entries.append(&mut entries);
    Ok(())
}

fn entry(
    name: &str,
    node: &Node,
    level: usize,
    scope: &str,
    outer: &Draft,
) -> Result<Entry, Refusal> {
    let Given::Value(value) = typing::github(node) else {
        return Err(refuse(node.position, NO_TEXT));
    };
    let entry = |yields| Entry::new(name, node.position, yields, level, scope);
    let Some(text) = std::str::from_utf8(value.expose()).ok().filter(|text| text.contains("${{"))
    else {
        return Ok(entry(Yield::Value(value.clone())).written(node, &value));
    };
    let opaque = || entry(Yield::Opaque(OpaqueReason::Reference));
    Ok(match whole_expression(text) {
        Some(expression) => match (literal(expression), reference(expression)) {
            (Some(literal), _) => entry(Yield::Value(SecretValue::new(literal))),
            (None, Some(Reference { context: "env", name })) => match outer.winner(name) {
                Some(other) => entry(other.yields.clone()).referring(format!("env.{name}")),
                None => opaque().referring(format!("env.{name}")),
            },
            (None, Some(Reference { context, name })) => {
                opaque().referring(format!("{context}.{name}"))
            }
            (None, None) => named_inside(opaque(), text),
        },
        None => named_inside(opaque(), text),
    })
}

/// Names the first secret or variable that a text contains.
fn named_inside(entry: Entry, text: &str) -> Entry {
    let starts = ["secrets.", "secrets[", "vars.", "vars["];
    let first = starts.iter().filter_map(|start| text.find(start)).min();
    let reference = first.and_then(|start| {
        let rest = text.get(start..)?;
        let end = rest.find(|end: char| {
            !(end.is_alphanumeric() || matches!(end, '_' | '-' | '.' | '[' | ']' | '\''))
        });
        reference(rest.get(..end.unwrap_or(rest.len()))?)
    });
    match reference {
        Some(Reference { context, name }) => entry.referring(format!("{context}.{name}")),
        None => entry,
    }
}

/// What stands in `${{ … }}` when nothing stands around it.
fn whole_expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("${{")?.strip_suffix("}}")?;
    (!inner.contains("${{")).then(|| inner.trim())
}

/// `'text'`, in which two quotes are one.
fn literal(expression: &str) -> Option<String> {
    let inner = expression.strip_prefix('\'')?.strip_suffix('\'')?;
    let unescaped = inner.replace("''", "\0");
    (!unescaped.contains('\'')).then(|| unescaped.replace('\0', "'"))
}

struct Reference<'a> {
    context: &'a str,
    name: &'a str,
}

/// `secrets.NAME` or `secrets['NAME']`; contexts that have variables.
fn reference(expression: &str) -> Option<Reference<'_>> {
    let indexed = || {
        let (context, rest) = expression.split_once('[')?;
        Some((context, rest.strip_prefix('\'')?.strip_suffix("']")?))
    };
    let (context, name) = expression.split_once('.').or_else(indexed)?;
    let is_name = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let known = ["secrets", "vars", "env"].into_iter();
    let context = known.into_iter().find(|known| context.eq_ignore_ascii_case(known))?;
    is_name.then_some(Reference { context, name })
}
