//! What the inventory and the catalogue say, as the facts that reading and judging need.

use std::collections::BTreeSet;

use crate::{
    domain::{
        credential::{CompanionFacts, CredentialFacts},
        layer::LayerFacts,
    },
    engine::Setup,
    inventory::Layer,
    providers::Companion,
};

/// The numbers of the layers that this run looks at.
pub(super) fn chosen_layers(setup: &Setup) -> BTreeSet<usize> {
    setup
        .inventory
        .layers
        .iter()
        .enumerate()
        .filter(|(_, layer)| {
            setup.environments.is_empty() || setup.environments.contains(&layer.environment)
        })
        .map(|(number, _)| number)
        .collect()
}

/// The credentials that this layer is looked at for.
pub(super) fn wanted<'a>(
    setup: &Setup,
    layer: &Layer,
    credentials: &'a [CredentialFacts],
) -> Vec<&'a CredentialFacts> {
    credentials
        .iter()
        .filter(|credential| {
            layer.credentials.as_ref().is_none_or(|ids| ids.contains(&credential.id))
                && (setup.credentials.is_empty() || setup.credentials.contains(&credential.id))
        })
        .collect()
}

/// A layer, as the judgement sees it.
pub(super) fn layer_facts(layer: &Layer) -> LayerFacts {
    LayerFacts {
        name: layer.name.clone(),
        environment: layer.environment.clone(),
        kind: layer.kind.kind(),
        source: layer.source.clone(),
        optional: layer.optional,
        restart: layer.restart.clone(),
        owner: layer.owner.clone(),
    }
}

fn companion(companion: Companion<'_>) -> CompanionFacts {
    CompanionFacts {
        name: companion.name.to_owned(),
        variables: companion.variables.to_vec(),
        pattern: companion.pattern.to_owned(),
    }
}

/// The credentials, with what their providers add.
pub(super) fn credential_facts(setup: &Setup) -> Vec<CredentialFacts> {
    setup
        .inventory
        .credentials
        .iter()
        .map(|credential| {
            let provider =
                credential.provider.as_deref().and_then(|id| setup.catalogue.provider(id));
            let variables = if credential.variables.is_empty() {
                provider.map(|provider| provider.variables().to_vec()).unwrap_or_default()
            } else {
                credential.variables.clone()
            };
            CredentialFacts {
                id: credential.id.clone(),
                provider: credential.provider.clone(),
                variables,
                organisation_variables: provider
                    .map(|provider| provider.organisation_variables().to_vec())
                    .unwrap_or_default(),
                project_variables: provider
                    .map(|provider| provider.project_variables().to_vec())
                    .unwrap_or_default(),
                base_url_variables: provider
                    .map(|provider| provider.base_url_variables().to_vec())
                    .unwrap_or_default(),
                companions: provider
                    .map(|provider| provider.companions().map(companion).collect())
                    .unwrap_or_default(),
                prefixes: provider
                    .map(|provider| provider.key_formats().map(|it| it.prefix.to_owned()).collect())
                    .unwrap_or_default(),
                models: credential.models.clone(),
                owner: credential.owner.clone(),
            }
        })
        .collect()
}
