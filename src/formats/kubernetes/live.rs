//! What a cluster answers to `kubectl get -o json`: workloads, their pods, and the Secrets and
//! ConfigMaps that they name.
//!
//! A variable that comes from one of those is fixed when its container starts; a container that is
//! started again takes what they have then. So the time of a container against that of a key tells
//! whether it can have the key of today. The time is that at which the owner of the key last wrote
//! (`managedFields`): never earlier than the key's own change, perhaps later.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    Failure, Row,
    data::{Data, Entry, Kind, Store},
    manifests::{self, Object},
    pods::{self, Pod, PodState},
    workload,
};
use crate::{
    domain::{
        inert::inert,
        place::Place,
        reading::{OpaqueReason, Problem, Yield},
    },
    formats::{
        Contents, Refusal,
        tree::{self, Node, Syntax, Value},
    },
};

/// What is asked of Secrets when their values are not: one line of name, time of creation and
/// `managedFields` for each. No annotation is among it: `kubectl apply` keeps a copy of the values in
/// one. Of a single object there is no list, of a list no name.
pub const TIMES: &str = "jsonpath={.metadata.name}{\"\\t\"}{.metadata.creationTimestamp}{\"\\t\"}\
                         {.metadata.managedFields}{\"\\n\"}{range .items[*]}{.metadata.name}{\"\\t\"}\
                         {.metadata.creationTimestamp}{\"\\t\"}{.metadata.managedFields}{\"\\n\"}{end}";

const NO_JSON: &str = "it is no text";
const ABSENT: &str = "the cluster has no such object: a container that needs it does not start";
const FORBIDDEN: &str =
    "the cluster does not let you read this object, so nobody knows when it changed";

/// What of a namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Only this workload: `api` or `deploy/api`; absent: all.
    pub workload: Option<String>,
    /// Only this container; absent: all.
    pub container: Option<String>,
}

/// Kinds of workloads and what `kubectl` calls them.
const RESOURCES: [(&str, &str); 10] = [
    ("Pod", "pods"),
    ("Deployment", "deployments.apps"),
    ("StatefulSet", "statefulsets.apps"),
    ("DaemonSet", "daemonsets.apps"),
    ("ReplicaSet", "replicasets.apps"),
    ("ReplicationController", "replicationcontrollers"),
    ("Job", "jobs.batch"),
    ("CronJob", "cronjobs.batch"),
    ("Rollout", "rollouts.argoproj.io"),
    ("Service", "services.serving.knative.dev"),
];
const USUAL: &str = "deployments.apps,statefulsets.apps,daemonsets.apps,pods";

impl Request {
    /// What `kubectl get` is asked for; `None` when the workload is of no known kind.
    pub fn resources(&self) -> Option<String> {
        let Some((kind, _)) = self.workload.as_ref().and_then(|workload| workload.split_once('/'))
        else {
            return Some(USUAL.to_owned());
        };
        let known = RESOURCES.iter().find(|(known, _)| workload::is_kind(known, kind));
        known.map(|(_, resource)| match *resource {
            "pods" => "pods".to_owned(),
            resource => format!("{resource},pods"),
        })
    }
}

/// A part of what a cluster has.
#[derive(Debug)]
pub struct Live {
    request: Request,
    documents: Vec<(String, Node)>,
    /// What the containers name: the keys, where they name one.
    references: BTreeMap<(Kind, String), BTreeSet<String>>,
    data: BTreeMap<(Kind, String), Data>,
    /// When each key last changed at the latest, by its place.
    changed: BTreeMap<String, Timestamp>,
}

/// What one row is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A container that a workload would make.
    Configured,
    /// A container of a pod.
    Pod(Pod),
    /// A workload that wants pods, and has none.
    NoPod,
}

/// A container of a workload or a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRow {
    /// Its variables.
    pub row: Row,
    /// When what a variable comes from last changed, at the latest.
    pub updated_at: BTreeMap<String, Timestamp>,
    /// What it is of.
    pub part: Part,
}

