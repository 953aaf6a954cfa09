//! Reading failed; "unreadable" is never "absent" (SECURITY R6).

use super::{
    Finding, Fix, Scene, Severity,
    scene::{in_brackets, name},
};
use crate::domain::{
    reading::{State, Unreadable, UnreadableKind},
    snapshot::Row,
};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .rows()
        .filter_map(|(index, row)| match &row.state {
            State::Unreadable(why) if why.kind != UnreadableKind::NoPermission => {
                Some((index, row, why))
            }
            _ => None,
        })
        .map(|(index, row, why)| {
            let place = in_brackets(why.place.as_ref().or(row.place.as_ref()));
            // Its consumer fails as well; everything else only keeps stalekey from judging.
            let severity = match why.kind {
                UnreadableKind::Refused => Severity::Error,
                _ => Severity::Warning,
            };
            Finding {
                code: "SK501",
                severity,
                message: format!("{} could not be read{place}: {}.", name(row), why.detail),
                rows: vec![index],
                restart_helps: None,
                fixes: vec![Fix::text(
                    why.remedy.clone().unwrap_or_else(|| next_step(row, why).to_owned()),
                )],
            }
        })
        .collect()
}

fn next_step(row: &Row, why: &Unreadable) -> &'static str {
    match why.kind {
        UnreadableKind::WrongFormat if row.running => {
            "correct `match` in the inventory, or the file it names"
        }
        UnreadableKind::NotAFile => "point the layer at the regular file that the consumer reads",
        UnreadableKind::TooLarge => "check the path; no file of this kind is that large",
        UnreadableKind::Changed => "check again when nothing writes the file",
        UnreadableKind::Refused if names_a_line(why) => {
            "mend that line; until then the consumer loads nothing"
        }
        UnreadableKind::Refused => "mend that; until then the consumer loads nothing",
        UnreadableKind::WrongFormat => "export it again in a form that is known, or name its kind",
        UnreadableKind::TimedOut => "check the file system it is on",
        UnreadableKind::Unsupported => "run stalekey on the machine where this can be read",
        UnreadableKind::System | UnreadableKind::NoPermission => "check the path and try again",
    }
}

fn names_a_line(why: &Unreadable) -> bool {
    why.place.as_ref().is_some_and(|place| place.position.is_some())
}
