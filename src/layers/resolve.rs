//! From what a layer contains to one reading per credential; the same for every kind.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    domain::{
        credential::CredentialFacts,
        layer::Instance,
        place::Place,
        reading::{
            Evidence, MissingReason, OpaqueReason, Rank, Reading, RequestContext, State,
            Unreadable, Yield,
        },
        secret::SecretValue,
    },
    formats::Contents,
    inventory::Layer,
    layers::{companion, near_miss::near_misses},
};

/// What one instance of a layer contains.
pub(super) struct Found {
    /// Tells instances of one layer apart.
    pub instance: Option<Instance>,
    /// The assignments, or why there are none.
    pub contents: Result<Contents, Absence>,
    /// What it means when the contents do not define a variable.
    pub undefined: Undefined,
    /// The place that was looked at.
    pub place: Option<Place>,
    /// How strong the evidence is.
    pub rank: Rank,
    /// What supports it.
    pub evidence: Evidence,
    /// When the platform last changed a variable, where it says so.
    pub updated_at: BTreeMap<String, Timestamp>,
}

/// Why a layer has no contents at all.
#[derive(Debug, Clone)]
pub(super) enum Absence {
    /// Nothing is there.
    Missing(MissingReason),
    /// Reading failed.
    Unreadable(Unreadable),
}

/// What it means when contents that were read do not define a variable.
#[derive(Debug, Clone, Copy)]
pub(super) enum Undefined {
    /// The consumer does not get it.
    Missing,
    /// The consumer may get it elsewhere.
    Opaque(OpaqueReason),
}

impl Found {
    /// Contents of a configuration: what a start would take.
    pub(super) fn configured(contents: Result<Contents, Absence>) -> Self {
        Self {
            instance: None,
            contents,
            undefined: Undefined::Missing,
            place: None,
            rank: Rank::Configured,
            evidence: Evidence::default(),
            updated_at: BTreeMap::new(),
        }
    }
}

/// One reading for each of the layer's credentials.
pub(super) fn readings<'a>(
    layer: &'a Layer,
    credentials: &'a [&'a CredentialFacts],
    found: &'a Found,
) -> impl Iterator<Item = Reading<SecretValue>> + 'a {
    credentials.iter().map(|credential| reading(layer, credential, found))
}

fn reading(layer: &Layer, credential: &CredentialFacts, found: &Found) -> Reading<SecretValue> {
    let mut reading = Reading {
        layer: layer.name.clone(),
        environment: layer.environment.clone(),
        kind: layer.kind.kind(),
        credential: credential.id.clone(),
        host: None,
        instance: found.instance.clone(),
        variable: None,
        state: State::Missing(MissingReason::NotDefined),
        place: found.place.clone(),
        occurrences: Vec::new(),
        near_misses: Vec::new(),
        problems: Vec::new(),
        rank: found.rank,
        evidence: found.evidence.clone(),
        context: RequestContext::default(),
    };
    let contents = match &found.contents {
        Ok(contents) => contents,
        Err(Absence::Missing(reason)) => {
            reading.state = State::Missing(*reason);
            return reading;
        }
        Err(Absence::Unreadable(why)) => {
            reading.state = State::Unreadable(why.clone());
            return reading;
        }
    };
    reading.occurrences = contents
        .occurrences
        .iter()
        .filter(|occurrence| credential.variables.contains(&occurrence.variable))
        .cloned()
        .collect();
    reading.problems.clone_from(&contents.problems);
    reading.context = context(credential, contents);
    decide(&mut reading, credential, contents, found.undefined);
    reading.evidence.updated_at =
        reading.variable.as_ref().and_then(|variable| found.updated_at.get(variable)).copied();
    reading
}

/// The first of the credential's variables that the layer defines is the reading.
fn decide(
    reading: &mut Reading<SecretValue>,
    credential: &CredentialFacts,
    contents: &Contents,
    undefined: Undefined,
) {
    let decisive = credential.variables.iter().find_map(|variable| {
        let winner = contents.winner(variable)?;
        let state = match &winner.yields {
            Yield::Value(secret) if secret.is_empty() => State::Empty,
            Yield::Value(secret) => State::Found(secret.clone()),
            Yield::Opaque(reason) => State::Opaque(*reason),
            Yield::Unset | Yield::Inherited => return None,
        };
        Some((winner, state))
    });
    if let Some((winner, state)) = decisive {
        reading.variable = Some(winner.variable.clone());
        if winner.place.path.is_some() || winner.place.position.is_some() {
            reading.place = Some(winner.place.clone());
        }
        reading.state = state;
        return;
    }
    reading.variable = credential.variables.first().cloned();
    match undefined {
        Undefined::Opaque(reason) => reading.state = State::Opaque(reason),
        Undefined::Missing => {
            let names = contents.occurrences.iter().map(|occurrence| occurrence.variable.as_str());
            reading.near_misses = near_misses(&credential.variables, names);
        }
    }
}

/// Companion variables are shown, so they are made inert here; none of them is secret.
fn context(credential: &CredentialFacts, contents: &Contents) -> RequestContext {
    let first = |variables: &[String], shown: fn(&[u8]) -> String| {
        variables.iter().find_map(|variable| match &contents.winner(variable)?.yields {
            Yield::Value(value) if !value.is_empty() => {
                Some((shown(value.expose()), variable.clone()))
            }
            _ => None,
        })
    };
    let base = first(&credential.base_url_variables, companion::address);
    RequestContext {
        organisation: first(&credential.organisation_variables, companion::identifier)
            .map(|(value, _)| value),
        project: first(&credential.project_variables, companion::identifier)
            .map(|(value, _)| value),
        base_url: base.as_ref().map(|(value, _)| value.clone()),
        base_url_variable: base.map(|(_, variable)| variable),
    }
}
