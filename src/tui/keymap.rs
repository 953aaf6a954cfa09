//! Keys as data: chords, and which action each of them is where.

use std::{collections::BTreeMap, fmt, str::FromStr};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::tui::action::{ACTIONS, Action, ActionSpec, Scope};

/// One key with its modifiers, in one normal form: `g`, `G`, `ctrl-n`, `shift-tab`, `pgdn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyChord {
    code: KeyCode,
    modifiers: KeyModifiers,
}

const NAMED: &[(&str, KeyCode)] = &[
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("space", KeyCode::Char(' ')),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pgup", KeyCode::PageUp),
    ("pgdn", KeyCode::PageDown),
];

const MODIFIERS: &[(&str, KeyModifiers)] = &[
    ("ctrl-", KeyModifiers::CONTROL),
    ("alt-", KeyModifiers::ALT),
    ("shift-", KeyModifiers::SHIFT),
];

/// Quits from everywhere, whatever the settings say.
const ALWAYS_QUITS: KeyChord =
    KeyChord { code: KeyCode::Char('c'), modifiers: KeyModifiers::CONTROL };

impl KeyChord {
    fn normal(code: KeyCode, modifiers: KeyModifiers) -> Self {
        let mut modifiers =
            modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT);
        let code = match code {
            KeyCode::BackTab => {
                modifiers |= KeyModifiers::SHIFT;
                KeyCode::Tab
            }
            // Terminals differ in whether they report shift beside the capital letter.
            KeyCode::Char(character) if modifiers.contains(KeyModifiers::CONTROL) => {
                modifiers -= KeyModifiers::SHIFT;
                KeyCode::Char(character.to_ascii_lowercase())
            }
            KeyCode::Char(character) if modifiers.contains(KeyModifiers::SHIFT) => {
                modifiers -= KeyModifiers::SHIFT;
                let mut upper = character.to_uppercase();
                match (upper.next(), upper.next()) {
                    (Some(single), None) => KeyCode::Char(single),
                    _ => KeyCode::Char(character),
                }
            }
            other => other,
        };
        Self { code, modifiers }
    }

    /// The character that this chord types, when it types one.
    pub fn character(self) -> Option<char> {
        match self.code {
            KeyCode::Char(character) if self.modifiers.is_empty() => Some(character),
            _ => None,
        }
    }

    /// The event that a terminal would send for it.
    pub fn event(self) -> KeyEvent {
        KeyEvent::new(self.code, self.modifiers)
    }
}

impl From<KeyEvent> for KeyChord {
    fn from(event: KeyEvent) -> Self {
        Self::normal(event.code, event.modifiers)
    }
}

impl FromStr for KeyChord {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut rest = text;
        let mut modifiers = KeyModifiers::NONE;
        'modifiers: loop {
            for (name, modifier) in MODIFIERS {
                if let Some(after) = rest.strip_prefix(name).filter(|after| !after.is_empty()) {
                    rest = after;
                    modifiers |= *modifier;
                    continue 'modifiers;
                }
            }
            break;
        }
        let mut characters = rest.chars();
        let code = match (characters.next(), characters.next()) {
            (Some(single), None) if !single.is_control() => KeyCode::Char(single),
            _ => NAMED
                .iter()
                .find(|(name, _)| *name == rest)
                .map(|(_, code)| *code)
                .or_else(|| function_key(rest))
                .ok_or_else(|| {
                    format!(
                        "`{}` is no key; write keys like g, G, ctrl-n, alt-x, shift-tab, enter, esc, pgdn, f1",
                        shown_word(text)
                    )
                })?,
        };
        Ok(Self::normal(code, modifiers))
    }
}

fn function_key(text: &str) -> Option<KeyCode> {
    let number: u8 = text.strip_prefix('f')?.parse().ok()?;
    (1..=12).contains(&number).then_some(KeyCode::F(number))
}

impl fmt::Display for KeyChord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, modifier) in MODIFIERS {
            if self.modifiers.contains(*modifier) {
                formatter.write_str(name)?;
            }
        }
        if let Some((name, _)) = NAMED.iter().find(|(_, code)| *code == self.code) {
            return formatter.write_str(name);
        }
        match self.code {
            KeyCode::Char(character) => write!(formatter, "{character}"),
            KeyCode::F(number) => write!(formatter, "f{number}"),
            other => write!(formatter, "{other:?}"),
        }
    }
}

/// Which chords each action has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap {
    bindings: Vec<(Action, Vec<KeyChord>)>,
}

impl Default for Keymap {
    fn default() -> Self {
        let bindings = ACTIONS
            .iter()
            .map(|spec| {
                // Kept by a test: every default chord parses.
                let chords = spec.chords.iter().filter_map(|chord| chord.parse().ok()).collect();
                (spec.action, chords)
            })
            .collect();
        Self { bindings }
    }
}

