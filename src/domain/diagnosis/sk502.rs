//! The user may not read the layer.

use super::{
    Finding, Fix, Scene, Severity,
    scene::{in_brackets, name},
};
use crate::domain::{
    layer::LayerKind,
    reading::{State, UnreadableKind},
};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene
        .rows()
        .filter_map(|(index, row)| match &row.state {
            State::Unreadable(why) if why.kind == UnreadableKind::NoPermission => {
                Some((index, row, why))
            }
            _ => None,
        })
        .map(|(index, row, why)| {
            let place = in_brackets(why.place.as_ref().or(row.place.as_ref()));
            let process = row.evidence.process.as_ref();
            let of_process = process.and_then(|process| process.remedy.clone());
            let fix = match why.remedy.clone().or(of_process) {
                Some(remedy) => remedy,
                None if row.kind == LayerKind::Process => "run stalekey as root".to_owned(),
                None => "run stalekey as the user who may read it".to_owned(),
            };
            Finding {
                code: "SK502",
                severity: Severity::Warning,
                message: format!("No permission to read {}{place}: {}.", name(row), why.detail),
                rows: vec![index],
                restart_helps: None,
                fixes: vec![Fix::text(fix)],
            }
        })
        .collect()
}
