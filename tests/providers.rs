//! `stalekey providers`: the list, the pages, and the plan, which is what is sent.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/server.rs"]
#[expect(dead_code, reason = "others need more of it")]
mod server;

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Output},
    sync::Arc,
};

use rstest::rstest;
use serde_json::Value;

use self::server::{Server, answer};

/// A user with an inventory and a file.
struct World(tempfile::TempDir);

impl World {
    fn new(credentials: &str, dotenv: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let inventory = format!(
            "version = 1\n[fingerprint]\nsalt = \"{}\"\n{credentials}\n[environments.production]\n\
             [[layers]]\nname = \"api .env\"\nenvironment = \"production\"\nkind = \"dotenv\"\n\
             path = \".env\"\n",
            "5e".repeat(32)
        );
        for (name, text) in [("stalekey.toml", inventory.as_str()), (".env", dotenv)] {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        Self(folder)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_stalekey"))
            .args(arguments)
            .current_dir(self.0.path())
            .env_clear()
            .env("HOME", self.0.path())
            .output()
            .unwrap()
    }

    /// The same beside a server of this test's own runtime.
    async fn beside(self: &Arc<Self>, arguments: &[&str]) -> Output {
        let world = Arc::clone(self);
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        tokio::task::spawn_blocking(move || {
            world.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
        })
        .await
        .unwrap()
    }

    fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn plan(&self, arguments: &[&str]) -> Value {
        let base = ["providers", "--plan", "--format", "json"];
        serde_json::from_str(&self.text(&[&base, arguments].concat())).unwrap()
    }
}

fn openai_key() -> String {
    format!("sk-proj-{}T3BlbkFJ{}", "Ab1_".repeat(18) + "Zz", "Cd2-".repeat(18) + "Qq")
}

#[test]
fn every_page_is_readable_at_eighty_columns() {
    let world = World::new("", "");
    let list = world.text(&["providers"]);
    let mut pages = 0;
    for line in list.lines().take_while(|line| !line.is_empty()) {
        assert!(line.chars().count() <= 80, "{line}");
        let id = line.split(' ').next().unwrap();
        let page = world.text(&["providers", id]);
        for part in ["variables", "key formats", "probe", "answers", "sources", "rotation"] {
            let always = id != "openai-compatible" || part != "key formats";
            assert!(!always || page.contains(part), "{id} lacks {part}");
        }
        for line in page.lines() {
            // An address has no place to break.
            let words = line.split_whitespace().count();
            assert!(line.chars().count() <= 80 || words <= 2, "{id}: {line}");
            assert_eq!(line, line.trim_end());
        }
        pages += 1;
    }
    assert_eq!(pages, 47);
    for (id, word) in [
        ("nvidia", "Low confidence"),
        ("ai21", "low confidence"),
        ("aws", "SigV4"),
        ("cloudflare", "/accounts/{account_id}/tokens/verify"),
    ] {
        assert!(world.text(&["providers", id]).contains(word), "{id}");
    }
    assert!(list.contains("low confidence") && list.contains("not asked"));
}

#[rstest]
#[case::unknown(&["providers", "nobody"], "known are openai")]
#[case::with_plan(&["providers", "openai", "--plan"], "cannot be used")]
#[case::format(&["providers", "--format", "json"], "--plan")]
#[case::inventory(&["providers", "--offline"], "providers --plan")]
#[case::no_inventory(&["providers", "--plan", "--config", "none.toml"], "none.toml")]
fn mistakes_are_named(#[case] arguments: &[&str], #[case] expected: &str) {
    let output = World::new("", "").run(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(expected), "{said}");
}

const CREDENTIALS: &str = r#"
[credentials.openai]
provider = "openai"
models = ["gpt-4o"]
[credentials.anthropic]
provider = "anthropic"
models = ["claude"]
[credentials.twilio]
provider = "twilio"
[credentials.slack]
provider = "slack"
[credentials.linear]
provider = "linear"
[credentials.postmark]
provider = "postmark"
[credentials.cloudflare]
provider = "cloudflare"
"#;

fn dotenv() -> String {
    [
        format!("OPENAI_API_KEY={}", openai_key()),
        "OPENAI_ORG_ID=org-1".to_owned(),
        "OPENAI_PROJECT_ID=proj_1".to_owned(),
        format!("ANTHROPIC_API_KEY=sk-ant-api03-{}AA", "R2Dxy".repeat(20).get(..93).unwrap()),
        format!("TWILIO_AUTH_TOKEN={}", "0a".repeat(16)),
        format!("TWILIO_ACCOUNT_SID=AC{}", "1b".repeat(16)),
        format!("SLACK_BOT_TOKEN=xoxb-{0}-{0}-abc", "1234567890"),
        format!("LINEAR_API_KEY=lin_oauth_{}", "2c".repeat(32)),
        "POSTMARK_SERVER_TOKEN=01234567-89ab-cdef-0123-456789abcdef".to_owned(),
        format!("CLOUDFLARE_API_TOKEN=cfat_{}{}", "aB".repeat(20), "3d".repeat(4)),
        format!("CLOUDFLARE_ACCOUNT_ID={}", "4e".repeat(16)),
    ]
    .join("\n")
}

/// Method, path and names of headers of a request that came in.
fn seen(head: &str) -> (String, String, BTreeSet<String>) {
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let names = head
        .lines()
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| Some(line.split_once(':')?.0.to_ascii_lowercase()))
        .collect();
    (method.to_owned(), path.to_owned(), names)
}

