//! A file that a shell or a login reads: read, never executed (SECURITY R4).

use super::{
    Surroundings,
    dotenv::{in_file, keep_newest},
    open::{Failure, LINES_CAP, open},
    resolve::{Absence, Found},
};
use crate::{
    domain::{inert::inert, place::Place, reading::Evidence, reading::MissingReason},
    formats::shell::{Shell, parse},
};

pub(super) fn read(path: &str, shell: Option<&str>, surroundings: &Surroundings) -> Vec<Found> {
    let shell = shell.and_then(Shell::from_name).unwrap_or_else(|| Shell::guess(path));
    let place = Place::file(inert(path));
    let mut evidence = Evidence {
        reader: Some(shell.name().to_owned()),
        files: vec![inert(path)],
        ..Evidence::default()
    };
    let contents = match open(&surroundings.file(path), LINES_CAP) {
        Ok(opened) => {
            keep_newest(&mut evidence, &opened);
            Ok(in_file(parse(shell, &opened.bytes, &surroundings.shell), path))
        }
        Err(Failure::Absent) => Err(Absence::Missing(MissingReason::FileAbsent)),
        Err(Failure::Unreadable(why)) => Err(Absence::Unreadable(why.at(place.clone()))),
    };
    vec![Found { place: Some(place), evidence, ..Found::configured(contents) }]
}
