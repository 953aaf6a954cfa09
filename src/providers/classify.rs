//! From an answer to its meaning: an interpreter of the rows of a provider's file. Pure.

use std::borrow::Cow;

use serde_json::Value;

use crate::{
    domain::{
        outcome::{Confidence, Outcome, Received},
        secret::SecretValue,
    },
    providers::{
        Provider, echo,
        file::{AnswerEntry, Condition, Scalar},
        usual,
    },
};

/// An HTTP answer, as far as it was read.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// The header `content-type`.
    pub content_type: Option<&'a str>,
    /// Name and value of every header that is text.
    pub headers: &'a [(String, String)],
    /// The body; it may echo the key, so nothing of it leaves this module but closed sets.
    pub body: &'a [u8],
    /// The key that was sent, where one was: some rows hold for some forms only, and what the server
    /// says that it received is compared with it.
    pub key: Option<&'a SecretValue>,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classification {
    /// What it means.
    pub outcome: Outcome,
    /// The provider's own code, from the closed set of its file.
    pub code: Option<String>,
    /// The meaning in the file's words.
    pub meaning: Option<String>,
    /// What to do, in the file's words.
    pub advice: Option<String>,
    /// Which of the texts that the deciding row looks for the answer mentions: of a wrong region, the
    /// right host.
    pub mentioned: Option<String>,
    /// How well the deciding row is supported.
    pub confidence: Confidence,
    /// Which key the server received, when it repeats it masked.
    pub received: Option<Received>,
}

/// The answer with its body understood once.
struct Understood<'a> {
    answer: &'a Answer<'a>,
    json: Option<Value>,
    text: Cow<'a, str>,
}

impl<'a> Understood<'a> {
    fn of(answer: &'a Answer<'a>) -> Self {
        let claims_json = answer.content_type.is_none_or(|content_type| {
            let content_type = content_type.trim().to_ascii_lowercase();
            content_type.is_empty() || content_type.contains("json")
        });
        let json = claims_json
            .then(|| serde_json::from_slice::<Value>(answer.body).ok())
            .flatten()
            .map(unwrapped)
            .filter(|value| value.is_object() || value.is_array());
        Self { answer, json, text: String::from_utf8_lossy(answer.body) }
    }

    fn is_html(&self) -> bool {
        let named = self
            .answer
            .content_type
            .is_some_and(|content_type| content_type.to_ascii_lowercase().contains("html"));
        named || self.text.trim_start().starts_with('<')
    }

    fn holds(&self, condition: &Condition) -> bool {
        if let Some(pointer) = &condition.pointer {
            let found = self.json.as_ref().map(|json| find(json, pointer)).unwrap_or_default();
            return match (&condition.exists, &condition.equals, &condition.one_of) {
                (Some(exists), ..) => found.iter().any(|value| !value.is_null()) == *exists,
                (_, Some(equals), _) => found.iter().any(|value| same(equals, value)),
                (_, _, Some(several)) => {
                    several.iter().any(|one| found.iter().any(|value| same(one, value)))
                }
                _ => false,
            };
        }
        if let Some(name) = &condition.header {
            let mut found = self
                .answer
                .headers
                .iter()
                .filter(|(header, _)| header.eq_ignore_ascii_case(name))
                .map(|(_, value)| Value::from(value.as_str()));
            return match (&condition.exists, &condition.equals, &condition.one_of) {
                (Some(exists), ..) => found.next().is_some() == *exists,
                (_, Some(equals), _) => found.any(|value| same(equals, &value)),
                (_, _, Some(several)) => {
                    found.any(|value| several.iter().any(|one| same(one, &value)))
                }
                _ => false,
            };
        }
        if let Some(texts) = &condition.body_contains {
            return texts.iter().any(|text| self.text.contains(text.as_str()));
        }
        if let Some(part) = &condition.content_type {
            return self.answer.content_type.is_some_and(|content_type| {
                content_type.to_ascii_lowercase().contains(&part.to_ascii_lowercase())
            });
        }
        if let Some(conditions) = &condition.any {
            return conditions.iter().any(|condition| self.holds(condition));
        }
        condition
            .all
            .as_ref()
            .is_some_and(|conditions| conditions.iter().all(|condition| self.holds(condition)))
    }

    fn mentioned<'r>(&self, row: &'r AnswerEntry, provider: &'r Provider) -> &'r str {
        self.known_mention(row, provider).unwrap_or(&row.unmentioned)
    }

