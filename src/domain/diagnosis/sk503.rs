//! There is a value, and nothing from here can tell which.

use super::{Finding, Fix, Scene, Severity, scene::name};
use crate::domain::{
    reading::{OpaqueReason, State},
    snapshot::Row,
    verdict::Verdict,
};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .rows()
        .filter(|(_, row)| row.verdict == Verdict::Unproven)
        .filter_map(|(index, row)| match &row.state {
            State::Opaque(reason) => Some((index, row, *reason)),
            _ => None,
        })
        .map(|(index, row, reason)| Finding {
            code: "SK503",
            severity: Severity::Note,
            message: format!("{} cannot be judged: {}.", name(row), reason.text()),
            rows: vec![index],
            restart_helps: None,
            fixes: vec![Fix::text(next_step(reason))]
                .into_iter()
                .chain(remedy(row).map(Fix::text))
                .collect(),
        })
        .collect()
}

/// What would tell more of a process or a container.
fn remedy(row: &Row) -> Option<&str> {
    let process = row.evidence.process.as_ref().and_then(|process| process.remedy.as_deref());
    process.or_else(|| row.own_container()?.remedy.as_deref())
}

const fn next_step(reason: OpaqueReason) -> &'static str {
    match reason {
        OpaqueReason::WriteOnly | OpaqueReason::Hidden => {
            "name its `source`, so that its time of update can be compared"
        }
        OpaqueReason::Dynamic
        | OpaqueReason::Reference
        | OpaqueReason::Conditional
        | OpaqueReason::Elsewhere => "add the place the value comes from as a layer of its own",
        OpaqueReason::Untrusted => "trust the inventory",
        OpaqueReason::NotAsked => {
            "`secrets = \"read\"` on the layer compares the value; until then times are compared"
        }
        OpaqueReason::NotAllowed => {
            "ask for the verb `get` on it: `kubectl auth can-i get secrets` says when you have it"
        }
        OpaqueReason::FixedAtStart => "roll its workload out, so that it starts again",
        OpaqueReason::NotInLaunchEnvironment
        | OpaqueReason::NotInLiveEnvironment
        | OpaqueReason::NotInContainerEnvironment
        | OpaqueReason::GivenLater
        | OpaqueReason::NotKept
        | OpaqueReason::Erased
        | OpaqueReason::NotShown => {
            "name the file it loads as its `source`, so that times can be compared"
        }
    }
}
