//! The one type that holds the bytes of a key.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use zeroize::Zeroizing;

/// The exact bytes that a consumer would see. Never shown, never serialised, wiped when dropped.
///
/// It deliberately has no `Display`, no `Serialize` and no conversion to `String`: the only text
/// made from it is made by [`crate::domain::mask`] (SECURITY M6).
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(Zeroizing<Vec<u8>>);

impl Hash for SecretValue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.expose().hash(state);
    }
}

impl SecretValue {
    /// Takes the bytes over; no copy is left behind.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes themselves. Every call site is a place where a key could get out; keep them few.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Defined, but with zero bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretValue(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_value() {
        let secret = SecretValue::new("a value that nobody may see");
        assert_eq!(format!("{secret:?}"), "SecretValue(…)");
        assert_eq!(format!("{secret:#?}"), "SecretValue(…)");
    }
}
