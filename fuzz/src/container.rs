//! What the engines of containers print: descriptions, lists of ids, and words of a refusal.

use stalekey::{
    domain::{container::Engine, inert::inert, reading::Yield},
    formats::container::{ids, inspected, refusal},
};

use super::{holds::same, seeds};

pub fn run(bytes: &[u8]) {
    let is_wanted = |name: &str| name.ends_with("KEY");
    let containers = same(|| inspected(bytes, Engine::Podman, &is_wanted)).unwrap_or_default();
    for container in containers {
        let facts = &container.facts;
        for text in [&facts.id, &facts.name, &facts.image, &facts.state] {
            assert_eq!(*text, inert(text), "a text that is not inert");
        }
        for occurrence in &container.contents.occurrences {
            assert!(occurrence.wins && is_wanted(&occurrence.variable));
            let Yield::Value(value) = &occurrence.yields else { panic!("no value") };
            assert!(value.len() <= bytes.len(), "a value longer than all that was printed");
        }
        // What would be pasted into a shell is one line.
        for command in facts.recreate().into_iter().chain([facts.restart(), facts.start()]) {
            assert!(!command.contains('\n'), "{command:?}");
        }
    }
    for id in same(|| ids(bytes)) {
        assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()), "an argument that is no id");
    }
    same(|| refusal(bytes));
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = seeds::files("tests/fixtures/containers", "json");
    seeds.extend(seeds::literals("src/formats/container"));
    seeds
}
