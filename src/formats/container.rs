//! What `docker` and `podman` print of containers.

use std::{borrow::Cow, collections::BTreeMap};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::{
    domain::{
        container::{ComposeLabels, ContainerFacts, Engine},
        inert::inert,
        place::Place,
        reading::{Occurrence, Origin, Yield},
        secret::SecretValue,
    },
    formats::Contents,
};

/// The label of a compose project's name.
pub const PROJECT: &str = "com.docker.compose.project";
/// The label of a compose service's name.
pub const SERVICE: &str = "com.docker.compose.service";

const ONE_OFF: &str = "com.docker.compose.oneoff";
const NUMBER: &str = "com.docker.compose.container-number";
const FILES: &str = "com.docker.compose.project.config_files";
const FOLDER: &str = "com.docker.compose.project.working_dir";
const ENVIRONMENT_FILE: &str = "com.docker.compose.project.environment_file";
const OF_PODMAN_COMPOSE: &str = "io.podman.compose.project";

const NOWHERE: Place = Place { path: None, position: None };

/// One container, as its engine describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Container {
    /// What is known of it, but for what only this machine can tell.
    pub facts: ContainerFacts,
    /// Its own label says that a compose service was run once beside its containers.
    pub is_one_off: bool,
    /// When it was last started.
    pub started_at: Option<Timestamp>,
    /// Number of its first process on the engine's machine; `None` while it has none.
    pub pid: Option<u32>,
    /// Folders and files of the engine's machine that it sees: there, and in the container.
    pub mounts: Vec<(String, String)>,
    /// The wanted variables of its environment.
    pub contents: Contents,
}

/// The ids of a list of containers, one a line; what is no id is passed over, since programs that
/// stand for `docker` print remarks of their own.
pub fn ids(printed: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(printed);
    let is_id = |word: &&str| {
        (12..=64).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    text.lines().map(str::trim).filter(is_id).map(str::to_owned).collect()
}

/// What `inspect` prints: a JSON list. `None` when it is anything else.
pub fn inspected(
    printed: &[u8],
    engine: Engine,
    is_wanted: &impl Fn(&str) -> bool,
) -> Option<Vec<Container>> {
    let text = std::str::from_utf8(printed).ok()?;
    // A remark may stand before it.
    let start = if text.starts_with('[') { 0 } else { text.find("\n[")? + 1 };
    let containers: Vec<Inspected<'_>> = serde_json::from_str(text.get(start..)?).ok()?;
    containers.into_iter().map(|container| container.read(engine, is_wanted)).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    created: Option<Cow<'a, str>>,
    #[serde(borrow)]
    state: State<'a>,
    /// Podman's, which has the name here and the id in `Image`.
    #[serde(borrow, default)]
    image_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    mounts: Option<Vec<Mount<'a>>>,
    #[serde(borrow)]
    config: Config<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State<'a> {
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(default)]
    pid: i64,
    #[serde(borrow, default)]
    started_at: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mount<'a> {
    #[serde(borrow, default)]
    r#type: Cow<'a, str>,
    #[serde(borrow, default)]
    source: Cow<'a, str>,
    #[serde(borrow, default)]
    destination: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config<'a> {
    /// Each stays text of the document until its name is known: all others are secrets of somebody.
    #[serde(borrow, default)]
    env: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    image: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    labels: Option<BTreeMap<Cow<'a, str>, Option<Cow<'a, str>>>>,
}

impl Inspected<'_> {
    fn read(self, engine: Engine, is_wanted: &impl Fn(&str) -> bool) -> Option<Container> {
        let labels = self.config.labels.unwrap_or_default();
        let label = |name: &str| labels.get(name)?.as_deref().filter(|value| !value.is_empty());
        let status = inert(&self.state.status);
        let image = self.image_name.or(self.config.image).unwrap_or_default();
        let binds = self.mounts.unwrap_or_default().into_iter();
        let mut contents = Contents::default();
        for entry in self.config.env.iter().flatten() {
            contents.occurrences.extend(occurrence(entry, is_wanted)?);
        }
        Some(Container {
            is_one_off: label(ONE_OFF).is_some_and(|value| value.eq_ignore_ascii_case("true")),
            started_at: self.state.started_at.as_deref().and_then(time),
            pid: u32::try_from(self.state.pid).ok().filter(|pid| *pid != 0),
            mounts: binds
                .filter(|mount| mount.r#type == "bind")
                .map(|mount| (mount.source.into_owned(), mount.destination.into_owned()))
                .collect(),
            facts: ContainerFacts {
                id: inert(&self.id),
                name: inert(self.name.trim_start_matches('/')),
                engine,
                image: inert(&image),
                // One that is started again and again has its environment all the same.
                runs: matches!(&*status, "running" | "paused" | "restarting" | "stopping"),
                state: status,
                created_at: self.created.as_deref().and_then(time),
                compose: compose(label),
                ..ContainerFacts::default()
            },
            contents,
        })
    }
}

