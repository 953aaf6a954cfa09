//! Every dialect against what its real reader made of the same bytes.

#![expect(clippy::unwrap_used, reason = "broken conformance data should fail the test")]

use std::{collections::BTreeMap, fs};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rstest::rstest;
use serde_json::Value;
use stalekey::{
    domain::{
        reading::{OpaqueReason, Yield},
        secret::SecretValue,
    },
    formats::{
        Contents, Environment,
        dotenv::{Dialect, ProcessWins, parse},
        shell::{self, Shell},
    },
};

mod support;

/// What a reader has for one variable.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// The reader fails.
    Refused,
    /// No such variable.
    Absent,
    /// Named without a value.
    WithoutValue,
    /// These bytes.
    Bytes(String),
}

fn read_json(path: &str) -> Option<Value> {
    let path = support::shared(path)?;
    Some(serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn environment(value: &Value) -> Environment {
    let variables = value.as_object().into_iter().flatten();
    variables.map(|(name, value)| (name.clone(), SecretValue::new(text(value)))).collect()
}

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn seen(contents: &Contents, variable: &str, environment: &Environment) -> Seen {
    let inherited = |name: &str| match environment.get(name) {
        Some(value) => Seen::Bytes(shown(value.expose())),
        None => Seen::Absent,
    };
    match contents.winner(variable).map(|occurrence| &occurrence.yields) {
        None => Seen::Absent,
        Some(Yield::Value(value)) => Seen::Bytes(shown(value.expose())),
        Some(Yield::Unset) => Seen::WithoutValue,
        Some(Yield::Inherited) => inherited(variable),
        Some(Yield::Opaque(reason)) => Seen::Bytes(format!("opaque: {}", reason.text())),
    }
}

fn expected(result: &Value, sets: bool) -> Seen {
    if result["error"] == true {
        Seen::Refused
    } else if result["unchanged"] == true && sets {
        Seen::Absent
    } else if result["present_without_value"] == true {
        Seen::WithoutValue
    } else {
        match &result["value"] {
            Value::Null => Seen::Absent,
            Value::String(value) => Seen::Bytes(shown(value.as_bytes())),
            other => Seen::Bytes(shown(&STANDARD.decode(text(&other["b64"])).unwrap())),
        }
    }
}

/// What a process has once the reader has loaded the file into its environment.
fn loaded(dialect: Dialect, file: Seen, process: Option<&SecretValue>) -> Seen {
    let process_wins = match dialect.process_wins() {
        ProcessWins::Always => true,
        ProcessWins::UnlessEmpty => process.is_some_and(|value| !value.is_empty()),
        ProcessWins::Never => false,
    };
    match (file, process) {
        (Seen::Refused, _) => Seen::Refused,
        (_, Some(process)) if process_wins => Seen::Bytes(shown(process.expose())),
        (file, _) => file,
    }
}

/// systemd's generator prints control characters as C does.
fn as_generated(seen: Seen) -> Seen {
    let Seen::Bytes(text) = seen else { return seen };
    let escapes = [("\\n", "\n"), ("\\t", "\t"), ("\\r", "\r"), ("\\v", "\x0b"), ("\\f", "\x0c")];
    let octal = [("\\003", "\x03"), ("\\033", "\x1b")];
    let mut text = text.replace("\\\\", "\0");
    for (escape, character) in escapes.into_iter().chain(octal) {
        text = text.replace(&shown(character.as_bytes()), &escape.replace('\\', "\0"));
    }
    Seen::Bytes(text.replace('\0', "\\\\"))
}

/// Cases that are the harness's own doing: a reference whose name ends early and is then no
/// reference, and a tilde that the shell resolved which decoded the generator's output.
const OF_THE_HARNESS: &[(Dialect, &str)] = &[
    (Dialect::ComposeInterpolation, "key-dash"),
    (Dialect::ComposeInterpolation, "key-digit"),
    (Dialect::ComposeInterpolation, "key-dot"),
    (Dialect::EnvironmentD, "tilde"),
];

/// Cases whose answer needs a command to be run or a process to be looked at.
const NEEDS_EXECUTION: &[(Dialect, &str)] = &[
    (Dialect::Sh, "backtick"),
    (Dialect::Sh, "backtick-cmd"),
    (Dialect::Sh, "backtick-containing-both"),
    (Dialect::Sh, "cmd-subst-dq"),
    (Dialect::Sh, "dollar-dollar"),
    (Dialect::Sh, "dollar-dollar-name"),
    (Dialect::DotenvExpand1000, "cmd-subst-dq"),
    (Dialect::Dotenvx, "cmd-subst-dq"),
    (Dialect::RubyDotenv, "cmd-subst-dq"),
    (Dialect::RubyDotenvLoad, "cmd-subst-dq"),
    (Dialect::Symfony, "cmd-subst-dq"),
];

/// The exceptions are exceptions because the engine says that it cannot know.
#[test]
fn what_needs_execution_is_opaque() {
    let Some(cases) = read_json("corpus/dotenv_matrix.json") else {
        println!("skipped: no corpus");
        return;
    };
    for case in cases.as_array().unwrap() {
        for (dialect, _) in NEEDS_EXECUTION.iter().filter(|(_, id)| case["id"] == *id) {
            let environment = environment(&case["process_env"]);
            let contents = parse(*dialect, text(&case["text"]).as_bytes(), &environment).unwrap();
            let winner = contents.winner(&text(&case["key"])).unwrap();
            assert_eq!(winner.yields, Yield::Opaque(OpaqueReason::Dynamic), "{}", case["id"]);
        }
    }
}

#[rstest]
#[case(Dialect::PythonDotenv, "python-dotenv-1.2.4")]
#[case(Dialect::NodeDotenv, "node-dotenv-18")]
#[case(Dialect::Compose, "docker-compose-2.40-env_file")]
#[case(Dialect::DockerRun, "docker-run-env-file-28")]
#[case(Dialect::Sh, "bash-source")]
#[case(Dialect::PythonDotenv11, "python-dotenv-1.2.1")]
#[case(Dialect::Compose1, "docker-compose-1.29-env_file")]
#[case(Dialect::NodeDotenv, "node-dotenv-16")]
#[case(Dialect::DotenvExpand, "node-dotenv-expand-12")]
#[case(Dialect::DotenvExpand1000, "node-dotenv-expand-1000")]
#[case(Dialect::Dotenvx, "dotenvx-2.38")]
#[case(Dialect::Next, "next-env-16")]
#[case(Dialect::Node, "node-env-file-22")]
#[case(Dialect::Node, "node-env-file-24")]
#[case(Dialect::Node, "node-env-file-26")]
#[case(Dialect::Node20, "node-env-file-20")]
#[case(Dialect::Vite, "vite-loadEnv-8")]
#[case(Dialect::Bun, "bun-env-file")]
#[case(Dialect::Deno, "deno-env-file")]
#[case(Dialect::Foreman, "foreman-node")]
#[case(Dialect::Dotenvy, "dotenvy-0.15.7")]
#[case(Dialect::Uv, "uv-env-file")]
#[case(Dialect::RubyDotenv, "ruby-dotenv-3.2")]
#[case(Dialect::RubyDotenvLoad, "ruby-dotenv-load-3.2")]
#[case(Dialect::Compose, "compose-2.13-env_file")]
#[case(Dialect::ComposeInterpolation, "compose-2.13-dotenv-interp")]
#[case(Dialect::DockerRun, "docker-compose-2.40-env_file-raw")]
#[case(Dialect::Direnv, "direnv-dotenv-2.37")]
#[case(Dialect::Systemd252, "systemd-EnvironmentFile-252")]
#[case(Dialect::Systemd, "systemd-EnvironmentFile-257")]
#[case(Dialect::Systemd, "systemd-EnvironmentFile-262")]
#[case(Dialect::EnvironmentD, "environment.d-262")]
#[case(Dialect::Pam, "pam_env-1.5.2")]
#[case(Dialect::Godotenv, "godotenv-1.5.1")]
#[case(Dialect::Kubectl, "kubectl-from-env-file-1.32")]
#[case(Dialect::Phpdotenv, "php-vlucas-5.8")]
#[case(Dialect::Symfony, "php-symfony-7.4")]
#[case(Dialect::Decouple, "python-decouple-3.8")]
#[case(Dialect::DjangoEnviron, "django-environ-0.14")]
#[case(Dialect::Make, "make-include")]
fn every_reader_is_matched(#[case] dialect: Dialect, #[case] column: &str) {
    let (Some(cases), Some(columns)) =
        (read_json("corpus/dotenv_matrix.json"), read_json("corpus/dotenv_dialects.json"))
    else {
        println!("skipped: no corpus");
        return;
    };
    let loads = columns[column]["mode"] != "parse" && dialect != Dialect::Sh;
    let (mut right, mut total, mut wrong) = (0, 0, BTreeMap::new());
    for case in cases.as_array().unwrap() {
        let id = text(&case["id"]);
        if [NEEDS_EXECUTION, OF_THE_HARNESS].concat().contains(&(dialect, id.as_str())) {
            continue;
        }
        let Some(result) = case["results"].get(column) else { continue };
        total += 1;
        let bytes = match case.get("text_b64") {
            Some(encoded) => STANDARD.decode(text(encoded)).unwrap(),
            None => text(&case["text"]).into_bytes(),
        };
        let mut environment = environment(&case["process_env"]);
        // The home directory that the readers ran in.
        environment.entry("HOME".to_owned()).or_insert_with(|| SecretValue::new("/home/lab"));
        let is = match parse(dialect, &bytes, &environment) {
            Ok(contents) => seen(&contents, &text(&case["key"]), &environment),
            Err(_) => Seen::Refused,
        };
        let process = environment.get(&text(&case["key"]));
        let is = match (loads, is) {
            (true, Seen::Absent) if result["unchanged"] == true => {
                process.map_or(Seen::Absent, |value| Seen::Bytes(shown(value.expose())))
            }
            (true, is) => loaded(dialect, is, process),
            (false, is) => is,
        };
        let is = if dialect == Dialect::EnvironmentD { as_generated(is) } else { is };
        let should = expected(result, dialect == Dialect::Sh);
        if is == should {
            right += 1;
        } else {
            wrong.insert(id, (should, is));
        }
    }
    println!("{} as {column}: {right} of {total}", dialect.name());
    assert!(wrong.is_empty(), "case: (the reader, we) {wrong:#?}");
}

/// `/etc/environment`, which is no dialect of `.env` but was given the same files.
#[test]
fn pam_env_is_matched() {
    let Some(cases) = read_json("corpus/dotenv_matrix.json") else {
        println!("skipped: no corpus");
        return;
    };
    let (mut right, mut total, mut wrong) = (0, 0, BTreeMap::new());
    for case in cases.as_array().unwrap() {
        total += 1;
        let bytes = match case.get("text_b64") {
            Some(encoded) => STANDARD.decode(text(encoded)).unwrap(),
            None => text(&case["text"]).into_bytes(),
        };
        let contents = shell::parse(Shell::EnvironmentFile, &bytes, &Environment::new());
        let is = match seen(&contents, &text(&case["key"]), &Environment::new()) {
            Seen::WithoutValue => Seen::Absent,
            seen => seen,
        };
        let should = expected(&case["results"]["pam_env-1.5.2"], true);
        if is == should {
            right += 1;
        } else {
            wrong.insert(text(&case["id"]), (should, is));
        }
    }
    println!("pam_env: {right} of {total}");
    assert!(wrong.is_empty(), "case: (the reader, we) {wrong:#?}");
}

/// Files that a shell reads without `set -a`: only what is exported reaches its processes.
#[rstest]
#[case(Shell::Bash, "bash-rc")]
#[case(Shell::Zsh, "zsh-rc")]
fn start_up_files_are_matched(#[case] shell: Shell, #[case] column: &str) {
    let Some(cases) = read_json("corpus/dotenv_matrix.json") else {
        println!("skipped: no corpus");
        return;
    };
    let (mut right, mut total, mut wrong) = (0, 0, BTreeMap::new());
    for case in cases.as_array().unwrap() {
        let Some(result) = case["results"].get(column) else { continue };
        let bytes = match case.get("text_b64") {
            Some(encoded) => STANDARD.decode(text(encoded)).unwrap(),
            None => text(&case["text"]).into_bytes(),
        };
        let environment = environment(&case["process_env"]);
        let contents = shell::parse(shell, &bytes, &environment);
        let is = seen(&contents, &text(&case["key"]), &environment);
        let should = expected(result, true);
        total += 1;
        if is == should || should == Seen::Refused {
            right += 1;
        } else {
            wrong.insert(text(&case["id"]), (should, is));
        }
    }
    println!("{}: {right} of {total} start-up files", shell.name());
    assert!(wrong.is_empty(), "case: (the reader, we) {wrong:#?}");
}

/// Expanded without the first pass, which would have put later lines into the environment.
const AFTER_NO_FIRST_PASS: &[(&str, &str)] = &[
    ("dotenv_expand_12-012", "FIRST_PAGE_URL"),
    ("dotenv_expand_12-012", "MOCK_SERVER_HOST"),
    ("dotenv_expand_12-012", "PROJECT_PUBLIC_HOST"),
    ("dotenv_expand_12-014", "FIRST_PAGE_URL"),
    ("dotenv_expand_12-014", "MOCK_SERVER_HOST"),
    ("dotenv_expand_12-014", "PROJECT_PUBLIC_HOST"),
    ("dotenv_expand_12-020", "BACKEND_API_HEALTH_CHECK_URL"),
    ("dotenv_expand_12-020", "MOCK_SERVER_HOST"),
];

/// What the readers' own test suites say.
#[rstest]
#[case(Dialect::PythonDotenv, "python_dotenv_values")]
#[case(Dialect::NodeDotenv, "motdotla_dotenv")]
#[case(Dialect::DockerRun, "docker_cli_kvfile")]
#[case(Dialect::Systemd, "systemd_env_file")]
#[case(Dialect::Dotenvy, "dotenvy")]
#[case(Dialect::DotenvExpand, "dotenv_expand_12")]
fn every_peer_test_holds(#[case] dialect: Dialect, #[case] file: &str) {
    let Some(peers) = read_json(&format!("corpus/peers/{file}.json")) else {
        println!("skipped: no corpus");
        return;
    };
    let (mut right, mut total, mut wrong) = (0, 0, BTreeMap::new());
    for case in peers["cases"].as_array().unwrap() {
        if case["interpolate"] == false {
            continue;
        }
        let environment = environment(&case["env"]);
        // A second pass is given what the first one made of a file.
        let file: String = match case["parsed_before_expand"].as_object() {
            Some(parsed) => parsed
                .iter()
                .map(|(name, value)| {
                    let value = text(value);
                    let quote = ['\'', '`'].into_iter().find(|quote| !value.contains(*quote));
                    let quote = quote.unwrap();
                    format!("{name}={quote}{value}{quote}\n")
                })
                .collect(),
            None => text(&case["input"]),
        };
        let contents = parse(dialect, file.as_bytes(), &environment);
        let Ok(contents) = contents else {
            total += 1;
            if case["error"] == true {
                right += 1;
            } else {
                wrong.insert(text(&case["id"]), (Seen::Absent, Seen::Refused));
            }
            continue;
        };
        for (variable, should) in case["expect"].as_object().into_iter().flatten() {
            let should = match should {
                Value::String(value) => vec![Seen::Bytes(shown(value.as_bytes()))],
                _ => vec![Seen::Absent, Seen::WithoutValue],
            };
            let is = seen(&contents, variable, &environment);
            let loads = case["parsed_before_expand"].is_object();
            // What the first pass put into the environment is the file's own.
            let literal = case["parsed_before_expand"][variable].as_str().unwrap_or_default();
            let process = environment.get(variable);
            let process = process.filter(|value| value.expose() != literal.as_bytes());
            let is = if loads { loaded(dialect, is, process) } else { is };
            if AFTER_NO_FIRST_PASS.contains(&(text(&case["id"]).as_str(), variable.as_str())) {
                continue;
            }
            total += 1;
            if should.contains(&is) {
                right += 1;
            } else {
                let id = format!("{} {variable}", text(&case["id"]));
                wrong.insert(id, (should.into_iter().next().unwrap(), is));
            }
        }
    }
    println!("{}: {right} of {total} of {file}", dialect.name());
    assert!(wrong.is_empty(), "case: (the reader, we) {wrong:#?}");
}

/// The references that Compose resolves in its env files.
#[test]
fn compose_references_resolve_as_they_do_there() {
    let Some(peers) = read_json("corpus/peers/compose_go_template.json") else {
        println!("skipped: no corpus");
        return;
    };
    let (mut right, mut total, mut wrong) = (0, 0, BTreeMap::new());
    for case in peers["cases"].as_array().unwrap() {
        total += 1;
        let environment = environment(&case["env"]);
        let file = format!("TEMPLATE={}\n", text(&case["template"]));
        let is = match parse(Dialect::Compose, file.as_bytes(), &environment) {
            Ok(contents) => seen(&contents, "TEMPLATE", &environment),
            Err(_) => Seen::Refused,
        };
        let should = match &case["expect"] {
            Value::String(value) => Seen::Bytes(shown(value.as_bytes())),
            _ => Seen::Refused,
        };
        if is == should {
            right += 1;
        } else {
            wrong.insert(text(&case["id"]), (should, is));
        }
    }
    println!("compose: {right} of {total} references");
    assert!(wrong.is_empty(), "case: (the reader, we) {wrong:#?}");
}
