//! Files to services: documents over each other, and the services they extend.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Failure, Files, MOST_COPIED, TOO_LARGE,
    discovery::Found,
    extract::Extractor,
    merge,
    model::{Form, Layer, Reset, Service, Services},
    mounts::Resources,
    path::folder_of,
    variables::Variables,
};
use crate::{
    domain::{reading::Problem, secret::SecretValue},
    formats::yaml::{self, lines::Lines},
};

/// Most compose files that one project may parse, each use of a file counted again.
const MOST_FILES: usize = 1_000;

/// Most files or services that may extend or include each other.
pub(super) const MOST_DEPTH: usize = 50;

const TOO_MANY: &str = "this project reads more than 1000 compose files";
const EMPTY: &str = "this compose file is empty";
const NO_FILE: &str = "this compose file does not exist";
const NO_BASE: &str = "the service that is extended here does not exist";
const CIRCLE: &str = "this service extends itself through others";
const TOO_DEEP: &str = "more than 50 services extend each other here";

/// The caller's files, each read once.
pub(super) struct Reader<'a> {
    files: &'a mut dyn Files,
    cache: BTreeMap<String, Arc<SecretValue>>,
    absent: BTreeSet<String>,
    parsed: usize,
    /// Bytes of values that were copied.
    copied: usize,
    pub(super) problems: Vec<Problem>,
    /// The secrets and configs of all files, but not of those that are only extended.
    pub(super) resources: Resources,
}

impl<'a> Reader<'a> {
    pub(super) fn new(files: &'a mut dyn Files) -> Self {
        let cache = BTreeMap::new();
        Self {
            files,
            cache,
            absent: BTreeSet::new(),
            parsed: 0,
            copied: 0,
            problems: Vec::new(),
            resources: Resources::new(),
        }
    }

    pub(super) fn exists(&mut self, path: &str) -> bool {
        let exists = self.cache.contains_key(path) || self.files.exists(path);
        if !exists {
            self.absent.insert(path.to_owned());
        }
        exists
    }

    pub(super) fn read(&mut self, path: &str) -> Result<Arc<SecretValue>, Failure> {
        if let Some(known) = self.cache.get(path) {
            return Ok(Arc::clone(known));
        }
        let bytes = self
            .files
            .read(path)
            .map_err(|why| Failure::Unreadable { path: path.to_owned(), why })?;
        let bytes = Arc::new(SecretValue::new(bytes));
        self.cache.insert(path.to_owned(), Arc::clone(&bytes));
        Ok(bytes)
    }

    /// Accounts for values that are about to be copied.
    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), Failure> {
        self.copied = self.copied.saturating_add(bytes);
        if self.copied > MOST_COPIED { Err(Failure::project(TOO_LARGE)) } else { Ok(()) }
    }

    /// What was read, what was looked for, and what was noticed.
    pub(super) fn into_parts(self) -> (Vec<String>, Vec<String>, Vec<Problem>) {
        (self.cache.into_keys().collect(), self.absent.into_iter().collect(), self.problems)
    }
}

/// All services of a project.
pub(super) fn load(reader: &mut Reader<'_>, found: &Found) -> Result<Services, Failure> {
    let scope = Scope { folder: &found.folder, variables: &found.variables, above: &[] };
    scope.services(reader, &found.files)
}

/// The project's name: `name:` of a compose file, or its folder's. A folder whose name is not
/// known here (the request's own) has a name that is set, and no more.
pub(super) fn project_name(reader: &mut Reader<'_>, found: &Found) -> String {
    let mut name = None;
    for file in &found.files {
        let Ok(bytes) = reader.read(file) else { continue };
        let documents = yaml::parse(bytes.expose()).unwrap_or_default();
        let mut named = documents.iter().filter_map(|document| document.root.get("name")?.name());
        name = named.rfind(|name| !name.is_empty()).map(str::to_owned).or(name);
    }
    let folder = found.folder.rsplit('/').next().unwrap_or_default();
    let name = name.unwrap_or_else(|| folder.to_ascii_lowercase());
    let fits =
        |character: &char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
    let name: String = name.chars().filter(fits).collect();
    let name = name.trim_start_matches(['-', '_']);
    if name.is_empty() { "default".to_owned() } else { name.to_owned() }
}

/// A project, or one that is included: its own folder and variables.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) folder: &'a str,
    pub(super) variables: &'a Variables,
    /// The files that include this one, outermost first.
    pub(super) above: &'a [String],
}

