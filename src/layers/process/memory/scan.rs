//! Finds keys in pieces of memory, as plain text and as UTF-16.
//!
//! Keys are found by what they begin with: one search for `sk-` serves every key of that form, and
//! the values of the form that nobody holds. Each piece begins with the end of the one before.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use memchr::memmem::Finder;
use zeroize::Zeroizing;

use super::{
    Form, Wanted,
    watch::{Hits, Whose, in_a_header},
};
use crate::domain::{fingerprint::Fingerprint, memory::SHORTEST_KEY, secret::SecretValue};

/// The longest run of characters that is taken for one value.
const LONGEST_VALUE: usize = 512;
/// More distinct values of a form than this are not counted.
const MOST_VALUES: usize = 10_000;
/// A shorter beginning is in every text.
const SHORTEST_ANCHOR: usize = 3;

/// How the characters of a text stand in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    Plain = 1,
    /// UTF-16 with its low byte first: Java, .NET, JavaScript where other text needs it.
    Wide = 2,
}

/// What several keys and forms begin with.
struct Anchor {
    finders: [(Width, Finder<'static>); 2],
    /// Indexes of the wanted keys.
    keys: Vec<usize>,
    /// Indexes of the forms.
    forms: Vec<usize>,
}

/// A piece of memory.
struct Piece<'b> {
    bytes: &'b [u8],
    /// How many of the first were the end of the piece before.
    carried: usize,
    /// Nothing goes on behind it.
    last: bool,
    /// Where its first byte stands.
    address: u64,
}

/// The buffer that goes over the memory, and is wiped in the end.
pub(super) struct Window {
    buffer: Zeroizing<Vec<u8>>,
    overlap: usize,
    carried: usize,
    address: u64,
}

impl Window {
    pub(super) fn new(overlap: usize, chunk: usize) -> Self {
        Self { buffer: Zeroizing::new(vec![0; overlap + chunk]), overlap, carried: 0, address: 0 }
    }

    /// What comes next stands here, and does not go on where the last piece ended.
    pub(super) const fn begin(&mut self, address: u64) {
        self.carried = 0;
        self.address = address;
    }

    /// Where to read the next bytes to: as many as are wanted, or as there is room for.
    pub(super) fn room(&mut self, want: usize) -> &mut [u8] {
        let end = self.buffer.len().min(self.carried.saturating_add(want));
        &mut self.buffer[self.carried..end]
    }

    /// So many bytes were read there.
    pub(super) fn took(&mut self, read: usize, last: bool, scanner: &mut Scanner<'_>) {
        let whole = self.carried + read;
        let bytes = &self.buffer[..whole];
        scanner.look(&Piece { bytes, carried: self.carried, last, address: self.address });
        let keep = self.overlap.min(whole);
        self.address += (whole - keep) as u64;
        self.buffer.copy_within(whole - keep..whole, 0);
        self.carried = keep;
    }
}

/// Counts what is found in the pieces it is shown.
pub(super) struct Scanner<'w> {
    wanted: &'w Wanted,
    anchors: Vec<Anchor>,
    overlap: usize,
    copies: BTreeMap<Fingerprint, usize>,
    /// What a value of some form came to: many stand in memory several times.
    values: HashMap<(usize, SecretValue), Option<Fingerprint>>,
    unknown: BTreeMap<usize, BTreeSet<Fingerprint>>,
    /// Where keys stand in requests; only where that is what is wanted.
    hits: Option<Hits>,
}

impl<'w> Scanner<'w> {
    pub(super) fn new(wanted: &'w Wanted) -> Self {
        let keys = wanted.keys.iter().map(|(_, key)| key.expose());
        let prefixes = wanted.forms.iter().map(|form| form.prefix.as_bytes());
        // `sk-` finds also what begins with `sk-proj-`; a key of no such form is found whole.
        let mut starts: Vec<&[u8]> =
            prefixes.filter(|prefix| prefix.len() >= SHORTEST_ANCHOR).chain(keys).collect();
        starts.sort_unstable();
        starts.dedup();
        let shorter = |start: &&[u8]| {
            !starts.iter().any(|other| start.len() > other.len() && start.starts_with(other))
        };
        let anchors = starts
            .iter()
            .copied()
            .filter(shorter)
            .map(|start| Anchor {
                finders: [
                    (Width::Plain, Finder::new(start).into_owned()),
                    (Width::Wide, Finder::new(&*wide(start)).into_owned()),
                ],
                keys: indexes(&wanted.keys, |(_, key)| key.expose().starts_with(start)),
                forms: indexes(&wanted.forms, |form| form.prefix.as_bytes().starts_with(start)),
            })
            .collect();
        let longest = wanted.keys.iter().map(|(_, key)| key.len()).max().unwrap_or(0);
        Self {
            wanted,
            anchors,
            // One character more on either side, which tells where a value begins and ends.
            overlap: (longest.max(LONGEST_VALUE) + 2) * 2,
            copies: BTreeMap::new(),
            values: HashMap::new(),
            unknown: BTreeMap::new(),
            hits: None,
        }
    }

