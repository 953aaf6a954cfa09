//! Foreign text on its way to a screen, and filters as they are typed.

use stalekey::{
    domain::{
        inert::{MOST_CHARACTERS, inert, inert_bytes, inert_within, quoted},
        query::Filter,
    },
    tui::text::{cell, fit, fit_end, width, wrap},
};

use super::{holds::same, input::Input, seeds};

pub fn run(bytes: &[u8]) {
    let mut input = Input::of(bytes);
    let most = usize::from(input.byte());
    let text = input.text();
    let safe = inert(&text);
    assert!(safe.chars().count() <= MOST_CHARACTERS);
    assert_eq!(inert(&safe), safe, "inert twice");
    assert!(!safe.chars().any(char::is_control), "a control character came through");
    assert!(inert_within(&text, most.max(1)).chars().count() <= most.max(1));
    assert_eq!(inert_bytes(text.as_bytes()), safe);
    let word = quoted(&safe);
    assert!(word.len() >= safe.len());
    same(|| Filter::parse(&text));
    assert!(width(&fit(&safe, most, "…")) <= most);
    assert!(width(&fit_end(&safe, most, "…")) <= most);
    assert_eq!(width(&cell(&safe, most, "…")), most);
    for line in wrap(&safe, most) {
        // A wide character cannot be broken.
        assert!(width(&line) <= most.max(2), "{line:?} is wider than {most}");
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    for folder in ["src/domain/query.rs", "src/domain/inert.rs", "src/tui"] {
        texts.extend(seeds::literals(folder));
    }
    seeds::chosen(&texts, &[vec![10], vec![80]])
}
