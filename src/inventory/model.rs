//! The file as it is written. The documentation of these types is what an editor shows.

use std::{
    collections::BTreeMap,
    num::{NonZeroU16, NonZeroU32},
};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{duration::DurationText, kinds::Kind};

/// Which layers hold which API keys. Read by stalekey from `stalekey.toml`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct File {
    /// The version of this format: 1.
    #[schemars(required, extend("const" = 1))]
    pub(super) version: Option<u32>,
    /// How often, how fast, how long.
    #[serde(default)]
    pub(super) settings: SettingsTable,
    /// What fingerprints are made with.
    #[serde(default)]
    pub(super) fingerprint: FingerprintTable,
    /// The logical secrets, by an id of your choice.
    #[serde(default)]
    pub(super) credentials: BTreeMap<String, CredentialTable>,
    /// Where keys are used, by name: production, staging …
    #[serde(default)]
    pub(super) environments: BTreeMap<String, EnvironmentTable>,
    /// The places that credentials live in, from the origin to the running process.
    #[serde(default)]
    pub(super) layers: Vec<LayerTable>,
}

/// How often, how fast, how long.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct SettingsTable {
    /// The dashboard reads everything again after this time, at least "5s". Watched files are read at
    /// once. Default: "60s".
    pub(super) refresh: Option<DurationText>,
    /// A provider's answer older than this is asked again. Default: "5m".
    pub(super) probe_every: Option<DurationText>,
    /// The longest that one probe may take. Default: "10s".
    pub(super) timeout: Option<DurationText>,
    /// Probes in flight. Default: 16.
    pub(super) concurrency: Option<NonZeroU16>,
    /// Probes in flight to one host. Default: 2.
    pub(super) in_flight_per_host: Option<NonZeroU16>,
    /// Probes started per second to one host. Default: 5.
    pub(super) requests_per_second: Option<NonZeroU32>,
    /// Refused keys in a row after which a host is left alone. Default: 10.
    pub(super) stop_after_refusals: Option<NonZeroU32>,
}

/// What fingerprints are made with.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct FingerprintTable {
    /// 64 hex digits, e.g. of `openssl rand -hex 32`. Not secret: whoever has the same salt gets the same
    /// fingerprints.
    #[schemars(extend("pattern" = "^[0-9A-Fa-f]{64}$"))]
    pub(super) salt: Option<String>,
}

/// A logical secret. It needs a `provider`, or `variables`, or both.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct CredentialTable {
    /// Id in the catalogue (`stalekey providers`). It brings variable names, address and key formats.
    /// Without one the keys are compared and never probed.
    pub(super) provider: Option<String>,
    /// Names of the variables that hold the key, the one that wins first. Default: the provider's.
    pub(super) variables: Option<Vec<String>>,
    /// Models that the key must be able to see.
    #[serde(default)]
    pub(super) models: Vec<String>,
    /// Who owns it.
    pub(super) owner: Option<String>,
    /// How old a key may become, such as "90d".
    pub(super) rotate_every: Option<DurationText>,
    /// Base address of a gateway or an own deployment: https, or http on this machine.
    pub(super) endpoint: Option<String>,
}

/// Where keys are used.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct EnvironmentTable {
    /// The key that is meant to be used, by credential.
    #[serde(default)]
    pub(super) expect: BTreeMap<String, ExpectTable>,
    /// Base address where a credential is asked in this environment, by credential.
    #[serde(default)]
    pub(super) endpoint: BTreeMap<String, String>,
}

/// Which key is meant to be used: exactly one of these.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct ExpectTable {
    /// Its last four characters, as the provider's dashboard shows them.
    #[schemars(length(min = 4, max = 4))]
    pub(super) last4: Option<String>,
    /// Its fingerprint, from `stalekey fingerprint` or the dashboard.
    pub(super) fingerprint: Option<String>,
    /// Name of the layer that holds it.
    pub(super) reference: Option<String>,
}

/// A place that credentials live in.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct LayerTable {
    /// Unique; what screens and other layers call it.
    pub(super) name: String,
    /// One of the environments above.
    pub(super) environment: String,
    /// The credentials it holds. Default: all of them.
    pub(super) credentials: Option<Vec<String>>,
    /// It need not hold them: what is not there is not missing.
    #[serde(default)]
    pub(super) optional: bool,
    /// Name of the layer that it takes its value from.
    pub(super) source: Option<String>,
    /// The command that makes it take a new value. Shown, never run.
    pub(super) restart: Option<String>,
    /// Who owns it.
    pub(super) owner: Option<String>,
    /// The machines it is read on, as `ssh` is told them, such as "web-1" or "ubuntu@10.0.0.5": instead
    /// of here, each a row. For the kinds dotenv, process and systemd.
    #[serde(default)]
    pub(super) hosts: Vec<String>,
    #[serde(flatten)]
    pub(super) kind: Kind,
}