impl Scope<'_> {
    /// The services of these files, each laid over those before it.
    pub(super) fn services(
        &self,
        reader: &mut Reader<'_>,
        files: &[String],
    ) -> Result<Services, Failure> {
        let mut services = Services::new();
        for file in files {
            for layer in self.layers(reader, file, self.folder)? {
                let mut own = self.extended(reader, &layer, file)?;
                merge::reset(&mut services, &layer.resets);
                self.include(reader, &layer.includes, file, &mut own)?;
                reader.resources.extend(layer.resources);
                merge::merge(&mut services, own);
            }
        }
        self.pass_through_lists(reader, &mut services)?;
        Ok(services)
    }

    /// The documents of one file; relative paths in it count from `folder`.
    fn layers(
        &self,
        reader: &mut Reader<'_>,
        file: &str,
        folder: &str,
    ) -> Result<Vec<Layer>, Failure> {
        reader.parsed += 1;
        if reader.parsed > MOST_FILES {
            return Err(Failure::file(file, TOO_MANY));
        }
        if !reader.exists(file) {
            return Err(Failure::file(file, NO_FILE));
        }
        let bytes = reader.read(file)?;
        let bytes = bytes.expose();
        let documents = yaml::parse(bytes).map_err(|refusal| Failure::in_file(file, refusal))?;
        if documents.is_empty() {
            return Err(Failure::file(file, EMPTY));
        }
        let lines = Lines::of(bytes);
        let copied = Cell::new(reader.copied);
        let variables = self.variables;
        let extractor = Extractor { path: file, bytes, lines: &lines, folder, variables, copied };
        let layers = documents.iter().map(|document| extractor.layer(document)).collect();
        reader.copied = extractor.copied.get();
        layers
    }

    /// The services of one document, each over the one it extends.
    fn extended(
        &self,
        reader: &mut Reader<'_>,
        layer: &Layer,
        file: &str,
    ) -> Result<Services, Failure> {
        let mut extended = Services::new();
        for name in layer.services.keys() {
            let mut chain = Vec::new();
            let service =
                self.extend(reader, name, &layer.services, &layer.resets, file, &mut chain)?;
            extended.insert(name.clone(), service);
        }
        Ok(extended)
    }

    fn extend(
        &self,
        reader: &mut Reader<'_>,
        name: &str,
        services: &Services,
        resets: &[Reset],
        file: &str,
        chain: &mut Vec<(String, String)>,
    ) -> Result<Service, Failure> {
        let Some(service) = services.get(name) else {
            return Err(Failure::file(file, NO_BASE));
        };
        reader.spend(service.cost())?;
        let service = service.clone();
        let Some(extends) = service.extends.clone() else { return Ok(service) };
        let refuse = |reason| {
            let refusal = crate::formats::Refusal { position: extends.place.position, reason };
            Failure::Refused { path: extends.place.path.clone(), refusal }
        };
        let link = (file.to_owned(), name.to_owned());
        if chain.contains(&link) {
            return Err(refuse(CIRCLE));
        }
        if chain.len() >= MOST_DEPTH {
            return Err(refuse(TOO_DEEP));
        }
        chain.push(link);
        let elsewhere;
        let (base_services, base_file) = match &extends.file {
            None => (services, file),
            Some(path) => {
                elsewhere = self.raw_services(reader, path)?;
                (&elsewhere, path.as_str())
            }
        };
        if !base_services.contains_key(&extends.service) {
            return Err(refuse(NO_BASE));
        }
        let mut base =
            self.extend(reader, &extends.service, base_services, resets, base_file, chain)?;
        for reset in resets {
            if matches!(reset, Reset::Attribute(of, _) | Reset::Variable(of, _) if of == name) {
                merge::reset_service(&mut base, reset);
            }
        }
        let mut merged = merge::merge_service(base, service);
        merged.extends = None;
        Ok(merged)
    }

    /// The services of a file that is extended: not yet extended themselves. Its paths count from
    /// its own folder, its variables are the project's.
    fn raw_services(&self, reader: &mut Reader<'_>, file: &str) -> Result<Services, Failure> {
        let mut services = Services::new();
        for layer in self.layers(reader, file, folder_of(file))? {
            merge::reset(&mut services, &layer.resets);
            merge::merge(&mut services, layer.services);
        }
        Ok(services)
    }

    /// Compose resolves the names that lists pass through here, so those of an included file see
    /// the variables of that file's folder.
    fn pass_through_lists(
        &self,
        reader: &mut Reader<'_>,
        services: &mut Services,
    ) -> Result<(), Failure> {
        let blocks = services.values_mut().filter_map(|service| service.environment.as_mut());
        for entry in
            blocks.filter(|block| block.form == Form::List).flat_map(|block| &mut block.entries)
        {
            entry.pass_through(reader, self.variables)?;
        }
        Ok(())
    }
}
