//! The HTTP client: built once, and not before the first request.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::OnceLock,
    time::Duration,
};

use hyper::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{Client, ClientBuilder, redirect::Policy, retry, tls};
use rustls::{ClientConfig, RootCertStore, crypto::ring};

use crate::{
    domain::{
        inert::inert,
        outcome::ProbeReason,
        way::{FromEnvironment, Way},
    },
    probe::endpoint::Endpoint,
};

/// The longest time to connect (SECURITY H4).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An honest name (SECURITY H4).
const USER_AGENT: &str = concat!("stalekey/", env!("CARGO_PKG_VERSION"));

/// Headers that the client adds to every request of ours.
pub(super) const ADDED_HEADERS: [&str; 3] = ["accept", "host", "user-agent"];

/// One client for each way out, since they differ in what they trust.
#[derive(Debug, Default)]
pub(super) struct Clients {
    /// To other machines: https only, proxies of the environment, the platform's roots.
    outside: OnceLock<Option<Client>>,
    /// To this machine over TLS: no proxy, the platform's roots.
    loopback: OnceLock<Option<Client>>,
    /// To this machine without TLS: no proxy and no roots, so it works where none are installed.
    plain: OnceLock<Option<Client>>,
}

impl Clients {
    /// The client for an endpoint.
    ///
    /// # Errors
    /// There are no roots to check certificates against.
    pub(super) fn client(
        &self,
        endpoint: &Endpoint,
        timeout: Duration,
    ) -> Result<&Client, ProbeReason> {
        let (place, build): (_, fn(ClientBuilder) -> Option<ClientBuilder>) =
            match (endpoint.is_loopback(), endpoint.is_plain()) {
                (true, true) => (&self.plain, |builder| {
                    Some(to_this_machine(builder).tls_backend_preconfigured(without_roots()?))
                }),
                (true, false) => {
                    (&self.loopback, |builder| Some(to_this_machine(builder).https_only(true)))
                }
                (false, _) => (&self.outside, |builder| Some(builder.https_only(true))),
            };
        place
            .get_or_init(|| build(common(timeout))?.build().ok())
            .as_ref()
            .ok_or(ProbeReason::NoRoots)
    }
}

/// What every client keeps to (SECURITY H4): no redirect is followed, since the client would send
/// `x-api-key` on to another host; nothing is repeated behind our back; nothing is decompressed.
fn common(timeout: Duration) -> ClientBuilder {
    install_cryptography();
    Client::builder()
        .user_agent(USER_AGENT)
        .redirect(Policy::none())
        .referer(false)
        .retry(retry::never())
        .connect_timeout(timeout.min(CONNECT_TIMEOUT))
        .timeout(timeout)
        .tls_version_min(tls::Version::TLS_1_2)
}

fn to_this_machine(builder: ClientBuilder) -> ClientBuilder {
    let addresses =
        [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))];
    builder.no_proxy().resolve_to_addrs("localhost", &addresses)
}

fn without_roots() -> Option<ClientConfig> {
    Some(
        ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .ok()?
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth(),
    )
}

/// The whole process uses ring; a provider that is installed already stays.
fn install_cryptography() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _ = ring::default_provider().install_default();
    }
}

/// How requests reach an endpoint, as far as the environment decides it (SECURITY H10).
pub fn way_to(endpoint: &Endpoint) -> Way {
    Way {
        proxy: proxy_for(endpoint),
        roots: if endpoint.is_plain() { Vec::new() } else { roots_from_environment() },
    }
}

/// The proxy of the environment that requests to this endpoint go through, as `scheme://host:port`
/// without its password; `None` for loopback, which never has one (SECURITY H2, H10).
pub(super) fn proxy_for(endpoint: &Endpoint) -> Option<FromEnvironment> {
    if endpoint.is_loopback() {
        return None;
    }
    let uri: Uri = endpoint.as_str().parse().ok()?;
    let intercept = Matcher::from_env().intercept(&uri)?;
    let proxy = intercept.uri();
    let scheme = proxy.scheme_str().unwrap_or("http");
    let port = proxy.port().map(|port| format!(":{port}")).unwrap_or_default();
    let value = inert(&format!("{scheme}://{}{port}", proxy.host()?));
    // In the order in which the matcher looks; one that holds no address leaves it to the next.
    let variable = [["HTTPS_PROXY", "https_proxy"], ["ALL_PROXY", "all_proxy"]]
        .into_iter()
        .filter_map(|names| names.into_iter().find(|name| std::env::var(name).is_ok()))
        .find(|name| std::env::var(name).is_ok_and(|value| !value.is_empty()))?;
    Some(FromEnvironment { variable, value })
}

/// Whether the client can speak to a proxy of this kind.
pub(super) fn speaks_to(proxy: &FromEnvironment) -> bool {
    proxy.value.starts_with("http://") || proxy.value.starts_with("https://")
}

/// The file and folders of root certificates that the environment puts in the place of the
/// platform's, inert.
fn roots_from_environment() -> Vec<FromEnvironment> {
    ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .into_iter()
        .filter_map(|variable| {
            let value = std::env::var_os(variable)?;
            // An empty file name counts, and has no certificates; an empty list of folders is none.
            (variable == "SSL_CERT_FILE" || !value.is_empty())
                .then(|| FromEnvironment { variable, value: inert(&value.to_string_lossy()) })
        })
        .collect()
}