impl Live {
    /// Takes in workloads and pods, in JSON.
    ///
    /// # Errors
    /// Other text than `kubectl` prints, and a request that fits nothing in it.
    pub fn read(request: &Request, bytes: &[u8]) -> Result<Self, Failure> {
        let items = items(bytes).map_err(|refusal| Failure::refused("kubectl", refusal))?;
        let mut live = Self {
            request: request.clone(),
            documents: items.into_iter().filter_map(named).collect(),
            references: BTreeMap::new(),
            data: BTreeMap::new(),
            changed: BTreeMap::new(),
        };
        let objects = manifests::objects(&live.documents);
        let (workloads, pods) = live.parts(&objects);
        if workloads.is_empty() && pods.is_empty() {
            let is_any = request.workload.is_none();
            return Err(if is_any { Failure::NoObjects } else { Failure::NoWorkload });
        }
        let all = workloads.iter().copied().chain(pods.iter().map(|(pod, _)| *pod));
        let mut references = BTreeMap::new();
        let mut containers = 0;
        for object in all {
            containers += refer(object, request.container.as_deref(), &mut references);
        }
        if containers == 0 {
            return Err(Failure::NoContainer);
        }
        live.references = references;
        Ok(live)
    }

    /// Names of the ConfigMaps that the containers name.
    pub fn config_maps(&self) -> Vec<String> {
        self.names(Kind::ConfigMap)
    }

    /// Names of the Secrets that the containers name.
    pub fn secrets(&self) -> Vec<String> {
        self.names(Kind::Secret)
    }

    fn names(&self, wanted: Kind) -> Vec<String> {
        let of_kind = self.references.keys().filter(|(kind, _)| *kind == wanted);
        of_kind.map(|(_, name)| name.clone()).collect()
    }

    /// Takes in Secrets or ConfigMaps with their values, in JSON with their `managedFields`.
    ///
    /// # Errors
    /// Other text than `kubectl` prints.
    pub fn add_values(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        for item in items(bytes)? {
            let Some((path, node)) = named(item) else { continue };
            let documents = [(path, node)];
            let objects = manifests::objects(&documents);
            let Some(mut data) = objects.first().and_then(Data::of) else { continue };
            let Some(metadata) = documents[0].1.get("metadata") else { continue };
            let created = metadata.word("creationTimestamp").and_then(|at| at.parse().ok());
            let times = Times::of(created, metadata.list("managedFields"));
            for entry in &mut data.entries {
                entry.place = key_place(data.kind, &data.name, &entry.name);
            }
            for problem in &mut data.problems {
                problem.place.position = None;
            }
            self.keep(data, &times);
        }
        Ok(())
    }

