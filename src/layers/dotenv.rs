//! A `.env`-style file, or several in a framework's order, by the reader of its consumer.

use super::{
    Surroundings,
    open::{self, Failure, LINES_CAP, open},
    resolve::{Absence, Found},
};
use crate::{
    domain::{
        inert::inert,
        place::Place,
        reading::{Evidence, MissingReason, Unreadable, UnreadableKind},
    },
    formats::{
        Contents, Refusal,
        dotenv::{Dialect, parse},
    },
};

/// The reader of a file whose consumer the inventory does not name.
const DEFAULT_DIALECT: Dialect = Dialect::PythonDotenv;

pub(super) fn read(
    files: &[String],
    dialect: Option<&str>,
    surroundings: &Surroundings,
) -> Vec<Found> {
    let dialect = dialect.and_then(Dialect::from_name).unwrap_or(DEFAULT_DIALECT);
    let mut evidence = Evidence { reader: Some(dialect.name().to_owned()), ..Evidence::default() };
    let contents = read_files(files, dialect, surroundings, &mut evidence);
    let place = files.first().map(|path| Place::file(inert(path)));
    vec![Found { place, evidence, ..Found::configured(contents) }]
}

/// A missing file among several is skipped, as every framework does; when all are missing the layer
/// is.
fn read_files(
    paths: &[String],
    dialect: Dialect,
    surroundings: &Surroundings,
    evidence: &mut Evidence,
) -> Result<Contents, Absence> {
    let mut merged: Option<Contents> = None;
    for path in paths {
        evidence.files.push(inert(path));
        let opened = match open(&surroundings.file(path), LINES_CAP) {
            Ok(opened) => opened,
            Err(Failure::Absent) => continue,
            Err(Failure::Unreadable(why)) => {
                return Err(Absence::Unreadable(why.at(Place::file(inert(path)))));
            }
        };
        keep_newest(evidence, &opened);
        let contents = parse(dialect, &opened.bytes, &surroundings.shell)
            .map_err(|refusal| refused(path, dialect.name(), &refusal))?;
        let contents = in_file(contents, path);
        merged = Some(match merged {
            None => contents,
            Some(earlier) => merge(earlier, contents, dialect.first_file_wins()),
        });
    }
    merged.ok_or(Absence::Missing(MissingReason::FileAbsent))
}

/// Evidence is of the newest of the files that were read.
pub(super) fn keep_newest(evidence: &mut Evidence, opened: &open::Opened) {
    evidence.modified_at = evidence.modified_at.max(opened.modified_at);
    evidence.changed_at = evidence.changed_at.max(opened.changed_at);
}

/// The absence that a reader's refusal of a file means.
pub(super) fn refused(path: &str, reader: &str, refusal: &Refusal) -> Absence {
    let detail = format!("{reader} refuses it and loads nothing: {}", refusal.reason);
    let place = Place { path: Some(inert(path)), position: refusal.position };
    Absence::Unreadable(Unreadable::new(UnreadableKind::Refused, detail).at(place))
}

/// Names the file at every occurrence and problem that does not name one.
pub(super) fn in_file(mut contents: Contents, path: &str) -> Contents {
    let path = inert(path);
    let places = contents
        .occurrences
        .iter_mut()
        .map(|occurrence| &mut occurrence.place)
        .chain(contents.problems.iter_mut().map(|problem| &mut problem.place));
    for place in places {
        place.path.get_or_insert_with(|| path.clone());
    }
    contents
}

fn merge(mut earlier: Contents, mut later: Contents, first_wins: bool) -> Contents {
    let (winners, losers) =
        if first_wins { (&earlier, &mut later) } else { (&later, &mut earlier) };
    for occurrence in &mut losers.occurrences {
        if winners.winner(&occurrence.variable).is_some() {
            occurrence.wins = false;
        }
    }
    earlier.occurrences.append(&mut later.occurrences);
    earlier.problems.append(&mut later.problems);
    earlier
}
