//! What the history keeps of a row: fingerprints, masks and facts, never a key (SECURITY P6).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{
    key::KeyFacts, layer::Instance, reading::State, rotation::Member, snapshot::Row,
};

/// A key, as the history names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedKey {
    /// Its exported fingerprint; none of a value without a known format (SECURITY F3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Its mask.
    pub mask: String,
}

impl From<&KeyFacts> for RecordedKey {
    fn from(key: &KeyFacts) -> Self {
        Self { fingerprint: key.exported.clone(), mask: key.mask.clone() }
    }
}

/// One row at one time. Words of the contract are kept as text, so that a history of another version
/// can still be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// The layer.
    #[serde(flatten)]
    pub member: Member,
    /// Which row of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<Instance>,
    /// Kind of the layer.
    pub kind: String,
    /// Where its value stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// `found`, `empty`, `missing`, `unreadable` or `opaque`.
    pub state: String,
    /// The key, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<RecordedKey>,
    /// What was true of it.
    pub verdict: String,
    /// How sure that was.
    pub certainty: String,
    /// Why, in one sentence.
    pub reason: String,
    /// What the provider said of the key.
    pub outcome: String,
    /// When it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<Timestamp>,
    /// Since when it holds what it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Who owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

impl From<&Row> for Recorded {
    fn from(row: &Row) -> Self {
        Self {
            member: Member::of(&row.identity),
            instance: row.identity.instance.clone(),
            kind: row.kind.name().to_owned(),
            place: row
                .place
                .as_ref()
                .and_then(|place| place.path.is_some().then(|| place.to_string())),
            state: row.state.name().to_owned(),
            key: match &row.state {
                State::Found(key) => Some(RecordedKey::from(&**key)),
                _ => None,
            },
            verdict: row.verdict.name().to_owned(),
            certainty: row.certainty.name().to_owned(),
            reason: row.reason.clone(),
            outcome: row.probe.outcome.name().to_owned(),
            checked_at: row.probe.checked_at,
            since: row.since(),
            owner: row.owner.clone(),
        }
    }
}