    /// Takes in when Secrets changed, as [`TIMES`] prints it.
    ///
    /// # Errors
    /// Other text than `kubectl` prints.
    pub fn add_times(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let refusal = Refusal { position: None, reason: NO_JSON };
        let text = std::str::from_utf8(bytes).map_err(|_| refusal)?;
        for line in text.lines() {
            let mut fields = line.splitn(3, '\t');
            let (Some(name), Some(created), Some(managed)) =
                (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            if name.is_empty() {
                continue;
            }
            let managed = tree::parse(managed.as_bytes(), Some(Syntax::Json)).ok();
            let managed = managed.and_then(|(_, nodes)| nodes.into_iter().next());
            let times =
                Times::of(created.parse().ok(), managed.as_ref().map_or(&[][..], Node::items));
            let mut data = Data::new(Kind::Secret, name, object_place(Kind::Secret, name));
            let keys = times.by_key.keys().cloned();
            let named = self.references.get(&(Kind::Secret, name.to_owned())).into_iter().flatten();
            for key in keys.chain(named.cloned()).collect::<BTreeSet<_>>() {
                let yields = Yield::Opaque(OpaqueReason::NotAsked);
                data.set(Entry::new(&key, key_place(Kind::Secret, name, &key), yields));
            }
            // A manager may have left no trace of its keys.
            data.elsewhere = true;
            self.keep(data, &times);
        }
        Ok(())
    }

    fn keep(&mut self, data: Data, times: &Times) {
        for entry in &data.entries {
            let place = key_place(data.kind, &data.name, &entry.name);
            if let (Some(path), Some(at)) = (place.path, times.of_key(&entry.name)) {
                self.changed.insert(path, at);
            }
        }
        self.data.insert((data.kind, data.name.clone()), data);
    }

    /// The cluster does not let these be read.
    pub fn forbid_secrets(&mut self) {
        self.forbid(Kind::Secret);
    }

    /// The cluster does not let these be read.
    pub fn forbid_config_maps(&mut self) {
        self.forbid(Kind::ConfigMap);
    }

    fn forbid(&mut self, kind: Kind) {
        for name in self.names(kind) {
            let mut data = empty(kind, &name, FORBIDDEN);
            data.elsewhere = true;
            for key in self.references.get(&(kind, name.clone())).into_iter().flatten() {
                let yields = Yield::Opaque(OpaqueReason::NotAllowed);
                data.set(Entry::new(key, key_place(kind, &name, key), yields));
            }
            self.data.insert((kind, name), data);
        }
    }

    /// A row for each container: first what a start would take, then what runs.
    pub fn rows(mut self) -> Vec<LiveRow> {
        for (kind, name) in self.references.keys().cloned().collect::<Vec<_>>() {
            if !self.data.contains_key(&(kind, name.clone())) {
                let absent = empty(kind, &name, ABSENT);
                self.data.insert((kind, name), absent);
            }
        }
        let store = Store::of(&[], std::mem::take(&mut self.data).into_values().collect());
        let objects = manifests::objects(&self.documents);
        let (workloads, pods) = self.parts(&objects);
        let container = self.request.container.as_deref();
        let mut rows = Vec::new();
        for object in &workloads {
            let of_it = workload::rows(object, container, &store);
            rows.extend(of_it.into_iter().map(|row| self.live_row(row, Part::Configured)));
        }
        for object in &workloads {
            let has_pods =
                pods.iter().any(|(_, owner)| owner.is_some_and(|owner| same(owner, object)));
            if !has_pods && pods::wanted(object.node) > 0 {
                let row = Row {
                    name: inert(&workload::named(object)),
                    namespace: None,
                    is_container: false,
                    place: Place::file(inert(object.path)),
                    contents: Ok(Contents::default()),
                    elsewhere: false,
                };
                rows.push(self.live_row(row, Part::NoPod));
            }
        }
        for (object, owner) in &pods {
            let template = owner.and_then(workload::pod);
            for row in workload::rows(object, container, &store) {
                let name = row.name.rsplit('/').next().unwrap_or_default().to_owned();
                if template.is_some_and(|template| !pods::has_container(template, &name)) {
                    continue;
                }
                if let Some(pod) = pods::pod(object, *owner, &name) {
                    rows.push(self.live_row(row, Part::Pod(pod)));
                }
            }
        }
        rows
    }

    fn live_row(&self, mut row: Row, part: Part) -> LiveRow {
        row.place.position = None;
        let mut updated_at = BTreeMap::new();
        let started = match &part {
            Part::Pod(Pod { state: PodState::Running(at), .. }) => Some(*at),
            _ => None,
        };
        if let Ok(contents) = &mut row.contents {
            for problem in &mut contents.problems {
                problem.place.position = None;
            }
            for occurrence in &mut contents.occurrences {
                occurrence.place.position = None;
                let path = occurrence.place.path.as_deref();
                let changed = path.and_then(|path| self.changed.get(path)).copied();
                let Some(changed) = changed.filter(|_| occurrence.wins) else { continue };
                updated_at.insert(occurrence.variable.clone(), changed);
                // It has what was there when it started.
                if started.is_some_and(|started| started <= changed) {
                    occurrence.yields = Yield::Opaque(OpaqueReason::FixedAtStart);
                }
            }
        }
        LiveRow { row, updated_at, part }
    }

    /// The workloads that are asked for, and the pods with the one that made them.
    fn parts<'o, 'd>(
        &self,
        objects: &'o [Object<'d>],
    ) -> (Vec<&'o Object<'d>>, Vec<(&'o Object<'d>, Option<&'o Object<'d>>)>) {
        let is_wanted = |object: &Object<'_>| {
            let wanted = self.request.workload.as_deref();
            wanted.is_none_or(|wanted| workload::is_named(object, wanted))
        };
        let is_workload =
            |object: &&Object<'_>| object.kind != "Pod" && workload::pod(object).is_some();
        let workloads: Vec<_> =
            objects.iter().filter(is_workload).filter(|object| is_wanted(object)).collect();
        let pods = objects.iter().filter(|object| object.kind == "Pod");
        let pods = pods.filter_map(|pod| {
            let owner = workloads.iter().copied().find(|workload| pods::owns(workload, pod.node));
            let is_bare = !pods::has_controller(pod.node) && is_wanted(pod);
            (owner.is_some() || is_bare).then_some((pod, owner))
        });
        let pods = pods.collect();
        (workloads, pods)
    }
}

fn same(left: &Object<'_>, right: &Object<'_>) -> bool {
    (left.kind, left.name) == (right.kind, right.name)
}

