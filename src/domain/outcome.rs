//! What the answer to a probe means.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The meaning of one probe's answer. A 401 alone is never `Dead`: the provider's file decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Accepted.
    Alive,
    /// Authenticated; lacks a scope or permission.
    AliveRestricted,
    /// Authenticated; billing or quota stops it.
    AliveNoQuota,
    /// Authenticated; throttled now.
    AliveRateLimited,
    /// Unknown, revoked, expired or mangled.
    Dead,
    /// The account or organisation is disabled; a rotation does not help.
    AccountDisabled,
    /// No credential reached the server.
    Missing,
    /// Valid key, wrong organisation header.
    WrongOrg,
    /// Valid key, wrong project header.
    WrongProject,
    /// Valid key, wrong regional host.
    WrongRegion,
    /// The URL does not fit; the key was not judged.
    WrongEndpoint,
    /// A network rule stopped the request.
    BlockedIp,
    /// A rule on countries stopped the request.
    BlockedRegion,
    /// A firewall or portal answered.
    Blocked,
    /// The endpoint answers without any credential, so its answer proves nothing.
    PublicEndpoint,
    /// The value cannot stand in a header; nothing was sent.
    Unsendable,
    /// No answer came back.
    Unreachable,
    /// The provider is in trouble; ask again later.
    UnknownRetry,
    /// The answer is not known to this version.
    Unknown,
    /// Nothing was asked.
    NotProbed,
}

impl Outcome {
    /// The word of the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::AliveRestricted => "alive_restricted",
            Self::AliveNoQuota => "alive_no_quota",
            Self::AliveRateLimited => "alive_rate_limited",
            Self::Dead => "dead",
            Self::AccountDisabled => "account_disabled",
            Self::Missing => "missing",
            Self::WrongOrg => "wrong_org",
            Self::WrongProject => "wrong_project",
            Self::WrongRegion => "wrong_region",
            Self::WrongEndpoint => "wrong_endpoint",
            Self::BlockedIp => "blocked_ip",
            Self::BlockedRegion => "blocked_region",
            Self::Blocked => "blocked",
            Self::PublicEndpoint => "public_endpoint",
            Self::Unsendable => "unsendable",
            Self::Unreachable => "unreachable",
            Self::UnknownRetry => "unknown_retry",
            Self::Unknown => "unknown",
            Self::NotProbed => "not_probed",
        }
    }

    /// The provider accepts this key, whatever else it says.
    pub const fn accepted(self) -> bool {
        matches!(
            self,
            Self::Alive | Self::AliveRestricted | Self::AliveNoQuota | Self::AliveRateLimited
        )
    }

    /// The provider refuses this key as this layer would send it.
    pub const fn refused(self) -> bool {
        matches!(
            self,
            Self::Dead
                | Self::AccountDisabled
                | Self::WrongOrg
                | Self::WrongProject
                | Self::WrongRegion
        )
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// How well a fact is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// One source that was not checked again.
    Low,
    /// One good source, or exact fields in a reassembled answer.
    Medium,
    /// A recorded answer, the source of a client library, or several independent sources.
    High,
}

impl Confidence {
    /// All of them, the best first.
    pub const ALL: [Self; 3] = [Self::High, Self::Medium, Self::Low];

    /// The word of the files and the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Whether the key that an answer repeats, masked, can be the one that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Received {
    /// Every character that it shows fits.
    ThisKey,
    /// Something on the way put another key in its place.
    AnotherKey,
}

impl Received {
    /// The word of the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ThisKey => "this_key",
            Self::AnotherKey => "another_key",
        }
    }
}

