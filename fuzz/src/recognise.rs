//! Values: whose keys they are, what is wrong with them, and what is shown of them.

use stalekey::{
    domain::{
        damage::repaired,
        mask::{ELLIPSIS, mask},
        secret::SecretValue,
    },
    providers::{Catalogue, Provider},
};

use super::{holds::same, input::Input, seeds};

pub fn run(bytes: &[u8]) {
    let catalogue = Catalogue::embedded();
    let mut input = Input::of(bytes);
    let ids: Vec<&str> = catalogue.ids().collect();
    let assigned = input.choose_or_none(&ids);
    let bytes = input.rest();
    let secret = SecretValue::new(bytes);
    let recognition = same(|| catalogue.recognise(&secret, assigned));
    let flags = same(|| catalogue.flags(&secret, assigned));
    assert!(flags.is_sorted(), "{flags:?}");
    same(|| catalogue.expected_lengths(&secret, assigned));
    for id in &ids {
        let owner = catalogue.only_for(&secret, id);
        assert_ne!(owner.map(Provider::id), Some(*id), "kept from its own provider");
    }
    let text = mask(&secret, recognition.as_ref());
    match &recognition {
        None => assert_eq!(text, ELLIPSIS),
        Some(recognition) => {
            let shown = text.len() - ELLIPSIS.len();
            let prefix = recognition.prefix_length;
            assert!(prefix <= bytes.len());
            let body = bytes.len() - prefix;
            assert!(shown <= prefix + body / 4, "more than a quarter is shown");
            let (head, tail) = text.split_once(ELLIPSIS).unwrap_or_default();
            assert!(bytes.starts_with(head.as_bytes()) && bytes.ends_with(tail.as_bytes()));
        }
    }
    if let Some(inner) = same(|| repaired(bytes)) {
        assert!(inner.len() < bytes.len(), "repaired and no shorter");
        assert_eq!(repaired(&inner), None, "repaired twice");
    }
}

/// Every format of the catalogue has a prefix of these; what follows is made here, for no key may
/// stand in a file.
pub fn seeds() -> Vec<Vec<u8>> {
    let body = |length: usize| -> Vec<u8> {
        (0..length).map(|index| b"abcDEF0123-_xyzQ"[index * 7 % 16]).collect()
    };
    let mut values = vec![b"\"changeme\"".to_vec(), b"Bearer x\r\n".to_vec(), b"${K}".to_vec()];
    for file in seeds::files("assets/providers", "toml") {
        let text = String::from_utf8_lossy(&file).into_owned();
        for line in text.lines().filter(|line| line.trim_start().starts_with("prefix")) {
            let prefix = line.split('"').nth(1).unwrap_or_default();
            for length in [8, 20, 32, 40, 48, 93, 156] {
                values.push([prefix.as_bytes(), &body(length)].concat());
            }
        }
    }
    seeds::chosen(&values, &(0..8).map(|provider| vec![provider]).collect::<Vec<_>>())
}
