use std::collections::BTreeMap;

use proptest::prelude::*;
use rstest::rstest;
use schemars::JsonSchema;
use serde::Deserialize;

use super::*;

/// A file of the tests.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only read by the deserialiser")]
struct File {
    /// Always 1.
    version: u8,
    theme: Option<Theme>,
    #[serde(default)]
    shelves: BTreeMap<String, Shelf>,
    #[serde(default)]
    animals: Vec<Animal>,
    keys: Option<OneOrMany>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Theme {
    Default,
    ColourBlind,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only read by the deserialiser")]
struct Shelf {
    width: u32,
    open: Option<bool>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only read by the deserialiser")]
struct Animal {
    /// What it is called. Unique.
    name: String,
    #[serde(flatten)]
    kind: AnimalKind,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[expect(dead_code, reason = "only read by the deserialiser")]
enum AnimalKind {
    /// It barks.
    Dog(Dog),
    /// It does not.
    Cat(Cat),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only read by the deserialiser")]
struct Dog {
    bark: Option<String>,
    tail: u32,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only read by the deserialiser")]
struct Cat {
    lives: Option<u8>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only read by the deserialiser")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

fn mistakes(text: &str) -> Mistakes {
    read::<File>(&Source { name: "file.toml", text }).expect_err("a mistake")
}

#[test]
fn a_right_file_has_its_places() {
    let text = "version = 1\nkeys = [\"a\", \"b\"]\n[shelves.top]\nwidth = 3\n\n[[animals]]\n\
                name = \"Rex\"\nkind = \"dog\"\ntail = 4\n[[animals]]\nname = \"Tom\"\nkind = \"cat\"\n";
    let document = read::<File>(&Source { name: "file.toml", text }).unwrap();
    let at = |path: &[&str]| {
        let Position { line, column } = document.position(path);
        (line, column)
    };
    assert_eq!(document.value().animals.len(), 2);
    assert_eq!(at(&["version"]), (1, 11));
    assert_eq!(at(&["keys", "1"]), (2, 14));
    assert_eq!(at(&["shelves", "top", "width"]), (4, 9));
    assert_eq!(at(&["animals", "1", "name"]), (11, 8));
    assert_eq!(at(&["animals", "1", "nothing"]), (10, 1));
    assert_eq!(
        document.key_span(&["animals", "0", "tail"]),
        text.find("tail").map(|at| at..at + 4).unwrap()
    );
    let shown = document.mistake_at_name(&["animals", "1", "name"], "no such animal").to_string();
    assert_eq!(
        shown,
        "error: no such animal\n  --> file.toml:11:8\n   |\n11 | name = \"Tom\"\n   |        ^^^^^"
    );
    let hidden = document.mistake_at_value(&["animals", "1", "name"], "no such animal").to_string();
    assert!(hidden.contains("11 | name = \"…\"\n   |        ^^^"), "{hidden}");
}

#[rstest]
#[case::unknown_field("version = 1\nthme = \"default\"", "unknown field `thme`", (2, 1), "did you mean `theme`?")]
#[case::unknown_value("version = 1\ntheme = \"colorblind\"", "unknown value `colorblind`", (2, 9), "`colour-blind`")]
#[case::wrong_type("version = \"1\"", "expected a whole number, found text", (1, 11), "\"…\"")]
#[case::one_of_two("version = 1\nkeys = 3", "expected text or a list, found a whole number", (2, 8), "keys = 3")]
#[case::in_a_list("version = 1\nkeys = [\"a\", true]", "expected text, found true or false", (2, 14), "[\"…\", true]")]
#[case::too_large("version = 300", "this number must be from 0 to 255", (1, 11), "300")]
#[case::missing("[shelves.top]\nwidth = 3", "missing field `version`", (1, 1), "`version`: always 1")]
#[case::missing_in_a_table("version = 1\n[shelves.top]\nopen = true", "missing field `width`", (2, 1), "[shelves.top]")]
#[case::no_kind("version = 1\n[[animals]]\nname = \"a\"", "missing field `kind`", (2, 1), "[[animals]]")]
#[case::unknown_kind("version = 1\n[[animals]]\nname = \"a\"\nkind = \"dgo\"\ntail = 1", "unknown kind `dgo`", (4, 8), "did you mean `dog`?")]
#[case::of_another_kind("version = 1\n[[animals]]\nname = \"a\"\nkind = \"cat\"\ntail = 1", "unknown field `tail`", (5, 1), "`tail` belongs to kind `dog`")]
#[case::missing_of_a_kind("version = 1\n[[animals]]\nname = \"a\"\nkind = \"dog\"", "missing field `tail`", (2, 1), "[[animals]]")]
#[case::unquoted("version = 1\ntheme = default", "text must stand in quotes", (2, 9), "theme = …")]
#[case::twice("version = 1\nversion = 1", "`version` is given twice", (2, 1), "^^^^^^^")]
#[case::unclosed("version = 1\nkeys = [\"a\"\n", "the array is not closed", (2, 12), "close it")]
fn each_mistake_has_its_place(
    #[case] text: &str,
    #[case] what: &str,
    #[case] place: (u32, u32),
    #[case] shown: &str,
) {
    let mistakes = mistakes(text);
    let all = mistakes.to_string();
    assert_eq!(mistakes.len(), 1, "{all}");
    let mistake = &mistakes.0[0];
    assert_eq!(mistake.what, what, "{all}");
    assert_eq!((mistake.position.line, mistake.position.column), place, "{all}");
    assert!(all.contains(shown), "{all}");
}

#[test]
fn what_is_wrong_is_told_in_one_go_and_in_order() {
    let text = "thme = 1\n[shelves.top]\nwidth = -1\nhight = 2\n[[animals]]\nkind = \"cow\"\n[[animals]]\n\
                kind = \"cat\"\nname = true\nlives = 999\n";
    let mistakes = mistakes(text);
    let whats: Vec<_> = mistakes.iter().map(|mistake| mistake.what.as_str()).collect();
    assert_eq!(
        whats,
        [
            "missing field `version`",
            "unknown field `thme`",
            "this number must be at least 0",
            "unknown field `hight`",
            "missing field `name`",
            "unknown kind `cow`",
            "expected text, found true or false",
            "this number must be from 0 to 255",
        ]
    );
}

#[test]
fn what_is_right_survives_what_is_wrong() {
    let text = "version = 1\nnew = 1\n[[animals]]\nkind = \"cow\"\nname = \"a\"\n[[animals]]\n\
                kind = \"cat\"\nname = \"b\"\nlives = \"x\"";
    let Outcome { document, mistakes } = read_all::<File>(&Source { name: "file.toml", text });
    let document = document.unwrap();
    assert_eq!(mistakes.len(), 3);
    assert_eq!(document.value().animals.len(), 1);
    assert_eq!(document.position(&["animals", "0", "name"]).line, 8);
}

/// No literal in this file looks like a key.
fn keys() -> Vec<String> {
    vec![
        format!("sk-proj-{}T3BlbkFJ{}", "aB3".repeat(24), "xY9".repeat(24)),
        format!("AIza{}", "SyQwErTyUiOpAsDfGhJkLzXcVbNmQwErTyU"),
        "0f1e".repeat(8),
        format!("ghp_{}", "A1b2C3d4E5f6G7h8I9".repeat(2)),
    ]
}

#[test]
fn a_pasted_key_is_never_shown() {
    let places = [
        "KEY = KEY",
        "version = KEY",
        "version = \"KEY\"",
        "theme = \"KEY\"",
        "\"KEY\" = 1",
        "KEY=1",
        "KEY",
        "[KEY]",
        "[shelves.\"KEY\"]",
        "keys = [KEY, 1]",
        "keys = [1, \"KEY\"]",
        "keys = { a = \"KEY\" }",
        "theme = \"KEY",
        "theme = 'KEY",
        "keys = \"\"\"\nKEY\n",
        "theme = \"x\" KEY",
        "a = 1 # KEY",
        "[[animals]]\nkind = \"KEY\"\nname = \"KEY\"",
        "version = 1 2 KEY",
        "export KEY = 3",
        "version = 1\nversion = \"KEY\"",
        "keys = \"\"\"\nKEY\"\"\" KEY\n",
        "theme = \"\\KEY\"",
        "= KEY",
        "shelves = \"KEY\"",
        "a.KEY.b = 1",
    ];
    for key in keys() {
        for place in places {
            let text = place.replace("KEY", &key);
            let shown = mistakes(&text).to_string();
            let bytes = key.as_bytes();
            for window in bytes.windows(9).skip(8) {
                let window = std::str::from_utf8(window).unwrap();
                assert!(!shown.contains(window), "{place}\n{shown}");
            }
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(?s)[a-z\"'\\[\\]{}=.,# \t\r\n0-9\\\\\u{e9}]{0,80}") {
        let outcome = read_all::<File>(&Source { name: "file.toml", text: &text });
        for mistake in outcome.mistakes.iter() {
            prop_assert!(mistake.span.end <= text.len());
            let _ = mistake.to_string();
        }
    }

    #[test]
    fn nor_does_any_unicode(text: String) {
        let _ = read_all::<File>(&Source { name: "file.toml", text: &text }).mistakes.to_string();
    }
}
