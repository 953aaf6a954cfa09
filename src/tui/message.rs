//! What can happen to the dashboard, and what it asks the world to do.

use std::sync::Arc;

use crossterm::event::KeyEvent;
use jiff::Timestamp;

use crate::domain::{command::Command, snapshot::Snapshot};

/// Something happened.
#[derive(Debug, Clone)]
pub enum Message {
    /// The time, before anything else is told.
    Tick(Timestamp),
    /// A key.
    Key(KeyEvent),
    /// The terminal has another size: columns and lines.
    Resize(u16, u16),
    /// A new picture.
    Snapshot(Arc<Snapshot>),
    /// The engine took no command: it has too many.
    CommandRefused,
    /// The engine is gone; there will be no new picture.
    EngineStopped,
}

/// Something to be done outside the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Ask the engine.
    Send(Command),
    /// Put a text on the person's clipboard; never a key (SECURITY S2).
    Copy(String),
    /// Hand the terminal back to the shell until continued.
    Suspend,
    /// Draw every cell again.
    Redraw,
    /// Leave.
    Quit,
}
