//! The small commands: fingerprint, explain, completions, schema.

use std::process::{Command, Stdio};

use rstest::rstest;
use serde_json::Value;

#[path = "support/context.rs"]
mod context;
#[path = "support/inventory.rs"]
mod inventory;

use context::{Run, TestContext};
use inventory::{dotenv, layer};

const SALT: &str = "6b1f0c2e94d75a38e1c07f6d2b8a45931c5e7f90a2d4b6c8e0f1a3b5d7c9e2f4";
const TEAM_KEY: &str = "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf";

/// One key in `.env`, and an inventory with a salt.
fn one_key() -> (TestContext, String) {
    let context = TestContext::new();
    let key = context.key("one");
    context.write(".env", format!("OPENAI_API_KEY={key}\n"));
    let last = layer("last", "kind = \"dotenv\"\npath = \".env\"\n");
    context.inventory(&format!("[fingerprint]\nsalt = \"{SALT}\"\n{last}"));
    (context, key)
}

fn of_input(context: &TestContext, input: &str, more: &[&str]) -> Run {
    let arguments = [&["fingerprint", "--format", "json"], more].concat();
    let run = context.finish(context.command(&arguments), input);
    assert_eq!(run.code, Some(0), "{run:?}");
    run
}

fn field(run: &Run, name: &str) -> Value {
    let object: Value = serde_json::from_str(&run.stdout).expect("JSON");
    object.get(name).cloned().unwrap_or_else(|| panic!("no `{name}`: {object:#}"))
}

fn held(context: &TestContext) -> Value {
    let report = context.run(&["check", "--offline", "--format", "json"]).json();
    report.row("last")["key"].clone()
}

#[test]
fn the_fingerprint_is_that_of_the_layer() {
    let (context, key) = one_key();
    let run = of_input(&context, &key, &[]);
    assert_eq!(run.stderr, "");
    let held = held(&context);
    for name in ["fingerprint", "mask", "length", "shape"] {
        assert_eq!(field(&run, name), held[name], "{name}");
    }
    let shown = field(&run, "shown");
    let words = context.finish(context.command(&["fingerprint"]), &key).stdout;
    for text in [&shown, &held["fingerprint"], &held["mask"]] {
        assert!(words.contains(text.as_str().unwrap()), "{text}: {words}");
    }
}

#[test]
fn one_newline_is_what_echo_adds() {
    let (context, key) = one_key();
    let exact = field(&of_input(&context, &key, &[]), "fingerprint");
    let with_one = of_input(&context, &format!("{key}\n"), &[]);
    assert_eq!(field(&with_one, "fingerprint"), exact);
    assert!(with_one.stderr.contains("one final newline was left out"));
    let with_two = of_input(&context, &format!("{key}\n\n"), &[]);
    assert_ne!(field(&with_two, "fingerprint"), exact);
    assert_eq!(field(&with_two, "flags"), serde_json::json!(["lf"]));
}

#[test]
fn a_variable_is_taken_as_it_is() {
    let (context, key) = one_key();
    let exact = field(&of_input(&context, &key, &[]), "fingerprint");
    let context = context.with("MY_KEY", &key);
    let run = of_input(&context, "", &["--variable", "MY_KEY"]);
    assert_eq!((field(&run, "fingerprint"), run.stderr.as_str()), (exact, ""));
    for name in ["OTHER", "", "A=B"] {
        let run = context.run(&["fingerprint", "--variable", name]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{name}");
        assert!(run.stderr.contains("not set"), "{run:?}");
    }
    let run = context.run(&["fingerprint"]);
    assert!(run.code == Some(2) && run.stderr.contains("empty"), "{run:?}");
}

#[test]
fn a_team_key_makes_fingerprints_of_its_own() {
    let (context, key) = one_key();
    let own = field(&of_input(&context, &key, &[]), "fingerprint");
    let opaque = of_input(&context, "a word that is no key", &[]);
    assert_eq!(field(&opaque, "fingerprint"), Value::Null);
    assert_eq!((field(&opaque, "length"), field(&opaque, "mask")), (Value::Null, "…".into()));

    let context = context.with("STALEKEY_FP_KEY", TEAM_KEY);
    let team = of_input(&context, &key, &[]);
    assert_ne!(field(&team, "fingerprint"), own);
    assert!(field(&team, "fingerprint").as_str().unwrap().starts_with("keyfpk1:"));
    assert_eq!(held(&context)["fingerprint"], field(&team, "fingerprint"));
    let opaque = of_input(&context, "a word that is no key", &[]);
    assert!(field(&opaque, "fingerprint").as_str().unwrap().starts_with("keyfpk1:"));

    let context = context.with("STALEKEY_FP_KEY", "too short to be one");
    let run = context.run(&["fingerprint"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("STALEKEY_FP_KEY") && !run.stderr.contains("too short"), "{run:?}");
}

/// Everybody can make the same fingerprint without stalekey.
#[rstest]
#[case::salt(SALT, "keyfp1", false)]
#[case::team_key(TEAM_KEY, "keyfpk1", true)]
fn openssl_agrees(#[case] salt: &str, #[case] prefix: &str, #[case] team: bool) {
    let (context, key) = one_key();
    let context = if team { context.with("STALEKEY_FP_KEY", salt) } else { context };
    let hash = |message: String| hmac_of_openssl(&context, salt, message.as_bytes());
    let (Some(key_hash), Some(id_hash)) = (hash(format!("keyfp1\0{key}")), hash("keyid\0".into()))
    else {
        println!("skipped: there is no openssl here");
        return;
    };
    let id: String = base32(&id_hash[..5]);
    let expected = format!("{prefix}:{id}:{}", base32(&key_hash[..16]));
    assert_eq!(field(&of_input(&context, &key, &[]), "fingerprint"), expected);
}

fn hmac_of_openssl(context: &TestContext, salt: &str, message: &[u8]) -> Option<Vec<u8>> {
    let file = context.write("message", message);
    let output = Command::new("openssl")
        .args(["dgst", "-sha256", "-mac", "HMAC", "-macopt", &format!("hexkey:{salt}"), "-r"])
        .arg(file)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).expect("hex");
    let digits = text.get(..64).expect("a whole hash").as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).expect("hex"), 16);
    Some(digits.map(|pair| byte(pair).expect("hex")).collect())
}

