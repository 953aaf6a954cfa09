//! `${…}` in compose files.

use stalekey::formats::template::{MOST_ADDED, MOST_LOOKUPS, expand};

use super::{holds::same, input::environment, seeds};

pub fn run(bytes: &[u8]) {
    let environment = environment();
    let answer = same(|| {
        expand(bytes, &mut |name| environment.get(name).map(|value| (value, name.to_owned())))
    });
    match answer {
        Ok(expansion) => {
            assert!(expansion.value.len() <= bytes.len() + MOST_ADDED);
            assert!(expansion.lookups.len() <= MOST_LOOKUPS);
            for lookup in expansion.lookups {
                assert!(!lookup.variable.is_empty());
                assert!(!lookup.used || lookup.source.is_some());
                assert!(!lookup.blank || lookup.source.is_none());
            }
            if !bytes.contains(&b'$') {
                assert_eq!(expansion.value.expose(), bytes);
            }
        }
        Err(fault) => assert!(fault.offset < bytes.len()),
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut texts = seeds::literals("src/formats/template.rs");
    texts.extend(seeds::literals("src/formats/compose"));
    texts.extend(seeds::texts("corpus/peers/compose_go_template.json", "template"));
    texts
}
