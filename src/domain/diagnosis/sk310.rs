//! Shorter than every length of its format: it was cut when it was copied.

use super::{
    Finding, Scene,
    scene::{edit, name},
};
use crate::domain::damage::Flag;

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene.damaged("SK310", &[Flag::Truncated], |row| {
        let lengths: Vec<String> = row
            .key()
            .map(|key| key.expected_lengths.iter().map(ToString::to_string).collect())
            .unwrap_or_default();
        let expected = if lengths.is_empty() {
            "its format is longer".to_owned()
        } else {
            format!("its format has {} characters", lengths.join(" or "))
        };
        (format!("The key in {} is cut short: {expected}.", name(row)), vec![edit(row)])
    })
}
