//! The one table of what a person can do. Dispatch, footer, help and the names in the settings all
//! come from it, so none of them can be wrong about another.

/// What has the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The table of layers.
    Table,
    /// The line in which a filter is typed.
    Filter,
    /// Everything about one row.
    Details,
    /// A walk through the layers of a credential.
    Audit,
    /// The line in which a note is written.
    Note,
    /// How far a rotation is.
    Confirm,
    /// Layers and environments.
    Matrix,
    /// The list of actions.
    Help,
    /// The question before memory is searched.
    Memory,
    /// What the inventory asks for.
    Trust,
}

impl Scope {
    /// Characters are text here, not commands.
    pub const fn takes_text(self) -> bool {
        matches!(self, Self::Filter | Self::Note | Self::Help | Self::Trust)
    }
}

/// Something a person can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// One line down.
    Down,
    /// One line up.
    Up,
    /// The first line.
    Top,
    /// The last line.
    Bottom,
    /// Half a screen down.
    HalfPageDown,
    /// Half a screen up.
    HalfPageUp,
    /// The next row that is not current.
    NextProblem,
    /// The row before that is not current.
    PreviousProblem,
    /// Type a filter.
    Filter,
    /// Everything about the selected row; keeps a filter; runs what is selected in the help.
    Enter,
    /// Back, one level at a time.
    Back,
    /// Another grouping.
    Group,
    /// Another order.
    Sort,
    /// The other way round.
    SortReverse,
    /// Read and ask again, this row.
    Recheck,
    /// Read and ask again, everything.
    RecheckAll,
    /// This row's key is the expected one.
    Expect,
    /// Search the memory of processes, after asking.
    SearchMemory,
    /// Copy the command that fixes it.
    CopyCommand,
    /// Copy where the value stands.
    CopyPlace,
    /// What the inventory asks for beyond its own folder.
    Trust,
    /// Walk through the layers of a credential, before its rotation.
    Audit,
    /// How far a rotation is.
    Confirm,
    /// Layers and environments.
    Matrix,
    /// The next page of the walk.
    NextPage,
    /// The page before.
    PreviousPage,
    /// Tick a page off.
    Tick,
    /// Write a note on a page.
    Note,
    /// Begin a rotation.
    Begin,
    /// The next step of the tour.
    NextStep,
    /// This list.
    Help,
    /// Draw everything again.
    Redraw,
    /// Back to the shell, for a while.
    Suspend,
    /// Leave.
    Quit,
}

/// One line of the table.
#[derive(Debug)]
pub struct ActionSpec {
    /// What it is.
    pub action: Action,
    /// Its name in the settings.
    pub name: &'static str,
    /// The keys it has unless the settings say otherwise.
    pub chords: &'static [&'static str],
    /// Where it works.
    pub scopes: &'static [Scope],
    /// Its word in the footer; `None`: not shown there.
    pub footer: Option<&'static str>,
    /// What it does, one sentence.
    pub help: &'static str,
    /// Who stays in the footer when it gets narrow; the lowest number stays longest.
    pub priority: u8,
}

use Scope::{Audit, Confirm, Details, Filter, Help, Matrix, Memory, Note, Table, Trust};

const EVERYWHERE: &[Scope] =
    &[Table, Filter, Details, Audit, Note, Confirm, Matrix, Help, Memory, Trust];
const READING: &[Scope] = &[Table, Details];
const MOVING: &[Scope] = &[Table, Filter, Details, Audit, Confirm, Matrix, Help, Trust];

