//! The compose files of a service, resolved as Compose would.

use std::{
    collections::BTreeSet,
    path::{Component, Path, PathBuf},
};

use super::{
    Surroundings,
    dotenv::{keep_newest, refused},
    gate,
    open::{DOCUMENT_CAP, Failure},
    resolve::{Absence, Found},
};
use crate::{
    domain::{
        inert::inert,
        layer::Instance,
        place::Place,
        reading::{Evidence, Looked, MissingReason, Problem, Unreadable, UnreadableKind},
    },
    formats::{
        Contents,
        compose::{self, Files, Request},
    },
};

pub(super) fn read(request: &Request, surroundings: &Surroundings) -> Vec<Found> {
    let mut files = Opener { surroundings, evidence: Evidence::default(), absent: BTreeSet::new() };
    let resolved = compose::resolve(request, &surroundings.shell, &mut files);
    let gone = |path: &str| files.absent.contains(path) && is_named(request, path);
    let mut evidence = files.evidence.clone();
    evidence.looked.extend(files.absent.iter().cloned().map(Looked::File));
    evidence.reader = Some("compose".to_owned());
    let place = request.files.first().map(|path| Place::file(inert(path)));
    let instance = request.service.clone().map(|service| Instance::Service(inert(&service)));
    let absent = |absence| {
        vec![Found {
            place: place.clone(),
            instance: instance.clone(),
            evidence: evidence.clone(),
            ..Found::configured(Err(absence))
        }]
    };
    match resolved {
        Ok(project) if project.services.is_empty() => {
            let detail = match &request.service {
                Some(service) => format!("it has no service `{}`", inert(service)),
                None => "it has no services".to_owned(),
            };
            absent(Absence::Unreadable(Unreadable::new(UnreadableKind::WrongFormat, detail)))
        }
        Ok(project) => project
            .services
            .into_iter()
            .map(|service| Found {
                instance: Some(Instance::Service(inert(&service.name))),
                place: place.clone(),
                evidence: evidence.clone(),
                ..Found::configured(Ok(with(service.contents, &project.problems)))
            })
            .collect(),
        // Nothing is there: that is missing. A file that another one names is a broken project.
        Err(
            compose::Failure::Unreadable { path, .. }
            | compose::Failure::Refused { path: Some(path), .. },
        ) if gone(&path) => absent(Absence::Missing(MissingReason::FileAbsent)),
        Err(compose::Failure::Unreadable { why, .. }) => absent(Absence::Unreadable(why)),
        Err(compose::Failure::Refused { path, refusal }) => {
            absent(refused(path.as_deref().unwrap_or("the project"), "compose", &refusal))
        }
    }
}

/// What is told of the project concerns each of its services.
fn with(mut contents: Contents, problems: &[Problem]) -> Contents {
    contents.problems.extend(problems.iter().cloned());
    contents
}

/// The inventory itself names this compose file.
fn is_named(request: &Request, path: &str) -> bool {
    let plain = |path: &Path| -> PathBuf {
        path.components().filter(|part| *part != Component::CurDir).collect()
    };
    let folder = Path::new(&request.folder);
    request.files.iter().any(|file| plain(&folder.join(file)) == plain(Path::new(path)))
}

/// Opens what the compose files name, and remembers it for the evidence.
struct Opener<'a> {
    surroundings: &'a Surroundings,
    evidence: Evidence,
    /// What was looked for and is not there.
    absent: BTreeSet<String>,
}

impl Files for Opener<'_> {
    fn read(&mut self, path: &str) -> Result<Vec<u8>, Unreadable> {
        match gate::open_file(&self.surroundings.file(path), DOCUMENT_CAP, self.surroundings) {
            Err(Failure::Untrusted(effect)) => {
                let why = gate::refused(&effect, &mut self.evidence);
                Err(why.at(Place::file(inert(path))))
            }
            Ok(opened) => {
                self.evidence.files.push(inert(path));
                keep_newest(&mut self.evidence, &opened);
                Ok(opened.bytes.to_vec())
            }
            Err(Failure::Absent) => {
                self.evidence.files.push(inert(path));
                self.absent.insert(path.to_owned());
                Err(Unreadable::new(UnreadableKind::Refused, "the file does not exist")
                    .at(Place::file(inert(path))))
            }
            Err(Failure::Unreadable(why)) => {
                self.evidence.files.push(inert(path));
                Err(why.at(Place::file(inert(path))))
            }
        }
    }

    /// What cannot be looked at is there: reading it then says why (SECURITY R6).
    fn exists(&mut self, path: &str) -> bool {
        let exists = gate::exists(&self.surroundings.file(path), self.surroundings);
        if !exists {
            self.absent.insert(path.to_owned());
        }
        exists
    }
}