    /// The first of the row's texts, or else of the provider's regional hosts, that the body has.
    fn known_mention<'r>(&self, row: &'r AnswerEntry, provider: &'r Provider) -> Option<&'r str> {
        let found = |text: &&str| self.text.contains(*text);
        let mut texts = row.mentions.iter().map(String::as_str);
        let hosts = || provider.regions().map(|(_, endpoint)| host(endpoint));
        if row.mentions.is_empty() { hosts().find(found) } else { texts.find(found) }
    }

    /// What the server says of the key that it received.
    fn received(&self, provider: &Provider) -> Option<Received> {
        let key = self.answer.key?.expose();
        let json = self.json.as_ref()?;
        provider.file().echoes.iter().find_map(|entry| {
            find(json, &entry.pointer).into_iter().find_map(|value| {
                let (_, behind) = value.as_str()?.split_once(entry.after.as_str())?;
                echo::received(behind, key, entry.only_end)
            })
        })
    }
}

/// The host of a base URL of the catalogue.
fn host(endpoint: &str) -> &str {
    let rest = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

impl Provider {
    /// What the answer means, by the first row of the file that matches it.
    ///
    /// A redirect is never followed and always a wrong endpoint. A body that is no JSON comes from
    /// something else than the API (a portal, a firewall, a website), so it never judges a key unless
    /// the row says that it may. An answer about another key than the one that was sent judges none.
    pub fn classify(&self, answer: &Answer<'_>) -> Classification {
        let understood = Understood::of(answer);
        let received = understood.received(self);
        let mut classification = self.classify_body(answer, &understood);
        classification.received = received;
        if received == Some(Received::AnotherKey) {
            classification.outcome = Outcome::WrongEndpoint;
            classification.meaning = Some(ANOTHER_KEY.into());
            classification.advice = Some(ANOTHER_KEY_ADVICE.into());
        }
        classification
    }

    fn classify_body(&self, answer: &Answer<'_>, understood: &Understood<'_>) -> Classification {
        let file = self.file();
        let code = file.codes.as_ref().and_then(|codes| {
            let json = understood.json.as_ref()?;
            codes.pointers.iter().flat_map(|pointer| find(json, pointer)).find_map(|value| {
                codes.known.iter().find(|known| same(&Scalar::Text((*known).clone()), value))
            })
        });
        let classification =
            |outcome, meaning: Option<String>, advice: Option<String>, sure| Classification {
                outcome,
                code: code.cloned(),
                meaning,
                advice,
                mentioned: None,
                confidence: sure,
                received: None,
            };

        let shape = answer.key.and_then(|key| self.shape_of(key.expose()));
        let row = self.rows().find(|row| {
            row.status.matches(answer.status)
                && (row.only.is_empty() || shape.is_some_and(|own| row.only.contains(&own.name)))
                && row.when.as_ref().is_none_or(|condition| understood.holds(condition))
        });
        if let Some(row) = row {
            let outcome = row.outcome;
            let redirects = answer.status / 100 == 3 && outcome != Outcome::WrongEndpoint;
            let judges =
                understood.json.is_some() || row.any_body || says_nothing_of_the_key(outcome);
            if judges && !redirects && !(outcome == Outcome::Unknown && understood.is_html()) {
                let filled = |text: &Option<String>| {
                    text.as_ref()
                        .map(|text| text.replace("{mentioned}", understood.mentioned(row, self)))
                        .filter(|text| !text.is_empty())
                };
                let classified = classification(
                    outcome,
                    filled(&row.meaning),
                    filled(&row.advice),
                    self.confidence_of(row),
                );
                let mentioned = understood.known_mention(row, self).map(str::to_owned);
                return Classification { mentioned, ..classified };
            }
        } else if let Some(success) = &file.success
            && success.status == answer.status
            && understood.json.is_some()
            && understood.holds(&success.when)
        {
            return classification(
                Outcome::Alive,
                success.meaning.clone(),
                success.advice.clone(),
                file.confidence,
            );
        }

        let (outcome, meaning, advice) = without_row(answer.status, understood);
        classification(outcome, Some(meaning.into()), advice.map(Into::into), Confidence::Medium)
    }

    /// The file's rows, then the usual ones that it names.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &AnswerEntry> {
        let usual = self.file().usual.iter().filter_map(|name| usual::row(*name));
        self.file().answers.iter().chain(usual)
    }

    /// How well a row is supported; a usual one never better than the file that names it.
    pub(crate) fn confidence_of(&self, row: &AnswerEntry) -> Confidence {
        let file = self.confidence();
        if usual::is_one(row) {
            row.confidence.map_or(file, |own| own.min(file))
        } else {
            row.confidence.unwrap_or(file)
        }
    }

    /// Which of `wanted` the accepted answer does not list, by exact id. Empty when the file does not
    /// say where models stand, when the list goes on at another page, or when it is no list.
    pub fn missing_models(&self, body: &[u8], wanted: &[String]) -> Vec<String> {
        let Some(models) = &self.file().models else { return Vec::new() };
        let Ok(json) = serde_json::from_slice::<Value>(body).map(unwrapped) else {
            return Vec::new();
        };
        let goes_on = models.more.as_ref().is_some_and(|pointer| {
            find(&json, pointer).iter().any(|value| match value {
                Value::Bool(more) => *more,
                Value::String(token) => !token.is_empty(),
                _ => false,
            })
        });
        let Some(Value::Array(list)) = find(&json, &models.list).first() else {
            return Vec::new();
        };
        if goes_on {
            return Vec::new();
        }
        let seen = |wanted: &str| {
            list.iter().flat_map(|entry| find(entry, &models.id)).any(|id| {
                id.as_str().is_some_and(|id| {
                    id == wanted || id.strip_prefix(models.id_prefix.as_str()) == Some(wanted)
                })
            })
        };
        wanted.iter().filter(|model| !seen(model)).cloned().collect()
    }
}

