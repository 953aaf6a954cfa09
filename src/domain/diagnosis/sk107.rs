//! The inventory names no reader of a file, and the plausible ones disagree about the variable.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{edit_place, name, variable},
};
use crate::domain::{
    key::Key,
    reading::{OtherReading, State},
};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .rows()
        .filter(|(_, row)| !row.other_readings.is_empty())
        .map(|(index, row)| {
            let reader = row.evidence.reader.as_deref().unwrap_or("its reader");
            let because = row
                .evidence
                .reader_because
                .as_ref()
                .map_or_else(String::new, |because| format!(" ({because})"));
            let others: Vec<String> = row
                .other_readings
                .iter()
                .map(|OtherReading { reader, because, state }| {
                    format!("{reader} ({because}) {}", seen(state))
                })
                .collect();
            let place = edit_place(row).unwrap_or_else(|| "the file".to_owned());
            Finding {
                code: "SK107",
                severity: Severity::Warning,
                message: format!(
                    "Readers of {} disagree about `{}`: {reader}{because} {}; {}.",
                    name(row),
                    variable(row),
                    seen(&row.state),
                    others.join("; "),
                ),
                rows: vec![index],
                restart_helps: None,
                fixes: vec![
                    Fix::text(format!(
                        "say who reads it: `dialect = \"{reader}\"`, or another, in the layer"
                    )),
                    Fix::text(format!(
                        "or write {place} so that all agree: NAME=value, without quotes, spaces, \
                         `#`, `$` or a backslash"
                    )),
                ],
            }
        })
        .collect()
}

fn seen(state: &State<Key>) -> String {
    match state {
        State::Found(key) => format!("sees {}", key.label()),
        State::Empty => "sees nothing in it".to_owned(),
        State::Missing(_) => "does not see it".to_owned(),
        State::Unreadable(_) => "refuses the file".to_owned(),
        State::Opaque(reason) => format!("cannot be told: {}", reason.text()),
    }
}
