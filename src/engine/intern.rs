//! The border between secrets and the rest: every distinct value becomes one [`Key`].

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{
    domain::{
        damage,
        fingerprint::{Fingerprint, FingerprintKey, SHOWN_CHARACTERS},
        key::{Key, KeyFacts, Repaired},
        mask::{length_bucket, mask},
        secret::SecretValue,
    },
    providers::Catalogue,
};

/// The table of distinct values. It alone can go back from a fingerprint to a secret, for probing.
pub(super) struct Interner {
    fingerprint_key: FingerprintKey,
    catalogue: Arc<Catalogue>,
    /// By value, and by the provider it is assigned to: thousands of layers hold a handful of
    /// values, and hashing a value is far cheaper than its fingerprint.
    keys: HashMap<SecretValue, Vec<(Option<String>, Key)>>,
    secrets: HashMap<Fingerprint, SecretValue>,
    tags: HashMap<Fingerprint, String>,
}

impl Interner {
    pub(super) fn new(fingerprint_key: FingerprintKey, catalogue: Arc<Catalogue>) -> Self {
        Self {
            fingerprint_key,
            catalogue,
            keys: HashMap::new(),
            secrets: HashMap::new(),
            tags: HashMap::new(),
        }
    }

    /// The key of a value that is assigned to a provider, or to none.
    pub(super) fn intern(&mut self, secret: SecretValue, provider: Option<&str>) -> Key {
        let known = self.keys.get(&secret).into_iter().flatten();
        if let Some((_, key)) = known.clone().find(|(id, _)| id.as_deref() == provider) {
            return key.clone();
        }
        let fingerprint = self.fingerprint_key.fingerprint(&secret);
        let key = self.describe(&secret, fingerprint, provider);
        self.secrets.insert(fingerprint, secret.clone());
        self.keys.entry(secret).or_default().push((provider.map(str::to_owned), key.clone()));
        key
    }

    /// The secret behind a fingerprint, for the probe that sends it.
    pub(super) fn secret(&self, fingerprint: Fingerprint) -> Option<&SecretValue> {
        self.secrets.get(&fingerprint)
    }

    /// Some layer holds this text as its key.
    pub(super) fn holds(&self, text: &str) -> bool {
        self.keys.contains_key(&SecretValue::new(text))
    }

    /// Forgets every value that no layer holds any more.
    pub(super) fn keep_only(&mut self, held: impl Fn(Fingerprint) -> bool) {
        self.keys.retain(|_, keys| keys.iter().any(|(_, key)| held(key.fingerprint)));
        self.secrets.retain(|fingerprint, _| held(*fingerprint));
    }

    /// Distinct keys whose last four bytes are these (`expect = { last4 = … }`).
    pub(super) fn ending_with(&self, last4: &str) -> Vec<Fingerprint> {
        let mut keys: Vec<Fingerprint> = self
            .secrets
            .iter()
            .filter(|(_, secret)| secret.expose().ends_with(last4.as_bytes()))
            .map(|(fingerprint, _)| *fingerprint)
            .collect();
        keys.sort_unstable();
        keys
    }

    /// Every distinct value.
    pub(super) fn all(&self) -> impl Iterator<Item = (Fingerprint, &SecretValue)> {
        self.secrets.iter().map(|(fingerprint, secret)| (*fingerprint, secret))
    }

    /// What the characters of a fingerprint begin with that is written in full or as it is shown;
    /// `None` for one that cannot be compared with those of this run.
    pub(super) fn characters_of(&self, text: &str) -> Option<String> {
        let written = match text.rsplit_once(':') {
            Some((scheme, characters)) => {
                let any = self.fingerprint_key.fingerprint(&SecretValue::new(""));
                let exported = self.fingerprint_key.export(&any);
                let same = exported.rsplit_once(':').is_some_and(|(own, _)| own == scheme);
                same.then(|| characters.to_owned())?
            }
            None => text.chars().filter(|character| *character != '-').collect(),
        };
        (written.len() >= SHOWN_CHARACTERS).then(|| written.to_uppercase())
    }

    /// Distinct keys with this fingerprint, written in full or as it is shown.
    pub(super) fn named(&self, text: &str) -> Vec<Fingerprint> {
        let short: String =
            text.chars().filter(|character| *character != '-').collect::<String>().to_uppercase();
        let mut keys: Vec<Fingerprint> = self
            .secrets
            .keys()
            .copied()
            .filter(|fingerprint| {
                self.fingerprint_key.export(fingerprint) == text
                    || (short.len() >= SHOWN_CHARACTERS
                        && fingerprint.characters().starts_with(&short))
            })
            .collect();
        keys.sort_unstable();
        keys
    }

    fn describe(
        &mut self,
        secret: &SecretValue,
        fingerprint: Fingerprint,
        provider: Option<&str>,
    ) -> Key {
        let recognition = self.catalogue.recognise(secret, provider);
        let export = recognition.is_some() || self.fingerprint_key.is_team();
        let tag = (!export).then(|| self.tag(fingerprint));
        let repaired = damage::repaired(secret.expose()).and_then(|inner| {
            let inner = SecretValue::new(inner);
            let recognition = self.catalogue.recognise(&inner, provider)?;
            let fingerprint = self.fingerprint_key.fingerprint(&inner);
            Some(Repaired {
                fingerprint,
                exported: Some(self.fingerprint_key.export(&fingerprint)),
                mask: mask(&inner, Some(&recognition)),
            })
        });
        Key::from(KeyFacts {
            fingerprint,
            exported: export.then(|| self.fingerprint_key.export(&fingerprint)),
            shown: tag.clone().unwrap_or_else(|| fingerprint.shown(SHOWN_CHARACTERS)),
            tag,
            mask: mask(secret, recognition.as_ref()),
            length: recognition.is_some().then(|| secret.len()),
            length_bucket: recognition.is_none().then(|| length_bucket(secret.len())),
            flags: self.catalogue.flags(secret, provider),
            expected_lengths: self.catalogue.expected_lengths(secret, provider),
            provider: recognition.as_ref().map(|recognition| recognition.provider.clone()),
            shape: recognition.map(|recognition| recognition.shape),
            repaired,
        })
    }

