//! Random files, read by the real readers and by us.
//!
//! `STALEKEY_READERS` names the folder with the readers (`.ci/readers` makes it); without it
//! nothing is compared. A reader that is not installed there is skipped and says so.
//! `STALEKEY_READERS_FILES` says how many files each is given; the seed is always the same.

#![expect(clippy::unwrap_used, reason = "readers that do not run should fail the test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use rstest::rstest;
use serde::Deserialize;
use stalekey::{
    domain::{reading::Yield, secret::SecretValue},
    formats::{
        Environment,
        dotenv::{Dialect, ProcessWins, parse},
    },
};

/// What a reader makes of one file: a variable may lack a value.
type Variables = BTreeMap<String, Option<String>>;

/// What the scripts in `tests/real_readers` print.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Absent {
        absent: String,
    },
    Read {
        reader: String,
        /// The answers are the environment of a process that has loaded the file.
        loads: bool,
        /// `None` where the reader fails.
        answers: BTreeMap<String, Option<Variables>>,
    },
}

/// The environment that the readers run in.
const BASE: [(&str, &str); 2] = [("PARENT", "from-parent"), ("EMPTY", "")];

/// Files that a reader treats as no rule of it could say, each with the reason.
const EXCEPTIONS: &[Exception] = &[
    Exception {
        reader: "sh",
        reason: "bash drops the command of a bad substitution and reads on; we stop and say so",
        concerns: |text| ["${}", "${A.b}"].iter().any(|word| text.contains(word)),
    },
    Exception {
        reader: "sh",
        reason: "the name that `export` is given is quoted, or comes from a reference",
        concerns: |text| {
            let quoted = |word: &str| word.contains(['\'', '"', '$', '\\']);
            let exports = text.split("export").skip(1);
            exports
                .into_iter()
                .any(|rest| rest.split_once('=').is_some_and(|(name, _)| quoted(name)))
        },
    },
    Exception {
        reader: "make",
        reason: "`export A B=1` puts a second `B` into the environment, before or after the first",
        concerns: |text| {
            let later = |line: &str| line.split_whitespace().skip(2).any(|word| word.contains('='));
            text.lines().any(|line| line.contains("export") && later(line))
        },
    },
];

struct Exception {
    reader: &'static str,
    reason: &'static str,
    concerns: fn(&str) -> bool,
}

/// Pieces of which every reader makes something else.
fn file(more: &'static [&'static str]) -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "A", "B", "K", "K", "X_1", "a.b", "my-key", "'Q'", "", "PARENT", "EMPTY", "1A", "é", "a b",
        "\"D\"", "K.",
    ]);
    let before = prop::sample::select(vec![
        "", "", "", "", "export ", " ", "\t", "# ", "\u{feff}", "export\t", "export  ", ";", "[",
        "\\",
    ]);
    let sign = prop::sample::select(vec![
        "=", "=", "=", "=", " = ", "= ", " =", ": ", ":", " ", "\t=\t", "==", ":=", "+=", "",
    ]);
    let mut pieces = vec![
        "v",
        "v",
        "w x",
        "'",
        "'",
        "'",
        "\"",
        "\"",
        "\"",
        "`",
        "#",
        " #",
        " # c",
        " ",
        "  ",
        "\t",
        "\\",
        "\\n",
        "\\t",
        "\\\"",
        "\\'",
        "\\\\",
        "\\$",
        "\\u0041",
        "\\x41",
        "\\101",
        "$",
        "$$",
        "$A",
        "$a",
        "$1",
        "$A_B",
        "${A}",
        "${B:-d}",
        "${B-d}",
        "${PARENT}",
        "${EMPTY:-e}",
        "$PARENT",
        "${K",
        "${}",
        "${A.b}",
        "}",
        "{",
        "=",
        ":",
        ",",
        "%",
        "\n",
        "\n",
        "\r",
        "é",
        "\u{a0}",
        "\u{2028}",
        "\u{85}",
        "\u{3000}",
        "\u{200b}",
        "\u{b}",
        "\u{c}",
        "\u{1f}",
        "😀",
        "export ",
    ];
    pieces.extend_from_slice(more);
    let value = prop::collection::vec(prop::sample::select(pieces), 0..7)
        .prop_map(|pieces| pieces.concat());
    let end = prop::sample::select(vec![
        "\n", "\n", "\n", "\n", "\n", "\r\n", "\r", "", "\n\n", " \n", "\\\n", "\n\t\n",
    ]);
    let line = (before, name, sign, value, end)
        .prop_map(|(before, name, sign, value, end)| [before, name, sign, &value, end].concat());
    prop::collection::vec(line, 0..6).prop_map(|lines| lines.concat())
}

fn base() -> Environment {
    BASE.map(|(name, value)| (name.to_owned(), SecretValue::new(value))).into()
}

/// The process keeps its own value against the file's.
fn process_wins(dialect: Dialect, value: &str) -> bool {
    match dialect.process_wins() {
        ProcessWins::Always => true,
        ProcessWins::UnlessEmpty => !value.is_empty(),
        ProcessWins::Never => false,
    }
}

