//! The part of the contract that is about rotations.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::rotation::{Progress, Retired, confirm};

/// An open rotation, and how far it has come.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RotationReport<'a> {
    /// Unique in the history of the inventory.
    id: &'a str,
    credential: &'a str,
    environments: &'a [String],
    /// When its baseline was taken, RFC 3339.
    #[schemars(with = "String")]
    opened_at: Timestamp,
    /// Layers that hold the new key.
    moved: usize,
    /// Layers that have to.
    layers: usize,
    /// rotated, `not_rotated` or `not_proven`.
    result: &'static str,
    /// What keeps it from being rotated, in the order in which it is to be dealt with.
    gaps: Vec<String>,
    /// Layers that would fail if the old key were revoked now.
    would_break: Vec<String>,
}

impl<'a> RotationReport<'a> {
    pub(super) fn of(progress: &'a Progress) -> Self {
        let confirmation = confirm(progress);
        Self {
            id: &progress.rotation,
            credential: &progress.credential,
            environments: &progress.environments,
            opened_at: progress.opened_at,
            moved: progress.moved(),
            layers: progress.total(),
            result: confirmation.word.name(),
            gaps: confirmation.gaps,
            would_break: progress.would_break(),
        }
    }
}

/// The rotation that has replaced, or is to replace, the key of a row.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RetiredReport<'a> {
    rotation: &'a str,
    /// When it was proven that no layer held the key, RFC 3339; null while the rotation goes on.
    #[schemars(with = "Option<String>")]
    ended_at: Option<Timestamp>,
}

impl<'a> RetiredReport<'a> {
    pub(super) fn of(retired: &'a Retired) -> Self {
        Self { rotation: &retired.rotation, ended_at: retired.ended_at }
    }
}
