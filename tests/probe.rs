//! What is sent to a provider, what is made of its answers, and what is never sent.

#[path = "support/server.rs"]
mod server;

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use rstest::rstest;
use stalekey::{
    domain::{
        outcome::{ContextHeader, Outcome, ProbeReason, ProbeResult, Trial},
        secret::SecretValue,
    },
    probe::{Counts, Endpoint, Limits, Plan, Prober, way_to},
    providers::Catalogue,
};
use tokio_util::sync::CancellationToken;

use self::server::{Reply, Request, Server, answer};

const MODELS: &str = r#"{"object":"list","data":[{"id":"gpt-4o"},{"id":"gpt-4o-mini"}]}"#;
const REFUSED: &str = r#"{"error":{"message":"Incorrect","code":"invalid_api_key"}}"#;

/// A key of OpenAI's format, another one for each number.
fn key(number: usize) -> String {
    format!("sk-proj-{}T3BlbkFJ{number:074}", "A".repeat(74))
}

fn limits() -> Limits {
    Limits {
        timeout: Duration::from_millis(400),
        requests_per_second: 10_000,
        retry_delay: Duration::from_millis(4),
        ..Limits::default()
    }
}

/// The catalogue with OpenAI's own endpoint at this port, so that it needs no control probe.
fn at(port: u16) -> Arc<Catalogue> {
    let text = include_str!("../assets/providers/openai.toml")
        .replace("https://api.openai.com/v1", &format!("http://127.0.0.1:{port}/v1"));
    Arc::new(Catalogue::with_files(&[("openai.toml".to_owned(), text)]).expect("a clean file"))
}

fn plan(port: u16, key: impl Into<String>) -> Plan {
    Plan {
        key: SecretValue::new(key.into()),
        provider: "openai".to_owned(),
        endpoint: Endpoint::parse(&format!("http://127.0.0.1:{port}/v1")).expect("an endpoint"),
        organisation: None,
        project: None,
        companions: BTreeMap::new(),
        models: Vec::new(),
        expected: false,
    }
}

async fn run(prober: &Prober, plans: Vec<Plan>) -> (Vec<ProbeResult>, Counts) {
    let mut results = vec![None; plans.len()];
    let counts = prober
        .run(plans, |index, result| results[index] = Some(result), CancellationToken::new())
        .await;
    (results.into_iter().flatten().collect(), counts)
}

/// One key at a server that is the provider's own.
async fn ask(server: &Server) -> (ProbeResult, Counts) {
    let prober = Prober::new(at(server.port), limits());
    let (results, counts) = run(&prober, vec![plan(server.port, key(1))]).await;
    (results.into_iter().next().expect("one result"), counts)
}

fn sent(requests: usize, extra_requests: usize) -> Counts {
    Counts { requests, extra_requests }
}

#[rstest]
#[case::accepted(200, MODELS, Outcome::Alive, None)]
#[case::refused(401, REFUSED, Outcome::Dead, Some("invalid_api_key"))]
#[case::organisation(
    401,
    r#"{"error":{"code":"mismatched_organization"}}"#,
    Outcome::WrongOrg,
    Some("mismatched_organization")
)]
#[case::forbidden(
    403,
    r#"{"error":{"message":"Missing scopes: a","code":null}}"#,
    Outcome::AliveRestricted,
    None
)]
#[case::no_path(404, r#"{"error":{"message":"Invalid URL"}}"#, Outcome::WrongEndpoint, None)]
#[case::billing(
    429,
    r#"{"error":{"code":"insufficient_quota"}}"#,
    Outcome::AliveNoQuota,
    Some("insufficient_quota")
)]
#[tokio::test]
async fn answers_get_their_meaning(
    #[case] status: u16,
    #[case] body: &'static str,
    #[case] outcome: Outcome,
    #[case] code: Option<&str>,
) {
    let server = Server::start(move |_| answer(status, &[], body)).await;
    let (result, counts) = ask(&server).await;
    assert_eq!(result.outcome, outcome);
    assert_eq!((result.status, result.code.as_deref()), (Some(status), code));
    assert_eq!(result.endpoint, Some(format!("http://127.0.0.1:{}/v1/models", server.port)));
    assert!(result.checked_at.is_some() && result.latency_ms.is_some());
    assert!(result.meaning.is_some());
    assert_eq!(result.retry_at, None);
    assert_eq!(counts, sent(1, 0), "refusals and billing are never asked twice");
}