/// Five bits a character, the first bit first, zero bits at the end.
fn base32(bytes: &[u8]) -> String {
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let characters = bits.as_bytes().chunks(5).map(|five| {
        let five = format!("{:0<5}", String::from_utf8_lossy(five));
        let number = usize::from_str_radix(&five, 2).expect("bits");
        char::from(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[number])
    });
    characters.collect()
}

#[test]
fn without_a_salt_of_the_inventory_the_user_has_one() {
    let context = TestContext::new();
    let key = context.key("one");
    let first = field(&of_input(&context, &key, &[]), "fingerprint");
    let file = context.path("home/.state/stalekey/fingerprint-salt");
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(field(&of_input(&context, &key, &[]), "fingerprint"), first, "it is kept");
    std::fs::write(&file, "no salt").unwrap();
    let run = context.run(&["fingerprint"]);
    assert!(run.code == Some(2) && run.stderr.contains("fingerprint-salt"), "{run:?}");
}

#[test]
fn an_unknown_provider_is_an_error_that_lists_the_known() {
    let run = TestContext::new().run(&["fingerprint", "--provider", "opnai"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    assert!(run.stderr.contains("openai") && run.stderr.contains("anthropic"), "{run:?}");
}

#[test]
fn every_diagnosis_has_a_page() {
    let context = TestContext::new();
    let list = context.run(&["explain"]);
    assert_eq!(list.code, Some(0));
    assert!(list.stdout.lines().count() >= 30, "{}", list.stdout);
    for line in list.stdout.lines() {
        let (code, title) = line.split_once("  ").unwrap();
        let page = context.run(&["explain", code]);
        assert_eq!((page.code, page.stderr.as_str()), (Some(0), ""));
        assert_eq!(page.stdout.lines().next(), Some(&*format!("# {code} {title}")));
        assert!(page.stdout.lines().count() > 5 && page.stdout.ends_with('\n'), "{page:?}");
    }
    let unknown = context.run(&["explain", "SK999"]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(2), ""));
    assert!(unknown.stderr.contains("`stalekey explain` lists them"), "{unknown:?}");
}

#[rstest]
#[case("bash", "complete -F _stalekey")]
#[case("zsh", "#compdef stalekey")]
#[case("fish", "complete -c stalekey")]
fn completions_are_scripts_of_their_shell(#[case] shell: &str, #[case] has: &str) {
    let context = TestContext::new();
    let run = context.run(&["completions", shell]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    for text in [has, "fingerprint", "fail-on", "init", "running"] {
        assert!(run.stdout.contains(text), "{text}");
    }
    assert!(!run.stdout.contains("demo-process"), "what is hidden stays so");
    let script = context.write("script", &run.stdout);
    match Command::new(shell).arg("-n").arg(script).output() {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        Err(_) => println!("skipped: there is no {shell} here"),
    }
}

#[rstest]
#[case("check")]
#[case("inventory")]
#[case("plan")]
#[case("report")]
fn the_committed_schema_is_that_of_the_program(#[case] which: &str) {
    let file = format!("assets/{which}.schema.json");
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let run = TestContext::new().run(&["schema", which]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert!(run.stdout == committed, "{file} is stale: run `stalekey schema {which} > {file}`");
}

/// What is typed in a wrong place may be a key: it is not repeated.
#[rstest]
#[case(&["KEY"])]
#[case(&["check", "KEY"])]
#[case(&["check", "--format", "KEY"])]
#[case(&["check", "--credential", "KEY"])]
#[case(&["check", "--KEY"])]
#[case(&["fingerprint", "KEY"])]
#[case(&["fingerprint", "--variable", "KEY"])]
#[case(&["fingerprint", "--provider", "KEY"])]
#[case(&["explain", "KEY"])]
#[case(&["completions", "KEY"])]
#[case(&["schema", "KEY"])]
fn a_key_that_is_an_argument_by_mistake_is_not_shown(#[case] arguments: &[&str]) {
    let context = TestContext::new();
    let key = context.key("one");
    context.inventory(&dotenv(".env"));
    let arguments: Vec<String> = arguments.iter().map(|word| word.replace("KEY", &key)).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run = context.run(&arguments);
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    assert!(run.stderr.starts_with("error: "), "{run:?}");
}