/// The objects of an answer: a list, or one.
fn items(bytes: &[u8]) -> Result<Vec<Node>, Refusal> {
    if bytes.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let (_, documents) = tree::parse(bytes, Some(Syntax::Json))?;
    let mut all = Vec::new();
    for mut document in documents {
        let is_list = document.word("kind").is_some_and(|kind| kind.ends_with("List"));
        match &mut document.value {
            Value::Map(fields) if is_list => {
                let items = fields.iter_mut().find(|(name, _)| name == "items");
                if let Some((_, Node { value: Value::List(items), .. })) = items {
                    all.append(items);
                }
            }
            _ => all.push(document),
        }
    }
    Ok(all)
}

/// With what a person calls it: `deploy/api`, `secret/keys`.
fn named(node: Node) -> Option<(String, Node)> {
    let kind = node.word("kind")?;
    let name = node.at("metadata/name")?.as_name()?;
    let short = match kind {
        "Secret" => "secret",
        "ConfigMap" => "configmap",
        kind => workload::short_kind(kind),
    };
    Some((format!("{short}/{name}"), node))
}

fn object_place(kind: Kind, name: &str) -> Place {
    let kind = match kind {
        Kind::Secret => "secret",
        Kind::ConfigMap => "configmap",
    };
    Place::file(inert(&format!("{kind}/{name}")))
}

/// An object of which nothing is known but this.
fn empty(kind: Kind, name: &str, text: &'static str) -> Data {
    let place = object_place(kind, name);
    let mut data = Data::new(kind, name, place.clone());
    data.problems.push(Problem { place, text });
    data
}

/// `secret/keys:OPENAI_API_KEY`
fn key_place(kind: Kind, name: &str, key: &str) -> Place {
    let object = object_place(kind, name).path.unwrap_or_default();
    Place::file(inert(&format!("{object}:{key}")))
}

/// Adds what the containers name; how many there are.
fn refer(
    object: &Object<'_>,
    wanted: Option<&str>,
    references: &mut BTreeMap<(Kind, String), BTreeSet<String>>,
) -> usize {
    let Some(pod) = workload::pod(object) else { return 0 };
    let containers = ["initContainers", "containers"].iter().flat_map(|field| pod.list(field));
    let mut count = 0;
    for container in containers {
        if wanted.is_some_and(|wanted| container.word("name") != Some(wanted)) {
            continue;
        }
        count += 1;
        let fields = [("secretRef", Kind::Secret), ("configMapRef", Kind::ConfigMap)];
        for (source, (field, kind)) in
            container.list("envFrom").iter().flat_map(|source| fields.map(|field| (source, field)))
        {
            if let Some(name) = source.get(field).and_then(|reference| reference.word("name")) {
                references.entry((kind, name.to_owned())).or_default();
            }
        }
        let fields = [("secretKeyRef", Kind::Secret), ("configMapKeyRef", Kind::ConfigMap)];
        for (from, (field, kind)) in container
            .list("env")
            .iter()
            .filter_map(|item| item.get("valueFrom"))
            .flat_map(|from| fields.map(|field| (from, field)))
        {
            let Some(reference) = from.get(field) else { continue };
            if let (Some(name), Some(key)) = (reference.word("name"), reference.word("key")) {
                references.entry((kind, name.to_owned())).or_default().insert(key.to_owned());
            }
        }
    }
    count
}

/// When the keys of an object last changed, at the latest.
struct Times {
    by_key: BTreeMap<String, Timestamp>,
    /// Of any key.
    newest: Option<Timestamp>,
    created: Option<Timestamp>,
}

impl Times {
    fn of(created: Option<Timestamp>, managed: &[Node]) -> Self {
        let mut times = Self { by_key: BTreeMap::new(), newest: None, created };
        for entry in managed {
            let at = entry.word("time").and_then(|at| at.parse::<Timestamp>().ok());
            let (Some(at), Some(fields)) = (at, entry.at("fieldsV1/f:data")) else { continue };
            times.newest = times.newest.max(Some(at));
            for (name, _) in fields.entries() {
                if let Some(key) = name.strip_prefix("f:") {
                    let known = times.by_key.entry(key.to_owned()).or_insert(at);
                    *known = at.max(*known);
                }
            }
        }
        times
    }

    /// A key that nobody owns up to may have changed with any other; none changed before the object
    /// was made.
    fn of_key(&self, key: &str) -> Option<Timestamp> {
        self.by_key.get(key).copied().or(self.newest).max(self.created)
    }
}

#[cfg(test)]
mod tests;
