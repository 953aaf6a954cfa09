//! Colours by role, and the glyphs. Colour only repeats what a word or a glyph already says.
//!
//! The terminal's own background and foreground are kept, so light and dark both work; white,
//! black and yellow are never a foreground, because one of the two backgrounds swallows each.

use ratatui::{
    style::{Color, Modifier, Style},
    symbols::border,
};

use crate::domain::{diagnosis::Severity, verdict::Verdict};

/// A set of colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Theme {
    /// The terminal's own sixteen colours.
    #[default]
    Default,
    /// No colour at all: bold, dim, underlined and reversed.
    Mono,
    /// Blue against orange instead of green against red (after Okabe and Ito).
    ColourBlind,
}

impl Theme {
    /// Every theme.
    pub const ALL: [Self; 3] = [Self::Default, Self::Mono, Self::ColourBlind];

    /// Its name in the settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Mono => "mono",
            Self::ColourBlind => "colour-blind",
        }
    }

    /// The theme of that name; `color-blind` is understood too.
    pub fn named(name: &str) -> Option<Self> {
        let name = if name == "color-blind" { "colour-blind" } else { name };
        Self::ALL.into_iter().find(|theme| theme.name() == name)
    }
}

/// Roles, resolved once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Styles {
    /// What is read.
    pub text: Style,
    /// What is there for orientation.
    pub dim: Style,
    /// Names of groups and sections, the program's name.
    pub heading: Style,
    /// Keys that can be pressed.
    pub chord: Style,
    /// Borders.
    pub border: Style,
    /// The selected row.
    pub selected: Style,
    /// Right.
    pub ok: Style,
    /// Wrong.
    pub error: Style,
    /// Could not be read.
    pub warn: Style,
    /// Cannot be decided.
    pub unknown: Style,
    /// The command to run.
    pub command: Style,
    /// The banner of the tour, badges.
    pub banner: Style,
    keys: Vec<Style>,
}

impl Styles {
    /// The styles of a theme; `no_color` wins over every theme.
    pub fn new(theme: Theme, no_color: bool) -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let shape = Self {
            text: plain,
            dim: plain.add_modifier(Modifier::DIM),
            heading: bold,
            chord: bold,
            border: plain.add_modifier(Modifier::DIM),
            selected: plain.add_modifier(Modifier::REVERSED),
            ok: plain,
            error: bold,
            warn: bold,
            unknown: plain,
            command: bold,
            banner: bold.add_modifier(Modifier::REVERSED),
            keys: vec![plain],
        };
        let theme = if no_color { Theme::Mono } else { theme };
        match theme {
            Theme::Mono => shape,
            Theme::Default => shape.coloured(
                Color::Green,
                Color::Red,
                Color::Magenta,
                Color::Cyan,
                // Plain blue is not among them: on black it cannot be read.
                &[Color::Cyan, Color::Magenta, Color::LightBlue, Color::LightMagenta],
            ),
            // Middle tones of the 256 colours: legible on black and on white.
            Theme::ColourBlind => shape.coloured(
                Color::Indexed(32),
                Color::Indexed(166),
                Color::Indexed(133),
                Color::Indexed(66),
                &[Color::Indexed(66), Color::Indexed(133), Color::Indexed(94), Color::Indexed(61)],
            ),
        }
    }

    fn coloured(
        self,
        ok: Color,
        error: Color,
        warn: Color,
        unknown: Color,
        keys: &[Color],
    ) -> Self {
        Self {
            ok: self.ok.fg(ok),
            error: self.error.fg(error),
            warn: self.warn.fg(warn),
            unknown: self.unknown.fg(unknown),
            keys: keys.iter().map(|key| Style::new().fg(*key)).collect(),
            ..self
        }
    }

    /// The style of a verdict.
    pub fn verdict(&self, verdict: Verdict) -> Style {
        match verdict {
            Verdict::Current => self.ok,
            Verdict::Unproven => self.unknown,
            Verdict::Unreadable => self.warn,
            _ => self.error,
        }
    }

    /// The style of a finding's code.
    pub fn severity(&self, severity: Severity) -> Style {
        match severity {
            Severity::Error => self.error,
            Severity::Warning => self.warn,
            Severity::Note => self.unknown,
        }
    }

    /// How many keys get a colour of their own.
    pub fn key_colours(&self) -> usize {
        self.keys.len()
    }

    /// The colour of a key, by its place among the colours.
    pub fn key(&self, colour: usize) -> Style {
        self.keys.get(colour % self.keys.len().max(1)).copied().unwrap_or(self.text)
    }

    /// Every style, for checks.
    pub fn all(&self) -> Vec<Style> {
        let mut all = vec![
            self.text,
            self.dim,
            self.heading,
            self.chord,
            self.border,
            self.selected,
            self.ok,
            self.error,
            self.warn,
            self.unknown,
            self.command,
            self.banner,
        ];
        all.extend(&self.keys);
        all
    }
}

