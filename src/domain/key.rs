//! What may be known of a distinct key outside the places that hold it.

use std::{ops::Deref, sync::Arc};

use crate::domain::{damage::Flag, fingerprint::Fingerprint, outcome::Outcome};

/// A distinct value, as every row that holds it knows it: thousands of rows share its facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(Arc<KeyFacts>);

impl From<KeyFacts> for Key {
    fn from(facts: KeyFacts) -> Self {
        Self(Arc::new(facts))
    }
}

impl Deref for Key {
    type Target = KeyFacts;

    fn deref(&self) -> &KeyFacts {
        &self.0
    }
}

impl Key {
    /// The facts, to be changed for this holder alone.
    pub fn facts_mut(&mut self) -> &mut KeyFacts {
        Arc::make_mut(&mut self.0)
    }
}

/// The secret-free facts of one distinct value. Made once, where the secret is interned; two keys
/// are the same exactly when their fingerprints are equal on all 256 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFacts {
    /// In memory only, for comparison; see `exported` for what may be written.
    pub fingerprint: Fingerprint,
    /// Some layer that is read here holds it. Of any other key only this is known, and nobody can be
    /// asked about it.
    pub held: bool,
    /// `keyfp1:…`; `None` for an opaque value without a team key (SECURITY F3).
    pub exported: Option<String>,
    /// What people compare: `K7QM2-XPDR4`, or the tag of this run for an opaque value (`≡1`).
    pub shown: String,
    /// The tag of this run, for an opaque value.
    pub tag: Option<String>,
    /// Made by [`crate::domain::mask::mask`].
    pub mask: String,
    /// Exact length, for a recognised key.
    pub length: Option<usize>,
    /// Bucket of the length, for an opaque value.
    pub length_bucket: Option<&'static str>,
    /// Name of the format, `provider/type`.
    pub shape: Option<String>,
    /// Id of the provider whose format it is.
    pub provider: Option<String>,
    /// Lengths that its format has, for the message of a truncated key.
    pub expected_lengths: Vec<usize>,
    /// Damage, in fixed order.
    pub flags: Vec<Flag>,
    /// The key that was meant, when the damage is only around it: fingerprint, exported form and
    /// what is shown of it.
    pub repaired: Option<Repaired>,
}

/// The key inside a damaged value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// For comparison.
    pub fingerprint: Fingerprint,
    /// What may be written, when it is recognised.
    pub exported: Option<String>,
    /// Its mask.
    pub mask: String,
}

impl KeyFacts {
    /// The value cannot be what was meant. A key that the provider accepts is not cut short,
    /// whatever lengths are known of its format.
    pub fn is_damaged(&self, outcome: Outcome) -> bool {
        self.flags.iter().any(|flag| *flag != Flag::Truncated || !outcome.accepted())
    }

    /// How a sentence names it: the mask, and for an opaque value, whose mask says nothing, the tag
    /// of this run.
    pub fn told(&self) -> String {
        if self.tag.is_some() { self.label() } else { self.mask.clone() }
    }

    /// What a person compares at a glance: mask and fingerprint.
    pub fn label(&self) -> String {
        format!("{} {}", self.mask, self.shown)
    }
}
