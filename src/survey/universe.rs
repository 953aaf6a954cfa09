//! The credentials that can be found: those of the inventory, and those of the catalogue.

use std::collections::{BTreeMap, BTreeSet};

use super::Proposal;
use crate::{domain::credential::CredentialFacts, inventory::Inventory, providers::Catalogue};

/// A credential that the inventory does not have yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCredential {
    /// Its id.
    pub id: String,
    /// Its provider.
    pub provider: String,
    /// The variables of it that occur.
    pub variables: Vec<String>,
}

/// Every credential, each variable with one of them.
pub(super) struct Universe {
    pub(super) credentials: Vec<CredentialFacts>,
    /// Those at the beginning are the inventory's.
    present: usize,
}

impl Universe {
    /// The inventory's own come first; of the catalogue, the first that has a variable.
    pub(super) fn of(catalogue: &Catalogue, inventory: Option<&Inventory>) -> Self {
        let own = inventory.map_or(&[][..], |inventory| &inventory.credentials);
        let mut credentials: Vec<CredentialFacts> = Vec::new();
        let mut taken = BTreeSet::new();
        for credential in own {
            taken.extend(credential.variables.iter().cloned());
            credentials.push(CredentialFacts {
                id: credential.id.clone(),
                provider: credential.provider.clone(),
                variables: credential.variables.clone(),
                ..CredentialFacts::default()
            });
        }
        let present = credentials.len();
        for id in catalogue.ids() {
            let Some(provider) = catalogue.provider(id) else { continue };
            let variables: Vec<String> = provider
                .variables()
                .iter()
                .filter(|variable| taken.insert((*variable).clone()))
                .cloned()
                .collect();
            if variables.is_empty() {
                continue;
            }
            let is_free = |name: &str| own.iter().all(|credential| credential.id != name);
            let names =
                std::iter::once(id.to_owned()).chain((2..).map(|number| format!("{id}-{number}")));
            let Some(name) = names.into_iter().find(|name| is_free(name)) else { continue };
            credentials.push(CredentialFacts {
                id: name,
                provider: Some(id.to_owned()),
                variables,
                ..CredentialFacts::default()
            });
        }
        Self { credentials, present }
    }

    /// Every variable, with the id of its credential.
    pub(super) fn variables(&self) -> BTreeMap<&str, &str> {
        self.credentials
            .iter()
            .flat_map(|credential| {
                let id = credential.id.as_str();
                credential.variables.iter().map(move |variable| (variable.as_str(), id))
            })
            .collect()
    }

    /// The credentials of the catalogue that proposals name, in its order.
    pub(super) fn new_credentials(&self, proposals: &[Proposal]) -> Vec<NewCredential> {
        self.credentials
            .iter()
            .skip(self.present)
            .filter_map(|credential| {
                let seen: BTreeSet<&String> = proposals
                    .iter()
                    .flat_map(|proposal| &proposal.variables)
                    .filter(|variable| credential.variables.contains(variable))
                    .collect();
                let is_named = proposals
                    .iter()
                    .any(|proposal| proposal.credentials().contains(&credential.id));
                is_named.then(|| NewCredential {
                    id: credential.id.clone(),
                    provider: credential.provider.clone().unwrap_or_default(),
                    variables: seen.into_iter().cloned().collect(),
                })
            })
            .collect()
    }
}
