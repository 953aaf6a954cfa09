//! Keyed hashes that name a key without revealing it (SECURITY F).

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::domain::secret::SecretValue;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const STORED_CHARACTERS: usize = 26;
/// How many characters are shown when nothing collides (SECURITY F2).
pub const SHOWN_CHARACTERS: usize = 10;

/// The salt of an inventory or of a user, or a team key. Both are 32 bytes.
#[derive(Clone)]
pub struct FingerprintKey {
    bytes: Zeroizing<[u8; 32]>,
    team: bool,
    id: String,
}

impl FingerprintKey {
    /// A salt; not secret (SECURITY F1). Opaque values get no lasting fingerprint under it.
    pub fn salt(bytes: [u8; 32]) -> Self {
        Self::new(bytes, false)
    }

    /// A team key; secret (SECURITY F4). Opaque values are fingerprinted too.
    pub fn team(bytes: [u8; 32]) -> Self {
        Self::new(bytes, true)
    }

    fn new(bytes: [u8; 32], team: bool) -> Self {
        let id = encode(&hmac(&bytes, &[b"keyid\0"]), 8);
        Self { bytes: Zeroizing::new(bytes), team, id }
    }

    /// Reads 64 hex digits.
    ///
    /// # Errors
    /// A fixed sentence when it is anything else; the text itself is never quoted.
    pub fn decode_hex(text: &str) -> Result<[u8; 32], &'static str> {
        const WANTED: &str = "must be 64 hex digits (32 bytes)";
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(WANTED);
        }
        let mut bytes = [0_u8; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16).ok_or(WANTED)?;
            let low = char::from(pair[1]).to_digit(16).ok_or(WANTED)?;
            *byte = (high * 16 + low) as u8;
        }
        Ok(bytes)
    }

    /// Whether opaque values may be fingerprinted (SECURITY F3, F4).
    pub fn is_team(&self) -> bool {
        self.team
    }

    /// The first eight characters that tell salts apart: different ids mean "not comparable".
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The fingerprint of the exact bytes.
    pub fn fingerprint(&self, secret: &SecretValue) -> Fingerprint {
        Fingerprint(hmac(&*self.bytes, &[b"keyfp1\0", secret.expose()]))
    }

    /// What every fingerprint made with it begins with: `keyfp1:<id>`. Two that begin with another
    /// one cannot be compared.
    pub fn scheme(&self) -> String {
        let scheme = if self.team { "keyfpk1" } else { "keyfp1" };
        format!("{scheme}:{}", self.id)
    }

    /// `keyfp1:<id>:<26 characters>` (SECURITY F2), `keyfpk1:` under a team key.
    pub fn export(&self, fingerprint: &Fingerprint) -> String {
        format!("{}:{}", self.scheme(), fingerprint.characters())
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FingerprintKey({})", self.id)
    }
}

/// 256 bits that are equal exactly when the keys are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The 26 characters that are stored and exported.
    pub fn characters(&self) -> String {
        encode(&self.0, STORED_CHARACTERS)
    }

    /// The first `length` characters, in groups of five: `K7QM2-XPDR4`.
    pub fn shown(&self, length: usize) -> String {
        let characters = self.characters();
        let mut text = String::with_capacity(length + length / 5);
        for (index, character) in characters.chars().take(length).enumerate() {
            if index > 0 && index % 5 == 0 {
                text.push('-');
            }
            text.push(character);
        }
        text
    }

    /// The fingerprint that these 26 characters tell: of its 256 bits the first 128, the others zero.
    /// `None` where they are none.
    pub fn of_characters(characters: &str) -> Option<Self> {
        if characters.len() != STORED_CHARACTERS {
            return None;
        }
        let mut bytes = [0_u8; 32];
        for (position, character) in characters.bytes().enumerate() {
            let value = ALPHABET.iter().position(|known| *known == character)?;
            for offset in 0..5 {
                let (index, bit) = (position * 5 + offset, (value >> (4 - offset)) & 1);
                if index < 128 {
                    bytes[index / 8] |= (bit as u8) << (7 - index % 8);
                } else if bit != 0 {
                    return None;
                }
            }
        }
        Some(Self(bytes))
    }

    /// The fingerprint that begins with these hex digits, as programs that hash print it: of its 256
    /// bits the first 128, the others zero.
    pub fn of_hex(text: &str) -> Option<Self> {
        let mut bytes = FingerprintKey::decode_hex(text).ok()?;
        bytes[16..].fill(0);
        Some(Self(bytes))
    }

    /// The 128 bits that are stored and exported.
    pub fn stored_bits(&self) -> [u8; 16] {
        let mut bits = [0; 16];
        bits.copy_from_slice(&self.0[..16]);
        bits
    }

    /// Four bytes for decoration only: colour and glyphs (SECURITY F6).
    pub fn decoration(&self) -> [u8; 4] {
        [self.0[0], self.0[1], self.0[2], self.0[3]]
    }
}

