//! `stalekey`: the dashboard.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::{
    Exit, Failure,
    setting::{self, RunArguments, User},
    terminal::{no_color, speaks_utf8},
    welcome,
};
use crate::{
    engine::{self, Setup},
    inventory::user_settings,
    tui::{self, Keymap, Theme, action::Action},
};

/// Opens the dashboard on the user's inventory; without one, its welcome screen.
pub(super) fn run(arguments: &RunArguments) -> Result<Exit, Failure> {
    let user = setting::user()?;
    match setting::setup(arguments, &user) {
        Ok(setup) => open(setup, &user, None),
        Err(Failure::NoInventory { looked_in }) => welcome_screen(looked_in, &user),
        Err(failure) => Err(failure),
    }
}

/// Opens the dashboard on any setup. The first frame is drawn before the engine is started.
pub(super) fn open(setup: Setup, user: &User, first: Option<Action>) -> Result<Exit, Failure> {
    let start = move || {
        let handle = engine::start(setup);
        tui::Handle { snapshots: handle.snapshots, commands: handle.commands }
    };
    show(start, tui::Options { first, ..options(user)? })
}

/// The words of a first start; they stay on the terminal after it is left.
fn welcome_screen(looked_in: Vec<String>, user: &User) -> Result<Exit, Failure> {
    let options = tui::Options { welcome: welcome::screen(&looked_in), ..options(user)? };
    // Both ends stay open for as long as the screen: nothing is to come, and nothing has stopped.
    let (_pictures, snapshots) = watch::channel(Arc::default());
    let (commands, _wishes) = mpsc::channel(1);
    match show(|| tui::Handle { snapshots, commands }, options)? {
        Exit::Success => Err(Failure::NoInventory { looked_in }),
        signal => Ok(signal),
    }
}

fn options(user: &User) -> Result<tui::Options, Failure> {
    let keymap = Keymap::with(&user.settings.keys)
        .map_err(|why| Failure::Message(format!("error: settings.toml: `[keys]`: {why}")))?;
    let theme = match user.settings.theme {
        user_settings::Theme::Default => Theme::Default,
        user_settings::Theme::Mono => Theme::Mono,
        user_settings::Theme::ColourBlind => Theme::ColourBlind,
    };
    let ascii = user.settings.ascii || !speaks_utf8();
    let no_color = no_color();
    Ok(tui::Options { keymap, theme, ascii, no_color, first: None, welcome: Vec::new() })
}

fn show(start: impl FnOnce() -> tui::Handle, options: tui::Options) -> Result<Exit, Failure> {
    match tui::run(start, options) {
        Ok(tui::Exit::Quit) => Ok(Exit::Success),
        Ok(tui::Exit::Signal(number)) => Ok(Exit::Signal(u8::try_from(number).unwrap_or(0))),
        Err(_) => Err(Failure::Message(
            "error: The terminal could not be used\n\nhint: `stalekey check` prints a table".into(),
        )),
    }
}
