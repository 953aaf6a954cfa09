//! Files that describe what a CI platform runs.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finder, base_name, is_yaml};
use crate::{
    domain::{inert::inert, layer::Instance},
    formats::yaml::{self, Node},
    inventory::LayerSpec,
    layers,
    survey::{
        environment::{self, Guess},
        ground::{Ground, Look, Row},
        proposal::Candidate,
    },
};

pub(super) const FINDER: Finder = Finder { wants, find };

/// The environment of jobs that name none.
const DEFAULT: &str = "ci";

fn wants(path: &str) -> bool {
    platform(path).is_some()
}

/// Whose file it is, by its path.
fn platform(path: &str) -> Option<&'static str> {
    let name = base_name(path);
    let is_below = |folder: &str| {
        path.rsplit_once('/')
            .is_some_and(|(above, _)| above == folder || above.ends_with(&format!("/{folder}")))
    };
    if is_yaml(name) && is_below(".github/workflows") {
        Some("github")
    } else if name == ".gitlab-ci.yml" || name.ends_with(".gitlab-ci.yml") {
        Some("gitlab")
    } else if name == "config.yml" && is_below(".circleci") {
        Some("circleci")
    } else if is_yaml(name) && (name.starts_with("azure-pipelines") || is_below(".azure-pipelines"))
    {
        Some("azure")
    } else if is_yaml(name) && is_below(".buildkite") {
        Some("buildkite")
    } else if name == "Jenkinsfile" || name.starts_with("Jenkinsfile.") {
        Some("jenkins")
    } else {
        None
    }
}

fn find(ground: &Ground<'_>) -> Vec<Candidate> {
    ground.files(wants).into_iter().flat_map(|path| of_file(ground, path)).collect()
}

fn of_file(ground: &Ground<'_>, path: &str) -> Vec<Candidate> {
    let Some(platform) = platform(path) else { return Vec::new() };
    let kind = |scope: Option<String>| LayerSpec::Ci {
        path: path.to_owned(),
        platform: Some(platform.to_owned()),
        scope,
    };
    let Look { rows, unreadable, .. } = ground.look(&kind(None));
    let because = match platform {
        "github" => "a workflow of GitHub",
        "gitlab" => "a pipeline of GitLab",
        "circleci" => "a pipeline of CircleCI",
        "azure" => "a pipeline of Azure DevOps",
        "buildkite" => "a pipeline of Buildkite",
        _ => "a pipeline of Jenkins",
    };
    let by_name = || environment::of_pipeline(base_name(path));
    let general = || by_name().unwrap_or_else(|| Guess::default(DEFAULT));
    let name = base_name(path);
    if let Some(why) = unreadable {
        let variables = ground.mentioned(path);
        if variables.is_empty() {
            ground.note(format!("could not be read, so it is not proposed: {why}"));
            return Vec::new();
        }
        let candidate = Candidate::new(kind(None), name, path, general(), because);
        return vec![Candidate { remarks: vec![why], ..candidate.mentioning(variables) }];
    }
    if rows.is_empty() {
        return Vec::new();
    }
    let named = environments(ground, path, platform);
    let of_row = |row: &Row| job(row).and_then(|job| named.get(job)).map(String::as_str);
    let all: BTreeSet<Option<&str>> = rows.iter().map(of_row).collect();
    let guess = |found: Option<&str>, job: &str| match found {
        Some(name) => Guess::new(name, format!("its job `{job}` names the environment")),
        None => general(),
    };
    if let [only] = all.iter().collect::<Vec<_>>().as_slice() {
        let first = rows.first().and_then(job).unwrap_or_default();
        let candidate =
            Candidate::new(kind(None), name, path, guess(**only, &inert(first)), because);
        return vec![candidate.holding(&rows)];
    }
    let mut jobs: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in &rows {
        jobs.entry(job(row).unwrap_or_default()).or_default().push(row);
    }
    jobs.into_iter()
        .map(|(job, rows)| {
            let found = named.get(job).map(String::as_str);
            let shown = inert(job);
            let candidate = Candidate::new(
                kind(Some(job.to_owned())),
                format!("{name} {shown}"),
                format!("{path} {shown}"),
                guess(found, &shown),
                format!("a job of {}", because.trim_start_matches("a ")),
            );
            candidate.holding(rows)
        })
        .collect()
}

/// The job that a row is of: `deploy/smoke test` is of `deploy`.
fn job(row: &Row) -> Option<&str> {
    match &row.instance {
        Some(Instance::Scope(scope)) => scope.split('/').next(),
        _ => None,
    }
}

/// The environment that each job names, where it is written out.
fn environments(ground: &Ground<'_>, path: &str, platform: &str) -> BTreeMap<String, String> {
    let in_root = match platform {
        "github" => false,
        "gitlab" => true,
        _ => return BTreeMap::new(),
    };
    let read = |bytes: &[u8]| {
        let documents = yaml::parse(bytes).unwrap_or_default();
        let root = documents.first().map(|document| &document.root);
        let jobs = if in_root { root } else { root.and_then(|root| root.get("jobs")) };
        let pairs = jobs.and_then(Node::pairs).unwrap_or_default();
        pairs
            .iter()
            .filter_map(|pair| {
                let named = pair.value.get("environment")?;
                let name = named.name().or_else(|| named.get("name")?.name())?;
                let name = name.trim();
                // An expression, or a name with parts that are made at run time.
                if name.is_empty() || name.contains(['$', '{', '\n']) {
                    return None;
                }
                let lower = name.to_ascii_lowercase();
                let usual = environment::of_word(&lower).map_or_else(|| inert(name), str::to_owned);
                Some((inert(pair.key.name()?), usual))
            })
            .collect()
    };
    layers::peek(&ground.surroundings.file(path), read).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(".github/workflows/deploy.yml", Some("github"))]
    #[case("service/.github/workflows/a.yaml", Some("github"))]
    #[case(".github/dependabot.yml", None)]
    #[case("x.github/workflows/a.yml", None)]
    #[case(".gitlab-ci.yml", Some("gitlab"))]
    #[case(".circleci/config.yml", Some("circleci"))]
    #[case("config.yml", None)]
    #[case("azure-pipelines-release.yml", Some("azure"))]
    #[case(".buildkite/pipeline.yml", Some("buildkite"))]
    #[case("ci/Jenkinsfile", Some("jenkins"))]
    fn paths_tell_the_platform(#[case] path: &str, #[case] expected: Option<&str>) {
        assert_eq!(platform(path), expected);
    }
}
