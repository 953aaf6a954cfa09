//! A process has another key in memory beside the expected one: a client that was built before may
//! go on using it.

use super::{
    Finding, Scene, Severity,
    old_process::restart,
    scene::{name, sends_another},
};
use crate::domain::{
    fingerprint::Fingerprint,
    memory::{Memory, Sent},
    reading::Rank,
    snapshot::Row,
    verdict::Verdict,
};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .rows()
        .filter_map(|(index, row)| {
            let (message, severity) = match (row.verdict, row.rank) {
                _ if sends_another(row) => (sends(row)?, Severity::Error),
                // What is beside the key that it sends is left over.
                (Verdict::Current | Verdict::Unproven, rank) if rank != Rank::Sent => said(row)?,
                _ => return None,
            };
            Some(Finding {
                code: "SK218",
                severity,
                message,
                rows: vec![index],
                restart_helps: row.after_restart().and_then(|restart| restart.helps),
                fixes: vec![restart(scene, row, "restart it, which leaves only the new one")],
            })
        })
        .collect()
}

/// What it sends, though its environment holds the expected key.
fn sends(row: &Row) -> Option<String> {
    let search = row.evidence.memory.as_ref().and_then(Memory::search)?;
    let what = match search.sent()? {
        Sent::Key(key) => format!("the key {} ({} fresh copies)", key.label, key.fresh),
        Sent::Unknown(fresh) => format!("a key that no layer holds ({fresh} fresh copies)"),
        Sent::Nothing | Sent::Undecided => return None,
    };
    Some(format!(
        "{} is sending {what}, while its environment has the expected one: its client was built \
         before the change.",
        name(row)
    ))
}

/// What stands beside the expected key.
fn said(row: &Row) -> Option<(String, Severity)> {
    let search = row.evidence.memory.as_ref().and_then(Memory::search)?;
    let expected: Fingerprint = row.expected.as_ref()?.fingerprint?;
    let holds = row.key().is_some_and(|key| key.fingerprint == expected)
        || search.copies(expected).is_some_and(|copies| copies > 0);
    if !holds {
        return None;
    }
    let tail = "a client that was built before the change may go on using it";
    let who = name(row);
    if let Some(other) = search.others(Some(expected)).next() {
        let copies = match other.copies {
            1 => "one copy".to_owned(),
            copies => format!("{copies} copies"),
        };
        let message = format!(
            "{who} still has {} in its memory ({copies}) beside the expected key; {tail}, or it is \
             left over.",
            other.label
        );
        return Some((message, Severity::Warning));
    }
    let unknown = search.unknown.filter(|unknown| *unknown > 0)?;
    let (keys, it) = match unknown {
        1 => ("a key".to_owned(), "it"),
        many => (format!("{many} keys"), "one of them"),
    };
    let message = format!(
        "{who} has {keys} of the same form in its memory that no layer holds, beside the expected \
         one; a client that was built before the change may go on using {it}."
    );
    Some((message, Severity::Note))
}
