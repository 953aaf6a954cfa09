//! Compose projects and templates, resolved as the real programs resolve them.

use std::collections::BTreeMap;

use serde_json::Value;
use stalekey::{
    domain::{
        reading::{Unreadable, UnreadableKind, Yield},
        secret::SecretValue,
    },
    formats::{
        Environment,
        compose::{self, Files, Project, Request},
        template,
    },
};

mod support;

/// The column of the conformance data that decides.
const ORACLE: &str = "docker-compose-2.40.3";

struct Folder(BTreeMap<String, Vec<u8>>);

impl Files for Folder {
    fn read(&mut self, path: &str) -> Result<Vec<u8>, Unreadable> {
        let absent = || Unreadable::new(UnreadableKind::System, "not in the scenario");
        self.0.get(path).cloned().ok_or_else(absent)
    }

    fn exists(&mut self, path: &str) -> bool {
        self.0.contains_key(path)
    }
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn variables(value: &Value) -> Environment {
    let pairs = value.as_object().into_iter().flatten();
    pairs
        .filter_map(|(name, value)| Some((name.clone(), SecretValue::new(value.as_str()?))))
        .collect()
}

fn answer(project: &Project) -> Value {
    let services = project.services.iter().map(|service| {
        let winners = service.contents.occurrences.iter().filter(|occurrence| occurrence.wins);
        let variables = winners.map(|winner| {
            let value = match &winner.yields {
                Yield::Value(value) => String::from_utf8_lossy(value.expose()).into_owned().into(),
                _ => Value::Null,
            };
            (winner.variable.clone(), value)
        });
        (service.name.clone(), Value::Object(variables.collect()))
    });
    Value::Object(services.collect())
}

/// Compose prints `null` for a service without variables.
fn expected(value: &Value) -> Value {
    let services = value.as_object().into_iter().flatten().map(|(name, variables)| {
        let variables = if variables.is_null() {
            Value::Object(serde_json::Map::new())
        } else {
            variables.clone()
        };
        (name.clone(), variables)
    });
    Value::Object(services.collect())
}

#[test]
fn every_scenario_is_resolved_as_compose_does() {
    let Some(path) = support::shared("corpus/compose_scenarios.json") else {
        println!("skipped: no conformance data");
        return;
    };
    let data: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let cases = data["cases"].as_array().unwrap();
    let mut equal = 0;
    let mut different = Vec::new();
    for case in cases {
        let id = case["id"].as_str().unwrap();
        let files = case["files"].as_object().unwrap().iter();
        let mut folder = Folder(
            files
                .map(|(path, text)| (path.clone(), text.as_str().unwrap().as_bytes().to_vec()))
                .collect(),
        );
        let request = Request {
            folder: String::new(),
            files: texts(&case["compose_file_args"]),
            env_files: texts(&case["env_file_args"]),
            profiles: texts(&case["profile_args"]),
            ..Request::default()
        };
        let environment = variables(&case["process_env"]);
        let resolved = compose::resolve(&request, &environment, &mut folder);
        let oracle = &case["results"][ORACLE];
        let same = match &resolved {
            Ok(project) => {
                for occurrence in project.services.iter().flat_map(|s| &s.contents.occurrences) {
                    assert!(
                        occurrence.place.path.is_some() != (occurrence.place.position.is_none())
                    );
                }
                oracle["error"].is_null()
                    && answer(project) == expected(&oracle["environment_by_service"])
            }
            Err(_) => !oracle["error"].is_null(),
        };
        if same {
            equal += 1;
        } else {
            let answer = resolved.as_ref().map(answer);
            different.push(format!("{id}: {answer:?}, expected {oracle}"));
        }
    }
    println!("compose scenarios: {equal} of {}", cases.len());
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn every_template_is_expanded_as_compose_does() {
    let Some(path) = support::shared("corpus/peers/compose_go_template.json") else {
        println!("skipped: no conformance data");
        return;
    };
    let data: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let cases = data["cases"].as_array().unwrap();
    let mut different = Vec::new();
    for case in cases {
        let environment = variables(&case["env"]);
        let mut lookup = |name: &str| environment.get(name).map(|value| (value, ()));
        let text = case["template"].as_str().unwrap();
        let expanded = template::expand(text.as_bytes(), &mut lookup);
        let expected = case["expect"].as_str().map(SecretValue::new);
        let found = expanded.as_ref().ok().map(|expansion| &expansion.value);
        if found != expected.as_ref() {
            different.push(case["id"].to_string());
        }
    }
    println!("compose templates: {} of {}", cases.len() - different.len(), cases.len());
    assert!(different.is_empty(), "{different:?}");
}