/// Why there is an outcome without a classified answer. Closed, so no library text can slip in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeReason {
    /// `--offline`.
    Offline,
    /// The credential names no provider.
    NoProvider,
    /// The provider's file has no probe, or the inventory gives no endpoint for it.
    NoEndpoint,
    /// No request judges a key of this provider without side effects.
    NoProbe,
    /// No request judges a value of this form: the name of a key, or a kind that is not asked about.
    UnprobedForm,
    /// The request needs a second value, like an account's id, that the layer does not have.
    NoCompanion,
    /// The layer yields no value to ask about.
    NoValue,
    /// Only the key's fingerprint is known here.
    NotHeldHere,
    /// A byte of the value cannot stand in a header (SECURITY H6).
    UnsendableBytes,
    /// The value is damaged or a placeholder (SECURITY H3).
    DamagedValue,
    /// The value has another provider's format (SECURITY H3).
    OtherProvidersKey,
    /// The layer sends it to a base URL that the inventory does not name.
    OtherEndpoint,
    /// The effect is not trusted.
    Untrusted,
    /// The host refused `stop_after_refusals` keys in a row (SECURITY H9).
    StoppedAfterRefusals,
    /// The host asked to wait.
    Waiting,
    /// Not asked yet in this pass.
    Pending,
    /// The host name does not resolve.
    Dns,
    /// Nothing listens there.
    ConnectionRefused,
    /// The connection broke.
    ConnectionReset,
    /// No answer in time.
    TimedOut,
    /// The certificate has expired.
    TlsExpired,
    /// The certificate is not valid yet.
    TlsNotYetValid,
    /// Nobody that is trusted here issued the certificate.
    TlsUnknownIssuer,
    /// The certificate is for another name.
    TlsWrongName,
    /// The TLS handshake failed in another way.
    Tls,
    /// There is nothing to check certificates against.
    NoRoots,
    /// The proxy wants a user and a password.
    ProxyAuthentication,
    /// The proxy gives no connection to the host.
    ProxyRefused,
    /// The proxy itself cannot be reached.
    ProxyUnreachable,
    /// The environment names a kind of proxy that is not spoken.
    ProxyUnsupported,
    /// Another failure below HTTP.
    Transport,
}

impl ProbeReason {
    /// One short sentence fragment for people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Offline => "not probed: offline",
            Self::NoProvider => "not probed: the credential names no provider",
            Self::NoEndpoint => "not probed: the inventory names no endpoint",
            Self::NoProbe => "not probed: no request judges such a key without side effects",
            Self::UnprobedForm => "not probed: a value of this form is not asked about",
            Self::NoCompanion => {
                "not probed: the layer lacks a value that has to be sent with the key"
            }
            Self::NoValue => "nothing to ask about",
            Self::NotHeldHere => "not probed: the key is not held here",
            Self::UnsendableBytes => "not sent: a byte of the value cannot stand in a header",
            Self::DamagedValue => "not sent: the value is damaged",
            Self::OtherProvidersKey => "not sent: this is another provider's key",
            Self::OtherEndpoint => {
                "not sent: the layer uses a base URL the inventory does not name"
            }
            Self::Untrusted => {
                "not sent: the inventory is not trusted; `t` or `stalekey trust` shows what it asks for"
            }
            Self::StoppedAfterRefusals => "not sent: the host refused too many keys in a row",
            Self::Waiting => "not sent: the host asked to wait",
            Self::Pending => "not asked yet",
            Self::Dns => "the host name does not resolve",
            Self::ConnectionRefused => "connection refused",
            Self::ConnectionReset => "the connection broke",
            Self::TimedOut => "no answer in time",
            Self::TlsExpired => "the certificate has expired",
            Self::TlsNotYetValid => "the certificate is not valid yet",
            Self::TlsUnknownIssuer => "the certificate's issuer is not trusted here",
            Self::TlsWrongName => "the certificate is for another name",
            Self::Tls => "the TLS handshake failed",
            Self::NoRoots => "no root certificates to check the host against",
            Self::ProxyAuthentication => "the proxy wants a user and a password",
            Self::ProxyRefused => "the proxy gives no connection to the host",
            Self::ProxyUnreachable => "the proxy cannot be reached",
            Self::ProxyUnsupported => "the environment names a kind of proxy that is not spoken",
            Self::Transport => "the answer is no HTTP",
        }
    }

    /// What to do about a request that brought no answer; `None` where nothing was sent.
    pub const fn next_step(self) -> Option<&'static str> {
        Some(match self {
            Self::Dns => "Check the host's name, the resolver (`/etc/resolv.conf`) and the VPN.",
            Self::ConnectionRefused => {
                "Check that something listens on that host and port; a firewall may refuse too."
            }
            Self::ConnectionReset => {
                "Ask again; if it stays so, look at the firewall, VPN or proxy that cuts it."
            }
            Self::TimedOut => {
                "Check firewall and VPN; a host behind a proxy needs HTTPS_PROXY in this shell."
            }
            Self::TlsExpired => {
                "The host, or a proxy that opens TLS, needs a new certificate; check this clock too."
            }
            Self::TlsNotYetValid => "Check this machine's clock.",
            Self::TlsUnknownIssuer => {
                "If the host is your own, name its CA in SSL_CERT_FILE; if not, something opens TLS on the way."
            }
            Self::TlsWrongName => {
                "Check the host's name in the endpoint; if it is right, something else answers for it."
            }
            Self::Tls => "Check the port: no TLS, or an old one, is spoken there.",
            Self::NoRoots => {
                "Correct SSL_CERT_FILE or SSL_CERT_DIR, or unset them; else install `ca-certificates`."
            }
            Self::ProxyAuthentication => {
                "Put user and password into the proxy's variable (http://USER:PASSWORD@HOST:PORT)."
            }
            Self::ProxyRefused => {
                "Have the proxy allow the host, or name the host in NO_PROXY to go without it."
            }
            Self::ProxyUnreachable => {
                "Correct the proxy's variable, or unset it to go without the proxy."
            }
            Self::ProxyUnsupported => "Name an http:// or https:// proxy, or unset the variable.",
            Self::Transport => "Check the base URL: something that speaks no HTTP answers there.",
            _ => return None,
        })
    }
}

