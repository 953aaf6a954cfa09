//! Where a key may be sent to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

use crate::{domain::inert::inert, providers::Provider};

/// A base URL that a key may be sent to (SECURITY H2): https, or http to this machine; a host by
/// name, after IDNA; no user, no query, no fragment, no address but loopback's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    base: Url,
    catalogues_own: bool,
}

impl Endpoint {
    /// Understands what a person wrote. The endpoint counts as the user's, also when it names a host
    /// of the catalogue; [`Endpoint::is_own_of`] tells.
    ///
    /// # Errors
    /// What is wrong with it, in a fixed sentence.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let base = Url::parse(text.trim_end_matches('/'))
            .map_err(|_| "this is not an absolute URL like https://api.example.com/v1")?;
        // The URL parser forgives all of these.
        let forgiven = |it: char| it.is_whitespace() || it.is_control() || it == '\\';
        if text.chars().any(forgiven) {
            return Err("a URL holds no spaces, control characters or backslashes");
        }
        if !matches!(base.scheme(), "https" | "http") {
            return Err("only https is used, and http to this machine");
        }
        if !base.username().is_empty() || base.password().is_some() || has_user_info(text) {
            return Err("a URL with a user or a password is not used");
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err("a base URL has no query and no fragment");
        }
        let Some(host) = base.host_str().filter(|host| !host.is_empty()) else {
            return Err("the URL names no host");
        };
        if host.ends_with('.') {
            return Err("the host's name ends with a dot; leave the dot out");
        }
        if base.port() == Some(0) {
            return Err("port 0 is no port");
        }
        match address(host) {
            Some(address) if !address.is_loopback() => {
                return Err("name the host instead of its address; only loopback's is used");
            }
            None if base.scheme() == "http" && host != "localhost" => {
                return Err("http is used to this machine only; use https");
            }
            _ => {}
        }
        Ok(Self { base, catalogues_own: false })
    }

    /// The usual endpoint of a provider; `None` where the inventory has to name it.
    pub fn of(provider: &Provider) -> Option<Self> {
        let endpoint = Self::parse(provider.endpoint()?).ok()?;
        Some(Self { catalogues_own: true, ..endpoint })
    }

    /// The provider's own endpoint that a layer names: by its address, or by its region's name.
    pub fn own(provider: &Provider, text: &str) -> Option<Self> {
        let named = provider.region(text).and_then(|own| Self::parse(own).ok());
        let endpoint = named.or_else(|| {
            let wanted = Self::parse(text).ok()?;
            provider.endpoints().filter_map(|own| Self::parse(own).ok()).find(|own| *own == wanted)
        })?;
        Some(Self { catalogues_own: true, ..endpoint })
    }

    /// It came out of the catalogue and not from the inventory.
    pub const fn is_catalogues_own(&self) -> bool {
        self.catalogues_own
    }

    /// The provider itself answers there: scheme, host and port are those of one of its endpoints.
    pub fn is_own_of(&self, provider: &Provider) -> bool {
        provider
            .endpoints()
            .any(|own| Self::parse(own).is_ok_and(|own| own.base.origin() == self.base.origin()))
    }

    /// The base URL with its host in punycode, without a final slash.
    pub fn as_str(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// A base URL that a layer names is this one, as far as an SDK sends to the same address.
    pub fn is_same_base(&self, text: &str) -> bool {
        Self::parse(text).is_ok_and(|other| other.base == self.base)
    }

    /// Host and port, as one host is counted for limits.
    pub fn authority(&self) -> String {
        let port = self.base.port_or_known_default().unwrap_or_default();
        format!("{}:{port}", self.host())
    }

    /// The host, in punycode.
    pub fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    /// The host as a person may see it.
    pub fn shown(&self) -> String {
        inert(self.as_str())
    }

    /// It is this machine.
    pub fn is_loopback(&self) -> bool {
        self.host() == "localhost" || address(self.host()).is_some_and(|it| it.is_loopback())
    }

    /// Without TLS, which only loopback may be.
    pub fn is_plain(&self) -> bool {
        self.base.scheme() == "http"
    }
}