/// One `NAME=value` of the environment; nothing for a variable that nobody wants.
#[expect(clippy::option_option, reason = "not a text at all, and no wanted variable, differ")]
fn occurrence(
    entry: &RawValue,
    is_wanted: &impl Fn(&str) -> bool,
) -> Option<Option<Occurrence<SecretValue>>> {
    let text: Zeroizing<String> = Zeroizing::new(serde_json::from_str(entry.get()).ok()?);
    let Some((name, value)) = text.split_once('=') else { return Some(None) };
    Some(is_wanted(name).then(|| Occurrence {
        variable: name.to_owned(),
        place: NOWHERE,
        origin: Origin::ContainerEnvironment,
        yields: Yield::Value(SecretValue::new(value)),
        wins: true,
    }))
}

/// What has never happened is the year 1.
fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(|time: &Timestamp| *time > Timestamp::UNIX_EPOCH)
}

fn compose<'a>(label: impl Fn(&str) -> Option<&'a str>) -> Option<ComposeLabels> {
    let folder = label(FOLDER).map(inert);
    let files = |name: &str| -> Vec<String> {
        let list = label(name).unwrap_or_default();
        let files = list.split(',').map(str::trim).filter(|file| !file.is_empty());
        // `podman-compose` writes them as they were given.
        files
            .map(|file| match &folder {
                Some(folder) if !file.starts_with('/') => format!("{folder}/{}", inert(file)),
                _ => inert(file),
            })
            .collect()
    };
    Some(ComposeLabels {
        project: inert(label(PROJECT)?),
        service: inert(label(SERVICE)?),
        number: label(NUMBER).and_then(|number| number.parse().ok()),
        replicas: 1,
        files: files(FILES),
        env_files: files(ENVIRONMENT_FILE),
        by_podman_compose: label(OF_PODMAN_COMPOSE).is_some(),
        folder,
    })
}

/// Why an engine gave nothing, by the words it printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing listens where the engine should be.
    NotRunning,
    /// This user may not talk to it.
    NoPermission,
    /// The context, or the connection, that was chosen does not exist.
    NoContext,
    /// Its machine cannot be reached.
    Unreachable,
    /// The command and the engine do not understand each other.
    OtherVersion,
    /// Anything else.
    Unknown,
}

/// Finds out why an engine refused. Its words may quote what it was given, so none is kept.
pub fn refusal(printed: &[u8]) -> Refusal {
    let text = String::from_utf8_lossy(printed).to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    // The first word that fits: a refused socket is also one that could not be connected to.
    if says(&["connect: permission denied", "permission denied while trying to connect"]) {
        Refusal::NoPermission
    } else if says(&[
        "context not found",
        "is not found on the file system",
        "connection not found",
    ]) || text.contains("connection \"") && text.contains("not found")
    {
        Refusal::NoContext
    } else if says(&["client version", "api version"]) {
        Refusal::OtherVersion
    } else if says(&[
        "no such host",
        "could not resolve hostname",
        "dial-stdio",
        "i/o timeout",
        "no route to host",
        "tls handshake",
        "x509:",
        "failed to parse docker host",
        "unable to parse docker host",
    ]) {
        Refusal::Unreachable
    } else if says(&["cannot connect to the docker daemon", "unable to connect to podman"])
        || says(&["cannot connect to podman", "connection refused", "connect: no such file"])
    {
        Refusal::NotRunning
    } else if says(&["permission denied", "operation not permitted"]) {
        Refusal::NoPermission
    } else {
        Refusal::Unknown
    }
}

#[cfg(test)]
mod tests;