/// A header beside the key, which the layer sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextHeader {
    /// The organisation.
    Organisation,
    /// The project.
    Project,
}

impl ContextHeader {
    /// The word of the contract, and for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Organisation => "organisation",
            Self::Project => "project",
        }
    }
}

/// What the same key got without one of the headers that the layer sets: the proof that the header,
/// and not the key, is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// The header that was left out.
    pub without: ContextHeader,
    /// What the answer meant; `Unreachable` when none came.
    pub outcome: Outcome,
}

/// The result of one probe, free of secrets and of any text from the answer's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeResult {
    /// What it means.
    pub outcome: Outcome,
    /// HTTP status, when an answer came.
    pub status: Option<u16>,
    /// The provider's own code, from a closed set in its file (`invalid_api_key`).
    pub code: Option<String>,
    /// Why there was no answer, or no request.
    pub reason: Option<ProbeReason>,
    /// The meaning in the provider file's words, for people; never the provider's own sentence.
    pub meaning: Option<String>,
    /// What to do, in the provider file's words.
    pub advice: Option<String>,
    /// The URL that was asked, without anything secret; `None` when nothing was planned.
    pub endpoint: Option<String>,
    /// Time to the answer in milliseconds.
    pub latency_ms: Option<u64>,
    /// When the answer came.
    pub checked_at: Option<Timestamp>,
    /// When the host may be asked again.
    pub retry_at: Option<Timestamp>,
    /// Models of the credential that the key cannot see, when the list was read.
    pub missing_models: Vec<String>,
    /// How well the meaning is supported, when an answer was understood.
    pub confidence: Option<Confidence>,
    /// Which key the server received, when the answer repeats it masked.
    pub received: Option<Received>,
    /// The host that the key belongs to, when the answer names one that the provider's file knows.
    pub right_host: Option<String>,
    /// What the key got without the organisation or project that was refused with it.
    pub trial: Option<Trial>,
}

impl ProbeResult {
    /// What to say of a meaning that one source alone supports.
    pub fn doubt(&self) -> Option<&'static str> {
        (self.confidence == Some(Confidence::Low)).then_some("low confidence")
    }

    /// Nothing was sent, for `reason`.
    pub fn not_probed(reason: ProbeReason) -> Self {
        let outcome = match reason {
            ProbeReason::UnsendableBytes => Outcome::Unsendable,
            _ => Outcome::NotProbed,
        };
        Self::without_answer(outcome, reason)
    }

    /// Something was sent, and no answer came back.
    pub fn unreachable(reason: ProbeReason) -> Self {
        Self::without_answer(Outcome::Unreachable, reason)
    }

    /// The provider accepts this key: as the layer sends it, or proven without a header of the layer.
    pub fn key_is_accepted(&self) -> bool {
        self.outcome.accepted() || self.trial.is_some_and(|trial| trial.outcome.accepted())
    }

    fn without_answer(outcome: Outcome, reason: ProbeReason) -> Self {
        Self {
            outcome,
            status: None,
            code: None,
            reason: Some(reason),
            meaning: None,
            advice: reason.next_step().map(str::to_owned),
            endpoint: None,
            latency_ms: None,
            checked_at: None,
            retry_at: None,
            missing_models: Vec::new(),
            confidence: None,
            received: None,
            right_host: None,
            trial: None,
        }
    }
}
