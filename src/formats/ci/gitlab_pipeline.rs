//! Variables in `.gitlab-ci.yml`: a row for each job.
//!
//! A job's own variables win over the pipeline's, and those of the project, its groups and the
//! instance win over both: what stands here is only given where they define nothing.

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

/// The trap `wrong-precedence-belief`.
pub const LOSES: &str =
    "a variable of the project, its groups or the instance with this name wins over this one";
const NO_VARIABLE: &str = "GitLab refuses a variable that is a switch, a fraction, a date, a list \
    or nothing; put quotes around it";
const LOCAL: &str =
    "this included file is not read: it does not stand there, or only some pipelines include it";
const REMOTE: &str = "this included file is elsewhere; its variables and jobs are not known here";
const NO_MAP: &str = "`variables` is a map of names and values";

/// Names at the top that are no jobs.
const RESERVED: [&str; 12] = [
    "default",
    "include",
    "stages",
    "types",
    "variables",
    "workflow",
    "image",
    "services",
    "cache",
    "before_script",
    "after_script",
    "spec",
];

/// Most jobs that extend each other, most references in a row.
const MOST_DEPTH: usize = 11;

const PIPELINE: usize = 0;
const WORKFLOW: usize = 1;
const JOB: usize = 2;
const RULE: usize = 3;

pub(super) fn fits(root: &Node) -> bool {
    let is_job = |node: &Node| {
        ["script", "trigger", "extends", "stage", "run"].iter().any(|key| node.get(key).is_some())
    };
    let maps = root.get("services").is_some_and(|node| node.pairs().is_some());
    let includes = root.get("include").is_some() && !maps;
    let variables = root.get("variables").is_some_and(|node| node.pairs().is_some());
    root.get("jobs").is_none()
        && root.get("steps").is_none()
        && root.pairs().is_some_and(|pairs| {
            let top = ["stages", "include", "workflow", "default"];
            let is_top = |key: &Node| key.name().is_some_and(|name| top.contains(&name));
            pairs.iter().any(|pair| is_job(&pair.value) || (variables && is_top(&pair.key)))
                || (variables && pairs.len() == 1)
                || includes
        })
}

pub(super) fn read(root: &Node) -> Result<Vec<Row>, Refusal> {
    let file = File { root };
    let (mut rows, mut given) = (Vec::new(), 0);
    for pair in root.pairs().unwrap_or_default() {
        let Some(name) = pair.key.name() else { continue };
        if name.starts_with('.') || RESERVED.contains(&name) || pair.value.pairs().is_none() {
            continue;
        }
        let row = file.job(name, &pair.value)?;
        given += row.contents.occurrences.len();
        within_budget(given, pair.key.position)?;
        rows.push(row);
    }
    if rows.is_empty() {
        let mut draft = Draft::default();
        file.pipeline(&mut draft, |_| true)?;
        file.includes(&mut draft);
        rows.push(finish(draft));
    }
    Ok(rows)
}

fn finish(mut draft: Draft) -> Row {
    let winners = draft.winners();
    let places: Vec<_> =
        winners.iter().filter_map(|index| draft.entries.get(*index)).map(|e| e.position).collect();
    for position in places {
        draft.problem(position, LOSES);
    }
    draft.elsewhere = true;
    draft.finish(Unknown::Elsewhere)
}

struct File<'a> {
    root: &'a Node,
}

impl<'a> File<'a> {
    fn job(&self, name: &str, job: &'a Node) -> Result<Row, Refusal> {
        let mut draft = Draft::named(name);
        let chain = self.chain(job);
        let set = chain.iter().rev().find_map(|job| job.get("variables"));
        // An empty map at the job drops what the pipeline defines.
        let dropped = set.is_some_and(|node| node.pairs().is_some_and(<[_]>::is_empty));
        let inherit = chain.iter().rev().find_map(|job| job.get("inherit")?.get("variables"));
        let inherits = |variable: &str| match inherit {
            None => true,
            Some(node) => match node.items() {
                Some(items) => items.iter().any(|item| item.name() == Some(variable)),
                None => node.name() != Some("false"),
            },
        };
        if !dropped {
            self.pipeline(&mut draft, inherits)?;
        }
        let scope = format!("job {name}");
        for job in &chain {
            if let Some(variables) = job.get("variables") {
                self.variables(variables, JOB, &scope, &mut draft)?;
            }
        }
        let rules = chain.iter().rev().find_map(|job| job.get("rules"));
        self.rules(rules, RULE, &format!("a rule of job {name}"), &mut draft)?;
        self.includes(&mut draft);
        Ok(finish(draft))
    }

    /// Included files stand below this one.
    fn includes(&self, draft: &mut Draft) {
        let Some(include) = self.root.get("include") else { return };
        for item in include.items().unwrap_or(std::slice::from_ref(include)) {
            let is_local = item.name().is_some_and(|path| !path.contains("://"))
                || item.get("local").is_some();
            draft.problem(item.position, if is_local { LOCAL } else { REMOTE });
        }
    }

