//! The compose files of a service, resolved as Compose would.

use super::{
    Surroundings,
    dotenv::{keep_newest, refused},
    open::{DOCUMENT_CAP, Failure, open},
    resolve::{Absence, Found},
};
use crate::{
    domain::{
        inert::inert,
        layer::Instance,
        place::Place,
        reading::{Evidence, MissingReason, Unreadable, UnreadableKind},
    },
    formats::compose::{self, Files, Request},
};

pub(super) fn read(request: &Request, surroundings: &Surroundings) -> Vec<Found> {
    let mut files = Opener { surroundings, evidence: Evidence::default(), absent: None };
    let resolved = compose::resolve(request, &surroundings.shell, &mut files);
    let absent_file = files.absent;
    let mut evidence = files.evidence;
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
                ..Found::configured(Ok(service.contents))
            })
            .collect(),
        // Nothing is there: that is missing. A file that another one names is a broken project.
        Err(compose::Failure::Unreadable { path, .. })
            if absent_file.as_ref() == Some(&path) && is_named(request, &path) =>
        {
            absent(Absence::Missing(MissingReason::FileAbsent))
        }
        Err(compose::Failure::Unreadable { why, .. }) => absent(Absence::Unreadable(why)),
        Err(compose::Failure::Refused { path, refusal }) => {
            absent(refused(path.as_deref().unwrap_or("the project"), "compose", &refusal))
        }
    }
}

/// The inventory itself names this compose file.
fn is_named(request: &Request, path: &str) -> bool {
    request.files.iter().any(|file| path == file || path.ends_with(&format!("/{file}")))
}

/// Opens what the compose files name, and remembers it for the evidence.
struct Opener<'a> {
    surroundings: &'a Surroundings,
    evidence: Evidence,
    absent: Option<String>,
}

impl Files for Opener<'_> {
    fn read(&mut self, path: &str) -> Result<Vec<u8>, Unreadable> {
        self.evidence.files.push(inert(path));
        match open(&self.surroundings.file(path), DOCUMENT_CAP) {
            Ok(opened) => {
                keep_newest(&mut self.evidence, &opened);
                Ok(opened.bytes.to_vec())
            }
            Err(Failure::Absent) => {
                self.absent = Some(path.to_owned());
                Err(Unreadable::new(UnreadableKind::Refused, "the file does not exist")
                    .at(Place::file(inert(path))))
            }
            Err(Failure::Unreadable(why)) => Err(why.at(Place::file(inert(path)))),
        }
    }

    fn exists(&mut self, path: &str) -> bool {
        self.surroundings.file(path).exists()
    }
}
