//! What the contract tells of a reading that was made elsewhere.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::elsewhere::Elsewhere;

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ElsewhereReport<'a> {
    /// When, RFC 3339, by the clock there.
    #[schemars(with = "String")]
    told_at: Timestamp,
    /// What the provider said there; no proof here.
    probe: Option<ToldProbeReport<'a>>,
    /// What a person should know or do about it.
    note: Option<&'a str>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ToldProbeReport<'a> {
    outcome: &'a str,
    /// RFC 3339.
    #[schemars(with = "Option<String>")]
    checked_at: Option<Timestamp>,
    endpoint: Option<&'a str>,
}

impl<'a> ElsewhereReport<'a> {
    pub(super) fn of(elsewhere: &'a Elsewhere) -> Self {
        Self {
            told_at: elsewhere.told_at,
            probe: elsewhere.probe.as_ref().map(|probe| ToldProbeReport {
                outcome: probe.outcome.name(),
                checked_at: probe.checked_at,
                endpoint: probe.endpoint.as_deref(),
            }),
            note: elsewhere.note.as_deref(),
        }
    }
}
