//! Quotes that this layer's reader keeps are part of the key it sends.

use super::{
    Finding, Fix, Scene,
    scene::{edit_place, name},
};
use crate::domain::damage::Flag;

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene.damaged("SK301", &[Flag::Quoted], |row| {
        let reader = row.evidence.reader.as_deref().unwrap_or("its reader");
        let place = edit_place(row).unwrap_or_else(|| "this layer".to_owned());
        (
            format!("The value in {} has a literal quote; {reader} keeps it.", name(row)),
            vec![Fix::text(format!("remove the quotes at {place}"))],
        )
    })
}
