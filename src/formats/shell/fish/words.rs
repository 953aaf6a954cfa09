//! The words of fish: its quotes, escapes, variables, braces and command substitutions.

use super::parser::Refused;

/// Words nest no deeper than this.
const DEEPEST: usize = 60;

/// A word, as it is written.
#[derive(Debug, Clone, Default)]
pub(super) struct Word {
    /// Offset of its first byte; behind the opening quote, when it begins with one.
    pub(super) at: usize,
    pub(super) pieces: Vec<Piece>,
    /// A quote or a backslash stands in it: it is no keyword.
    pub(super) quoted: bool,
}

/// A part of a word.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    Literal(Vec<u8>),
    /// `~` where it means the home folder.
    Home,
    /// `*` or `?`, which the names of files decide.
    Wildcard(u8),
    Variable(Variable),
    /// `{a,b}`.
    Alternatives(Vec<Word>),
    /// Only running a command would tell.
    Dynamic,
}

/// `$NAME`, `$$NAME`, `$NAME[1..2]`.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    pub(super) name: String,
    /// How many times what it gives is a name again.
    pub(super) references: usize,
    /// The words in its brackets.
    pub(super) indices: Option<Vec<Word>>,
    /// Inside double quotes its elements are joined.
    pub(super) quoted: bool,
}

impl Word {
    /// Its bytes, when nothing in it needs expansion.
    pub(super) fn literal(&self) -> Option<Vec<u8>> {
        self.pieces.iter().try_fold(Vec::new(), |mut bytes, piece| match piece {
            Piece::Literal(literal) => {
                bytes.extend_from_slice(literal);
                Some(bytes)
            }
            _ => None,
        })
    }

    fn extend(&mut self, bytes: &[u8]) {
        match self.pieces.last_mut() {
            Some(Piece::Literal(literal)) => literal.extend_from_slice(bytes),
            _ => self.pieces.push(Piece::Literal(bytes.to_vec())),
        }
    }
}

/// White space between words; a carriage return counts.
pub(super) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

/// A letter, a digit or `_`.
pub(super) const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// How much deeper may be gone inside of what starts at `at`.
fn deeper(depth: usize, at: usize) -> Result<usize, Refused> {
    depth.checked_sub(1).ok_or(Refused { at, why: "nested deeper than is followed" })
}

/// Where a word is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Command,
    Braces,
    Brackets,
}

/// Cuts a text into words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'text> {
    pub(super) text: &'text [u8],
}

