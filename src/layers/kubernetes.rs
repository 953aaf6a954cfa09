//! Kubernetes manifests: a row for each container, or for each Secret and ConfigMap. Or what a
//! cluster has and runs.

mod cluster;

pub(super) use cluster::read as read_cluster;

use super::{
    Surroundings,
    files::Opener,
    open::DOCUMENT_CAP,
    resolve::{Absence, Found, Undefined},
};
use crate::{
    domain::{
        inert::inert,
        layer::Instance,
        place::Place,
        reading::{MissingReason, OpaqueReason, Unreadable, UnreadableKind},
    },
    formats::kubernetes::{self, Failure, Request, Row},
};

pub(super) fn read(request: &Request, surroundings: &Surroundings) -> Vec<Found> {
    let mut files = Opener::new(surroundings, DOCUMENT_CAP, "kubernetes");
    let resolved = kubernetes::resolve(request, &mut files);
    let evidence = files.evidence;
    let place = request.paths.first().map(|path| Place::file(inert(path)));
    match resolved {
        Ok(rows) => rows
            .into_iter()
            .map(|row| Found { evidence: evidence.clone(), ..found(row, request) })
            .collect(),
        Err(failure) => {
            let contents = Err(absence(failure, request));
            vec![Found { place, evidence, ..Found::configured(contents) }]
        }
    }
}

fn found(row: Row, request: &Request) -> Found {
    let Row { name, is_container, place, contents, elsewhere, .. } = row;
    let undefined =
        if elsewhere { Undefined::Opaque(OpaqueReason::Elsewhere) } else { Undefined::Missing };
    let name = inert(&name);
    let instance = if is_container { Instance::Container(name) } else { Instance::Object(name) };
    Found {
        instance: Some(instance),
        place: Some(place),
        undefined,
        ..Found::configured(contents.map_err(|failure| absence(failure, request)))
    }
}

fn absence(failure: Failure, request: &Request) -> Absence {
    let wrong =
        |detail: String| Absence::Unreadable(Unreadable::new(UnreadableKind::WrongFormat, detail));
    let named = |name: &Option<String>| inert(name.as_deref().unwrap_or_default());
    match failure {
        Failure::Absent { path } if request.paths.contains(&path) => {
            Absence::Missing(MissingReason::FileAbsent)
        }
        Failure::Absent { path } => Absence::Unreadable(
            Unreadable::new(
                UnreadableKind::Refused,
                "a kustomization names this file, and it does not exist",
            )
            .at(Place::file(inert(&path))),
        ),
        Failure::Unreadable { path, why } => Absence::Unreadable(why.at(Place::file(inert(&path)))),
        Failure::Refused { path, refusal } => super::dotenv::refused(&path, "Kubernetes", &refusal),
        Failure::NoWorkload => {
            wrong(format!("there is no workload `{}` in these manifests", named(&request.workload)))
        }
        Failure::NoContainer => {
            wrong(format!("no workload has a container `{}`", named(&request.container)))
        }
        Failure::NoObjects => {
            wrong("there is no workload, no Secret and no ConfigMap in these manifests".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        domain::{reading::Yield, secret::SecretValue},
        formats::Environment,
    };

    fn read_in(folder: &std::path::Path, workload: Option<&str>) -> Vec<Found> {
        let surroundings = Surroundings::new(
            folder,
            None,
            Environment::new(),
            Arc::default(),
            Arc::new(crate::inventory::trust::Trust::All),
        );
        let request = Request {
            paths: vec!["k8s".to_owned()],
            workload: workload.map(str::to_owned),
            container: None,
        };
        read(&request, &surroundings)
    }

    #[test]
    fn folders_are_read_and_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let missing = read_in(folder.path(), None).remove(0).contents;
        assert!(matches!(missing, Err(Absence::Missing(MissingReason::FileAbsent))));
        std::fs::create_dir_all(folder.path().join("k8s/sub")).unwrap();
        std::fs::write(
            folder.path().join("k8s/sub/secret.yaml"),
            "kind: Secret\nmetadata: {name: keys}\nstringData: {K: v}\n",
        )
        .unwrap();
        let found = read_in(folder.path(), None).remove(0);
        assert_eq!(found.instance, Some(Instance::Object("secret/keys".to_owned())));
        assert_eq!(found.evidence.files, ["k8s/sub/secret.yaml"]);
        assert!(found.evidence.modified_at.is_some());
        let contents = found.contents.unwrap();
        let winner = contents.winner("K").unwrap();
        assert_eq!(winner.yields, Yield::Value(SecretValue::new("v")));
        let none = read_in(folder.path(), Some("api")).remove(0).contents;
        assert!(matches!(none, Err(Absence::Unreadable(why)) if why.detail.contains("`api`")));
    }
}
