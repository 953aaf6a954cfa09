//! YAML as data: every node keeps its raw text, style, tag and place.
//!
//! Consumers of YAML disagree about what a plain scalar means (`012` is 10 for one and 12 for the
//! next), so nothing is retyped here; [`scalar`] holds one consumer's rules. Aliases are followed
//! and merge keys (`<<`) are applied, duplicate keys are kept and listed. Everything is within a
//! budget (SECURITY R3): a file that would expand beyond it is refused with the place.

use std::sync::Arc;

use crate::{
    domain::{place::Position, secret::SecretValue},
    formats::Refusal,
};

mod composer;
pub mod lines;
pub mod scalar;

/// Most nodes of one file, each expansion of an alias or a merge key counted again. A long text
/// counts as one more node per KiB.
pub const MOST_NODES: usize = 100_000;

/// Most collections inside each other, aliases followed.
pub const MOST_DEPTH: usize = 100;

/// One document of a file.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its content; a null scalar when it is empty.
    pub root: Node,
    /// Keys that stand twice in one mapping, in file order.
    pub duplicates: Vec<Duplicate>,
}

/// A key that stands twice in one mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duplicate {
    /// Where it stands first.
    pub first: Span,
    /// Where it stands again.
    pub second: Span,
}

/// The bytes of a node in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte, quotes and block indicators included.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
    /// Place of the first byte.
    pub position: Position,
}

/// One node. Cloning is cheap: text and children are shared.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it holds.
    pub value: Value,
    /// Its explicit tag, written out (`!reset`, `tag:yaml.org,2002:str`).
    pub tag: Option<Arc<str>>,
    /// Where it stands; for a node that an alias brought here, where the anchor stands.
    pub span: Span,
    /// Where the first byte of its value stands: behind the opening quote, on the first line of a
    /// block.
    pub position: Position,
    /// Where the alias stands that brought it here.
    pub alias: Option<Span>,
    size: usize,
    height: usize,
}

/// What a node holds.
#[derive(Debug, Clone)]
pub enum Value {
    /// Text.
    Scalar(Scalar),
    /// A list.
    Sequence(Arc<Vec<Node>>),
    /// Keys and values.
    Mapping(Arc<Vec<Pair>>),
}

/// A text and how it was written.
#[derive(Debug, Clone)]
pub struct Scalar {
    /// The text after unfolding and unescaping, before any typing. It may be a key.
    pub text: Arc<SecretValue>,
    /// How it was written.
    pub style: Style,
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes; the consumer gives it a type.
    Plain,
    /// In single or double quotes.
    Quoted,
    /// As a block, `|` or `>`.
    Block,
}

/// One key and its value.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The key.
    pub key: Node,
    /// Its value.
    pub value: Node,
    /// A merge key brought it here.
    pub merged: bool,
}

