//! Containers of Docker or Podman: what each was created with, and the processes in it.
//!
//! The engine's own command is asked, so that its contexts, machines reached over SSH and engines
//! without root are what they are for the person who uses them.

mod link;
mod mounts;
mod running;

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStringExt as _,
    time::{Duration, Instant},
};

pub(super) use link::Neighbours;
pub use running::{RunningContainer, RunningContainers, running};

use super::{
    Surroundings, process,
    resolve::{Absence, Found, Undefined},
    run::{DEADLINE, NotRun, Printed, Program},
};
use crate::{
    domain::{
        container::{ContainerFacts, Engine},
        credential::CredentialFacts,
        layer::Instance,
        place::Place,
        reading::{Evidence, MissingReason, OpaqueReason, Rank, Unreadable, UnreadableKind},
        secret::SecretValue,
    },
    formats::container::{self as format, Container, PROJECT, Refusal, SERVICE},
    inventory::{ContainerMatch, Layer, trust::find},
};

/// Of more containers than this, nobody reads a table; and a command line has an end.
const MOST_CONTAINERS: usize = 500;

/// An engine is given up on this long before its layer is, so that the row says why.
const BEFORE_ITS_ROW: Duration = Duration::from_secs(1);

const NOWHERE: Place = Place { path: None, position: None };

pub(super) fn read(
    matching: &ContainerMatch,
    engine: Option<Engine>,
    layer: &Layer,
    credentials: &[&CredentialFacts],
    surroundings: &Surroundings,
) -> Vec<Found> {
    let mut containers = match Asked::new(engine, surroundings)
        .and_then(|asked| asked.containers(matching, credentials))
    {
        Ok(containers) => containers,
        Err(absence) => {
            return vec![Found { rank: Rank::Launch, ..Found::configured(Err(absence)) }];
        }
    };
    count_replicas(&mut containers);
    let linked = |container: &Container| {
        let labels = container.facts.compose.as_ref().filter(|_| layer.source.is_none())?;
        surroundings.neighbours.source(labels, &layer.environment)
    };
    containers
        .into_iter()
        .flat_map(|mut container| {
            container.facts.linked = linked(&container);
            rows(container, credentials, surroundings)
        })
        .collect()
}

/// The container's row, and those of the processes in it.
fn rows(
    mut container: Container,
    credentials: &[&CredentialFacts],
    surroundings: &Surroundings,
) -> Vec<Found> {
    let mut inside = Vec::new();
    if !container.facts.runs {
        let start = container.facts.start();
        container.facts.remedy = Some(format!("{start} starts it as it was created"));
    } else if let Some(pid) = container.pid {
        match process::inside(pid, &container.facts.id, credentials, surroundings) {
            Some(processes) => {
                inside = processes;
                let known = |path: &str| surroundings.neighbours.names(path);
                let may_read =
                    |path: &str| surroundings.trust.file(&surroundings.file(path)).is_ok();
                match mounts::pinned(pid, &container.mounts, known, may_read) {
                    Ok(pinned) => container.facts.pinned = pinned,
                    Err(remedy) => container.facts.remedy = Some(remedy),
                }
            }
            None => container.facts.remedy = Some(elsewhere(surroundings)),
        }
    }
    let facts = Box::new(container.facts);
    for found in &mut inside {
        found.evidence.container = Some(facts.clone());
    }
    let own = Found {
        instance: Some(Instance::Container(facts.name.clone())),
        undefined: Undefined::Opaque(OpaqueReason::NotInContainerEnvironment),
        place: Some(NOWHERE),
        rank: Rank::Launch,
        evidence: Evidence {
            started_at: container.started_at,
            container: Some(facts),
            ..Evidence::default()
        },
        ..Found::configured(Ok(container.contents))
    };
    std::iter::once(own).chain(inside).collect()
}

/// Why the processes of a container that runs are not seen.
fn elsewhere(surroundings: &Surroundings) -> String {
    if surroundings.processes().is_supported() {
        "the processes in it are not seen from here: its engine is on another machine, or this user \
         may not see them"
            .to_owned()
    } else {
        "the processes in it are not seen from here: they can be read on Linux only".to_owned()
    }
}

