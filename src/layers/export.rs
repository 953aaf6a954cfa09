//! What a hosting platform or a secret manager printed, or plain JSON, YAML or TOML.

use super::{
    Surroundings,
    dotenv::in_file,
    files::open_named,
    open::DOCUMENT_CAP,
    resolve::{Absence, Found, Undefined},
};
use crate::{
    domain::{
        credential::CredentialFacts,
        inert::inert,
        layer::Instance,
        place::Place,
        reading::{Evidence, OpaqueReason, Problem, Unreadable, UnreadableKind},
    },
    formats::export::{Export, Part, Shape, parse},
};

const WHOSE: &str =
    "one value without a variable's name: name the one credential it is of (`credentials`)";

pub(super) fn read(
    path: &str,
    shape: Option<&str>,
    pointer: Option<&str>,
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
    let named = shape.and_then(Shape::from_name);
    // A file that a person keeps is no export: its own time is that of its values. A map that was
    // only recognised may be either, so nothing is concluded from its time.
    let is_kept = matches!(named, Some(Shape::Json | Shape::Yaml | Shape::Toml))
        || named.is_none() && pointer.is_some();
    evidence.exported = !is_kept;
    match parse(named, pointer, &opened.bytes) {
        Ok(Export { shape, parts }) => {
            evidence.reader = Some(shape.name().to_owned());
            let found = |part| found(part, path, credentials, &evidence);
            parts.into_iter().map(found).collect()
        }
        Err(refusal) => {
            let at = Place { path: Some(inert(path)), position: refusal.position };
            let why = Unreadable::new(UnreadableKind::WrongFormat, refusal.reason).at(at);
            absent(Absence::Unreadable(why), evidence)
        }
    }
}

fn found(
    mut part: Part,
    path: &str,
    credentials: &[&CredentialFacts],
    evidence: &Evidence,
) -> Found {
    name_the_bare(&mut part, credentials);
    let undefined = if part.elsewhere {
        Undefined::Opaque(OpaqueReason::Elsewhere)
    } else {
        Undefined::Missing
    };
    Found {
        instance: part.name.map(Instance::Container),
        place: Some(Place::file(inert(path))),
        evidence: evidence.clone(),
        updated_at: part.updated_at,
        undefined,
        ..Found::configured(Ok(in_file(part.contents, path)))
    }
}

/// A value without a variable's name is that of the layer's only credential.
pub(super) fn name_the_bare(part: &mut Part, credentials: &[&CredentialFacts]) {
    let Some(mut bare) = part.bare.take() else { return };
    let named = credentials
        .iter()
        .flat_map(|credential| &credential.variables)
        .any(|variable| part.contents.winner(variable).is_some());
    match credentials {
        _ if named => {}
        [only] => {
            let Some(variable) = only.variables.first() else { return };
            if let Some(at) = part.updated_at.get(&bare.variable).copied() {
                part.updated_at.insert(variable.clone(), at);
            }
            bare.variable.clone_from(variable);
            part.contents.occurrences.push(bare);
        }
        _ => part.contents.problems.push(Problem { place: bare.place, text: WHOSE }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rstest::rstest;

    use super::*;
    use crate::{domain::reading::Yield, domain::secret::SecretValue, formats::Environment};

    fn credential(id: &str, variable: &str) -> CredentialFacts {
        CredentialFacts {
            id: id.to_owned(),
            variables: vec![variable.to_owned()],
            ..CredentialFacts::default()
        }
    }

    fn key() -> String {
        format!("sk-proj-{}T3BlbkFJ{}", "A".repeat(74), "A".repeat(74))
    }

    fn read_text(
        text: &str,
        pointer: Option<&str>,
        credentials: &[&CredentialFacts],
    ) -> Vec<Found> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("export.json"), text).unwrap();
        let surroundings = Surroundings::new(
            folder.path(),
            None,
            Environment::new(),
            Arc::default(),
            Arc::new(crate::inventory::trust::Trust::All),
        );
        read("export.json", None, pointer, credentials, &surroundings)
    }

    #[test]
    fn a_bare_value_is_that_of_the_only_credential() {
        let (one, two) = (credential("openai", "OPENAI_API_KEY"), credential("other", "OTHER"));
        let text = format!(r#"{{"Name":"prod/openai","SecretString":"{}"}}"#, key());
        let found = read_text(&text, None, &[&one]).remove(0);
        let contents = found.contents.unwrap();
        let winner = contents.winner("OPENAI_API_KEY").unwrap();
        assert_eq!(winner.yields, Yield::Value(SecretValue::new(key())));
        assert_eq!(winner.place.path.as_deref(), Some("export.json"));
        assert!(found.evidence.exported);
        let found = read_text(&text, None, &[&one, &two]).remove(0);
        let contents = found.contents.unwrap();
        assert!(contents.winner("OPENAI_API_KEY").is_none());
        assert_eq!(contents.problems[0].text, WHOSE);
    }

    #[rstest]
    #[case::container(r#"{"containerDefinitions":[{"name":"a"},{"name":"b","environmentFiles":[{"value":"arn:x"}]}]}"#, 2)]
    #[case::map(r#"{"OPENAI_API_KEY":"x"}"#, 1)]
    fn each_container_is_a_row(#[case] text: &str, #[case] rows: usize) {
        let one = credential("openai", "OPENAI_API_KEY");
        let found = read_text(text, None, &[&one]);
        assert_eq!(found.len(), rows);
        assert!(found[0].evidence.exported);
        assert_eq!(found[rows - 1].instance.is_some(), rows == 2);
        assert_eq!(matches!(found[rows - 1].undefined, Undefined::Opaque(_)), rows == 2);
    }

    #[test]
    fn a_file_that_is_kept_has_a_time_of_its_own() {
        let found = read_text(r#"{"keys":{"K":"v"}}"#, Some("/keys"), &[]).remove(0);
        assert!(!found.evidence.exported && found.evidence.changed().is_some());
    }

    #[test]
    fn the_inventory_names_every_shape_and_no_other() {
        let providers = std::collections::BTreeMap::<String, Vec<String>>::new();
        let schema = crate::inventory::schema().to_string();
        for shape in Shape::ALL {
            let text = format!(
                "version = 1\n[environments.e]\n[[layers]]\nname = \"l\"\nenvironment = \"e\"\nkind = \"export\"\npath = \"p\"\nshape = \"{}\"\n",
                shape.name()
            );
            let parsed = crate::inventory::parse(&text, "i", std::path::Path::new("."), &providers);
            assert!(parsed.is_ok(), "{}", shape.name());
            assert!(schema.contains(&format!("\"{}\"", shape.name())));
        }
    }

    #[test]
    fn what_is_not_known_is_unreadable_at_its_place() {
        let found = read_text("{\"a\": {}}", None, &[]).remove(0);
        let Err(Absence::Unreadable(why)) = found.contents else { panic!("unreadable") };
        assert_eq!(why.kind, UnreadableKind::WrongFormat);
        assert_eq!(why.place.unwrap().to_string(), "export.json:1:1");
    }
}
