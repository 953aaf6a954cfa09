//! `secrets:` and `configs:`: files that Compose puts into a service's containers.
//!
//! A program gets such a value by reading the file, which `NAME_FILE=/run/secrets/…` tells it, or
//! by a name that they agree on: `/run/secrets/openai_api_key` is `OPENAI_API_KEY`.

use std::collections::BTreeMap;

use super::{
    Failure, Request,
    extract::{Extractor, find, is_reset, live},
    load::Reader,
    merge::Unique,
    variables::Variables,
};
use crate::{
    domain::{
        inert::inert,
        place::{Place, Position},
        reading::{Occurrence, OpaqueReason, Origin, Problem, Yield},
        secret::SecretValue,
        trap::{Trap, Trapped},
    },
    formats::{
        Contents, Refusal,
        yaml::{
            Node, Value,
            scalar::{Typed, type_of},
        },
    },
};

const RESOURCES: &str = "`secrets:` and `configs:` at the top are mappings of names";
const RESOURCE: &str = "a secret or config is a mapping with `file`, `environment` or `external`";
const MOUNTS: &str = "`secrets:` and `configs:` of a service are lists of names and of mappings";
const MOUNT: &str = "a secret or config of a service is a name, or a mapping with `source`";
const UNDEFINED: &str =
    "the project defines no secret or config of this name; Compose refuses the project";
const TWO_SOURCES: &str = "`file`, `environment` and `content` exclude each other; keep one";
const NO_FILE: &str = "the file of this secret or config does not exist; Compose does not start \
    the service";
const UNREADABLE: &str = "the file of this secret or config could not be read";
const NOT_SET: &str = "the variable of this secret or config is not set; Compose does not start \
    the service";
const A_FILE: &str = "a file in the container, no variable: the program must read it there";
const CONTENT_OF_SECRET: &str = "Compose knows `content` of configs only, and refuses it here";

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Secret,
    Config,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Secret, Self::Config];

    /// The key, at the top of a file and in a service.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Secret => "secrets",
            Self::Config => "configs",
        }
    }

    const fn folder(self) -> &'static str {
        match self {
            Self::Secret => "/run/secrets/",
            Self::Config => "/",
        }
    }
}

/// Secrets and configs of a project by their names.
pub(super) type Resources = BTreeMap<(Kind, String), Resource>;

/// Where the value of a secret or config comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resource {
    source: Source,
    place: Place,
    problem: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    File(String),
    Environment(String),
    Content {
        value: SecretValue,
        sources: Vec<Occurrence<SecretValue>>,
    },
    /// Made elsewhere, by hand or by another driver.
    External,
}

/// One entry of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    kind: Kind,
    source: String,
    /// The path in the container.
    target: String,
    place: Place,
}

impl Unique for Mount {
    fn is_same(&self, other: &Self) -> bool {
        self.target == other.target
    }
}

impl Mount {
    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }
}