/// Every action, in the order of footer and help.
pub const ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        action: Action::NextStep,
        name: "next-step",
        chords: &["ctrl-n"],
        scopes: READING,
        footer: Some("next step"),
        help: "Do the next step of the tour",
        priority: 3,
    },
    ActionSpec {
        action: Action::Filter,
        name: "filter",
        chords: &["/"],
        scopes: &[Table],
        footer: Some("filter"),
        help: "Show only rows with these words; env: layer: kind: key: verdict: code: owner: and !word",
        priority: 3,
    },
    ActionSpec {
        action: Action::Enter,
        name: "enter",
        chords: &["enter"],
        scopes: &[Table, Filter, Note, Confirm, Help, Memory, Trust],
        footer: Some("details"),
        help: "Everything about the selected row",
        priority: 2,
    },
    ActionSpec {
        action: Action::Back,
        name: "back",
        chords: &["esc"],
        scopes: EVERYWHERE,
        footer: Some("back"),
        help: "Back, one level at a time; on the table it clears the filter",
        priority: 1,
    },
    ActionSpec {
        action: Action::CopyCommand,
        name: "copy-command",
        chords: &["y"],
        scopes: READING,
        footer: Some("copy fix"),
        help: "Copy the command that fixes the selected row",
        priority: 4,
    },
    ActionSpec {
        action: Action::CopyPlace,
        name: "copy-place",
        chords: &["Y"],
        scopes: READING,
        footer: Some("copy place"),
        help: "Copy where its value stands, as path:line:column",
        priority: 11,
    },
    ActionSpec {
        action: Action::Trust,
        name: "trust",
        chords: &["t"],
        scopes: READING,
        footer: Some("trust"),
        help: "Show what the inventory asks for beyond its own folder, to accept it or not",
        priority: 2,
    },
    ActionSpec {
        action: Action::NextProblem,
        name: "next-problem",
        chords: &["n"],
        scopes: READING,
        footer: Some("next problem"),
        help: "Go to the next row that is not current",
        priority: 6,
    },
    ActionSpec {
        action: Action::PreviousProblem,
        name: "previous-problem",
        chords: &["N"],
        scopes: READING,
        footer: None,
        help: "Go to the previous row that is not current",
        priority: 20,
    },
    ActionSpec {
        action: Action::Expect,
        name: "expect",
        chords: &["="],
        scopes: READING,
        footer: Some("this key is right"),
        help: "Mark this row's key as the expected one, for this run; names a rotation's new key",
        priority: 8,
    },
    ActionSpec {
        action: Action::Recheck,
        name: "recheck",
        chords: &["r"],
        scopes: READING,
        footer: Some("re-check"),
        help: "Read this layer and ask about its key again",
        priority: 5,
    },
    ActionSpec {
        action: Action::RecheckAll,
        name: "recheck-all",
        chords: &["R"],
        scopes: READING,
        footer: Some("re-check all"),
        help: "Read every layer and ask about every key again",
        priority: 10,
    },
    ActionSpec {
        action: Action::SearchMemory,
        name: "search-memory",
        chords: &["M"],
        scopes: &[Table, Details, Memory],
        footer: Some("memory"),
        help: "Search the memory of processes for the keys, where layers allow it; asks first",
        priority: 12,
    },
    ActionSpec {
        action: Action::Group,
        name: "group",
        chords: &["b"],
        scopes: &[Table],
        footer: Some("group"),
        help: "Group by environment, by key, or not at all",
        priority: 7,
    },
    ActionSpec {
        action: Action::Sort,
        name: "sort",
        chords: &["s"],
        scopes: &[Table],
        footer: Some("sort"),
        help: "Sort by the next column",
        priority: 9,
    },
    ActionSpec {
        action: Action::SortReverse,
        name: "sort-reverse",
        chords: &["S"],
        scopes: &[Table],
        footer: None,
        help: "Sort the other way round",
        priority: 20,
    },
    ActionSpec {
        action: Action::Audit,
        name: "audit",
        chords: &["a"],
        scopes: READING,
        footer: Some("audit"),
        help: "Before a rotation: walk through the layers of this credential, and begin it",
        priority: 8,
    },
    ActionSpec {
        action: Action::Confirm,
        name: "confirm",
        chords: &["c"],
        scopes: &[Table, Details, Audit],
        footer: Some("confirm"),
        help: "After a rotation: whether every layer has moved and the old key is refused",
        priority: 8,
    },
    ActionSpec {
        action: Action::Matrix,
        name: "matrix",
        chords: &["m"],
        scopes: &[Table, Details, Audit],
        footer: Some("matrix"),
        help: "Layers and environments side by side",
        priority: 12,
    },
    ActionSpec {
        action: Action::NextPage,
        name: "next-page",
        chords: &["n", "right"],
        scopes: &[Audit],
        footer: Some("next"),
        help: "The next page of the walk",
        priority: 3,
    },
    ActionSpec {
        action: Action::PreviousPage,
        name: "previous-page",
        chords: &["N", "left"],
        scopes: &[Audit],
        footer: Some("before"),
        help: "The page before",
        priority: 7,
    },
    ActionSpec {
        action: Action::Tick,
        name: "tick",
        chords: &["space"],
        scopes: &[Audit],
        footer: Some("tick off"),
        help: "Tick this layer off, or take that back",
        priority: 4,
    },
    ActionSpec {
        action: Action::Note,
        name: "note",
        chords: &["e"],
        scopes: &[Audit],
        footer: Some("note"),
        help: "Write a note on this layer",
        priority: 6,
    },
    ActionSpec {
        action: Action::Begin,
        name: "begin",
        chords: &["o"],
        scopes: &[Audit],
        footer: Some("begin the rotation"),
        help: "Begin the rotation: what every layer holds now is recorded as its baseline",
        priority: 5,
    },
    ActionSpec {
        action: Action::Down,
        name: "down",
        chords: &["j", "down"],
        scopes: MOVING,
        footer: None,
        help: "One line down",
        priority: 20,
    },
    ActionSpec {
        action: Action::Up,
        name: "up",
        chords: &["k", "up"],
        scopes: MOVING,
        footer: None,
        help: "One line up",
        priority: 20,
    },
    ActionSpec {
        action: Action::HalfPageDown,
        name: "half-page-down",
        chords: &["ctrl-d", "pgdn"],
        scopes: MOVING,
        footer: None,
        help: "Half a screen down",
        priority: 20,
    },
    ActionSpec {
        action: Action::HalfPageUp,
        name: "half-page-up",
        chords: &["ctrl-u", "pgup"],
        scopes: &[Table, Details, Audit, Confirm, Matrix, Help, Trust],
        footer: None,
        help: "Half a screen up",
        priority: 20,
    },
    ActionSpec {
        action: Action::Top,
        name: "top",
        chords: &["g", "home"],
        scopes: READING,
        footer: None,
        help: "The first row",
        priority: 20,
    },
    ActionSpec {
        action: Action::Bottom,
        name: "bottom",
        chords: &["G", "end"],
        scopes: READING,
        footer: None,
        help: "The last row",
        priority: 20,
    },
    ActionSpec {
        action: Action::Redraw,
        name: "redraw",
        chords: &["ctrl-l"],
        scopes: EVERYWHERE,
        footer: None,
        help: "Draw the whole screen again",
        priority: 20,
    },
    ActionSpec {
        action: Action::Suspend,
        name: "suspend",
        chords: &["ctrl-z"],
        scopes: EVERYWHERE,
        footer: None,
        help: "Back to the shell; `fg` returns here",
        priority: 20,
    },
    ActionSpec {
        action: Action::Help,
        name: "help",
        chords: &["?", "f1"],
        scopes: EVERYWHERE,
        footer: Some("help"),
        help: "This list; type to search it, enter runs what is selected",
        priority: 2,
    },
    ActionSpec {
        action: Action::Quit,
        name: "quit",
        chords: &["q", "ctrl-c"],
        scopes: EVERYWHERE,
        footer: Some("quit"),
        help: "Leave stalekey; the terminal is as it was",
        priority: 1,
    },
];

