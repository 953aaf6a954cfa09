//! A Jenkinsfile: what it gives the pipeline, and a row for each stage that is given more.
//!
//! `environment { NAME = 'text' }` of a stage wins over that of the pipeline, and `withEnv` and
//! `withCredentials` win over both. What only a run would tell is dynamic.

use std::collections::BTreeSet;

use super::{
    Row,
    draft::{Draft, Entry, within_budget},
    expand::Unknown,
    groovy::{Token, What, tokens},
    refuse,
};
use crate::{
    domain::{
        reading::{OpaqueReason, Yield},
        secret::SecretValue,
    },
    formats::{Refusal, yaml::lines::Lines},
};

const OPEN_BLOCK: &str = "a `{` stands here without its `}`; Jenkins refuses the file";

pub(super) fn fits(text: &str) -> bool {
    if text.trim_start().starts_with(['{', '[', '<']) {
        return false;
    }
    let lines = Lines::of(text.as_bytes());
    let begins = |line: &str| {
        ["pipeline", "node"].iter().any(|word| {
            line.strip_prefix(word).is_some_and(|rest| rest.trim_start().starts_with(['{', '(']))
        })
    };
    if !text.lines().any(begins) {
        return false;
    }
    let (tokens, _) = tokens(text, &lines);
    tokens.iter().any(|token| {
        matches!(token.what, What::Word("pipeline" | "node"))
            && lines.position(token.start).column == 1
    })
}

pub(super) fn read(text: &str, lines: &Lines) -> Result<Vec<Row>, Refusal> {
    let (tokens, refusal) = tokens(text, lines);
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    let mut walker = Walker { tokens: &tokens, lines, at: 0, found: Vec::new() };
    walker.walk()?;
    let found = walker.found;
    let stages: BTreeSet<&[String]> = found.iter().map(|found| found.stages.as_slice()).collect();
    within_budget(stages.len() / 8 * found.len(), lines.position(0))?;
    let row = |stages: &[String]| {
        let name = (!stages.is_empty()).then(|| stages.join("/"));
        let seen = found.iter().filter(|found| stages.starts_with(&found.stages));
        let entries = seen.map(|found| found.entry.clone()).collect();
        Draft { name, entries, ..Draft::default() }.finish(Unknown::Empty)
    };
    if stages.is_empty() {
        return Ok(vec![row(&[])]);
    }
    Ok(stages.into_iter().map(row).collect())
}

/// An assignment and the stages around it.
struct Found {
    stages: Vec<String>,
    entry: Entry,
}

/// A block that is open.
struct Block {
    stage: Option<String>,
    start: usize,
}

struct Walker<'a> {
    tokens: &'a [Token<'a>],
    lines: &'a Lines,
    at: usize,
    found: Vec<Found>,
}

impl<'a> Walker<'a> {
    fn what(&self, ahead: usize) -> Option<&'a What<'a>> {
        self.tokens.get(self.at + ahead).map(|token| &token.what)
    }

    fn is_sign(&self, ahead: usize, sign: u8) -> bool {
        self.what(ahead) == Some(&What::Sign(sign))
    }