impl Extractor<'_> {
    /// The secrets and configs that a document defines.
    pub(super) fn resources(&self, root: &Node) -> Result<Resources, Failure> {
        let mut resources = Resources::new();
        for kind in Kind::ALL {
            let Some(block) = find(root, kind.key()).map(|pair| &pair.value) else { continue };
            if block.is_null() {
                continue;
            }
            if block.pairs().is_none() {
                return Err(self.refuse(block.position, RESOURCES));
            }
            for pair in live(block) {
                let name = pair.key.name().unwrap_or_default().to_owned();
                resources.insert((kind, name), self.resource(kind, &pair.value)?);
            }
        }
        Ok(resources)
    }

    fn resource(&self, kind: Kind, node: &Node) -> Result<Resource, Failure> {
        if !matches!(node.value, Value::Mapping(_)) && !node.is_null() {
            return Err(self.refuse(node.position, RESOURCE));
        }
        let given = |key| find(node, key).filter(|pair| !pair.value.is_null());
        let (file, variable, content) = (given("file"), given("environment"), given("content"));
        let mut named = [file, variable, content].into_iter().flatten();
        if let (Some(_), Some(second)) = (named.next(), named.next()) {
            return Err(self.refuse(second.key.position, TWO_SOURCES));
        }
        let is_external = find(node, "external").is_some_and(|pair| {
            !matches!(type_of(&pair.value), Some(Typed::Bool(false) | Typed::Null))
        });
        let mut place = self.place(node.position);
        let mut problem = None;
        let source = if is_external {
            Source::External
        } else if let Some(pair) = file {
            Source::File(self.path(&pair.value)?)
        } else if let Some(pair) = variable {
            place = self.place(pair.value.position);
            Source::Environment(self.word(&pair.value)?)
        } else if let Some(pair) = content {
            place = self.place(pair.value.position);
            problem = (kind == Kind::Secret).then_some(CONTENT_OF_SECRET);
            let expansion = self.expand(&pair.value)?;
            let mut problems = Vec::new();
            let position = pair.value.position;
            let sources = self.sources(&expansion, kind.key(), position, &mut problems)?;
            problem = problem.or_else(|| problems.first().map(|problem| problem.text));
            Source::Content { value: expansion.value, sources }
        } else {
            Source::External
        };
        Ok(Resource { source, place, problem })
    }

    /// The entries of `secrets:` or `configs:` of a service.
    pub(super) fn mounts(&self, kind: Kind, node: &Node) -> Result<Vec<Mount>, Failure> {
        if node.is_null() {
            return Ok(Vec::new());
        }
        let items = node.items().ok_or_else(|| self.refuse(node.position, MOUNTS))?;
        let mut mounts = Vec::with_capacity(items.len());
        for item in items.iter().filter(|item| !is_reset(item)) {
            let (source, target) = match &item.value {
                Value::Scalar(_) => (self.word(item)?, None),
                Value::Sequence(_) => return Err(self.refuse(item.position, MOUNT)),
                Value::Mapping(_) => {
                    let source = find(item, "source");
                    let source = source.ok_or_else(|| self.refuse(item.position, MOUNT))?;
                    let target = find(item, "target").filter(|pair| !pair.value.is_null());
                    let target = target.map(|pair| self.word(&pair.value)).transpose()?;
                    (self.word(&source.value)?, target)
                }
            };
            let target = target.unwrap_or_else(|| source.clone());
            let target =
                if target.starts_with('/') { target } else { format!("{}{target}", kind.folder()) };
            let mount = Mount { kind, source, target, place: self.place(item.position) };
            super::merge::append(&mut mounts, mount);
        }
        Ok(mounts)
    }
}

/// Adds what a service's containers find in files to what they are given as variables.
pub(super) fn add(
    reader: &mut Reader<'_>,
    request: &Request,
    mounts: &[Mount],
    resources: &Resources,
    variables: &Variables,
    contents: &mut Contents,
) -> Result<(), Failure> {
    let told = told_by_variables(contents);
    let mut reached = Vec::new();
    for mount in mounts {
        let Some(resource) = resources.get(&(mount.kind, mount.source.clone())) else {
            let refusal = Refusal { position: mount.place.position, reason: UNDEFINED };
            return Err(Failure::Refused { path: mount.place.path.clone(), refusal });
        };
        let mut names: Vec<(String, bool)> = told
            .iter()
            .filter(|(_, path, _)| *path == mount.target)
            .map(|(name, ..)| (name.clone(), true))
            .collect();
        reached.extend(names.iter().map(|(name, _)| name.clone()));
        if names.is_empty() {
            names.extend(agreed_name(&mount.target, request).map(|name| (name, false)));
        }
        for (name, is_told) in names {
            if request.asks_for(&name) {
                read(reader, mount, resource, &name, is_told, variables, contents)?;
            }
        }
    }
    // The variable names a file that is no secret: of a volume, or of the image.
    for (name, _, place) in told {
        if !reached.contains(&name) && request.asks_for(&name) {
            set(
                contents,
                Occurrence {
                    variable: name,
                    place,
                    origin: Origin::ComposeEnvironment,
                    yields: Yield::Opaque(OpaqueReason::Reference),
                    wins: false,
                },
            );
        }
    }
    Ok(())
}

/// `NAME_FILE=/path` of the service: the name, the path, and where that stands.
fn told_by_variables(contents: &Contents) -> Vec<(String, String, Place)> {
    let winners = contents.occurrences.iter().filter(|occurrence| occurrence.wins);
    winners
        .filter_map(|winner| {
            let name = winner.variable.strip_suffix("_FILE").filter(|name| !name.is_empty())?;
            let Yield::Value(value) = &winner.yields else { return None };
            let path = std::str::from_utf8(value.expose()).ok()?;
            let is_path = path.starts_with('/');
            is_path.then(|| (name.to_owned(), path.to_owned(), winner.place.clone()))
        })
        .collect()
}

