//! A character that cannot be seen, or that no key has.

use super::{
    Finding, Fix, Scene,
    scene::{edit_place, name},
};
use crate::domain::damage::Flag;

const INVISIBLE: [Flag; 4] = [Flag::ZeroWidth, Flag::Bom, Flag::NonAscii, Flag::Nul];

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene.damaged("SK309", &INVISIBLE, |row| {
        let flags: Vec<&str> = row.key().map_or_else(Vec::new, |key| {
            key.flags
                .iter()
                .filter(|flag| INVISIBLE.contains(flag))
                .map(|flag| flag.name())
                .collect()
        });
        let place = edit_place(row).unwrap_or_else(|| name(row));
        (
            format!(
                "The value in {} has a character that no key has ({}); it came with the paste.",
                name(row),
                flags.join(", ")
            ),
            vec![Fix::text(format!("type the assignment at {place} anew and paste only the key"))],
        )
    })
}
