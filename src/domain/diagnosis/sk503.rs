//! There is a value, and nothing from here can tell which.

use super::{Finding, Fix, Scene, Severity, scene::name};
use crate::domain::{
    reading::{OpaqueReason, Rank, State},
    snapshot::Row,
    verdict::Verdict,
};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = hidden(scene);
    findings.extend(untrusted(scene));
    findings
}

/// One for all of them: one answer of a person ends it.
fn untrusted(scene: &Scene<'_>) -> Option<Finding> {
    let rows: Vec<usize> =
        scene.rows().filter(|(_, row)| is_untrusted(row)).map(|(index, _)| index).collect();
    let first = scene.rows().find(|(_, row)| is_untrusted(row)).map(|(_, row)| name(row))?;
    let reason = OpaqueReason::Untrusted;
    let message = match rows.len() {
        1 => format!("{first} cannot be judged: {}.", reason.text()),
        count => format!("{first} and {} more cannot be judged: {}.", count - 1, reason.text()),
    };
    Some(Finding {
        code: "SK503",
        severity: Severity::Note,
        message,
        rows,
        restart_helps: None,
        fixes: vec![Fix::text(next_step(reason))],
    })
}

fn is_untrusted(row: &Row) -> bool {
    row.verdict == Verdict::Unproven && row.state == State::Opaque(OpaqueReason::Untrusted)
}

fn hidden(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .rows()
        // What a search of its memory leaves open, SK218 says.
        .filter(|(_, row)| row.verdict == Verdict::Unproven && row.rank != Rank::Memory)
        .filter(|(_, row)| !is_untrusted(row))
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
        OpaqueReason::Untrusted => {
            "read what it asks for with `stalekey trust`, or `t` in the dashboard, and decide"
        }
        OpaqueReason::NotAsked => {
            "`secrets = \"read\"` on the layer compares the value; until then times are compared"
        }
        OpaqueReason::NotAllowed => {
            "ask for the verb `get` on it: `kubectl auth can-i get secrets` says when you have it"
        }
        OpaqueReason::FixedAtStart => "roll its workload out, so that it starts again",
        OpaqueReason::OtherSalt => {
            "give both inventories the same `salt`, or both the same team key, and report again"
        }
        OpaqueReason::NoFingerprint => {
            "give both sides the same team key (`STALEKEY_FP_KEY`), and report again"
        }
        OpaqueReason::NotDecidedThere => "install stalekey on that machine for a sure answer",
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
