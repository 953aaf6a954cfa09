//! A variable list or a pipeline file of a CI platform: a row for each job that is given one of
//! the layer's variables.

use std::collections::BTreeSet;

use super::{
    Surroundings,
    dotenv::{in_file, keep_newest},
    open::{DOCUMENT_CAP, Failure, open},
    resolve::{Absence, Found, Undefined},
};
use crate::{
    domain::{
        credential::CredentialFacts,
        inert::inert,
        layer::Instance,
        place::Place,
        reading::{Evidence, MissingReason, OpaqueReason, Origin, Unreadable, UnreadableKind},
    },
    formats::{
        Contents,
        ci::{Platform, Row, read as read_file},
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
    let opened = match open(&surroundings.file(path), DOCUMENT_CAP) {
        Ok(opened) => opened,
        Err(Failure::Absent) => {
            return absent(Absence::Missing(MissingReason::FileAbsent), evidence);
        }
        Err(Failure::Unreadable(why)) => {
            return absent(Absence::Unreadable(why.at(place.clone())), evidence);
        }
    };
    keep_newest(&mut evidence, &opened);
    match read_file(platform.and_then(Platform::from_name), scope, &opened.bytes) {
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
        Err(refusal) => {
            let at = Place { path: Some(inert(path)), position: refusal.position };
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
        let surroundings =
            Surroundings::new(folder.path(), None, Environment::new(), Arc::default());
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
}
