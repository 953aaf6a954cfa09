//! Workloads: the environment of each of their containers.

use std::collections::{HashMap, HashSet};

use super::{
    Failure, Row,
    data::{Data, Kind, Store},
    expand::{Meaning, expand},
    manifests::Object,
    place,
};
use crate::{
    domain::{
        inert::inert,
        place::Position,
        reading::{Occurrence, OpaqueReason, Origin, Problem, Yield},
        secret::SecretValue,
    },
    formats::{
        Contents, MOST_VALUE_BYTES, Refusal,
        tree::{Node, Value},
    },
};

const NOT_TEXT: &str =
    "this value is not a text, so Kubernetes refuses the object: put it in quotes";
const SOURCE_ELSEWHERE: &str =
    "this source is not among these manifests; it may set or override variables";
const NO_KEY: &str = "the object has no such key, so the container does not start";
const NO_OBJECT_KEY: &str = "a reference without the object's `name` and `key`";

/// Most that is told of one object.
const MOST_PROBLEMS: usize = 100;

/// Kinds, their short names, and where the pod stands.
const KINDS: [(&str, &str, &str); 10] = [
    ("Pod", "pod", "spec"),
    ("Deployment", "deploy", "spec/template/spec"),
    ("StatefulSet", "sts", "spec/template/spec"),
    ("DaemonSet", "ds", "spec/template/spec"),
    ("ReplicaSet", "rs", "spec/template/spec"),
    ("ReplicationController", "rc", "spec/template/spec"),
    ("Job", "job", "spec/template/spec"),
    ("CronJob", "cronjob", "spec/jobTemplate/spec/template/spec"),
    // Of Argo and of Knative; a Service of Kubernetes itself has no template.
    ("Rollout", "rollout", "spec/template/spec"),
    ("Service", "service", "spec/template/spec"),
];

/// The pod that a workload makes.
pub(super) fn pod<'d>(object: &Object<'d>) -> Option<&'d Node> {
    let (_, _, path) = KINDS.iter().find(|(kind, _, _)| *kind == object.kind)?;
    object.node.at(path)
}

/// `deploy` for a Deployment.
pub(super) fn short_kind(kind: &str) -> &'static str {
    KINDS.iter().find(|(known, _, _)| *known == kind).map_or("", |(_, short, _)| *short)
}

/// `deploy/api`
pub(super) fn named(object: &Object<'_>) -> String {
    format!("{}/{}", short_kind(object.kind), object.name)
}

/// `deployment`, `deployments` and `deploy` all mean a Deployment.
pub(super) fn is_kind(kind: &str, word: &str) -> bool {
    let singular = word.strip_suffix('s').unwrap_or(word);
    [word, singular]
        .iter()
        .any(|word| word.eq_ignore_ascii_case(kind) || word.eq_ignore_ascii_case(short_kind(kind)))
}

/// `api`, `deployment/api`, `deployments/api` or `deploy/api`.
pub(super) fn is_named(object: &Object<'_>, wanted: &str) -> bool {
    let Some((kind, name)) = wanted.split_once('/') else { return wanted == object.name };
    name == object.name && is_kind(object.kind, kind)
}

/// A row for each container.
pub(super) fn rows(object: &Object<'_>, wanted: Option<&str>, store: &Store) -> Vec<Row> {
    let Some(pod) = pod(object) else { return Vec::new() };
    let containers = ["initContainers", "containers"].iter().flat_map(|field| pod.list(field));
    let containers = containers.filter_map(|container| Some((container.word("name")?, container)));
    let rows = containers.filter(|(name, _)| wanted.is_none_or(|wanted| wanted == *name));
    rows.map(|(name, container)| {
        let mut environment = Environment::new(object, store);
        let contents = environment.read(container).map(|()| environment.contents());
        Row {
            name: inert(&format!("{}/{name}", named(object))),
            namespace: object.namespace.map(inert),
            is_container: true,
            place: place(object.path, container.position),
            contents,
            elsewhere: environment.elsewhere,
        }
    })
    .collect()
}

