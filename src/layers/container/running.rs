//! Which running containers hold a variable, for whoever looks for layers. Names only come out.

use std::collections::BTreeSet;

use super::{Absence, Asked, Engine, Surroundings};
use crate::{
    domain::{
        container::ComposeLabels,
        credential::CredentialFacts,
        reading::{MissingReason, Yield},
    },
    formats::container::Container,
};

/// A running container that was created with one of the variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningContainer {
    /// Its name, inert.
    pub name: String,
    /// What runs it, where a layer has to say so: it is not the engine that is asked by default.
    pub engine: Option<Engine>,
    /// What Compose wrote onto it.
    pub compose: Option<ComposeLabels>,
    /// The variables that it has.
    pub variables: BTreeSet<String>,
    /// Those of them that are not empty.
    pub filled: BTreeSet<String>,
}

/// What the engines of this user run.
#[derive(Debug, Default)]
pub struct RunningContainers {
    /// Those that have one of the variables.
    pub containers: Vec<RunningContainer>,
    /// Why an engine was not asked, or in vain; clauses.
    pub unseen: Vec<String>,
}

/// Asks each engine that is here for what it runs, with the variables of these credentials.
pub fn running(credentials: &[&CredentialFacts], surroundings: &Surroundings) -> RunningContainers {
    let mut found = RunningContainers::default();
    let first = match Asked::new(None, surroundings) {
        Ok(asked) => asked,
        Err(absence) => {
            found.unseen.extend(clause(&absence));
            return found;
        }
    };
    let second = first.other_is_here.then(|| Asked::new(Some(Engine::Podman), surroundings));
    let mut ids = BTreeSet::new();
    for (asked, engine) in std::iter::once((Ok(first), None))
        .chain(second.map(|second| (second, Some(Engine::Podman))))
    {
        match asked.and_then(|asked| asked.running(credentials)) {
            Ok(containers) => {
                // Where `docker` is Podman under another name, both have the same.
                let new = containers.into_iter().filter(|it| ids.insert(it.facts.id.clone()));
                found.containers.extend(new.filter_map(|container| holder(container, engine)));
            }
            Err(absence) => found.unseen.extend(clause(&absence)),
        }
    }
    found
}

impl Asked<'_> {
    fn running(&self, credentials: &[&CredentialFacts]) -> Result<Vec<Container>, Absence> {
        let ids = self.ids(&["ps", "--quiet", "--no-trunc"].map(str::to_owned))?;
        if ids.is_empty() { Ok(Vec::new()) } else { self.described(ids, credentials) }
    }
}

/// One that was run once beside a service is gone soon, and no layer.
fn holder(container: Container, engine: Option<Engine>) -> Option<RunningContainer> {
    let (mut variables, mut filled) = (BTreeSet::new(), BTreeSet::new());
    for occurrence in &container.contents.occurrences {
        variables.insert(occurrence.variable.clone());
        if !matches!(&occurrence.yields, Yield::Value(value) if value.is_empty()) {
            filled.insert(occurrence.variable.clone());
        }
    }
    let is_meant = container.facts.runs && !container.is_one_off && !variables.is_empty();
    let facts = container.facts;
    is_meant.then_some(RunningContainer {
        name: facts.name,
        engine,
        compose: facts.compose,
        variables,
        filled,
    })
}

fn clause(absence: &Absence) -> Option<String> {
    match absence {
        Absence::Unreadable(why) => Some(match &why.remedy {
            Some(remedy) => format!("{} ({remedy})", why.detail),
            None => why.detail.clone(),
        }),
        Absence::Missing(MissingReason::NoContainer) => None,
        Absence::Missing(_) | Absence::Untrusted(_) => Some("no engine could be asked".to_owned()),
    }
}
