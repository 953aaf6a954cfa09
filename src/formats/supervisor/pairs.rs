//! `NAME="value",OTHER=value`, split as Python's `shlex` does, and as supervisor takes its words.

use super::{expansion::UNKNOWN, file::Text};

const OPEN: &str = "a quote that is not closed: supervisord does not load this";
const NO_PAIR: &str = "no `NAME=\"value\"` here: supervisord does not load this; a value with other \
    characters than letters, digits and `_/.+-():` stands in quotes";

/// One assignment and where its value begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) offset: usize,
}

#[derive(Default)]
struct Token {
    text: String,
    /// Of each character.
    offsets: Vec<usize>,
}

impl Token {
    fn push(&mut self, character: char, offset: usize) {
        self.text.push(character);
        self.offsets.push(offset);
    }

    /// Of a character, or of the last one.
    fn offset(&self, index: usize) -> usize {
        self.offsets.get(index).or(self.offsets.last()).copied().unwrap_or_default()
    }
}

/// Every fourth token is taken for a comma, whatever it is.
pub(super) fn of(text: &Text) -> Result<Vec<Pair>, (usize, &'static str)> {
    let tokens = tokens(text.characters())?;
    let mut pairs: Vec<Pair> = Vec::new();
    for four in tokens.chunks(4) {
        let [name, equals, value, ..] = four else {
            let offset = four.first().map_or(0, |token| token.offset(0));
            return Err((offset, NO_PAIR));
        };
        if equals.text != "=" {
            return Err((name.offset(0), NO_PAIR));
        }
        let quotes = ['\'', '"'];
        let opening = value.text.chars().take_while(|character| quotes.contains(character));
        pairs.push(Pair {
            name: name.text.clone(),
            value: value.text.trim_matches(quotes).to_owned(),
            offset: value.offset(opening.count()),
        });
    }
    Ok(pairs)
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

fn is_of_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_/.+-():".contains(character) || character == UNKNOWN
}

/// A `#` takes the rest of its line away, also in the middle of a word, which goes on behind it.
fn tokens(characters: &[(char, usize)]) -> Result<Vec<Token>, (usize, &'static str)> {
    let mut tokens = Vec::new();
    let mut at = 0;
    let skip_line = |from: usize| {
        let rest = characters.get(from..).unwrap_or_default();
        rest.iter()
            .position(|(character, _)| *character == '\n')
            .map_or(characters.len(), |end| from + end + 1)
    };
    while let Some((character, offset)) = characters.get(at).copied() {
        at += 1;
        if is_blank(character) {
            continue;
        }
        if character == '#' {
            at = skip_line(at);
            continue;
        }
        let mut token = Token::default();
        token.push(character, offset);
        if matches!(character, '\'' | '"') {
            let rest = characters.get(at..).unwrap_or_default();
            let end = rest.iter().position(|(other, _)| *other == character);
            let Some(end) = end else { return Err((offset, OPEN)) };
            for (next, offset) in rest.get(..=end).unwrap_or_default() {
                token.push(*next, *offset);
            }
            at += end + 1;
        } else if is_of_word(character) {
            while let Some((next, offset)) = characters.get(at).copied() {
                if next == '#' {
                    at = skip_line(at + 1);
                } else if is_of_word(next) || matches!(next, '\'' | '"') {
                    token.push(next, offset);
                    at += 1;
                } else {
                    break;
                }
            }
        }
        tokens.push(token);
    }
    Ok(tokens)
}