#[tokio::test]
async fn the_request_is_honest_and_small() {
    let server = Server::start(|_| answer(200, &[("set-cookie", "a=b")], MODELS)).await;
    let mut asked = plan(server.port, key(1));
    asked.organisation = Some("org-1".to_owned());
    asked.project = Some("proj\u{200b}".to_owned());
    let prober = Prober::new(at(server.port), limits());
    let (_, counts) = run(&prober, vec![asked.clone(), asked]).await;
    assert_eq!(counts, sent(2, 0));
    for request in server.requests() {
        assert!(request.head.starts_with("GET /v1/models HTTP/1.1\r\n"));
        let names: BTreeSet<String> = request
            .head
            .lines()
            .skip(1)
            .filter_map(|line| Some(line.split_once(':')?.0.to_ascii_lowercase()))
            .collect();
        let expected = ["accept", "authorization", "host", "openai-organization", "user-agent"];
        assert_eq!(names, expected.map(str::to_owned).into());
        assert_eq!(request.header("authorization"), Some(format!("Bearer {}", key(1)).as_str()));
        assert_eq!(
            request.header("user-agent"),
            Some(concat!("stalekey/", env!("CARGO_PKG_VERSION")))
        );
    }
}

#[rstest]
#[case::seconds("7", 7)]
#[case::hour("3600", 3600)]
#[case::date("date", 90)]
#[tokio::test]
async fn a_throttled_host_is_left_alone(#[case] header: &'static str, #[case] seconds: i64) {
    let before = Timestamp::now();
    let value = if header == "date" {
        let at = before + SignedDuration::from_secs(seconds);
        at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    } else {
        header.to_owned()
    };
    let body = r#"{"error":{"code":"rate_limit_exceeded"}}"#;
    let server = Server::start(move |_| answer(429, &[("retry-after", &value)], body)).await;
    let prober = Prober::new(at(server.port), Limits { in_flight_per_host: 1, ..limits() });
    let (results, counts) =
        run(&prober, (0..3).map(|number| plan(server.port, key(number))).collect()).await;
    assert_eq!(counts, sent(1, 0));
    assert_eq!(results[0].outcome, Outcome::AliveRateLimited);
    let due = before + SignedDuration::from_secs(seconds - 1);
    for result in &results {
        assert!(result.retry_at.unwrap() >= due);
    }
    assert_eq!(results[2].reason, Some(ProbeReason::Waiting));

    // Not in the next pass either.
    let (results, counts) = run(&prober, vec![plan(server.port, key(9))]).await;
    assert_eq!((results[0].reason, counts), (Some(ProbeReason::Waiting), sent(0, 0)));
}

#[rstest]
#[case::overloaded(503)]
#[case::timeout(408)]
#[case::conflict(409)]
#[tokio::test]
async fn trouble_is_asked_about_once_more(#[case] status: u16) {
    let server = Server::start(move |request| match request.number {
        0 => answer(status, &[], "{}"),
        _ => answer(200, &[], MODELS),
    })
    .await;
    let (result, counts) = ask(&server).await;
    assert_eq!((result.outcome, counts), (Outcome::Alive, sent(1, 1)));
}

#[rstest]
#[case::unsaid(&[], sent(1, 1))]
#[case::later(&[("retry-after", "30")], sent(1, 0))]
#[case::forbidden(&[("x-should-retry", "false")], sent(1, 0))]
#[tokio::test]
async fn lasting_trouble_says_nothing_of_the_key(
    #[case] headers: &'static [(&'static str, &'static str)],
    #[case] expected: Counts,
) {
    let server = Server::start(|_| answer(500, headers, "{}")).await;
    let (result, counts) = ask(&server).await;
    assert_eq!((result.outcome, counts), (Outcome::UnknownRetry, expected));
    assert_eq!(result.retry_at.is_some(), headers.iter().any(|(name, _)| *name == "retry-after"));
}

