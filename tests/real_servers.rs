//! Servers that are not of this project, on loopback: LiteLLM, FastChat, aimock. `.ci/servers` installs
//! and starts them, and makes the file that `STALEKEY_SERVERS` names; what is not in it is skipped.

use std::{env, fs, process::Command};

use rstest::rstest;
use serde_json::{Value, json};

/// A running server: its address and a key that it accepts.
struct Server {
    address: String,
    key: String,
}

#[expect(clippy::print_stderr, reason = "a test says what it skips")]
fn server(name: &str) -> Option<Server> {
    let list = env::var("STALEKEY_SERVERS").ok();
    let list = list.map(|path| fs::read_to_string(path).expect("the list of servers"));
    let lines = list.as_deref().unwrap_or_default().lines();
    let found = lines.map(|line| line.split(' ').collect::<Vec<_>>()).find_map(|words| {
        let [_, address, key] = words.as_slice() else { return None };
        let server = Server { address: (*address).to_owned(), key: (*key).to_owned() };
        (words[0] == name).then_some(server)
    });
    if found.is_none() {
        eprintln!("skipped: STALEKEY_SERVERS names no {name}");
    }
    found
}

/// The file has the good key; the shell, and so what compose fills in, has a bad one; another file
/// has none.
fn check(provider: &str, address: &str, good: &str) -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file");
    write(".env", &format!("OPENAI_API_KEY={good}\n"));
    write("none.env", "OTHER=1\n");
    write(
        "compose.yaml",
        "services:\n  api:\n    image: x\n    environment:\n      OPENAI_API_KEY: ${OPENAI_API_KEY}\n",
    );
    write(
        "stalekey.toml",
        &format!(
            r#"version = 1
[fingerprint]
salt = "{salt}"
[credentials.openai]
provider = "{provider}"
variables = ["OPENAI_API_KEY"]
[environments.development]
[[layers]]
name = ".env"
environment = "development"
kind = "dotenv"
path = ".env"
[[layers]]
name = "compose"
environment = "development"
kind = "compose"
files = ["compose.yaml"]
service = "api"
[[layers]]
name = "shell"
environment = "development"
kind = "shell"
[[layers]]
name = "none"
environment = "development"
kind = "dotenv"
path = "none.env"
"#,
            salt = "0f".repeat(32)
        ),
    );
    let output = Command::new(env!("CARGO_BIN_EXE_stalekey"))
        .args(["check", "--format", "json", "--endpoint", &format!("openai={address}")])
        .current_dir(folder.path())
        .env("OPENAI_API_KEY", format!("{good}0"))
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[rstest]
#[case::litellm("litellm", "litellm-proxy", "")]
#[case::litellm("litellm", "openai", "/v1")]
#[case::litellm("litellm", "openai-compatible", "/v1")]
#[case::fastchat("fastchat", "openai", "/v1")]
#[case::fastchat("fastchat", "openai-compatible", "/v1")]
#[case::aimock("aimock", "openai", "/v1")]
#[case::aimock("aimock", "openai-compatible", "/v1")]
#[case::aimock("aimock", "openai", "/openai/v1")]
#[case::aimock("aimock", "anthropic", "")]
#[case::aimock("aimock", "openrouter", "/api/v1")]
fn good_bad_and_missing_keys_are_told_apart(
    #[case] name: &str,
    #[case] provider: &str,
    #[case] base: &str,
) {
    let Some(Server { address, key }) = server(name) else { return };
    let report = check(provider, &format!("{address}{base}"), &key);
    let rows = report["rows"].as_array().expect("rows");
    let told: Vec<Value> = rows
        .iter()
        .map(|row| json!([row["layer"], row["probe"]["outcome"], row["verdict"]]))
        .collect();
    let expected = [
        json!([".env", "alive", "current"]),
        json!(["compose", "dead", "stale"]),
        json!(["shell", "dead", "stale"]),
        json!(["none", "not_probed", "missing"]),
    ];
    assert_eq!(told, expected);
    // One without a key first: whether it answers anybody.
    assert_eq!(report["summary"]["requests"], 2);
    assert_eq!(report["summary"]["extra_requests"], 1);
}
