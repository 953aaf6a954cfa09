//! `%(name)s` in values, as Python's `%` with a dictionary replaces it.

use super::file::Text;

const BAD: &str = "a `%` that is no `%(name)s`: supervisord does not load this; write `%%`";
const UNDEFINED: &str = "a name in `%(…)s` that is not defined: supervisord does not load this";

/// Stands where something belongs that is not known. It is no character of any text.
pub(super) const UNKNOWN: char = '\u{10ffff}';

/// What a name stands for.
pub(super) enum Value {
    Known(String),
    Number(u32),
    Unknown,
    Undefined,
}

/// The names between `%(` and `)`.
pub(super) fn names(text: &Text) -> impl Iterator<Item = String> {
    let mut names = Vec::new();
    let mut at = 0;
    while let Some(piece) = piece(text.characters(), &mut at) {
        if let Ok(Piece::Name { name, .. }) = piece {
            names.push(name);
        }
    }
    names.into_iter()
}

/// The text with its names replaced; where that is not possible, the offset and the reason.
pub(super) fn expand(
    text: &Text,
    look_up: &dyn Fn(&str) -> Value,
) -> Result<Text, (usize, &'static str)> {
    let mut characters = Vec::new();
    let mut at = 0;
    while let Some(piece) = piece(text.characters(), &mut at) {
        match piece? {
            Piece::Plain(character, offset) => characters.push((character, offset)),
            Piece::Name { name, width, zeros, conversion, offset } => {
                let value = match (look_up(&name), conversion) {
                    (Value::Known(value), 's') => value,
                    (Value::Number(number), 's' | 'd' | 'i' | 'u') => {
                        if zeros && conversion != 's' {
                            format!("{number:0width$}")
                        } else {
                            number.to_string()
                        }
                    }
                    (Value::Unknown, _) => UNKNOWN.to_string(),
                    (Value::Undefined, _) => return Err((offset, UNDEFINED)),
                    (Value::Known(_) | Value::Number(_), _) => return Err((offset, BAD)),
                };
                let missing = width.saturating_sub(value.chars().count());
                characters.extend(std::iter::repeat_n((' ', offset), missing));
                characters.extend(value.chars().map(|character| (character, offset)));
            }
        }
    }
    Ok(text.beside(characters))
}

enum Piece {
    Plain(char, usize),
    Name { name: String, width: usize, zeros: bool, conversion: char, offset: usize },
}

/// Wider than any number of a process.
const WIDEST: usize = 64;

/// The next character, or the next name.
fn piece(
    characters: &[(char, usize)],
    at: &mut usize,
) -> Option<Result<Piece, (usize, &'static str)>> {
    let (character, offset) = *characters.get(*at)?;
    *at += 1;
    if character != '%' {
        return Some(Ok(Piece::Plain(character, offset)));
    }
    let rest = characters.get(*at..).unwrap_or_default();
    let next = |index: usize| rest.get(index).map(|(character, _)| *character);
    let bad = Some(Err((offset, BAD)));
    match next(0) {
        Some('%') => {
            *at += 1;
            return Some(Ok(Piece::Plain('%', offset)));
        }
        Some('(') => {}
        _ => {
            *at = characters.len();
            return bad;
        }
    }
    let mut depth = 0_usize;
    let end = rest.iter().position(|(character, _)| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    let Some(end) = end else {
        *at = characters.len();
        return bad;
    };
    let name = rest.get(1..end).unwrap_or_default().iter().map(|(character, _)| *character);
    let name = name.collect();
    let mut index = end + 1;
    let zeros = next(index) == Some('0');
    let mut width = 0_usize;
    while let Some(digit) = next(index).and_then(|digit| digit.to_digit(10)) {
        width = (width * 10 + digit as usize).min(WIDEST);
        index += 1;
    }
    let Some(conversion) = next(index) else {
        *at = characters.len();
        return bad;
    };
    *at += index + 1;
    Some(Ok(Piece::Name { name, width, zeros, conversion, offset }))
}
