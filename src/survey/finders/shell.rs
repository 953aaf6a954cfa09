//! The environment that stalekey was started with.

use super::{Finder, no_file};
use crate::{
    inventory::LayerSpec,
    survey::{environment::Guess, ground::Ground, proposal::Candidate},
};

pub(super) const FINDER: Finder = Finder { wants: no_file, find };

fn find(ground: &Ground<'_>) -> Vec<Candidate> {
    let variables = ground.look(&LayerSpec::Shell).variables();
    if variables.is_empty() {
        return Vec::new();
    }
    vec![Candidate {
        variables,
        optional: true,
        ..Candidate::new(
            LayerSpec::Shell,
            "this shell",
            "shell",
            Guess::default("development"),
            "the environment of the shell that `stalekey` is started from",
        )
    }]
}
