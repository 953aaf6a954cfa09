//! The border between secrets and the rest: every distinct value becomes one [`Key`].

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{
    domain::{
        damage,
        fingerprint::{Fingerprint, FingerprintKey, SHOWN_CHARACTERS},
        held::{MadeWith, ToldKey},
        key::{Key, KeyFacts, Repaired},
        mask::{ELLIPSIS, length_bucket, mask},
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
    /// Which secret has which fingerprint under a key, by that key's scheme: made when something
    /// was told under it, and again when other secrets are held.
    under: HashMap<String, HashMap<[u8; 16], Fingerprint>>,
    /// What was told of keys; of two who tell of the same one, by the one who knows its format.
    told: HashMap<Fingerprint, ToldKey>,
}

impl Interner {
    pub(super) fn new(fingerprint_key: FingerprintKey, catalogue: Arc<Catalogue>) -> Self {
        Self {
            fingerprint_key,
            catalogue,
            keys: HashMap::new(),
            secrets: HashMap::new(),
            tags: HashMap::new(),
            under: HashMap::new(),
            told: HashMap::new(),
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
        if self.secrets.insert(fingerprint, secret.clone()).is_none() {
            self.under.clear();
        }
        self.keys.entry(secret).or_default().push((provider.map(str::to_owned), key.clone()));
        key
    }

    /// The key that something was told of: the one held here that has the told fingerprint, or one of
    /// which only that is known. Every secret that is held has to be interned before.
    pub(super) fn intern_told(&mut self, told: &ToldKey, provider: Option<&str>) -> Key {
        let fingerprint = told.fingerprint;
        let made_with = match &told.made_with {
            MadeWith::OwnKey => self.fingerprint_key.clone(),
            MadeWith::KeyOfRun(key) => key.clone(),
        };
        let secrets = &self.secrets;
        let under = self.under.entry(made_with.scheme()).or_insert_with(|| {
            let under = |secret| made_with.fingerprint(secret).stored_bits();
            secrets.iter().map(|(own, secret)| (under(secret), *own)).collect()
        });
        if let Some(own) = under.get(&fingerprint.stored_bits())
            && let Some(secret) = self.secrets.get(own).cloned()
        {
            return self.intern(secret, provider);
        }
        let told = self.told.get(&fingerprint).unwrap_or(told).clone();
        let lasts = matches!(told.made_with, MadeWith::OwnKey);
        let tag = (!lasts).then(|| self.tag(fingerprint));
        let provider = told.shape.as_ref().and_then(|shape| shape.split_once('/'));
        Key::from(KeyFacts {
            fingerprint,
            held: false,
            exported: lasts.then(|| self.fingerprint_key.export(&fingerprint)),
            shown: tag.clone().unwrap_or_else(|| fingerprint.shown(SHOWN_CHARACTERS)),
            tag,
            mask: told.mask,
            length: told.length,
            length_bucket: told.length_bucket,
            provider: provider.map(|(provider, _)| provider.to_owned()),
            shape: told.shape,
            expected_lengths: Vec::new(),
            flags: told.flags,
            repaired: None,
        })
    }

    /// Takes note of all that is told, in the place of what was told before.
    pub(super) fn take_note<'t>(&mut self, told: impl Iterator<Item = &'t ToldKey>) {
        self.told.clear();
        for told in told {
            let known = self.told.get(&told.fingerprint);
            if known.is_none_or(|known| known.shape.is_none() && told.shape.is_some()) {
                self.told.insert(told.fingerprint, told.clone());
            }
        }
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
        self.under.clear();
    }

    /// Distinct keys whose last four bytes are these (`expect = { last4 = … }`).
    pub(super) fn ending_with(&self, last4: &str) -> Vec<Fingerprint> {
        let mut keys: Vec<Fingerprint> = self
            .secrets
            .iter()
            .filter(|(_, secret)| secret.expose().ends_with(last4.as_bytes()))
            .map(|(fingerprint, _)| *fingerprint)
            .chain(self.told_ending_with(last4))
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

    /// Keys that are not held here, whose fingerprints outlive this run.
    fn lasting(&self) -> impl Iterator<Item = Fingerprint> {
        let lasts = |told: &&ToldKey| matches!(told.made_with, MadeWith::OwnKey);
        self.told.values().filter(lasts).map(|told| told.fingerprint)
    }

    /// Of a key that is not held here its mask tells the end.
    fn told_ending_with(&self, last4: &str) -> impl Iterator<Item = Fingerprint> + use<'_> {
        let ending = format!("{ELLIPSIS}{last4}");
        let ends = move |told: &&ToldKey| told.mask.ends_with(&ending);
        self.told.values().filter(ends).map(|told| told.fingerprint)
    }

    /// Distinct keys with this fingerprint, written in full or as it is shown.
    pub(super) fn named(&self, text: &str) -> Vec<Fingerprint> {
        let short: String =
            text.chars().filter(|character| *character != '-').collect::<String>().to_uppercase();
        let mut keys: Vec<Fingerprint> = self
            .secrets
            .keys()
            .copied()
            .chain(self.lasting())
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
            held: true,
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

    fn told(made_with: MadeWith, fingerprint: Fingerprint) -> ToldKey {
        ToldKey {
            made_with,
            fingerprint: Fingerprint::of_characters(&fingerprint.characters()).unwrap(),
            mask: "sk-proj-…f3A9".to_owned(),
            length: Some(164),
            length_bucket: None,
            shape: Some("openai/project".to_owned()),
            flags: Vec::new(),
        }
    }

    #[test]
    fn what_is_told_of_a_key_that_is_held_here_is_that_key() {
        let own = FingerprintKey::salt([1; 32]);
        let of_run = FingerprintKey::team([9; 32]);
        let mut interner = interner(own.clone());
        let held = interner.intern(project_key("a"), Some("openai"));
        for (made_with, key) in
            [(MadeWith::OwnKey, &own), (MadeWith::KeyOfRun(of_run.clone()), &of_run)]
        {
            let same = told(made_with, key.fingerprint(&project_key("a")));
            assert_eq!(interner.intern_told(&same, Some("openai")), held);
        }
        let later = told(MadeWith::KeyOfRun(of_run.clone()), of_run.fingerprint(&project_key("b")));
        assert!(!interner.intern_told(&later, Some("openai")).held);
        let second = interner.intern(project_key("b"), Some("openai"));
        assert_eq!(interner.intern_told(&later, Some("openai")), second);
    }

    #[test]
    fn a_key_that_is_only_told_of_has_what_was_told_and_can_be_expected() {
        let own = FingerprintKey::salt([1; 32]);
        let mut interner = interner(own.clone());
        let elsewhere = own.fingerprint(&project_key("c"));
        let note = told(MadeWith::OwnKey, elsewhere);
        interner.take_note([&note].into_iter());
        let key = interner.intern_told(&note, Some("openai"));
        assert!(!key.held && key.tag.is_none());
        assert_eq!(key.exported, Some(own.export(&elsewhere)));
        assert_eq!(interner.named(&own.export(&elsewhere)), [key.fingerprint]);
        assert_eq!(interner.ending_with("f3A9"), [key.fingerprint]);
        assert_eq!(interner.secret(key.fingerprint), None);
        let of_run = FingerprintKey::team([9; 32]);
        let asked = told(MadeWith::KeyOfRun(of_run.clone()), of_run.fingerprint(&project_key("d")));
        let key = interner.intern_told(&asked, Some("openai"));
        assert_eq!((key.exported.as_deref(), key.tag.as_deref()), (None, Some("≡1")));
    }

    #[test]
    fn of_two_who_tell_of_a_key_the_one_who_knows_its_format_is_believed() {
        let mut interner = interner(FingerprintKey::salt([1; 32]));
        let of_run = FingerprintKey::team([9; 32]);
        let fingerprint = of_run.fingerprint(&project_key("a"));
        let full = told(MadeWith::KeyOfRun(of_run), fingerprint);
        let plain = ToldKey { mask: "sk-…".to_owned(), shape: None, ..full.clone() };
        for order in [[&plain, &full], [&full, &plain]] {
            interner.take_note(order.into_iter());
            assert_eq!(interner.intern_told(&plain, None).mask, full.mask);
        }
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