impl Words<'_> {
    /// The word that starts at `at`, and where it ends.
    pub(super) fn word(&self, at: usize) -> Result<(Word, usize), Refused> {
        self.read(at, Inside::Command, DEEPEST)
    }

    fn read(&self, start: usize, inside: Inside, depth: usize) -> Result<(Word, usize), Refused> {
        let depth = deeper(depth, start)?;
        let opening = usize::from(matches!(self.text.get(start), Some(b'"' | b'\'')));
        let mut word = Word { at: start + opening, ..Word::default() };
        let mut at = start;
        while let Some(byte) = self.text.get(at).copied() {
            match (byte, inside) {
                (
                    b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>',
                    Inside::Command,
                )
                | (b',' | b'}', Inside::Braces)
                | (b' ' | b'\t' | b'\n' | b']', Inside::Brackets) => break,
                (b'\\', _) => at = self.escape(at, &mut word)?,
                (b'\'', _) => at = self.single_quoted(at, &mut word)?,
                (b'"', _) => at = self.double_quoted(at, &mut word, depth)?,
                (b'$', _) if self.text.get(at + 1) == Some(&b'(') => {
                    at = self.substitution(at + 1, &mut word, depth)?;
                }
                (b'$', _) => at = self.variable(at, &mut word, false, depth)?,
                (b'(', _) => at = self.substitution(at, &mut word, depth)?,
                (b')', _) => {
                    return Err(Refused {
                        at,
                        why: "a parenthesis is closed that was never opened",
                    });
                }
                (b'{', _) => at = self.braces(at, &mut word, depth)?,
                (b'}', Inside::Command) => {
                    return Err(Refused { at, why: "a brace is closed that was never opened" });
                }
                (b'~', Inside::Command) if at == start => {
                    let ends = self.text.get(at + 1).is_none_or(|next| {
                        is_blank(*next) || matches!(next, b'/' | b'\n' | b';' | b'&' | b'|' | b')')
                    });
                    word.pieces.push(if ends { Piece::Home } else { Piece::Dynamic });
                    at += 1;
                }
                (b'%', Inside::Command) if at == start && self.text[at..].starts_with(b"%self") => {
                    word.pieces.push(Piece::Dynamic);
                    at += b"%self".len();
                }
                (b'*' | b'?', _) => {
                    word.pieces.push(Piece::Wildcard(byte));
                    at += 1;
                }
                _ => {
                    word.extend(&[byte]);
                    at += 1;
                }
            }
        }
        Ok((word, at))
    }

    /// The whole text as one string, with quotes and escapes undone and nothing expanded; `None`
    /// where they are broken.
    pub(super) fn unescaped(&self) -> Option<Vec<u8>> {
        let mut word = Word::default();
        let mut at = 0;
        while let Some(byte) = self.text.get(at).copied() {
            at = match byte {
                b'\\' => self.escape(at, &mut word).ok()?,
                b'\'' => self.single_quoted(at, &mut word).ok()?,
                b'"' => self.double_quoted_plainly(at, &mut word)?,
                _ => {
                    word.extend(&[byte]);
                    at + 1
                }
            };
        }
        word.literal()
    }

    fn double_quoted_plainly(&self, start: usize, word: &mut Word) -> Option<usize> {
        let mut at = start + 1;
        loop {
            match self.text.get(at..)? {
                [] => return None,
                [b'"', ..] => return Some(at + 1),
                [b'\\', escaped @ (b'\\' | b'"' | b'$'), ..] => {
                    word.extend(&[*escaped]);
                    at += 2;
                }
                [byte, ..] => {
                    word.extend(&[*byte]);
                    at += 1;
                }
            }
        }
    }

    fn single_quoted(&self, start: usize, word: &mut Word) -> Result<usize, Refused> {
        word.quoted = true;
        word.extend(b"");
        let mut at = start + 1;
        loop {
            match self.text.get(at..).unwrap_or_default() {
                [] => return Err(unclosed_quote(start)),
                [b'\'', ..] => return Ok(at + 1),
                [b'\\', escaped @ (b'\\' | b'\''), ..] => {
                    word.extend(&[*escaped]);
                    at += 2;
                }
                [byte, ..] => {
                    word.extend(&[*byte]);
                    at += 1;
                }
            }
        }
    }

    fn double_quoted(&self, start: usize, word: &mut Word, depth: usize) -> Result<usize, Refused> {
        word.quoted = true;
        word.extend(b"");
        let mut at = start + 1;
        loop {
            match self.text.get(at..).unwrap_or_default() {
                [] => return Err(unclosed_quote(start)),
                [b'"', ..] => return Ok(at + 1),
                [b'\\', b'\n', ..] => at += 2,
                [b'\\', escaped @ (b'\\' | b'"' | b'$'), ..] => {
                    word.extend(&[*escaped]);
                    at += 2;
                }
                [b'$', b'(', ..] => at = self.substitution(at + 1, word, depth)?,
                [b'$', ..] => at = self.variable(at, word, true, depth)?,
                [byte, ..] => {
                    word.extend(&[*byte]);
                    at += 1;
                }
            }
        }
    }

    /// A backslash outside quotes.
    fn escape(&self, at: usize, word: &mut Word) -> Result<usize, Refused> {
        word.quoted = true;
        let Some(escaped) = self.text.get(at + 1).copied() else {
            return Ok(at + 1);
        };
        let rest = &self.text[at + 2..];
        let incomplete = Refused { at, why: "an escape that is none" };
        let number = |radix, most| {
            let (code, length) = digits(rest, radix, most);
            if length == 0 { Err(incomplete) } else { Ok((code, length)) }
        };
        let byte = match escaped {
            b'\n' => return Ok(at + 2),
            b'a' => 7,
            b'b' => 8,
            b'e' => 27,
            b'f' => 12,
            b'n' => 10,
            b'r' => 13,
            b't' => 9,
            b'v' => 11,
            b'c' => {
                let control = *rest.first().ok_or(incomplete)?;
                word.extend(&[control.to_ascii_uppercase().wrapping_sub(b'@') & 0x1f]);
                return Ok(at + 3);
            }
            b'x' | b'X' => {
                let (code, length) = number(16, 2)?;
                word.extend(&[u8::try_from(code).map_err(|_| incomplete)?]);
                return Ok(at + 2 + length);
            }
            b'u' | b'U' => {
                let (code, length) = number(16, if escaped == b'u' { 4 } else { 8 })?;
                if let Some(character) = char::from_u32(code) {
                    word.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                return Ok(at + 2 + length);
            }
            b'0'..=b'7' => {
                let (code, length) = digits(&self.text[at + 1..], 8, 3);
                let byte = u8::try_from(code).ok().filter(u8::is_ascii).ok_or(incomplete)?;
                word.extend(&[byte]);
                return Ok(at + 1 + length);
            }
            other => other,
        };
        word.extend(&[byte]);
        Ok(at + 2)
    }

    /// `(command)`, whose parenthesis stands at `at`, and the brackets behind it.
    fn substitution(&self, at: usize, word: &mut Word, depth: usize) -> Result<usize, Refused> {
        word.pieces.push(Piece::Dynamic);
        let end = self.command_end(at, depth)?;
        if self.text.get(end) == Some(&b'[') { Ok(self.indices(end, depth)?.1) } else { Ok(end) }
    }

    /// Behind the parenthesis that closes the one at `at`.
    fn command_end(&self, start: usize, depth: usize) -> Result<usize, Refused> {
        let unclosed = Refused { at: start, why: "a parenthesis is never closed" };
        let depth = deeper(depth, start)?;
        let mut scratch = Word::default();
        let mut at = start + 1;
        let mut starts_word = true;
        loop {
            let started = starts_word;
            let byte = *self.text.get(at).ok_or(unclosed)?;
            starts_word = is_blank(byte) || matches!(byte, b'\n' | b';' | b'&' | b'|' | b'(');
            match byte {
                b')' => return Ok(at + 1),
                b'(' => at = self.command_end(at, depth)?,
                b'\'' => at = self.single_quoted(at, &mut scratch)?,
                b'"' => at = self.double_quoted(at, &mut scratch, depth)?,
                b'\\' => at += 2,
                b'#' if started => {
                    let rest = &self.text[at..];
                    at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                }
                _ => at += 1,
            }
        }
    }

    /// `$NAME`, whose dollar stands at `at`.
    fn variable(
        &self,
        start: usize,
        word: &mut Word,
        quoted: bool,
        depth: usize,
    ) -> Result<usize, Refused> {
        let dollars = self.text[start..].iter().take_while(|byte| **byte == b'$').count();
        let name_at = start + dollars;
        let length = self.text[name_at..].iter().take_while(|byte| is_name(**byte)).count();
        if length == 0 {
            return Err(Refused { at: start, why: "no name stands behind `$`" });
        }
        let name = String::from_utf8_lossy(&self.text[name_at..name_at + length]).into_owned();
        let mut end = name_at + length;
        let mut indices = None;
        if self.text.get(end) == Some(&b'[') {
            let (words, after) = self.indices(end, depth)?;
            (indices, end) = (Some(words), after);
        }
        word.pieces.push(Piece::Variable(Variable { name, references: dollars, indices, quoted }));
        Ok(end)
    }

    /// `[1 2..3]`, and where it ends.
    fn indices(&self, start: usize, depth: usize) -> Result<(Vec<Word>, usize), Refused> {
        let mut words = Vec::new();
        let mut at = start + 1;
        loop {
            match self.text.get(at) {
                None => return Err(Refused { at: start, why: "a bracket is never closed" }),
                Some(b']') => return Ok((words, at + 1)),
                Some(b' ' | b'\t' | b'\n') => at += 1,
                Some(_) => {
                    let (word, end) = self.read(at, Inside::Brackets, depth)?;
                    words.push(word);
                    at = end;
                }
            }
        }
    }

    /// `{a,b}`, whose brace stands at `at`. One without a comma is no list and stays.
    fn braces(&self, start: usize, word: &mut Word, depth: usize) -> Result<usize, Refused> {
        let mut alternatives = Vec::new();
        let mut at = start + 1;
        loop {
            while self.text.get(at).is_some_and(|byte| is_blank(*byte) || *byte == b'\n') {
                at += 1;
            }
            let (mut alternative, end) = self.read(at, Inside::Braces, depth)?;
            if let Some(Piece::Literal(last)) = alternative.pieces.last_mut()
                && matches!(self.text.get(end - 1), Some(b' ' | b'\n' | b'\t'))
            {
                last.truncate(last.trim_ascii_end().len());
            }
            alternatives.push(alternative);
            at = end + 1;
            match self.text.get(end) {
                Some(b',') => {}
                Some(_) => break,
                None => return Err(Refused { at: start, why: "a brace is never closed" }),
            }
        }
        match <[Word; 1]>::try_from(alternatives) {
            // `{$NAME}` sets a name off from what follows; `{a}` stays as it is.
            Ok([only]) => {
                let sets_off = matches!(only.pieces.as_slice(), [Piece::Variable(_)]);
                if !sets_off {
                    word.extend(b"{");
                }
                for piece in only.pieces {
                    match piece {
                        Piece::Literal(bytes) => word.extend(&bytes),
                        piece => word.pieces.push(piece),
                    }
                }
                if !sets_off {
                    word.extend(b"}");
                }
            }
            Err(alternatives) => word.pieces.push(Piece::Alternatives(alternatives)),
        }
        Ok(at)
    }
}

const fn unclosed_quote(at: usize) -> Refused {
    Refused { at, why: "a quote is never closed" }
}

/// The number at the start of `text`, of at most `most` digits, and how many there are.
fn digits(text: &[u8], radix: u32, most: usize) -> (u32, usize) {
    let digits = text.iter().take(most).map_while(|byte| char::from(*byte).to_digit(radix));
    digits.fold((0, 0), |(code, length), digit| {
        (code.wrapping_mul(radix).wrapping_add(digit), length + 1)
    })
}
