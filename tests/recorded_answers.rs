//! Recorded answers of real servers, classified by the catalogue.

mod support;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use stalekey::{
    domain::outcome::Outcome,
    providers::{Answer, Catalogue, Classification},
};

#[derive(Deserialize)]
struct Data {
    bodies: Vec<Recorded>,
}

#[derive(Deserialize)]
struct Recorded {
    id: String,
    provider: String,
    #[serde(rename = "expect_verdict")]
    expected: String,
    status: u16,
    headers: Option<BTreeMap<String, String>>,
    body: String,
}

/// The recorded answers of the providers that the catalogue knows; `None` without the data.
fn recorded(catalogue: &Catalogue) -> Option<Vec<Recorded>> {
    let bytes = std::fs::read(support::shared("facts/recorded_answers.json")?).ok()?;
    let data: Data = serde_json::from_slice(&bytes).expect("the conformance data");
    let known = |answer: &Recorded| catalogue.provider(&answer.provider).is_some();
    Some(data.bodies.into_iter().filter(known).collect())
}

fn classify(catalogue: &Catalogue, answer: &Recorded, body: &str) -> Classification {
    let headers: Vec<_> = answer.headers.clone().into_iter().flatten().collect();
    let content_type = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        .map(|(_, value)| value.as_str());
    let provider = catalogue.provider(&answer.provider).expect("only known ones are kept");
    provider.classify(&Answer {
        status: answer.status,
        content_type,
        headers: &headers,
        body: body.as_bytes(),
        key: None,
    })
}

/// What the data calls `rejected` is no verdict here: nothing is known of the key.
fn expected(answer: &Recorded) -> &str {
    if answer.expected == "rejected" { Outcome::Unknown.name() } else { &answer.expected }
}

#[test]
fn every_recorded_answer_is_understood() {
    let catalogue = Catalogue::embedded();
    let Some(answers) = recorded(&catalogue) else {
        println!("skipped: no corpus");
        return;
    };
    let mut wrong = Vec::new();
    for answer in &answers {
        let outcome = classify(&catalogue, answer, &answer.body).outcome;
        if outcome.name() != expected(answer) {
            wrong.push(format!("{}: {outcome}, expected {}", answer.id, expected(answer)));
        }
    }
    println!("{} of {} recorded answers", answers.len() - wrong.len(), answers.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(answers.len(), 141);
}

/// Answers that carry their meaning in the sentence alone: no code tells them apart.
const ONLY_THE_SENTENCE: [&str; 10] = [
    "anthropic-401-missing",
    "anthropic-400-credit",
    "anthropic-400-org-disabled",
    "anthropic-401-oauth-unsupported",
    "azure-403-firewall",
    "azure-403-vnet",
    "gemini-403-leaked",
    "gemini-403-unregistered",
    "gemini-403-project-denied",
    "gemini-400-location",
];

#[test]
fn other_wording_with_the_same_code_means_the_same() {
    let catalogue = Catalogue::embedded();
    let Some(answers) = recorded(&catalogue) else {
        println!("skipped: no corpus");
        return;
    };
    let mut changed = 0;
    for answer in &answers {
        let original = classify(&catalogue, answer, &answer.body);
        let sentence_decides = ONLY_THE_SENTENCE.contains(&answer.id.as_str())
            || (answer.provider == "openrouter" && original.outcome == Outcome::Missing)
            || (answer.provider == "litellm-proxy"
                && matches!(original.outcome, Outcome::Missing | Outcome::Alive));
        if original.code.is_none() || sentence_decides {
            continue;
        }
        let Ok(mut body) = serde_json::from_str::<Value>(&answer.body) else { continue };
        reword(&mut body);
        let again = classify(&catalogue, answer, &body.to_string());
        assert_eq!(again.outcome, original.outcome, "{}", answer.id);
        assert_eq!(again.code, original.code, "{}", answer.id);
        changed += 1;
    }
    println!("{changed} answers reworded");
    assert!(changed >= 30, "{changed}");
}

#[test]
fn order_and_further_fields_change_nothing() {
    let catalogue = Catalogue::embedded();
    let Some(answers) = recorded(&catalogue) else {
        println!("skipped: no corpus");
        return;
    };
    for answer in &answers {
        let Ok(body) = serde_json::from_str::<Value>(&answer.body) else { continue };
        let original = classify(&catalogue, answer, &answer.body);
        for other in [turned_round(&body, 0), format!("[{}]", turned_round(&body, 0))] {
            let again = classify(&catalogue, answer, &other);
            assert_eq!(again, original, "{}: {other}", answer.id);
        }
    }
}

/// Replaces every sentence.
fn reword(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if matches!(name.as_str(), "message" | "detail") => {
                        "Said in other words.".clone_into(text);
                    }
                    _ => reword(value),
                }
            }
        }
        Value::Array(entries) => entries.iter_mut().for_each(reword),
        _ => {}
    }
}

/// The same JSON with every object's fields in reverse order and one more in front.
fn turned_round(value: &Value, depth: usize) -> String {
    let object = |fields: &Map<String, Value>| {
        let mut parts = vec![format!("\"further_{depth}\":[{{\"x\":null}}]")];
        parts.extend(fields.iter().rev().map(|(name, value)| {
            format!("{}:{}", Value::from(name.as_str()), turned_round(value, depth + 1))
        }));
        format!("{{ {} }}", parts.join(" , "))
    };
    match value {
        Value::Object(fields) => object(fields),
        Value::Array(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|entry| turned_round(entry, depth + 1)).collect();
            format!("[ {} ]", entries.join(" , "))
        }
        other => other.to_string(),
    }
}