const ANOTHER_KEY: &str = "The server received another key than the one that was sent: something \
                           on the way replaced it, so the answer judges that other key.";
const ANOTHER_KEY_ADVICE: &str =
    "Look at the proxy or gateway on the way: it sends a key of its own.";

/// What may be said of an answer without knowing that the API gave it.
const fn says_nothing_of_the_key(outcome: Outcome) -> bool {
    matches!(
        outcome,
        Outcome::WrongEndpoint
            | Outcome::BlockedIp
            | Outcome::BlockedRegion
            | Outcome::Blocked
            | Outcome::UnknownRetry
            | Outcome::Unknown
    )
}

/// The meaning of an answer that no row of the file explains.
fn without_row(
    status: u16,
    understood: &Understood<'_>,
) -> (Outcome, &'static str, Option<&'static str>) {
    let is_json = understood.json.is_some();
    match status {
        300..=399 => (
            Outcome::WrongEndpoint,
            "The base URL redirects; the key was not sent on.",
            Some("Name the final address as the base URL."),
        ),
        200..=299 => (
            Outcome::WrongEndpoint,
            "Something answered, but not the API: a website, a portal or another path.",
            Some("Check the base URL, and open it in a browser: a portal may want a sign-in."),
        ),
        404 | 405 | 410 => (
            Outcome::WrongEndpoint,
            "There is no such path here; the key was not judged.",
            Some("Check the base URL."),
        ),
        408 | 425 | 429 | 500..=599 => (
            Outcome::UnknownRetry,
            "The server, or something before it, cannot answer now; this says nothing about the key.",
            Some("Ask again later."),
        ),
        407 => (
            Outcome::Blocked,
            "A proxy wants a sign-in; the key was not judged.",
            Some("Check the proxy of the environment."),
        ),
        _ if !is_json && understood.is_html() => (
            Outcome::Blocked,
            "A page answered instead of the API: a firewall or a portal. The key was not judged.",
            Some("Look at the proxy or firewall on the way."),
        ),
        _ if !is_json => (
            Outcome::Unknown,
            "The answer is not in the API's form; the key was not judged.",
            Some("Check the base URL, and the proxy or gateway on the way."),
        ),
        _ => (Outcome::Unknown, "This version does not know this answer.", None),
    }
}

/// Some gateways wrap the body as `[body]`.
fn unwrapped(value: Value) -> Value {
    match value {
        Value::Array(mut entries) if entries.len() == 1 && entries[0].is_object() => {
            entries.remove(0)
        }
        other => other,
    }
}

fn same(expected: &Scalar, value: &Value) -> bool {
    match (expected, value) {
        (Scalar::Boolean(expected), Value::Bool(value)) => expected == value,
        (Scalar::Text(expected), Value::String(value)) => expected == value,
        (Scalar::Text(expected), Value::Number(value)) => *expected == value.to_string(),
        (Scalar::Number(expected), Value::Number(value)) => value.as_i64() == Some(*expected),
        (Scalar::Number(expected), Value::String(value)) => expected.to_string() == *value,
        _ => false,
    }
}

