//! What is sent, and what is not (SECURITY H3, H5, H6).

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::{
    Method as HttpMethod,
    header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue},
};
use zeroize::Zeroizing;

use crate::{
    domain::{
        damage::{self, Flag},
        outcome::{ContextHeader, ProbeReason, ProbeResult},
        secret::SecretValue,
    },
    probe::{Plan, client},
    providers::{Catalogue, Companion, Method, ProbeRequest, Provider, Scheme, Unprobed},
};

/// The longest organisation or project that is sent.
const LONGEST_CONTEXT: usize = 256;

impl Plan {
    /// Why this would not be sent, without sending anything; `None` when it would.
    ///
    /// A value is not sent when it cannot stand in a header as it is, when it stands for a key
    /// instead of being one, or when its form belongs to another provider whose host the endpoint
    /// is not. Nothing is ever trimmed.
    pub fn check(&self, catalogue: &Catalogue) -> Option<ProbeResult> {
        let stop = |reason| {
            let mut result = ProbeResult::not_probed(reason);
            result.endpoint = self.url(catalogue);
            Some(result)
        };
        let Some(provider) = catalogue.provider(&self.provider) else {
            return stop(ProbeReason::NoProvider);
        };
        let probe = match provider.probe_of(&self.key) {
            Ok(probe) => probe,
            Err(Unprobed { why }) => {
                let any = provider.probe().is_some();
                let reason = if any { ProbeReason::UnprobedForm } else { ProbeReason::NoProbe };
                let mut result = ProbeResult::not_probed(reason);
                result.meaning = why.map(str::to_owned);
                return Some(result);
            }
        };
        if !is_sendable(self.key.expose()) {
            return stop(ProbeReason::UnsendableBytes);
        }
        if is_no_key(self.key.expose()) {
            return stop(ProbeReason::DamagedValue);
        }
        let foreign = catalogue
            .only_for(&self.key, &self.provider)
            .is_some_and(|owner| !self.endpoint.is_own_of(owner));
        if foreign {
            return stop(ProbeReason::OtherProvidersKey);
        }
        let missing = self.missing_companion(provider, &probe, catalogue)?;
        let mut result = ProbeResult::not_probed(ProbeReason::NoCompanion);
        result.endpoint = self.url(catalogue);
        result.advice =
            Some(format!("Define {} in the same layer.", missing.variables.join(" or ")));
        Some(result)
    }

    /// The URL that would be asked, with the names of companions in the place of their values.
    pub fn url(&self, catalogue: &Catalogue) -> Option<String> {
        let probe = catalogue.provider(&self.provider)?.probe_of(&self.key).ok()?;
        Some(probe.url(self.endpoint.as_str(), !self.models.is_empty()))
    }

    /// What this plan sends, from the very request; nothing is sent. `None` where [`Plan::check`]
    /// finds a reason.
    pub fn preview(&self, catalogue: &Catalogue) -> Option<Preview> {
        if self.check(catalogue).is_some() {
            return None;
        }
        let provider = catalogue.provider(&self.provider)?;
        let probe = provider.probe_of(&self.key).ok()?;
        let request = Request::keyed(self, provider, catalogue)?;
        let mut headers: Vec<String> =
            request.headers.keys().map(|name| name.as_str().to_owned()).collect();
        headers.extend(client::ADDED_HEADERS.map(str::to_owned));
        if request.body.is_some() {
            headers.push("content-length".to_owned());
        }
        headers.sort_unstable();
        headers.dedup();
        Some(Preview {
            method: request.method.to_string(),
            url: self.url(catalogue)?,
            host: self.endpoint.authority(),
            headers,
            key_header: probe.header.to_ascii_lowercase(),
            scheme: probe.scheme,
            body: request.body.map(str::to_owned),
            control: !self.endpoint.is_own_of(provider),
        })
    }

