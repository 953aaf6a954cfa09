//! What would be asked about a reading, and why something is not asked at all (SECURITY H3, H8).

use std::collections::BTreeMap;

use crate::{
    domain::{
        credential::CredentialFacts,
        damage::Flag,
        fingerprint::Fingerprint,
        key::Key,
        outcome::{ProbeReason, ProbeResult},
        reading::Reading,
    },
    engine::Setup,
    inventory::trust::Effect,
    probe::{Endpoint, sent_along},
    providers::Provider,
};

/// What makes two probes the same one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ProbeIdentity {
    /// The key.
    pub fingerprint: Fingerprint,
    /// Whose interface is spoken.
    pub provider: String,
    /// The base URL that is asked.
    pub endpoint: Endpoint,
    /// The organisation header that is sent for the layer.
    pub organisation: Option<String>,
    /// The project header that is sent for the layer.
    pub project: Option<String>,
    /// Identifiers that the request needs besides.
    pub companions: BTreeMap<String, String>,
}

/// The probe for this reading, or why there is none.
pub(super) fn plan(
    setup: &Setup,
    credential: &CredentialFacts,
    reading: &Reading<Key>,
) -> Result<ProbeIdentity, ProbeReason> {
    let key = reading.state.found().ok_or(ProbeReason::NoValue)?;
    let provider = credential.provider.as_deref().ok_or(ProbeReason::NoProvider)?;
    if !key.held {
        return Err(ProbeReason::NotHeldHere);
    }
    sendable(key)?;
    if setup.offline {
        return Err(ProbeReason::Offline);
    }
    let file = setup.catalogue.provider(provider).ok_or(ProbeReason::NoProvider)?;
    if file.probe().is_none() {
        return Err(ProbeReason::NoProbe);
    }
    let mut endpoint = endpoint(setup, credential, &reading.environment, file)?;
    let base = reading.context.base_url.as_deref();
    // Which of the provider's own addresses is asked, the layer may say: a key of one region is
    // unknown in the others. No other address is ever taken from a layer (SECURITY T1, H1).
    let own = base.and_then(|base| Endpoint::own(file, base));
    if endpoint.is_catalogues_own()
        && let Some(own) = &own
    {
        endpoint = own.clone();
    }
    let recognised = key.provider.as_deref() == Some(provider)
        && key.shape.as_deref().is_some_and(|shape| file.is_telling(shape));
    let named = own.as_ref().map(Endpoint::as_str).or(base);
    let elsewhere = named.is_some_and(|named| !endpoint.is_same_base(named));
    if elsewhere && !(recognised && endpoint.is_catalogues_own()) {
        return Err(ProbeReason::OtherEndpoint);
    }
    // What an inventory calls a key of a provider may be anything that this shell has (SECURITY T2).
    let is_own = endpoint.is_catalogues_own() && !setup.endpoints.contains_key(&credential.id);
    if is_own && key.provider.as_deref() != Some(provider) {
        let effect = Effect::SendUnrecognised {
            credential: credential.id.clone(),
            provider: provider.to_owned(),
            variables: credential.variables.clone(),
        };
        if !setup.trust.grants(&effect) {
            return Err(ProbeReason::Untrusted);
        }
    }
    let context = &reading.context;
    let (organisation, project) = sent_along(
        &setup.catalogue,
        provider,
        context.organisation.as_deref(),
        context.project.as_deref(),
    );
    Ok(ProbeIdentity {
        fingerprint: key.fingerprint,
        provider: provider.to_owned(),
        endpoint,
        organisation,
        project,
        companions: context.companions.clone(),
    })
}

/// The usual endpoint was asked because nobody named a region, and its provider's regions do not
/// know each other's keys.
pub(super) fn asked_in_any_region(
    setup: &Setup,
    identity: &ProbeIdentity,
    reading: &Reading<Key>,
) -> bool {
    let base = reading.context.base_url.as_deref();
    setup.catalogue.provider(&identity.provider).is_some_and(|provider| {
        provider.regions_are_apart()
            && identity.endpoint.is_catalogues_own()
            && base.and_then(|base| Endpoint::own(provider, base)).is_none()
    })
}

/// What a row shows that is not asked about.
pub(super) fn unasked(
    setup: &Setup,
    credential: Option<&CredentialFacts>,
    reason: ProbeReason,
) -> ProbeResult {
    let mut result = ProbeResult::not_probed(reason);
    if reason == ProbeReason::NoProbe {
        let provider = credential.and_then(|credential| credential.provider.as_deref());
        let file = provider.and_then(|id| setup.catalogue.provider(id));
        result.meaning = file.and_then(Provider::no_probe).map(str::to_owned);
    }
    result
}

/// A damaged value is not what was meant; asking about it tells nothing. A key that looks cut short
/// is asked about: a new format may be shorter than those that are known.
fn sendable(key: &Key) -> Result<(), ProbeReason> {
    const UNSENDABLE: [Flag; 8] = [
        Flag::SpaceBefore,
        Flag::SpaceAfter,
        Flag::Cr,
        Flag::Lf,
        Flag::Nul,
        Flag::ZeroWidth,
        Flag::Bom,
        Flag::NonAscii,
    ];
    let has = |flags: &[Flag]| key.flags.iter().any(|flag| flags.contains(flag));
    if has(&UNSENDABLE) {
        Err(ProbeReason::UnsendableBytes)
    } else if has(&[Flag::OtherVendor]) {
        Err(ProbeReason::OtherProvidersKey)
    } else if key.flags.iter().any(|flag| *flag != Flag::Truncated) {
        Err(ProbeReason::DamagedValue)
    } else {
        Ok(())
    }
}

/// Typed beats the inventory's environment, that beats the credential, that beats the catalogue.
fn endpoint(
    setup: &Setup,
    credential: &CredentialFacts,
    environment: &str,
    provider: &Provider,
) -> Result<Endpoint, ProbeReason> {
    if let Some(typed) = setup.endpoints.get(&credential.id) {
        return Ok(typed.clone());
    }
    match setup.inventory.endpoint(environment, &credential.id) {
        Some(text) => {
            let effect = Effect::Send {
                credential: credential.id.clone(),
                provider: Some(provider.id().to_owned()),
                endpoint: text.to_owned(),
            };
            if !setup.trust.grants(&effect) {
                return Err(ProbeReason::Untrusted);
            }
            // The inventory was validated; an address that does not parse cannot come here.
            Endpoint::parse(text).map_err(|_| ProbeReason::NoEndpoint)
        }
        None => Endpoint::of(provider).ok_or(ProbeReason::NoEndpoint),
    }
}