/// Our answer, and the variables of which we say that they cannot be known.
fn ours(dialect: Dialect, loads: bool, bytes: &[u8]) -> (Option<Variables>, BTreeSet<String>) {
    let environment = base();
    let mut opaque = BTreeSet::new();
    let Ok(contents) = parse(dialect, bytes, &environment) else { return (None, opaque) };
    let mut variables = Variables::new();
    if loads {
        variables = BASE.map(|(name, value)| (name.to_owned(), Some(value.to_owned()))).into();
    }
    for winner in contents.occurrences.into_iter().filter(|occurrence| occurrence.wins) {
        let name = winner.variable;
        if let Some(Some(before)) = variables.get(&name)
            && process_wins(dialect, before)
        {
            continue;
        }
        match winner.yields {
            Yield::Value(value) => {
                let value = String::from_utf8_lossy(value.expose()).into_owned();
                variables.insert(name, Some(value));
            }
            Yield::Opaque(_) => drop(opaque.insert(name)),
            Yield::Unset | Yield::Inherited if loads => {}
            Yield::Unset | Yield::Inherited => drop(variables.insert(name, None)),
        }
    }
    (Some(variables), opaque)
}

fn ask(script: &str, name: &str, folder: &Path, readers: &Path) -> Answer {
    let program = if Path::new(script).extension().is_some_and(|kind| kind == "js") {
        PathBuf::from("node")
    } else {
        readers.join("venv/bin/python")
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real_readers").join(script);
    let output = Command::new(&program).arg(path).arg(name).arg(folder).arg(readers).output();
    let Ok(output) = output else {
        return Answer::Absent { absent: format!("{} does not run", program.display()) };
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The table: a reader, the script that asks it, what its files hold more, and how many files are
/// one for it: a reader that starts a program for each is given fewer.
#[rstest]
#[case::python_dotenv("python-dotenv", "readers.py", &[], 1)]
#[case::python_dotenv_load("python-dotenv@load", "readers.py", &[], 1)]
#[case::python_decouple("python-decouple", "readers.py", &[], 1)]
#[case::django_environ("django-environ", "readers.py", &[], 1)]
#[case::node_dotenv("node-dotenv", "readers.js", &[], 1)]
#[case::dotenv_expand("dotenv-expand", "readers.js", &[], 1)]
#[case::next("next", "readers.js", &[], 1)]
#[case::node("node", "readers.js", &[], 1)]
#[case::foreman("foreman", "readers.js", &[], 1)]
#[case::dotenvx("dotenvx", "readers.js", &[], 1)]
#[case::vite("vite", "readers.js", &[], 1)]
#[case::systemd("systemd", "readers.py", &[], 1)]
#[case::pam("pam", "readers.py", &[], 1)]
#[case::sh("sh", "readers.py", &[], 1)]
#[case::make("make", "readers.py", &["$(A)", "$(", ")", "\\#", "\\\n", ";", "%", "\n\t", "unexport A\n", "undefine A\n", "endif\n"], 1)]
#[case::kubectl("kubectl", "readers.py", &[], 10)]
#[case::uv("uv", "readers.py", &[], 10)]
#[case::bun("bun", "readers.py", &[], 10)]
#[case::deno("deno", "readers.py", &[], 10)]
fn reads_as_we_do(
    #[case] name: &str,
    #[case] script: &str,
    #[case] more: &'static [&'static str],
    #[case] share: usize,
) {
    let Some(readers) = std::env::var_os("STALEKEY_READERS").map(PathBuf::from) else {
        println!("skipped: STALEKEY_READERS names no folder with the real readers");
        return;
    };
    let count = std::env::var("STALEKEY_READERS_FILES").ok().map(|count| count.parse().unwrap());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let folder = tempfile::tempdir().unwrap();
    let strategy = file(more);
    let mut files = BTreeMap::new();
    for index in 0..count.unwrap_or(400_usize).div_ceil(share) {
        let text = strategy.new_tree(&mut runner).unwrap().current();
        // Where we say that Vite never comes back, it does not.
        let endless = |dialect: &Dialect| parse(*dialect, text.as_bytes(), &base()).is_err();
        if name == "vite" && [Dialect::Vite, Dialect::ViteNode22].iter().any(endless) {
            continue;
        }
        fs::write(folder.path().join(index.to_string()), &text).unwrap();
        files.insert(index.to_string(), text);
    }
    let (reader, loads, mut answers) = match ask(script, name, folder.path(), &readers) {
        Answer::Absent { absent } => return println!("{name}: skipped: {absent}"),
        Answer::Read { reader, loads, answers } => (reader, loads, answers),
    };
    let dialect = Dialect::from_name(&reader).unwrap_or_else(|| panic!("no {reader} here"));
    let (mut wrong, mut excepted, mut unknown, mut known) = (Vec::new(), Vec::new(), 0, 0);
    for (index, text) in &files {
        let (mut our, opaque) = ours(dialect, loads, text.as_bytes());
        let mut their = answers.remove(index).unwrap();
        // What we say cannot be known is not compared; a value without a name is nothing that a
        // process could be given.
        for variables in [&mut our, &mut their].into_iter().flatten() {
            variables.retain(|name, _| !name.is_empty() && !opaque.contains(name));
            known += variables.len();
        }
        unknown += opaque.len();
        if our != their {
            let of_this = EXCEPTIONS.iter().filter(|exception| exception.reader == name);
            match of_this.into_iter().find(|exception| (exception.concerns)(text)) {
                Some(exception) => excepted.push(exception.reason),
                None => wrong.push((text, their, our)),
            }
        }
    }
    println!(
        "{reader}: {} differences in {} files, {} excepted {:?}; {unknown} of {} not knowable",
        wrong.len(),
        files.len(),
        excepted.len(),
        excepted.iter().collect::<BTreeSet<_>>(),
        known / 2 + unknown
    );
    assert!(wrong.is_empty(), "{reader}: (file, the reader, we) {wrong:#?}");
    assert!(unknown < files.len(), "most of {reader} is not compared");
}
