use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::domain::{
    place::Position,
    reading::{OpaqueReason, Origin, Yield},
};

fn key(letter: &str) -> String {
    format!("sk-proj-{}T3BlbkFJ{}", letter.repeat(74), letter.repeat(74))
}

fn gitlab() -> String {
    let (old, new) = (key("A"), key("B"));
    format!(
        r#"Exporting variables from the acme/api project:
[
  {{"key": "OPENAI_API_KEY", "value": "{old}", "variable_type": "env_var", "protected": false,
    "masked": true, "hidden": false, "raw": true, "environment_scope": "*", "description": null}},
  {{"key": "OPENAI_API_KEY", "value": "{new}", "variable_type": "env_var", "protected": true,
    "masked": true, "hidden": false, "raw": true, "environment_scope": "production"}},
  {{"key": "OPENAI_API_KEY", "value": "review", "variable_type": "env_var",
    "raw": true, "environment_scope": "review/*"}},
  {{"key": "HIDDEN", "value": null, "masked": true, "hidden": true, "environment_scope": "*"}},
  {{"key": "CONFIG", "value": "[a]\nb=c\n", "variable_type": "file", "environment_scope": "*"}},
  {{"key": "HEADER", "value": "Bearer $OPENAI_API_KEY", "raw": false, "environment_scope": "*"}},
  {{"key": "TAIL", "value": "p$ssw0rd$$x", "raw": false, "environment_scope": "*"}},
  {{"key": "URL", "value": "$CI_API_V4_URL/x", "raw": false, "environment_scope": "*"}},
  {{"key": "LOOP", "value": "$POOL", "raw": false, "environment_scope": "*"}},
  {{"key": "POOL", "value": "${{LOOP}}", "raw": false, "environment_scope": "*"}}
]
"#
    )
}

fn winner(contents: &Contents, variable: &str) -> Yield<SecretValue> {
    contents.winner(variable).unwrap().yields.clone()
}

fn value(text: impl Into<Vec<u8>>) -> Yield<SecretValue> {
    Yield::Value(SecretValue::new(text))
}

#[rstest]
#[case::none(None, key("A"))]
#[case::exact(Some("production"), key("B"))]
#[case::wildcard(Some("review/feature"), "review".to_owned())]
#[case::other(Some("staging"), key("A"))]
fn gitlab_scopes_decide(#[case] scope: Option<&str>, #[case] expected: String) {
    let export = parse(None, gitlab().as_bytes()).unwrap();
    assert_eq!(export.platform, Platform::Gitlab);
    let contents = select(&export, scope);
    assert_eq!(winner(&contents, "OPENAI_API_KEY"), value(expected.clone()));
    assert_eq!(winner(&contents, "HEADER"), value(format!("Bearer {expected}")));
    let wins =
        |name: &str| contents.occurrences.iter().filter(|o| o.variable == name && o.wins).count();
    assert_eq!(wins("OPENAI_API_KEY"), 1);
}

#[test]
fn gitlab_values_that_nobody_can_know() {
    let contents = select(&parse(None, gitlab().as_bytes()).unwrap(), None);
    assert_eq!(winner(&contents, "HIDDEN"), Yield::Opaque(OpaqueReason::Hidden));
    assert_eq!(winner(&contents, "CONFIG"), Yield::Opaque(OpaqueReason::Reference));
    assert_eq!(winner(&contents, "URL"), Yield::Opaque(OpaqueReason::Reference));
    assert_eq!(winner(&contents, "LOOP"), value("$POOL"));
    assert_eq!(winner(&contents, "TAIL"), value("p$x"));
}

#[test]
fn gitlab_entries_keep_their_facts_and_places() {
    let text = gitlab();
    let export = parse(Some(Platform::Gitlab), text.as_bytes()).unwrap();
    let first = &export.entries[0];
    assert!(first.masked && !first.protected && !first.hidden);
    assert!(export.entries[1].protected);
    assert!(export.entries[3].hidden);
    assert_eq!(first.occurrence.origin, Origin::CiScope("*".to_owned()));
    assert_eq!(first.occurrence.place.position, Some(Position { line: 3, column: 39 }));
    for entry in &export.entries {
        let (Yield::Value(value), Some(at)) =
            (&entry.occurrence.yields, entry.occurrence.place.position)
        else {
            continue;
        };
        let line = text.split('\n').nth(at.line as usize - 1).unwrap();
        assert!(line.as_bytes()[at.column as usize - 1..].starts_with(value.expose()));
    }
}

#[test]
fn a_job_without_environment_sees_no_scoped_variable() {
    let text = r#"[{"key": "K", "value": "v", "environment_scope": "production"}]"#;
    let export = parse(None, text.as_bytes()).unwrap();
    let contents = select(&export, None);
    assert!(contents.winner("K").is_none());
    assert_eq!(contents.problems.len(), 1);
    assert!(select(&export, Some("production")).problems.is_empty());
}

