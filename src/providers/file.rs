//! The language of a provider's file. The types are the language: a field that is not here is a
//! mistake of the file.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::domain::outcome::{Confidence, Outcome};

/// Outcomes that an answer can mean; the others are made without one.
pub(crate) const JUDGEMENTS: [Outcome; 16] = [
    Outcome::Alive,
    Outcome::AliveRestricted,
    Outcome::AliveNoQuota,
    Outcome::AliveRateLimited,
    Outcome::Dead,
    Outcome::AccountDisabled,
    Outcome::Missing,
    Outcome::WrongOrg,
    Outcome::WrongProject,
    Outcome::WrongRegion,
    Outcome::WrongEndpoint,
    Outcome::BlockedIp,
    Outcome::BlockedRegion,
    Outcome::Blocked,
    Outcome::UnknownRetry,
    Outcome::Unknown,
];

/// The words are the domain's; only the schema is added here, since the domain knows no schemas.
fn judgements(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": JUDGEMENTS.map(Outcome::name) })
}

fn confidences(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": Confidence::ALL.map(Confidence::name) })
}

/// Everything that is known of one provider.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderFile {
    /// What an inventory calls it.
    pub(crate) id: String,
    /// What people call it.
    pub(crate) name: String,
    /// Several providers of one vendor are not foreign to each other; the id when absent.
    pub(crate) vendor: Option<String>,
    /// How well the whole file is supported.
    #[schemars(schema_with = "confidences")]
    pub(crate) confidence: Confidence,
    /// Where the facts come from, by a short name that rows cite.
    #[serde(default)]
    pub(crate) sources: BTreeMap<String, String>,
    /// Variables that hold the key, in the order in which clients prefer them.
    #[serde(default)]
    pub(crate) variables: Vec<String>,
    /// Variables that hold the organisation of a request.
    #[serde(default)]
    pub(crate) organisation_variables: Vec<String>,
    /// Variables that hold the project of a request.
    #[serde(default)]
    pub(crate) project_variables: Vec<String>,
    /// Variables that move an application to another base URL.
    #[serde(default)]
    pub(crate) base_url_variables: Vec<String>,
    /// The base URL; absent where it is the user's own and the inventory has to name it.
    pub(crate) endpoint: Option<String>,
    /// Further base URLs of the provider, each with the name that its region variable or its people
    /// have for it. A layer that names one of them is asked about there.
    #[serde(default)]
    pub(crate) regions: BTreeMap<String, String>,
    /// Each region knows its own keys only, and refuses those of the others as it refuses a deleted
    /// one: a refusal judges a key only where the region is known.
    #[serde(default)]
    pub(crate) regions_apart: bool,
    /// Values that a request needs beside the key.
    #[serde(default)]
    pub(crate) companions: Vec<CompanionEntry>,
    /// Providers whose answers may come from an endpoint that is not this provider's own: gateways
    /// that speak its protocol and have answers of their own.
    #[serde(default)]
    pub(crate) gateways: Vec<String>,
    /// Where a person manages keys.
    pub(crate) dashboard: Option<String>,
    /// How a key is replaced there, for people.
    pub(crate) rotation: Option<String>,
    /// Why there is no probe, for people.
    pub(crate) no_probe: Option<String>,
    /// A server that also takes keys of other formats, e.g. one that only speaks the protocol.
    #[serde(default)]
    pub(crate) accepts_other_formats: bool,
    /// What every key of the provider starts with, whatever follows.
    #[serde(default)]
    pub(crate) prefixes: Vec<String>,
    /// Formats of its keys.
    #[serde(default)]
    pub(crate) shapes: Vec<ShapeEntry>,
    /// The request that judges a key; absent where there is none without side effects.
    pub(crate) probe: Option<ProbeEntry>,
    /// The answer that accepts it.
    pub(crate) success: Option<SuccessEntry>,
    /// The provider's own codes.
    pub(crate) codes: Option<CodesEntry>,
    /// Where the models stand that the key can see.
    pub(crate) models: Option<ModelsEntry>,
    /// What else an accepted answer tells of the key and its owner. None of it is kept; who sends a
    /// key through a proxy wants to know.
    #[serde(default)]
    pub(crate) tells: Vec<String>,
    /// Where an answer repeats the key that the server received, masked.
    #[serde(default)]
    pub(crate) echoes: Vec<EchoEntry>,
    /// What the other answers mean; the first row that matches decides.
    #[serde(default)]
    pub(crate) answers: Vec<AnswerEntry>,
    /// Rows that many providers have in common; they follow the file's own.
    #[serde(default)]
    pub(crate) usual: Vec<Usual>,
}

