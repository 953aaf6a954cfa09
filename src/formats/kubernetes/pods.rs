//! Pods as a cluster shows them: who made them, which containers run, and since when.

use jiff::Timestamp;

use super::{manifests::Object, workload};
use crate::{domain::inert::inert, formats::tree::Node};

/// A container of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Name of the pod.
    pub name: String,
    /// Name of the container.
    pub container: String,
    /// The pod has other containers of the same workload.
    pub has_others: bool,
    /// The workload that made it: `deploy/api`.
    pub workload: Option<String>,
    /// The workload replaces its pods at the moment.
    pub rolling_out: bool,
    /// Whether the container runs.
    pub state: PodState,
}

/// Whether a container runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PodState {
    /// Since then.
    Running(Timestamp),
    /// It does not, in the cluster's word for why: `CrashLoopBackOff`.
    NotRunning(String),
}

/// The workload made the pod, perhaps through something between them.
pub(super) fn owns(workload: &Object<'_>, pod: &Node) -> bool {
    let Some(owner) = controller(pod) else { return false };
    let (kind, name) = (owner.word("kind"), owner.word("name").unwrap_or_default());
    let through_replicas = match workload.kind {
        "Deployment" | "Rollout" | "Service" => kind == Some("ReplicaSet"),
        // Its Jobs come and go, and each takes what is there.
        "CronJob" => return false,
        own => return kind == Some(own) && name == workload.name,
    };
    through_replicas && is_selected(workload.node, pod) && name.starts_with(workload.name)
}

/// What made it would make another in its place.
pub(super) fn has_controller(pod: &Node) -> bool {
    controller(pod).is_some()
}

fn controller(pod: &Node) -> Option<&Node> {
    let owners = pod.get("metadata")?.list("ownerReferences");
    owners.iter().find(|owner| owner.is_on("controller"))
}

/// The pod has all labels that the workload goes by.
fn is_selected(workload: &Node, pod: &Node) -> bool {
    let labels = pod.at("metadata/labels");
    let wanted = workload.at("spec/selector/matchLabels").map_or(&[][..], Node::entries);
    wanted.iter().all(|(name, value)| {
        labels.and_then(|labels| labels.get(name)).and_then(Node::as_name) == value.as_name()
    })
}

/// How many pods the workload wants.
pub(super) fn wanted(workload: &Node) -> u64 {
    let replicas = number(workload, "spec/replicas");
    let scheduled = number(workload, "status/desiredNumberScheduled");
    // Without a number of replicas it is one, unless a node each is meant, or a run of a Job.
    match workload.word("kind") {
        Some("Deployment" | "StatefulSet" | "ReplicaSet" | "ReplicationController" | "Rollout") => {
            replicas.unwrap_or(1)
        }
        Some("DaemonSet") => scheduled.unwrap_or(0),
        _ => 0,
    }
}

fn is_rolling_out(workload: &Node) -> bool {
    let seen = number(workload, "status/observedGeneration");
    let is_unseen = number(workload, "metadata/generation").is_some_and(|own| Some(own) > seen);
    let has = number(workload, "status/replicas");
    let has = has.or_else(|| number(workload, "status/currentNumberScheduled")).unwrap_or(0);
    let updated = number(workload, "status/updatedReplicas");
    let updated = updated.or_else(|| number(workload, "status/updatedNumberScheduled"));
    seen.is_some() && (is_unseen || updated.unwrap_or(0) < has.max(wanted(workload)))
}

fn number(node: &Node, path: &str) -> Option<u64> {
    node.at(path)?.as_name()?.parse().ok()
}

/// A pod's template has a container of that name.
pub(super) fn has_container(template: &Node, name: &str) -> bool {
    let containers = ["initContainers", "containers"].iter().flat_map(|field| template.list(field));
    containers.into_iter().any(|container| container.word("name") == Some(name))
}

/// A container of a pod, unless it has done its work.
pub(super) fn pod(object: &Object<'_>, owner: Option<&Object<'_>>, name: &str) -> Option<Pod> {
    let status = object.node.get("status");
    let phase = status.and_then(|status| status.word("phase")).unwrap_or("Unknown");
    if matches!(phase, "Succeeded" | "Failed") {
        return None;
    }
    let of = |field: &str| {
        let statuses = status.map_or(&[][..], |status| status.list(field));
        statuses.iter().find(|status| status.word("name") == Some(name))
    };
    let template = owner.and_then(workload::pod).or_else(|| object.node.get("spec"));
    let is_init = template.is_some_and(|template| {
        template.list("initContainers").iter().any(|one| one.word("name") == Some(name))
    });
    let field = if is_init { "initContainerStatuses" } else { "containerStatuses" };
    let state = match of(field).and_then(|status| status.get("state")) {
        Some(state) => container_state(state, is_init)?,
        None if is_init => return None,
        None => PodState::NotRunning(phase.to_owned()),
    };
    let is_leaving = object.node.at("metadata/deletionTimestamp").is_some();
    let containers = template.map_or(0, |template| template.list("containers").len());
    Some(Pod {
        name: inert(object.name),
        container: inert(name),
        has_others: containers > 1 || is_init,
        workload: owner.map(|owner| inert(&workload::named(owner))),
        rolling_out: is_leaving || owner.is_some_and(|owner| is_rolling_out(owner.node)),
        state,
    })
}

/// An init container that has ended is done.
fn container_state(state: &Node, is_init: bool) -> Option<PodState> {
    if let Some(running) = state.get("running") {
        let at = running.word("startedAt").and_then(|at| at.parse().ok());
        return Some(at.map_or_else(
            || PodState::NotRunning("it does not say since when it runs".to_owned()),
            PodState::Running,
        ));
    }
    if is_init {
        return None;
    }
    let reason =
        ["waiting", "terminated"].iter().find_map(|field| state.get(field)?.word("reason"));
    Some(PodState::NotRunning(inert(reason.unwrap_or("no reason is given"))))
}