impl Action {
    /// Its line of the table.
    pub fn spec(self) -> &'static ActionSpec {
        // Kept by a test: every action has its line.
        ACTIONS.iter().find(|spec| spec.action == self).unwrap_or(&ACTIONS[0])
    }

    /// Holding the key down repeats it.
    pub const fn repeats(self) -> bool {
        matches!(
            self,
            Self::Down
                | Self::Up
                | Self::HalfPageDown
                | Self::HalfPageUp
                | Self::NextProblem
                | Self::PreviousProblem
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_actions_are_unique_and_every_sentence_reads_alike() {
        let names: BTreeSet<&str> = ACTIONS.iter().map(|spec| spec.name).collect();
        let actions: BTreeSet<Action> = ACTIONS.iter().map(|spec| spec.action).collect();
        assert_eq!(names.len(), ACTIONS.len());
        assert_eq!(actions.len(), ACTIONS.len());
        // The last variant: as many lines as there are actions.
        assert_eq!(ACTIONS.len(), Action::Quit as usize + 1);
        for spec in ACTIONS {
            assert!(spec.help.starts_with(char::is_uppercase), "{}", spec.name);
            assert!(!spec.help.ends_with('.'), "{}", spec.name);
            assert_eq!(spec.action.spec().name, spec.name);
        }
    }
}