    /// What the whole pipeline defines and `inherits` lets through.
    fn pipeline(&self, draft: &mut Draft, inherits: impl Fn(&str) -> bool) -> Result<(), Refusal> {
        let mut whole = Draft::default();
        if let Some(variables) = self.root.get("variables") {
            self.variables(variables, PIPELINE, "pipeline", &mut whole)?;
        }
        let rules = self.root.get("workflow").and_then(|workflow| workflow.get("rules"));
        self.rules(rules, WORKFLOW, "a rule of the workflow", &mut whole)?;
        draft.entries.extend(whole.entries.into_iter().filter(|entry| inherits(&entry.variable)));
        Ok(())
    }

    /// The job behind the jobs that it extends, each after those it extends itself.
    fn chain(&self, job: &'a Node) -> Vec<&'a Node> {
        let mut chain = Vec::new();
        self.extend(job, 0, &mut chain);
        chain
    }

    fn extend(&self, job: &'a Node, depth: usize, chain: &mut Vec<&'a Node>) {
        const MOST_JOBS: usize = 1_000;
        if depth < MOST_DEPTH
            && chain.len() < MOST_JOBS
            && let Some(extends) = job.get("extends")
        {
            let names = extends.items().unwrap_or(std::slice::from_ref(extends));
            for parent in names.iter().filter_map(|name| self.root.get(name.name()?)) {
                self.extend(parent, depth + 1, chain);
            }
        }
        chain.push(job);
    }

    /// Follows `!reference [job, variables, NAME]`.
    fn follow(&self, mut node: &'a Node) -> Option<&'a Node> {
        for _ in 0..MOST_DEPTH {
            if node.tag.as_deref() != Some("!reference") {
                return Some(node);
            }
            let path = node.items().unwrap_or_default();
            node = path.iter().try_fold(self.root, |node, name| node.get(name.name()?))?;
        }
        None
    }

    fn variables(
        &self,
        variables: &'a Node,
        level: usize,
        scope: &str,
        draft: &mut Draft,
    ) -> Result<(), Refusal> {
        // A reference to an included file is not known from here.
        let Some(variables) = self.follow(variables) else { return Ok(()) };
        if variables.is_null() {
            return Ok(());
        }
        let pairs = variables.pairs().ok_or_else(|| refuse(variables.position, NO_MAP))?;
        within_budget(draft.entries.len() + pairs.len(), variables.position)?;
        for pair in pairs {
            let Some(name) = pair.key.name() else { continue };
            let entry = if let Some(value) = self.follow(&pair.value) {
                variable(name, value, level, scope)?
            } else {
                let yields = Yield::Opaque(OpaqueReason::Reference);
                Entry::new(name, pair.value.position, yields, level, scope)
            };
            let other = match &entry.yields {
                Yield::Value(value) if entry.expands => whole_reference(value),
                _ => None,
            };
            let other = other.map(|name| format!("${name}"));
            draft.add(match other {
                Some(other) => entry.referring(other),
                None => entry,
            });
        }
        Ok(())
    }

    /// Variables that only a pipeline gets for which the rule holds.
    fn rules(
        &self,
        rules: Option<&'a Node>,
        level: usize,
        scope: &str,
        draft: &mut Draft,
    ) -> Result<(), Refusal> {
        let mut conditional = Draft::default();
        for rule in rules.and_then(Node::items).unwrap_or_default() {
            if let Some(variables) = rule.get("variables") {
                self.variables(variables, level, scope, &mut conditional)?;
            }
        }
        for mut entry in conditional.entries {
            entry.yields = Yield::Opaque(OpaqueReason::Conditional);
            draft.add(entry);
        }
        Ok(())
    }
}

fn variable(name: &str, node: &Node, level: usize, scope: &str) -> Result<Entry, Refusal> {
    let (value, expands) = match node.pairs() {
        Some(_) => (node.get("value"), node.get("expand").and_then(Node::name) != Some("false")),
        None => (Some(node), true),
    };
    let described = node.pairs().is_some();
    let Some(value) = value else {
        let yields = Yield::Value(SecretValue::new(""));
        return Ok(Entry::new(name, node.position, yields, level, scope));
    };
    let text = match typing::gitlab(value) {
        Given::Value(text) => text,
        Given::Nothing if described => SecretValue::new(""),
        Given::Nothing | Given::Refused => return Err(refuse(value.position, NO_VARIABLE)),
    };
    let mut entry = Entry::new(name, value.position, Yield::Value(text.clone()), level, scope)
        .written(value, &text);
    entry.expands = expands;
    Ok(entry)
}

/// The variable that a value only passes on.
fn whole_reference(value: &SecretValue) -> Option<&str> {
    let text = std::str::from_utf8(value.expose()).ok()?.strip_prefix('$')?;
    let name = text.strip_prefix('{').map_or(Some(text), |rest| rest.strip_suffix('}'))?;
    let is_name = !name.is_empty()
        && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
        && !name.starts_with(|first: char| first.is_ascii_digit());
    is_name.then_some(name)
}