#[rstest]
#[case::silence(|| Reply::Silence, ProbeReason::TimedOut, None, sent(1, 1))]
#[case::drip(|| Reply::Drip, ProbeReason::TimedOut, Some(200), sent(1, 1))]
#[case::reset(|| Reply::Reset, ProbeReason::ConnectionReset, None, sent(1, 1))]
#[case::closed(|| Reply::Bytes(Vec::new()), ProbeReason::ConnectionReset, None, sent(1, 1))]
#[case::cut_body(
    || Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{".to_vec()),
    ProbeReason::ConnectionReset, Some(200), sent(1, 1))]
#[case::cut_refusal(
    || Reply::Bytes(b"HTTP/1.1 401 No\r\ncontent-length: 900\r\n\r\n{".to_vec()),
    ProbeReason::ConnectionReset, Some(401), sent(1, 0))]
#[case::garbage(
    || Reply::Bytes(b"\x00\x01garbage\xff\r\n\r\n".to_vec()), ProbeReason::Transport, None, sent(1, 0))]
#[case::escapes(
    || Reply::Bytes(b"HTTP/1.1 401 No\r\nx-request-id: \x1b]52;c;QQ==\x07\r\n\r\n{}".to_vec()),
    ProbeReason::Transport, None, sent(1, 0))]
#[case::head_without_end(
    || Reply::EndlessHead(401), ProbeReason::Transport, None, sent(1, 0))]
#[tokio::test]
async fn broken_answers_are_unreachable(
    #[case] reply: fn() -> Reply,
    #[case] reason: ProbeReason,
    #[case] status: Option<u16>,
    #[case] expected: Counts,
) {
    let server = Server::start(move |_| reply()).await;
    let (result, counts) = ask(&server).await;
    assert_eq!((result.outcome, result.reason), (Outcome::Unreachable, Some(reason)));
    assert_eq!((result.status, counts), (status, expected));
}

#[rstest]
#[case::cut_json(401, "application/json", "{\"error\":{\"code\":\"invalid_api_k", Outcome::Unknown)]
#[case::portal(200, "text/html", "<html>sign in</html>", Outcome::WrongEndpoint)]
#[case::firewall(403, "text/html", "<html>Access denied</html>", Outcome::Blocked)]
#[case::gzip(401, "application/json", "\u{1f}\u{8b}\u{8}\0\0\0", Outcome::Unknown)]
#[case::text(401, "text/plain", REFUSED, Outcome::Unknown)]
#[tokio::test]
async fn what_is_not_the_api_does_not_judge(
    #[case] status: u16,
    #[case] content_type: &'static str,
    #[case] body: &'static str,
    #[case] outcome: Outcome,
) {
    let server =
        Server::start(move |_| answer(status, &[("content-type", content_type)], body)).await;
    assert_eq!(ask(&server).await.0.outcome, outcome);
}

#[tokio::test]
async fn bytes_that_are_no_text_do_not_judge() {
    let head = b"HTTP/1.1 401 No\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: 6\r\n\r\n";
    let server =
        Server::start(|_| Reply::Bytes([head.as_slice(), b"\xff\xfe\x1f\x8b\x08\x00"].concat()))
            .await;
    assert_eq!(ask(&server).await.0.outcome, Outcome::Unknown);
}

#[rstest]
#[case::error(401, Outcome::Unknown)]
#[case::success(200, Outcome::WrongEndpoint)]
#[tokio::test]
async fn a_body_without_end_is_bounded(#[case] status: u16, #[case] outcome: Outcome) {
    let server = Server::start(move |_| Reply::Endless(status)).await;
    let prober =
        Prober::new(at(server.port), Limits { timeout: Duration::from_mins(1), ..limits() });
    let (results, _) = run(&prober, vec![plan(server.port, key(1))]).await;
    assert_eq!(results[0].outcome, outcome);
}

#[tokio::test]
async fn a_redirect_never_takes_the_key_along() {
    let other = Server::start(|_| answer(200, &[], MODELS)).await;
    let target = format!("http://localhost:{}/v1/models", other.port);
    let server = Server::start(move |_| answer(307, &[("location", &target)], "")).await;
    let (result, counts) = ask(&server).await;
    assert_eq!((result.outcome, result.status), (Outcome::WrongEndpoint, Some(307)));
    assert_eq!(counts, sent(1, 0));
    assert!(other.requests().is_empty());
}

