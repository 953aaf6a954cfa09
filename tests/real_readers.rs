//! Random files, read by the real python-dotenv and the real dotenv, and by us.
//!
//! `STALEKEY_READERS` names the folder with both (`.ci/readers` makes it); without it nothing is
//! compared. `STALEKEY_READERS_FILES` says how many files; the seed is always the same.

#![expect(clippy::unwrap_used, reason = "readers that do not run should fail the test")]

use std::{collections::BTreeMap, fs, path::Path, path::PathBuf, process::Command};

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use stalekey::{
    domain::{reading::Yield, secret::SecretValue},
    formats::{
        Environment,
        dotenv::{Dialect, parse},
    },
};

/// What a reader makes of one file: `None` when it fails, and a variable may lack a value.
type Answer = Option<BTreeMap<String, Option<String>>>;

const PYTHON: &str = r"
import json, logging, os, sys
from dotenv import dotenv_values
logging.disable(logging.CRITICAL)
answers = {}
for name in os.listdir(sys.argv[1]):
    try:
        answers[name] = dict(dotenv_values(os.path.join(sys.argv[1], name)))
    except Exception:
        answers[name] = None
print(json.dumps(answers))
";

const NODE: &str = r#"
const fs = require("fs"), dotenv = require("dotenv"), folder = process.argv[1], answers = {};
for (const name of fs.readdirSync(folder)) {
    answers[name] = dotenv.parse(fs.readFileSync(folder + "/" + name));
}
console.log(JSON.stringify(answers));
"#;

/// Pieces of which every reader makes something else.
fn file() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["A", "B", "K", "X_1", "a.b", "my-key", "'Q'", ""]);
    let before = prop::sample::select(vec!["", "", "", "export ", " ", "\t", "# ", "\u{feff}"]);
    let sign = prop::sample::select(vec!["=", "=", "=", " = ", "= ", ": ", ":", " ", "\t=\t"]);
    let piece = prop::sample::select(vec![
        "v",
        "w x",
        "'",
        "'",
        "\"",
        "\"",
        "`",
        "#",
        " #",
        " ",
        "\t",
        "\\",
        "\\n",
        "\\\"",
        "\\'",
        "$A",
        "${A}",
        "${B:-d}",
        "${PARENT}",
        "${K",
        "}",
        "=",
        "\n",
        "é",
        "\u{a0}",
        "\u{2028}",
        "\u{85}",
    ]);
    let value = prop::collection::vec(piece, 0..7).prop_map(|pieces| pieces.concat());
    let end = prop::sample::select(vec!["\n", "\n", "\n", "\r\n", "\r", "", "\n\n"]);
    let line = (before, name, sign, value, end)
        .prop_map(|(before, name, sign, value, end)| [before, name, sign, &value, end].concat());
    prop::collection::vec(line, 0..6).prop_map(|lines| lines.concat())
}

fn readers() -> Option<PathBuf> {
    std::env::var_os("STALEKEY_READERS").map(PathBuf::from)
}

fn ours(dialect: Dialect, bytes: &[u8], environment: &Environment) -> Answer {
    let contents = parse(dialect, bytes, environment).ok()?;
    let winners = contents.occurrences.iter().filter(|occurrence| occurrence.wins);
    let named = winners.map(|occurrence| {
        let value = match &occurrence.yields {
            Yield::Value(value) => Some(String::from_utf8(value.expose().to_vec()).unwrap()),
            _ => None,
        };
        (occurrence.variable.clone(), value)
    });
    Some(named.collect())
}

/// Runs a reader over all files of a folder, with nothing in its environment but `PARENT`.
fn ask(program: &Path, arguments: &[&str], readers: &Path) -> BTreeMap<String, Answer> {
    let output = Command::new(program)
        .args(arguments)
        .env("PARENT", "from-parent")
        .env("NODE_PATH", readers.join("node_modules"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn compare(dialect: Dialect, program: &Path, switch: &str, script: &str, readers: &Path) -> usize {
    let count = std::env::var("STALEKEY_READERS_FILES").ok().and_then(|count| count.parse().ok());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let folder = tempfile::tempdir().unwrap();
    let strategy = file();
    let mut files = BTreeMap::new();
    for index in 0..count.unwrap_or(400) {
        let text = strategy.new_tree(&mut runner).unwrap().current();
        fs::write(folder.path().join(index.to_string()), &text).unwrap();
        files.insert(index.to_string(), text);
    }
    let theirs = ask(program, &[switch, script, folder.path().to_str().unwrap()], readers);
    let mut environment: Environment = std::env::vars_os()
        .filter_map(|(name, value)| {
            Some((name.into_string().ok()?, SecretValue::new(value.into_encoded_bytes())))
        })
        .collect();
    environment.insert("PARENT".to_owned(), SecretValue::new("from-parent"));
    let mut wrong = Vec::new();
    for (name, text) in &files {
        let mut their = theirs[name].clone();
        // A value without a name is nothing that a process could be given.
        if let Some(variables) = &mut their {
            variables.remove("");
        }
        let our = ours(dialect, text.as_bytes(), &environment);
        if our != their {
            wrong.push((text, their, our));
        }
    }
    assert!(wrong.is_empty(), "(file, the reader, we) {wrong:#?}");
    files.len()
}

#[test]
fn python_dotenv_reads_as_we_do() {
    let Some(readers) = readers() else {
        println!("skipped: STALEKEY_READERS names no folder with the real readers");
        return;
    };
    let python = readers.join("venv/bin/python");
    let files = compare(Dialect::PythonDotenv, &python, "-c", PYTHON, &readers);
    println!("python-dotenv: no difference in {files} files");
}

#[test]
fn node_dotenv_reads_as_we_do() {
    let Some(readers) = readers() else {
        println!("skipped: STALEKEY_READERS names no folder with the real readers");
        return;
    };
    let files = compare(Dialect::NodeDotenv, Path::new("node"), "-e", NODE, &readers);
    println!("node-dotenv: no difference in {files} files");
}
