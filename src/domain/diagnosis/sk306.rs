//! A placeholder, a reference, another vendor's key, or a key with words around it.

use super::{
    Finding, Scene,
    scene::{edit, name, variable},
};
use crate::domain::{damage::Flag, snapshot::Row};

const WRONG_THINGS: [Flag; 5] = [
    Flag::Placeholder,
    Flag::LiteralNone,
    Flag::OtherVendor,
    Flag::UnexpandedVariable,
    Flag::BearerIncluded,
];

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene.damaged("SK306", &WRONG_THINGS, |row| {
        (format!("`{}` in {} holds {}.", variable(row), name(row), what(row)), vec![edit(row)])
    })
}

fn what(row: &Row) -> String {
    let Some(key) = row.key() else { return "something else".to_owned() };
    let flag = WRONG_THINGS.iter().find(|flag| key.flags.contains(flag));
    match flag {
        Some(Flag::LiteralNone) => "the text a program writes for \"nothing\"".to_owned(),
        Some(Flag::OtherVendor) => match &key.provider {
            Some(provider) => format!("a key of another vendor ({provider})"),
            None => "a key of another vendor".to_owned(),
        },
        Some(Flag::UnexpandedVariable) => "a reference that nobody expanded".to_owned(),
        Some(Flag::BearerIncluded) => "the word `Bearer` before the key".to_owned(),
        _ => "a placeholder, not a key".to_owned(),
    }
}
