//! An inventory that is there is never written over, and `--update` keeps every byte of it.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::{expected, layers, names};
use crate::context::{TestContext, permit};

const BY_HAND: &str = "# ours   \r\nversion = 1\n\n[credentials.gpt] # the big one\nprovider = \
    \"openai\"\nowner = 'platform'\n\n[environments]\nproduction = {}\n\n[[layers]]\nname = \
    \"the file\"\nenvironment = \"production\"\nkind    =   \"dotenv\"\npath = \"./api/../.env\"\n\n\
    [[layers]]\nname = \"gone\"\nenvironment = \"production\"\nkind = \"dotenv\"\npath = \"old/.env\"";

#[test]
fn an_inventory_is_never_written_over() {
    let context = TestContext::new();
    context.write(".env", format!("OPENAI_API_KEY={}\n", context.key("one")));
    context.write("stalekey.toml", "# not even read");
    for flags in [&["init"][..], &["init", "--yes"]] {
        let run = context.run(flags);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{run:?}");
        assert!(run.stderr.contains("stalekey init --update"), "{run:?}");
    }
    assert_eq!(context.written(), "# not even read");
}

#[test]
fn where_nobody_can_be_asked_nothing_is_written() {
    let context = TestContext::new();
    context.write(".env", format!("OPENAI_API_KEY={}\n", context.key("one")));
    let run = context.run(&["init"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stdout.contains(".env") && run.stderr.contains("--yes"), "{run:?}");
    assert_eq!(names(&context.path("")), [".env"]);
}

#[test]
fn an_update_appends_and_keeps_every_byte() {
    let context = TestContext::new();
    context.write("stalekey.toml", BY_HAND);
    context.write(".env", format!("OPENAI_API_KEY={}\n", context.key("one")));
    context.write("web/.env.staging", format!("OPENAI_API_KEY={}\n", context.key("two")));
    context.write("web/.env.production", "MISTRAL_API_KEY=value\n");
    let run = context.init(&["--update"]);
    let text = context.written();
    let added = text.strip_prefix(BY_HAND).expect("what was there stands there");
    assert!(!added.contains("name = \"the file\""), "{added}");
    let wanted = expected(&[
        ("web .env.staging", "dotenv staging gpt"),
        ("web .env.production", "dotenv production mistral"),
    ]);
    let found = layers(&format!("version = 1\n{added}"));
    assert_eq!(found, wanted);
    assert!(run.stdout.contains("gone: the layer `gone`"), "{run:?}");
    assert!(run.stdout.contains("name no `credentials`"), "{run:?}");
    let checked = context.run(&["check", "--offline", "--format", "json"]);
    assert!(checked.stderr.is_empty(), "{checked:?}");
    let again = context.init(&["--update"]);
    assert!(again.stdout.contains("Nothing is new"), "{again:?}");
    assert_eq!(context.written(), text);
}

#[test]
fn an_update_keeps_the_mode_and_a_link() {
    let context = TestContext::new();
    context.write("config/inventory.toml", "version = 1\n");
    permit(&context.path("config/inventory.toml"), 0o640);
    std::os::unix::fs::symlink("config/inventory.toml", context.path("stalekey.toml")).unwrap();
    context.write(".env", "OPENAI_API_KEY=value\n");
    context.init(&["--update"]);
    assert!(context.path("stalekey.toml").symlink_metadata().unwrap().is_symlink());
    let file = context.path("config/inventory.toml");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert!(fs::read_to_string(file).unwrap().contains("[[layers]]"));
}

#[test]
fn what_cannot_be_appended_is_told_and_nothing_is_written() {
    let context = TestContext::new();
    let text = "version = 1\nenvironments = { production = {} }\n";
    context.write("stalekey.toml", text);
    context.write(".env.staging", "OPENAI_API_KEY=value\n");
    let run = context.run(&["init", "--yes", "--update"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("Nothing was written"), "{run:?}");
    assert_eq!(context.written(), text);
    assert_eq!(names(&context.path("")), [".env.staging", "stalekey.toml"]);
}

#[test]
fn a_broken_inventory_is_told_and_stays() {
    let context = TestContext::new();
    context.write("stalekey.toml", "version = 1\nlayer = []\n");
    context.write(".env", "OPENAI_API_KEY=value\n");
    let run = context.run(&["init", "--yes", "--update"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("stalekey.toml:2"), "{run:?}");
    assert_eq!(context.written(), "version = 1\nlayer = []\n");
}

#[test]
fn without_an_inventory_an_update_makes_one() {
    let context = TestContext::new();
    context.write(".env", "OPENAI_API_KEY=value\n");
    context.init(&["--update"]);
    assert_eq!(layers(&context.written()).len(), 1);
}
