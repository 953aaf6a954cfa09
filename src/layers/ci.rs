//! A variable list or a pipeline file of a CI platform: a row for each job that is given one of
//! the layer's variables.

use std::collections::BTreeSet;

use super::{
    Surroundings,
    dotenv::in_file,
    files::{Opener, open_named},
    open::DOCUMENT_CAP,
    resolve::{Absence, Found, Undefined},
};
use crate::{
    domain::{
        credential::CredentialFacts,
        inert::inert,
        layer::Instance,
        place::Place,
        reading::{Evidence, OpaqueReason, Origin, Unreadable, UnreadableKind},
    },
    formats::{
        Contents,
        ci::{Platform, Row, read_following},
    },
};

pub(super) fn read(
    path: &str,
    platform: Option<&str>,
    scope: Option<&str>,
    credentials: &[&CredentialFacts],
    surroundings: &Surroundings,
) -> Vec<Found> {
    let place = Place::file(inert(path));
    let mut evidence = Evidence { files: vec![inert(path)], ..Evidence::default() };
    let absent = |absence, evidence| {
        vec![Found { place: Some(place.clone()), evidence, ..Found::configured(Err(absence)) }]
    };
    let opened = match open_named(path, DOCUMENT_CAP, surroundings, &mut evidence) {
        Ok(opened) => opened,
        Err(absence) => return absent(absence, evidence),
    };
    let mut included = Opener::new(surroundings, DOCUMENT_CAP, "gitlab");
    let platform = platform.and_then(Platform::from_name);
    let read = read_following(platform, scope, path, &opened.bytes, &mut included);
    let Evidence { files, looked, modified_at, changed_at, .. } = included.evidence;
    evidence.files.extend(files);
    evidence.looked.extend(looked);
    evidence.modified_at = evidence.modified_at.max(modified_at);
    evidence.changed_at = evidence.changed_at.max(changed_at);
    match read {
        Ok(file) => {
            evidence.reader = Some(file.platform.name().to_owned());
            evidence.exported = file.is_export;
            let variables: BTreeSet<&str> = credentials
                .iter()
                .flat_map(|credential| &credential.variables)
                .map(String::as_str)
                .collect();
            concerned(file.rows, &variables)
                .into_iter()
                .map(|row| found(row, path, &variables, &evidence))
                .collect()
        }
        Err((of, refusal)) => {
            let of = of.as_deref().unwrap_or(path);
            let at = Place { path: Some(inert(of)), position: refusal.position };
            let why = Unreadable::new(UnreadableKind::WrongFormat, refusal.reason).at(at);
            absent(Absence::Unreadable(why), evidence)
        }
    }
}

