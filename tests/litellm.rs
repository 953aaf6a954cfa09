//! A real LiteLLM proxy on loopback. Runs when `STALEKEY_LITELLM` names its address and
//! `STALEKEY_LITELLM_KEY` holds its master key; `.ci/litellm` installs and starts one.

use std::{env, fs, process::Command};

#[expect(clippy::print_stderr, reason = "a test says what it skips")]
fn proxy() -> Option<(String, String)> {
    let proxy = env::var("STALEKEY_LITELLM").ok().zip(env::var("STALEKEY_LITELLM_KEY").ok());
    if proxy.is_none() {
        eprintln!("skipped: no LiteLLM proxy; STALEKEY_LITELLM names none");
    }
    proxy
}

/// The file has the good key; the shell, and so what compose fills in, has the bad one.
fn check(provider: &str, address: &str, good: &str) -> serde_json::Value {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file");
    write(".env", &format!("OPENAI_API_KEY={good}\n"));
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

fn outcomes(report: &serde_json::Value) -> Vec<(&str, &str)> {
    let rows = report["rows"].as_array().expect("rows");
    rows.iter()
        .map(|row| {
            let layer = row["layer"].as_str().expect("a layer");
            (layer, row["probe"]["outcome"].as_str().expect("an outcome"))
        })
        .collect()
}

#[test]
fn good_and_bad_keys_are_told_apart_with_two_keyed_requests() {
    let Some((address, good)) = proxy() else { return };
    for (provider, base) in [
        ("litellm-proxy", address.clone()),
        ("openai", format!("{address}/v1")),
        ("openai-compatible", format!("{address}/v1")),
    ] {
        let report = check(provider, &base, &good);
        assert_eq!(
            outcomes(&report),
            [(".env", "alive"), ("compose", "dead"), ("shell", "dead")],
            "{provider}"
        );
        assert_eq!(report["summary"]["requests"], 2, "{provider}");
    }
}
