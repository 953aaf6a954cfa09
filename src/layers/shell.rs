//! The environment that stalekey itself was started with: what a start from here would take.

use super::{Surroundings, resolve::Found};
use crate::{
    domain::{
        place::Place,
        reading::{Occurrence, Origin, Yield},
    },
    formats::Contents,
};

pub(super) fn read(surroundings: &Surroundings) -> Vec<Found> {
    let occurrences = surroundings
        .shell
        .iter()
        .map(|(variable, value)| Occurrence {
            variable: variable.clone(),
            place: Place { path: None, position: None },
            origin: Origin::ShellEnvironment,
            yields: Yield::Value(value.clone()),
            wins: true,
        })
        .collect();
    vec![Found::configured(Ok(Contents { occurrences, ..Contents::default() }))]
}