    /// One that looks for keys in requests, and nothing else.
    pub(super) fn of_requests(wanted: &'w Wanted) -> Self {
        Self { hits: Some(Hits::new()), ..Self::new(wanted) }
    }

    /// There are more values of the forms than are looked at.
    pub(super) fn is_full(&self) -> bool {
        self.values.len() >= MOST_VALUES
    }

    /// Where keys stand in requests.
    pub(super) fn into_hits(self) -> Hits {
        self.hits.unwrap_or_default()
    }

    /// How much of a piece has to stand again before the next one.
    pub(super) const fn overlap(&self) -> usize {
        self.overlap
    }

    /// Looks at a piece.
    fn look(&mut self, piece: &Piece<'_>) {
        let anchors = std::mem::take(&mut self.anchors);
        for anchor in &anchors {
            for (width, finder) in &anchor.finders {
                // A request stands there as it is sent.
                if self.hits.is_some() && *width == Width::Wide {
                    continue;
                }
                for at in finder.find_iter(piece.bytes) {
                    if self.hits.is_some() && !in_a_header(piece.bytes, at) {
                        continue;
                    }
                    self.keys_at(anchor, *width, piece, at);
                    self.values_at(anchor, *width, piece, at);
                }
            }
        }
        self.anchors = anchors;
    }

    /// The wanted keys that stand here. One that ends in what was carried over was counted before.
    fn keys_at(&mut self, anchor: &Anchor, width: Width, piece: &Piece<'_>, at: usize) {
        for index in &anchor.keys {
            let (fingerprint, key) = &self.wanted.keys[*index];
            let end = at + key.len() * width as usize;
            if end > piece.carried && stands(piece.bytes, at, key.expose(), width) {
                *self.copies.entry(*fingerprint).or_default() += 1;
                if let Some(hits) = &mut self.hits {
                    hits.insert((Whose::Wanted(*fingerprint), piece.address + at as u64));
                }
            }
        }
    }

    /// What stands here and begins like a key: whole, and in each length that such keys have, since
    /// what is left behind of a key may have other characters right after it.
    fn values_at(&mut self, anchor: &Anchor, width: Width, piece: &Piece<'_>, at: usize) {
        if anchor.forms.is_empty() || preceded(piece.bytes, at, width) {
            return;
        }
        let run = run(piece.bytes, at, width);
        if run.len() < SHORTEST_KEY {
            return;
        }
        let end = |length: usize| at + length * width as usize;
        // The next piece shows the rest of it.
        let cut = !piece.last && end(run.len() + 1) > piece.bytes.len();
        // Of what was carried over, the piece before has counted what it could see the end of.
        let seen_fixed = |length| end(length) <= piece.carried;
        let seen_whole = end(run.len() + 1) <= piece.carried;
        let wanted = self.wanted;
        for index in &anchor.forms {
            let form = &wanted.forms[*index];
            if !run.starts_with(form.prefix.as_bytes()) {
                continue;
            }
            let any_length = !form.lengths.contains(&run.len());
            let fixed = form.lengths.iter().copied().filter(|length| *length <= run.len());
            for length in fixed.chain((any_length && !cut).then_some(run.len())) {
                let value = &run[..length];
                let known = wanted.keys.iter().any(|(_, key)| key.expose() == value);
                let whole = length == run.len() && !cut;
                let seen = if whole && any_length { seen_whole } else { seen_fixed(length) };
                if !known && !self.is_full() {
                    let address = piece.address + at as u64;
                    self.value(*index, SecretValue::new(value), address, (!seen, whole));
                }
            }
        }
    }

