//! Finds pieces of canaries in artefacts, and says which characters of which key got out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use sha2::{Digest as _, Sha256, Sha512};

use super::{canary::Canary, views::views};

/// What is hidden is shown like this, before a tail or after a head.
const ELLIPSES: [&str; 4] = ["…", "...", "***", "•••"];
/// All needles are at least this long.
const KEY_LENGTH: usize = 4;
const FILTER_BITS: u32 = 20;

/// Something to look for, and what finding it reveals.
struct Needle {
    key: usize,
    text: Vec<u8>,
    revealed: std::ops::Range<usize>,
    form: &'static str,
    /// Counts only where it is no part of a longer word or mask.
    alone: bool,
}

/// One piece of a key, somewhere it must not be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Leak {
    /// Where the key stands.
    pub(crate) key: String,
    /// What it was found in.
    pub(crate) artefact: String,
    /// How it was read and what form it had.
    pub(crate) how: String,
    /// Characters of the body.
    pub(crate) positions: BTreeSet<usize>,
}

/// Looks for all needles at once.
pub(crate) struct Scanner<'a> {
    keys: &'a [Canary],
    needles: Vec<Needle>,
    by_start: HashMap<[u8; KEY_LENGTH], Vec<usize>>,
    filter: Vec<u64>,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(keys: &'a [Canary]) -> Self {
        let mut scanner = Self {
            keys,
            needles: Vec::new(),
            by_start: HashMap::new(),
            filter: vec![0; 1 << (FILTER_BITS - 6)],
        };
        for (number, key) in keys.iter().enumerate() {
            scanner.add_grams(number, key);
            scanner.add_edges(number, key);
            scanner.add_digests(number, key);
        }
        for (index, needle) in scanner.needles.iter().enumerate() {
            let start = start_of(&needle.text);
            let bit = bit_of(start);
            scanner.filter[bit >> 6] |= 1 << (bit & 63);
            scanner.by_start.entry(start).or_default().push(index);
        }
        scanner
    }

    fn add_grams(&mut self, number: usize, key: &Canary) {
        let length = key.gram();
        for (start, gram) in key.grams() {
            let mut add = |text: Vec<u8>, form| {
                let revealed = start..start + length;
                self.needles.push(Needle { key: number, text, revealed, form, alone: false });
            };
            add(gram.to_vec(), "plain");
            add(gram.iter().rev().copied().collect(), "reversed");
            add(hex(gram).into_bytes(), "hex");
            for offset in 0..3 {
                let padded = [&vec![0; offset][..], gram].concat();
                // Only the characters that the gram alone decides.
                let sure = (offset * 8).div_ceil(6)..padded.len() * 8 / 6;
                let standard = STANDARD_NO_PAD.encode(&padded);
                let url_safe = URL_SAFE_NO_PAD.encode(&padded);
                add(standard.as_bytes()[sure.clone()].to_vec(), "base64");
                if standard != url_safe {
                    add(url_safe.as_bytes()[sure].to_vec(), "base64");
                }
            }
        }
    }

    /// Shorter pieces, where their surroundings say what they are.
    fn add_edges(&mut self, number: usize, key: &Canary) {
        let mut add = |text: Vec<u8>, revealed| {
            self.needles.push(Needle { key: number, text, revealed, form: "edge", alone: true });
        };
        let length = key.body.len();
        if key.format.is_opaque() {
            for size in 2..5 {
                for ellipsis in ELLIPSES {
                    let tail = [ellipsis.as_bytes(), &key.body[length - size..]].concat();
                    add(tail, length - size..length);
                    let head = [&key.body[..size], ellipsis.as_bytes()].concat();
                    add(head, 0..size);
                }
            }
        }
        if key.format.is_hex() {
            for size in 5..8 {
                add(key.body[length - size..].to_vec(), length - size..length);
                add(key.body[..size].to_vec(), 0..size);
            }
        }
    }

    /// An unkeyed digest lets anyone check a guess.
    fn add_digests(&mut self, number: usize, key: &Canary) {
        let bytes = key.bytes();
        for digest in [Sha256::digest(&bytes).to_vec(), Sha512::digest(&bytes).to_vec()] {
            let forms = [
                hex(&digest[..6]),
                STANDARD_NO_PAD.encode(&digest[..9]),
                URL_SAFE_NO_PAD.encode(&digest[..9]),
            ];
            for text in forms {
                self.needles.push(Needle {
                    key: number,
                    text: text.into_bytes(),
                    revealed: 0..key.body.len(),
                    form: "digest",
                    alone: false,
                });
            }
        }
    }

    /// Everything that this artefact reveals, allowed or not.
    pub(crate) fn scan(&self, artefact: &str, bytes: &[u8]) -> Vec<Leak> {
        let mut found: BTreeMap<(usize, &str, &str), BTreeSet<usize>> = BTreeMap::new();
        for (view, text) in views(bytes) {
            for at in 0..text.len().saturating_sub(KEY_LENGTH - 1) {
                let start = start_of(&text[at..]);
                let bit = bit_of(start);
                if self.filter[bit >> 6] & 1 << (bit & 63) == 0 {
                    continue;
                }
                for index in self.by_start.get(&start).into_iter().flatten() {
                    let needle = &self.needles[*index];
                    let here = text[at..].starts_with(&needle.text);
                    // Thousands of random digits look like six of some key's base64 now and then.
                    let chance = here && needle.form == "base64" && in_a_fingerprint(&text, at);
                    let alone = !needle.alone || stands_alone(&text, at, needle.text.len());
                    if here && alone && !chance {
                        let key = (needle.key, view, needle.form);
                        found.entry(key).or_default().extend(needle.revealed.clone());
                    }
                }
            }
        }
        // Joining puts the tail of one key's mask before the next column: a single piece is chance.
        let literal = |view: &str| matches!(view, "raw" | "without terminal escapes");
        // A cut word and its ellipsis look like two characters of any key once case is gone.
        found.retain(|(key, view, form), positions| match *form {
            "plain" => literal(view) || positions.len() > self.keys[*key].gram(),
            "edge" => literal(view),
            _ => true,
        });
        let leaks = found.into_iter().map(|((key, view, form), positions)| Leak {
            key: self.keys[key].label.clone(),
            artefact: artefact.to_owned(),
            how: format!("{form}, {view}"),
            positions,
        });
        leaks.collect()
    }
}