/// Every value at `pointer` (RFC 6901); a step `*` is every entry of an array.
fn find<'v>(value: &'v Value, pointer: &str) -> Vec<&'v Value> {
    let mut found = vec![value];
    for step in pointer.split('/').skip(1) {
        let name = step.replace("~1", "/").replace("~0", "~");
        found = found
            .into_iter()
            .flat_map(|value| match value {
                Value::Array(entries) if step == "*" => entries.iter().collect(),
                Value::Array(entries) => name
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| entries.get(index))
                    .into_iter()
                    .collect(),
                Value::Object(fields) => fields.get(&name).into_iter().collect::<Vec<_>>(),
                _ => Vec::new(),
            })
            .collect();
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::providers::Catalogue;

    fn classify(provider: &str, status: u16, content_type: &str, body: &str) -> Classification {
        let catalogue = Catalogue::embedded();
        let answer = Answer {
            status,
            content_type: Some(content_type),
            headers: &[],
            body: body.as_bytes(),
            key: None,
        };
        catalogue.provider(provider).unwrap().classify(&answer)
    }

    #[rstest]
    #[case::portal(200, "text/html", "<html>sign in</html>", Outcome::WrongEndpoint)]
    #[case::empty_success(200, "application/json", "", Outcome::WrongEndpoint)]
    #[case::other_json(200, "application/json", "{\"ok\":true}", Outcome::WrongEndpoint)]
    #[case::firewall(403, "text/html", "<html>Access denied</html>", Outcome::Blocked)]
    #[case::firewall_401(401, "text/html", "<html>Unauthorized</html>", Outcome::Blocked)]
    #[case::firewall_429(429, "text/html", "<html>error 1015</html>", Outcome::UnknownRetry)]
    #[case::text(401, "text/plain", "invalid_api_key", Outcome::Unknown)]
    #[case::json_as_text(
        401,
        "text/plain",
        r#"{"error":{"code":"invalid_api_key"}}"#,
        Outcome::Unknown
    )]
    #[case::cut(401, "application/json", r#"{"error":{"code":"invalid_api_k"#, Outcome::Unknown)]
    #[case::scalar(401, "application/json", "\"invalid_api_key\"", Outcome::Unknown)]
    #[case::redirect(302, "text/html", "", Outcome::WrongEndpoint)]
    #[case::teapot(418, "application/json", "{}", Outcome::Unknown)]
    #[case::proxy(407, "text/html", "", Outcome::Blocked)]
    #[case::wrapped(
        401,
        "application/json",
        r#"[{"error":{"code":"invalid_api_key"}}]"#,
        Outcome::Dead
    )]
    fn what_is_not_the_api_never_judges_a_key(
        #[case] status: u16,
        #[case] content_type: &str,
        #[case] body: &str,
        #[case] expected: Outcome,
    ) {
        for provider in ["openai", "openai-compatible"] {
            let outcome = classify(provider, status, content_type, body).outcome;
            let exception = provider == "openai-compatible" && status == 200;
            assert!(outcome == expected || exception, "{provider}: {outcome}");
        }
    }

    #[test]
    fn only_codes_of_the_closed_set_are_kept() {
        let known = r#"{"error":{"code":"invalid_api_key","message":"x"}}"#;
        assert_eq!(
            classify("openai", 401, "application/json", known).code.as_deref(),
            Some("invalid_api_key")
        );
        let foreign = r#"{"error":{"code":"the key itself","message":"x"}}"#;
        let classification = classify("openai", 401, "application/json", foreign);
        assert_eq!((classification.outcome, classification.code), (Outcome::Unknown, None));
    }

    #[test]
    fn the_region_is_named_from_a_closed_set() {
        let body = r#"{"error":{"code":"incorrect_hostname","message":"use eu.api.openai.com"}}"#;
        let classification = classify("openai", 401, "application/json", body);
        assert_eq!(classification.outcome, Outcome::WrongRegion);
        assert_eq!(classification.mentioned.as_deref(), Some("eu.api.openai.com"));
        assert!(classification.advice.unwrap().contains("https://eu.api.openai.com/v1"));
        let foreign = r#"{"error":{"code":"incorrect_hostname","message":"use zz.api.evil.test"}}"#;
        let classification = classify("openai", 401, "application/json", foreign);
        assert!(!classification.advice.unwrap().contains("evil"));
    }

    #[rstest]
    #[case::plain("/error/code", &["\"a\""])]
    #[case::every("/list/*/id", &["1", "2"])]
    #[case::index("/list/1/id", &["2"])]
    #[case::escaped("/a~1b", &["true"])]
    #[case::nothing("/error/nothing", &[])]
    fn pointers(#[case] pointer: &str, #[case] expected: &[&str]) {
        let value: Value =
            serde_json::from_str(r#"{"error":{"code":"a"},"list":[{"id":1},{"id":2}],"a/b":true}"#)
                .unwrap();
        let found: Vec<String> = find(&value, pointer).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn models_are_compared_by_exact_id() {
        let catalogue = Catalogue::embedded();
        let wanted = ["gpt-4o", "gpt-4", "ft:gpt-4o:us::a1", "ft:gpt-4o:us::a"].map(str::to_owned);
        let body = br#"{"object":"list","data":[{"id":"gpt-4o"},{"id":"gpt-4o-mini"},
            {"id":"ft:gpt-4o:us::a1"}]}"#;
        let openai = catalogue.provider("openai").unwrap();
        assert_eq!(openai.missing_models(body, &wanted), ["gpt-4", "ft:gpt-4o:us::a"]);
        let together = catalogue.provider("together").unwrap();
        let body = br#"[{"id":"a"},{"id":"b"}]"#;
        assert_eq!(together.missing_models(body, &["b".to_owned(), "c".to_owned()]), ["c"]);
        assert!(openai.missing_models(b"not json", &wanted).is_empty());

        let gemini = catalogue.provider("google-gemini").unwrap();
        let body = br#"{"models":[{"name":"models/gemini-pro"}]}"#;
        assert!(gemini.missing_models(body, &["gemini-pro".to_owned()]).is_empty());
        assert_eq!(gemini.missing_models(body, &["gemini".to_owned()]), ["gemini"]);

        let anthropic = catalogue.provider("anthropic").unwrap();
        let body = br#"{"data":[{"id":"a"}],"has_more":true}"#;
        assert!(anthropic.missing_models(body, &["b".to_owned()]).is_empty());
    }

    /// Bodies that look like an API's, with anything in the places that are looked at.
    fn bodies() -> impl Strategy<Value = String> {
        let field = "[a-z_]{0,20}|invalid_api_key|authentication_error|[ -~]{0,60}";
        prop_oneof![
            "[ -~]{0,200}",
            (field, field, field).prop_map(|(code, kind, message)| {
                let error = serde_json::json!({"code": code, "type": kind, "message": message});
                serde_json::json!({ "error": error, "detail": {"error": error} }).to_string()
            }),
        ]
    }

    proptest! {
        #[test]
        fn nothing_of_an_answer_is_kept_but_closed_sets(
            status in 100_u16..600,
            content_type in proptest::option::of("application/json|text/html|[ -~]{0,20}"),
            body in bodies(),
            pick in 0_usize..47,
        ) {
            let catalogue = Catalogue::embedded();
            let provider = catalogue.providers().nth(pick).unwrap();
            let answer = Answer {
                status,
                content_type: content_type.as_deref(),
                headers: &[],
                body: body.as_bytes(),
                key: None,
            };
            let classification = provider.classify(&answer);
            let known = provider.file().codes.as_ref().map(|codes| codes.known.as_slice());
            if let Some(code) = classification.code {
                prop_assert!(known.unwrap_or_default().contains(&code));
            }
            let texts: Vec<_> = provider
                .file()
                .answers
                .iter()
                .flat_map(|row| [&row.meaning, &row.advice])
                .chain(provider.file().success.iter().flat_map(|it| [&it.meaning, &it.advice]))
                .flatten()
                .map(String::as_str)
                .collect();
            for text in [classification.meaning, classification.advice].into_iter().flatten() {
                // A sentence of the file, or a fixed one, which the answer does not contain.
                let ours = texts.contains(&text.as_str()) || !body.contains(&text);
                prop_assert!(ours, "{}", text);
            }
        }

        #[test]
        fn any_bytes_are_classified_without_panic(status: u16, body: Vec<u8>, pick in 0_usize..47) {
            let catalogue = Catalogue::embedded();
            let provider = catalogue.providers().nth(pick).unwrap();
            let answer = Answer { status, content_type: None, headers: &[], body: &body, key: None };
            let _ = provider.classify(&answer);
            let _ = provider.missing_models(&body, &["a".to_owned()]);
        }
    }
}
