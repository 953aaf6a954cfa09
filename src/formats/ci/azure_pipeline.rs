//! `azure-pipelines.yml`: a row for each job, and one for each step with an `env` of its own.
//!
//! A step's `env` wins over the job's variables, those over the stage's and the pipeline's. A
//! variable group is only named here. `$(NAME)` is replaced by a variable of the file; what else it
//! may be stands in a group, in the pipeline's settings, or stays as it is written.

use super::{
    Row,
    azure::environment_name,
    draft::{Draft, Entry, within_budget},
    expand::Unknown,
    refuse,
    typing::{self, Given},
};
use crate::{
    domain::reading::{OpaqueReason, Yield},
    formats::{Refusal, yaml::Node},
};

const NO_VARIABLES: &str = "`variables` is a map, or a list with `name` and `value`, or `group`";
const NO_MAP: &str = "`env` is a map of names and values";
const NO_TEXT: &str = "the value of a variable must be a text, a number or a switch";
const GROUP: &str = "the variables of this group are not in the file; its secrets reach a script \
    only through `env`";
const TEMPLATE: &str = "the variables of this template are not read here";

const PIPELINE: usize = 0;
const STAGE: usize = 1;
const JOB: usize = 2;
const STEP: usize = 3;

/// Words that begin a step.
const STEPS: [&str; 6] = ["script", "bash", "pwsh", "powershell", "task", "checkout"];

pub(super) fn fits(root: &Node) -> bool {
    let list = |key: &str| root.get(key).and_then(Node::items).unwrap_or_default();
    let has = |item: &Node, keys: &[&str]| keys.iter().any(|key| item.get(key).is_some());
    list("stages").iter().any(|item| has(item, &["stage"]))
        || list("jobs").iter().any(|item| has(item, &["job", "deployment"]))
        || list("steps").iter().any(|item| has(item, &STEPS))
        || list("variables").iter().any(|item| has(item, &["group", "name"]))
        || (root.get("pool").is_some() && root.get("variables").is_some())
}

pub(super) fn read(root: &Node) -> Result<Vec<Row>, Refusal> {
    let mut walker = Walker { rows: Vec::new(), given: 0 };
    let mut whole = Draft::default();
    variables(root, PIPELINE, "pipeline", &mut whole)?;
    let stages = root.get("stages").and_then(Node::items).unwrap_or_default();
    for stage in stages {
        let name = stage.get("stage").and_then(Node::name).unwrap_or("stage");
        let mut draft = copy(&whole, None);
        variables(stage, STAGE, &format!("stage {name}"), &mut draft)?;
        walker.jobs(stage, Some(name), &draft)?;
    }
    walker.jobs(root, None, &whole)?;
    if walker.rows.is_empty() {
        return Ok(vec![whole.finish(Unknown::Elsewhere)]);
    }
    Ok(walker.rows)
}

struct Walker {
    rows: Vec<Row>,
    given: usize,
}

impl Walker {
    /// The jobs of a stage or of the pipeline; its steps when it has no jobs.
    fn jobs(&mut self, node: &Node, stage: Option<&str>, outer: &Draft) -> Result<(), Refusal> {
        for (index, job) in
            node.get("jobs").and_then(Node::items).unwrap_or_default().iter().enumerate()
        {
            let word = |key| job.get(key).and_then(Node::name).filter(|name| !name.is_empty());
            let name = word("job").or_else(|| word("deployment")).map(str::to_owned);
            let name = name.unwrap_or_else(|| format!("job {}", index + 1));
            let name = stage.map_or_else(|| name.clone(), |stage| format!("{stage}/{name}"));
            let mut draft = copy(outer, Some(&name));
            variables(job, JOB, &format!("job {name}"), &mut draft)?;
            let strategy = ["runOnce", "rolling", "canary"].into_iter();
            let deploys = strategy
                .filter_map(|kind| job.get("strategy")?.get(kind)?.get("deploy")?.get("steps"));
            let steps = job.get("steps").into_iter().chain(deploys);
            let steps: Vec<&Node> = steps.filter_map(Node::items).flatten().collect();
            self.job(draft, &steps)?;
        }
        if let Some(steps) = node.get("steps").and_then(Node::items) {
            let steps: Vec<&Node> = steps.iter().collect();
            self.job(copy(outer, Some(stage.unwrap_or("job"))), &steps)?;
        }
        Ok(())
    }

