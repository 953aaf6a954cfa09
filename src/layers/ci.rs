//! An exported variable list of a CI platform.

use super::{
    Surroundings,
    dotenv::{in_file, keep_newest},
    open::{DOCUMENT_CAP, Failure, open},
    resolve::{Absence, Found},
};
use crate::{
    domain::{
        inert::inert,
        place::Place,
        reading::{Evidence, MissingReason, Unreadable, UnreadableKind},
    },
    formats::ci::{Platform, parse, select},
};

pub(super) fn read(
    path: &str,
    platform: Option<&str>,
    scope: Option<&str>,
    surroundings: &Surroundings,
) -> Vec<Found> {
    let place = Place::file(inert(path));
    let mut evidence = Evidence { files: vec![inert(path)], ..Evidence::default() };
    let found = |contents, evidence| {
        vec![Found { place: Some(place.clone()), evidence, ..Found::configured(contents) }]
    };
    let opened = match open(&surroundings.file(path), DOCUMENT_CAP) {
        Ok(opened) => opened,
        Err(Failure::Absent) => {
            return found(Err(Absence::Missing(MissingReason::FileAbsent)), evidence);
        }
        Err(Failure::Unreadable(why)) => {
            return found(Err(Absence::Unreadable(why.at(place.clone()))), evidence);
        }
    };
    keep_newest(&mut evidence, &opened);
    let platform = platform.and_then(Platform::from_name);
    match parse(platform, &opened.bytes) {
        Ok(export) => {
            evidence.reader = Some(export.platform.name().to_owned());
            evidence.exported = true;
            let updated_at = export
                .entries
                .iter()
                .filter_map(|entry| Some((entry.occurrence.variable.clone(), entry.updated_at?)))
                .collect();
            let contents = in_file(select(&export, scope), path);
            vec![Found {
                place: Some(place),
                evidence,
                updated_at,
                ..Found::configured(Ok(contents))
            }]
        }
        Err(refusal) => {
            let at = Place { path: Some(inert(path)), position: refusal.position };
            let why = Unreadable::new(UnreadableKind::WrongFormat, refusal.reason).at(at);
            found(Err(Absence::Unreadable(why)), evidence)
        }
    }
}
