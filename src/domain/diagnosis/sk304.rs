//! A space or tab at an edge: many SDKs report it as a connection error.

use super::{
    Finding, Fix, Scene,
    scene::{edit_place, name},
};
use crate::domain::damage::Flag;

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene.damaged("SK304", &[Flag::SpaceBefore, Flag::SpaceAfter], |row| {
        let place = edit_place(row).unwrap_or_else(|| name(row));
        (
            format!(
                "The value in {} has a space or tab at its edge; it looks like a network error \
                 in the application.",
                name(row)
            ),
            vec![Fix::text(format!("remove the space at {place}"))],
        )
    })
}