/// `/run/secrets/openai-api-key.txt` is `OPENAI_API_KEY`.
fn agreed_name(target: &str, request: &Request) -> Option<String> {
    let file = target.rsplit('/').next().filter(|file| !file.is_empty())?;
    let spelled = |text: &str| text.to_ascii_uppercase().replace(['-', '.', ' '], "_");
    let whole = spelled(file);
    let stem = file.split_once('.').map(|(stem, _)| spelled(stem)).filter(|stem| !stem.is_empty());
    let asked = |name: &String| request.variables.contains(name);
    match stem {
        Some(stem) if request.variables.is_empty() || asked(&stem) => Some(stem),
        _ => Some(whole),
    }
}

fn read(
    reader: &mut Reader<'_>,
    mount: &Mount,
    resource: &Resource,
    name: &str,
    is_told: bool,
    variables: &Variables,
    contents: &mut Contents,
) -> Result<(), Failure> {
    let Held { place, yields, sources, problem } = resource.held(reader, name, variables)?;
    let reached = (!is_told && yields != Yield::Unset).then_some(A_FILE);
    for text in resource.problem.into_iter().chain(problem).chain(reached) {
        contents.problems.push(Problem { place: resource.place.clone(), text });
    }
    let yields = match yields {
        Yield::Value(value) => {
            let (kept, ended) = without_last_break(&value);
            if ended {
                let trapped = Trapped { trap: Trap::TrailingNewline, place: place.clone() };
                contents.traps.push((Some(name.to_owned()), trapped));
            }
            Yield::Value(kept)
        }
        yields => yields,
    };
    let origin = Origin::ComposeMount(inert(&mount.target));
    let variable = name.to_owned();
    set(contents, Occurrence { variable, place, origin, yields, wins: false });
    contents.occurrences.extend(sources);
    Ok(())
}

/// What a secret or config holds.
struct Held {
    place: Place,
    yields: Yield<SecretValue>,
    /// Where it comes from, when it does not stand at its place.
    sources: Vec<Occurrence<SecretValue>>,
    problem: Option<&'static str>,
}

impl Resource {
    fn held(
        &self,
        reader: &mut Reader<'_>,
        name: &str,
        variables: &Variables,
    ) -> Result<Held, Failure> {
        let own = |yields, problem| Held {
            place: self.place.clone(),
            yields,
            sources: Vec::new(),
            problem,
        };
        Ok(match &self.source {
            Source::External => own(Yield::Opaque(OpaqueReason::Elsewhere), None),
            Source::Content { value, sources } => {
                reader.spend(value.len())?;
                let named = |source: &Occurrence<SecretValue>| Occurrence {
                    variable: name.to_owned(),
                    ..source.clone()
                };
                let sources = sources.iter().map(named).collect();
                Held { sources, ..own(Yield::Value(value.clone()), None) }
            }
            Source::Environment(variable) => {
                let Some(value) = variables.get(variable) else {
                    return Ok(own(Yield::Unset, Some(NOT_SET)));
                };
                reader.spend(value.len() + variables.cost(variable))?;
                let sources = variables.sources(variable, name);
                Held { sources, ..own(Yield::Value(value.clone()), None) }
            }
            // The path that is written may be a key that was pasted there, so it is not shown.
            Source::File(path) if !reader.exists(path) => own(Yield::Unset, Some(NO_FILE)),
            Source::File(path) => {
                let Ok(bytes) = reader.read(path) else {
                    let place = Place::file(inert(path));
                    let hidden = Yield::Opaque(OpaqueReason::Hidden);
                    return Ok(Held { place, ..own(hidden, Some(UNREADABLE)) });
                };
                reader.spend(bytes.len())?;
                let place = Place::at(Position { line: 1, column: 1 }).in_file(inert(path));
                Held { place, ..own(Yield::Value(bytes.as_ref().clone()), None) }
            }
        })
    }
}

/// Who reads such a file takes its last line break off, as `$(cat …)` does: an editor put it there.
fn without_last_break(value: &SecretValue) -> (SecretValue, bool) {
    let text = value.expose();
    match text.strip_suffix(b"\n") {
        Some(rest) => (SecretValue::new(rest.strip_suffix(b"\r").unwrap_or(rest)), true),
        None => (value.clone(), false),
    }
}

/// A variable of the service itself stays above what stands in a file.
fn set(contents: &mut Contents, occurrence: Occurrence<SecretValue>) {
    let has_value = contents.winner(&occurrence.variable).is_some();
    contents.occurrences.push(Occurrence { wins: !has_value, ..occurrence });
}