    /// The first companion of the request that the layer does not have.
    fn missing_companion<'p>(
        &self,
        provider: &'p Provider,
        probe: &ProbeRequest<'_>,
        catalogue: &Catalogue,
    ) -> Option<Companion<'p>> {
        let name = probe.companions().find(|name| self.companion(name, catalogue).is_none())?;
        provider.companions().find(|companion| companion.name == name)
    }

    /// A value that may stand in an address (SECURITY H5): never the key, nor any key of a provider.
    fn companion(&self, name: &str, catalogue: &Catalogue) -> Option<&str> {
        let value = self.companions.get(name)?;
        let is_key = value.as_bytes() == self.key.expose()
            || catalogue
                .recognise(&SecretValue::new(value.as_str()), None)
                .is_some_and(|found| found.provider != self.provider);
        (is_sendable(value.as_bytes()) && !is_key).then_some(value)
    }

    /// The text with its placeholders filled.
    fn filled(&self, text: &str, catalogue: &Catalogue) -> Option<String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let (name, after) = behind.split_once('}')?;
            filled.push_str(before);
            filled.push_str(self.companion(name, catalogue)?);
            rest = after;
        }
        filled.push_str(rest);
        Some(filled)
    }
}

/// Every byte may stand in a header, and stays what it is on the way (SECURITY H6).
fn is_sendable(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(u8::is_ascii_graphic)
}

fn is_no_key(bytes: &[u8]) -> bool {
    damage::flags_of(bytes).into_iter().any(|flag| {
        matches!(
            flag,
            Flag::Placeholder
                | Flag::LiteralNone
                | Flag::UnexpandedVariable
                | Flag::Quoted
                | Flag::BearerIncluded
        )
    })
}

/// What would be sent, without anything secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// `GET`.
    pub method: String,
    /// With the names of companions in the place of their values.
    pub url: String,
    /// Host and port.
    pub host: String,
    /// The names of all headers, in lower case, in order.
    pub headers: Vec<String>,
    /// The one that carries the key.
    pub key_header: String,
    /// How it stands there.
    pub scheme: Scheme,
    /// The fixed body.
    pub body: Option<String>,
    /// The same request goes out once before, without the key (SECURITY H11).
    pub control: bool,
}

/// One request, with or without the credential.
pub(super) struct Request<'p> {
    /// The credential stands in it.
    pub(super) keyed: bool,
    pub(super) method: HttpMethod,
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<&'p str>,
}

impl<'p> Request<'p> {
    /// The request of a plan that passed [`Plan::check`].
    pub(super) fn keyed(
        plan: &Plan,
        provider: &'p Provider,
        catalogue: &Catalogue,
    ) -> Option<Self> {
        let probe = provider.probe_of(&plan.key).ok()?;
        let models = !plan.models.is_empty();
        let mut request = Self::bare(plan, &probe, models, catalogue)?;
        let username = plan.filled(probe.username, catalogue)?;
        let value = credential(probe.scheme, &username, &plan.key)?;
        request.headers.insert(header(probe.header)?, value);
        for (name, value) in context(plan, &probe, catalogue) {
            request.headers.insert(header(name)?, HeaderValue::from_str(value).ok()?);
        }
        request.keyed = true;
        Some(request)
    }

    /// The same request without this header; `None` when it was not sent.
    pub(super) fn without(
        mut self,
        left_out: ContextHeader,
        plan: &Plan,
        provider: &Provider,
        catalogue: &Catalogue,
    ) -> Option<Self> {
        let probe = provider.probe_of(&plan.key).ok()?;
        let name = match left_out {
            ContextHeader::Organisation => probe.organisation_header,
            ContextHeader::Project => probe.project_header,
        }?;
        context(plan, &probe, catalogue).find(|(sent, _)| *sent == name)?;
        self.headers.remove(header(name)?)?;
        Some(self)
    }

    /// The same request without credential, organisation and project (SECURITY H11).
    pub(super) fn control(
        plan: &Plan,
        provider: &'p Provider,
        catalogue: &Catalogue,
    ) -> Option<Self> {
        Self::bare(plan, &provider.probe_of(&plan.key).ok()?, false, catalogue)
    }