/// How many containers each compose service has.
fn count_replicas(containers: &mut [Container]) {
    let service = |facts: &ContainerFacts| {
        facts.compose.as_ref().map(|labels| (labels.project.clone(), labels.service.clone()))
    };
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for container in containers.iter().filter(|container| !container.is_one_off) {
        if let Some(service) = service(&container.facts) {
            *counts.entry(service).or_default() += 1;
        }
    }
    for container in containers {
        let count = service(&container.facts).and_then(|service| counts.get(&service));
        if let (Some(labels), Some(count)) = (&mut container.facts.compose, count) {
            labels.replicas = *count;
        }
    }
}

/// An engine that is asked.
struct Asked<'a> {
    engine: Engine,
    /// Podman is here as well, and nobody said which is meant.
    other_is_here: bool,
    surroundings: &'a Surroundings,
    end: Instant,
}

impl<'a> Asked<'a> {
    /// The engine that is named; else Docker where there is such a command, else Podman.
    fn new(engine: Option<Engine>, surroundings: &'a Surroundings) -> Result<Self, Absence> {
        let path = surroundings.shell.get("PATH").map(SecretValue::expose);
        let path = path.map(|path| OsString::from_vec(path.to_vec()));
        let is_here = |engine: &Engine| find(OsStr::new(engine.name()), path.as_deref()).is_some();
        let named = engine;
        let engine = named.or_else(|| [Engine::Docker, Engine::Podman].into_iter().find(is_here));
        let engine = engine.ok_or_else(|| {
            let why = Unreadable::new(
                UnreadableKind::Unsupported,
                "there is neither `docker` nor `podman` here",
            );
            Absence::Unreadable(why.with_remedy("install one of them, or put its folder into PATH"))
        })?;
        Ok(Self {
            engine,
            other_is_here: named.is_none() && engine == Engine::Docker && is_here(&Engine::Podman),
            surroundings,
            end: Instant::now() + DEADLINE.saturating_sub(BEFORE_ITS_ROW),
        })
    }

    fn containers(
        &self,
        matching: &ContainerMatch,
        credentials: &[&CredentialFacts],
    ) -> Result<Vec<Container>, Absence> {
        let mut words: Vec<String> =
            ["ps", "--all", "--quiet", "--no-trunc"].map(str::to_owned).into();
        for filter in filters(matching) {
            // The value of an option, so it is none itself, whatever it begins with.
            words.push("--filter".to_owned());
            words.push(filter);
        }
        let ids = self.ids(&words)?;
        if ids.is_empty() {
            return Err(Absence::Missing(MissingReason::NoContainer));
        }
        let fits = |container: &Container| match matching {
            ContainerMatch::Name(name) => container.facts.name == *name,
            ContainerMatch::Service { .. } => !container.is_one_off,
            ContainerMatch::Label(_) => true,
        };
        let mut chosen = self.described(ids, credentials)?;
        chosen.retain(fits);
        if chosen.is_empty() {
            return Err(Absence::Missing(MissingReason::NoContainer));
        }
        Ok(chosen)
    }

    /// What a list names.
    fn ids(&self, words: &[String]) -> Result<Vec<String>, Absence> {
        let listed = self.run(words)?;
        if !listed.status.success() {
            return Err(self.refused(&listed));
        }
        let ids = format::ids(listed.out.expose());
        if ids.len() > MOST_CONTAINERS {
            let detail = format!("more than {MOST_CONTAINERS} containers fit");
            let why = Unreadable::new(UnreadableKind::TooLarge, detail);
            return Err(Absence::Unreadable(why.with_remedy("say more in `match`")));
        }
        Ok(ids)
    }

    /// All of them, by name, with no more of their environments than the credentials' variables.
    fn described(
        &self,
        ids: Vec<String>,
        credentials: &[&CredentialFacts],
    ) -> Result<Vec<Container>, Absence> {
        let mut words: Vec<String> = ["inspect", "--type", "container"].map(str::to_owned).into();
        words.extend(ids);
        let printed = self.run(&words)?;
        let is_wanted = |name: &str| {
            credentials.iter().flat_map(|it| it.wanted_variables()).any(|wanted| wanted == name)
        };
        // One that was removed meanwhile is a failure beside the description of the others.
        let described = format::inspected(printed.out.expose(), self.engine, &is_wanted);
        match described {
            Some(mut all) if printed.status.success() || !all.is_empty() => {
                all.sort_by(|left, right| left.facts.name.cmp(&right.facts.name));
                Ok(all)
            }
            _ if !printed.status.success() => Err(self.refused(&printed)),
            _ => Err(Absence::Unreadable(
                self.in_vain(UnreadableKind::System, "printed something else than containers"),
            )),
        }
    }

