//! A `.env`-style file, or several in a framework's order, by the reader of its consumer.

use std::{path::Path, sync::Arc};

use super::{
    Surroundings,
    beside::{levels, workflows},
    open,
    read_files::{FileSet, ReadFile},
    resolve::{Absence, Found, Other},
};
use crate::{
    domain::{
        credential::CredentialFacts,
        inert::inert,
        place::Place,
        reading::{
            Evidence, Looked, MissingReason, Occurrence, Origin, Unreadable, UnreadableKind, Yield,
        },
        trap::Trapped,
    },
    formats::{
        Contents, Refusal,
        dotenv::{Dialect, ProcessWins, inference::Candidate},
    },
};

/// The reader of a file whose consumer neither the inventory nor a file beside it names.
pub(super) const DEFAULT_DIALECT: Dialect = Dialect::PythonDotenv;

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
    if dialect.is_none()
        && let Some(first) = files.first()
    {
        evidence.looked = looked(&surroundings.file(first), &surroundings.folder);
    }
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
            contents: combine(files, &read, number, candidate.dialect),
        })
        .collect();
    vec![Found {
        place: files.first().map(|path| Place::file(inert(path))),
        evidence,
        traps: traps(files, &read),
        others,
        shell: shell(credentials, surroundings, reader),
        process_wins: reader.process_wins() != ProcessWins::Never,
        ..Found::of(combine(files, &read, 0, reader))
    }]
}

/// Where the inference of the reader looks.
fn looked(file: &Path, top: &Path) -> Vec<Looked> {
    let text = |path: &Path| path.to_str().map(str::to_owned);
    let mut looked = Vec::new();
    for level in levels(file, top) {
        looked.extend(text(level).map(Looked::Manifests));
        looked.extend(text(&workflows(level)).map(Looked::Folder));
    }
    looked
}

fn inferred(files: &[String], surroundings: &Surroundings) -> Vec<Candidate> {
    files.first().map_or_else(Vec::new, |file| {
        surroundings.folders.candidates(&surroundings.file(file), surroundings)
    })
}

/// The files in their order. A missing file among several is skipped, as every framework does; when
/// all are missing the layer is.
fn read_files(
    paths: &[String],
    readers: &[Dialect],
    surroundings: &Surroundings,
    evidence: &mut Evidence,
) -> Result<FileSet, Absence> {
    let files: Vec<_> = paths.iter().map(|path| surroundings.file(path)).collect();
    let read = surroundings.files.read(&files, readers, surroundings);
    let read = read.map_err(|(number, failure)| match failure {
        open::Failure::Unreadable(why) => {
            let place = paths.get(number).map(|path| Place::file(inert(path)));
            Absence::Unreadable(Unreadable { place, ..why })
        }
        open::Failure::Untrusted(effect) => Absence::Untrusted(effect),
        open::Failure::Absent => Absence::Missing(MissingReason::FileAbsent),
    })?;
    for file in read.iter().flatten() {
        evidence.modified_at = evidence.modified_at.max(file.modified_at);
        evidence.changed_at = evidence.changed_at.max(file.changed_at);
    }
    if read.iter().all(Option::is_none) {
        return Err(Absence::Missing(MissingReason::FileAbsent));
    }
    Ok(read)
}

/// The files that exist, with the paths that the inventory calls them by.
fn present<'a>(
    paths: &'a [String],
    read: &'a [Option<ReadFile>],
) -> impl Iterator<Item = (&'a String, &'a ReadFile)> {
    paths.iter().zip(read).filter_map(|(path, file)| Some((path, file.as_ref()?)))
}

/// What all the files together give reader `number`.
fn combine(
    paths: &[String],
    read: &[Option<ReadFile>],
    number: usize,
    reader: Dialect,
) -> Result<Arc<Contents>, Absence> {
    let mut merged = Contents::default();
    for (path, file) in present(paths, read) {
        let contents = file.by_reader[number]
            .clone()
            .map_err(|refusal| refused(path, reader.name(), &refusal))?;
        if read.len() == 1 {
            return Ok(contents);
        }
        let mut contents = in_file(Contents::clone(&contents), path);
        merged.occurrences.append(&mut contents.occurrences);
        merged.problems.append(&mut contents.problems);
        merged.other_names.append(&mut contents.other_names);
    }
    Ok(Arc::new(merged))
}

fn traps(paths: &[String], read: &[Option<ReadFile>]) -> Vec<(Option<String>, Trapped)> {
    let mut traps = Vec::new();
    for (path, file) in present(paths, read) {
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

/// Names the file at every occurrence, problem and trap that does not name one.
pub(super) fn in_file(mut contents: Contents, path: &str) -> Contents {
    let path = inert(path);
    let places = contents
        .occurrences
        .iter_mut()
        .map(|occurrence| &mut occurrence.place)
        .chain(contents.problems.iter_mut().map(|problem| &mut problem.place))
        .chain(contents.traps.iter_mut().map(|(_, trapped)| &mut trapped.place));
    for place in places {
        place.path.get_or_insert_with(|| path.clone());
    }
    contents
}
