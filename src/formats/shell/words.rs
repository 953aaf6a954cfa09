//! Words of the shell: quotes, escapes and expansions, with their places. Nothing is expanded yet,
//! because what a `$NAME` gives depends on the commands before it.

/// A word, as it is written.
#[derive(Debug, Clone, Default)]
pub(super) struct Word {
    /// Offset of its first byte; behind the opening quote, when it begins with one.
    pub(super) at: usize,
    /// What it is made of.
    pub(super) pieces: Vec<Piece>,
    /// A quote or a backslash stands in it.
    pub(super) quoted: bool,
}

/// A part of a word.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    /// These bytes.
    Literal(Vec<u8>),
    /// `~` where it means the home directory.
    Home,
    /// `$NAME` or `${NAME…}`.
    Parameter(Parameter),
    /// Only running a command would tell.
    Dynamic,
    /// `${` that is no expansion; the shell gives the file up when it comes to it.
    Bad,
}

/// A reference to a variable.
#[derive(Debug, Clone)]
pub(super) struct Parameter {
    /// Its name; a digit or a sign for the shell's own parameters.
    pub(super) name: String,
    /// What is done with its value.
    pub(super) operation: Option<Operation>,
}

/// `${NAME:-word}` and its kind.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    /// `-`, `=`, `+` or `?`.
    pub(super) sign: u8,
    /// With a colon, an empty value counts as none.
    pub(super) empty_is_none: bool,
    /// The word behind it.
    pub(super) word: Word,
}

/// A quote, brace or parenthesis that is never closed: to the shell, a syntax error.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unclosed {
    /// Where it opens.
    pub(super) at: usize,
}

/// Expansions nest no deeper than this; deeper ones count as unclosed.
const DEEPEST: usize = 40;

/// Where a word ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    /// At a blank or an operator.
    Operator,
    /// At the `}` of an expansion outside double quotes.
    Brace,
    /// At the `}` of an expansion inside double quotes, where `'` is no quote.
    QuotedBrace,
    /// At the closing double quote.
    Quote,
}

/// What the shells disagree on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grammar {
    /// `$'…'` decodes escapes.
    pub(super) dollar_quotes: bool,
    /// Parentheses belong to words (zsh's glob qualifiers).
    pub(super) word_parentheses: bool,
}

/// Cuts a text into words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'text> {
    /// The whole text.
    pub(super) text: &'text [u8],
    /// Of which shell.
    pub(super) grammar: Grammar,
}

impl Word {
    /// Its bytes, when nothing in it needs expansion.
    pub(super) fn literal(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => bytes.extend_from_slice(literal),
                _ => return None,
            }
        }
        Some(bytes)
    }

    fn append(&mut self, other: Self) {
        self.extend(b"");
        for piece in other.pieces {
            match piece {
                Piece::Literal(bytes) => self.extend(&bytes),
                piece => self.pieces.push(piece),
            }
        }
    }

    fn push(&mut self, byte: u8) {
        self.extend(&[byte]);
    }

    /// Shells drop the NUL bytes of the files they read.
    fn extend(&mut self, bytes: &[u8]) {
        let kept = bytes.iter().copied().filter(|byte| *byte != 0);
        match self.pieces.last_mut() {
            Some(Piece::Literal(literal)) => literal.extend(kept),
            _ => self.pieces.push(Piece::Literal(kept.collect())),
        }
    }
}

