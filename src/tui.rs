//! The dashboard: the Elm architecture over ratatui.
//!
//! [`model::Model`] is everything it knows, [`message::Message`] everything that can happen,
//! [`update::update`] the one function that changes the model, [`view::view`] the one that draws it,
//! and [`message::Effect`] what it asks of the world. Only [`runtime`] and [`terminal`] touch a clock,
//! a signal or a terminal; the rest is pure and needs no terminal to be tested.
//!
//! It draws [`Snapshot`]s and nothing else, and sends [`Command`]s; no secret ever gets here.

use std::sync::Arc;

use crate::domain::{command::Command, snapshot::Snapshot};

pub mod action;
pub mod keymap;
pub mod marks;
pub mod message;
pub mod model;
pub mod rotation;
pub mod runtime;
pub mod table;
pub mod terminal;
pub mod text;
pub mod theme;
pub mod update;
pub mod view;

pub use keymap::Keymap;
pub use theme::Theme;

/// The engine, as far as a front end knows it.
#[derive(Debug)]
pub struct Handle {
    /// The newest picture; when the sender is dropped, the dashboard says that the engine stopped.
    pub snapshots: tokio::sync::watch::Receiver<Arc<Snapshot>>,
    /// Wishes. One that does not fit into the channel is refused, and the person told.
    pub commands: tokio::sync::mpsc::Sender<Command>,
}

/// What a person may choose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Keys.
    pub keymap: Keymap,
    /// Colours.
    pub theme: Theme,
    /// Draw ASCII alone.
    pub ascii: bool,
    /// No colour, whatever the theme (`NO_COLOR`).
    pub no_color: bool,
    /// What is done once everything has been looked at, as if a person had done it.
    pub first: Option<action::Action>,
    /// There is no inventory: what to say where the table would be, its first line as a heading.
    pub welcome: Vec<String>,
}

/// How the dashboard ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The person left.
    Quit,
    /// A signal of this number ended it; the exit code is 128 more.
    Signal(i32),
}

/// Runs the dashboard on this terminal until it is left. The first frame is drawn before `start`
/// is called, which builds the engine; the terminal is given back before this returns, also when it
/// returns an error or panics.
///
/// # Errors
/// When the terminal cannot be entered, read or written.
pub fn run(start: impl FnOnce() -> Handle, options: Options) -> Result<Exit, std::io::Error> {
    runtime::run(start, options)
}
