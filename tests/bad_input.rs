//! Files that nobody should read without care: none hangs a run, none hides another layer, and each
//! is told what it is.

use std::{
    fmt::Write as _,
    fs::{self, File},
    os::unix::{fs::symlink, net::UnixListener},
    path::Path,
};

use rstest::rstest;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;

#[path = "support/context.rs"]
mod context;
#[path = "support/contract.rs"]
mod contract;
#[path = "support/inventory.rs"]
mod inventory;
#[path = "support/nobody.rs"]
mod nobody;

use context::{Report, TestContext, permit};
use contract::{validate, verdicts};
use inventory::{dotenv, layer};

/// More than any file of a layer has, without room on the disk.
const GIANT: u64 = 5 << 30;

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
}

/// Looks at the layer `bad` between two good ones, which have to be judged as if it were not there.
fn beside_good_ones(context: &TestContext, bad: &str) -> Report {
    let key = context.key("good");
    context.write("first.env", format!("OPENAI_API_KEY={key}\n"));
    context.write("last.env", format!("OPENAI_API_KEY={key}\n"));
    let bad = layer("bad", bad);
    context.inventory(&(dotenv("first.env") + &bad + &dotenv("last.env")));
    let report = context.run(&["check", "--offline", "--format", "json"]).json();
    validate(&report);
    let verdict = report.row("bad")["verdict"].as_str().expect("a verdict");
    let good = ("first.env", "current");
    assert_eq!(verdicts(&report), [good, ("bad", verdict), ("last.env", "current")]);
    report
}

/// Every kind of layer that reads a file, reading `bad`.
const KINDS: [&str; 4] = [
    "kind = \"dotenv\"\npath = \"bad\"\n",
    "kind = \"shell-file\"\npath = \"bad\"\n",
    "kind = \"compose\"\nfiles = [\"bad\"]\n",
    "kind = \"ci\"\npath = \"bad\"\n",
];

#[rstest]
#[case::directory(|path: &Path| fs::create_dir(path).unwrap(), "it is a directory")]
#[case::fifo(pipe, "it is a FIFO")]
#[case::socket(|path: &Path| drop(UnixListener::bind(path).unwrap()), "it is a socket")]
#[case::device(|path: &Path| symlink("/dev/zero", path).unwrap(), "it is a device")]
#[case::loop_of_links(|path: &Path| symlink(path, path).unwrap(), "links go in a circle")]
#[case::giant(|path: &Path| File::create(path).unwrap().set_len(GIANT).unwrap(), "is larger than")]
fn what_is_no_file_of_a_layer_is_named(#[case] make: fn(&Path), #[case] says: &str) {
    let context = TestContext::new();
    make(&context.path("bad"));
    for kind in KINDS {
        let report = beside_good_ones(&context, kind);
        let row = report.row("bad");
        assert_eq!((&row["state"], &row["key"]), (&"unreadable".into(), &Value::Null));
        assert!(row["reason"].as_str().unwrap().contains(says), "{kind}: {row:#}");
        assert_eq!(row["location"]["path"], "bad", "{kind}: {row:#}");
        assert_eq!(row["diagnoses"], serde_json::json!(["SK501"]));
        let told = report.0["diagnoses"][0]["message"].as_str().unwrap();
        assert!(told.contains("(bad)") && told.contains(says), "{told}");
    }
}

#[rstest]
#[case::dotenv(KINDS[0], "missing")]
#[case::shell_file(KINDS[1], "missing")]
#[case::compose(KINDS[2], "missing")]
#[case::ci(KINDS[3], "missing")]
#[case::no_compose_file_at_all("kind = \"compose\"\nfolder = \"home\"\n", "unreadable")]
#[case::included("kind = \"compose\"\nfiles = [\"include.yaml\"]\n", "unreadable")]
fn a_file_that_is_not_there_is_said_to_be_missing(#[case] kind: &str, #[case] verdict: &str) {
    let context = TestContext::new();
    context.write("include.yaml", "include: [other/bad]\nservices: {}\n");
    let report = beside_good_ones(&context, kind);
    let row = report.row("bad");
    assert_eq!(row["verdict"], verdict, "{row:#}");
    if verdict == "missing" {
        assert!(row["reason"].as_str().unwrap().contains("not exist"), "{row:#}");
        assert_eq!(row["location"]["path"], "bad", "{row:#}");
    }
}

