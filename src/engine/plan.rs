//! What would be asked about a reading, and why something is not asked at all (SECURITY H3, H8).

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
    inventory::trust::{self, Effect},
    probe::{Endpoint, sent_along},
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
}

/// The probe for this reading, or why there is none.
pub(super) fn plan(
    setup: &Setup,
    credential: &CredentialFacts,
    reading: &Reading<Key>,
) -> Result<ProbeIdentity, ProbeReason> {
    let key = reading.state.found().ok_or(ProbeReason::NoValue)?;
    let provider = credential.provider.as_deref().ok_or(ProbeReason::NoProvider)?;
    sendable(key)?;
    if setup.offline {
        return Err(ProbeReason::Offline);
    }
    let endpoint = endpoint(setup, credential, &reading.environment, provider)?;
    let recognised = key.provider.as_deref() == Some(provider);
    let elsewhere =
        reading.context.base_url.as_deref().is_some_and(|base| !endpoint.is_same_base(base));
    if elsewhere && !(recognised && endpoint.is_catalogues_own()) {
        return Err(ProbeReason::OtherEndpoint);
    }
    let context = &reading.context;
    let (organisation, project) = sent_along(
        &setup.catalogue,
        provider,
        context.organisation.as_deref(),
        context.project.as_deref(),
    );
    let (fingerprint, provider) = (key.fingerprint, provider.to_owned());
    Ok(ProbeIdentity { fingerprint, provider, endpoint, organisation, project })
}

/// What a row shows that is not asked about.
pub(super) fn unasked(reason: ProbeReason) -> ProbeResult {
    ProbeResult::not_probed(reason)
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
    provider: &str,
) -> Result<Endpoint, ProbeReason> {
    if let Some(typed) = setup.endpoints.get(&credential.id) {
        return Ok(typed.clone());
    }
    match setup.inventory.endpoint(environment, &credential.id) {
        Some(text) => {
            let effect = Effect::Send {
                credential: credential.id.clone(),
                provider: Some(provider.to_owned()),
                endpoint: text.to_owned(),
            };
            if !trust::granted(&effect) {
                return Err(ProbeReason::Untrusted);
            }
            // The inventory was validated; an address that does not parse cannot come here.
            Endpoint::parse(text).map_err(|_| ProbeReason::NoEndpoint)
        }
        None => {
            setup.catalogue.provider(provider).and_then(Endpoint::of).ok_or(ProbeReason::NoEndpoint)
        }
    }
}