    fn job(&mut self, draft: Draft, steps: &[&Node]) -> Result<(), Refusal> {
        let job = draft.name.clone().unwrap_or_default();
        let of_job = copy(&draft, None);
        self.given += of_job.entries.len();
        self.rows.push(draft.finish(Unknown::Elsewhere));
        for (index, step) in steps.iter().enumerate() {
            let Some(env) = step.get("env").filter(|env| !env.is_null()) else { continue };
            let pairs = env.pairs().ok_or_else(|| refuse(env.position, NO_MAP))?;
            let word = |key| step.get(key).and_then(Node::name).filter(|name| !name.is_empty());
            let name = word("name").or_else(|| word("displayName")).map(str::to_owned);
            let name = name.unwrap_or_else(|| format!("step {}", index + 1));
            let mut draft = copy(&of_job, Some(&format!("{job}/{name}")));
            self.given += of_job.entries.len();
            within_budget(self.given, env.position)?;
            for pair in pairs {
                let Some(variable) = pair.key.name() else { continue };
                let scope = format!("step {name}");
                let entry = entry(variable, &pair.value, STEP, &scope, &of_job)?;
                draft.add(entry);
            }
            self.rows.push(draft.finish(Unknown::Elsewhere));
        }
        Ok(())
    }
}

fn copy(outer: &Draft, name: Option<&str>) -> Draft {
    Draft {
        name: name.map(str::to_owned),
        entries: outer.entries.clone(),
        problems: outer.problems.clone(),
        elsewhere: outer.elsewhere,
    }
}

fn variables(node: &Node, level: usize, scope: &str, draft: &mut Draft) -> Result<(), Refusal> {
    let Some(variables) = node.get("variables").filter(|node| !node.is_null()) else {
        return Ok(());
    };
    if let Some(pairs) = variables.pairs() {
        for pair in pairs {
            let Some(name) = pair.key.name() else { continue };
            let entry = entry(&environment_name(name), &pair.value, level, scope, draft)?;
            draft.add(entry);
        }
        return Ok(());
    }
    let items = variables.items().ok_or_else(|| refuse(variables.position, NO_VARIABLES))?;
    for item in items {
        if let Some(group) = item.get("group") {
            draft.problem(group.position, GROUP);
            draft.elsewhere = true;
        } else if let Some(template) = item.get("template") {
            draft.problem(template.position, TEMPLATE);
            draft.elsewhere = true;
        } else if let Some(name) = item.get("name").and_then(Node::name) {
            let value = item.get("value").unwrap_or(item);
            let entry = entry(&environment_name(name), value, level, scope, draft)?;
            draft.add(entry);
        } else {
            return Err(refuse(item.position, NO_VARIABLES));
        }
    }
    Ok(())
}

/// A value; one that is nothing but `$(NAME)` is the variable of that name.
fn entry(
    variable: &str,
    node: &Node,
    level: usize,
    scope: &str,
    outer: &Draft,
) -> Result<Entry, Refusal> {
    let Given::Value(value) = typing::go(node) else { return Err(refuse(node.position, NO_TEXT)) };
    let entry = |yields| Entry::new(variable, node.position, yields, level, scope);
    let text = std::str::from_utf8(value.expose()).unwrap_or_default();
    let whole = |open: &str, close: &str| {
        let inner = text.trim().strip_prefix(open)?.strip_suffix(close)?.trim();
        (!inner.contains(['(', ')', '{', '}'])).then_some(inner)
    };
    let named = whole("$(", ")").or_else(|| {
        let inner = whole("${{", "}}")?;
        inner.strip_prefix("variables.")
    });
    let Some(name) = named else {
        let refers = text.contains("$(") || text.contains("${{");
        let opaque = Yield::Opaque(OpaqueReason::Reference);
        return Ok(if refers {
            entry(opaque)
        } else {
            entry(Yield::Value(value.clone())).written(node, &value)
        });
    };
    let yields = match outer.winner(&environment_name(name)) {
        Some(known) => known.yields.clone(),
        None => Yield::Opaque(OpaqueReason::Reference),
    };
    Ok(entry(yields).referring(format!("$({name})")))
}
