use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn one(text: &str) -> Node {
    parse(text.as_bytes(), None).unwrap().1.remove(0)
}

#[rstest]
#[case::json(r#"{"a": {"b": "value"}}"#, Syntax::Json, (1, 14))]
#[case::yaml("a:\n  b: value\n", Syntax::Yaml, (2, 6))]
#[case::yaml_quoted("a:\n  b: 'value'\n", Syntax::Yaml, (2, 7))]
#[case::toml("[a]\nb = \"value\"\n", Syntax::Toml, (2, 6))]
#[case::toml_long("[a]\nb = '''\nvalue'''\n", Syntax::Toml, (3, 1))]
#[case::toml_dotted("a.b = 'value'\n", Syntax::Toml, (1, 8))]
#[case::json_after_a_line("Exporting now\n{\"a\":{\"b\":\"value\"}}", Syntax::Json, (2, 12))]
#[case::json_with_mark("\u{feff}{\"a\":{\"b\":\"value\"}}", Syntax::Json, (1, 15))]
fn a_text_is_found_where_it_stands(
    #[case] text: &str,
    #[case] syntax: Syntax,
    #[case] (line, column): (u32, u32),
) {
    let (found, documents) = parse(text.as_bytes(), None).unwrap();
    assert_eq!(found, syntax);
    let node = documents[0].at("a/b").unwrap();
    assert_eq!(node.as_name(), Some("value"));
    assert_eq!(node.position, Position { line, column });
    assert_eq!(documents[0].point("/a/b"), Some(node));
}

#[rstest]
#[case("", true)]
#[case("/a~1b", true)]
#[case("/m~0n/0", true)]
#[case("a", false)]
#[case("/a~2", false)]
#[case("/a~", false)]
fn pointers_have_one_spelling(#[case] pointer: &str, #[case] expected: bool) {
    assert_eq!(pointer::is_pointer(pointer), expected);
}

#[test]
fn pointers_follow_the_standard() {
    let root = one(r#"{"a/b": [1, "x"], "m~n": 8, "": "empty"}"#);
    assert_eq!(root.point("/a~1b/1").unwrap().as_name(), Some("x"));
    assert_eq!(root.point("/m~0n").unwrap().as_name(), Some("8"));
    assert_eq!(root.point("/").unwrap().as_name(), Some("empty"));
    assert!(root.point("/a~1b/01").is_none());
    assert!(root.point("/a~1b/-").is_none());
    assert!(root.point("a").is_none());
    assert_eq!(root.point("").unwrap(), &root);
    assert_eq!(pointer::last_name("/x/a~1b"), "a/b");
}

#[test]
fn the_last_of_two_names_counts() {
    let root = one(r#"{"a": "first", "a": "second"}"#);
    assert_eq!(root.get("a").unwrap().as_name(), Some("second"));
    assert_eq!(root.entries().len(), 2);
}

#[test]
fn places_inside_a_text_are_places_in_the_file() {
    let text = r#"{"s": "{\n  \"K\": \"v\u00e4lue\",\"L\":\"\ud83d\ude00x\", \"M\":\"last\"}"}"#;
    let root = one(text);
    let inner = inside(text.as_bytes(), root.get("s").unwrap()).unwrap();
    let from = |name: &str| {
        let column = inner.get(name).unwrap().position.column as usize;
        text.get(column - 1..).unwrap()
    };
    assert!(from("K").starts_with(r"v\u00e4lue"));
    assert!(from("L").starts_with(r"\ud83d"));
    assert!(from("M").starts_with("last"));
    let yaml = "s: '{\"K\":\"value\"}'\n";
    let root = one(yaml);
    let inner = inside(yaml.as_bytes(), root.get("s").unwrap()).unwrap();
    let column = inner.get("K").unwrap().position.column as usize;
    assert!(yaml.get(column - 1..).unwrap().starts_with("value"));
    assert!(inside(b"s: text", one("s: text").get("s").unwrap()).is_none());
}

#[rstest]
#[case::nothing("", None)]
#[case::blank("\n \n", None)]
#[case::json_cut_off("{\"a\": \n\"b", Some(2))]
#[case::deep_json(&"[".repeat(5_000), Some(1))]
#[case::yaml("a: b\nc: d: e\n", Some(2))]
fn broken_files_are_refused_at_their_place(#[case] text: &str, #[case] line: Option<u32>) {
    let refusal = parse(text.as_bytes(), None).unwrap_err();
    assert_eq!(refusal.position.map(|at| at.line), line, "{refusal:?}");
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let json = |text: String| parse(text.as_bytes(), Some(Syntax::Json));
    assert!(json(nested(MOST_DEPTH)).is_ok());
    assert_eq!(json(nested(MOST_DEPTH + 2)).unwrap_err().reason, TOO_DEEP);
    let many = format!("[{}1]", "1,".repeat(MOST_NODES));
    assert_eq!(json(many).unwrap_err().reason, TOO_MANY_NODES);
    let refusal = parse(b"a = 1\nb = c\n", Some(Syntax::Toml)).unwrap_err();
    assert_eq!(refusal.position.unwrap().line, 2);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
        for syntax in [None, Some(Syntax::Json), Some(Syntax::Yaml), Some(Syntax::Toml)] {
            let _ = parse(&bytes, syntax);
        }
    }

    #[test]
    fn json_texts_are_found_where_they_stand(
        texts in proptest::collection::vec("[a-zü\"\\\\\n/ ]{0,8}", 1..8),
    ) {
        let json = serde_json::to_string(&texts).unwrap();
        let outer = serde_json::to_string(&serde_json::json!({ "s": format!("{{\"t\":{json}}}") }));
        let outer = outer.unwrap();
        let root = one(&outer);
        let inner = inside(outer.as_bytes(), root.get("s").unwrap()).unwrap();
        for (item, text) in inner.list("t").iter().zip(&texts) {
            prop_assert_eq!(item.as_name().unwrap_or_default(), text);
            let twice = serde_json::to_string(text).unwrap();
            let twice = serde_json::to_string(twice.trim_matches('"')).unwrap();
            let twice = twice.trim_matches('"');
            if !text.contains('"') {
                let at = item.position.column as usize - 1;
                prop_assert!(outer.get(at..).unwrap().starts_with(twice));
            }
        }
    }
}