/// What a container is given, while it is built up as the kubelet builds it.
struct Environment<'a> {
    object: &'a Object<'a>,
    store: &'a Store,
    occurrences: Vec<Occurrence<SecretValue>>,
    /// The deciding occurrence of each variable.
    winners: HashMap<String, usize>,
    problems: Vec<Problem>,
    elsewhere: bool,
    /// The objects that were used.
    used: HashSet<usize>,
    /// Bytes that expanded values may still take.
    left: usize,
}

impl<'a> Environment<'a> {
    fn new(object: &'a Object<'a>, store: &'a Store) -> Self {
        Self {
            object,
            store,
            occurrences: Vec::new(),
            winners: HashMap::new(),
            problems: Vec::new(),
            elsewhere: false,
            used: HashSet::new(),
            left: MOST_VALUE_BYTES,
        }
    }

    fn contents(&mut self) -> Contents {
        Contents {
            occurrences: std::mem::take(&mut self.occurrences),
            problems: std::mem::take(&mut self.problems),
            ..Contents::default()
        }
    }

    fn set(&mut self, mut occurrence: Occurrence<SecretValue>) {
        occurrence.wins = true;
        let index = self.occurrences.len();
        if let Some(earlier) = self.winners.insert(occurrence.variable.clone(), index)
            && let Some(earlier) = self.occurrences.get_mut(earlier)
        {
            earlier.wins = false;
        }
        self.occurrences.push(occurrence);
    }

    fn problem(&mut self, position: Position, text: &'static str) {
        self.problems.push(Problem { place: place(self.object.path, position), text });
    }

    /// What the object itself brought along is told once.
    fn use_data(&mut self, data: &Data) -> Result<(), Failure> {
        if self.used.insert(std::ptr::from_ref(data).addr()) {
            self.problems.extend(data.problems.iter().take(MOST_PROBLEMS).cloned());
        }
        data.refusal.clone().map_or(Ok(()), Err)
    }

    fn read(&mut self, container: &Node) -> Result<(), Failure> {
        for source in container.list("envFrom") {
            self.source(source)?;
        }
        for item in container.list("env") {
            self.variable(item)?;
        }
        Ok(())
    }

    fn source(&mut self, source: &Node) -> Result<(), Failure> {
        let prefix = source.word("prefix").unwrap_or_default();
        let references = [("configMapRef", Kind::ConfigMap), ("secretRef", Kind::Secret)];
        for (field, kind) in references {
            let Some(reference) = source.get(field) else { continue };
            let name = reference.word("name").unwrap_or_default();
            let Some(data) = self.store.find(kind, name, self.object.namespace) else {
                self.elsewhere = true;
                self.problem(reference.position, SOURCE_ELSEWHERE);
                continue;
            };
            self.use_data(data)?;
            self.elsewhere |= data.elsewhere;
            let cost = data.entries.iter().map(|entry| entry.cost() + prefix.len()).sum();
            self.store.spend(self.object.path, cost)?;
            for entry in data.entries.iter().filter(|entry| !entry.wins) {
                self.occurrences.push(entry.occurrence(&format!("{prefix}{}", entry.name)));
            }
            for entry in data.entries.iter().filter(|entry| entry.wins) {
                let variable = format!("{prefix}{}", entry.name);
                if is_variable(&variable) {
                    self.set(entry.occurrence(&variable));
                }
            }
        }
        Ok(())
    }

