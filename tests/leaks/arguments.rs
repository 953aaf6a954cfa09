//! Keys where arguments, flags and names were meant, and the command that takes one on purpose.

use rstest::rstest;

use super::{
    canary::{Canary, Format},
    gate::Gate,
    world::{Variables, World},
};

const INVENTORY: &str = r#"
version = 1
[credentials.openai]
provider = "openai"
[environments.production]
[[layers]]
name = "api .env"
environment = "production"
kind = "dotenv"
path = ".env"
"#;

/// Every place of a command line; `{}` is the key.
const LINES: &[&[&str]] = &[
    &["{}"],
    &["--{}"],
    &["-{}"],
    &["--config={}/../nowhere", "--{}"],
    &["check", "{}"],
    &["check", "--{}"],
    &["check", "--{}=1"],
    &["check", "--offline={}"],
    &["check", "--offline", "--format", "{}"],
    &["check", "--offline", "--format={}"],
    &["check", "--offline", "--fail-on", "{}"],
    &["check", "--offline", "--environment", "{}"],
    &["check", "--offline", "--credential", "{}"],
    &["check", "--offline", "--concurrency", "{}"],
    &["check", "--offline", "--requests-per-second", "{}"],
    &["check", "--offline", "--endpoint", "{}"],
    &["check", "--offline", "--endpoint", "openai={}"],
    &["check", "--offline", "--endpoint", "{}=http://127.0.0.1:1/v1"],
    &["check", "--offline", "--endpoint", "openai=https://{}@host.example/v1"],
    &["check", "--offline", "--endpoint", "openai=https://host.example/v1?key={}"],
    &["check", "--offline", "--endpoint", "openai=https://host.example/v1#{}"],
    &["check", "--offline", "--endpoint", "openai=http://{}/v1"],
    &["check", "--offline", "--endpoint", "openai={}://host.example"],
    &["--environment", "{}"],
    &["--endpoint", "openai={}"],
    &["explain", "{}"],
    &["explain", "SK201", "{}"],
    &["fingerprint", "{}"],
    &["fingerprint", "--{}"],
    &["fingerprint", "--key={}"],
    &["fingerprint", "--variable", "{}"],
    &["fingerprint", "--provider", "{}"],
    &["fingerprint", "--format", "{}"],
    &["providers", "{}"],
    &["providers", "--{}"],
    &["providers", "--plan", "{}"],
    &["providers", "--plan", "--format", "{}"],
    &["providers", "--plan", "--endpoint", "openai={}"],
    &["providers", "--plan", "--credential", "{}"],
    &["report", "{}"],
    &["report", "--output", "-", "{}"],
    &["report", "--offline", "--environment", "{}"],
    &["init", "{}"],
    &["init", "--{}"],
    &["init", "--yes={}"],
    &["demo", "{}"],
    &["demo", "--format", "{}"],
    &["demo", "--keep", "new", "--format", "{}"],
    &["schema", "{}"],
    &["completions", "{}"],
    &["help", "{}"],
    &["help", "check", "{}"],
];

#[test]
fn what_is_typed_by_mistake_is_not_repeated() {
    let mut gate = Gate::new();
    let world = World::new();
    world.write("stalekey.toml", INVENTORY);
    world.write(".env", "NOTHING=\n");
    for (number, line) in LINES.iter().enumerate() {
        let format = [Format::OpenaiProject, Format::Opaque, Format::Azure][number % 3];
        let key = gate.key(format, &format!("the arguments {line:?}")).text();
        let arguments: Vec<String> = line.iter().map(|word| word.replace("{}", &key)).collect();
        let bytes: Vec<&[u8]> = arguments.iter().map(String::as_bytes).collect();
        let output = world.run_with(&mut gate, &bytes, &Variables::new(), b"");
        assert!(!output.status.success(), "{line:?}");
    }
    gate.verdict();
}

