//! A file that a shell or a login reads: read, never executed (SECURITY R4).

use super::{Surroundings, dotenv::in_file, files::open_named, open::LINES_CAP, resolve::Found};
use crate::{
    domain::{inert::inert, place::Place, reading::Evidence},
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
    let contents = open_named(path, LINES_CAP, surroundings, &mut evidence)
        .map(|opened| in_file(parse(shell, &opened.bytes, &surroundings.shell), path));
    vec![Found { place: Some(place), evidence, ..Found::configured(contents) }]
}