    fn bare(
        plan: &Plan,
        probe: &ProbeRequest<'p>,
        models: bool,
        catalogue: &Catalogue,
    ) -> Option<Self> {
        let mut headers = HeaderMap::new();
        for (name, value) in &probe.headers {
            headers.insert(header(name)?, HeaderValue::from_str(value).ok()?);
        }
        if probe.body == Some("") {
            // The client leaves it out, and some servers want a length with every POST.
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        Some(Self {
            keyed: false,
            method: match probe.method {
                Method::Get => HttpMethod::GET,
                Method::Post => HttpMethod::POST,
            },
            url: plan.filled(&probe.url(plan.endpoint.as_str(), models), catalogue)?,
            headers,
            body: probe.body,
        })
    }
}

/// The value of the credential's header, marked sensitive (SECURITY H5).
fn credential(scheme: Scheme, username: &str, key: &SecretValue) -> Option<HeaderValue> {
    let mut text = Zeroizing::new(Vec::new());
    match scheme {
        Scheme::Raw => text.extend_from_slice(key.expose()),
        Scheme::Bearer => text.extend([b"Bearer ".as_slice(), key.expose()].concat()),
        Scheme::Token => text.extend([b"Token ".as_slice(), key.expose()].concat()),
        Scheme::Basic => {
            let pair = Zeroizing::new([username.as_bytes(), b":", key.expose()].concat());
            let encoded = Zeroizing::new(STANDARD.encode(&*pair));
            text.extend_from_slice(b"Basic ");
            text.extend_from_slice(encoded.as_bytes());
        }
    }
    let mut value = HeaderValue::from_bytes(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The organisation and project of a layer as they are sent with a key to this provider: what has no
/// header there, or may not be sent, is left out, so that requests which are the same are known to be.
pub fn sent_along(
    catalogue: &Catalogue,
    provider: &str,
    organisation: Option<&str>,
    project: Option<&str>,
) -> (Option<String>, Option<String>) {
    let Some(probe) = catalogue.provider(provider).and_then(Provider::probe) else {
        return (None, None);
    };
    let sent = |name: Option<&str>, value: Option<&str>| {
        name.and(value).filter(|value| is_context(value, catalogue)).map(str::to_owned)
    };
    (sent(probe.organisation_header, organisation), sent(probe.project_header, project))
}

/// The headers that the layer sets beside the key, with their values, as far as they are sent.
fn context<'a>(
    plan: &'a Plan,
    probe: &ProbeRequest<'a>,
    catalogue: &Catalogue,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let set = [
        (probe.organisation_header, plan.organisation.as_deref()),
        (probe.project_header, plan.project.as_deref()),
    ];
    set.into_iter()
        .filter_map(|(name, value)| Some((name?, value?)))
        .filter(|(_, value)| is_context(value, catalogue))
}

/// An organisation or project that may be sent: one that can stand in a header as it is, and is not
/// a key that somebody put into the wrong variable. Any other is left out, as it is by clients that
/// refuse it; the key is judged without it.
fn is_context(value: &str, catalogue: &Catalogue) -> bool {
    is_sendable(value.as_bytes())
        && value.len() <= LONGEST_CONTEXT
        && catalogue.recognise(&SecretValue::new(value), None).is_none()
}

fn header(name: &str) -> Option<HeaderName> {
    HeaderName::from_bytes(name.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use std::collections::BTreeMap;

    use super::*;
    use crate::{domain::outcome::Outcome, probe::Endpoint, providers::every_file};

    fn openai_key() -> String {
        format!("sk-proj-{}T3BlbkFJ{}", "A".repeat(74), "b".repeat(74))
    }

    fn anthropic_key() -> String {
        format!("sk-ant-api03-{}AA", "c".repeat(93))
    }

    fn cut(key: &str, length: usize) -> String {
        key.chars().take(length).collect()
    }

    fn plan(provider: &str, endpoint: &str, key: &str) -> Plan {
        Plan {
            key: SecretValue::new(key),
            provider: provider.to_owned(),
            endpoint: Endpoint::parse(endpoint).unwrap(),
            organisation: None,
            project: None,
            companions: BTreeMap::new(),
            models: Vec::new(),
            expected: false,
        }
    }

    const OPENAI: &str = "https://api.openai.com/v1";
    const GATEWAY: &str = "https://gateway.example.com/v1";

    #[rstest]
    #[case::good("openai", OPENAI, openai_key(), None)]
    #[case::opaque("openai", OPENAI, "something-of-our-own".to_owned(), None)]
    #[case::cut("openai", OPENAI, cut(&openai_key(), 40), None)]
    #[case::trusted_pair("openai", GATEWAY, openai_key(), None)]
    #[case::zero_width("openai", OPENAI, format!("{}\u{200b}", openai_key()), Some(ProbeReason::UnsendableBytes))]
    #[case::newline("openai", OPENAI, format!("{}\n", openai_key()), Some(ProbeReason::UnsendableBytes))]
    #[case::space("openai", OPENAI, format!("{} ", openai_key()), Some(ProbeReason::UnsendableBytes))]
    #[case::tab("openai", OPENAI, format!("\t{}", openai_key()), Some(ProbeReason::UnsendableBytes))]
    #[case::delete("openai", OPENAI, format!("{}\u{7f}", openai_key()), Some(ProbeReason::UnsendableBytes))]
    #[case::empty("openai", OPENAI, String::new(), Some(ProbeReason::UnsendableBytes))]
    #[case::quoted("openai", OPENAI, format!("\"{}\"", openai_key()), Some(ProbeReason::DamagedValue))]
    #[case::placeholder("openai", OPENAI, "your-api-key-here".to_owned(), Some(ProbeReason::DamagedValue))]
    #[case::none("openai", OPENAI, "None".to_owned(), Some(ProbeReason::DamagedValue))]
    #[case::reference("openai", OPENAI, "${OPENAI_API_KEY}".to_owned(), Some(ProbeReason::DamagedValue))]
    #[case::other("openai", OPENAI, anthropic_key(), Some(ProbeReason::OtherProvidersKey))]
    #[case::other_cut("openai", OPENAI, cut(&anthropic_key(), 30), Some(ProbeReason::OtherProvidersKey))]
    #[case::other_at_gateway(
        "openai",
        GATEWAY,
        anthropic_key(),
        Some(ProbeReason::OtherProvidersKey)
    )]
    #[case::server_of_another(
        "openai-compatible",
        GATEWAY,
        openai_key(),
        Some(ProbeReason::OtherProvidersKey)
    )]
    #[case::server_is_its_own("openai-compatible", OPENAI, openai_key(), None)]
    #[case::server("openai-compatible", GATEWAY, "sk-of-our-own".to_owned(), None)]
    #[case::gateway("litellm-proxy", GATEWAY, "sk-1234".to_owned(), None)]
    #[case::unknown_provider("nobody", OPENAI, openai_key(), Some(ProbeReason::NoProvider))]
    fn what_is_not_sent(
        #[case] provider: &str,
        #[case] endpoint: &str,
        #[case] key: String,
        #[case] expected: Option<ProbeReason>,
    ) {
        let result = plan(provider, endpoint, &key).check(&Catalogue::embedded());
        assert_eq!(result.as_ref().and_then(|result| result.reason), expected);
        if expected == Some(ProbeReason::UnsendableBytes) {
            assert_eq!(result.unwrap().outcome, Outcome::Unsendable);
        }
    }

    #[rstest]
    #[case::good(Some("org-1"), true)]
    #[case::newline(Some("org-1\n"), false)]
    #[case::zero_width(Some("org-1\u{200b}"), false)]
    #[case::empty(Some(""), false)]
    #[case::none(None, false)]
    fn the_organisation_is_sent_as_it_is_or_not_at_all(
        #[case] organisation: Option<&str>,
        #[case] sent: bool,
    ) {
        let catalogue = Catalogue::embedded();
        let mut plan = plan("openai", OPENAI, &openai_key());
        plan.organisation = organisation.map(str::to_owned);
        plan.project = Some(openai_key());
        let provider = catalogue.provider("openai").unwrap();
        let request = Request::keyed(&plan, provider, &catalogue).unwrap();
        assert_eq!(request.headers.contains_key("openai-organization"), sent);
        assert!(!request.headers.contains_key("openai-project"), "a key is no project");
    }

    #[rstest]
    #[case("openai", "authorization", "Bearer ")]
    #[case("anthropic", "x-api-key", "")]
    #[case("google-gemini", "x-goog-api-key", "")]
    #[case("azure-openai", "api-key", "")]
    fn the_key_stands_in_one_sensitive_header(
        #[case] provider: &str,
        #[case] name: &str,
        #[case] before: &str,
    ) {
        let catalogue = Catalogue::embedded();
        let plan = plan(provider, GATEWAY, "a-key-of-our-own");
        let found = catalogue.provider(provider).unwrap();
        let request = Request::keyed(&plan, found, &catalogue).unwrap();
        let value = &request.headers[name];
        assert!(value.is_sensitive());
        assert_eq!(value.to_str().unwrap(), format!("{before}a-key-of-our-own"));
        assert!(!request.url.contains("a-key"));
        assert!(!format!("{:?}", request.headers).contains("a-key"));
        let control = Request::control(&plan, found, &catalogue).unwrap();
        assert!(!control.headers.contains_key(name));
    }

    #[test]
    fn a_header_that_was_sent_can_be_left_out() {
        let catalogue = Catalogue::embedded();
        let mut plan = plan("openai", OPENAI, &openai_key());
        plan.organisation = Some("org-1".to_owned());
        plan.project = Some("pro ject".to_owned());
        let provider = catalogue.provider("openai").unwrap();
        let keyed = || Request::keyed(&plan, provider, &catalogue).unwrap();
        let without =
            keyed().without(ContextHeader::Organisation, &plan, provider, &catalogue).unwrap();
        assert!(!without.headers.contains_key("openai-organization"));
        assert_eq!(without.headers.len(), keyed().headers.len() - 1);
        let unsent = keyed().without(ContextHeader::Project, &plan, provider, &catalogue);
        assert!(unsent.is_none(), "what was not sent proves nothing");
    }

    #[test]
    fn basic_is_user_and_key() {
        let value = credential(Scheme::Basic, "api", &SecretValue::new("key")).unwrap();
        assert_eq!(value.to_str().unwrap(), "Basic YXBpOmtleQ==");
    }

    /// Every format of every provider: its request stands as the file says, and nothing of the key is
    /// anywhere but in its header.
    #[test]
    fn every_request_of_the_catalogue_can_be_built() {
        let catalogue = Catalogue::embedded();
        let mut built = 0;
        for provider in catalogue.providers() {
            let endpoint = provider.endpoint().unwrap_or(GATEWAY);
            for shape in provider.shapes() {
                let key = every_file::examples(&shape.entry).remove(0);
                let mut plan = plan(provider.id(), endpoint, &key);
                for (name, value) in [
                    ("account_sid", format!("AC{}", "0a".repeat(16))),
                    ("api_key_sid", format!("SK{}", "0b".repeat(16))),
                    ("account_id", "0c".repeat(16)),
                    ("public_key", "pk-lf-01234567-89ab-cdef-0123-456789abcdef".to_owned()),
                ] {
                    plan.companions.insert(name.to_owned(), value);
                }
                let name = format!("{}/{}", provider.id(), shape.entry.name);
                if shape.entry.unprobed.is_some() || provider.probe().is_none() {
                    let result = plan.check(&catalogue).unwrap();
                    let any = provider.probe().is_some();
                    let reason = if any { ProbeReason::UnprobedForm } else { ProbeReason::NoProbe };
                    assert_eq!(result.reason, Some(reason), "{name}");
                    assert!(result.meaning.is_some(), "{name}");
                    continue;
                }
                assert_eq!(plan.check(&catalogue).and_then(|result| result.reason), None, "{name}");
                let request = Request::keyed(&plan, provider, &catalogue).unwrap();
                let probe = provider.probe_of(&plan.key).unwrap();
                let value = &request.headers[probe.header];
                assert!(value.is_sensitive() && !request.url.contains(['{', '}']), "{name}");
                let text = value.to_str().unwrap();
                assert_eq!(text.contains(&key), probe.scheme != Scheme::Basic, "{name}");
                let rest = format!("{} {:?} {:?}", request.url, request.body, request.headers);
                assert!(!rest.contains(&key), "{name}: {rest}");
                let preview = plan.preview(&catalogue).unwrap();
                assert!(preview.headers.contains(&preview.key_header), "{name}");
                built += 1;
            }
        }
        assert!(built > 60, "{built}");
    }

    #[rstest]
    #[case::oauth("linear", format!("lin_oauth_{}", "0a".repeat(32)), "authorization", "Bearer ")]
    #[case::personal("linear", format!("lin_api_{}", "aB".repeat(20)), "authorization", "")]
    #[case::session("anthropic", format!("sk-ant-oat01-{}", "aB".repeat(40)), "authorization", "Bearer ")]
    fn some_formats_are_sent_otherwise(
        #[case] provider: &str,
        #[case] key: String,
        #[case] header: &str,
        #[case] before: &str,
    ) {
        let catalogue = Catalogue::embedded();
        let found = catalogue.provider(provider).unwrap();
        let plan = plan(provider, found.endpoint().unwrap(), &key);
        let request = Request::keyed(&plan, found, &catalogue).unwrap();
        assert_eq!(request.headers[header].to_str().unwrap(), format!("{before}{key}"));
        assert!(!request.headers.contains_key("x-api-key"));
        assert_eq!(request.headers.contains_key("anthropic-beta"), provider == "anthropic");
    }

    /// SECURITY H5: what stands in the address is an identifier of the form that the file describes,
    /// and neither the key nor a key of somebody else.
    #[rstest]
    #[case::good(Some("0c".repeat(16)), None)]
    #[case::absent(None, Some(ProbeReason::NoCompanion))]
    #[case::the_key(Some(format!("cfat_{}{}", "aB".repeat(20), "0a".repeat(4))), Some(ProbeReason::NoCompanion))]
    #[case::others_key(Some(openai_key()), Some(ProbeReason::NoCompanion))]
    #[case::newline(Some("0c\n".to_owned()), Some(ProbeReason::NoCompanion))]
    fn a_companion_is_never_a_key(
        #[case] account: Option<String>,
        #[case] expected: Option<ProbeReason>,
    ) {
        let catalogue = Catalogue::embedded();
        let key = format!("cfat_{}{}", "aB".repeat(20), "0a".repeat(4));
        let mut plan = plan("cloudflare", "https://api.cloudflare.com", &key);
        plan.companions.extend(account.clone().map(|value| ("account_id".to_owned(), value)));
        let result = plan.check(&catalogue);
        assert_eq!(result.as_ref().and_then(|result| result.reason), expected);
        if let Some(result) = result {
            assert!(result.advice.unwrap().contains("CLOUDFLARE_ACCOUNT_ID"));
            assert_eq!(plan.preview(&catalogue), None);
        } else {
            let provider = catalogue.provider("cloudflare").unwrap();
            let request = Request::keyed(&plan, provider, &catalogue).unwrap();
            assert!(request.url.contains(&account.unwrap()));
            let preview = plan.preview(&catalogue).unwrap();
            assert!(preview.url.ends_with("/accounts/{account_id}/tokens/verify"));
        }
    }
}