impl Keymap {
    /// The defaults, with the chords of some actions replaced. An empty list takes an action's keys
    /// away. `ctrl-c` always quits.
    ///
    /// # Errors
    /// One sentence for the first mistake: an action or a key that does not exist, or two actions
    /// that would share a key where both work.
    pub fn with(overrides: &BTreeMap<String, Vec<String>>) -> Result<Self, String> {
        let mut keymap = Self::default();
        for (name, chords) in overrides {
            let spec = ACTIONS
                .iter()
                .find(|spec| spec.name == name.as_str())
                .ok_or_else(|| unknown_action(name))?;
            let mut wanted = Vec::new();
            for chord in chords {
                let chord: KeyChord =
                    chord.parse().map_err(|error| format!("keys of `{name}`: {error}"))?;
                if chord == ALWAYS_QUITS && spec.action != Action::Quit {
                    return Err(format!("keys of `{name}`: `ctrl-c` always quits"));
                }
                wanted.push(chord);
            }
            if spec.action == Action::Quit && !wanted.contains(&ALWAYS_QUITS) {
                wanted.push(ALWAYS_QUITS);
            }
            if let Some(entry) =
                keymap.bindings.iter_mut().find(|(action, _)| *action == spec.action)
            {
                entry.1 = wanted;
            }
        }
        keymap.conflict().map_or(Ok(keymap), Err)
    }

    fn conflict(&self) -> Option<String> {
        for (index, (first, chords)) in self.bindings.iter().enumerate() {
            for (second, others) in &self.bindings[index + 1..] {
                let (first, second) = (first.spec(), second.spec());
                let meet = first.scopes.iter().any(|scope| second.scopes.contains(scope));
                let shared = chords.iter().find(|chord| others.contains(chord));
                if let Some(chord) = shared.filter(|_| meet) {
                    return Some(format!(
                        "key `{chord}` is bound to both `{}` and `{}`; give one of them another key",
                        first.name, second.name
                    ));
                }
            }
        }
        None
    }

    /// What `chord` does in `scope`. Where characters are text, a chord that types one does nothing
    /// else.
    pub fn action(&self, chord: KeyChord, scope: Scope) -> Option<Action> {
        if chord == ALWAYS_QUITS {
            return Some(Action::Quit);
        }
        if scope.takes_text() && chord.character().is_some() {
            return None;
        }
        self.bindings
            .iter()
            .find(|(action, chords)| {
                action.spec().scopes.contains(&scope) && chords.contains(&chord)
            })
            .map(|(action, _)| *action)
    }

    /// The chords of an action.
    pub fn chords(&self, action: Action) -> &[KeyChord] {
        self.bindings
            .iter()
            .find(|(bound, _)| *bound == action)
            .map_or(&[], |(_, chords)| chords.as_slice())
    }

    /// The chord to name on screen in `scope`: the first that works there.
    pub fn chord(&self, spec: &ActionSpec, scope: Scope) -> Option<KeyChord> {
        self.chords(spec.action)
            .iter()
            .copied()
            .find(|chord| self.action(*chord, scope) == Some(spec.action))
    }
}

/// What was written where a word was meant may be a pasted key (SECURITY P4): only what looks like
/// such a word is repeated.
fn shown_word(text: &str) -> &str {
    const LONGEST: usize = 24;
    let plain = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let short = text.len() <= 4 && text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if short || (plain && text.len() <= LONGEST) { text } else { "…" }
}

