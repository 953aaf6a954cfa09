//! A `.env`-style file, or several in a framework's order, by the reader of its consumer.

use std::sync::Arc;

use super::{
    Surroundings,
    open::{self, Failure},
    read_files::ReadFile,
    resolve::{Absence, Found, Other},
};
use crate::{
    domain::{
        credential::CredentialFacts,
        inert::inert,
        place::Place,
        reading::{Evidence, MissingReason, Occurrence, Origin, Unreadable, UnreadableKind, Yield},
        trap::Trapped,
    },
    formats::{
        Contents, Refusal,
        dotenv::{Dialect, ProcessWins, inference::Candidate},
    },
};

/// The reader of a file whose consumer neither the inventory nor a file beside it names.
const DEFAULT_DIALECT: Dialect = Dialect::PythonDotenv;

pub(super) fn read(
    files: &[String],
    dialect: Option<&str>,
    credentials: &[&CredentialFacts],
    surroundings: &Surroundings,
) -> Vec<Found> {
    let candidates = match dialect.and_then(Dialect::from_name) {
        Some(dialect) => vec![Candidate { dialect, because: String::new() }],
        None => inferred(files, surroundings),
    };
    let (reader, because) = match candidates.first() {
        Some(first) => (first.dialect, inert(&first.because)),
        None => (DEFAULT_DIALECT, "nothing beside the file names a reader".to_owned()),
    };
    let mut evidence = Evidence {
        reader: Some(reader.name().to_owned()),
        reader_because: Some(because).filter(|because| !because.is_empty()),
        files: files.iter().map(|path| inert(path)).collect(),
        ..Evidence::default()
    };
    let mut readers: Vec<Dialect> = candidates.iter().map(|candidate| candidate.dialect).collect();
    if readers.is_empty() {
        readers.push(reader);
    }
    let read = match read_files(files, &readers, surroundings, &mut evidence) {
        Ok(read) => read,
        Err(absence) => {
            let place = files.first().map(|path| Place::file(inert(path)));
            return vec![Found { place, evidence, ..Found::configured(Err(absence)) }];
        }
    };
    let others = candidates
        .iter()
        .enumerate()
        .skip(1)
        .map(|(number, candidate)| Other {
            reader: candidate.dialect.name(),
            because: inert(&candidate.because),
            contents: combine(&read, number, candidate.dialect),
        })
        .collect();
    vec![Found {
        place: files.first().map(|path| Place::file(inert(path))),
        evidence,
        traps: traps(&read),
        others,
        shell: shell(credentials, surroundings, reader),
        process_wins: reader.process_wins() != ProcessWins::Never,
        ..Found::of(combine(&read, 0, reader))
    }]
}

fn inferred(files: &[String], surroundings: &Surroundings) -> Vec<Candidate> {
    files.first().map_or_else(Vec::new, |file| {
        surroundings.folders.candidates(&surroundings.file(file), &surroundings.folder)
    })
}

/// The files that exist, with the paths that the inventory calls them by. A missing file among
/// several is skipped, as every framework does; when all are missing the layer is.
fn read_files<'a>(
    paths: &'a [String],
    readers: &[Dialect],
    surroundings: &Surroundings,
    evidence: &mut Evidence,
) -> Result<Vec<(&'a str, Arc<ReadFile>)>, Absence> {
    let mut read = Vec::with_capacity(paths.len());
    for path in paths {
        let file = surroundings.files.read(
            &surroundings.file(path),
            readers,
            &surroundings.shell,
            surroundings.pass,
        );
        match file {
            Ok(file) => {
                evidence.modified_at = evidence.modified_at.max(file.modified_at);
                evidence.changed_at = evidence.changed_at.max(file.changed_at);
                read.push((path.as_str(), file));
            }
            Err(Failure::Absent) => {}
            Err(Failure::Unreadable(why)) => {
                return Err(Absence::Unreadable(why.at(Place::file(inert(path)))));
            }
        }
    }
    if read.is_empty() { Err(Absence::Missing(MissingReason::FileAbsent)) } else { Ok(read) }
}

/// What all the files together give reader `number`.
fn combine(
    read: &[(&str, Arc<ReadFile>)],
    number: usize,
    reader: Dialect,
) -> Result<Arc<Contents>, Absence> {
    let of = |(path, file): &(&str, Arc<ReadFile>)| {
        file.by_reader[number].clone().map_err(|refusal| refused(path, reader.name(), &refusal))
    };
    if let [only] = read {
        return of(only);
    }
    let mut merged: Option<Contents> = None;
    for file in read {
        let contents = in_file(Contents::clone(&*of(file)?), file.0);
        merged = Some(match merged {
            None => contents,
            Some(earlier) => merge(earlier, contents, reader.first_file_wins()),
        });
    }
    Ok(Arc::new(merged.unwrap_or_default()))
}

fn traps(read: &[(&str, Arc<ReadFile>)]) -> Vec<(Option<String>, Trapped)> {
    let mut traps = Vec::new();
    for (path, file) in read {
        traps.extend(file.traps.iter().map(|found| {
            let place = Place::at(found.position).in_file(inert(path));
            (found.variable.clone(), Trapped { trap: found.trap, place })
        }));
    }
    traps
}

/// What this shell defines, and the reader would leave as it is or replace.
fn shell(
    credentials: &[&CredentialFacts],
    surroundings: &Surroundings,
    reader: Dialect,
) -> Vec<Occurrence<crate::domain::secret::SecretValue>> {
    if surroundings.shell.is_empty() {
        return Vec::new();
    }
    credentials
        .iter()
        .flat_map(|credential| &credential.variables)
        .filter_map(|variable| Some((variable, surroundings.shell.get(variable)?)))
        .filter(|(_, value)| {
            !(value.is_empty() && reader.process_wins() == ProcessWins::UnlessEmpty)
        })
        .map(|(variable, value)| Occurrence {
            variable: variable.clone(),
            place: Place { path: None, position: None },
            origin: Origin::ShellEnvironment,
            yields: Yield::Value(value.clone()),
            wins: false,
        })
        .collect()
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
    earlier.other_names.append(&mut later.other_names);
    earlier
}
