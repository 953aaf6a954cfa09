//! `.circleci/config.yml`: a row for each job, and one for each step with an `environment` of its
//! own.
//!
//! A step's value wins over the job's, the job's over that of its first image. What contexts and
//! the project define stands below them and not in the file; values do not refer to each other.

use super::{
    Row,
    draft::{Draft, Entry, within_budget},
    expand::Unknown,
    refuse,
    typing::{self, Given},
};
use crate::{
    domain::reading::Yield,
    formats::{Refusal, yaml::Node},
};

const NO_MAP: &str = "`environment` is a map of names and values";
const NO_TEXT: &str = "the value of a variable must be a text, a number or a switch";
const CONTEXT: &str = "a workflow gives this job a context, whose variables are not in the file";

const IMAGE: usize = 0;
const JOB: usize = 1;
const STEP: usize = 2;

/// What runs a job; every job has one of them.
const RUNNERS: [&str; 5] = ["docker", "machine", "macos", "executor", "type"];

pub(super) fn fits(root: &Node) -> bool {
    let is_job = |node: &Node| {
        node.get("runs-on").is_none() && RUNNERS.iter().any(|key| node.get(key).is_some())
    };
    let jobs = root.get("jobs").and_then(Node::pairs).unwrap_or_default();
    root.get("version").is_some() && jobs.iter().any(|pair| is_job(&pair.value))
}

pub(super) fn read(root: &Node) -> Result<Vec<Row>, Refusal> {
    let (mut rows, mut given) = (Vec::new(), 0);
    for pair in root.get("jobs").and_then(Node::pairs).unwrap_or_default() {
        let Some(name) = pair.key.name() else { continue };
        job(root, name, &pair.value, &mut rows, &mut given)?;
    }
    Ok(rows)
}

fn job(
    root: &Node,
    name: &str,
    job: &Node,
    rows: &mut Vec<Row>,
    given: &mut usize,
) -> Result<(), Refusal> {
    let mut draft = Draft::named(name);
    let executor = job.get("executor");
    let executor = executor.and_then(|node| node.name().or_else(|| node.get("name")?.name()));
    let executor = executor.and_then(|name| root.get("executors")?.get(name));
    for runner in executor.into_iter().chain([job]) {
        let images = runner.get("docker").and_then(Node::items).unwrap_or_default();
        if let Some(environment) = images.first().and_then(|image| image.get("environment")) {
            add(environment, IMAGE, "the image", &mut draft)?;
        }
    }
    for environment in executor.into_iter().chain([job]).filter_map(|node| node.get("environment"))
    {
        add(environment, JOB, &format!("job {name}"), &mut draft)?;
    }
    for context in contexts(root, name) {
        draft.problem(context.position, CONTEXT);
    }
    draft.elsewhere = true;
    let of_job = draft.entries.clone();
    *given += of_job.len();
    within_budget(*given, job.position)?;
    rows.push(draft.finish(Unknown::Elsewhere));
    let steps = job.get("steps").and_then(Node::items).unwrap_or_default();
    for (number, step) in (1..).zip(steps) {
        for (run, inside) in runs(root, step) {
            let Some(environment) = run.get("environment") else { continue };
            let own = run.get("name").and_then(Node::name).filter(|name| !name.is_empty());
            let step = own.or(inside).map_or_else(|| format!("step {number}"), str::to_owned);
            let mut draft = Draft::named(format!("{name}/{step}"));
            draft.elsewhere = true;
            *given += of_job.len();
            within_budget(*given, environment.position)?;
            draft.entries.clone_from(&of_job);
            add(environment, STEP, &format!("step {step}"), &mut draft)?;
            rows.push(draft.finish(Unknown::Elsewhere));
        }
    }
    Ok(())
}

/// The `run` of a step, or those of the command that it names, with the command's name.
fn runs<'a>(root: &'a Node, step: &'a Node) -> Vec<(&'a Node, Option<&'a str>)> {
    if let Some(run) = step.get("run") {
        return vec![(run, None)];
    }
    let called = step.name().or_else(|| step.pairs()?.first()?.key.name());
    let command = called.and_then(|name| root.get("commands")?.get(name));
    let steps = command.and_then(|command| command.get("steps")?.items()).unwrap_or_default();
    steps.iter().filter_map(|step| Some((step.get("run")?, called))).collect()
}

/// The contexts that workflows give this job.
fn contexts<'a>(root: &'a Node, name: &str) -> Vec<&'a Node> {
    let workflows = root.get("workflows").and_then(Node::pairs).unwrap_or_default();
    let jobs = workflows.iter().filter_map(|workflow| workflow.value.get("jobs")?.items());
    let own = jobs.flatten().filter_map(|job| job.get(name)?.get("context"));
    own.collect()
}

fn add(environment: &Node, level: usize, scope: &str, draft: &mut Draft) -> Result<(), Refusal> {
    if environment.is_null() {
        return Ok(());
    }
    let maps = environment.items().unwrap_or(std::slice::from_ref(environment));
    for map in maps {
        let pairs = map.pairs().ok_or_else(|| refuse(map.position, NO_MAP))?;
        for pair in pairs {
            let Some(name) = pair.key.name() else { continue };
            let Given::Value(value) = typing::go(&pair.value) else {
                return Err(refuse(pair.value.position, NO_TEXT));
            };
            let yields = Yield::Value(value.clone());
            let entry = Entry::new(name, pair.value.position, yields, level, scope);
            draft.add(entry.written(&pair.value, &value));
        }
    }
    Ok(())
}
