//! YAML as data.

use stalekey::formats::yaml::{MOST_DEPTH, MOST_NODES, Node, Span, parse, scalar};

use super::{
    holds::{Sheets, same},
    seeds,
};

struct Walk<'a> {
    file: &'a [u8],
    sheets: Sheets,
    nodes: usize,
}

pub fn run(bytes: &[u8]) {
    let mut walk = Walk { file: bytes, sheets: Sheets::one(bytes), nodes: 0 };
    let shown = |bytes| parse(bytes).map(|documents| format!("{documents:?}"));
    let _ = same(|| shown(bytes));
    match parse(bytes) {
        Ok(documents) => {
            for document in documents {
                for duplicate in &document.duplicates {
                    walk.span(duplicate.first);
                    walk.span(duplicate.second);
                }
                walk.node(&document.root, 0);
            }
        }
        Err(refusal) => walk.sheets.refusal("", &refusal),
    }
}

impl Walk<'_> {
    fn node(&mut self, node: &Node, depth: usize) {
        self.nodes += 1;
        assert!(self.nodes <= 2 * MOST_NODES, "more nodes than may be");
        assert!(depth <= MOST_DEPTH, "deeper than may be");
        self.span(node.span);
        node.alias.into_iter().for_each(|alias| self.span(alias));
        self.sheets.position("", node.position);
        assert_eq!(scalar::type_of(node).is_some(), node.text().is_some());
        for item in node.items().unwrap_or_default() {
            self.node(item, depth + 1);
        }
        for pair in node.pairs().unwrap_or_default() {
            self.node(&pair.key, depth + 1);
            self.node(&pair.value, depth + 1);
            if let Some(name) = pair.key.name() {
                assert!(node.pair(name).is_some());
            }
        }
    }

    fn span(&self, span: Span) {
        assert!(span.start <= span.end && span.end <= self.file.len(), "{span:?}");
        self.sheets.position("", span.position);
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let folders = ["src/formats/yaml.rs", "src/formats/yaml", "src/formats/compose"];
    folders.iter().flat_map(|folder| seeds::literals(folder)).collect()
}