    /// A copy of a key that is known by its fingerprint counts where it was not seen before.
    fn value(
        &mut self,
        index: usize,
        value: SecretValue,
        address: u64,
        (counts, whole): (bool, bool),
    ) {
        let form = &self.wanted.forms[index];
        let fingerprint = *self
            .values
            .entry((index, value))
            .or_insert_with_key(|(_, value)| (form.key_of)(value));
        let Some(fingerprint) = fingerprint else { return };
        let characters = fingerprint.characters();
        if form.named.iter().any(|named| characters.starts_with(named)) {
            *self.copies.entry(fingerprint).or_default() += usize::from(counts);
            if let Some(hits) = &mut self.hits {
                hits.insert((Whose::Wanted(fingerprint), address));
            }
        } else if whole {
            self.unknown.entry(index).or_default().insert(fingerprint);
            if let Some(hits) = &mut self.hits {
                hits.insert((Whose::Unknown(index, fingerprint), address));
            }
        }
    }

    /// Copies by key, and distinct other values by provider.
    pub(super) fn into_counts(self) -> (BTreeMap<Fingerprint, usize>, BTreeMap<String, usize>) {
        let mut by_provider: BTreeMap<String, BTreeSet<Fingerprint>> = BTreeMap::new();
        for (index, values) in self.unknown {
            let Form { provider, .. } = &self.wanted.forms[index];
            by_provider.entry(provider.clone()).or_default().extend(values);
        }
        let unknown = by_provider.into_iter().map(|(id, values)| (id, values.len())).collect();
        (self.copies, unknown)
    }
}

fn indexes<T>(all: &[T], wanted: impl Fn(&T) -> bool) -> Vec<usize> {
    all.iter().enumerate().filter(|(_, one)| wanted(one)).map(|(index, _)| index).collect()
}

fn wide(text: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.iter().flat_map(|byte| [*byte, 0]).collect())
}

/// The characters of `text` stand at this place.
fn stands(piece: &[u8], at: usize, text: &[u8], width: Width) -> bool {
    let Some(place) = piece.get(at..at + text.len() * width as usize) else { return false };
    match width {
        Width::Plain => place == text,
        Width::Wide => {
            place.chunks_exact(2).zip(text).all(|(pair, byte)| pair[0] == *byte && pair[1] == 0)
        }
    }
}

/// The character before belongs to a longer word, as in `risk-free`.
fn preceded(piece: &[u8], at: usize, width: Width) -> bool {
    let before = match width {
        Width::Plain => at.checked_sub(1).and_then(|before| piece.get(before)),
        Width::Wide => at
            .checked_sub(2)
            .and_then(|before| piece.get(before..at))
            .filter(|pair| pair[1] == 0)
            .map(|pair| &pair[0]),
    };
    before.is_some_and(|byte| in_a_key(*byte))
}

/// The characters that go on from here.
fn run(piece: &[u8], at: usize, width: Width) -> Zeroizing<Vec<u8>> {
    let rest = piece.get(at..).unwrap_or_default();
    Zeroizing::new(match width {
        Width::Plain => {
            rest.iter().take(LONGEST_VALUE).take_while(|byte| in_a_key(**byte)).copied().collect()
        }
        Width::Wide => rest
            .chunks_exact(2)
            .take(LONGEST_VALUE)
            .take_while(|pair| pair[1] == 0 && in_a_key(pair[0]))
            .map(|pair| pair[0])
            .collect(),
    })
}

