//! Answers of providers: status, headers, body.

use stalekey::{
    domain::secret::SecretValue,
    providers::{Answer, Catalogue},
};

use super::{holds::same, input::Input, seeds};

const STATUSES: [u16; 16] =
    [200, 204, 301, 302, 400, 401, 402, 403, 404, 405, 407, 418, 429, 500, 502, 529];

const TYPES: [Option<&str>; 5] = [
    Some("application/json"),
    Some("application/json; charset=utf-8"),
    Some("text/html"),
    Some("\u{fffd}JSON"),
    None,
];

pub fn run(bytes: &[u8]) {
    let catalogue = Catalogue::embedded();
    let mut input = Input::of(bytes);
    let ids: Vec<&str> = catalogue.ids().collect();
    let provider = catalogue.provider(input.choose(&ids)).expect("a provider of the catalogue");
    let status = input.choose(&STATUSES);
    let content_type = input.choose(&TYPES);
    let header = input.choose(&["x-request-id", "cf-ray", "x-should-retry", "server"]);
    let key = SecretValue::new(input.choose(&["sk-proj-0123456789abcdef", "short"]));
    let body = input.rest();
    let headers = [(header.to_owned(), "cloudflare".to_owned())];
    let answer = Answer { status, content_type, headers: &headers, body, key: Some(&key) };
    let classification = same(|| provider.classify(&answer));
    let texts = [&classification.code, &classification.meaning, &classification.advice];
    for text in texts.into_iter().flatten() {
        assert!(text.chars().count() < 1_000, "the words are the file's own");
    }
    let wanted = ["gpt-4o".to_owned(), "claude-3".to_owned()];
    let missing = same(|| provider.missing_models(body, &wanted));
    assert!(missing.iter().all(|model| wanted.contains(model)));
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut bodies = seeds::literals("src/providers");
    bodies.extend(seeds::literals("src/demo/provider.rs"));
    bodies.extend(seeds::literals("tests/probe.rs"));
    let choices = (0..7).flat_map(|provider| {
        [0, 5, 7, 12].map(|status: u8| vec![provider, status, status % 5, provider % 4])
    });
    seeds::chosen(&bodies, &choices.collect::<Vec<_>>())
}