/// What a compose file names is opened with the same care.
#[rstest]
#[case::fifo(pipe, "it is a FIFO")]
#[case::device(|path: &Path| symlink("/dev/zero", path).unwrap(), "it is a device")]
#[case::loop_of_links(|path: &Path| symlink(path, path).unwrap(), "links go in a circle")]
fn what_a_compose_file_names_is_named(#[case] make: fn(&Path), #[case] says: &str) {
    let context = TestContext::new();
    make(&context.path("bad.env"));
    context.write("env.yaml", "services: {api: {image: a, env_file: bad.env}}\n");
    context.write("include.yaml", "include: [bad.env]\nservices: {}\n");
    for file in ["env.yaml", "include.yaml"] {
        let kind = format!("kind = \"compose\"\nfiles = [\"{file}\"]\n");
        let report = beside_good_ones(&context, &kind);
        let row = report.row("bad");
        assert_eq!(row["state"], "unreadable", "{row:#}");
        assert!(row["reason"].as_str().unwrap().contains(says), "{row:#}");
        let told = report.0["diagnoses"][0]["message"].as_str().unwrap();
        assert!(told.contains("(bad.env"), "{told}");
    }
}

/// An alias bomb: ten levels of nine references each.
fn bomb() -> String {
    let mut text = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (from, to) in "abcdefgh".chars().zip("bcdefghi".chars()) {
        let nine = vec![format!("*{from}"); 9].join(", ");
        writeln!(text, "{to}: &{to} [{nine}]").expect("memory");
    }
    text + "services: {api: {environment: *i}}\n"
}

#[rstest]
#[case::broken_yaml(KINDS[2], "services: [\n  api: 1\n".into(), "not valid YAML", true)]
#[case::alias_bomb(KINDS[2], bomb(), "nodes when its aliases are followed", true)]
#[case::deep_yaml(KINDS[2], format!("services: {}", "[".repeat(20_000)), "nested more than", true)]
#[case::deep_blocks(KINDS[2], "- ".repeat(20_000), "nested more than", true)]
#[case::no_mapping(KINDS[2], "just a text".into(), "", false)]
#[case::deep_json(KINDS[3], "[".repeat(200_000), "", false)]
#[case::broken_json(KINDS[3], "[{\"key\": \"OPENAI_API_KEY\", \"value\": ".into(), "", true)]
#[case::no_list(KINDS[3], "{}".into(), "", false)]
fn a_document_that_is_broken_is_named(
    #[case] kind: &str,
    #[case] contents: String,
    #[case] says: &str,
    #[case] placed: bool,
) {
    let context = TestContext::new();
    context.write("bad", contents);
    let report = beside_good_ones(&context, kind);
    let row = report.row("bad");
    assert_eq!((&row["state"], &row["key"]), (&"unreadable".into(), &Value::Null), "{row:#}");
    assert!(row["reason"].as_str().unwrap().contains(says), "{row:#}");
    let told = report.0["diagnoses"][0]["message"].as_str().unwrap();
    assert!(told.contains(if placed { "(bad:" } else { "(bad" }), "{told}");
}

/// Bytes that are no text at all; a key among them is still not shown.
#[test]
fn binary_files_are_no_trouble() {
    let context = TestContext::new();
    let key = context.key("hidden");
    let mut bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    bytes.extend_from_slice(format!("\nOPENAI_API_KEY={key}").as_bytes());
    bytes.extend_from_slice(b"\xff\x00\n");
    context.write("bad", bytes);
    for kind in KINDS {
        let report = beside_good_ones(&context, kind);
        assert_ne!(report.row("bad")["verdict"], "current", "{kind}");
    }
}

