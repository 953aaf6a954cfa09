//! Secrets, ConfigMaps and what makes them.

use std::{cell::Cell, collections::HashMap};

use super::{Failure, Row, base64, manifests::Object, place};
use crate::{
    domain::{
        inert::inert,
        place::Place,
        reading::{Occurrence, OpaqueReason, Origin, Problem, Yield},
        secret::SecretValue,
    },
    formats::{
        Contents, Refusal,
        tree::{Node, Value},
    },
};

const NOT_BASE64: &str = "this value of `data` is not base64, so Kubernetes refuses the Secret: encode it (`printf %s … | base64 -w0`), or put the text into `stringData`";
const NAMELESS: &str = "a key without a name; the cluster refuses the object";
const NOT_TEXT: &str =
    "this value is not a text, so Kubernetes refuses the object: put it in quotes";
/// The trap `base64-layer`.
pub const ENCODED_AGAIN: &str = "what it decodes to is base64 again: it was encoded twice";
/// The same, of what `echo` adds.
pub const ENCODED_BREAK: &str =
    "a line break was encoded with it, as `echo` adds one: use `printf %s … | base64 -w0`";
const LAST_APPLIED: &str = "this annotation keeps the values that were applied last, in plain text";

/// The annotation in which `kubectl apply` keeps a copy.
const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What a reference can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Secret,
    ConfigMap,
}

/// What one object gives.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    pub(super) place: Place,
    pub(super) entries: Vec<Entry>,
    /// The deciding entry of each key.
    winners: HashMap<String, usize>,
    pub(super) problems: Vec<Problem>,
    /// Kubernetes refuses the object.
    pub(super) refusal: Option<Failure>,
    /// It has more keys than can be known from here.
    pub(super) elsewhere: bool,
}

/// One key of an object.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) yields: Yield<SecretValue>,
    pub(super) wins: bool,
}

impl Entry {
    pub(super) fn new(name: &str, place: Place, yields: Yield<SecretValue>) -> Self {
        Self { name: name.to_owned(), place, yields, wins: true }
    }

    /// Bytes that a copy takes, about.
    pub(super) fn cost(&self) -> usize {
        const OVERHEAD: usize = 128;
        let value = match &self.yields {
            Yield::Value(value) => value.len(),
            _ => 0,
        };
        OVERHEAD + self.name.len() + value
    }

    pub(super) fn occurrence(&self, variable: &str) -> Occurrence<SecretValue> {
        Occurrence {
            variable: variable.to_owned(),
            place: self.place.clone(),
            origin: Origin::File,
            yields: self.yields.clone(),
            wins: self.wins,
        }
    }
}

