//! Recorded answers of real servers, classified by the catalogue.

mod support;

use serde_json::{Map, Value};
use stalekey::{
    domain::outcome::Outcome,
    providers::{Answer, Catalogue, Classification},
};

struct Recorded {
    id: String,
    provider: String,
    expected: String,
    status: u16,
    content_type: Option<String>,
    headers: Vec<(String, String)>,
    body: String,
}

/// The recorded answers of the providers that the catalogue knows; `None` without the data.
fn recorded(catalogue: &Catalogue) -> Option<Vec<Recorded>> {
    let Some(path) = support::shared("facts/recorded_answers.json") else {
        println!("skipped: no corpus");
        return None;
    };
    let data: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let answers = data["bodies"].as_array().unwrap().iter().map(|answer| {
        let headers: Vec<(String, String)> = answer["headers"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect();
        Recorded {
            id: text(&answer["id"]),
            provider: text(&answer["provider"]),
            expected: match answer["expect_verdict"].as_str().unwrap() {
                "rejected" => "unknown".to_owned(),
                verdict => verdict.to_owned(),
            },
            status: u16::try_from(answer["status"].as_u64().unwrap()).unwrap(),
            content_type: headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))
                .map(|(_, value)| value.clone()),
            headers,
            body: text(&answer["body"]),
        }
    });
    Some(answers.filter(|answer| catalogue.provider(&answer.provider).is_some()).collect())
}

fn classify(catalogue: &Catalogue, answer: &Recorded, body: &str) -> Classification {
    catalogue.provider(&answer.provider).unwrap().classify(&Answer {
        status: answer.status,
        content_type: answer.content_type.as_deref(),
        headers: &answer.headers,
        body: body.as_bytes(),
    })
}

#[test]
fn every_recorded_answer_is_understood() {
    let catalogue = Catalogue::embedded();
    let Some(answers) = recorded(&catalogue) else { return };
    let mut wrong = Vec::new();
    for answer in &answers {
        let outcome = classify(&catalogue, answer, &answer.body).outcome;
        if outcome.name() != answer.expected {
            wrong.push(format!("{}: {outcome}, expected {}", answer.id, answer.expected));
        }
    }
    println!("{} of {} recorded answers", answers.len() - wrong.len(), answers.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(answers.len() >= 78);
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
    let Some(answers) = recorded(&catalogue) else { return };
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
    let Some(answers) = recorded(&catalogue) else { return };
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