#[test]
fn what_may_not_be_read_is_not_missing() {
    let context = TestContext::new();
    let key = context.key("good");
    context.write("good.env", format!("OPENAI_API_KEY={key}\n"));
    permit(&context.write("secret.env", "OPENAI_API_KEY=x\n"), 0o000);
    context.write("locked/compose.yaml", "services: {}\n");
    permit(&context.path("locked"), 0o000);
    let locked = layer("locked", "kind = \"compose\"\nfiles = [\"locked/compose.yaml\"]\n");
    context.inventory(&(dotenv("good.env") + &dotenv("secret.env") + &locked));
    let arguments = ["check", "--offline", "--format", "json"];
    let Some(command) = context.command_without_rights(&arguments) else { return };
    let report = context.finish(command, "").json();
    let verdict = ["current", "unreadable", "unreadable"];
    let expected: Vec<_> = ["good.env", "secret.env", "locked"].into_iter().zip(verdict).collect();
    assert_eq!(verdicts(&report), expected);
    for row in &report.rows()[1..] {
        assert_eq!(row["diagnoses"], serde_json::json!(["SK502"]));
        assert!(row["reason"].as_str().unwrap().contains("permission"), "{row:#}");
    }
    permit(&context.path("stalekey.toml"), 0o000);
    permit(&context.path("locked"), 0o700);
    let command = context.command_without_rights(&arguments).expect("as before");
    let run = context.finish(command, "");
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    assert!(run.stderr.contains("stalekey.toml: you have no permission"), "{run:?}");
}

const MISTAKES: &str = r#"version = 2
colour = "red"
[settings]
refresh = "soon"
concurrency = 0
[fingerprint]
salt = "abc"
[credentials.openai]
provider = "opnai"
[credentials.other]
variables = ["A=B"]
[environments.production]
expect.openai = { last4 = "abc" }
[[layers]]
name = "api"
environment = "produktion"
kind = "dotenv"
pth = ".env"
[[layers]]
name = "fax"
environment = "production"
kind = "fax"
"#;