    fn variable(&mut self, item: &Node) -> Result<(), Failure> {
        let Some(name) = item.word("name") else { return Ok(()) };
        let refuse =
            |at: Position, reason| Err(Failure::refused(self.object.path, Refusal::at(at, reason)));
        let own = |position, yields| Occurrence {
            variable: name.to_owned(),
            place: place(self.object.path, position),
            origin: Origin::File,
            yields,
            wins: true,
        };
        let text = match item.get("value").map(|node| (&node.value, node)) {
            None | Some((Value::Null, _)) => None,
            Some((Value::Text(text), node)) => Some((text, node)),
            Some((_, node)) => return refuse(node.position, NOT_TEXT),
        };
        let from = item.get("valueFrom").filter(|from| !from.is_null());
        let occurrence = match (text.filter(|(text, _)| !text.is_empty()), from) {
            (Some((text, node)), _) => {
                let value = self.expanded(text);
                if let Yield::Value(value) = &value {
                    self.store.spend(self.object.path, value.len())?;
                }
                own(node.position, value)
            }
            (None, Some(from)) => return self.from(name, from),
            (None, None) => {
                let position = text.map_or(item.position, |(_, node)| node.position);
                own(position, Yield::Value(SecretValue::new("")))
            }
        };
        self.set(occurrence);
        Ok(())
    }

    /// A value from a key of an object. What is optional and not there changes nothing.
    fn from(&mut self, name: &str, from: &Node) -> Result<(), Failure> {
        let references = [("configMapKeyRef", Kind::ConfigMap), ("secretKeyRef", Kind::Secret)];
        let found = references.iter().find_map(|(field, kind)| Some((from.get(field)?, *kind)));
        let own = |environment: &Self, position, yields| Occurrence {
            variable: name.to_owned(),
            place: place(environment.object.path, position),
            origin: Origin::File,
            yields,
            wins: true,
        };
        let Some((reference, kind)) = found else {
            // Fields of the pod, resources, files: only the running pod has them.
            self.set(own(self, from.position, Yield::Opaque(OpaqueReason::Reference)));
            return Ok(());
        };
        let (Some(object), Some(key)) = (reference.word("name"), reference.word("key")) else {
            let refusal = Refusal::at(reference.position, NO_OBJECT_KEY);
            return Err(Failure::refused(self.object.path, refusal));
        };
        let position = reference.get("key").map_or(reference.position, |key| key.position);
        let Some(data) = self.store.find(kind, object, self.object.namespace) else {
            self.set(own(self, position, Yield::Opaque(OpaqueReason::Reference)));
            return Ok(());
        };
        self.use_data(data)?;
        match data.get(key) {
            Some(entry) => {
                self.store.spend(self.object.path, entry.cost())?;
                self.set(entry.occurrence(name));
            }
            None if data.elsewhere => {
                self.set(own(self, position, Yield::Opaque(OpaqueReason::Reference)));
            }
            None if reference.is_on("optional") => {}
            None => {
                self.problem(position, NO_KEY);
                self.set(own(self, position, Yield::Unset));
            }
        }
        Ok(())
    }

    fn expanded(&mut self, text: &SecretValue) -> Yield<SecretValue> {
        let meaning = |name: &str| match self.winner(name).map(|found| &found.yields) {
            Some(Yield::Value(value)) => Meaning::Value(value.expose()),
            Some(Yield::Opaque(_)) => Meaning::Unknown,
            // The cluster's own, of services; or a variable of a source that is not here.
            None if self.elsewhere || is_of_service(name) => Meaning::Unknown,
            Some(Yield::Unset | Yield::Inherited) | None => Meaning::None,
        };
        match expand(text.expose(), self.left, meaning) {
            Some(value) => {
                self.left -= value.len();
                Yield::Value(SecretValue::new(value.to_vec()))
            }
            None => Yield::Opaque(OpaqueReason::Reference),
        }
    }

    fn winner(&self, variable: &str) -> Option<&Occurrence<SecretValue>> {
        self.occurrences.get(*self.winners.get(variable)?)
    }
}

fn is_of_service(name: &str) -> bool {
    name.ends_with("_SERVICE_HOST") || name.ends_with("_SERVICE_PORT")
}

/// Printable ASCII without `=`, as newer clusters have it; others are skipped with an event.
fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'=')
}