/// `https://@host` has an empty user, which the parsed URL no longer shows.
fn has_user_info(text: &str) -> bool {
    let after_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
    after_scheme.split(['/', '\\', '?', '#']).next().is_some_and(|part| part.contains('@'))
}

fn address(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match bare {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::providers::Catalogue;

    #[rstest]
    #[case::plain("https://api.openai.com/v1", "https://api.openai.com/v1")]
    #[case::slash("https://api.openai.com/v1/", "https://api.openai.com/v1")]
    #[case::upper("HTTPS://API.OpenAI.com", "https://api.openai.com")]
    #[case::default_port("https://api.openai.com:443/v1", "https://api.openai.com/v1")]
    #[case::cyrillic("https://\u{430}pi.openai.com", "https://xn--pi-6kc.openai.com")]
    #[case::loopback("http://127.0.0.1:4000", "http://127.0.0.1:4000")]
    #[case::loopback_hex("https://0x7f.1/", "https://127.0.0.1")]
    #[case::loopback_6("http://[::1]:4000/v1", "http://[::1]:4000/v1")]
    #[case::localhost("http://localhost:11434/v1", "http://localhost:11434/v1")]
    fn good_endpoints(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(Endpoint::parse(text).unwrap().as_str(), shown);
    }

    #[rstest]
    #[case::http("http://api.openai.com/v1")]
    #[case::user("https://api.openai.com@evil.test/v1")]
    #[case::empty_user("https://@evil.test/v1")]
    #[case::password("https://a:b@evil.test")]
    #[case::query("https://api.openai.com/v1?key=1")]
    #[case::fragment("https://api.openai.com/v1#a")]
    #[case::address("https://10.0.0.1/v1")]
    #[case::address_number("https://167772161/")]
    #[case::address_6("https://[fe80::1]/")]
    #[case::mapped("https://[::ffff:10.0.0.1]/")]
    #[case::any("http://0.0.0.0:80/")]
    #[case::metadata("http://169.254.169.254/")]
    #[case::dot("https://api.openai.com./v1")]
    #[case::file("file:///etc/passwd")]
    #[case::data("data:text/plain,a")]
    #[case::relative("/v1")]
    #[case::words("api.openai.com")]
    #[case::newline("https://api.openai.com/\nv1")]
    #[case::space("https://api.openai.com/ v1")]
    #[case::backslash("https:\\\\api.openai.com/v1")]
    #[case::localhost_of_another("http://localhost.evil.test/")]
    #[case::port("https://api.openai.com:0/")]
    #[case::empty("")]
    fn bad_endpoints(#[case] text: &str) {
        assert!(Endpoint::parse(text).is_err(), "{text}");
    }

    #[test]
    fn every_endpoint_of_the_catalogue_is_good_and_unchanged() {
        let catalogue = Catalogue::embedded();
        for provider in catalogue.providers() {
            for text in provider.endpoints() {
                let endpoint = Endpoint::parse(text).unwrap();
                assert_eq!(endpoint.as_str(), text);
                assert!(endpoint.is_own_of(provider));
            }
        }
        let openai = catalogue.provider("openai").unwrap();
        assert!(Endpoint::of(openai).unwrap().is_catalogues_own());
        assert!(!Endpoint::parse("https://api.openai.com.evil.test/v1").unwrap().is_own_of(openai));
        assert!(!Endpoint::parse("https://api.openai.com:8443/v1").unwrap().is_own_of(openai));
    }

    proptest! {
        #[test]
        fn any_text_is_understood_or_refused(text in "\\PC*|https?://[a-z0-9@:/.\\[\\]%?#\\\\-]{0,30}") {
            if let Ok(endpoint) = Endpoint::parse(&text) {
                prop_assert!(!endpoint.is_plain() || endpoint.is_loopback());
                prop_assert!(!endpoint.as_str().contains(['?', '#']));
                prop_assert_eq!(Endpoint::parse(endpoint.as_str()), Ok(endpoint));
            }
        }
    }
}