/// A value that a request needs beside the key, like the id of an account. It is an identifier and
/// no secret: it may stand in an address.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompanionEntry {
    /// What `{name}` stands for in the probe's `path` and `username`.
    pub(crate) name: String,
    /// Variables that hold it, first defined wins.
    pub(crate) variables: Vec<String>,
    /// The whole value, from `^` to `$`; nothing else is taken for one.
    pub(crate) pattern: String,
}

/// Where an answer repeats the key that the server received.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EchoEntry {
    /// The text that holds it.
    pub(crate) pointer: String,
    /// What stands before it.
    pub(crate) after: String,
    /// Only its last characters are the key's own.
    #[serde(default)]
    pub(crate) only_end: bool,
}

/// Rows that many providers have in common, see `assets/usual_answers.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Usual {
    /// 403: authenticated, not allowed.
    Forbidden,
    /// 404 that names a model: authenticated.
    NoModel,
    /// 402: authenticated, to be paid.
    Payment,
    /// 429: authenticated, throttled.
    Throttled,
}

impl Usual {
    /// The table's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden",
            Self::NoModel => "no_model",
            Self::Payment => "payment",
            Self::Throttled => "throttled",
        }
    }
}

/// One format of a key.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShapeEntry {
    /// What it is called, unique in the file.
    pub(crate) name: String,
    /// The text it starts with, which is public (SECURITY M). Without one the format counts only
    /// where this provider is assigned, and the file says so by `assigned_only`.
    #[serde(default)]
    pub(crate) prefix: String,
    /// Others have keys like it: it counts only where this provider is assigned.
    #[serde(default)]
    pub(crate) assigned_only: bool,
    /// The whole key, from `^` to `$`.
    pub(crate) pattern: String,
    /// The lengths that occur, in bytes; empty when they are not known.
    #[serde(default)]
    pub(crate) lengths: Vec<usize>,
    /// What the provider's own dashboard shows of a key besides the prefix.
    pub(crate) hint: Option<HintEntry>,
    /// Why values of this form are never asked about, for people.
    pub(crate) unprobed: Option<String>,
    /// How their probe differs from the provider's.
    pub(crate) probe: Option<VariantEntry>,
}

/// How the probe of one format differs from the provider's; what is absent does not.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VariantEntry {
    /// Path and query after the base URL.
    pub(crate) path: Option<String>,
    /// The header that carries the key.
    pub(crate) header: Option<String>,
    /// How it stands there.
    pub(crate) scheme: Option<Scheme>,
    /// The user of `basic`.
    pub(crate) username: Option<String>,
    /// Further fixed headers.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
}

/// What a dashboard shows of a key.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HintEntry {
    /// Characters after the prefix.
    pub(crate) head: usize,
    /// Last characters.
    pub(crate) tail: usize,
}

/// HTTP methods without side effects at the providers that need them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
pub enum Method {
    /// Reads.
    #[default]
    #[serde(rename = "GET")]
    Get,
    /// Reads too, where a provider has no other way (GraphQL).
    #[serde(rename = "POST")]
    Post,
}

impl Method {
    /// As it stands in a request.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// How the key stands in its header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// The key alone.
    #[default]
    Raw,
    /// `Bearer KEY`.
    Bearer,
    /// `Token KEY`.
    Token,
    /// `Basic`, the key as the password.
    Basic,
}

impl Scheme {
    /// The word before the key; empty when it stands alone.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "",
            Self::Bearer => "Bearer",
            Self::Token => "Token",
            Self::Basic => "Basic",
        }
    }
}

/// The request that judges a key.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProbeEntry {
    /// `GET` when absent.
    #[serde(default)]
    pub(crate) method: Method,
    /// Path and query after the base URL; `{name}` stands for a companion.
    pub(crate) path: String,
    /// A fixed body; never anything of the key (SECURITY H5).
    pub(crate) body: Option<String>,
    /// The header that carries the key.
    pub(crate) header: String,
    /// How it stands there.
    #[serde(default)]
    pub(crate) scheme: Scheme,
    /// The user of `basic`; `{name}` stands for a companion.
    #[serde(default)]
    pub(crate) username: String,
    /// Fixed headers.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// The header that carries the organisation.
    pub(crate) organisation_header: Option<String>,
    /// The header that carries the project.
    pub(crate) project_header: Option<String>,
}

