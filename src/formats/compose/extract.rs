//! One document of a compose file: expanded, checked, and cut down to what matters here.

use std::{cell::Cell, collections::BTreeSet};

use super::{
    Failure, MOST_COPIED, TOO_LARGE, home,
    model::{Block, Entry, EnvFile, Extends, Form, Include, Layer, Reset, Service},
    mounts::Kind,
    path::{join, join_with_home},
    variables::Variables,
};
use crate::{
    domain::{
        inert::inert,
        place::{Place, Position},
        reading::{Occurrence, Problem},
        secret::SecretValue,
        trap::Trap,
    },
    formats::{
        Refusal, template,
        yaml::{
            Document, Node, Pair, Style, Value,
            lines::Lines,
            scalar::{Typed, go_float, type_of},
        },
    },
};

const DUPLICATE: &str = "this key stands twice in one mapping; Compose refuses the file";
const NO_MAPPING: &str = "a compose file is a mapping with `services:` at its top";
const SERVICES: &str = "`services:` is a mapping of service names to services";
const SERVICE: &str = "a service is a mapping";
const KEY: &str = "this key is not text for Compose; put it in quotes";
const ENVIRONMENT: &str = "`environment:` is a mapping or a list of NAME=value";
const ITEM: &str = "an item of `environment:` is text, NAME=value or NAME; use `=`, not `:`";
const VALUE: &str = "a value in `environment:` is text, a number, true, false or nothing";
const DATE: &str = "Compose 2.40 reads this value as a date and refuses the file, newer versions make \
    another text of it; put it in quotes";
const TRAILING_SPACE: &str = "a variable's name ends with a space; write NAME=value";
const ENV_FILE: &str = "`env_file:` is a path, or a list of paths and of mappings with `path`";
const TOO_MANY_ENV_FILES: &str = "this service names more than 1000 env files";
const FORMAT: &str = "the only `format` of an env_file is raw";
const REQUIRED: &str = "`required` of an env_file is true or false";
const PROFILES: &str = "`profiles:` is a list of names";
const EXTENDS: &str = "`extends:` is a service's name, or a mapping with `service` and `file`";
const INCLUDE: &str = "`include:` is a list of paths and of mappings with `path`";
const WORD: &str = "a text is expected here";
const REMOTE: &str = "this compose file is not on this machine; it cannot be read here";
const BLANK: &str = "a variable that is not set becomes empty text here";
const NAMELESS: &str = "an entry of `environment:` without a name";
const UNKNOWN_KEY: &str = "Compose 2.40 knows no such key of a service and refuses the file";

/// Most files in one `env_file:`.
const MOST_ENV_FILES: usize = 1_000;

/// Every key that a service may have besides `x-…`.
const SERVICE_KEYS: &str = "annotations attach blkio_config build cap_add cap_drop cgroup \
    cgroup_parent command configs container_name cpu_count cpu_percent cpu_period cpu_quota \
    cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset credential_spec depends_on deploy develop \
    device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint env_file environment \
    expose extends external_links extra_hosts gpus group_add healthcheck hostname image init ipc \
    isolation label_file labels links logging mac_address mem_limit mem_reservation \
    mem_swappiness memswap_limit models network_mode networks oom_kill_disable oom_score_adj pid \
    pids_limit platform ports post_start pre_stop privileged profiles provider pull_policy \
    pull_refresh_after read_only restart runtime scale secrets security_opt shm_size stdin_open \
    stop_grace_period stop_signal storage_opt sysctls tmpfs tty ulimits use_api_socket user \
    userns_mode uts volumes volumes_from working_dir";

/// Reads the documents of one file.
pub(super) struct Extractor<'a> {
    /// The file, as it was read.
    pub(super) path: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) lines: &'a Lines,
    /// The folder that relative paths in it count from.
    pub(super) folder: &'a str,
    pub(super) variables: &'a Variables,
    /// Bytes of values that the project has copied so far.
    pub(super) copied: Cell<usize>,
}