/// A path is a name, and a person has to see which one was meant; it is inert all the same.
#[test]
fn a_path_is_shown_and_inert() {
    let world = World::new();
    let mut gate = Gate::new();
    for flag in ["--config", "--config="] {
        let path = "no\u{1b}]52;c;where\u{202e}.toml";
        let arguments = match flag.strip_suffix('=') {
            Some(_) => vec![format!("{flag}{path}")],
            None => vec![flag.to_owned(), path.to_owned()],
        };
        let bytes: Vec<&[u8]> = arguments.iter().map(String::as_bytes).collect();
        let output = world.run_with(&mut gate, &bytes, &Variables::new(), b"");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2));
        assert!(said.contains("no\\u{1b}]52;c;where\\u{202e}.toml"), "{said}");
        assert!(!said.contains(['\u{1b}', '\u{202e}']), "{said:?}");
    }
}

#[rstest]
#[case::human("human")]
#[case::json("json")]
fn a_fingerprint_shows_the_mask_alone(#[case] form: &str) {
    let mut gate = Gate::new();
    let world = World::new();
    let team = gate.key(Format::TeamKey, "STALEKEY_FP_KEY");
    for format in Format::ALL {
        for (how, provider) in
            [("piped", None), ("piped for azure", Some("azure-openai")), ("a line", None)]
        {
            let key = gate.key(format, &format!("a key to fingerprint, {how}"));
            let mut arguments = vec!["fingerprint", "--format", form];
            arguments.extend(provider.into_iter().flat_map(|id| ["--provider", id]));
            let mut input = key.bytes();
            if how == "a line" {
                input.push(b'\n');
            }
            fingerprint(&mut gate, &world, &arguments, &Variables::new(), &input);
            let quoted = [b" \"", &key.bytes()[..], b"\"\r\n"].concat();
            fingerprint(&mut gate, &world, &arguments, &Variables::new(), &quoted);
        }
        let key = gate.key(format, "a variable to fingerprint");
        let mut variables = vec![("CI_KEY".to_owned(), key.bytes())];
        let arguments = ["fingerprint", "--variable", "CI_KEY", "--format", form];
        fingerprint(&mut gate, &world, &arguments, &variables, b"");
        variables.push(("STALEKEY_FP_KEY".to_owned(), team.bytes()));
        fingerprint(&mut gate, &world, &arguments, &variables, b"");
        if matches!(format, Format::OpenaiProject | Format::Anthropic | Format::Gemini) {
            gate.assert_shown(&key);
        }
    }
    gate.verdict();
}

fn fingerprint(
    gate: &mut Gate,
    world: &World,
    arguments: &[&str],
    variables: &Variables,
    input: &[u8],
) {
    let bytes: Vec<&[u8]> = arguments.iter().map(|text| text.as_bytes()).collect();
    let output = world.run_with(gate, &bytes, variables, input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What says nothing of this machine, in a shell full of keys.
#[test]
fn pages_and_schemas_say_nothing_of_the_shell() {
    let mut gate = Gate::new();
    let world = World::new();
    let keys: Vec<Canary> =
        Format::ALL.iter().map(|format| gate.key(*format, "the shell")).collect();
    let names = ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "NO_COLOR", "TERM"];
    let mut variables: Variables =
        names.iter().zip(&keys).map(|(name, key)| ((*name).to_owned(), key.bytes())).collect();
    variables.push(("COLUMNS".to_owned(), keys[5].bytes()));
    let pages: &[&[&str]] = &[
        &["--help"],
        &["-h"],
        &["--version"],
        &["help"],
        &["check", "--help"],
        &["explain", "--help"],
        &["fingerprint", "--help"],
        &["demo", "--help"],
        &["schema", "--help"],
        &["completions", "--help"],
        &["explain"],
        &["explain", "SK201"],
        &["schema"],
        &["schema", "check"],
        &["schema", "report"],
        &["report", "--help"],
        &["completions", "bash"],
        &["completions", "fish"],
        &["completions", "zsh"],
        &["demo"],
        &["demo", "--format", "json"],
        &[],
        &["check"],
        &["fingerprint", "--variable", "NOT_SET"],
    ];
    for page in pages {
        world.run(&mut gate, page, &variables);
    }
    // A broken team key is named and not quoted.
    let broken = gate.key(Format::OpenaiProject, "a team key that is none");
    variables.push(("STALEKEY_FP_KEY".to_owned(), broken.bytes()));
    let output = world.run(&mut gate, &["check"], &variables);
    assert_eq!(output.status.code(), Some(2));
    gate.verdict();
}
