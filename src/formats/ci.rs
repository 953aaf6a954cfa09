//! Variable lists that CI platforms export, and the files that describe their pipelines: which
//! entry a job would see.
//!
//! | platform | made by | scope |
//! | --- | --- | --- |
//! | GitLab | `glab variable export`, `GET /projects/:id/variables`, GraphQL | the job's environment |
//! | GitLab | `.gitlab-ci.yml` | a job |
//! | GitHub | `gh variable list --json name,value,updatedAt`, `gh secret list --json name,updatedAt`, `GET …/actions/variables`, `GET …/actions/secrets` | what the list was made of: `organization`, `repository`, or an environment |
//! | GitHub | a workflow | a job, or `job/step` |
//! | CircleCI | `GET /project/:slug/envvar`, `GET /context/:id/environment-variable` | `project` or `context` |
//! | CircleCI | `.circleci/config.yml` | a job, or `job/step` |
//! | Bitbucket | `GET …/pipelines_config/variables` and its like | `workspace`, `repository` or `deployment` |
//! | Azure DevOps | `az pipelines variable-group list -o json`, `show` | a variable group |
//! | Azure DevOps | `azure-pipelines.yml` | a job, or `job/step`, in a stage `stage/job` |
//! | Buildkite | `pipeline.yml` | a step |
//! | Buildkite | `GET …/clusters/:id/secrets` | |
//! | Jenkins | a declarative or scripted `Jenkinsfile` | a stage |
//! | Jenkins | `credentials.xml` | |
//!
//! Several lists of one platform may stand in one file, each under the name of its level:
//! `{"organization": […], "repository": […]}`. A new shape is one file and one line of the
//! registry.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    domain::place::Position,
    formats::{
        Contents, Refusal,
        files::Files,
        tree::{self, Node, Syntax},
        yaml::{self, lines::Lines},
    },
};

pub use gitlab::{PROTECTED, UNSCOPED};
pub use gitlab_pipeline::LOSES;

mod azure;
mod azure_pipeline;
mod bitbucket;
mod buildkite_pipeline;
mod buildkite_secrets;
mod circleci;
mod circleci_config;
mod draft;
mod expand;
mod github;
mod github_workflow;
mod gitlab;
mod gitlab_include;
mod gitlab_pipeline;
mod groovy;
mod jenkins_credentials;
mod jenkinsfile;
mod lists;
mod typing;

use gitlab_include::{Fault, Follower};

macro_rules! platforms {
    ($($(#[$documentation:meta])* $platform:ident = $name:literal;)+) => {
        /// A platform whose files are understood.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Platform {
            $($(#[$documentation])* $platform,)+
        }

        impl Platform {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$platform,)+];

            /// The name in the inventory.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$platform => $name,)+
                }
            }
        }
    };
}

platforms! {
    /// GitLab CI/CD.
    Gitlab = "gitlab";
    /// GitHub Actions.
    Github = "github";
    /// CircleCI.
    Circleci = "circleci";
    /// Bitbucket Pipelines.
    Bitbucket = "bitbucket";
    /// Azure DevOps.
    Azure = "azure";
    /// Buildkite.
    Buildkite = "buildkite";
    /// Jenkins.
    Jenkins = "jenkins";
}

impl Platform {
    /// The platform of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|platform| platform.name() == name)
    }
}

/// One shape of a platform's files.
struct Shape {
    platform: Platform,
    reader: Reader,
}

/// How a shape is recognised, and how it is read. Only lists are told the scope: what else has
/// scopes makes a row of each.
enum Reader {
    Json(fn(&Node) -> bool, fn(&Node, Option<&str>) -> Result<Vec<Row>, Refusal>),
    Yaml(fn(&yaml::Node) -> bool, fn(&yaml::Node) -> Result<Vec<Row>, Refusal>),
    Text(fn(&str) -> bool, fn(&str, &Lines) -> Result<Vec<Row>, Refusal>),
}

/// The registry: platform, what a person calls the shape, its syntax and its reader. Recognition
/// goes from top to bottom.
macro_rules! shapes {
    ($($platform:ident, $name:literal, $syntax:ident, $reader:ident;)+) => {
        const SHAPES: &[Shape] = &[
            $(Shape {
                platform: Platform::$platform,
                reader: Reader::$syntax($reader::fits, $reader::read),
            },)+
        ];
        const UNKNOWN_SHAPE: &str = concat!(
            "none of the shapes that are known here:", $(" ", $name, ",",)+
            " and nothing else",
        );
        const OTHER_PLATFORM: &str = concat!(
            "this does not have a shape of the platform that the layer names; known are:",
            $(" ", $name, ",",)+ " and nothing else",
        );
    };
}

shapes! {
    Buildkite, "Buildkite's cluster secrets", Json, buildkite_secrets;
    Gitlab, "GitLab's variables (`glab variable export`)", Json, gitlab;
    Bitbucket, "Bitbucket's variables (`values`)", Json, bitbucket;
    Azure, "Azure DevOps' variable groups (`az pipelines variable-group list -o json`)", Json, azure;
    Circleci, "CircleCI's project and context variables (`items`)", Json, circleci;
    Github, "GitHub's variables and secrets (`gh variable list --json name,value,updatedAt`, `gh secret list --json name,updatedAt`)", Json, github;
    Github, "a GitHub workflow", Yaml, github_workflow;
    Circleci, "CircleCI's `config.yml`", Yaml, circleci_config;
    Azure, "`azure-pipelines.yml`", Yaml, azure_pipeline;
    Buildkite, "a Buildkite pipeline", Yaml, buildkite_pipeline;
    Gitlab, "`.gitlab-ci.yml`", Yaml, gitlab_pipeline;
    Jenkins, "Jenkins' `credentials.xml`", Text, jenkins_credentials;
    Jenkins, "a Jenkinsfile", Text, jenkinsfile;
}