    fn tag(&mut self, fingerprint: Fingerprint) -> String {
        let next = self.tags.len() + 1;
        self.tags.entry(fingerprint).or_insert_with(|| format!("≡{next}")).clone()
    }
}

/// Two shown values that collide are both lengthened (SECURITY F2). The characters to show for each
/// fingerprint that needs more than usual.
pub(super) fn lengthened(
    fingerprints: impl Iterator<Item = Fingerprint>,
) -> BTreeMap<Fingerprint, usize> {
    let mut all: Vec<Fingerprint> = fingerprints.collect();
    all.sort_unstable();
    all.dedup();
    let mut longer = BTreeMap::new();
    for pair in all.windows(2) {
        let (left, right) = (pair[0].characters(), pair[1].characters());
        let common =
            left.chars().zip(right.chars()).take_while(|(left, right)| left == right).count();
        if common >= SHOWN_CHARACTERS {
            let needed = (common / 5 + 1) * 5;
            for fingerprint in pair {
                let length = longer.entry(*fingerprint).or_insert(needed);
                *length = needed.max(*length);
            }
        }
    }
    longer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interner(fingerprint_key: FingerprintKey) -> Interner {
        Interner::new(fingerprint_key, Arc::new(Catalogue::embedded()))
    }

    fn project_key(filler: &str) -> SecretValue {
        SecretValue::new(format!("sk-proj-{0}T3BlbkFJ{0}", filler.repeat(74)))
    }

    #[test]
    fn equal_values_are_one_key_and_opaque_ones_have_tags_of_this_run() {
        let mut interner = interner(FingerprintKey::salt([1; 32]));
        let first = interner.intern(SecretValue::new("hunter2"), None);
        let second = interner.intern(SecretValue::new("another"), None);
        assert_eq!(interner.intern(SecretValue::new("hunter2"), None), first);
        assert_eq!((first.tag.as_deref(), second.tag.as_deref()), (Some("≡1"), Some("≡2")));
        assert_eq!(
            (first.exported.as_deref(), first.length, first.mask.as_str()),
            (None, None, "…")
        );
    }

    #[test]
    fn a_team_key_gives_opaque_values_a_lasting_fingerprint() {
        let mut interner = interner(FingerprintKey::team([1; 32]));
        let key = interner.intern(SecretValue::new("hunter2"), None);
        assert!(key.exported.as_ref().is_some_and(|exported| exported.starts_with("keyfpk1:")));
        assert_eq!(key.tag, None);
    }

    #[test]
    fn the_key_inside_a_damaged_value_is_the_same_key() {
        let mut interner = interner(FingerprintKey::salt([1; 32]));
        let sound = interner.intern(project_key("a"), Some("openai"));
        let mut bytes = project_key("a").expose().to_vec();
        bytes.push(b'\n');
        let damaged = interner.intern(SecretValue::new(bytes), Some("openai"));
        assert_ne!(damaged.fingerprint, sound.fingerprint);
        assert_eq!(
            damaged.repaired.as_ref().map(|inner| inner.fingerprint),
            Some(sound.fingerprint)
        );
    }

    #[test]
    fn keys_are_found_by_their_end_and_by_their_fingerprint() {
        let mut interner = interner(FingerprintKey::salt([1; 32]));
        let key = interner.intern(project_key("a"), Some("openai"));
        interner.intern(project_key("b"), Some("openai"));
        assert_eq!(interner.ending_with("aaaa"), [key.fingerprint]);
        let exported = key.exported.clone().unwrap();
        for name in [exported.as_str(), &key.shown, &key.shown.to_lowercase()] {
            assert_eq!(interner.named(name), [key.fingerprint], "{name}");
        }
        assert!(interner.named("K7QM2").is_empty(), "too short to name a key");
    }

    #[test]
    fn what_no_layer_holds_is_forgotten() {
        let mut interner = interner(FingerprintKey::salt([1; 32]));
        let kept = interner.intern(project_key("a"), None);
        let gone = interner.intern(project_key("b"), None);
        interner.keep_only(|fingerprint| fingerprint == kept.fingerprint);
        assert!(interner.secret(kept.fingerprint).is_some());
        assert!(interner.secret(gone.fingerprint).is_none());
    }

    #[test]
    fn shown_fingerprints_that_collide_are_both_lengthened() {
        let key = FingerprintKey::salt([1; 32]);
        let some = key.fingerprint(&SecretValue::new("a"));
        let other = key.fingerprint(&SecretValue::new("b"));
        assert!(lengthened([some, other, some].into_iter()).is_empty());
        let (left, right) = Fingerprint::colliding_for_tests();
        let longer = lengthened([left, right, some].into_iter());
        assert_eq!(longer.len(), 2);
        let length = longer[&left];
        assert_ne!(left.shown(length), right.shown(length));
        assert_eq!(left.shown(SHOWN_CHARACTERS), right.shown(SHOWN_CHARACTERS));
    }
}