    fn run(&self, words: &[String]) -> Result<Printed, Absence> {
        let name = self.engine.name().to_owned();
        let shell = &self.surroundings.shell;
        let left = self.end.saturating_duration_since(Instant::now());
        Program::new(std::iter::once(&name).chain(words), shell)
            .with_variable("DOCKER_API_VERSION", shell)
            .with_variable("DOCKER_TLS", shell)
            .within(left)
            .run()
            .map_err(|why| {
                let unreadable = why.of(self.engine.name());
                Absence::Unreadable(match why {
                    NotRun::TimedOut => unreadable.with_remedy(self.by_hand()),
                    _ => unreadable,
                })
            })
    }

    fn by_hand(&self) -> String {
        format!("run `{} ps` in this shell to see what it waits for or says", self.engine.name())
    }

    fn in_vain(&self, kind: UnreadableKind, what: &str) -> Unreadable {
        let detail = format!("`{}` {what}", self.engine.name());
        Unreadable::new(kind, detail).with_remedy(self.by_hand())
    }

    /// What a person has to do, by what the engine says.
    fn refused(&self, printed: &Printed) -> Absence {
        let shell = &self.surroundings.shell;
        let (name, is_docker) = (self.engine.name(), self.engine == Engine::Docker);
        let variables: &[&str] = if is_docker {
            &["DOCKER_HOST", "DOCKER_CONTEXT"]
        } else {
            &["CONTAINER_HOST", "CONTAINER_CONNECTION"]
        };
        let chosen = variables.iter().find(|name| shell.get(**name).is_some_and(|v| !v.is_empty()));
        let unreadable =
            |kind, detail: &str, remedy: String| Unreadable::new(kind, detail).with_remedy(remedy);
        let contexts =
            if is_docker { "docker context ls" } else { "podman system connection list" };
        let why = match format::refusal(printed.err.expose()) {
            Refusal::NotRunning => {
                let start = match (is_docker, chosen) {
                    (_, Some(variable)) => {
                        format!("start it where {variable} points, or correct {variable}")
                    }
                    (true, None) => "start it: sudo systemctl start docker".to_owned(),
                    (false, None) => "start it: systemctl --user start podman.socket".to_owned(),
                };
                let detail = format!("the engine of `{name}` does not run");
                let or = if self.other_is_here { "; or name `engine = \"podman\"`" } else { "" };
                unreadable(UnreadableKind::System, &detail, format!("{start}{or}"))
            }
            Refusal::NoPermission => {
                let remedy = if is_docker {
                    "add this user to group docker (sudo usermod -aG docker \"$USER\", then log in \
                     again), or run stalekey as root"
                } else {
                    "run stalekey as the user whose containers these are, or as root"
                };
                let detail = format!("this user may not talk to the engine of `{name}`");
                unreadable(UnreadableKind::NoPermission, &detail, remedy.to_owned())
            }
            Refusal::NoContext => {
                let which = chosen.map_or_else(
                    || "choose one that exists".to_owned(),
                    |variable| format!("correct {variable}"),
                );
                let detail = format!("the context that `{name}` is to use does not exist");
                let remedy = format!("{which}; `{contexts}` lists them");
                unreadable(UnreadableKind::System, &detail, remedy)
            }
            Refusal::Unreachable => {
                let which = chosen.copied().unwrap_or("the context in use");
                let detail = format!("the machine of `{name}`'s engine cannot be reached");
                let remedy = format!("check {which}; `{contexts}` lists where engines are");
                unreadable(UnreadableKind::System, &detail, remedy)
            }
            Refusal::OtherVersion => {
                let detail = format!("`{name}` and its engine have versions too far apart");
                let remedy = "update the older of the two, or set DOCKER_API_VERSION to the highest \
                              that the engine has (docker version tells it)";
                unreadable(UnreadableKind::Unsupported, &detail, remedy.to_owned())
            }
            Refusal::Unknown => self.in_vain(UnreadableKind::System, "failed"),
        };
        Absence::Unreadable(why)
    }
}

/// As `ps --filter` takes them.
fn filters(matching: &ContainerMatch) -> Vec<String> {
    match matching {
        // A regular expression; Docker's names begin with a slash.
        ContainerMatch::Name(name) => vec![format!("name=^/?{}$", name.replace('.', r"\."))],
        ContainerMatch::Label(label) => vec![format!("label={label}")],
        ContainerMatch::Service { project, service } => {
            vec![format!("label={PROJECT}={project}"), format!("label={SERVICE}={service}")]
        }
    }
}
