//! What starting something again would load.

use schemars::JsonSchema;
use serde::Serialize;

use super::KeyReport;
use crate::domain::restart::Prediction;

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PredictionReport<'a> {
    /// save_source, reload, restart, update_env, recreate, daemon_reload_and_restart or roll_out.
    action: &'static str,
    /// key, nothing or unknown.
    gives: &'static str,
    /// Null unless it gives a key.
    key: Option<KeyReport<'a>>,
    /// Whether that is the expected key; null where either is not known.
    helps: Option<bool>,
    /// Why, in a clause.
    because: &'a str,
}

impl<'a> PredictionReport<'a> {
    pub(super) fn of(prediction: &'a Prediction) -> Self {
        Self {
            action: prediction.action.name(),
            gives: prediction.gives.name(),
            key: prediction.gives.key().map(KeyReport::of),
            helps: prediction.helps,
            because: &prediction.because,
        }
    }
}