#[cfg(test)]
impl Fingerprint {
    /// Two that differ in their 60th bit only; nobody can find keys that do this.
    pub(crate) fn colliding_for_tests() -> (Self, Self) {
        let mut other = [7; 32];
        other[7] ^= 0b1_0000;
        (Self([7; 32]), Self(other))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Fingerprint({})", self.shown(SHOWN_CHARACTERS))
    }
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Crockford base32 of the first bits of `hash`, most significant bit first; bits past the 128th
/// are zero (SECURITY F2).
fn encode(hash: &[u8; 32], characters: usize) -> String {
    let bit = |index: usize| -> u8 {
        if index < 128 { (hash[index / 8] >> (7 - index % 8)) & 1 } else { 0 }
    };
    (0..characters)
        .map(|position| {
            let value = (0..5).fold(0_u8, |value, offset| value << 1 | bit(position * 5 + offset));
            char::from(ALPHABET[usize::from(value)])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SALT: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn key() -> FingerprintKey {
        FingerprintKey::salt(FingerprintKey::decode_hex(SALT).unwrap())
    }

    #[test]
    fn it_is_the_hmac_that_openssl_computes() {
        // { printf 'keyfp1\0'; printf %s hello; } | openssl dgst -sha256 -mac HMAC -macopt hexkey:$SALT
        let expected = "6581fc7e0b83d66d8eb02959c0d6f03a8afd4bc86848200d6778ef01ba62b58e";
        let fingerprint = key().fingerprint(&SecretValue::new("hello"));
        let hex: String = fingerprint.0.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
    }

    #[test]
    fn the_two_padding_bits_are_zero() {
        let fingerprint = Fingerprint([0xff; 32]);
        assert_eq!(fingerprint.characters(), format!("{}W", "Z".repeat(25)));
        assert_eq!(fingerprint.shown(10), "ZZZZZ-ZZZZZ");
    }

    #[test]
    fn what_is_no_fingerprint_is_not_read_as_one() {
        let one_bit_more = format!("{}1", "0".repeat(25));
        for bad in ["", "K7QM2-XPDR4", &"I".repeat(26), &"0".repeat(27), &one_bit_more] {
            assert_eq!(Fingerprint::of_characters(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_bad_salt_is_refused_without_being_quoted() {
        for bad in ["", "zz", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(
                FingerprintKey::decode_hex(bad),
                Err("must be 64 hex digits (32 bytes)"),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_team_key_exports_under_its_own_scheme() {
        let team = FingerprintKey::team([7; 32]);
        let fingerprint = team.fingerprint(&SecretValue::new("hello"));
        assert!(team.export(&fingerprint).starts_with("keyfpk1:"));
        assert!(key().export(&fingerprint).starts_with("keyfp1:"));
    }

    proptest! {
        #[test]
        fn equal_keys_and_only_they_have_equal_fingerprints(left: Vec<u8>, right: Vec<u8>) {
            let key = key();
            let same = key.fingerprint(&SecretValue::new(left.clone()))
                == key.fingerprint(&SecretValue::new(right.clone()));
            prop_assert_eq!(same, left == right);
        }

        #[test]
        fn exported_text_has_the_promised_form(bytes: Vec<u8>) {
            let key = key();
            let text = key.export(&key.fingerprint(&SecretValue::new(bytes)));
            let parts: Vec<&str> = text.split(':').collect();
            prop_assert_eq!(parts.len(), 3);
            prop_assert_eq!(parts[0], "keyfp1");
            prop_assert_eq!(parts[1].len(), 8);
            prop_assert_eq!(parts[2].len(), 26);
            prop_assert!(parts[2].bytes().all(|byte| ALPHABET.contains(&byte)));
            let read = Fingerprint::of_characters(parts[2]).map(|told| told.characters());
            prop_assert_eq!(read.as_deref(), Some(parts[2]));
        }
    }
}
