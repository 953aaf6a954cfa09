//! One service's variables, put together: `environment` over `env_file`.

use std::collections::BTreeMap;

use super::{
    Failure, INACTIVE, Project, Request, Service,
    discovery::Found,
    load::Reader,
    model::{Block, Entry, EnvFile, Service as Model, Services},
    mounts,
    variables::Variables,
};
use crate::{
    domain::{
        inert::inert,
        place::Place,
        reading::{Occurrence, Origin, Problem, Yield},
        secret::SecretValue,
        trap::{Trap, Trapped},
    },
    formats::{
        Contents, Environment, Refusal,
        dotenv::{self, Above, Dialect},
    },
};

const NO_SERVICE: &str = "the project has no service of this name";
const NOTHING_TO_RUN: &str = "this service has neither an image nor a build; Compose refuses it";
const NO_ENV_FILE: &str = "this env_file does not exist, and is required";

/// The services that would be started.
pub(super) fn resolve_all(
    reader: &mut Reader<'_>,
    request: &Request,
    found: &Found,
    services: Services,
) -> Result<Vec<Service>, Failure> {
    if let Some(wanted) = &request.service
        && !services.contains_key(wanted)
    {
        return Err(Failure::project(NO_SERVICE));
    }
    let mut resolved = Vec::new();
    for (name, model) in services {
        let named = request.service.as_ref() == Some(&name);
        let active = is_active(&model, &found.profiles);
        if !named && !active {
            continue;
        }
        if model.runs.is_empty() {
            let refusal = Refusal { position: model.place.position, reason: NOTHING_TO_RUN };
            return Err(Failure::Refused { path: model.place.path, refusal });
        }
        if named || request.service.is_none() {
            let place = model.place.clone();
            let mut contents = resolve(reader, request, model, &found.variables)?;
            if !active {
                contents.problems.push(Problem { place, text: INACTIVE });
            }
            resolved.push(Service { name, contents });
        }
    }
    Ok(resolved)
}

/// A service without profiles always starts.
fn is_active(service: &Model, profiles: &[String]) -> bool {
    service.profiles.is_empty()
        || profiles.iter().any(|active| active == "*" || service.profiles.contains(active))
}

impl Entry {
    /// Gives a name without a value the project's value, and says where that stands.
    pub(super) fn pass_through(
        &mut self,
        reader: &mut Reader<'_>,
        variables: &Variables,
    ) -> Result<(), Failure> {
        if self.value.is_some() {
            return Ok(());
        }
        if let Some(value) = variables.get(&self.variable) {
            reader.spend(value.len() + variables.cost(&self.variable))?;
            self.value = Some(value.clone());
            self.sources = variables.sources(&self.variable, &self.variable);
        }
        Ok(())
    }
}

fn resolve(
    reader: &mut Reader<'_>,
    request: &Request,
    model: Model,
    variables: &Variables,
) -> Result<Contents, Failure> {
    let mut entries = model.environment.map(|block: Block| block.entries).unwrap_or_default();
    for entry in &mut entries {
        entry.pass_through(reader, variables)?;
    }
    let deciding: BTreeMap<String, usize> = entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.live)
        .map(|(index, entry)| (entry.variable.clone(), index))
        .collect();
    let mut seen = variables.values().clone();
    for index in deciding.values() {
        let entry = &entries[*index];
        if let Some(value) = &entry.value {
            seen.entry(entry.variable.clone()).or_insert_with(|| value.clone());
        }
    }
    let mut contents = Contents { problems: model.problems, ..Contents::default() };
    let mut from_files: BTreeMap<String, usize> = BTreeMap::new();
    let mut above = Above::new();
    for file in &model.env_files {
        let read = read_env_file(reader, request, file, &seen, &mut above, variables)?;
        for found in read.occurrences {
            let decides = found.wins && matches!(found.yields, Yield::Value(_));
            if decides {
                from_files.insert(found.variable.clone(), contents.occurrences.len());
            }
            contents.occurrences.push(Occurrence { wins: false, ..found });
        }
        contents.problems.extend(read.problems);
        contents.traps.extend(read.traps);
    }
    for (variable, index) in from_files {
        if !deciding.contains_key(&variable) {
            contents.occurrences[index].wins = true;
        }
    }
    for (index, entry) in entries.into_iter().enumerate() {
        let wins = deciding.get(&entry.variable) == Some(&index);
        let traps = entry.traps.iter().filter(|_| wins).map(|trap| {
            let trapped = Trapped { trap: *trap, place: entry.place.clone() };
            (Some(entry.variable.clone()), trapped)
        });
        contents.traps.extend(traps);
        contents.occurrences.push(Occurrence {
            variable: entry.variable,
            place: entry.place,
            origin: Origin::ComposeEnvironment,
            yields: entry.value.map_or(Yield::Unset, Yield::Value),
            wins,
        });
        contents.occurrences.extend(entry.sources);
    }
    believed(request, variables, &mut contents);
    let resources = std::mem::take(&mut reader.resources);
    let added = mounts::add(reader, request, &model.mounts, &resources, variables, &mut contents);
    reader.resources = resources;
    added.map(|()| contents)
}

