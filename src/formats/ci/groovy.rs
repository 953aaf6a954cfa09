//! As much of Groovy as a Jenkinsfile needs to be walked without running it: words, texts, signs
//! and the ends of lines.

use super::refuse;
use crate::formats::{Refusal, yaml::lines::Lines};

const OPEN_TEXT: &str = "a text begins here and does not end; Jenkins refuses the file";
const OPEN_COMMENT: &str = "a comment begins here and does not end; Jenkins refuses the file";

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) what: What<'a>,
    /// Offset of its first byte; of a text, behind the quotes.
    pub(super) start: usize,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What<'a> {
    Word(&'a str),
    Text(Text),
    Sign(u8),
    LineEnd,
}

/// A text between quotes.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Text {
    /// Unescaped.
    pub(super) value: String,
    /// It holds `$name` or `${…}`, which only a run replaces.
    pub(super) is_dynamic: bool,
}

/// It may be a key.
impl std::fmt::Debug for Text {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Text").field("is_dynamic", &self.is_dynamic).finish_non_exhaustive()
    }
}

/// The tokens of a text, and where it stops making sense.
pub(super) fn tokens<'a>(text: &'a str, lines: &Lines) -> (Vec<Token<'a>>, Option<Refusal>) {
    let mut scanner = Scanner { text, at: 0, tokens: Vec::new() };
    let failed = scanner.scan().err();
    let refusal = failed.map(|(at, reason)| refuse(lines.position(at), reason));
    (scanner.tokens, refusal)
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token<'a>>,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn scan(&mut self) -> Result<(), (usize, &'static str)> {
        while let Some(first) = self.rest().chars().next() {
            let (start, rest) = (self.at, self.rest());
            match first {
                '\n' | ';' => self.push(What::LineEnd, start, 1),
                '#' if start == 0 && rest.starts_with("#!") => self.skip_line(),
                '/' if rest.starts_with("//") => self.skip_line(),
                '/' if rest.starts_with("/*") => {
                    let end = rest.find("*/").ok_or((start, OPEN_COMMENT))?;
                    self.at += end + 2;
                }
                '\'' | '"' => self.quoted(first)?,
                '/' if self.begins_pattern() => self.pattern(),
                _ if first == '_' || first.is_alphabetic() => {
                    let length = rest.find(|end: char| end != '_' && !end.is_alphanumeric());
                    let length = length.unwrap_or(rest.len());
                    let word = rest.get(..length).unwrap_or_default();
                    self.push(What::Word(word), start, length);
                }
                _ if first.is_ascii() && !first.is_ascii_whitespace() => {
                    self.push(What::Sign(first as u8), start, 1);
                }
                _ => self.at += first.len_utf8(),
            }
        }
        Ok(())
    }

    fn push(&mut self, what: What<'a>, start: usize, length: usize) {
        self.tokens.push(Token { what, start });
        self.at += length;
    }

    fn skip_line(&mut self) {
        let rest = self.rest();
        self.at += rest.find('\n').unwrap_or(rest.len());
    }

    /// A slash opens a pattern where no division can stand.
    fn begins_pattern(&self) -> bool {
        matches!(
            self.tokens.last().map(|token| &token.what),
            Some(What::Sign(b'=' | b'(' | b',' | b'~' | b'[' | b':'))
        )
    }

    /// A pattern between slashes is skipped; one that does not end on its line is a division.
    fn pattern(&mut self) {
        let line = self.rest().split('\n').next().unwrap_or_default();
        let mut escaped = false;
        for (offset, character) in line.char_indices().skip(1) {
            match character {
                '/' if !escaped => {
                    let text = Text { value: String::new(), is_dynamic: true };
                    return self.push(What::Text(text), self.at + 1, offset + 1);
                }
                '\\' => escaped = !escaped,
                _ => escaped = false,
            }
        }
        self.push(What::Sign(b'/'), self.at, 1);
    }

    fn quoted(&mut self, quote: char) -> Result<(), (usize, &'static str)> {
        let begin = self.at;
        let triple = quote.to_string().repeat(3);
        let is_long = self.rest().starts_with(&triple);
        let width = if is_long { 3 } else { 1 };
        let start = begin + width;
        let mut text = Text { value: String::new(), is_dynamic: false };
        let body = self.text.get(start..).unwrap_or_default();
        let mut characters = body.char_indices();
        while let Some((offset, character)) = characters.next() {
            let here = body.get(offset..).unwrap_or_default();
            let after = here.get(character.len_utf8()..).and_then(|after| after.chars().next());
            match character {
                _ if is_long && here.starts_with(&triple) => {
                    self.push(What::Text(text), start, width + offset + 3);
                    return Ok(());
                }
                _ if !is_long && character == quote => {
                    self.push(What::Text(text), start, width + offset + 1);
                    return Ok(());
                }
                '\n' if !is_long => return Err((begin, OPEN_TEXT)),
                '\\' => {
                    let Some((_, escape)) = characters.next() else { break };
                    match escape {
                        'n' => text.value.push('\n'),
                        't' => text.value.push('\t'),
                        'r' => text.value.push('\r'),
                        'b' => text.value.push('\u{8}'),
                        'f' => text.value.push('\u{c}'),
                        '\n' => {}
                        'u' => {
                            let digits: String =
                                characters.by_ref().take(4).map(|(_, digit)| digit).collect();
                            let code = u32::from_str_radix(&digits, 16).ok();
                            text.value.extend(code.and_then(char::from_u32));
                        }
                        other => text.value.push(other),
                    }
                }
                '$' if quote == '"'
                    && after.is_some_and(|after| {
                        after == '{' || after == '_' || after.is_alphabetic()
                    }) =>
                {
                    text.is_dynamic = true;
                    text.value.push('$');
                }
                _ => text.value.push(character),
            }
        }
        Err((begin, OPEN_TEXT))
    }
}