#[test]
fn github_variables_have_values_and_times() {
    let key = key("C");
    let text = format!(
        r#"[{{"name":"OPENAI_API_KEY","updatedAt":"2026-03-01T09:30:00Z","value":"{key}","visibility":""}},
{{"name":"OPENAI_API_KEY","updatedAt":"2025-03-01T09:30:00Z","value":"older","visibility":"all"}}]"#
    );
    let export = parse(None, text.as_bytes()).unwrap();
    assert_eq!(export.platform, Platform::Github);
    assert_eq!(export.entries[0].updated_at, "2026-03-01T09:30:00Z".parse().ok());
    let contents = select(&export, Some("production"));
    assert_eq!(winner(&contents, "OPENAI_API_KEY"), value(key));
    let origins: Vec<_> = contents.occurrences.iter().map(|o| o.origin.clone()).collect();
    let scope = |name: &str| Origin::CiScope(name.to_owned());
    assert_eq!(origins, [scope("repository"), scope("organization")]);
}

#[rstest]
#[case::command(
    r#"[{"name":"K","numSelectedRepos":0,"updatedAt":"2026-03-01T09:30:00Z","visibility":""}]"#
)]
#[case::interface(r#"{"total_count":1,"secrets":[{"name":"K","created_at":"2025-01-01T00:00:00Z","updated_at":"2026-03-01T09:30:00Z"}]}"#)]
fn github_secrets_are_write_only_but_dated(#[case] text: &str) {
    let export = parse(None, text.as_bytes()).unwrap();
    let entry = &export.entries[0];
    assert_eq!(entry.updated_at, "2026-03-01T09:30:00Z".parse().ok());
    assert!(entry.hidden);
    let contents = select(&export, None);
    assert_eq!(winner(&contents, "K"), Yield::Opaque(OpaqueReason::WriteOnly));
}

#[rstest]
#[case::gitlab_cut_off(gitlab().split_at(700).0.to_owned(), 6)]
#[case::github_cut_off(r#"[{"name":"K","updatedAt":"2026-"#.to_owned(), 1)]
#[case::number(r#"[{"key":"K","value":5,"environment_scope":"*"}]"#.to_owned(), 1)]
#[case::no_name(r#"[{"name":"K","value":"v"},
{"name":"","value":"v"}]"#.to_owned(), 2)]
#[case::mixed(r#"[{"name":"K","value":"v"},
{"key":"K","value":"v"}]"#.to_owned(), 2)]
#[case::other_shape("\n[{\"id\": 1}]".to_owned(), 2)]
#[case::texts("[\"a\"]".to_owned(), 1)]
#[case::object("{\"a\": 1}".to_owned(), 1)]
fn damaged_lists_are_refused_at_their_place(#[case] text: String, #[case] line: u32) {
    let refusal = parse(None, text.as_bytes()).unwrap_err();
    assert_eq!(refusal.position.unwrap().line, line, "{refusal:?}");
}

#[rstest]
#[case::nothing("", None)]
#[case::prose("no variables found\n", None)]
#[case::empty_list("[]", None)]
fn files_without_a_list_are_refused(#[case] text: &str, #[case] position: Option<Position>) {
    assert_eq!(parse(None, text.as_bytes()).unwrap_err().position, position);
}

#[test]
fn an_unknown_shape_is_told_what_is_known() {
    let reason = parse(None, b"[{\"id\": 1}]").unwrap_err().reason;
    assert!(reason.contains("GitLab") && reason.contains("GitHub"));
    assert!(parse(Some(Platform::Github), b"[]").unwrap().entries.is_empty());
    assert_eq!(Platform::detect(gitlab().as_bytes()), Some(Platform::Gitlab));
    assert_eq!(Platform::from_name("github"), Some(Platform::Github));
}

#[test]
fn references_cannot_grow_without_end() {
    let mut text = String::from("[{\"key\":\"A0\",\"value\":\"xxxxxxxxxx\"}");
    for level in 1..60 {
        let before = level - 1;
        text.push_str(&format!(",{{\"key\":\"A{level}\",\"value\":\"$A{before}$A{before}\"}}"));
    }
    text.push(']');
    let contents = select(&parse(None, text.as_bytes()).unwrap(), None);
    assert_eq!(winner(&contents, "A59"), Yield::Opaque(OpaqueReason::Reference));
    assert_eq!(winner(&contents, "A1"), value("x".repeat(20)));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
        let _ = parse(None, &bytes);
    }

    #[test]
    fn damage_anywhere_never_panics(at in 0_usize..2_000, byte: u8) {
        let mut bytes = gitlab().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
        match parse(Some(Platform::Gitlab), &bytes) {
            Ok(export) => for entry in &select(&export, Some("production")).occurrences {
                prop_assert!(entry.place.position.unwrap().line as usize <= lines);
            },
            Err(refusal) => if let Some(position) = refusal.position {
                prop_assert!(position.line as usize <= lines);
            },
        }
    }
}