/// The answer that accepts a key: status *and* body, since a portal answers 200 too.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SuccessEntry {
    /// The status.
    pub(crate) status: u16,
    /// What the answer has to show.
    pub(crate) when: Condition,
    /// What it means, for people.
    pub(crate) meaning: Option<String>,
    /// What to do, for people.
    pub(crate) advice: Option<String>,
    /// Which of the file's `sources` it comes from.
    pub(crate) source: Option<String>,
}

/// The provider's own codes: a closed set, so that nothing else of an answer is ever kept.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodesEntry {
    /// Where they stand; the first that holds a known one decides.
    pub(crate) pointers: Vec<String>,
    /// Those that may be kept.
    pub(crate) known: Vec<String>,
}

/// Where the models stand that a key can see.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelsEntry {
    /// Path and query with the page limit lifted; that of the probe when absent.
    pub(crate) path: Option<String>,
    /// The list, in the answer.
    pub(crate) list: String,
    /// The id, in an entry of the list.
    pub(crate) id: String,
    /// What stands before the id as people write it.
    #[serde(default)]
    pub(crate) id_prefix: String,
    /// Set where the list goes on at another page; then nothing is said to be missing.
    pub(crate) more: Option<String>,
}

/// One row of the table of answers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswerEntry {
    /// The status: a number, or a class like `5xx`.
    pub(crate) status: Status,
    /// What the answer has to show besides; the status alone when absent.
    pub(crate) when: Option<Condition>,
    /// What it means.
    #[schemars(schema_with = "judgements")]
    pub(crate) outcome: Outcome,
    /// The same for people.
    pub(crate) meaning: Option<String>,
    /// What to do, for people.
    pub(crate) advice: Option<String>,
    /// The row counts for keys of these shapes only.
    #[serde(default)]
    pub(crate) only: Vec<String>,
    /// Texts, the first of which that the body contains stands for `{mentioned}`; the hosts of the
    /// `regions` when there are none.
    #[serde(default)]
    pub(crate) mentions: Vec<String>,
    /// Stands for `{mentioned}` when the body contains none of them.
    #[serde(default)]
    pub(crate) unmentioned: String,
    /// The row also judges a key by a body that is no JSON.
    #[serde(default)]
    pub(crate) any_body: bool,
    /// Which of the file's `sources` it comes from.
    pub(crate) source: Option<String>,
    /// How well this row is supported, when not like the file.
    #[schemars(schema_with = "confidences")]
    #[serde(default)]
    pub(crate) confidence: Option<Confidence>,
}

/// A status, or a class of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Status {
    /// `401`.
    Exact(u16),
    /// `"5xx"`.
    Class(String),
}

impl Status {
    /// The first digit of a class.
    pub(crate) fn class(&self) -> Option<u16> {
        let Self::Class(text) = self else { return None };
        match text.as_str() {
            "2xx" => Some(2),
            "3xx" => Some(3),
            "4xx" => Some(4),
            "5xx" => Some(5),
            _ => None,
        }
    }

    pub(crate) fn matches(&self, status: u16) -> bool {
        match self {
            Self::Exact(exact) => *exact == status,
            Self::Class(_) => self.class() == Some(status / 100),
        }
    }
}

/// What an answer has to show. Exactly one of `pointer`, `body_contains`, `header`,
/// `content_type`, `any` and `all`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Condition {
    /// A place in the JSON body (RFC 6901); a step `*` is every entry of an array. With `equals`,
    /// `one_of` or `exists`.
    pub(crate) pointer: Option<String>,
    /// The value there, or of the header.
    pub(crate) equals: Option<Scalar>,
    /// The values that may stand there.
    pub(crate) one_of: Option<Vec<Scalar>>,
    /// Whether there is one that is not null.
    pub(crate) exists: Option<bool>,
    /// One of these texts stands in the body.
    pub(crate) body_contains: Option<Vec<String>>,
    /// A header of the answer. With `equals`, `one_of` or `exists`.
    pub(crate) header: Option<String>,
    /// The content type contains this.
    pub(crate) content_type: Option<String>,
    /// One of these holds.
    pub(crate) any: Option<Vec<Condition>>,
    /// All of these hold.
    pub(crate) all: Option<Vec<Condition>>,
}

/// A value to compare with. Numbers and texts of the same digits are equal: servers differ.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Scalar {
    /// `true`.
    Boolean(bool),
    /// `401`.
    Number(i64),
    /// `"invalid_api_key"`.
    Text(String),
}
