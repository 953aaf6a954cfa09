//! Splitting a value into words: quotes anywhere, C escapes.

use zeroize::Zeroizing;

use super::unit_file::is_blank;

/// One word.
#[derive(Debug)]
pub(super) struct Word {
    /// Unquoted and unescaped.
    pub(super) text: Zeroizing<Vec<u8>>,
    /// The offset in the value of each byte, and of the word's end.
    pub(super) offsets: Vec<usize>,
}

/// The words up to the first that cannot be read, and where that begins.
pub(super) fn split(value: &[u8], escapes: bool) -> (Vec<Word>, Option<usize>) {
    let mut words = Vec::new();
    let mut at = 0;
    loop {
        while value.get(at).is_some_and(|byte| is_blank(*byte)) {
            at += 1;
        }
        if at >= value.len() {
            return (words, None);
        }
        match word(value, at, escapes) {
            Some((word, end)) => {
                words.push(word);
                at = end;
            }
            None => return (words, Some(at)),
        }
    }
}

/// The word at an offset and the offset behind it; `None` for an open quote, an escape that there
/// is not, or a backslash at the end.
fn word(value: &[u8], start: usize, escapes: bool) -> Option<(Word, usize)> {
    let mut word = Word { text: Zeroizing::new(Vec::new()), offsets: Vec::new() };
    let mut quote = None;
    let mut at = start;
    while let Some(byte) = value.get(at).copied() {
        match quote {
            _ if byte == b'\\' => {
                let rest = value.get(at + 1..).unwrap_or_default();
                let (length, bytes) =
                    if escapes { unescape(rest)? } else { (1, vec![*rest.first()?]) };
                for byte in Zeroizing::new(bytes).iter() {
                    word.push(*byte, at);
                }
                at += 1 + length;
                continue;
            }
            Some(open) if byte == open => quote = None,
            None if matches!(byte, b'"' | b'\'') => quote = Some(byte),
            None if is_blank(byte) => break,
            _ => word.push(byte, at),
        }
        at += 1;
    }
    if quote.is_some() {
        return None;
    }
    word.offsets.push(at);
    Some((word, at))
}

impl Word {
    fn push(&mut self, byte: u8, offset: usize) {
        self.text.push(byte);
        self.offsets.push(offset);
    }
}

/// The length of the escape behind a backslash, and what it means.
fn unescape(rest: &[u8]) -> Option<(usize, Vec<u8>)> {
    let simple = |byte| Some((1, vec![byte]));
    match rest.first()? {
        b'a' => simple(7),
        b'b' => simple(8),
        b'f' => simple(12),
        b'n' => simple(b'\n'),
        b'r' => simple(b'\r'),
        b't' => simple(b'\t'),
        b'v' => simple(11),
        b's' => simple(b' '),
        byte @ (b'\\' | b'"' | b'\'') => simple(*byte),
        b'x' => {
            let byte = u8::try_from(number(rest.get(1..3)?, 16)?).ok()?;
            (byte != 0).then_some((3, vec![byte]))
        }
        b'u' => Some((5, character(rest.get(1..5)?)?)),
        b'U' => Some((9, character(rest.get(1..9)?)?)),
        b'0'..=b'7' => {
            let byte = u8::try_from(number(rest.get(..3)?, 8)?).ok()?;
            (byte != 0).then_some((3, vec![byte]))
        }
        _ => None,
    }
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok()?;
    digits.bytes().all(|byte| byte.is_ascii_alphanumeric()).then_some(())?;
    u32::from_str_radix(digits, radix).ok()
}

fn character(digits: &[u8]) -> Option<Vec<u8>> {
    let character = char::from_u32(number(digits, 16)?)?;
    (character != '\0').then(|| character.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("K=a b", &["K=a", "b"], None)]
    #[case(r#""K=a b""#, &["K=a b"], None)]
    #[case(r#"K="a b" L='c d'"#, &["K=a b", "L=c d"], None)]
    #[case(r"K=a\tb\x41\101\u00e4\s", &["K=a\tbAAä "], None)]
    #[case(r"A=1 K=\$x B=2", &["A=1"], Some(4))]
    #[case("A=1 K=it's", &["A=1"], Some(4))]
    #[case("K=a\\", &[], Some(0))]
    #[case(r"K=\x00", &[], Some(0))]
    #[case("K=$X # no comment", &["K=$X", "#", "no", "comment"], None)]
    #[case("", &[], None)]
    #[case(r#""""#, &[""], None)]
    fn words_are_those_of_systemd(
        #[case] value: &str,
        #[case] expected: &[&str],
        #[case] broken: Option<usize>,
    ) {
        let (words, found) = split(value.as_bytes(), true);
        let texts: Vec<_> =
            words.iter().map(|word| String::from_utf8_lossy(&word.text).into_owned()).collect();
        assert_eq!(texts, expected);
        assert_eq!(found, broken);
    }

    proptest! {
        #[test]
        fn offsets_lie_inside(value: Vec<u8>, escapes: bool) {
            for word in split(&value, escapes).0 {
                prop_assert_eq!(word.offsets.len(), word.text.len() + 1);
                prop_assert!(word.offsets.iter().all(|offset| *offset <= value.len()));
            }
        }
    }
}