impl Words<'_> {
    /// The word that starts at `at`, and where it ends.
    pub(super) fn word(&self, at: usize) -> Result<(Word, usize), Unclosed> {
        self.read(at, Until::Operator, false, DEEPEST)
    }

    /// The value of an assignment, in which `~` may stand behind colons too.
    pub(super) fn value(&self, at: usize) -> Result<(Word, usize), Unclosed> {
        self.read(at, Until::Operator, true, DEEPEST)
    }

    fn read(
        &self,
        start: usize,
        until: Until,
        assigned: bool,
        depth: usize,
    ) -> Result<(Word, usize), Unclosed> {
        let opening = Unclosed { at: start };
        if depth == 0 {
            return Err(opening);
        }
        let mut word = Word { at: start + self.opening_quote(start, until), ..Word::default() };
        let mut at = start;
        let mut home = until == Until::Operator;
        loop {
            let Some(byte) = self.text.get(at).copied() else {
                return if until == Until::Operator { Ok((word, at)) } else { Err(opening) };
            };
            let may_be_home = std::mem::take(&mut home);
            match (byte, until) {
                (b'}', Until::Brace | Until::QuotedBrace) | (b'"', Until::Quote) => {
                    return Ok((word, at + 1));
                }
                (
                    b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b')',
                    Until::Operator,
                ) => {
                    return Ok((word, at));
                }
                (b'(', Until::Operator)
                    if self.grammar.word_parentheses
                        && at > start
                        && self.text.get(at + 1) != Some(&b')') =>
                {
                    word.pieces.push(Piece::Dynamic);
                    at = self.command_end_within(at + 1, depth)?;
                }
                (b'(', Until::Operator) => return Ok((word, at)),
                (b'\\', _) => at = self.backslash(at, until, &mut word),
                (b'\'', Until::Operator | Until::Brace) => {
                    let end = memchr::memchr(b'\'', &self.text[at + 1..]).ok_or(Unclosed { at })?;
                    word.quoted = true;
                    word.extend(&self.text[at + 1..at + 1 + end]);
                    at += end + 2;
                }
                (b'"', _) => {
                    let inner =
                        if until == Until::QuotedBrace { Until::QuotedBrace } else { Until::Quote };
                    if inner == Until::QuotedBrace {
                        // Inside "${…}" a double quote only groups; it vanishes.
                        at += 1;
                    } else {
                        let (quoted, end) = self
                            .read(at + 1, Until::Quote, false, depth - 1)
                            .map_err(|_| Unclosed { at })?;
                        word.append(quoted);
                        at = end;
                    }
                    word.quoted = true;
                }
                (b'`', _) => {
                    word.pieces.push(Piece::Dynamic);
                    at = self.backtick_end(at + 1)?;
                }
                (b'$', _) => at = self.dollar(at, until, &mut word, depth)?,
                (b'~', Until::Operator) if may_be_home => {
                    let next = self.text.get(at + 1).copied();
                    let ends = next.is_none_or(|next| {
                        matches!(
                            next,
                            b'/' | b':' | b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b')'
                        )
                    });
                    word.pieces.push(if ends { Piece::Home } else { Piece::Dynamic });
                    at += 1;
                }
                _ => {
                    home = assigned && byte == b':';
                    word.push(byte);
                    at += 1;
                }
            }
        }
    }

    /// Length of the quote that opens a word, so that its place is that of the first byte inside.
    fn opening_quote(&self, at: usize, until: Until) -> usize {
        match self.text.get(at..).unwrap_or_default() {
            [b'"' | b'\'', ..] if until == Until::Operator => 1,
            [b'$', b'\'' | b'"', ..] if until == Until::Operator => 2,
            _ => 0,
        }
    }

    fn backslash(&self, at: usize, until: Until, word: &mut Word) -> usize {
        let escaped = self.text.get(at + 1).copied();
        match (escaped, until) {
            (Some(b'\n'), _) => return at + 2,
            (Some(byte), Until::Operator | Until::Brace)
            | (Some(byte @ (b'$' | b'`' | b'"' | b'\\')), _)
            | (Some(byte @ b'}'), Until::QuotedBrace) => word.push(byte),
            (Some(byte), _) => word.extend(&[b'\\', byte]),
            (None, _) => {
                word.push(b'\\');
                return at + 1;
            }
        }
        word.quoted = true;
        at + 2
    }

    /// What a `$` begins.
    fn dollar(
        &self,
        at: usize,
        until: Until,
        word: &mut Word,
        depth: usize,
    ) -> Result<usize, Unclosed> {
        let inside_quotes = matches!(until, Until::Quote | Until::QuotedBrace);
        match self.text.get(at + 1) {
            Some(b'{') => self.braced(at, inside_quotes, word, depth),
            Some(b'(') => {
                word.pieces.push(Piece::Dynamic);
                self.command_end_within(at + 2, depth)
            }
            Some(b'\'') if !inside_quotes && self.grammar.dollar_quotes => {
                word.quoted = true;
                let (bytes, end) = decode_escapes(self.text, at + 2).ok_or(Unclosed { at })?;
                word.extend(&bytes);
                Ok(end)
            }
            // A translated string is, untranslated, the string.
            Some(b'"') if !inside_quotes && self.grammar.dollar_quotes => Ok(at + 1),
            Some(byte) if byte.is_ascii_alphabetic() || *byte == b'_' => {
                let length = name_length(&self.text[at + 1..]);
                self.plain(at + 1, length, word);
                Ok(at + 1 + length)
            }
            Some(byte) if is_special(*byte) => {
                self.plain(at + 1, 1, word);
                Ok(at + 2)
            }
            _ => {
                word.push(b'$');
                Ok(at + 1)
            }
        }
    }

    fn plain(&self, at: usize, length: usize, word: &mut Word) {
        let name = String::from_utf8_lossy(&self.text[at..at + length]).into_owned();
        word.pieces.push(Piece::Parameter(Parameter { name, operation: None }));
    }

    /// `${…}`, whose `$` stands at `at`.
    fn braced(
        &self,
        at: usize,
        inside_quotes: bool,
        word: &mut Word,
        depth: usize,
    ) -> Result<usize, Unclosed> {
        let start = at + 2;
        let rest = &self.text[start..];
        let length = match rest.first() {
            Some(digit) if digit.is_ascii_digit() => {
                rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
            }
            Some(sign) if is_special(*sign) && !matches!(sign, b'#' | b'!') => 1,
            _ => name_length(rest),
        };
        let until = if inside_quotes { Until::QuotedBrace } else { Until::Brace };
        let (name, after) = rest.split_at(length);
        let (sign, skipped, empty_is_none) = match after {
            [b':', sign @ (b'-' | b'=' | b'+' | b'?'), ..] => (*sign, 2, true),
            [sign @ (b'-' | b'=' | b'+' | b'?'), ..] => (*sign, 1, false),
            [other, ..] => (*other, 0, false),
            [] => return Err(Unclosed { at }),
        };
        let inner = start + length + skipped;
        let (operand, end) =
            self.read(inner, until, false, depth - 1).map_err(|_| Unclosed { at })?;
        word.pieces.push(if length == 0 && !matches!(sign, b'#' | b'!') {
            Piece::Bad
        } else if length == 0 {
            // A length, or a variable that names another.
            Piece::Dynamic
        } else {
            let name = String::from_utf8_lossy(name).into_owned();
            match sign {
                b'}' => Piece::Parameter(Parameter { name, operation: None }),
                b'-' | b'=' | b'+' | b'?' => {
                    let operation = Operation { sign, empty_is_none, word: operand };
                    Piece::Parameter(Parameter { name, operation: Some(operation) })
                }
                b'#' | b'%' | b'/' | b'^' | b',' | b':' | b'@' | b'[' | b'~' | b'*' => {
                    Piece::Dynamic
                }
                _ => Piece::Bad,
            }
        });
        Ok(end)
    }

    /// Where the backtick that opened before `at` is closed.
    pub(super) fn backtick_end(&self, at: usize) -> Result<usize, Unclosed> {
        let mut end = at;
        loop {
            match self.text.get(end) {
                Some(b'`') => return Ok(end + 1),
                Some(b'\\') => end += 2,
                Some(_) => end += 1,
                None => return Err(Unclosed { at: at - 1 }),
            }
        }
    }

    /// Where the parenthesis that opened before `at` is closed: quotes, comments and the
    /// unbalanced parentheses of `case` are seen through.
    pub(super) fn command_end(&self, at: usize) -> Result<usize, Unclosed> {
        self.command_end_within(at, DEEPEST)
    }

    fn command_end_within(&self, at: usize, depth: usize) -> Result<usize, Unclosed> {
        let unclosed = Unclosed { at: at - 1 };
        let (mut end, mut open, mut cases) = (at, 1_usize, 0_usize);
        let mut starts_word = true;
        loop {
            let byte = *self.text.get(end).ok_or(unclosed)?;
            let started = std::mem::replace(
                &mut starts_word,
                matches!(byte, b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'(' | b')'),
            );
            match byte {
                b'\\' => end += 1,
                b'\'' => {
                    end += 1 + memchr::memchr(b'\'', &self.text[end + 1..]).ok_or(unclosed)?;
                }
                b'"' => {
                    let quoted = self.read(end + 1, Until::Quote, false, depth - 1);
                    end = quoted.map_err(|_| unclosed)?.1 - 1;
                }
                b'`' => end = self.backtick_end(end + 1)? - 1,
                b'#' if started => {
                    end += memchr::memchr(b'\n', &self.text[end..]).ok_or(unclosed)? - 1;
                    starts_word = true;
                }
                b'(' => open += 1,
                b')' if open == 1 && cases > 0 => {}
                b')' if open == 1 => return Ok(end + 1),
                b')' => open -= 1,
                b'c' if started && self.is_word(end, b"case") => cases += 1,
                b'e' if started && self.is_word(end, b"esac") => cases = cases.saturating_sub(1),
                _ => {}
            }
            end += 1;
        }
    }

    /// Exactly this word, unquoted, stands at `at`.
    pub(super) fn is_word(&self, at: usize, word: &[u8]) -> bool {
        let Some(after) = self.text.get(at..).and_then(|rest| rest.strip_prefix(word)) else {
            return false;
        };
        after.first().is_none_or(|next| {
            matches!(next, b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>')
        })
    }
}

