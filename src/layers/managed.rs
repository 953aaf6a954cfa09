//! What all process managers have in common: a copy of the environment, and processes.

use std::sync::Arc;

use super::resolve::Found;
use crate::{
    domain::{
        layer::Instance,
        manager::Manager,
        place::Place,
        reading::{Occurrence, OpaqueReason, Rank, Reading, State},
        secret::SecretValue,
    },
    formats::Contents,
};

/// A row of what runs, with the manager that starts it. One of no process is told apart from that of
/// what is configured.
pub(super) fn of_manager(mut row: Found, manager: &Manager) -> Found {
    row.instance.get_or_insert_with(|| {
        Instance::Service(match manager {
            Manager::Systemd { unit, .. } => unit.clone(),
            Manager::Pm2 { app: name, .. } | Manager::Supervisor { program: name, .. } => {
                format!("process of {name}")
            }
        })
    });
    row.place.get_or_insert(Place { path: None, position: None });
    row.evidence.manager = Some(manager.clone());
    row
}

/// Puts beside what a row has what its manager has of the same variables.
pub(super) fn add(row: &mut Found, copy: &[Occurrence<SecretValue>]) {
    if let Ok(contents) = &mut row.contents {
        let contents: &mut Contents = Arc::make_mut(contents);
        contents.occurrences.extend(copy.iter().cloned());
    }
}

/// Where a manager keeps no copy of a key, what it starts tells more than an empty row.
pub(super) fn drop_what_is_not_kept(readings: &mut Vec<Reading<SecretValue>>) {
    let is_empty = |reading: &Reading<SecretValue>| {
        reading.rank == Rank::Configured && reading.state == State::Opaque(OpaqueReason::NotKept)
    };
    if !readings.iter().any(is_empty) {
        return;
    }
    let name = |reading: &Reading<SecretValue>| {
        reading.evidence.manager.as_ref().map(|manager| manager.name().to_owned())
    };
    let run: Vec<_> = readings
        .iter()
        .filter(|reading| reading.is_running())
        .map(|reading| (reading.credential.clone(), name(reading)))
        .collect();
    readings.retain(|reading| {
        !is_empty(reading) || !run.contains(&(reading.credential.clone(), name(reading)))
    });
}
