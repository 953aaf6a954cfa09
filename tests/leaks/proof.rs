//! The gate proves itself: what is leaked on purpose is found, and what is clean stays clean.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use rstest::rstest;
use sha2::{Digest as _, Sha256};

use super::{
    canary::{Canary, Format, Mint},
    gate::Gate,
    scan::{Leak, Scanner, beyond_masks, hex},
};

fn found(keys: &[Canary], texts: &[&[u8]]) -> Vec<Leak> {
    let scanner = Scanner::new(keys);
    beyond_masks(keys, texts.iter().flat_map(|text| scanner.scan("text", text)).collect())
}

fn two_lines(text: &str, between: &str) -> String {
    let (left, right) = text.split_at(text.len() / 2 + 2);
    format!("{left}{between}{right}")
}

type Spill = fn(&Canary) -> Vec<u8>;

fn percent(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
}

fn last(key: &Canary, count: usize) -> &[u8] {
    &key.body[key.body.len() - count..]
}

/// What a careless program does with a key.
const SPILLS: &[(&str, Spill)] = &[
    ("whole", |key| [b"invalid key: ", &key.bytes()[..]].concat()),
    ("last five", |key| [b"...", last(key, 5)].concat()),
    ("last eight", |key| [b"\xe2\x80\xa6", last(key, 8)].concat()),
    ("middle", |key| key.body[3..11].to_vec()),
    ("base64", |key| STANDARD.encode(key.bytes()).into_bytes()),
    ("base64 of a header", |key| {
        STANDARD.encode([b"Bearer ", &key.bytes()[..]].concat()).into_bytes()
    }),
    ("base64 for urls", |key| URL_SAFE.encode([b"\xff", &key.bytes()[..]].concat()).into_bytes()),
    ("sha256", |key| hex(&Sha256::digest(key.bytes())).into_bytes()),
    ("sha256 begun", |key| hex(&Sha256::digest(key.bytes())).as_bytes()[..12].to_vec()),
    ("sha256 in base64", |key| STANDARD.encode(Sha256::digest(key.bytes())).into_bytes()),
    ("percent encoded", |key| percent(&key.bytes()).into_bytes()),
    ("wrapped", |key| two_lines(&String::from_utf8_lossy(&key.bytes()), "\n    ").into_bytes()),
    ("in a box", |key| {
        let text = two_lines(&String::from_utf8_lossy(&key.bytes()), " │\n│ ");
        format!("┌────┐\n│ {text} │\n└────┘").into_bytes()
    }),
    ("in a box of ascii", |key| {
        two_lines(&String::from_utf8_lossy(&key.bytes()), " |\n| ").into_bytes()
    }),
    ("reversed", |key| key.bytes().into_iter().rev().collect()),
    ("hex", |key| hex(&key.bytes()).into_bytes()),
    ("hex in capitals", |key| hex(&key.bytes()).to_uppercase().into_bytes()),
    ("hex with colons", |key| {
        let pairs: Vec<String> = key.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        pairs.join(":").into_bytes()
    }),
    ("numbers", |key| format!("{:?}", key.bytes()).into_bytes()),
    ("json escaped", |key| {
        key.bytes().iter().map(|byte| format!("\\u{byte:04x}")).collect::<String>().into_bytes()
    }),
    ("rust escaped", |key| {
        key.bytes().iter().map(|byte| format!("\\u{{{byte:x}}}")).collect::<String>().into_bytes()
    }),
    ("shell escaped", |key| {
        key.bytes().iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>().into_bytes()
    }),
    ("octal", |key| {
        key.bytes().iter().map(|byte| format!("\\{byte:03o}")).collect::<String>().into_bytes()
    }),
    ("entities", |key| {
        key.bytes().iter().map(|byte| format!("&#{byte};")).collect::<String>().into_bytes()
    }),
    ("in the clipboard", |key| {
        format!("\x1b]52;c;{}\x07", STANDARD.encode(key.bytes())).into_bytes()
    }),
    ("in a title", |key| [b"\x1b]0;", &key.bytes()[..], b"\x07"].concat()),
    ("coloured", |key| {
        key.bytes()
            .iter()
            .map(|byte| format!("\x1b[31m{}\x1b[0m", char::from(*byte)))
            .collect::<String>()
            .into_bytes()
    }),
    ("in utf16", |key| key.bytes().iter().flat_map(|byte| [*byte, 0]).collect()),
    ("a line for each", |key| key.bytes().iter().flat_map(|byte| [*byte, b'\n']).collect()),
];