/// Length of the name at the start of `text`.
pub(super) fn name_length(text: &[u8]) -> usize {
    match text.first() {
        Some(first) if first.is_ascii_alphabetic() || *first == b'_' => text
            .iter()
            .position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
            .unwrap_or(text.len()),
        _ => 0,
    }
}

/// The one-byte names of the shell's own parameters.
const fn is_special(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!')
}

/// The inside of `$'…'` from `at` on, decoded, and where it ends. A NUL ends the string early.
fn decode_escapes(text: &[u8], at: usize) -> Option<(Vec<u8>, usize)> {
    let mut out = Vec::new();
    let mut cut = None;
    let mut at = at;
    loop {
        let byte = *text.get(at)?;
        at += 1;
        match byte {
            b'\'' => {
                out.truncate(cut.unwrap_or(out.len()));
                return Some((out, at));
            }
            b'\\' => {
                let escaped = *text.get(at)?;
                at += 1;
                let rest = &text[at..];
                let (code, length) = match escaped {
                    b'a' => (7, 0),
                    b'b' => (8, 0),
                    b'e' | b'E' => (27, 0),
                    b'f' => (12, 0),
                    b'n' => (10, 0),
                    b'r' => (13, 0),
                    b't' => (9, 0),
                    b'v' => (11, 0),
                    b'\\' | b'\'' | b'"' | b'?' => (u32::from(escaped), 0),
                    b'0'..=b'7' => {
                        let (code, length) = digits(&text[at - 1..], 8, 3);
                        (code & 0xff, length - 1)
                    }
                    b'x' if digits(rest, 16, 2).1 > 0 => digits(rest, 16, 2),
                    b'c' if !rest.is_empty() => {
                        (u32::from(rest[0].to_ascii_uppercase() ^ 0x40) & 0x7f, 1)
                    }
                    b'u' | b'U' if digits(rest, 16, 1).1 > 0 => {
                        let (code, length) = digits(rest, 16, if escaped == b'u' { 4 } else { 8 });
                        let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                        at += length;
                        continue;
                    }
                    _ => {
                        out.extend_from_slice(&[b'\\', escaped]);
                        continue;
                    }
                };
                at += length;
                if code == 0 {
                    cut = cut.or(Some(out.len()));
                }
                out.push(code as u8);
            }
            _ => out.push(byte),
        }
    }
}

/// The number at the start of `text`, of at most `most` digits, and how many there are.
fn digits(text: &[u8], radix: u32, most: usize) -> (u32, usize) {
    let digits = text.iter().take(most).map_while(|byte| char::from(*byte).to_digit(radix));
    digits.fold((0, 0), |(code, length), digit| ((code << radix.ilog2()) | digit, length + 1))
}