/// A gateway in front of a provider has answers of its own; a wrong key is a 400 there.
#[tokio::test]
async fn a_gateways_own_refusal_is_understood() {
    const WRONG: &str = r#"{"error":{"message":"No connected db.","type":"no_db_connection","param":null,"code":"400"}}"#;
    let server = Server::start(|_| answer(400, &[], WRONG)).await;
    let mut plan = plan(server.port, key(1));
    plan.endpoint = Endpoint::parse(&format!("http://localhost:{}/v1", server.port)).unwrap();
    let prober = Prober::new(Catalogue::embedded().into(), limits());
    let (results, _) = run(&prober, vec![plan]).await;
    assert_eq!(results[0].outcome, Outcome::Dead);
    assert_eq!(results[0].code, Some("no_db_connection".to_owned()));
}

#[tokio::test]
async fn nothing_of_an_echoed_key_is_kept() {
    let server = Server::start(|request| {
        let key = request.header("authorization").unwrap().replace("Bearer ", "");
        let body = format!(
            r#"{{"error":{{"message":"Incorrect API key provided: {key}","code":"{key}","type":"{key}"}}}}"#
        );
        answer(401, &[("x-request-id", &key), ("www-authenticate", &key)], &body)
    })
    .await;
    let (result, _) = ask(&server).await;
    assert_eq!((result.outcome, &result.code), (Outcome::Unknown, &None));
    let shown = format!("{result:?}");
    let secret = key(1);
    for piece in secret.as_bytes().windows(8) {
        assert!(!shown.as_bytes().windows(8).any(|shown| shown == piece));
    }
}

#[rstest]
#[case::zero_width(format!("{}\u{200b}", key(1)), ProbeReason::UnsendableBytes)]
#[case::newline(format!("{}\n", key(1)), ProbeReason::UnsendableBytes)]
#[case::space(format!(" {}", key(1)), ProbeReason::UnsendableBytes)]
#[case::other(format!("sk-ant-api03-{}AA", "c".repeat(93)), ProbeReason::OtherProvidersKey)]
#[tokio::test]
async fn what_must_not_be_sent_is_not(#[case] value: String, #[case] reason: ProbeReason) {
    let server = Server::start(|_| answer(200, &[], MODELS)).await;
    let prober = Prober::new(at(server.port), limits());
    let (results, counts) = run(&prober, vec![plan(server.port, value)]).await;
    assert_eq!((results[0].reason, counts), (Some(reason), sent(0, 0)));
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn nobody_listens() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let prober = Prober::new(at(port), limits());
    let (results, counts) = run(&prober, vec![plan(port, key(1))]).await;
    assert_eq!(results[0].reason, Some(ProbeReason::ConnectionRefused));
    assert_eq!(counts, sent(1, 1));
}

#[tokio::test]
async fn tls_is_never_given_up() {
    let server = Server::start(|_| answer(200, &[], MODELS)).await;
    let prober = Prober::new(Arc::new(Catalogue::embedded()), limits());
    let mut asked = plan(server.port, key(1));
    asked.endpoint = Endpoint::parse(&format!("https://127.0.0.1:{}/v1", server.port)).unwrap();
    // No TLS is spoken there: the server waits for the end of a head that never comes, or breaks off.
    let (results, _) = run(&prober, vec![asked]).await;
    assert_eq!(results[0].outcome, Outcome::Unreachable);
    assert!(server.requests().is_empty());
}

/// As a server that lists its models to anybody does, or one that guards them.
fn list_of(guarded: bool) -> impl Fn(&Request) -> Reply + Send + Sync {
    move |request| {
        if guarded && request.header("authorization").is_none() {
            answer(401, &[], REFUSED)
        } else {
            answer(200, &[], MODELS)
        }
    }
}

