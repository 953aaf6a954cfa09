//! What this terminal can show.

use std::{
    env,
    io::{self, IsTerminal as _},
};

use crate::report::Style;

/// Colour only on a terminal that wants it.
pub(super) fn style() -> Style {
    let dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
    Style { colour: io::stdout().is_terminal() && !no_color() && !dumb, ascii: !speaks_utf8() }
}

/// Whether the locale can show more than ASCII; where none is set, it can.
pub(super) fn speaks_utf8() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .filter_map(env::var_os)
        .find(|value| !value.is_empty());
    locale.is_none_or(|locale| {
        let locale = locale.to_string_lossy().to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// Whether colour is unwanted everywhere.
pub(super) fn no_color() -> bool {
    env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
