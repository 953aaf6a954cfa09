//! The pod behind a row, in the contract.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::running::PodFacts;

/// The pod behind a row.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PodReport<'a> {
    /// Its name.
    name: &'a str,
    /// The container in it.
    container: &'a str,
    /// The workload that made it: `deploy/api`.
    #[serde(skip_serializing_if = "Option::is_none")]
    workload: Option<&'a str>,
    /// Its namespace.
    namespace: &'a str,
    /// The context of `kubectl` that it was found through.
    context: &'a str,
    /// The workload was replacing its pods.
    rolling_out: bool,
}

impl<'a> PodReport<'a> {
    pub(super) fn of(pod: &'a PodFacts) -> Self {
        let PodFacts { name, container, workload, namespace, context, rolling_out } = pod;
        let workload = workload.as_deref();
        Self { name, container, workload, namespace, context, rolling_out: *rolling_out }
    }
}
