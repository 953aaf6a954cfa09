//! Containers in the contract for programs.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::container::{ComposeLabels, ContainerFacts, Linked, Pinned};

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ContainerReport<'a> {
    id: &'a str,
    name: &'a str,
    /// docker or podman.
    engine: &'static str,
    image: &'a str,
    /// What the engine calls it: running, exited, restarting …
    state: &'a str,
    /// Its environment is as old as this.
    #[schemars(with = "Option<String>")]
    created_at: Option<Timestamp>,
    /// What Compose wrote onto it.
    compose: Option<ComposeReport<'a>>,
    /// The layer it takes its value from, where the inventory names none.
    linked: Option<LinkedReport<'a>>,
    /// Files that are mounted one by one, and were replaced since.
    pinned: Vec<PinnedReport<'a>>,
    /// What a person has to do to learn more than this row says.
    remedy: Option<&'a str>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ComposeReport<'a> {
    project: &'a str,
    service: &'a str,
    /// Which of the service's containers it is.
    number: Option<u32>,
    /// The compose files, as absolute paths where Compose was run.
    files: &'a [String],
    /// The project's folder there.
    folder: Option<&'a str>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct LinkedReport<'a> {
    layer: &'a str,
    /// How that is known.
    because: &'a str,
}

#[derive(Debug, Serialize, JsonSchema)]
struct PinnedReport<'a> {
    /// The file on the host.
    source: &'a str,
    /// Where the container sees it.
    target: &'a str,
}

impl<'a> ContainerReport<'a> {
    pub(super) fn of(facts: &'a ContainerFacts) -> Self {
        let linked = |Linked { layer, because }: &'a Linked| LinkedReport { layer, because };
        let pinned = |Pinned { source, target }: &'a Pinned| PinnedReport { source, target };
        Self {
            id: &facts.id,
            name: &facts.name,
            engine: facts.engine.name(),
            image: &facts.image,
            state: &facts.state,
            created_at: facts.created_at,
            compose: facts.compose.as_ref().map(ComposeReport::of),
            linked: facts.linked.as_ref().map(linked),
            pinned: facts.pinned.iter().map(pinned).collect(),
            remedy: facts.remedy.as_deref(),
        }
    }
}

impl<'a> ComposeReport<'a> {
    fn of(labels: &'a ComposeLabels) -> Self {
        Self {
            project: &labels.project,
            service: &labels.service,
            number: labels.number,
            files: &labels.files,
            folder: labels.folder.as_deref(),
        }
    }
}