/// Keys are made of these.
const fn in_a_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::domain::fingerprint::FingerprintKey;

    fn salt() -> FingerprintKey {
        FingerprintKey::salt([1; 32])
    }

    /// A key of a form that begins with `ab-` and has 20 or 24 characters.
    fn key(letter: char, length: usize) -> String {
        format!("ab-{}", letter.to_string().repeat(length - 3))
    }

    fn wanted(keys: &[&str], named: &[&str]) -> Wanted {
        let fingerprint = |text: &str| salt().fingerprint(&SecretValue::new(text));
        let is_key = |value: &[u8]| {
            matches!(value.len(), 20 | 24)
                && value[3..].iter().all(|byte| *byte == value[3] && byte.is_ascii_alphabetic())
        };
        Wanted {
            keys: keys.iter().map(|key| (fingerprint(key), SecretValue::new(*key))).collect(),
            forms: vec![Form {
                provider: "some".to_owned(),
                prefix: "ab-".to_owned(),
                lengths: vec![20, 24],
                key_of: Arc::new(move |value| {
                    is_key(value.expose()).then(|| salt().fingerprint(value))
                }),
                named: named.iter().map(|key| fingerprint(key).characters()).collect(),
            }],
        }
    }

    /// Copies of each of the keys, and distinct unknown ones, with pieces of this size.
    fn counts(memory: &[u8], keys: &[&str], named: &[&str], chunk: usize) -> (Vec<usize>, usize) {
        let wanted = wanted(keys, named);
        let mut scanner = Scanner::new(&wanted);
        let mut window = Window::new(scanner.overlap(), chunk);
        window.begin(0);
        let mut rest = memory;
        while !rest.is_empty() {
            let room = window.room(rest.len());
            let read = room.len();
            room.copy_from_slice(&rest[..read]);
            rest = &rest[read..];
            window.took(read, rest.is_empty(), &mut scanner);
        }
        let (copies, unknown) = scanner.into_counts();
        let of = |key: &&str| {
            let fingerprint = salt().fingerprint(&SecretValue::new(*key));
            copies.get(&fingerprint).copied().unwrap_or(0)
        };
        (keys.iter().chain(named).map(of).collect(), unknown.get("some").copied().unwrap_or(0))
    }

    fn wide_text(text: &str) -> Vec<u8> {
        text.bytes().flat_map(|byte| [byte, 0]).collect()
    }

    #[rstest]
    #[case::plain(b"Bearer KEY\r\n".to_vec(), 1, 0)]
    #[case::several(b"KEY\0KEY KEY".to_vec(), 3, 0)]
    #[case::part_of_a_longer_word(b"xKEYx".to_vec(), 1, 0)]
    #[case::cut(b"ab-kkkkkkkkkkkkkkkk ".to_vec(), 0, 0)]
    #[case::unknown(b"=ab-uuuuuuuuuuuuuuuuu ab-vvvvvvvvvvvvvvvvv\0".to_vec(), 0, 2)]
    #[case::unknown_twice(b"ab-uuuuuuuuuuuuuuuuu\0ab-uuuuuuuuuuuuuuuuu".to_vec(), 0, 1)]
    #[case::in_a_word(b"dab-uuuuuuuuuuuuuuuuu".to_vec(), 0, 0)]
    #[case::too_long(b"ab-uuuuuuuuuuuuuuuuuu".to_vec(), 0, 0)]
    #[case::of_no_form(b"ab-12345678901234567".to_vec(), 0, 0)]
    fn what_counts(#[case] memory: Vec<u8>, #[case] copies: usize, #[case] unknown: usize) {
        let key = key('k', 20);
        let text = String::from_utf8(memory).unwrap().replace("KEY", &key);
        let expected = (vec![copies], unknown);
        assert_eq!(counts(text.as_bytes(), &[&key], &[], 4096), expected);
        assert_eq!(counts(&wide_text(&text), &[&key], &[], 4096), expected, "as UTF-16");
    }

    #[test]
    fn a_key_known_by_its_fingerprint_is_found_with_other_bytes_behind_it() {
        let (named, other) = (key('n', 20), key('o', 24));
        let memory = format!("{named}zzz\0{named}\0{other}");
        assert_eq!(counts(memory.as_bytes(), &[], &[&named], 4096), (vec![2], 1));
    }

    #[test]
    fn a_key_without_the_form_is_found_whole() {
        let memory = b"..correct horse battery staple..";
        assert_eq!(counts(memory, &["correct horse battery"], &[], 4096), (vec![1], 0));
    }

    proptest! {
        /// Where memory is cut into pieces changes nothing.
        #[test]
        fn pieces_do_not_matter(
            parts in proptest::collection::vec((0_usize..5, 0_usize..40, any::<bool>()), 0..60),
            chunk in 1_usize..300,
        ) {
            let (first, second, named, unknown) =
                (key('k', 20), key('l', 24), key('n', 20), key('u', 24));
            let mut memory = Vec::new();
            for (which, gap, is_wide) in parts {
                let text = [&*first, &*second, &*named, &*unknown, "ab-"][which];
                if is_wide {
                    memory.extend(wide_text(text));
                } else {
                    memory.extend(text.bytes());
                }
                memory.extend(vec![b' '; gap]);
            }
            let keys = [&*first, &*second];
            let whole = counts(&memory, &keys, &[&named], memory.len() + 1);
            prop_assert_eq!(counts(&memory, &keys, &[&named], chunk), whole);
        }
    }
}
