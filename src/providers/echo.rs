//! The key that a server says it received, masked, against the one that was sent.
//!
//! Equal in every character that is shown: the server judged this key. Different: something between
//! here and there put another key in its place, and the answer is about that one.

use crate::domain::outcome::Received;

/// The longest masked key that is looked at, in bytes.
const LONGEST: usize = 512;

/// Compares the masked key at the start of `text` with the key that was sent; `None` when there is
/// none or when it shows nothing. With `only_end` the characters before the mask are the server's own.
pub(super) fn received(text: &str, key: &[u8], only_end: bool) -> Option<Received> {
    let masked = token(text);
    if masked.is_empty() || masked.len() > LONGEST {
        return None;
    }
    let parts = parts(masked);
    let first = parts.first()?;
    let last = parts.last()?;
    let shown = parts.iter().any(|part| !part.is_empty());
    let fits = if parts.len() == 1 {
        key == first.as_bytes()
    } else if only_end {
        if last.is_empty() {
            return None;
        }
        key.ends_with(last.as_bytes())
    } else {
        fits(&parts, key)
    };
    shown.then_some(if fits { Received::ThisKey } else { Received::AnotherKey })
}

/// The first part begins the key, the last one ends it, the others follow each other between them.
fn fits(parts: &[&str], key: &[u8]) -> bool {
    let [first, between @ .., last] = parts else { return false };
    let inside =
        key.strip_prefix(first.as_bytes()).and_then(|rest| rest.strip_suffix(last.as_bytes()));
    let Some(mut rest) = inside else { return false };
    between.iter().all(|part| {
        let part = part.as_bytes();
        let place = rest.windows(part.len()).position(|window| window == part);
        place.is_some_and(|at| {
            rest = &rest[at + part.len()..];
            true
        })
    })
}

/// The first word, without the quotes around it and the sentence's mark behind it.
fn token(text: &str) -> &str {
    let marks = ['"', '\'', '`', '‘', '’', '“', '”'];
    let text = text.trim_start();
    let word = match text.strip_prefix(marks) {
        Some(quoted) => quoted.split(marks).next().unwrap_or_default(),
        None => text.split(char::is_whitespace).next().unwrap_or_default(),
    };
    let word = word.trim_end_matches([',', ';', ':', ')', '!', '?']);
    match word.strip_suffix('.') {
        // One dot ends the sentence; more are a mask.
        Some(sentence) if !sentence.ends_with('.') => sentence,
        _ => word,
    }
}

/// What is shown between runs of mask characters; a masked end gives an empty part there.
fn parts(masked: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = masked;
    while let Some((shown, run)) = next_run(rest) {
        parts.push(shown);
        rest = run;
    }
    parts.push(rest);
    // Between two runs of different mask characters nothing is shown.
    let ends = parts.len() - 1;
    let mut index = 0;
    parts.retain(|part| {
        index += 1;
        index == 1 || index > ends || !part.is_empty()
    });
    parts
}

/// What is shown before the first run of mask characters, and what stands behind it.
fn next_run(text: &str) -> Option<(&str, &str)> {
    text.char_indices().find_map(|(at, _)| {
        let (shown, masked) = text.split_at_checked(at)?;
        let behind = masked.get(mask_run(masked)..)?;
        (behind.len() < masked.len()).then_some((shown, behind))
    })
}

/// The length of the mask at the start of `text`, in bytes. A single dot is a character of a key.
fn mask_run(text: &str) -> usize {
    let dots = text.len() - text.trim_start_matches('.').len();
    if dots >= 2 {
        return dots;
    }
    let stands_for_more = ['*', '•', '…', '●', '·', '∗', '█'];
    text.len() - text.trim_start_matches(stands_for_more).len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const THIS: Option<Received> = Some(Received::ThisKey);
    const OTHER: Option<Received> = Some(Received::AnotherKey);

    /// The key that was sent: `ab-cdefgh-01.234567-wxyz`.
    #[rstest]
    #[case::stars("ab-cdefg*************wxyz. You can find", THIS)]
    #[case::few_stars("ab-cdefg****wxyz", THIS)]
    #[case::dots("ab-...wxyz, Key Hash", THIS)]
    #[case::two_dots("ab-..wxyz", THIS)]
    #[case::ellipsis("ab-c…wxyz", THIS)]
    #[case::bullets("••••wxyz", THIS)]
    #[case::mixed("ab-***...***wxyz", THIS)]
    #[case::only_head("ab-cdef***", THIS)]
    #[case::only_head_dots("ab-cdef...", THIS)]
    #[case::only_head_sentence("ab-cdef***.", THIS)]
    #[case::middle("ab-***01.23***yz", THIS)]
    #[case::quoted("'ab-cdefg****wxyz' does not", THIS)]
    #[case::whole("ab-cdefgh-01.234567-wxyz.", THIS)]
    #[case::other_tail("ab-cdefg****wxyy", OTHER)]
    #[case::other_head("ab-cdefh****wxyz", OTHER)]
    #[case::other_middle("ab-***99***yz", OTHER)]
    #[case::none("None. You can find", OTHER)]
    #[case::whole_other("ab-cdefgh", OTHER)]
    #[case::overlap("ab-cdefgh-01.234567-****234567-wxyz", OTHER)]
    #[case::longer("x****ab-cdefgh-01.234567-wxyz", OTHER)]
    #[case::shows_nothing("***********. You can find", None)]
    #[case::shows_nothing_dots("... and", None)]
    #[case::empty("", None)]
    #[case::sentence(". You can find", None)]
    fn every_form_of_mask_is_compared(#[case] text: &str, #[case] expected: Option<Received>) {
        assert_eq!(received(text, b"ab-cdefgh-01.234567-wxyz", false), expected);
    }

    #[rstest]
    #[case::own_head("sk-...wxyz, Key Hash", THIS)]
    #[case::other("sk-...wxyy, Key Hash", OTHER)]
    #[case::no_end("sk-...", None)]
    fn some_servers_show_the_end_alone(#[case] text: &str, #[case] expected: Option<Received>) {
        assert_eq!(received(text, b"ab-cdefgh-01.234567-wxyz", true), expected);
    }

    proptest! {
        #[test]
        fn the_mask_of_a_key_is_always_this_key(
            key in "[A-Za-z0-9_-]{16,64}",
            head in 0_usize..8,
            tail in 1_usize..5,
            mask in "[*]{1,40}|[.]{3}|…|[•]{4}",
        ) {
            let (first, last) = (key.get(..head).unwrap(), key.get(key.len() - tail..).unwrap());
            let text = format!("{first}{mask}{last}. More.");
            prop_assert_eq!(received(&text, key.as_bytes(), false), THIS);
        }

        #[test]
        fn any_text_is_compared_without_panic(text in "\\PC{0,60}|[*.… a-z]{0,20}", key: Vec<u8>) {
            let _ = received(&text, &key, false);
            let _ = received(&text, &key, true);
        }
    }
}
