//! The project's variables: the shell, and below it the project's env files.

use std::{collections::BTreeMap, sync::Arc};

use super::Failure;
use crate::{
    domain::{
        inert::inert,
        place::Place,
        reading::{Occurrence, Origin, Yield},
        secret::SecretValue,
    },
    formats::{
        Environment,
        dotenv::{self, Dialect},
    },
};

/// Variables for `${…}` and for names that are passed through, and where each is defined.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables {
    values: Environment,
    /// The deciding definition first.
    definitions: BTreeMap<String, Vec<Definition>>,
}

#[derive(Debug, Clone)]
struct Definition {
    place: Place,
    origin: Origin,
    value: SecretValue,
}

impl Definition {
    fn cost(&self) -> usize {
        size_of::<Self>() + self.value.len()
    }
}

impl Variables {
    /// The shell's own.
    pub(super) fn of_shell(environment: &Environment) -> Self {
        let definitions = environment
            .iter()
            .map(|(name, value)| {
                let place = Place { path: None, position: None };
                let origin = Origin::ShellEnvironment;
                (name.clone(), vec![Definition { place, origin, value: value.clone() }])
            })
            .collect();
        Self { values: environment.clone(), definitions }
    }

    /// Adds env files below what is there; of several the later decides.
    pub(super) fn add_env_files(
        &mut self,
        files: &[(String, Arc<SecretValue>)],
    ) -> Result<(), Failure> {
        let mut seen = self.values.clone();
        let mut added: BTreeMap<String, Vec<Definition>> = BTreeMap::new();
        for (path, bytes) in files {
            let contents = dotenv::parse(Dialect::Compose, bytes.expose(), &seen)
                .map_err(|refusal| Failure::in_file(path, refusal))?;
            let mut decided = Environment::new();
            let (winners, losers): (Vec<_>, Vec<_>) =
                contents.occurrences.into_iter().partition(|occurrence| occurrence.wins);
            let mut here: BTreeMap<String, Vec<Definition>> = BTreeMap::new();
            for occurrence in winners.into_iter().chain(losers.into_iter().rev()) {
                let Yield::Value(value) = occurrence.yields else { continue };
                if occurrence.wins {
                    decided.insert(occurrence.variable.clone(), value.clone());
                }
                let place = occurrence.place.in_file(inert(path));
                let origin = Origin::ComposeDotenv;
                here.entry(occurrence.variable).or_default().push(Definition {
                    place,
                    origin,
                    value,
                });
            }
            for (name, mut definitions) in here {
                let below = added.remove(&name).unwrap_or_default();
                definitions.extend(below);
                added.insert(name, definitions);
            }
            for (name, value) in decided {
                if !self.values.contains_key(&name) {
                    seen.insert(name, value);
                }
            }
        }
        self.values = seen;
        for (name, definitions) in added {
            self.definitions.entry(name).or_default().extend(definitions);
        }
        Ok(())
    }

    /// A variable that Compose itself sets, where nothing else does.
    pub(super) fn set_default(&mut self, name: &str, value: String) {
        self.values.entry(name.to_owned()).or_insert_with(|| SecretValue::new(value));
    }

    /// A variable's value.
    pub(super) fn get(&self, name: &str) -> Option<&SecretValue> {
        self.values.get(name)
    }

    /// All of them.
    pub(super) const fn values(&self) -> &Environment {
        &self.values
    }

    /// Bytes that [`Variables::sources`] copies.
    pub(super) fn cost(&self, name: &str) -> usize {
        let definitions = self.definitions.get(name).map(Vec::as_slice).unwrap_or_default();
        definitions.iter().map(Definition::cost).sum()
    }

    /// Bytes that a clone copies.
    pub(super) fn total_cost(&self) -> usize {
        let definitions = self.definitions.values().flatten();
        self.values.values().map(SecretValue::len).sum::<usize>()
            + definitions.map(Definition::cost).sum::<usize>()
    }

    /// Every place that defines a variable, told of the entry that takes its value from there.
    pub(super) fn sources(&self, name: &str, entry: &str) -> Vec<Occurrence<SecretValue>> {
        let definitions = self.definitions.get(name).map(Vec::as_slice).unwrap_or_default();
        definitions
            .iter()
            .map(|definition| Occurrence {
                variable: entry.to_owned(),
                place: definition.place.clone(),
                origin: definition.origin.clone(),
                yields: Yield::Value(definition.value.clone()),
                wins: false,
            })
            .collect()
    }
}
