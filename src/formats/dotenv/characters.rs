//! Characters of a text that may hold bytes that are no characters.

/// The first character of `text`, which is not empty, and its length; U+FFFD of length 1 for a
/// byte that is not UTF-8.
pub(super) fn first(text: &[u8]) -> (char, usize) {
    if text[0].is_ascii() {
        return (char::from(text[0]), 1);
    }
    text[..text.len().min(4)]
        .utf8_chunks()
        .next()
        .and_then(|chunk| chunk.valid().chars().next())
        .map_or((char::REPLACEMENT_CHARACTER, 1), |character| (character, character.len_utf8()))
}

/// Length of the characters at the start of `text` for which `accepts` holds.
pub(super) fn leading(text: &[u8], accepts: impl Fn(char) -> bool) -> usize {
    let mut at = 0;
    while at < text.len() {
        let (character, length) = first(&text[at..]);
        if !accepts(character) {
            break;
        }
        at += length;
    }
    at
}

/// `text` without the characters at its end for which `drops` holds.
pub(super) fn trim_end(text: &[u8], drops: impl Fn(char) -> bool) -> &[u8] {
    let mut end = text.len();
    while end > 0 {
        let continuation = |byte: &&u8| **byte & 0xc0 == 0x80;
        let start = end
            - 1
            - text[..end].iter().rev().take(3).take_while(continuation).count().min(end - 1);
        let (character, length) = first(&text[start..end]);
        if start + length != end || !drops(character) {
            break;
        }
        end = start;
    }
    &text[..end]
}

/// The line that starts at `at`, without the `\n` that ends it.
pub(super) fn line(text: &[u8], at: usize) -> &[u8] {
    let rest = &text[at..];
    &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())]
}

/// Text as Go programs write it to JSON, which has U+FFFD for every byte that is not UTF-8.
pub(super) fn through_json(value: &[u8]) -> Vec<u8> {
    let mut sent = Vec::with_capacity(value.len());
    for chunk in value.utf8_chunks() {
        sent.extend_from_slice(chunk.valid().as_bytes());
        for _ in chunk.invalid() {
            sent.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    sent
}

/// Python's white space.
pub(super) const fn is_python_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

/// The first byte of the next statement, behind white space and lines of comment, as Go's readers
/// find it.
pub(super) fn statement_start(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += leading(&text[at..], char::is_whitespace);
        match text.get(at)? {
            b'#' => at += memchr::memchr(b'\n', &text[at..])?,
            _ => return Some(at),
        }
    }
}
