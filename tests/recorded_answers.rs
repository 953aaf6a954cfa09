//! Recorded answers of real servers, classified by the catalogue: alone, in other words, and served
//! over HTTP to the prober.

#[path = "support/server.rs"]
#[expect(dead_code, reason = "others need more of it")]
mod server;
mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde::Deserialize;
use serde_json::{Map, Value};
use stalekey::{
    domain::{
        outcome::{Outcome, ProbeResult, Received},
        secret::SecretValue,
    },
    probe::{Endpoint, Limits, Plan, Prober},
    providers::{Answer, Catalogue, Classification},
};
use tokio_util::sync::CancellationToken;

use self::server::{Reply, Request, Server};

#[derive(Deserialize)]
struct Data {
    bodies: Vec<Recorded>,
}

#[derive(Clone, Deserialize)]
struct Recorded {
    id: String,
    provider: String,
    #[serde(rename = "expect_verdict")]
    expected: String,
    status: u16,
    headers: Option<BTreeMap<String, String>>,
    body: String,
}

/// All recorded answers; `None` without the data.
fn recorded() -> Option<Vec<Recorded>> {
    let bytes = std::fs::read(support::shared("facts/recorded_answers.json")?).ok()?;
    let data: Data = serde_json::from_slice(&bytes).expect("the conformance data");
    Some(data.bodies)
}