#[test]
fn every_deliberate_leak_is_found() {
    let mut mint = Mint::new();
    for format in Format::ALL {
        mint.make(format, &format!("{format:?}"));
    }
    let scanner = Scanner::new(&mint.kept);
    for ((name, spill), key) in
        SPILLS.iter().flat_map(|spill| mint.kept.iter().map(move |key| (spill, key)))
    {
        let spilt = [b"some text before ", &spill(key)[..], b" and after\n"].concat();
        // Terminal escapes and text of several bytes do not survive every encoding above.
        let plain = key.body.iter().all(u8::is_ascii_graphic);
        let leaks = beyond_masks(&mint.kept, scanner.scan(name, &spilt));
        // In base64 two keys may share the characters of a short piece.
        let named = leaks.iter().any(|leak| leak.key == key.label);
        assert!(!plain || named, "{name}: {} was not found", key.label);
    }
}

#[test]
fn odd_values_are_found_too() {
    let mut mint = Mint::new();
    for format in [Format::OpaqueLineEnds, Format::OpaqueUtf8, Format::OpaqueEscape] {
        let key = mint.make(format, &format!("{format:?}"));
        let shown = stalekey::domain::inert::inert(&key.text());
        for text in [key.bytes(), shown.into_bytes(), format!("{:?}", key.text()).into_bytes()] {
            assert!(!found(&mint.kept, &[&text]).is_empty(), "{format:?}");
        }
    }
}

#[rstest]
#[case(1)]
#[case(2)]
#[case(3)]
fn an_opaque_value_that_is_masked_like_a_key_is_found(#[case] more: usize) {
    let mut mint = Mint::new();
    let key = mint.make(Format::Opaque, "opaque");
    let tail = String::from_utf8_lossy(last(&key, more + 1)).into_owned();
    for text in [format!("key …{tail} x"), format!("key ...{tail}\n"), format!("***{tail}")] {
        assert!(!found(&mint.kept, &[text.as_bytes()]).is_empty(), "{text}");
    }
}

#[test]
fn masks_and_fingerprints_are_clean() {
    use stalekey::domain::{fingerprint::FingerprintKey, secret::SecretValue};
    let mut mint = Mint::new();
    let mut clean = String::new();
    let salt = FingerprintKey::salt([7; 32]);
    for format in Format::ALL {
        let key = mint.make(format, &format!("{format:?}"));
        let fingerprint = salt.fingerprint(&SecretValue::new(key.bytes()));
        clean.push_str(&format!(
            "│ {} │ {} {} │ 164 │\n",
            key.mask(),
            salt.export(&fingerprint),
            fingerprint.shown(10)
        ));
    }
    clean.push_str(include_str!("../../Cargo.lock"));
    clean.push_str(include_str!("../../config.example.toml"));
    assert_eq!(found(&mint.kept, &[clean.as_bytes()]), []);
}

#[test]
fn one_character_more_than_the_mask_is_found() {
    let mut mint = Mint::new();
    for format in Format::ALL {
        let key = mint.make(format, &format!("{format:?}"));
        let tail = key.allowed().iter().filter(|at| **at >= key.body.len() / 2).count();
        if tail > 0 {
            let more = String::from_utf8_lossy(last(&key, tail + 1)).into_owned();
            let shown = format!("sk-…{more} ");
            assert!(!found(&mint.kept, &[shown.as_bytes()]).is_empty(), "{format:?}");
        }
    }
}

#[test]
fn pieces_in_different_places_count_together() {
    let mut mint = Mint::new();
    let key = mint.make(Format::OpenaiLegacy, "legacy");
    // Each of both pieces is longer than five, and neither is the whole.
    let leaks = found(&mint.kept, &[&key.body[..6], &key.body[6..12]]);
    assert_eq!(leaks.len(), 2, "{leaks:#?}");
}

#[test]
#[should_panic(expected = "leaks")]
fn a_leak_makes_the_gate_fail() {
    let mut gate = Gate::new();
    let key = gate.key(Format::OpenaiProject, "a place");
    gate.saw("an artefact", key.bytes());
    gate.verdict();
}

#[test]
#[should_panic(expected = "its mask is nowhere")]
fn a_key_that_was_never_read_makes_the_gate_fail() {
    let mut gate = Gate::new();
    let key = gate.key(Format::OpenaiProject, "a place");
    gate.saw("an artefact", "nothing");
    gate.assert_shown(&key);
}