    fn walk(&mut self) -> Result<(), Refusal> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut stage = None;
        while let Some(token) = self.tokens.get(self.at) {
            match &token.what {
                What::Word("stage") if self.is_sign(1, b'(') => {
                    if let Some(What::Text(name)) = self.what(2) {
                        stage = Some(name.value.clone());
                    }
                }
                What::Word("environment") if self.is_sign(1, b'{') => {
                    let start = self.tokens.get(self.at + 1).map_or(0, |token| token.start);
                    self.at += 2;
                    self.environment(&blocks, start)?;
                    continue;
                }
                What::Word("withEnv") if self.is_sign(1, b'(') => self.with_env(&blocks),
                What::Word("withCredentials") if self.is_sign(1, b'(') => {
                    self.with_credentials(&blocks);
                }
                What::Sign(b'{') => {
                    blocks.push(Block { stage: stage.take(), start: token.start });
                }
                What::Sign(b'}') => {
                    blocks.pop();
                }
                _ => {}
            }
            self.at += 1;
        }
        match blocks.last() {
            Some(open) => Err(refuse(self.lines.position(open.start), OPEN_BLOCK)),
            None => Ok(()),
        }
    }

    /// `NAME = expression`, a line each, to the end of the block.
    fn environment(&mut self, blocks: &[Block], start: usize) -> Result<(), Refusal> {
        loop {
            match self.what(0) {
                None => return Err(refuse(self.lines.position(start), OPEN_BLOCK)),
                Some(What::Sign(b'}')) => {
                    self.at += 1;
                    return Ok(());
                }
                Some(What::Word(name)) if self.is_sign(1, b'=') => {
                    self.at += 2;
                    let expression = self.expression();
                    self.assign(name, expression, blocks);
                }
                Some(_) => self.at += 1,
            }
        }
    }

    /// The tokens to the end of the line, or of the block.
    fn expression(&mut self) -> &'a [Token<'a>] {
        let tokens = self.tokens.get(self.at..).unwrap_or_default();
        let mut depth = 0_usize;
        let mut length = 0;
        for token in tokens {
            match token.what {
                What::Sign(b'(' | b'[' | b'{') => depth += 1,
                What::Sign(b'}') | What::LineEnd if depth == 0 => break,
                What::Sign(b')' | b']' | b'}') => depth = depth.saturating_sub(1),
                _ => {}
            }
            length += 1;
        }
        self.at += length;
        tokens.get(..length).unwrap_or_default()
    }

    fn assign(&mut self, name: &str, expression: &[Token<'a>], blocks: &[Block]) {
        let Some(first) = expression.first() else { return };
        let whats: Vec<&What<'_>> = expression.iter().map(|token| &token.what).collect();
        match whats.as_slice() {
            [What::Text(text)] if !text.is_dynamic => {
                let yields = Yield::Value(SecretValue::new(text.value.as_str()));
                self.add(name, first.start, yields, None, blocks, false);
            }
            [What::Word("credentials"), What::Sign(b'('), What::Text(id), What::Sign(b')')] => {
                let id = (!id.is_dynamic).then(|| format!("the credential {}", id.value));
                let start = expression.get(2).map_or(first.start, |token| token.start);
                let yields = Yield::Opaque(OpaqueReason::Reference);
                self.add(name, start, yields, id, blocks, false);
            }
            _ => {
                let yields = Yield::Opaque(OpaqueReason::Dynamic);
                self.add(name, first.start, yields, None, blocks, false);
            }
        }
    }

    /// The tokens between the parentheses of the call at hand; the walk goes on inside them.
    fn arguments(&self) -> &'a [Token<'a>] {
        let tokens = self.tokens.get(self.at + 2..).unwrap_or_default();
        let mut depth = 1_usize;
        let end = tokens.iter().position(|token| {
            match token.what {
                What::Sign(b'(') => depth += 1,
                What::Sign(b')') => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        tokens.get(..end.unwrap_or(tokens.len())).unwrap_or_default()
    }

    /// `withEnv(['NAME=text', …])`.
    fn with_env(&mut self, blocks: &[Block]) {
        for token in self.arguments() {
            let What::Text(text) = &token.what else { continue };
            let Some((name, value)) = text.value.split_once('=') else { continue };
            if name.is_empty() || name.contains('$') {
                continue;
            }
            let yields = if text.is_dynamic {
                Yield::Opaque(OpaqueReason::Dynamic)
            } else {
                Yield::Value(SecretValue::new(value))
            };
            self.add(name, token.start + name.len() + 1, yields, None, blocks, true);
        }
    }

    /// `withCredentials([string(credentialsId: 'id', variable: 'NAME'), …])`.
    fn with_credentials(&mut self, blocks: &[Block]) {
        let arguments = self.arguments();
        for call in arguments.split(|token| token.what == What::Sign(b')')) {
            let named = |fits: fn(&str) -> bool| {
                call.windows(3).filter_map(move |window| match window {
                    [
                        Token { what: What::Word(word), .. },
                        Token { what: What::Sign(b':'), .. },
                        Token { what: What::Text(text), start },
                    ] if fits(word) => Some((text, *start)),
                    _ => None,
                })
            };
            let id = named(|word| word == "credentialsId").next();
            let id = id.map(|(id, _)| format!("the credential {}", id.value));
            for (variable, start) in named(|word| word.ends_with("ariable")) {
                let yields = Yield::Opaque(OpaqueReason::Reference);
                self.add(&variable.value, start, yields, id.clone(), blocks, true);
            }
        }
    }

    fn add(
        &mut self,
        name: &str,
        start: usize,
        yields: Yield<SecretValue>,
        refers_to: Option<String>,
        blocks: &[Block],
        is_inner: bool,
    ) {
        let stages: Vec<String> = blocks.iter().filter_map(|block| block.stage.clone()).collect();
        let scope = match stages.last() {
            Some(stage) => format!("stage {stage}"),
            None => "pipeline".to_owned(),
        };
        let level = stages.len() * 2 + usize::from(is_inner);
        let entry = Entry::new(name, self.lines.position(start), yields, level, &scope);
        let entry = match refers_to {
            Some(name) => entry.referring(name),
            None => entry,
        };
        self.found.push(Found { stages, entry });
    }
}