fn classify(catalogue: &Catalogue, answer: &Recorded, body: &str) -> Classification {
    let headers: Vec<_> = answer.headers.clone().into_iter().flatten().collect();
    let content_type = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        .map(|(_, value)| value.as_str());
    let provider = catalogue.provider(&answer.provider).expect("every provider is known");
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
    let Some(answers) = recorded() else {
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
const ONLY_THE_SENTENCE: [&str; 22] = [
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
    "openrouter-401-malformed",
    "litellm-401-missing",
    "litellm-401-malformed",
    "litellm-keyinfo-nodb",
    "fireworks-401-missing",
    "xai-400-invalid",
    "resend-400-invalid",
    "notion-401-missing",
    "twilio-401-missing",
    "gitlab-401-revoked",
    "gitlab-401-expired",
    "stripe-403-restricted",
];

/// The answer in other words, for one whose meaning stands in a code.
fn reworded(catalogue: &Catalogue, answer: &Recorded) -> Option<Recorded> {
    let by_sentence = ONLY_THE_SENTENCE.contains(&answer.id.as_str());
    if by_sentence || classify(catalogue, answer, &answer.body).code.is_none() {
        return None;
    }
    let mut body = serde_json::from_str::<Value>(&answer.body).ok()?;
    reword(&mut body);
    Some(Recorded { body: body.to_string(), ..answer.clone() })
}

/// The answer with its fields in another order and further ones, alone and wrapped in a list.
fn rearranged(answer: &Recorded) -> Vec<Recorded> {
    let Ok(body) = serde_json::from_str::<Value>(&answer.body) else { return Vec::new() };
    let turned = turned_round(&body, 0);
    [format!("[{turned}]"), turned]
        .into_iter()
        .map(|body| Recorded { body, ..answer.clone() })
        .collect()
}

#[test]
fn other_wording_with_the_same_code_means_the_same() {
    let catalogue = Catalogue::embedded();
    let Some(answers) = recorded() else {
        println!("skipped: no corpus");
        return;
    };
    let mut changed = 0;
    for answer in &answers {
        let Some(other) = reworded(&catalogue, answer) else { continue };
        let original = classify(&catalogue, answer, &answer.body);
        let again = classify(&catalogue, &other, &other.body);
        assert_eq!(again.outcome, original.outcome, "{}", answer.id);
        assert_eq!(again.code, original.code, "{}", answer.id);
        changed += 1;
    }
    println!("{changed} answers reworded");
    assert!(changed >= 60, "{changed}");
}

#[test]
fn order_and_further_fields_change_nothing() {
    let catalogue = Catalogue::embedded();
    let Some(answers) = recorded() else {
        println!("skipped: no corpus");
        return;
    };
    for answer in &answers {
        let original = classify(&catalogue, answer, &answer.body);
        for other in rearranged(answer) {
            let again = classify(&catalogue, answer, &other.body);
            assert_eq!(again, original, "{}: {}", answer.id, other.body);
        }
    }
}

/// Replaces every sentence.
fn reword(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let says = ["message", "detail", "error_description", "title"];
                match value {
                    Value::String(text) if says.contains(&name.as_str()) => {
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

/// Serves every answer below a path of its own.
async fn serving(answers: Arc<Vec<Recorded>>) -> Server {
    Server::start(move |request: &Request| {
        let path = request.head.split(' ').nth(1).unwrap_or_default();
        let number = path.split('/').nth(1).and_then(|part| part.parse::<usize>().ok());
        let answer = &answers[number.expect("a path of this test")];
        let mut head = format!("HTTP/1.1 {} Said\r\n", answer.status);
        let changed = ["content-length", "transfer-encoding", "connection", "content-encoding"];
        let mut typed = false;
        for (name, value) in answer.headers.iter().flatten() {
            if !changed.contains(&name.to_ascii_lowercase().as_str()) {
                typed |= name.eq_ignore_ascii_case("content-type");
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        if !typed && answer.body.starts_with(['{', '[']) {
            head.push_str("content-type: application/json\r\n");
        }
        let length = answer.body.len();
        let head = format!("{head}content-length: {length}\r\nconnection: close\r\n\r\n");
        Reply::Bytes(format!("{head}{}", answer.body).into_bytes())
    })
    .await
}

/// The catalogue with every provider at this port, so that the answers are its own.
fn at(port: u16, answers: &[Recorded]) -> Arc<Catalogue> {
    let ids: BTreeSet<&str> = answers.iter().map(|answer| answer.provider.as_str()).collect();
    let here = format!("http://127.0.0.1:{port}");
    let files: Vec<(String, String)> = ids
        .into_iter()
        .map(|id| {
            let path = format!("{}/assets/providers/{id}.toml", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).expect("the provider's file");
            let mut text: Vec<String> = text
                .lines()
                .filter(|line| !line.starts_with("endpoint =") && !line.starts_with("no_probe ="))
                .map(str::to_owned)
                .collect();
            text.insert(0, format!("endpoint = \"{here}\""));
            if id == "aws" {
                // What Bedrock's answers mean is known although nobody asks.
                text.extend(
                    [
                        "[probe]",
                        "path = \"/models\"",
                        "header = \"Authorization\"",
                        "[success]",
                        "status = 200",
                        "when = { pointer = \"/models\", exists = true }",
                    ]
                    .map(str::to_owned),
                );
            }
            (format!("{id}.toml"), text.join("\n"))
        })
        .collect();
    Arc::new(Catalogue::with_files(&files).map_err(|it| it.to_string()).expect("clean files"))
}

/// A key that the server would have masked as the answer shows it; any other where it shows none.
fn key_of(answer: &Recorded) -> String {
    let body = serde_json::from_str::<Value>(&answer.body).unwrap_or_default();
    let places = ["/error/message", "/message", "/0/error/message", "/0/message"];
    let message =
        places.into_iter().find_map(|pointer| body.pointer(pointer)?.as_str()).unwrap_or_default();
    let shown = ["provided: ", "Your api key: ", "Received API Key = ", "The provided key '"]
        .into_iter()
        .find_map(|before| message.split_once(before))
        .map(|(_, behind)| behind.split([' ', ',', '\'']).next().unwrap_or_default())
        .filter(|shown| !shown.starts_with("None"))
        .filter(|shown| shown.contains(|it: char| it.is_ascii_alphanumeric()));
    match shown {
        Some(shown) => shown.trim_end_matches('.').replace("...", "***").replace('*', "w"),
        None => format!("a-value-of-{}", "0f".repeat(8)),
    }
}

async fn ask(
    catalogue: &Arc<Catalogue>,
    base: String,
    answer: &Recorded,
    key: &str,
) -> ProbeResult {
    let limits = Limits { retry_delay: Duration::from_millis(1), ..Limits::default() };
    let plan = Plan {
        key: SecretValue::new(key),
        provider: answer.provider.clone(),
        endpoint: Endpoint::parse(&base).expect("an endpoint"),
        organisation: None,
        project: None,
        companions: BTreeMap::from([
            ("account_sid".to_owned(), format!("AC{}", "0a".repeat(16))),
            ("public_key".to_owned(), "pk-lf-".to_owned()),
        ]),
        models: Vec::new(),
        expected: false,
    };
    let mut found = None;
    // Each with a memory of its own: a host that throttles is left alone.
    let prober = Prober::new(Arc::clone(catalogue), limits);
    prober.run(vec![plan], |_, result| found = Some(result), CancellationToken::new()).await;
    found.expect("one result")
}

/// The server of this recording received the word `None`, which is never sent.
const RECEIVED_NONE: &str = "openai-401-none";

#[tokio::test]
async fn over_http_every_recorded_answer_is_understood_too() {
    let Some(recorded) = recorded() else {
        println!("skipped: no corpus");
        return;
    };
    let embedded = Catalogue::embedded();
    let mut answers = recorded.clone();
    answers.extend(recorded.iter().filter_map(|answer| reworded(&embedded, answer)));
    answers.extend(recorded.iter().flat_map(rearranged));
    let answers = Arc::new(answers);
    let server = serving(Arc::clone(&answers)).await;
    let catalogue = at(server.port, &answers);
    let mut wrong = Vec::new();
    for (number, answer) in answers.iter().enumerate() {
        let base = format!("http://127.0.0.1:{}/{number}", server.port);
        let result = ask(&catalogue, base, answer, &key_of(answer)).await;
        let says_none = answer.id == RECEIVED_NONE && answer.body.contains("provided: None");
        let expected = if says_none { Outcome::WrongEndpoint.name() } else { expected(answer) };
        assert_eq!(result.received == Some(Received::AnotherKey), says_none, "{}", answer.id);
        if result.outcome.name() != expected || result.status != Some(answer.status) {
            wrong.push(format!("{}: {result:?}, expected {expected}", answer.id));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("{} answers over HTTP, {} of them as recorded", answers.len(), recorded.len());
    assert!(answers.len() > 3 * 141, "{}", answers.len());
}

#[tokio::test]
async fn a_key_that_was_replaced_on_the_way_is_never_called_dead() {
    let Some(recorded) = recorded() else {
        println!("skipped: no corpus");
        return;
    };
    let answers: Arc<Vec<Recorded>> =
        Arc::new(recorded.into_iter().filter(|answer| key_of(answer).contains('w')).collect());
    let server = serving(Arc::clone(&answers)).await;
    let catalogue = at(server.port, &answers);
    let mut compared = 0;
    for (number, answer) in answers.iter().enumerate() {
        let base = format!("http://127.0.0.1:{}/{number}", server.port);
        let same = ask(&catalogue, base.clone(), answer, &key_of(answer)).await;
        let Some(Received::ThisKey) = same.received else { continue };
        let other = ask(&catalogue, base, answer, "quite-another-secret-of-ours").await;
        assert_eq!(other.outcome, Outcome::WrongEndpoint, "{}", answer.id);
        assert_eq!(other.received, Some(Received::AnotherKey), "{}", answer.id);
        compared += 1;
    }
    println!("{compared} answers that repeat a key");
    assert!(compared >= 8, "{compared}");
}