/// The rows that are given one of the variables. Without any, the file as one row.
fn concerned(rows: Vec<Row>, variables: &BTreeSet<&str>) -> Vec<Row> {
    let concerns = |row: &Row| {
        let mut occurrences = row.contents.occurrences.iter();
        occurrences.any(|occurrence| variables.contains(occurrence.variable.as_str()))
    };
    let (concerned, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(concerns);
    if !concerned.is_empty() || others.len() <= 1 {
        return if concerned.is_empty() { others } else { concerned };
    }
    // No job has it: the names in all of them may still hold a misspelt one.
    let mut all = Row::default();
    for row in others {
        all.elsewhere |= row.elsewhere;
        all.contents.occurrences.extend(row.contents.occurrences);
    }
    vec![all]
}

fn found(row: Row, path: &str, variables: &BTreeSet<&str>, evidence: &Evidence) -> Found {
    let undefined =
        if row.elsewhere { Undefined::Opaque(OpaqueReason::Elsewhere) } else { Undefined::Missing };
    Found {
        instance: row.name.map(|name| Instance::Scope(inert(&name))),
        place: Some(Place::file(inert(path))),
        evidence: evidence.clone(),
        updated_at: row.updated_at,
        undefined,
        ..Found::configured(Ok(in_file(of_interest(row.contents, variables), path)))
    }
}

/// Without the problems of other variables, and with names that are safe to draw.
fn of_interest(mut contents: Contents, variables: &BTreeSet<&str>) -> Contents {
    let (mut own, mut others) = (BTreeSet::new(), BTreeSet::new());
    for occurrence in &mut contents.occurrences {
        let is_own = variables.contains(occurrence.variable.as_str());
        let places = if is_own { &mut own } else { &mut others };
        places.insert(occurrence.place.clone());
        if let Origin::CiScope(name) | Origin::CiReference(name) = &mut occurrence.origin {
            *name = inert(name);
        }
    }
    contents
        .problems
        .retain(|problem| own.contains(&problem.place) || !others.contains(&problem.place));
    contents
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{domain::reading::Yield, domain::secret::SecretValue, formats::Environment};

    fn read_text(name: &str, text: &str, scope: Option<&str>) -> Vec<Found> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
        let surroundings = Surroundings::new(
            folder.path(),
            None,
            Environment::new(),
            Arc::default(),
            Arc::new(crate::inventory::trust::Trust::All),
        );
        let openai = CredentialFacts {
            id: "openai".to_owned(),
            variables: vec!["OPENAI_API_KEY".to_owned()],
            ..CredentialFacts::default()
        };
        read(name, None, scope, &[&openai], &surroundings)
    }

    const WORKFLOW: &str = "on: push\njobs:\n  build:\n    runs-on: ubuntu-latest\n    env: {CI: 1}\n  \
        deploy:\n    runs-on: ubuntu-latest\n    env:\n      OPENAI_API_KEY: literal\n";

    #[test]
    fn only_jobs_that_are_given_the_variable_are_rows() {
        let found = read_text("deploy.yml", WORKFLOW, None);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].instance, Some(Instance::Scope("deploy".to_owned())));
        assert!(!found[0].evidence.exported);
        assert!(found[0].evidence.modified_at.is_some());
        let contents = found[0].contents.as_ref().unwrap();
        let winner = contents.winner("OPENAI_API_KEY").unwrap();
        assert_eq!(winner.yields, Yield::Value(SecretValue::new("literal")));
        assert_eq!(winner.place.to_string(), "deploy.yml:9:23");
    }

    #[test]
    fn a_file_in_which_no_job_has_it_is_one_row() {
        let found = read_text("deploy.yml", &WORKFLOW.replace("OPENAI", "OTHER"), None);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].instance, None);
        assert!(matches!(found[0].undefined, Undefined::Missing));
    }

    #[test]
    fn problems_of_other_variables_are_not_shown() {
        let list = r#"[{"key":"OTHER","value":"v","protected":true,"environment_scope":"*"},
{"key":"OPENAI_API_KEY","value":"v","protected":true,"environment_scope":"*"}]"#;
        let found = read_text("variables.json", list, None).remove(0);
        assert!(found.evidence.exported);
        let problems = found.contents.unwrap().problems.clone();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].place.position.unwrap().line, 2);
    }

    #[test]
    fn a_refusal_has_its_place() {
        let found = read_text("ci.yml", "variables: [\n", None).remove(0);
        let Err(Absence::Unreadable(why)) = found.contents else { panic!("unreadable") };
        assert!(why.place.unwrap().position.is_some());
    }

    #[test]
    fn included_files_stand_below_the_pipeline_with_their_own_places() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let file = folder.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        let main = "include:\n  - local: /ci/base.yml\n  - template: Auto.yml\n.own: {variables: {A: b}}\n";
        write(".gitlab-ci.yml", main);
        write("ci/base.yml", "include: ci/jobs.yml\nvariables:\n  OPENAI_API_KEY: top\n");
        write("ci/jobs.yml", "deploy:\n  script: x\n  variables:\n    OPENAI_API_KEY: job\n");
        let read = || {
            let surroundings = Surroundings::new(
                folder.path(),
                None,
                Environment::new(),
                Arc::default(),
                Arc::new(crate::inventory::trust::Trust::All),
            );
            let openai = CredentialFacts {
                variables: vec!["OPENAI_API_KEY".to_owned()],
                ..CredentialFacts::default()
            };
            super::read(".gitlab-ci.yml", Some("gitlab"), None, &[&openai], &surroundings).remove(0)
        };
        let found = read();
        assert_eq!(found.evidence.files, [".gitlab-ci.yml", "ci/base.yml", "ci/jobs.yml"]);
        let contents = found.contents.unwrap();
        let places: Vec<_> = contents
            .occurrences
            .iter()
            .map(|occurrence| format!("{} {}", occurrence.place, occurrence.wins))
            .collect();
        assert_eq!(places, ["ci/base.yml:3:19 false", "ci/jobs.yml:4:21 true"]);
        assert!(contents.problems.iter().any(|problem| {
            problem.place.to_string() == ".gitlab-ci.yml:3:5" && problem.text.contains("elsewhere")
        }));
        write("ci/jobs.yml", "deploy: [\n");
        let Err(Absence::Unreadable(why)) = read().contents else { panic!("unreadable") };
        assert_eq!(why.place.unwrap().path.as_deref(), Some("ci/jobs.yml"));
    }
}
