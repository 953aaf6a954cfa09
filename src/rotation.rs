//! The history of an inventory's rotations on disk: append-only, chained, for the user alone.
//!
//! What an event means is decided in [`crate::domain::rotation`]; here it is kept (SECURITY P6).

mod history;

pub use history::{Chain, Damage, Failed, History, Record, place};