impl Node {
    /// The text of a scalar.
    pub fn text(&self) -> Option<&SecretValue> {
        match &self.value {
            Value::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }

    /// The text of a scalar as a name: a path, a service, a variable. Never for values.
    pub fn name(&self) -> Option<&str> {
        self.text().and_then(|text| std::str::from_utf8(text.expose()).ok())
    }

    /// The items of a sequence.
    pub fn items(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The pairs of a mapping: its own in file order, then the merged ones.
    pub fn pairs(&self) -> Option<&[Pair]> {
        match &self.value {
            Value::Mapping(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// The pair of a key. Of duplicate keys the last; an own key before a merged one.
    pub fn pair(&self, key: &str) -> Option<&Pair> {
        let named = |pair: &&Pair| pair.key.name() == Some(key);
        let pairs = self.pairs()?;
        let own = pairs.iter().rev().filter(|pair| !pair.merged).find(named);
        own.or_else(|| pairs.iter().find(named))
    }

    /// The value of a key, as [`Node::pair`] finds it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.pair(key).map(|pair| &pair.value)
    }

    /// A scalar without text and quotes, or one of the words for nothing.
    pub fn is_null(&self) -> bool {
        matches!(scalar::type_of(self), Some(scalar::Typed::Null))
    }
}

/// All documents of a file.
///
/// # Errors
/// Bytes that are not UTF-8, text that is not YAML, an alias without its anchor or inside it, two
/// merge keys in one mapping, a merge of something else than mappings, and anything beyond
/// [`MOST_NODES`] or [`MOST_DEPTH`].
pub fn parse(bytes: &[u8]) -> Result<Vec<Document>, Refusal> {
    composer::compose(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn one(text: &str) -> Node {
        let mut documents = parse(text.as_bytes()).unwrap();
        assert_eq!(documents.len(), 1);
        documents.remove(0).root
    }

    fn refusal(text: &str) -> Refusal {
        parse(text.as_bytes()).unwrap_err()
    }

    fn at(line: u32, column: u32) -> Position {
        Position { line, column }
    }

    #[rstest]
    #[case::plain("k: value\n", at(1, 4))]
    #[case::quoted("k: \"value\"\n", at(1, 5))]
    #[case::single("k:   'value'\n", at(1, 7))]
    #[case::literal("k: |-\n  value\n", at(2, 3))]
    #[case::folded("k: >-\n   value\n", at(2, 4))]
    #[case::crlf("a: b\r\nk: value\r\n", at(2, 4))]
    #[case::byte_order_mark("\u{feff}k: value\n", at(1, 7))]
    #[case::after_wide_characters("schlüssel: ü\nk: 'value' # ü\n", at(2, 5))]
    #[case::wide_characters_on_the_line("{ü: 1, k: value}\n", at(1, 12))]
    #[case::flow("{k: value}\n", at(1, 5))]
    fn positions_are_of_the_first_byte_of_the_value(
        #[case] text: &str,
        #[case] expected: Position,
    ) {
        let root = one(text);
        let node = root.get("k").unwrap();
        assert_eq!(node.position, expected);
        let value = node.name().unwrap();
        assert!(value.starts_with("value"));
        let column = expected.column as usize - 1;
        let line = text.split('\n').nth(expected.line as usize - 1).unwrap();
        assert!(line.as_bytes()[column..].starts_with(b"value"));
    }

    #[test]
    fn style_and_raw_text_survive() {
        let root = one("a: 012\nb: '012'\nc: |\n  012\nd: !!str 012\ne: !reset null\n");
        let scalar = |key: &str| match &root.get(key).unwrap().value {
            Value::Scalar(scalar) => scalar.clone(),
            _ => panic!("a scalar"),
        };
        assert_eq!(scalar("a").style, Style::Plain);
        assert_eq!(scalar("b").style, Style::Quoted);
        assert_eq!(scalar("c").style, Style::Block);
        assert_eq!(scalar("c").text.expose(), b"012\n");
        assert_eq!(root.get("d").unwrap().tag.as_deref(), Some("tag:yaml.org,2002:str"));
        assert_eq!(root.get("e").unwrap().tag.as_deref(), Some("!reset"));
    }

    #[test]
    fn aliases_keep_both_places() {
        let root = one("a: &a value\nb: *a\n");
        let node = root.get("b").unwrap();
        assert_eq!(node.name(), Some("value"));
        assert_eq!(node.position.line, 1);
        assert_eq!(node.alias.unwrap().position, at(2, 4));
    }

    #[rstest]
    #[case::own_before("x: &e {K: anchor, L: anchor}\nm:\n  K: own\n  <<: *e\n")]
    #[case::own_after("x: &e {K: anchor, L: anchor}\nm:\n  <<: *e\n  K: own\n")]
    #[case::list("x: &e {K: own, L: anchor}\ny: &f {K: other}\nm:\n  <<: [*e, *f]\n")]
    fn merge_keys_give_what_is_missing(#[case] text: &str) {
        let root = one(text);
        let merged = root.get("m").unwrap();
        assert_eq!(merged.get("K").unwrap().name(), Some("own"));
        assert_eq!(merged.get("L").unwrap().name(), Some("anchor"));
        assert_eq!(merged.pairs().unwrap().len(), 2);
        assert!(merged.pair("L").unwrap().merged);
    }

    #[test]
    fn a_quoted_merge_key_is_a_key() {
        assert_eq!(one("m: {'<<': x}\n").get("m").unwrap().get("<<").unwrap().name(), Some("x"));
    }

    #[test]
    fn duplicate_keys_are_data() {
        let documents = parse(b"a: 1\nb: 2\na: 3\n").unwrap();
        assert_eq!(documents[0].duplicates.len(), 1);
        assert_eq!(documents[0].duplicates[0].second.position, at(3, 1));
        assert_eq!(documents[0].root.get("a").unwrap().name(), Some("3"));
    }

    #[test]
    fn documents_are_kept_apart() {
        let documents = parse(b"a: 1\n---\na: 2\n...\n---\n- x\n").unwrap();
        assert_eq!(documents.len(), 3);
        assert_eq!(documents[1].root.get("a").unwrap().name(), Some("2"));
        assert_eq!(documents[2].root.items().unwrap().len(), 1);
        assert!(parse(b"").unwrap().is_empty());
    }

    #[rstest]
    #[case::two_merge_keys("m:\n  <<: {a: 1}\n  <<: {b: 1}\n", at(3, 3))]
    #[case::merge_of_text("m:\n  <<: text\n", at(2, 7))]
    #[case::unknown_anchor("a: *b\n", at(1, 4))]
    #[case::inside_itself("a: &a [*a]\n", at(1, 8))]
    #[case::tab("a:\n\t- b\n", at(2, 1))]
    #[case::key_as_value("a: b: c\n", at(1, 5))]
    fn refusals_have_a_place(#[case] text: &str, #[case] expected: Position) {
        let refusal = refusal(text);
        assert_eq!(refusal.position.unwrap().line, expected.line, "{refusal:?}");
    }

    #[test]
    fn not_text_is_refused_where_it_begins() {
        let refusal = parse(b"a: b\nc: \xff\n").unwrap_err();
        assert_eq!(refusal.position, Some(at(2, 4)));
    }

    #[rstest]
    #[case::nul("a: b\0\n", 5)]
    #[case::escape("a: \u{1b}\n", 4)]
    #[case::delete("ü: \u{7f}\n", 5)]
    #[case::second_mark("\u{feff}a: \u{feff}b\n", 7)]
    fn control_characters_are_refused(#[case] text: &str, #[case] column: u32) {
        assert_eq!(refusal(text).position, Some(at(1, column)));
    }

    #[test]
    fn zero_width_characters_pass() {
        assert_eq!(one("k: a\u{200b}\n").get("k").unwrap().name(), Some("a\u{200b}"));
    }

    #[test]
    fn billion_laughs_fail_fast() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..40 {
            let before = level - 1;
            let items = vec![format!("*a{before}"); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
        }
        let refusal = refusal(&text);
        assert_eq!(refusal.reason, composer::TOO_MANY_NODES);
        assert!(refusal.position.unwrap().line < 8);
    }

    #[test]
    fn billion_laughs_through_merge_keys_fail_fast() {
        let mut text = String::from("a0: &a0 {x: [1, 2, 3, 4, 5, 6, 7, 8, 9]}\n");
        for level in 1..60 {
            let before = level - 1;
            text.push_str(&format!("a{level}: &a{level}\n  <<: *a{before}\n"));
            for copy in 0..4 {
                text.push_str(&format!("  k{copy}: *a{before}\n"));
            }
        }
        assert_eq!(refusal(&text).reason, composer::TOO_MANY_NODES);
    }

    #[test]
    fn long_texts_cannot_be_multiplied() {
        let aliases = "- *a\n".repeat(2_000);
        let text = format!("- &a {}\n{aliases}", "x".repeat(100_000));
        assert_eq!(refusal(&text).reason, composer::TOO_MANY_NODES);
    }

    #[rstest]
    #[case::sequences("[".repeat(20_000))]
    #[case::closed_sequences("[".repeat(20_000) + &"]".repeat(20_000))]
    #[case::mappings("{a: ".repeat(20_000))]
    #[case::block_mappings((0..2_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect())]
    #[case::block_sequences("- ".repeat(20_000))]
    #[case::questions("? ".repeat(20_000))]
    fn deep_nesting_is_refused(#[case] text: String) {
        assert!(refusal(&text).position.is_some());
    }

    #[test]
    fn depth_counts_through_aliases() {
        let nested = |open: usize| format!("{}x{}", "[".repeat(open), "]".repeat(open));
        assert!(parse(format!("a: {}\n", nested(90)).as_bytes()).is_ok());
        let text = format!("a: &a {}\nb: {}\n", nested(60), nested(60).replace('x', "*a"));
        assert_eq!(refusal(&text).reason, composer::TOO_DEEP);
    }

    #[test]
    fn debug_text_shows_no_value() {
        let document = parse(b"k: correct-horse-battery\n").unwrap().remove(0);
        assert!(!format!("{document:?}").contains("horse"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }

        #[test]
        fn places_lie_inside(text in "([a-c]: |- |\\[|\\]|\\{|\\}|, |\"|'|\\||>|&a |\\*a|<<: |!x |#|\r?\n| |ü|\u{feff}|x)*") {
            match parse(text.as_bytes()) {
                Ok(documents) => for document in documents {
                    check(&document.root, &text)?;
                },
                Err(refusal) => {
                    if let Some(position) = refusal.position {
                        inside(position, &text)?;
                    }
                }
            }
        }

        #[test]
        fn plain_words_are_found_where_they_stand(
            words in proptest::collection::vec("[a-zü]{1,6}", 1..8),
            line_end in "\r?\n",
        ) {
            let text: String =
                words.iter().map(|word| format!("- é: {word}{line_end}")).collect();
            let root = one(&text);
            for (item, word) in root.items().unwrap().iter().zip(&words) {
                let node = item.get("é").unwrap();
                prop_assert_eq!(&text.as_bytes()[node.span.start..][..word.len()], word.as_bytes());
                prop_assert_eq!(Position::of_offset(text.as_bytes(), node.span.start), node.position);
            }
        }
    }

    fn inside(position: Position, text: &str) -> Result<(), TestCaseError> {
        let lines: Vec<&str> = text.split('\n').collect();
        let line = position.line as usize - 1;
        prop_assert!(line < lines.len());
        prop_assert!(position.column as usize <= lines[line].len() + 1);
        Ok(())
    }

    fn check(node: &Node, text: &str) -> Result<(), TestCaseError> {
        inside(node.position, text)?;
        inside(node.span.position, text)?;
        prop_assert!(node.span.start <= node.span.end && node.span.end <= text.len());
        for item in node.items().unwrap_or_default() {
            check(item, text)?;
        }
        for pair in node.pairs().unwrap_or_default() {
            check(&pair.key, text)?;
            check(&pair.value, text)?;
        }
        Ok(())
    }
}