/// Many believe that the shell, or the project's `.env`, decides over what stands in the service.
fn believed(request: &Request, variables: &Variables, contents: &mut Contents) {
    let others = contents.occurrences.iter().filter(|occurrence| {
        let differs = match (&occurrence.yields, variables.get(&occurrence.variable)) {
            (Yield::Value(value), Some(other)) => value != other,
            _ => false,
        };
        occurrence.wins && differs && request.asks_for(&occurrence.variable)
    });
    let traps: Vec<_> = others
        .map(|winner| {
            let trap = Trap::WrongPrecedenceBelief;
            (Some(winner.variable.clone()), Trapped { trap, place: winner.place.clone() })
        })
        .collect();
    contents.traps.extend(traps);
}

/// The assignments of one env file, those of its winners that pass a name through resolved. Its
/// references see the values of the files above it, below those of the project.
fn read_env_file(
    reader: &mut Reader<'_>,
    request: &Request,
    file: &EnvFile,
    seen: &Environment,
    above: &mut Above,
    variables: &Variables,
) -> Result<Contents, Failure> {
    if !reader.exists(&file.path) {
        if file.required {
            let refusal = Refusal { position: file.place.position, reason: NO_ENV_FILE };
            return Err(Failure::Refused { path: file.place.path.clone(), refusal });
        }
        return Ok(Contents::default());
    }
    let bytes = reader.read(&file.path)?;
    // Parsing copies it: the text, its values, and its expanded values once more.
    reader.spend(5 * bytes.len())?;
    let (dialect, read) = if file.raw {
        (Dialect::DockerRun, dotenv::parse(Dialect::DockerRun, bytes.expose(), seen))
    } else {
        (Dialect::Compose, dotenv::parse_env_file(bytes.expose(), seen, above))
    };
    let read = read.map_err(|refusal| Failure::in_file(&file.path, refusal))?;
    let wanted: Vec<&str> = request.variables.iter().map(String::as_str).collect();
    let is_known = |name: &str| seen.contains_key(name) || above.contains_key(name);
    let stumbles = dotenv::traps::of_read(dialect, bytes.expose(), &read, &is_known, &wanted);
    dotenv::add_winners(above, Ok(&read));
    let path = inert(&file.path);
    let mut occurrences: Vec<Occurrence<SecretValue>> = Vec::new();
    for mut found in read.occurrences {
        let mut sources = Vec::new();
        if found.yields == Yield::Inherited {
            found.yields = match seen.get(&found.variable) {
                Some(value) => Yield::Value(value.clone()),
                None => Yield::Unset,
            };
            let value = seen.get(&found.variable).map_or(0, SecretValue::len);
            reader.spend(value + variables.cost(&found.variable))?;
            sources = variables.sources(&found.variable, &found.variable);
        }
        found.place = found.place.in_file(path.as_str());
        found.origin = Origin::ComposeEnvFile;
        occurrences.push(found);
        occurrences.extend(sources);
    }
    let problems = read.problems.into_iter().map(|mut problem| {
        problem.place = problem.place.in_file(path.as_str());
        problem
    });
    let traps = stumbles.into_iter().map(|found| {
        let place = Place::at(found.position).in_file(path.as_str());
        (found.variable, Trapped { trap: found.trap, place })
    });
    Ok(Contents {
        occurrences,
        problems: problems.collect(),
        traps: traps.collect(),
        ..Contents::default()
    })
}

impl Project {
    /// The service of that name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }
}