const BLOCKS: [&str; 14] = ["▚", "▞", "▙", "▟", "▛", "▜", "▖", "▗", "▘", "▝", "▀", "▄", "▌", "▐"];
const LETTERS: [&str; 14] = ["B", "C", "D", "F", "G", "H", "K", "M", "P", "R", "T", "V", "W", "X"];

/// How many different two-glyph marks there are.
pub const MARKS: usize = BLOCKS.len() * BLOCKS.len();

const ASCII_BORDER: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// What is drawn besides words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glyphs {
    ascii: bool,
    /// Stands for what was cut off.
    pub ellipsis: &'static str,
    /// From one layer of a chain to the next.
    pub arrow: &'static str,
    /// Between things of one kind.
    pub dot: &'static str,
    /// The border's corners and lines.
    pub border: border::Set<'static>,
    /// Where a line inside the border meets it, left and right.
    pub tees: (&'static str, &'static str),
    /// Sorted downwards, upwards.
    pub order: (&'static str, &'static str),
}

impl Glyphs {
    /// Unicode, or ASCII alone.
    pub const fn new(ascii: bool) -> Self {
        if ascii {
            Self {
                ascii,
                ellipsis: "...",
                arrow: "->",
                dot: "-",
                border: ASCII_BORDER,
                tees: ("+", "+"),
                order: ("v", "^"),
            }
        } else {
            Self {
                ascii,
                ellipsis: "…",
                arrow: "→",
                dot: "·",
                border: border::PLAIN,
                tees: ("├", "┤"),
                order: ("↓", "↑"),
            }
        }
    }

    /// Only ASCII may be drawn.
    pub const fn is_ascii(&self) -> bool {
        self.ascii
    }

    /// The glyph of a verdict.
    pub const fn verdict(&self, verdict: Verdict) -> &'static str {
        if self.ascii { verdict.ascii_glyph() } else { verdict.glyph() }
    }

    /// The two glyphs of a key, by number.
    pub fn mark(&self, number: usize) -> String {
        let set = if self.ascii { &LETTERS } else { &BLOCKS };
        let number = number % MARKS;
        format!("{}{}", set[number / set.len()], set[number % set.len()])
    }

    /// Our own text, with its ellipses and arrows in the glyphs that may be drawn.
    pub fn own(&self, text: &str) -> String {
        if self.ascii {
            text.replace('…', "...").replace('→', "->").replace('·', "-").replace('≡', "=")
        } else {
            text.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rstest::rstest;

    use super::*;
    use crate::tui::text::width;

    #[rstest]
    fn every_theme_is_legible_on_light_and_dark(
        #[values(Theme::Default, Theme::Mono, Theme::ColourBlind)] theme: Theme,
        #[values(false, true)] no_color: bool,
    ) {
        let forbidden = [
            Color::White,
            Color::Black,
            Color::Yellow,
            Color::LightYellow,
            Color::Gray,
            Color::DarkGray,
        ];
        for style in Styles::new(theme, no_color).all() {
            if let Some(colour) = style.fg {
                assert!(!forbidden.contains(&colour), "{colour:?}");
                assert!(!no_color && theme != Theme::Mono, "mono has no colour");
            }
            assert_eq!(style.bg, None, "the terminal's own background is kept");
        }
    }

    #[test]
    fn no_two_verdicts_share_a_glyph() {
        for glyphs in [Glyphs::new(false), Glyphs::new(true)] {
            let drawn: BTreeSet<&str> =
                Verdict::ALL.iter().map(|verdict| glyphs.verdict(*verdict)).collect();
            assert_eq!(drawn.len(), Verdict::ALL.len());
        }
    }

    #[test]
    fn every_mark_is_its_own_and_two_columns_wide() {
        for glyphs in [Glyphs::new(false), Glyphs::new(true)] {
            let marks: BTreeSet<String> = (0..MARKS).map(|number| glyphs.mark(number)).collect();
            assert_eq!(marks.len(), MARKS);
            assert!(marks.iter().all(|mark| width(mark) == 2));
            assert!(!glyphs.is_ascii() || marks.iter().all(|mark| mark.is_ascii()));
        }
    }

    #[test]
    fn themes_are_found_by_name() {
        for theme in Theme::ALL {
            assert_eq!(Theme::named(theme.name()), Some(theme));
        }
        assert_eq!(Theme::named("color-blind"), Some(Theme::ColourBlind));
        assert_eq!(Theme::named("solarized"), None);
    }
}