/// What is revealed beyond the masks, over all findings together.
pub(crate) fn beyond_masks(keys: &[Canary], leaks: Vec<Leak>) -> Vec<Leak> {
    let allowed: HashMap<&str, BTreeSet<usize>> =
        keys.iter().map(|key| (key.label.as_str(), key.allowed())).collect();
    let mut beyond: Vec<Leak> = leaks
        .into_iter()
        .filter(|leak| {
            allowed.get(leak.key.as_str()).is_none_or(|allowed| !leak.positions.is_subset(allowed))
        })
        .collect();
    beyond.sort();
    beyond
}

fn start_of(text: &[u8]) -> [u8; KEY_LENGTH] {
    [text[0], text[1], text[2], text[3]]
}

const fn bit_of(start: [u8; KEY_LENGTH]) -> usize {
    (u32::from_le_bytes(start).wrapping_mul(0x9E37_79B1) >> (32 - FILTER_BITS)) as usize
}

fn stands_alone(text: &[u8], at: usize, length: usize) -> bool {
    let is_word =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    let before = at.checked_sub(1).and_then(|before| text.get(before));
    !is_word(before) && !is_word(text.get(at + length))
}

/// Whether this is a place in `keyfp1:K7QM2XPD:…`, which is a digest.
fn in_a_fingerprint(text: &[u8], at: usize) -> bool {
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b':';
    let before = text[..at].iter().rev().take_while(|byte| digit(byte)).count();
    let word = &text[at - before..at];
    [&b"keyfp1:"[..], b"keyfpk1:"]
        .iter()
        .any(|start| word.get(..start.len()).is_some_and(|it| it.eq_ignore_ascii_case(start)))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
