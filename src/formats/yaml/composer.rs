//! Parser events to nodes, without recursion and within a budget.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};

use super::{
    Document, Duplicate, MOST_DEPTH, MOST_NODES, Node, Pair, Scalar, Span, Style, Value,
    lines::Lines,
};
use crate::{domain::secret::SecretValue, formats::Refusal};

pub(super) const TOO_MANY_NODES: &str =
    "this YAML has more than 100000 nodes when its aliases are followed";
pub(super) const TOO_DEEP: &str = "this YAML is nested more than 100 levels deep";
const NOT_UTF8: &str = "these bytes are not UTF-8 text, so this is no YAML";
const NOT_PRINTABLE: &str = "a control or invisible character that YAML does not allow: remove it, or write it as an escape";
const NOT_YAML: &str = "this is not valid YAML: check the indentation, quotes and colons here";
const TAB: &str = "a tab cannot indent YAML: use spaces";
const UNKNOWN_ANCHOR: &str = "this alias names an anchor that does not stand before it";
const OWN_ANCHOR: &str = "this alias stands inside its own anchor";
const TWO_MERGE_KEYS: &str = "a mapping can have one merge key (<<); list the anchors in it";
const MERGE_OF_OTHER: &str = "a merge key (<<) takes a mapping, or a list of mappings";

/// The prefix of the tags that YAML itself defines.
const CORE: &str = "tag:yaml.org,2002:";

pub(super) fn compose(bytes: &[u8]) -> Result<Vec<Document>, Refusal> {
    let lines = Lines::of(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| Refusal {
        position: Some(lines.position(error.valid_up_to())),
        reason: NOT_UTF8,
    })?;
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let before = text.len() - body.len();
    if let Some((offset, _)) = body.char_indices().find(|(_, character)| !is_allowed(*character)) {
        let position = Some(lines.position(before + offset));
        return Err(Refusal { position, reason: NOT_PRINTABLE });
    }
    let offsets = Offsets::of(body, before);
    let mut composer = Composer { bytes, lines, offsets, ..Composer::empty() };
    let mut parser = Parser::new_from_str(body);
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|error| composer.refuse_scan(&error))?;
        composer.take(event, span.start, span.end)?;
    }
    Ok(composer.documents)
}