#[tokio::test]
async fn a_public_endpoint_gets_no_key() {
    let server = Server::start(list_of(false)).await;
    let prober = Prober::new(Arc::new(Catalogue::embedded()), limits());
    let plans = (0..3).map(|number| plan(server.port, key(number))).collect();
    let (results, counts) = run(&prober, plans).await;
    for result in results {
        assert_eq!((result.outcome, result.reason), (Outcome::PublicEndpoint, None));
        assert!(result.endpoint.is_some());
    }
    assert_eq!(counts, sent(0, 1), "one control probe is enough for all keys");
    assert!(server.requests().iter().all(|request| request.header("authorization").is_none()));
}

#[tokio::test]
async fn a_guarded_endpoint_is_asked_after_one_control_probe() {
    let server = Server::start(list_of(true)).await;
    let prober = Prober::new(Arc::new(Catalogue::embedded()), limits());
    let plans = (0..3).map(|number| plan(server.port, key(number))).collect();
    let (results, counts) = run(&prober, plans).await;
    assert!(results.iter().all(|result| result.outcome == Outcome::Alive));
    assert_eq!(counts, sent(3, 1));
}

#[tokio::test]
async fn a_silent_endpoint_gets_no_key() {
    let server = Server::start(|_| Reply::Reset).await;
    let prober = Prober::new(Arc::new(Catalogue::embedded()), limits());
    let (results, counts) = run(&prober, vec![plan(server.port, key(1))]).await;
    assert_eq!(results[0].reason, Some(ProbeReason::ConnectionReset));
    assert_eq!(counts, sent(0, 2));
    assert!(server.requests().iter().all(|request| request.header("authorization").is_none()));
}

/// Refuses what is sent along, in OpenAI's words, and the keys of `dead` altogether.
fn in_context(dead: bool) -> impl Fn(&Request) -> Reply + Send + Sync {
    move |request| {
        let refuse = |code| answer(401, &[], &format!(r#"{{"error":{{"code":"{code}"}}}}"#));
        match (request.header("openai-organization"), request.header("openai-project")) {
            (Some("org-old"), _) => refuse("mismatched_organization"),
            (_, Some("proj_old")) => refuse("mismatched_project"),
            _ if dead => refuse("invalid_api_key"),
            _ => answer(200, &[], MODELS),
        }
    }
}

#[rstest]
#[case::organisation(
    Some("org-old"), Some("proj_1"), false, Outcome::WrongOrg,
    Some((ContextHeader::Organisation, Outcome::Alive)))]
#[case::project(
    Some("org-1"), Some("proj_old"), false, Outcome::WrongProject,
    Some((ContextHeader::Project, Outcome::Alive)))]
#[case::both(
    Some("org-old"), Some("proj_old"), false, Outcome::WrongOrg,
    Some((ContextHeader::Organisation, Outcome::WrongProject)))]
#[case::dead_besides(
    Some("org-old"), None, true, Outcome::WrongOrg,
    Some((ContextHeader::Organisation, Outcome::Dead)))]
#[case::right(Some("org-1"), Some("proj_1"), false, Outcome::Alive, None)]
#[case::dead(Some("org-1"), Some("proj_1"), true, Outcome::Dead, None)]
#[tokio::test]
async fn a_refused_header_is_proven_by_one_request_without_it(
    #[case] organisation: Option<&str>,
    #[case] project: Option<&str>,
    #[case] dead: bool,
    #[case] outcome: Outcome,
    #[case] trial: Option<(ContextHeader, Outcome)>,
) {
    let server = Server::start(in_context(dead)).await;
    let mut asked = plan(server.port, key(1));
    asked.organisation = organisation.map(str::to_owned);
    asked.project = project.map(str::to_owned);
    let prober = Prober::new(at(server.port), limits());
    let (results, counts) = run(&prober, vec![asked]).await;
    let expected = trial.map(|(without, outcome)| Trial { without, outcome });
    assert_eq!((results[0].outcome, results[0].trial), (outcome, expected));
    assert_eq!(counts, sent(1, usize::from(trial.is_some())));
    if let (Some((without, _)), [_, second]) = (trial, server.requests().as_slice()) {
        let (organisation, project) = match without {
            ContextHeader::Organisation => (None, project),
            ContextHeader::Project => (organisation, None),
        };
        assert_eq!(second.header("openai-organization"), organisation);
        assert_eq!(second.header("openai-project"), project);
    }
}