impl Extractor<'_> {
    pub(super) fn layer(&self, document: &Document) -> Result<Layer, Failure> {
        if let Some(duplicate) = document.duplicates.first() {
            return Err(self.refuse(duplicate.second.position, DUPLICATE));
        }
        let root = &document.root;
        let Value::Mapping(_) = &root.value else {
            return Err(self.refuse(root.position, NO_MAPPING));
        };
        self.check(root)?;
        let mut layer = Layer::default();
        collect_resets(root, &mut layer.resets);
        if let Some(services) = find(root, "services") {
            if services.value.pairs().is_none() && !services.value.is_null() {
                return Err(self.refuse(services.value.position, SERVICES));
            }
            for pair in live(&services.value) {
                let name = pair.key.name().unwrap_or_default();
                layer.services.insert(name.to_owned(), self.service(pair)?);
            }
        }
        layer.resources = self.resources(root)?;
        if let Some(include) = find(root, "include") {
            layer.includes = self.includes(&include.value)?;
        }
        Ok(layer)
    }

    /// Compose expands every text of the file and wants every key to be text, used or not.
    fn check(&self, node: &Node) -> Result<(), Failure> {
        for item in node.items().unwrap_or_default() {
            self.check(item)?;
        }
        for pair in live(node) {
            if type_of(&pair.key) != Some(Typed::Text) {
                return Err(self.refuse(pair.key.position, KEY));
            }
            self.check(&pair.value)?;
        }
        if type_of(node) == Some(Typed::Text) {
            self.expand(node)?;
        }
        Ok(())
    }

    fn service(&self, pair: &Pair) -> Result<Service, Failure> {
        let node = &pair.value;
        if node.pairs().is_none() {
            return Err(self.refuse(node.position, SERVICE));
        }
        let mut service = Service {
            place: self.place(pair.key.position),
            environment: None,
            env_files: Vec::new(),
            mounts: Vec::new(),
            profiles: Vec::new(),
            extends: None,
            runs: BTreeSet::new(),
            problems: Vec::new(),
        };
        for pair in live(node) {
            match pair.key.name().unwrap_or_default() {
                "environment" => {
                    service.environment = self.environment(&pair.value, &mut service.problems)?;
                }
                "env_file" => service.env_files = self.env_files(&pair.value)?,
                "secrets" => {
                    service.mounts.extend(self.mounts(Kind::Secret, &pair.value)?);
                }
                "configs" => {
                    service.mounts.extend(self.mounts(Kind::Config, &pair.value)?);
                }
                "profiles" => service.profiles = self.profiles(&pair.value)?,
                "extends" => service.extends = self.extends(&pair.value)?,
                "image" => _ = service.runs.insert("image"),
                "build" => _ = service.runs.insert("build"),
                "provider" => _ = service.runs.insert("provider"),
                key if key.starts_with("x-") => {}
                key if SERVICE_KEYS.split(' ').any(|known| known == key) => {}
                _ => service.problems.push(self.problem(pair.key.position, UNKNOWN_KEY)),
            }
        }
        Ok(service)
    }

    fn environment(
        &self,
        node: &Node,
        problems: &mut Vec<Problem>,
    ) -> Result<Option<Block>, Failure> {
        let (form, entries) = match &node.value {
            Value::Mapping(_) => {
                let entries = live(node).map(|pair| self.map_entry(pair, problems));
                (Form::Map, entries.collect::<Result<_, _>>()?)
            }
            Value::Sequence(items) => {
                let mut entries = Vec::with_capacity(items.len());
                for item in items.iter().filter(|item| !is_reset(item)) {
                    entries.extend(self.list_entry(item, problems)?);
                }
                (Form::List, entries)
            }
            Value::Scalar(_) if node.is_null() => return Ok(None),
            Value::Scalar(_) => return Err(self.refuse(node.position, ENVIRONMENT)),
        };
        Ok(Some(Block { form, entries }))
    }

    fn map_entry(&self, pair: &Pair, problems: &mut Vec<Problem>) -> Result<Entry, Failure> {
        let node = &pair.value;
        let number = |text: String| Some(SecretValue::new(text));
        let variable = pair.key.name().unwrap_or_default().to_owned();
        let mut sources = Vec::new();
        let mut position = node.position;
        let mut traps = Vec::new();
        let value = match type_of(node) {
            None => return Err(self.refuse(node.position, VALUE)),
            Some(Typed::Timestamp) => return Err(self.refuse(node.position, DATE)),
            Some(Typed::Null) => {
                traps.push(Trap::BareNamePassthrough);
                if node.text().is_none_or(SecretValue::is_empty) {
                    position = pair.key.position;
                } else {
                    traps.push(Trap::YamlRetyped);
                }
                None
            }
            Some(Typed::Bool(truth)) => number(truth.to_string()),
            Some(Typed::Integer(integer)) => number(integer.to_string()),
            Some(Typed::Float(float)) => number(go_float(float)),
            Some(Typed::Text) => {
                let expansion = self.expand(node)?;
                sources = self.sources(&expansion, &variable, position, problems)?;
                traps.extend(of_expansion(&expansion));
                let is_block = matches!(&node.value, Value::Scalar(s) if s.style == Style::Block);
                if is_block && expansion.value.expose().ends_with(b"\n") {
                    traps.push(Trap::YamlBlockNewline);
                }
                Some(expansion.value)
            }
        };
        let retyped = value.as_ref().is_some_and(|value| {
            type_of(node) != Some(Typed::Text)
                && node.text().is_some_and(|written| written.expose() != value.expose())
        });
        traps.extend(retyped.then_some(Trap::YamlRetyped));
        Ok(Entry { variable, value, place: self.place(position), sources, traps, live: true })
    }

    fn list_entry(
        &self,
        node: &Node,
        problems: &mut Vec<Problem>,
    ) -> Result<Option<Entry>, Failure> {
        if type_of(node) != Some(Typed::Text) {
            return Err(self.refuse(node.position, ITEM));
        }
        let expansion = self.expand(node)?;
        let text = expansion.value.expose();
        let equals = memchr::memchr(b'=', text);
        let name = text.get(..equals.unwrap_or(text.len())).unwrap_or_default();
        // Compose looks at the last byte as if it were a character, so a no-break space counts too.
        if matches!(name.last(), Some(b'\t'..=b'\r' | b' ' | 0x85 | 0xa0)) {
            return Err(self.refuse(node.position, TRAILING_SPACE));
        }
        if name.is_empty() {
            problems.push(self.problem(node.position, NAMELESS));
            return Ok(None);
        }
        let variable = String::from_utf8_lossy(name).into_owned();
        let position = self.value_of_item(node).unwrap_or(node.position);
        let sources = self.sources(&expansion, &variable, position, problems)?;
        let value = equals.and_then(|at| text.get(at + 1..)).map(SecretValue::new);
        let position = if value.is_some() { position } else { node.position };
        let mut traps = of_expansion(&expansion);
        if value.is_none() {
            traps.push(Trap::BareNamePassthrough);
        }
        let place = self.place(position);
        Ok(Some(Entry { variable, value, place, sources, traps, live: true }))
    }

    /// Where the value of `NAME=value` stands: behind the first `=` in the file.
    fn value_of_item(&self, node: &Node) -> Option<Position> {
        let written = self.bytes.get(node.span.start..node.span.end)?;
        let equals = memchr::memchr(b'=', written)?;
        Some(self.lines.position(node.span.start + equals + 1))
    }

    /// Everything that defines a variable in the text, told of the entry it stands in.
    pub(super) fn sources(
        &self,
        expansion: &template::Expansion<()>,
        entry: &str,
        position: Position,
        problems: &mut Vec<Problem>,
    ) -> Result<Vec<Occurrence<SecretValue>>, Failure> {
        if expansion.lookups.iter().any(|lookup| lookup.blank) {
            problems.push(self.problem(position, BLANK));
        }
        let set = expansion.lookups.iter().filter(|lookup| lookup.source.is_some());
        let names: BTreeSet<&str> = set.map(|lookup| lookup.variable.as_str()).collect();
        let cost = names.iter().map(|name| self.variables.cost(name)).sum();
        self.spend(cost, position)?;
        Ok(names.into_iter().flat_map(|name| self.variables.sources(name, entry)).collect())
    }

    fn env_files(&self, node: &Node) -> Result<Vec<EnvFile>, Failure> {
        let items = match &node.value {
            Value::Sequence(items) => items.as_slice(),
            Value::Scalar(_) if node.is_null() => return Ok(Vec::new()),
            Value::Scalar(_) => std::slice::from_ref(node),
            Value::Mapping(_) => return Err(self.refuse(node.position, ENV_FILE)),
        };
        if items.len() > MOST_ENV_FILES {
            return Err(self.refuse(node.position, TOO_MANY_ENV_FILES));
        }
        let mut files = Vec::with_capacity(items.len());
        for item in items.iter().filter(|item| !is_reset(item)) {
            let (path, mut required, mut raw) = match &item.value {
                Value::Scalar(_) => (item, true, false),
                Value::Sequence(_) => return Err(self.refuse(item.position, ENV_FILE)),
                Value::Mapping(_) => {
                    let path = find(item, "path");
                    let path = path.ok_or_else(|| self.refuse(item.position, ENV_FILE))?;
                    (&path.value, true, false)
                }
            };
            if let Some(pair) = find(item, "required") {
                required = match (type_of(&pair.value), self.word(&pair.value)?.as_str()) {
                    (Some(Typed::Bool(truth)), _) => truth,
                    (_, "true") => true,
                    (_, "false") => false,
                    _ => return Err(self.refuse(pair.value.position, REQUIRED)),
                };
            }
            if let Some(pair) = find(item, "format") {
                raw = match self.word(&pair.value)?.as_str() {
                    "raw" => true,
                    "" => false,
                    _ => return Err(self.refuse(pair.value.position, FORMAT)),
                };
            }
            let place = self.place(path.position);
            let path = self.path(path)?;
            super::merge::append(&mut files, EnvFile { path, required, raw, place });
        }
        Ok(files)
    }

    fn profiles(&self, node: &Node) -> Result<Vec<String>, Failure> {
        let items = node.items().ok_or_else(|| self.refuse(node.position, PROFILES))?;
        items.iter().filter(|item| !is_reset(item)).map(|item| self.word(item)).collect()
    }

    fn extends(&self, node: &Node) -> Result<Option<Extends>, Failure> {
        let place = self.place(node.position);
        if node.is_null() {
            return Ok(None);
        }
        if node.text().is_some() {
            return Ok(Some(Extends { service: self.word(node)?, file: None, place }));
        }
        let service = find(node, "service").ok_or_else(|| self.refuse(node.position, EXTENDS))?;
        let service = self.word(&service.value)?;
        let file = match find(node, "file") {
            Some(file) if !file.value.is_null() => Some(self.path(&file.value)?),
            _ => None,
        };
        Ok(Some(Extends { service, file, place }))
    }

    fn includes(&self, node: &Node) -> Result<Vec<Include>, Failure> {
        if node.is_null() {
            return Ok(Vec::new());
        }
        let items = node.items().ok_or_else(|| self.refuse(node.position, INCLUDE))?;
        let mut includes = Vec::with_capacity(items.len());
        for item in items {
            let place = self.place(item.position);
            let (paths, folder, env_files) = if item.text().is_some() {
                (vec![self.path(item)?], None, Vec::new())
            } else {
                let path = find(item, "path").map(|pair| &pair.value);
                let path = path.ok_or_else(|| self.refuse(item.position, INCLUDE))?;
                let folder = find(item, "project_directory").map(|pair| self.path(&pair.value));
                let env_files = find(item, "env_file").map(|pair| self.paths(&pair.value));
                (self.paths(path)?, folder.transpose()?, env_files.transpose()?.unwrap_or_default())
            };
            if paths.is_empty() {
                return Err(self.refuse(item.position, INCLUDE));
            }
            includes.push(Include { paths, folder, env_files, place });
        }
        Ok(includes)
    }

    fn paths(&self, node: &Node) -> Result<Vec<String>, Failure> {
        match node.items() {
            Some(items) => items.iter().map(|item| self.path(item)).collect(),
            None => Ok(vec![self.path(node)?]),
        }
    }

    /// A path, from the folder that it counts from.
    pub(super) fn path(&self, node: &Node) -> Result<String, Failure> {
        let text = self.word(node)?;
        if text.contains("://") || text.starts_with("git@") {
            return Err(self.refuse(node.position, REMOTE));
        }
        if text.starts_with('~') {
            return Ok(join_with_home(self.folder, &text, home(self.variables.values())));
        }
        Ok(join(self.folder, &text))
    }

    /// A text that is a name or a path, expanded.
    pub(super) fn word(&self, node: &Node) -> Result<String, Failure> {
        if node.text().is_none() {
            return Err(self.refuse(node.position, WORD));
        }
        let expanded = self.expand(node)?.value;
        let text = std::str::from_utf8(expanded.expose());
        text.map(str::to_owned).map_err(|_| self.refuse(node.position, WORD))
    }

    /// A scalar's text with its variables.
    pub(super) fn expand(&self, node: &Node) -> Result<template::Expansion<()>, Failure> {
        let text = node.text().map(SecretValue::expose).unwrap_or_default();
        let mut lookup = |name: &str| self.variables.get(name).map(|value| (value, ()));
        let expansion = template::expand(text, &mut lookup).map_err(|fault| {
            let quoted = matches!(&node.value, Value::Scalar(s) if s.style == Style::Quoted);
            let start = node.span.start + usize::from(quoted);
            let written = self.bytes.get(start..).unwrap_or_default().starts_with(text);
            let position =
                if written { self.lines.position(start + fault.offset) } else { node.position };
            self.refuse(position, fault.reason)
        })?;
        self.spend(expansion.value.len().saturating_sub(text.len()), node.position)?;
        Ok(expansion)
    }

    fn spend(&self, bytes: usize, position: Position) -> Result<(), Failure> {
        self.copied.set(self.copied.get().saturating_add(bytes));
        if self.copied.get() > MOST_COPIED {
            return Err(self.refuse(position, TOO_LARGE));
        }
        Ok(())
    }

    pub(super) fn place(&self, position: Position) -> Place {
        Place::at(position).in_file(inert(self.path))
    }

    fn problem(&self, position: Position, text: &'static str) -> Problem {
        Problem { place: self.place(position), text }
    }

    pub(super) fn refuse(&self, position: Position, reason: &'static str) -> Failure {
        Failure::in_file(self.path, Refusal { position: Some(position), reason })
    }
}