const NOT_UTF8: &str = "these bytes are not UTF-8 text";
const EMPTY: &str = "an empty list does not show which platform made it; name the platform";
const NO_ROW: &str = "no job, step, stage or group of this file has the name that `scope` gives";

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiFile {
    /// The platform that it is of.
    pub platform: Platform,
    /// The platform made it; else a person keeps it.
    pub is_export: bool,
    /// What it holds: one row, or one for each job, step, stage or group.
    pub rows: Vec<Row>,
}

/// What a file holds for one consumer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// The consumer's name, where there are several: `deploy`, `deploy/smoke test`.
    pub name: Option<String>,
    /// The variables; those that a job would see win.
    pub contents: Contents,
    /// When the platform last changed a variable, where it says so.
    pub updated_at: BTreeMap<String, Timestamp>,
    /// What is not defined here may come from a place that the file does not hold.
    pub elsewhere: bool,
}

/// Reads a file; without a platform, of the one whose shape it has. The scope says which entries
/// win, or which rows are meant, as the table above says.
///
/// # Errors
/// Text of no known shape or of another platform than named, an entry without a name or with a
/// value that is no text, a value that the platform refuses, and a scope that names no row.
pub fn read(
    platform: Option<Platform>,
    scope: Option<&str>,
    bytes: &[u8],
) -> Result<CiFile, Refusal> {
    read_with(platform, scope, bytes, &mut |root| Ok(root.clone())).map_err(|(_, refusal)| refusal)
}

/// The same of a file at `path`, with the files beside it that it includes.
///
/// # Errors
/// The same, with the path of an included file where that is to blame.
pub fn read_following(
    platform: Option<Platform>,
    scope: Option<&str>,
    path: &str,
    bytes: &[u8],
    files: &mut dyn Files,
) -> Result<CiFile, (Option<String>, Refusal)> {
    let mut follower = Follower::new(path, files);
    match read_with(platform, scope, bytes, &mut |root| follower.follow(root)) {
        Ok(file) => Ok(follower.settle(file)),
        Err((None, refusal)) => Err(follower.settle_fault(refusal)),
        Err(fault) => Err(fault),
    }
}

fn read_with(
    platform: Option<Platform>,
    scope: Option<&str>,
    bytes: &[u8],
    follow: &mut dyn FnMut(&yaml::Node) -> Result<yaml::Node, Fault>,
) -> Result<CiFile, Fault> {
    let own = |refusal| (None, refusal);
    let lines = Lines::of(bytes);
    let text = std::str::from_utf8(bytes)
        .map_err(|error| own(Refusal::at(lines.position(error.valid_up_to()), NOT_UTF8)))?;
    let candidates = || {
        SHAPES
            .iter()
            .filter(move |shape| platform.is_none_or(|platform| platform == shape.platform))
    };
    for shape in candidates() {
        if let Reader::Text(fits, read) = shape.reader
            && fits(text)
        {
            return only(scope, shape, read(text, &lines).map_err(own)?).map_err(own);
        }
    }
    let unknown = if platform.is_some() { OTHER_PLATFORM } else { UNKNOWN_SHAPE };
    let refusal = match tree::parse(bytes, Some(Syntax::Json)) {
        Err(refusal) => refusal,
        Ok((_, documents)) => {
            let none = own(Refusal { position: None, reason: unknown });
            let root = documents.first().ok_or(none)?;
            for shape in candidates() {
                if let Reader::Json(fits, read) = shape.reader
                    && fits(root)
                {
                    return only(scope, shape, read(root, scope).map_err(own)?).map_err(own);
                }
            }
            match platform {
                Some(platform) if lists::is_empty(root) => {
                    return Ok(CiFile { platform, is_export: true, rows: vec![Row::default()] });
                }
                None if lists::is_empty(root) => Refusal { position: None, reason: EMPTY },
                _ => Refusal::at(root.items().first().unwrap_or(root).position, unknown),
            }
        }
    };
    if text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).starts_with(['{', '[']) {
        return Err(own(refusal));
    }
    let documents = match yaml::parse(bytes) {
        Ok(documents) => documents,
        Err(_) if refusal.position.is_some() => return Err(own(refusal)),
        Err(refusal) => return Err(own(refusal)),
    };
    for shape in candidates() {
        if let Reader::Yaml(fits, read) = shape.reader
            && let Some(document) = documents.iter().find(|document| fits(&document.root))
        {
            let root = match shape.platform {
                Platform::Gitlab => follow(&document.root)?,
                _ => document.root.clone(),
            };
            return only(scope, shape, read(&root).map_err(own)?).map_err(own);
        }
    }
    let structured = documents.iter().find(|document| document.root.name().is_none());
    Err(own(match structured {
        _ if refusal.position.is_some() => refusal,
        Some(document) => Refusal::at(document.root.position, unknown),
        None => Refusal { position: None, reason: unknown },
    }))
}

/// The rows that the scope names, where rows have names.
fn only(scope: Option<&str>, shape: &Shape, mut rows: Vec<Row>) -> Result<CiFile, Refusal> {
    if let Some(scope) = scope
        && rows.iter().any(|row| row.name.is_some())
    {
        rows.retain(|row| {
            let rest = row.name.as_deref().and_then(|name| name.strip_prefix(scope));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        if rows.is_empty() {
            return Err(Refusal { position: None, reason: NO_ROW });
        }
    }
    let is_export = matches!(shape.reader, Reader::Json(..));
    Ok(CiFile { platform: shape.platform, is_export, rows })
}

const fn refuse(position: Position, reason: &'static str) -> Refusal {
    Refusal::at(position, reason)
}

#[cfg(test)]
mod tests;