/// What may stand in YAML, as libyaml and go-yaml have it: no byte order mark but the first.
const fn is_allowed(character: char) -> bool {
    matches!(character,
        '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}'
        | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

/// Characters to bytes. The parser counts characters; every 64th is remembered.
#[derive(Default)]
struct Offsets<'a> {
    body: &'a str,
    /// Bytes before the body (a byte order mark).
    before: usize,
    marks: Vec<usize>,
}

impl<'a> Offsets<'a> {
    const STEP: usize = 64;

    fn of(body: &'a str, before: usize) -> Self {
        let marks = if body.is_ascii() {
            Vec::new()
        } else {
            body.char_indices().step_by(Self::STEP).map(|(offset, _)| offset).collect()
        };
        Self { body, before, marks }
    }

    fn byte(&self, character: usize) -> usize {
        if self.marks.is_empty() {
            return self.before + character.min(self.body.len());
        }
        let mark = self.marks.get(character / Self::STEP).copied().unwrap_or(self.body.len());
        let rest = self.body.get(mark..).unwrap_or_default();
        let inside = rest.char_indices().nth(character % Self::STEP);
        self.before + mark + inside.map_or(rest.len(), |(offset, _)| offset)
    }
}

struct Composer<'a> {
    bytes: &'a [u8],
    lines: Lines,
    offsets: Offsets<'a>,
    documents: Vec<Document>,
    /// Collections that are open, outermost first.
    open: Vec<Open>,
    root: Option<Node>,
    duplicates: Vec<Duplicate>,
    /// Finished nodes by the parser's anchor number.
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

/// A collection that is not finished.
struct Open {
    anchor: usize,
    tag: Option<Arc<str>>,
    span: Span,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping { pairs: Vec<Pair>, key: Option<Node> },
}

impl Composer<'_> {
    fn empty() -> Self {
        Self {
            bytes: &[],
            lines: Lines::of(&[]),
            offsets: Offsets::default(),
            documents: Vec::new(),
            open: Vec::new(),
            root: None,
            duplicates: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
        }
    }

    fn take(&mut self, event: Event<'_>, start: Marker, end: Marker) -> Result<(), Refusal> {
        let span = self.span(start, end);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {}
            Event::DocumentEnd => {
                if let Some(root) = self.root.take() {
                    let duplicates = std::mem::take(&mut self.duplicates);
                    self.documents.push(Document { root, duplicates });
                }
            }
            Event::Alias(anchor) => {
                let mut node =
                    self.anchors.get(&anchor).cloned().ok_or_else(|| refuse(span, OWN_ANCHOR))?;
                node.alias = Some(span);
                self.count(node.size, span)?;
                self.place(node)?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                let size = 1 + text.len() / 1024;
                self.count(size, span)?;
                let style = style_of(style);
                let text = SecretValue::new(text.into_owned());
                let node = Node {
                    position: self.lines.position(self.value_offset(span, style)),
                    value: Value::Scalar(Scalar { text: Arc::new(text), style }),
                    tag: tag.map(|tag| written(&tag)),
                    span,
                    alias: None,
                    size,
                    height: 0,
                };
                self.finish(anchor, node)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(anchor, tag.map(|tag| written(&tag)), span, || {
                    Content::Sequence(Vec::new())
                })?;
            }
            Event::MappingStart(anchor, tag) => {
                self.begin(anchor, tag.map(|tag| written(&tag)), span, || Content::Mapping {
                    pairs: Vec::new(),
                    key: None,
                })?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span)?,
        }
        Ok(())
    }

    fn begin(
        &mut self,
        anchor: usize,
        tag: Option<Arc<str>>,
        span: Span,
        content: impl FnOnce() -> Content,
    ) -> Result<(), Refusal> {
        self.count(1, span)?;
        if self.open.len() >= MOST_DEPTH {
            return Err(refuse(span, TOO_DEEP));
        }
        self.open.push(Open { anchor, tag, span, content: content() });
        Ok(())
    }

    fn end(&mut self, end: Span) -> Result<(), Refusal> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let value = match open.content {
            Content::Sequence(items) => Value::Sequence(Arc::new(items)),
            Content::Mapping { pairs, .. } => Value::Mapping(Arc::new(self.merge(pairs)?)),
        };
        let children = || {
            let items = match &value {
                Value::Sequence(items) => items.as_slice(),
                _ => &[],
            };
            let pairs = match &value {
                Value::Mapping(pairs) => pairs.as_slice(),
                _ => &[],
            };
            items.iter().chain(pairs.iter().flat_map(|pair| [&pair.key, &pair.value]))
        };
        let size = children().fold(1, |size: usize, node| size.saturating_add(node.size));
        let height = children().map(|node| node.height).max().unwrap_or(0) + 1;
        let span = Span { end: end.end.max(open.span.end), ..open.span };
        let node =
            Node { value, tag: open.tag, position: span.position, span, alias: None, size, height };
        self.finish(open.anchor, node)
    }

    /// A node is complete: later aliases may name it, and its parent takes it.
    fn finish(&mut self, anchor: usize, node: Node) -> Result<(), Refusal> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        self.place(node)
    }

    fn place(&mut self, node: Node) -> Result<(), Refusal> {
        if self.open.len() + node.height > MOST_DEPTH {
            return Err(refuse(node.alias.unwrap_or(node.span), TOO_DEEP));
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::Sequence(items)) => items.push(node),
            Some(Content::Mapping { pairs, key }) => match key.take() {
                None => *key = Some(node),
                Some(key) => pairs.push(Pair { key, value: node, merged: false }),
            },
        }
        Ok(())
    }

    /// Own keys first, then what the merge key adds: an own key wins wherever it stands, and of a
    /// list of mappings the first that has the key.
    fn merge(&mut self, pairs: Vec<Pair>) -> Result<Vec<Pair>, Refusal> {
        let mut own = Vec::with_capacity(pairs.len());
        let mut seen: HashMap<Arc<SecretValue>, Span> = HashMap::new();
        let mut merge: Option<Node> = None;
        for pair in pairs {
            if is_merge_key(&pair.key) {
                if merge.replace(pair.value).is_some() {
                    return Err(refuse(pair.key.span, TWO_MERGE_KEYS));
                }
                continue;
            }
            if let Value::Scalar(scalar) = &pair.key.value {
                match seen.entry(Arc::clone(&scalar.text)) {
                    Entry::Vacant(vacant) => {
                        vacant.insert(pair.key.span);
                    }
                    Entry::Occupied(first) => self
                        .duplicates
                        .push(Duplicate { first: *first.get(), second: pair.key.span }),
                }
            }
            own.push(pair);
        }
        let Some(merge) = merge else { return Ok(own) };
        let sources = match &merge.value {
            Value::Sequence(items) => items.as_slice(),
            _ => std::slice::from_ref(&merge),
        };
        for source in sources {
            let at = source.alias.unwrap_or(source.span);
            let pairs = source.pairs().ok_or_else(|| refuse(at, MERGE_OF_OTHER))?;
            for pair in pairs {
                let Value::Scalar(scalar) = &pair.key.value else { continue };
                if let Entry::Vacant(vacant) = seen.entry(Arc::clone(&scalar.text)) {
                    vacant.insert(pair.key.span);
                    self.count(pair.key.size.saturating_add(pair.value.size), at)?;
                    own.push(Pair { merged: true, ..pair.clone() });
                }
            }
        }
        Ok(own)
    }

    fn count(&mut self, nodes: usize, at: Span) -> Result<(), Refusal> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MOST_NODES { Err(refuse(at, TOO_MANY_NODES)) } else { Ok(()) }
    }

    fn span(&self, start: Marker, end: Marker) -> Span {
        let start = self.offsets.byte(start.index());
        let end = self.offsets.byte(end.index()).max(start);
        Span { start, end, position: self.lines.position(start) }
    }

    fn value_offset(&self, span: Span, style: Style) -> usize {
        let written = self.bytes.get(span.start..).unwrap_or_default();
        match style {
            Style::Plain => span.start,
            Style::Quoted => {
                span.start + usize::from(matches!(written.first(), Some(b'"' | b'\'')))
            }
            Style::Block if matches!(written.first(), Some(b'|' | b'>')) => {
                let line = memchr::memchr(b'\n', written).unwrap_or(written.len());
                let rest = written.get(line..).unwrap_or_default();
                let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
                span.start + line + blank
            }
            Style::Block => {
                let blank = written.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
                span.start + blank
            }
        }
    }

    /// The parser's own text is dropped: it may quote the file (SECURITY P4).
    fn refuse_scan(&self, error: &ScanError) -> Refusal {
        let offset = self.offsets.byte(error.marker().index());
        let reason = if error.info().contains("unknown anchor") {
            UNKNOWN_ANCHOR
        } else if error.info().contains("recursion limit") {
            TOO_DEEP
        } else if self.bytes.get(offset) == Some(&b'\t') {
            TAB
        } else {
            NOT_YAML
        };
        Refusal { position: Some(self.lines.position(offset)), reason }
    }
}

const fn refuse(at: Span, reason: &'static str) -> Refusal {
    Refusal { position: Some(at.position), reason }
}

fn style_of(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
        ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
    }
}

fn written(tag: &Tag) -> Arc<str> {
    format!("{}{}", tag.handle, tag.suffix).into()
}

fn is_merge_key(key: &Node) -> bool {
    let Value::Scalar(scalar) = &key.value else { return false };
    let tagged = match key.tag.as_deref() {
        None => scalar.style == Style::Plain,
        Some(tag) => tag.strip_prefix(CORE) == Some("merge"),
    };
    tagged && scalar.text.expose() == b"<<"
}
