//! The ways in which a text could still be read: what a leak may have been turned into.

/// Every distinct reading of an artefact, by the name of the view.
pub(crate) fn views(raw: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let plain = without_escapes(raw);
    let joined = joined(&plain);
    let mut views: Vec<(&'static str, Vec<u8>)> = vec![("raw", raw.to_vec())];
    let mut add = |name, view: Vec<u8>| {
        if !views.iter().any(|(_, known)| *known == view) {
            views.push((name, view));
        }
    };
    add("percent-decoded", percent_decoded(&joined));
    add("escapes decoded", backslashes_decoded(&joined));
    add("entities decoded", entities_decoded(&joined));
    add("list of numbers", numbers(raw));
    add("compact lower case", compact(&joined));
    add("joined", joined);
    add("without terminal escapes", plain);
    views
}

/// Terminal escapes are taken out; what they carry is in the raw view.
fn without_escapes(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != 0x1b {
            plain.push(byte);
            continue;
        }
        let length = match rest.first() {
            Some(b'[') => {
                rest.iter().skip(1).position(|byte| (0x40..=0x7e).contains(byte)).map(|at| at + 2)
            }
            Some(b']' | b'P' | b'_' | b'^') => {
                rest.iter().position(|byte| *byte == 7 || *byte == 0x1b).map(|at| at + 1)
            }
            _ => Some(1),
        };
        rest = length.and_then(|length| rest.get(length..)).unwrap_or_default();
    }
    plain
}

/// Without everything that a wrapped, framed or wide text has between its characters.
fn joined(text: &[u8]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        // U+2500 to U+259F: frames and blocks.
        if byte == 0xe2
            && matches!(text.get(at + 1..at + 3), Some([0x94 | 0x95, _] | [0x96, 0x80..=0x9f]))
        {
            at += 3;
            continue;
        }
        if !byte.is_ascii_whitespace() && byte != 0 && byte != b'|' {
            joined.push(byte);
        }
        at += 1;
    }
    joined
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    decoded(text, |rest| {
        let digits = rest.strip_prefix(b"%")?.get(..2)?;
        Some((number(digits, 16)?, 3))
    })
}

/// `\u0041`, `\u{41}`, `\x41`, `\101`, `\n`, `\"`.
fn backslashes_decoded(text: &[u8]) -> Vec<u8> {
    decoded(text, |rest| {
        let rest = rest.strip_prefix(b"\\")?;
        match rest {
            [b'u', b'{', after @ ..] => {
                let end = after.iter().take(8).position(|byte| *byte == b'}')?;
                Some((number(&after[..end], 16)?, end + 4))
            }
            [b'u', after @ ..] => Some((number(after.get(..4)?, 16)?, 6)),
            [b'x', after @ ..] => Some((number(after.get(..2)?, 16)?, 4)),
            [b'n', ..] => Some((b'\n', 2)),
            [b'r', ..] => Some((b'\r', 2)),
            [b't', ..] => Some((b'\t', 2)),
            [b'e', ..] => Some((0x1b, 2)),
            [b'0'..=b'3', ..] => Some((number(rest.get(..3)?, 8)?, 4)),
            [other @ (b'"' | b'\'' | b'/' | b'\\'), ..] => Some((*other, 2)),
            _ => None,
        }
    })
}

/// `&#65;` and `&#x41;`.
fn entities_decoded(text: &[u8]) -> Vec<u8> {
    decoded(text, |rest| {
        let rest = rest.strip_prefix(b"&#")?;
        let end = rest.iter().take(6).position(|byte| *byte == b';')?;
        match &rest[..end] {
            [b'x' | b'X', digits @ ..] => Some((number(digits, 16)?, end + 3)),
            digits => Some((number(digits, 10)?, end + 3)),
        }
    })
}

fn decoded(text: &[u8], decode: impl Fn(&[u8]) -> Option<(u8, usize)>) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let start = matches!(text[at], b'%' | b'\\' | b'&');
        let (byte, length) = start.then(|| decode(&text[at..])).flatten().unwrap_or((text[at], 1));
        plain.push(byte);
        at += length;
    }
    plain
}

fn number(digits: &[u8], radix: u32) -> Option<u8> {
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()?.try_into().ok()
}

/// `[115, 107, 45]`, as `Debug` writes bytes.
fn numbers(text: &[u8]) -> Vec<u8> {
    text.split(|byte| !byte.is_ascii_digit())
        .filter(|digits| !digits.is_empty() && digits.len() <= 3)
        .filter_map(|digits| number(digits, 10))
        .collect()
}

/// For hex in any case and with any separators.
fn compact(text: &[u8]) -> Vec<u8> {
    let mut compact = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        match &text[at..] {
            [b'0', b'x' | b'X', ..] | [b'\\', b'x', ..] => at += 1,
            [b':' | b',' | b'-' | b'_' | b'%', ..] | [] => {}
            [byte, ..] => compact.push(byte.to_ascii_lowercase()),
        }
        at += 1;
    }
    compact
}