impl Data {
    pub(super) fn new(kind: Kind, name: &str, place: Place) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            namespace: None,
            place,
            entries: Vec::new(),
            winners: HashMap::new(),
            problems: Vec::new(),
            refusal: None,
            elsewhere: false,
        }
    }

    /// Adds a key; it takes the place of an earlier one.
    pub(super) fn set(&mut self, entry: Entry) {
        let earlier = self.winners.insert(entry.name.clone(), self.entries.len());
        if let Some(earlier) = earlier.and_then(|index| self.entries.get_mut(index)) {
            earlier.wins = false;
        }
        self.entries.push(entry);
    }

    /// The deciding entry of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(*self.winners.get(key)?)
    }

    pub(super) fn of(object: &Object<'_>) -> Option<Self> {
        let node = object.node;
        let data = |kind| {
            let mut data = Self::new(kind, object.name, object.place());
            data.namespace = object.namespace.map(str::to_owned);
            data
        };
        match object.kind {
            "Secret" => {
                let mut secret = data(Kind::Secret);
                secret.encoded(object.path, node.get("data"));
                secret.plain(object.path, node.get("stringData"));
                let annotations = node.at("metadata/annotations");
                if let Some(copy) = annotations.and_then(|annotations| annotations.get(ANNOTATION))
                {
                    let place = place(object.path, copy.position);
                    secret.problems.push(Problem { place, text: LAST_APPLIED });
                }
                Some(secret)
            }
            "ConfigMap" => {
                let mut map = data(Kind::ConfigMap);
                map.plain(object.path, node.get("data"));
                // Binary values are no variables: neither `envFrom` nor a key reference sees them.
                Some(map)
            }
            "SealedSecret" => {
                let mut secret = data(Kind::Secret);
                secret.opaque(object.path, node.at("spec/encryptedData"), OpaqueReason::Hidden);
                Some(secret)
            }
            "ExternalSecret" => {
                let mut secret = data(Kind::Secret);
                if let Some(name) = node.at("spec/target/name").and_then(Node::as_name) {
                    name.clone_into(&mut secret.name);
                }
                for item in node.get("spec").map_or(&[][..], |spec| spec.list("data")) {
                    if let Some(key) = item.word("secretKey") {
                        let at = place(object.path, item.position);
                        let yields = Yield::Opaque(OpaqueReason::Reference);
                        secret.set(Entry::new(key, at, yields));
                    }
                }
                secret.elsewhere = node.at("spec/dataFrom").is_some();
                Some(secret)
            }
            _ => None,
        }
    }

    fn encoded(&mut self, path: &str, values: Option<&Node>) {
        for (name, node) in values.map_or(&[][..], Node::entries) {
            let at = place(path, node.position);
            let Some(text) = self.as_text(path, name, node) else { continue };
            match base64::decode(text.expose()) {
                Some(value) => {
                    if base64::is_encoded_again(&value) {
                        self.problems.push(Problem { place: at.clone(), text: ENCODED_AGAIN });
                    }
                    if value.ends_with(b"\n") {
                        self.problems.push(Problem { place: at.clone(), text: ENCODED_BREAK });
                    }
                    self.set(Entry::new(name, at, Yield::Value(SecretValue::new(value))));
                }
                None => self.refuse(path, node, NOT_BASE64),
            }
        }
    }

    fn plain(&mut self, path: &str, values: Option<&Node>) {
        for (name, node) in values.map_or(&[][..], Node::entries) {
            if let Some(text) = self.as_text(path, name, node) {
                self.set(Entry::new(name, place(path, node.position), Yield::Value(text)));
            }
        }
    }

    fn opaque(&mut self, path: &str, values: Option<&Node>, reason: OpaqueReason) {
        for (name, node) in values.map_or(&[][..], Node::entries) {
            if name.is_empty() {
                self.refuse(path, node, NAMELESS);
            } else {
                self.set(Entry::new(name, place(path, node.position), Yield::Opaque(reason)));
            }
        }
    }

    /// Null is the empty text; numbers and switches are refused, and so is a key without a name.
    fn as_text(&mut self, path: &str, name: &str, node: &Node) -> Option<SecretValue> {
        match &node.value {
            _ if name.is_empty() => {
                self.refuse(path, node, NAMELESS);
                None
            }
            Value::Text(text) => Some(text.clone()),
            Value::Null => Some(SecretValue::new("")),
            _ => {
                self.refuse(path, node, NOT_TEXT);
                None
            }
        }
    }

    /// The first reason stays.
    fn refuse(&mut self, path: &str, node: &Node, reason: &'static str) {
        let refusal = Refusal::at(node.position, reason);
        self.refusal.get_or_insert_with(|| Failure::refused(path, refusal));
    }

    fn row(&self) -> Row {
        let kind = match self.kind {
            Kind::Secret => "secret",
            Kind::ConfigMap => "configmap",
        };
        let occurrences = self.entries.iter().map(|entry| entry.occurrence(&entry.name)).collect();
        let contents =
            Contents { occurrences, problems: self.problems.clone(), ..Contents::default() };
        Row {
            name: inert(&format!("{kind}/{}", self.name)),
            namespace: self.namespace.as_deref().map(inert),
            is_container: false,
            place: self.place.clone(),
            contents: self.refusal.clone().map_or(Ok(contents), Err),
            elsewhere: self.elsewhere,
        }
    }
}

/// Most bytes that all containers together may be given: one Secret can be named by many.
const MOST_COPIED: usize = 128 * 1024 * 1024;
const TOO_LARGE: &str = "the values of these manifests take more than 128 MiB when all is resolved";

/// Everything that a reference can name.
pub(super) struct Store {
    data: Vec<Data>,
    /// Where the objects of a kind and name stand, those of several namespaces in their order.
    by_name: HashMap<(Kind, String), Vec<usize>>,
    left: Cell<usize>,
}

impl Store {
    /// Of two objects of one name the one that is applied last counts.
    pub(super) fn of(objects: &[Object<'_>], generated: Vec<Data>) -> Self {
        let mut data: Vec<Data> = Vec::new();
        let mut by_name: HashMap<(Kind, String), Vec<usize>> = HashMap::new();
        for one in objects.iter().filter_map(Data::of).chain(generated) {
            let known = by_name.entry((one.kind, one.name.clone())).or_default();
            let same = |index: &&usize| {
                data.get(**index).is_some_and(|earlier| earlier.namespace == one.namespace)
            };
            if let Some(slot) = known.iter().find(same).and_then(|index| data.get_mut(*index)) {
                *slot = one;
            } else {
                known.push(data.len());
                data.push(one);
            }
        }
        Self { data, by_name, left: Cell::new(MOST_COPIED) }
    }

    /// The object of a reference from an object in `namespace`. Manifests that do not say their
    /// namespace get it when they are applied, so they fit any.
    pub(super) fn find(&self, kind: Kind, name: &str, namespace: Option<&str>) -> Option<&Data> {
        let known = self.by_name.get(&(kind, name.to_owned()))?;
        let mut all = known.iter().filter_map(|index| self.data.get(*index));
        let exact = all.clone().find(|data| data.namespace.as_deref() == namespace);
        exact.or_else(|| all.find(|data| data.namespace.is_none() || namespace.is_none()))
    }

    /// Accounts for bytes that are about to be given to a container.
    pub(super) fn spend(&self, path: &str, bytes: usize) -> Result<(), Failure> {
        match self.left.get().checked_sub(bytes) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(Failure::refused(path, Refusal { position: None, reason: TOO_LARGE })),
        }
    }

    /// A row for each object.
    pub(super) fn rows(&self) -> Vec<Row> {
        self.data.iter().map(Data::row).collect()
    }
}
