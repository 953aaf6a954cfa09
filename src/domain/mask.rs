//! The one function that makes text from a secret (SECURITY M6).

use crate::domain::secret::SecretValue;

/// What replaces the hidden part; of constant width (SECURITY M4).
pub const ELLIPSIS: &str = "…";

/// A value whose format is known: which provider's, and how much of it is public.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recognition {
    /// Id of the provider whose format it is.
    pub provider: String,
    /// Name of the format, `provider/type`, e.g. `openai/project`.
    pub shape: String,
    /// Length in bytes of the public prefix (`sk-proj-`): `P` of SECURITY M.
    pub prefix_length: usize,
    /// The dashboard's own hint (head, tail), where the provider's file replaces the rule's.
    pub dashboard_hint: Option<(usize, usize)>,
}

impl Recognition {
    /// How many characters of the body are shown at its head and at its tail (SECURITY M2).
    pub fn shown(&self, length: usize) -> (usize, usize) {
        let prefix = self.prefix_length.min(length);
        let body = length - prefix;
        let quarter = body / 4;
        let (head, tail) = self
            .dashboard_hint
            .unwrap_or_else(|| (8_usize.saturating_sub(prefix).min(body / 8), 4.min(body / 8)));
        if head + tail <= quarter { (head, tail) } else { (0, 0) }
    }
}

/// The mask of a value: prefix, head, ellipsis and tail when its format is known, else the
/// ellipsis alone (SECURITY M2, M3). This is the only text ever made from a secret.
pub fn mask(secret: &SecretValue, recognition: Option<&Recognition>) -> String {
    let Some(recognition) = recognition else {
        return ELLIPSIS.to_owned();
    };
    let bytes = secret.expose();
    let prefix = recognition.prefix_length.min(bytes.len());
    let (head, tail) = recognition.shown(bytes.len());
    let mut text = printable(&bytes[..prefix + head]);
    text.push_str(ELLIPSIS);
    text.push_str(&printable(&bytes[bytes.len() - tail..]));
    text
}

/// A recognised format is ASCII; should a provider's file ever allow more, nothing of it is shown.
fn printable(bytes: &[u8]) -> String {
    if bytes.iter().all(u8::is_ascii_graphic) {
        bytes.iter().map(|byte| char::from(*byte)).collect()
    } else {
        String::new()
    }
}

/// The length of an opaque value, as a bucket (SECURITY M3).
pub const fn length_bucket(length: usize) -> &'static str {
    match length {
        0 => "0",
        1..=7 => "1-7",
        8..=15 => "8-15",
        16..=31 => "16-31",
        32..=63 => "32-63",
        _ => "64+",
    }
}

/// The bucket that a text names.
pub fn bucket_of_name(name: &str) -> Option<&'static str> {
    [0, 1, 8, 16, 32, 64].map(length_bucket).into_iter().find(|bucket| *bucket == name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recognition(prefix_length: usize, hint: Option<(usize, usize)>) -> Recognition {
        Recognition {
            provider: "openai".into(),
            shape: "openai/test".into(),
            prefix_length,
            dashboard_hint: hint,
        }
    }

    #[test]
    fn a_project_key_shows_its_prefix_and_last_four() {
        let key = format!("sk-proj-{}f3A9", "x".repeat(152));
        let shown = mask(&SecretValue::new(key), Some(&recognition(8, None)));
        assert_eq!(shown, "sk-proj-…f3A9");
    }

    #[test]
    fn a_legacy_key_shows_eight_and_four_in_all() {
        let key = format!("sk-abcde{}f3A9", "x".repeat(39));
        let shown = mask(&SecretValue::new(key), Some(&recognition(3, None)));
        assert_eq!(shown, "sk-abcde…f3A9");
    }

    #[test]
    fn a_dashboard_hint_replaces_the_rule() {
        let key = format!("sk-ant-api03-R2D{}igAA", "x".repeat(88));
        let shown = mask(&SecretValue::new(key), Some(&recognition(13, Some((3, 4)))));
        assert_eq!(shown, "sk-ant-api03-R2D…igAA");
    }

    #[test]
    fn an_opaque_value_shows_nothing() {
        assert_eq!(mask(&SecretValue::new("Apps1Kind5Body9"), None), "…");
    }

    proptest! {
        #[test]
        fn never_more_than_a_quarter_of_the_body(
            body in "[a-zA-Z0-9]{0,80}",
            prefix in "[a-z-]{0,16}",
            hint in proptest::option::of((0_usize..20, 0_usize..20)),
        ) {
            let key = format!("{prefix}{body}");
            let shown = mask(&SecretValue::new(key.clone()), Some(&recognition(prefix.len(), hint)));
            let revealed = shown.chars().count() - 1 - prefix.len();
            prop_assert!(revealed * 4 <= body.len(), "{revealed} of {}", body.len());
            prop_assert_eq!(shown.matches(ELLIPSIS).count(), 1);
        }

        #[test]
        fn any_bytes_are_masked_without_panic(bytes: Vec<u8>, prefix in 0_usize..40) {
            let text = mask(&SecretValue::new(bytes), Some(&recognition(prefix, None)));
            prop_assert!(text.chars().all(|character| character == '…' || character.is_ascii_graphic()));
        }
    }
}
