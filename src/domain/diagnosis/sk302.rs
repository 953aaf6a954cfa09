//! A Windows line end that became part of the value.

use super::{
    Finding, Fix, Scene,
    scene::{name, quoted},
};
use crate::domain::damage::Flag;

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    scene.damaged("SK302", &[Flag::Cr], |row| {
        let path = row.place.as_ref().and_then(|place| place.path.as_deref());
        let fix = match path {
            Some(path) => Fix::command(
                "turn the file's line ends into Unix ones",
                format!("sed -i 's/\\r$//' {}", quoted(path)),
            ),
            None => Fix::text("set the variable again without the carriage return"),
        };
        let message =
            format!("The value in {} holds a carriage return; no header can carry it.", name(row));
        (message, vec![fix])
    })
}