/// Nothing was sent along, so there is nothing to leave out.
#[tokio::test]
async fn a_refused_header_that_was_not_sent_is_not_tried() {
    let server =
        Server::start(|_| answer(401, &[], r#"{"error":{"code":"mismatched_organization"}}"#))
            .await;
    let (result, counts) = ask(&server).await;
    assert_eq!((result.outcome, result.trial, counts), (Outcome::WrongOrg, None, sent(1, 0)));
}

#[tokio::test]
async fn the_right_host_of_a_region_is_named() {
    let body = r#"{"error":{"code":"incorrect_hostname","message":"Use eu.api.openai.com."}}"#;
    let server = Server::start(move |_| answer(401, &[], body)).await;
    let (result, counts) = ask(&server).await;
    assert_eq!((result.outcome, counts), (Outcome::WrongRegion, sent(1, 0)));
    assert_eq!(result.right_host.as_deref(), Some("eu.api.openai.com"));
}

#[tokio::test]
async fn fine_tuned_models_are_compared_letter_by_letter() {
    let tuned = "ft:gpt-4o-mini-2024-07-18:acme::AbCd1234";
    let body = format!(r#"{{"object":"list","data":[{{"id":"gpt-4o"}},{{"id":"{tuned}"}}]}}"#);
    let server = Server::start(move |_| answer(200, &[], &body)).await;
    let prober = Prober::new(at(server.port), limits());
    let mut asked = plan(server.port, key(1));
    let other = tuned.to_lowercase();
    asked.models = vec![tuned.to_owned(), other.clone(), "gpt-4".to_owned()];
    let (results, counts) = run(&prober, vec![asked]).await;
    assert_eq!((results[0].outcome, counts), (Outcome::Alive, sent(1, 0)));
    assert_eq!(results[0].missing_models, [other, "gpt-4".to_owned()]);
}

#[tokio::test]
async fn missing_models_are_named() {
    let server = Server::start(|_| answer(200, &[], MODELS)).await;
    let prober = Prober::new(at(server.port), limits());
    let mut asked = plan(server.port, key(1));
    asked.models = vec!["gpt-4o".to_owned(), "gpt-4".to_owned()];
    let (results, _) = run(&prober, vec![asked]).await;
    assert_eq!(results[0].missing_models, ["gpt-4"]);
}

#[tokio::test]
async fn every_plan_is_one_request() {
    let server = Server::start(|_| answer(200, &[], MODELS)).await;
    let prober = Prober::new(at(server.port), Limits { in_flight_per_host: 8, ..limits() });
    let plans = (0..60).map(|number| plan(server.port, key(number))).collect();
    let (results, counts) = run(&prober, plans).await;
    assert!(results.iter().all(|result| result.outcome == Outcome::Alive));
    assert_eq!(counts, sent(60, 0));
    let keys: BTreeSet<_> = server
        .requests()
        .iter()
        .map(|request| request.header("authorization").unwrap().to_owned())
        .collect();
    assert_eq!(keys.len(), 60);
}

#[tokio::test]
async fn a_host_that_refuses_everything_is_stopped() {
    let server = Server::start(|_| answer(401, &[], REFUSED)).await;
    let limits = Limits { stop_after_refusals: 3, in_flight_per_host: 1, ..limits() };
    let prober = Prober::new(at(server.port), limits);
    let plans: Vec<_> = (0..12).map(|number| plan(server.port, key(number))).collect();
    let (results, counts) = run(&prober, plans.clone()).await;
    assert_eq!(counts, sent(3, 0));
    let stopped =
        results.iter().filter(|it| it.reason == Some(ProbeReason::StoppedAfterRefusals)).count();
    assert_eq!(stopped, 9);
    // The next pass asks again.
    assert_eq!(run(&prober, plans).await.1, sent(3, 0));
}

#[tokio::test]
async fn an_accepted_key_between_refusals_goes_on() {
    let server = Server::start(|request| match request.number % 2 {
        0 => answer(401, &[], REFUSED),
        _ => answer(200, &[], MODELS),
    })
    .await;
    let limits = Limits { stop_after_refusals: 2, in_flight_per_host: 1, ..limits() };
    let prober = Prober::new(at(server.port), limits);
    let plans = (0..10).map(|number| plan(server.port, key(number))).collect();
    assert_eq!(run(&prober, plans).await.1, sent(10, 0));
}

#[tokio::test]
async fn expected_keys_are_asked_first() {
    let server = Server::start(|_| answer(200, &[], MODELS)).await;
    let prober = Prober::new(at(server.port), Limits { in_flight_per_host: 1, ..limits() });
    let mut plans: Vec<_> = (0..6).map(|number| plan(server.port, key(number))).collect();
    plans[4].expected = true;
    plans[5].expected = true;
    run(&prober, plans).await;
    let order: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.header("authorization").unwrap().to_owned())
        .collect();
    let expected: Vec<_> =
        [4, 5, 0, 1, 2, 3].map(|number| format!("Bearer {}", key(number))).to_vec();
    assert_eq!(order, expected);
}

#[rstest]
#[case::per_host(Limits { in_flight_per_host: 2, ..limits() })]
#[case::in_all(Limits { in_flight_per_host: 8, concurrency: 2, ..limits() })]
#[tokio::test]
async fn no_more_are_in_flight_than_allowed(#[case] limits: Limits) {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    // Nobody is answered before two have come: fewer in flight would never end well.
    let both = Arc::new(tokio::sync::Barrier::new(2));
    let (seen, reached) = (Arc::clone(&now), Arc::clone(&most));
    let server = Server::start_async(move |_| {
        let (seen, reached, both) = (Arc::clone(&seen), Arc::clone(&reached), Arc::clone(&both));
        Box::pin(async move {
            let now = seen.fetch_add(1, Ordering::SeqCst) + 1;
            reached.fetch_max(now, Ordering::SeqCst);
            both.wait().await;
            seen.fetch_sub(1, Ordering::SeqCst);
            answer(200, &[], MODELS)
        })
    })
    .await;
    let prober =
        Prober::new(at(server.port), Limits { timeout: Duration::from_secs(30), ..limits });
    let plans = (0..10).map(|number| plan(server.port, key(number))).collect();
    let (results, counts) = run(&prober, plans).await;
    assert!(results.iter().all(|result| result.outcome == Outcome::Alive));
    assert_eq!(counts, sent(10, 0));
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_cancelled_pass_ends_at_once() {
    let server = Server::start(|request| match request.number {
        0 => answer(200, &[], MODELS),
        _ => Reply::Silence,
    })
    .await;
    let limits = Limits { timeout: Duration::from_mins(1), in_flight_per_host: 1, ..limits() };
    let prober = Prober::new(at(server.port), limits);
    let cancel = CancellationToken::new();
    let plans = (0..5).map(|number| plan(server.port, key(number))).collect();
    let mut handed_over = Vec::new();
    let stop = cancel.clone();
    prober
        .run(
            plans,
            |index, _| {
                handed_over.push(index);
                stop.cancel();
            },
            cancel,
        )
        .await;
    assert_eq!(handed_over, [0]);
}

#[test]
fn the_proxy_of_the_environment_is_used_and_named_but_never_for_loopback() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "behind_a_proxy", "--nocapture"])
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .env("ALL_PROXY", "http://somebody:password@127.0.0.1:9")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
    assert!(!text.contains("password"));
}

/// Run by the test above, with a proxy in the environment where nobody listens.
#[tokio::test]
#[ignore = "needs the environment of another test"]
async fn behind_a_proxy() {
    let server = Server::start(|_| answer(200, &[], MODELS)).await;
    assert_eq!(ask(&server).await.0.outcome, Outcome::Alive);

    let mut outside = plan(server.port, key(1));
    assert_eq!(way_to(&outside.endpoint).proxy, None);
    outside.endpoint = Endpoint::parse("https://api.openai.com/v1").unwrap();
    let proxy = way_to(&outside.endpoint).proxy.expect("a proxy");
    println!("{proxy:?}");
    assert_eq!((proxy.variable, proxy.value.as_str()), ("ALL_PROXY", "http://127.0.0.1:9"));
    let prober = Prober::new(Arc::new(Catalogue::embedded()), limits());
    let (results, _) = run(&prober, vec![outside]).await;
    assert_eq!(results[0].reason, Some(ProbeReason::ProxyUnreachable));
}
