//! Base64 as the API server decodes it, and what people do to it.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{GeneralPurpose, GeneralPurposeConfig},
};
use zeroize::Zeroizing;

/// Go's standard encoding: padded, the bits behind the last byte are not looked at.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Shorter texts are valid base64 by chance.
const SHORTEST: usize = 16;

/// The decoded bytes; `None` when Kubernetes would refuse them. Line breaks are skipped, blanks
/// are not: a value that was wrapped survives as a block only.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let unwrapped = |byte: &u8| !matches!(byte, b'\r' | b'\n');
    let text: Zeroizing<Vec<u8>> = Zeroizing::new(text.iter().copied().filter(unwrapped).collect());
    ENGINE.decode(&*text).ok()
}

/// The decoded value is the base64 of readable text again.
pub(super) fn is_encoded_again(value: &[u8]) -> bool {
    let text = value.trim_ascii();
    text.len() >= SHORTEST
        && decode(text).map(Zeroizing::new).is_some_and(|inner| {
            inner.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_decode_as_the_server_decodes_them() {
        assert_eq!(decode(b"c2stYWJj\nCg==\n").unwrap(), b"sk-abc\n");
        assert_eq!(decode(b"").unwrap(), b"");
        assert_eq!(decode(b"YR==").unwrap(), b"a");
        for refused in [&b"c2stYWJj Cg=="[..], b"c2stYWJjCg", b"sk-plain", b"_-8="] {
            assert!(decode(refused).is_none());
        }
    }

    #[test]
    fn twice_encoded_is_not_by_chance() {
        let once = ENGINE.encode("a secret text of some length");
        assert!(is_encoded_again(once.as_bytes()));
        assert!(is_encoded_again(format!("{once}\n").as_bytes()));
        assert!(!is_encoded_again(b"c2stYWJj"));
        assert!(!is_encoded_again("0123456789abcdef".repeat(4).as_bytes()));
    }
}
