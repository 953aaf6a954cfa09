//! A newline at the end of the value, as `echo` and base64 leave it.

use super::{
    Finding, Fix, Scene,
    scene::{edit_place, name, variable},
};
use crate::domain::damage::Flag;

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = scene.damaged("SK303", &[Flag::Lf], |row| {
        let place = edit_place(row).unwrap_or_else(|| name(row));
        (
            format!(
                "The value of `{}` in {} holds a newline; no header can carry it.",
                variable(row),
                name(row)
            ),
            vec![Fix::text(format!("write it again at {place} with `printf %s`, not `echo`"))],
        )
    });
    // A CRLF is one mistake; SK302 names it.
    findings.retain(|finding| {
        scene.rows[finding.rows[0]].key().is_none_or(|key| !key.flags.contains(&Flag::Cr))
    });
    findings
}
