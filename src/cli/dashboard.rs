//! `stalekey`: the dashboard.

use std::env;

use super::{
    Exit, Failure,
    arguments::RunArguments,
    check::speaks_utf8,
    setting::{self, User},
};
use crate::{
    engine::{self, Setup},
    inventory::user_settings,
    tui::{self, Keymap, Theme},
};

/// Opens the dashboard on the user's inventory.
pub(super) fn run(arguments: &RunArguments) -> Result<Exit, Failure> {
    let user = setting::user()?;
    let setup = setting::setup(arguments, &user)?;
    open(setup, &user)
}

/// Opens the dashboard on any setup. The first frame is drawn before the engine is started.
pub(super) fn open(setup: Setup, user: &User) -> Result<Exit, Failure> {
    let no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let keymap = Keymap::with(&user.settings.keys)
        .map_err(|why| Failure::Message(format!("error: settings.toml: `[keys]`: {why}")))?;
    let theme = match user.settings.theme {
        user_settings::Theme::Default => Theme::Default,
        user_settings::Theme::Mono => Theme::Mono,
        user_settings::Theme::ColourBlind => Theme::ColourBlind,
    };
    let options =
        tui::Options { keymap, theme, ascii: user.settings.ascii || !speaks_utf8(), no_color };
    let start = move || {
        let handle = engine::start(setup);
        tui::Handle { snapshots: handle.snapshots, commands: handle.commands }
    };
    match tui::run(start, options) {
        Ok(tui::Exit::Quit) => Ok(Exit::Success),
        Ok(tui::Exit::Signal(number)) => Ok(Exit::Signal(u8::try_from(number).unwrap_or(0))),
        Err(_) => Err(Failure::Message(
            "error: The terminal could not be used\n\nhint: `stalekey check` prints a table".into(),
        )),
    }
}