#[test]
fn all_mistakes_of_an_inventory_are_told_at_once() {
    let context = TestContext::new();
    context.write("stalekey.toml", MISTAKES);
    let run = context.run(&["check"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    let says = [
        ("1:11", "version 2 is not known"),
        ("2:1", "unknown field `colour`"),
        ("4:11", "not a length of time"),
        ("5:15", "from 1 to 65535"),
        ("7:8", "64 hex digits"),
        ("9:12", "did you mean `openai`?"),
        ("11:14", "no `=` and no NUL"),
        ("13:27", "four characters"),
        ("14:1", "needs `path` or `files`"),
        ("16:15", "did you mean `production`?"),
        ("18:1", "unknown field `pth`"),
        ("22:8", "unknown kind `fax`"),
    ];
    let told: Vec<&str> = run.stderr.split("\n\n").collect();
    assert_eq!(told.len(), says.len(), "{}", run.stderr);
    for ((place, text), told) in says.into_iter().zip(told) {
        assert!(told.contains(&format!("--> stalekey.toml:{place}\n")), "{place}: {told}");
        assert!(told.starts_with("error: ") && told.contains(text), "{text}: {told}");
    }
}

#[rstest]
#[case::fifo(pipe, "not a regular file")]
#[case::directory(|path: &Path| fs::create_dir(path).unwrap(), "not a regular file")]
#[case::device(|path: &Path| symlink("/dev/zero", path).unwrap(), "not a regular file")]
#[case::socket(|path: &Path| drop(UnixListener::bind(path).unwrap()), "cannot be read")]
#[case::loop_of_links(|path: &Path| symlink(path, path).unwrap(), "cannot be read")]
#[case::giant(|path: &Path| File::create(path).unwrap().set_len(GIANT).unwrap(), "larger than")]
#[case::binary(|path: &Path| fs::write(path, b"version = \xff").unwrap(), "line 1, column 11")]
#[case::no_toml(|path: &Path| fs::write(path, "{").unwrap(), "stalekey.toml:1:1")]
#[case::empty(|path: &Path| fs::write(path, "").unwrap(), "missing field `version`")]
fn an_inventory_that_is_none_is_refused(#[case] make: fn(&Path), #[case] says: &str) {
    let context = TestContext::new();
    make(&context.path("stalekey.toml"));
    for arguments in [&["check"][..], &["check", "--config", "stalekey.toml"], &["fingerprint"]] {
        let run = context.run(arguments);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{run:?}");
        assert!(run.stderr.starts_with("error: ") && run.stderr.contains("stalekey.toml"));
        assert!(run.stderr.contains(says), "{run:?}");
    }
}

/// Whoever may write the inventory decides what is read and asked (SECURITY T8).
#[rstest]
#[case::file("project/stalekey.toml", 0o666, "every user can write this file")]
#[case::folder("project", 0o777, "every user can write this folder")]
#[case::sticky_folder("project", 0o1777, "")]
#[case::readable("project/stalekey.toml", 0o644, "")]
fn an_inventory_that_others_can_write_is_refused(
    #[case] what: &str,
    #[case] mode: u32,
    #[case] says: &str,
) {
    let context = TestContext::new();
    context.inventory("");
    let text = fs::read_to_string(context.path("stalekey.toml")).unwrap();
    context.write("project/stalekey.toml", text);
    permit(&context.path(what), mode);
    let run = context.run(&["check", "--config", "project/stalekey.toml"]);
    if says.is_empty() {
        assert_eq!(run.code, Some(0), "{run:?}");
    } else {
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert!(run.stderr.contains(says) && run.stderr.contains("chmod o-w"), "{run:?}");
    }
}

/// Names in files reach the screen as visible text only (SECURITY S1).
#[test]
fn foreign_text_cannot_drive_a_terminal() {
    let context = TestContext::new();
    let key = context.key("good");
    let service = "\\e]52;c;eA==\\a\\e[2J\\u202E";
    context.write(
        "compose.yaml",
        format!(
            "services: {{\"{service}\": {{image: a, environment: {{OPENAI_API_KEY: {key}}}}}}}\n"
        ),
    );
    context.write("near.env", format!("OPENAI_API_KEY\u{202e}={key}\nOPENAI_APIKEY\u{1b}[2J=1\n"));
    context.write("base.env", format!("OPENAI_API_KEY={key}\nOPENAI_BASE_URL=http://\u{1b}[2Jx\n"));
    let escape = "path = \"gone\\u001b[2J\\u0007.env\"\n";
    context.inventory(
        &[
            layer("compose", "kind = \"compose\"\n"),
            dotenv("near.env"),
            dotenv("base.env"),
            layer("gone", &format!("kind = \"dotenv\"\n{escape}restart = \"a\\u001b[2Jb\"\n")),
        ]
        .concat(),
    );
    let table = context.run(&["check", "--offline"]);
    let report = context.run(&["check", "--offline", "--format", "json"]);
    assert_eq!(report.json().rows().len(), 4);
    let texts = texts(&report.json().0);
    assert!(texts.iter().any(|text| text.contains("\\u{1b}]52")), "visible: {:#}", report.stdout);
    for text in texts.iter().chain([&table.stdout, &table.stderr]) {
        let drives = |character: char| {
            character.is_control() && character != '\n' || character == '\u{202e}'
        };
        assert!(!text.contains(drives), "{text:?}");
    }
}

/// Every text in a JSON value.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| [vec![name.clone()], texts(value)].concat())
            .collect(),
        _ => vec![],
    }
}