fn unknown_action(name: &str) -> String {
    let shown = shown_word(name);
    let near = ACTIONS
        .iter()
        .map(|spec| (strsim::damerau_levenshtein(spec.name, name), spec.name))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    if let Some((_, near)) = near {
        return format!("no action `{shown}`; did you mean `{near}`?");
    }
    let names: Vec<&str> = ACTIONS.iter().map(|spec| spec.name).collect();
    format!("no action `{shown}`; actions are {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn overrides(entries: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
        entries
            .iter()
            .map(|(name, chords)| {
                ((*name).to_owned(), chords.iter().map(|chord| (*chord).to_owned()).collect())
            })
            .collect()
    }

    #[test]
    fn the_defaults_parse_and_do_not_collide() {
        let keymap = Keymap::default();
        assert_eq!(keymap.conflict(), None);
        for spec in ACTIONS {
            assert_eq!(keymap.chords(spec.action).len(), spec.chords.len(), "{}", spec.name);
            for (chord, text) in keymap.chords(spec.action).iter().zip(spec.chords) {
                assert_eq!(chord.to_string(), *text);
            }
        }
        assert_eq!(Keymap::with(&BTreeMap::new()), Ok(keymap));
    }

    #[rstest]
    #[case("g", KeyCode::Char('g'), KeyModifiers::NONE)]
    #[case("G", KeyCode::Char('G'), KeyModifiers::NONE)]
    #[case("shift-g", KeyCode::Char('G'), KeyModifiers::NONE)]
    #[case("ctrl-n", KeyCode::Char('n'), KeyModifiers::CONTROL)]
    #[case("ctrl-N", KeyCode::Char('n'), KeyModifiers::CONTROL)]
    #[case("ctrl--", KeyCode::Char('-'), KeyModifiers::CONTROL)]
    #[case("-", KeyCode::Char('-'), KeyModifiers::NONE)]
    #[case("alt-enter", KeyCode::Enter, KeyModifiers::ALT)]
    #[case("shift-tab", KeyCode::Tab, KeyModifiers::SHIFT)]
    #[case("space", KeyCode::Char(' '), KeyModifiers::NONE)]
    #[case("f12", KeyCode::F(12), KeyModifiers::NONE)]
    fn chords_parse(#[case] text: &str, #[case] code: KeyCode, #[case] modifiers: KeyModifiers) {
        assert_eq!(text.parse(), Ok(KeyChord { code, modifiers }));
    }

    #[rstest]
    #[case("")]
    #[case("ctrl-")]
    #[case("return")]
    #[case("f13")]
    #[case("g g")]
    fn other_texts_are_no_chords(#[case] text: &str) {
        let error = text.parse::<KeyChord>().unwrap_err();
        assert!(error.starts_with(&format!("`{text}` is no key; ")), "{error}");
    }

    #[test]
    fn terminals_that_report_shift_mean_the_same_key() {
        let plain = KeyEvent::new(KeyCode::Char('G'), KeyModifiers::NONE);
        let shifted = KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT);
        assert_eq!(KeyChord::from(plain), KeyChord::from(shifted));
        let backtab = KeyEvent::new(KeyCode::BackTab, KeyModifiers::NONE);
        assert_eq!(KeyChord::from(backtab).to_string(), "shift-tab");
    }

    #[test]
    fn an_action_gets_other_keys() {
        let keymap = Keymap::with(&overrides(&[("recheck", &["f5", "ctrl-r"])])).unwrap();
        let action = |chord: &str| keymap.action(chord.parse().unwrap(), Scope::Table);
        assert_eq!(action("f5"), Some(Action::Recheck));
        assert_eq!(action("ctrl-r"), Some(Action::Recheck));
        assert_eq!(action("r"), None);
        assert_eq!(action("R"), Some(Action::RecheckAll));
    }

    #[rstest]
    #[case::taken(&[("recheck", &["j"][..])], "key `j` is bound to both `recheck` and `down`; give one of them another key")]
    #[case::no_action(&[("recheckk", &["j"][..])], "no action `recheckk`; did you mean `recheck`?")]
    #[case::no_key(&[("sort", &["meta-x"][..])], "keys of `sort`: `meta-x` is no key; write keys like g, G, ctrl-n, alt-x, shift-tab, enter, esc, pgdn, f1")]
    #[case::reserved(&[("sort", &["ctrl-c"][..])], "keys of `sort`: `ctrl-c` always quits")]
    fn mistakes_are_named(#[case] entries: &[(&str, &[&str])], #[case] message: &str) {
        assert_eq!(Keymap::with(&overrides(entries)), Err(message.to_owned()));
    }

    #[test]
    fn two_actions_may_swap_their_keys() {
        let swapped = overrides(&[("recheck", &["s"]), ("sort", &["r"])]);
        assert!(Keymap::with(&swapped).is_ok());
    }

    #[test]
    fn ctrl_c_cannot_be_taken_away() {
        let keymap = Keymap::with(&overrides(&[("quit", &[])])).unwrap();
        for scope in [Scope::Table, Scope::Filter, Scope::Details, Scope::Help, Scope::Trust] {
            assert_eq!(keymap.action(ALWAYS_QUITS, scope), Some(Action::Quit));
        }
        assert_eq!(keymap.action("q".parse().unwrap(), Scope::Table), None);
    }

    #[test]
    fn characters_are_text_where_text_is_typed() {
        let keymap = Keymap::default();
        let action = |chord: &str| keymap.action(chord.parse().unwrap(), Scope::Filter);
        assert_eq!(action("q"), None);
        assert_eq!(action("?"), None);
        assert_eq!(action("down"), Some(Action::Down));
        assert_eq!(action("esc"), Some(Action::Back));
        assert_eq!(action("ctrl-u"), None, "deletes the line being typed");
    }

    proptest! {
        #[test]
        fn a_chord_survives_being_written(text in "(ctrl-|alt-|shift-){0,2}(\\PC|enter|pgdn|f[1-9])") {
            if let Ok(chord) = text.parse::<KeyChord>() {
                prop_assert_eq!(chord.to_string().parse::<KeyChord>(), Ok(chord));
                prop_assert_eq!(KeyChord::from(chord.event()), chord);
            }
        }
    }
}