#[tokio::test]
async fn the_plan_is_what_is_sent() {
    let server = Server::start(|_| answer(401, &[], "{\"error\":{}}")).await;
    let world = Arc::new(World::new(CREDENTIALS, &dotenv()));
    let ids = ["openai", "anthropic", "twilio", "slack", "linear", "postmark", "cloudflare"];
    let endpoints: Vec<String> = ids
        .iter()
        .map(|id| format!("--endpoint={id}=http://127.0.0.1:{}/{id}", server.port))
        .collect();
    let endpoints: Vec<&str> = endpoints.iter().map(String::as_str).collect();
    let plan = world.plan(&endpoints);
    assert!(server.requests().is_empty(), "a plan sends nothing");
    let requests = plan["requests"].as_array().unwrap();
    assert_eq!((requests.len(), plan["unasked"].as_array().unwrap().len()), (ids.len(), 0));

    world.beside(&[&["check"], endpoints.as_slice()].concat()).await;
    let sent: Vec<_> = server.requests().iter().map(|request| seen(&request.head)).collect();
    assert_eq!(sent.len(), 2 * ids.len(), "each once with its key, and once before without");
    for request in requests {
        let texts = |value: &Value| -> BTreeSet<String> {
            value.as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
        };
        let path = request["url"].as_str().unwrap().splitn(4, '/').nth(3).unwrap().to_owned();
        let path = path.replace("{account_sid}", &format!("AC{}", "1b".repeat(16)));
        let path = format!("/{}", path.replace("{account_id}", &"4e".repeat(16)));
        let headers = texts(&request["headers"]);
        let key_header = request["key_header"].as_str().unwrap();
        let method = request["method"].as_str().unwrap().to_owned();
        assert!(headers.contains(key_header));
        let planned = (method, path, headers);
        let found: Vec<_> =
            sent.iter().filter(|(_, _, names)| names.contains(key_header)).collect();
        assert!(found.contains(&&planned), "{planned:?} is not among {found:#?}");
        assert_eq!(request["control"], true);
    }
}

/// The only address that a layer may choose is one of the provider's own (SECURITY H1, T1).
#[rstest]
#[case::usual("", Some("https://api.openai.com/v1/models"))]
#[case::own_region(
    "OPENAI_BASE_URL=https://eu.api.openai.com/v1",
    Some("https://eu.api.openai.com/v1/models")
)]
#[case::slash(
    "OPENAI_BASE_URL=https://us.api.openai.com/v1/",
    Some("https://us.api.openai.com/v1/models")
)]
#[case::others_host(
    "OPENAI_BASE_URL=https://eu.api.openai.com.evil.test/v1",
    Some("https://api.openai.com/v1/models")
)]
#[case::other_path(
    "OPENAI_BASE_URL=https://eu.api.openai.com/v2",
    Some("https://api.openai.com/v1/models")
)]
fn a_layer_names_one_of_the_providers_own_hosts_or_none(
    #[case] line: &str,
    #[case] expected: Option<&str>,
) {
    let text = format!("OPENAI_API_KEY={}\n{line}\n", openai_key());
    let plan = World::new("[credentials.openai]\nprovider = \"openai\"\n", &text).plan(&[]);
    assert_eq!(plan["requests"][0]["url"].as_str(), expected);
    assert_eq!(plan["requests"][0]["control"], false);
}