/// A reference that gives nothing.
fn of_expansion(expansion: &template::Expansion<()>) -> Vec<Trap> {
    let is_blank = expansion.lookups.iter().any(|lookup| lookup.blank);
    is_blank.then_some(Trap::InterpolationEmpty).into_iter().collect()
}

/// The pairs that `!reset` does not take out of the file itself.
pub(super) fn live(node: &Node) -> impl Iterator<Item = &Pair> {
    node.pairs().unwrap_or_default().iter().filter(|pair| !is_reset(&pair.value))
}

pub(super) fn find<'a>(node: &'a Node, key: &str) -> Option<&'a Pair> {
    node.pair(key).filter(|pair| !is_reset(&pair.value))
}

pub(super) fn is_reset(node: &Node) -> bool {
    node.tag.as_deref() == Some("!reset")
}

/// Both tags take away what the files before say; `!override` then puts its own there.
fn takes_away(node: &Node) -> bool {
    matches!(node.tag.as_deref(), Some("!reset" | "!override"))
}

/// What a document takes away from the documents before it.
fn collect_resets(root: &Node, resets: &mut Vec<Reset>) {
    let name = |pair: &Pair| pair.key.name().unwrap_or_default().to_owned();
    let Some(services) = root.pair("services") else { return };
    if takes_away(&services.value) {
        resets.push(Reset::Services);
        return;
    }
    for service in services.value.pairs().unwrap_or_default() {
        if takes_away(&service.value) {
            resets.push(Reset::Service(name(service)));
            continue;
        }
        for attribute in service.value.pairs().unwrap_or_default() {
            if takes_away(&attribute.value) {
                resets.push(Reset::Attribute(name(service), name(attribute)));
            } else if attribute.key.name() == Some("environment") {
                let entries = attribute.value.pairs().unwrap_or_default();
                let taken = entries.iter().filter(|entry| takes_away(&entry.value));
                resets.extend(taken.map(|entry| Reset::Variable(name(service), name(entry))));
            }
        }
    }
}
