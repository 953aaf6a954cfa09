//! The environment that stalekey was started with.

use super::{Finder, no_file};
use crate::{
    inventory::LayerSpec,
    survey::{environment::Guess, ground::Ground, proposal::Candidate},
};

pub(super) const FINDER: Finder = Finder { wants: no_file, find };

fn find(ground: &Ground<'_>) -> Vec<Candidate> {
    let look = ground.look(&LayerSpec::Shell);
    let candidate = Candidate::new(
        LayerSpec::Shell,
        "this shell",
        "shell",
        Guess::default("development"),
        "the environment of the shell that `stalekey` is started from",
    );
    vec![Candidate { optional: true, ..candidate.holding(&look.rows) }]
}