#[rstest]
#[case::usual("", Some("https://api.datadoghq.com/api/v1/validate"))]
#[case::named("DD_SITE=datadoghq.com", Some("https://api.datadoghq.com/api/v1/validate"))]
#[case::europe("DD_SITE=datadoghq.eu", Some("https://api.datadoghq.eu/api/v1/validate"))]
#[case::upper("DD_SITE=US5.datadoghq.com", Some("https://api.us5.datadoghq.com/api/v1/validate"))]
#[case::unknown("DD_SITE=datadoghq.evil.test", None)]
fn a_site_of_datadog_has_its_own_host(#[case] line: &str, #[case] expected: Option<&str>) {
    let text = format!("DD_API_KEY={}\n{line}\n", "0a".repeat(16));
    let world = World::new("[credentials.datadog]\nprovider = \"datadog\"\n", &text);
    let plan = world.plan(&[]);
    assert_eq!(plan["requests"][0]["url"].as_str(), expected);
    assert_eq!(plan["unasked"].as_array().unwrap().is_empty(), expected.is_some());
    let offline = world.run(&["check", "--offline", "--format", "json"]);
    let report: Value = serde_json::from_slice(&offline.stdout).unwrap();
    let elsewhere = report["diagnoses"]
        .as_array()
        .unwrap()
        .iter()
        .any(|diagnosis| diagnosis["code"] == "SK401");
    assert!(!elsewhere || expected.is_none());
}

#[rstest]
#[case::no_probe("aws", format!("AWS_SECRET_ACCESS_KEY={}", "Ab1/".repeat(10)), "SigV4")]
#[case::form("slack", "SLACK_BOT_TOKEN=xapp-1-A0B-123-abc".to_owned(), "app-level")]
#[case::companion("twilio", format!("TWILIO_AUTH_TOKEN={}", "0a".repeat(16)), "TWILIO_ACCOUNT_SID")]
#[case::name("twilio", format!("TWILIO_AUTH_TOKEN=AC{}", "0a".repeat(16)), "no secret")]
fn what_is_not_asked_says_why(#[case] id: &str, #[case] line: String, #[case] expected: &str) {
    let credential = format!("[credentials.{id}]\nprovider = \"{id}\"\n");
    let world = World::new(&credential, &line);
    let plan = world.plan(&[]);
    assert!(plan["requests"].as_array().unwrap().is_empty());
    let reason = plan["unasked"][0]["reason"].as_str().unwrap();
    assert!(reason.contains(expected), "{reason}");
    let page = world.text(&["providers", "--plan"]);
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(page.contains("Nothing would be sent.") && page.contains(expected), "{page}");

    let output = world.run(&["check", "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let codes: Vec<&str> = report["diagnoses"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|finding| finding["code"].as_str())
        .collect();
    // Keys of a provider that is never asked are compared, like those of no provider.
    let (verdict, finding) =
        if id == "aws" { ("current", vec![]) } else { ("unproven", vec!["SK413"]) };
    assert_eq!((report["rows"][0]["verdict"].as_str(), codes), (Some(verdict), finding));
    assert_eq!(report["summary"]["requests"], 0);
}

/// A gateway that sends a key of its own upstream and passes the refusal on.
#[tokio::test]
async fn a_gateway_that_replaces_the_key_is_found() {
    let refusal = "{\"error\":{\"message\":\"Incorrect API key provided: sk-proj-************wxyz. \
                   You can find your API key at\",\"code\":\"invalid_api_key\"}}";
    let server = Server::start(move |_| answer(401, &[], refusal)).await;
    let text = format!("OPENAI_API_KEY={}\n", openai_key());
    let world = Arc::new(World::new("[credentials.openai]\nprovider = \"openai\"\n", &text));
    let endpoint = format!("--endpoint=openai=http://127.0.0.1:{}/v1", server.port);
    let output = world.beside(&["check", "--format", "json", &endpoint]).await;
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let probe = &report["rows"][0]["probe"];
    assert_eq!(
        (&probe["outcome"], &probe["received"]),
        (&"wrong_endpoint".into(), &"another_key".into())
    );
    assert_eq!(report["rows"][0]["verdict"], "unproven");
    let codes: Vec<&str> = report["diagnoses"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|it| it["code"].as_str())
        .collect();
    assert_eq!(codes, ["SK412"]);
    let human = world.beside(&["check", &endpoint]).await;
    let said = String::from_utf8_lossy(&human.stdout).into_owned();
    assert!(said.contains("received another one") && !said.contains("wxyz"), "{said}");
}

#[tokio::test]
async fn an_answer_that_one_source_explains_says_so() {
    let server = Server::start(|request| match request.header("authorization") {
        Some(_) => answer(403, &[], "{\"status\":403}"),
        None => answer(401, &[], "{}"),
    })
    .await;
    let text = format!("NVIDIA_API_KEY=nvapi-{}\n", "aB".repeat(32));
    let world = Arc::new(World::new("[credentials.nvidia]\nprovider = \"nvidia\"\n", &text));
    let endpoint = format!("--endpoint=nvidia=http://127.0.0.1:{}", server.port);
    let human = world.beside(&["check", &endpoint]).await;
    let said = String::from_utf8_lossy(&human.stdout).into_owned();
    assert!(said.contains("low confidence"), "{said}");
    let output = world.beside(&["check", "--format", "json", &endpoint]).await;
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["rows"][0]["probe"]["confidence"], "low");
}
