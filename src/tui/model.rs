//! Everything the dashboard knows. Changed by [`crate::tui::update::update`] alone.

use std::sync::Arc;

use jiff::Timestamp;
use ratatui::layout::Size;
use tui_input::Input;

use crate::{
    domain::{
        query::{Filter, Query, SortKey, severity},
        snapshot::{Row, RowIdentity, Snapshot},
    },
    tui::{
        Options,
        action::{ACTIONS, Action, ActionSpec, Scope},
        keymap::Keymap,
        marks::Marks,
        rotation::Audit,
        table::{Grouping, Table, TableLine, Widths},
        text::{age_changes_at, countdown_changes_at},
        theme::{Glyphs, Styles},
        view::layout::{Extra, Regions},
    },
};

/// What lies over the table; the last has the keys.
#[derive(Debug, Clone)]
pub enum Overlay {
    /// A filter is being typed.
    Filter,
    /// Everything about the selected row, scrolled by this many lines.
    Details {
        /// Lines above the first that is shown.
        scroll: usize,
    },
    /// A walk through the layers of a credential, before its rotation.
    Audit(Audit),
    /// The note on a page of that walk is being written.
    Note(Input),
    /// How far a rotation is, scrolled by this many lines.
    Confirm {
        /// Lines above the first that is shown.
        scroll: usize,
    },
    /// Layers and environments, scrolled by this many lines.
    Matrix {
        /// Lines above the first that is shown.
        scroll: usize,
    },
    /// The list of actions.
    Help {
        /// What is searched for.
        search: Input,
        /// Which of the found actions is selected.
        selected: usize,
    },
}

/// One line that tells what just happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toast {
    /// The line.
    pub text: String,
    /// Something did not work.
    pub is_error: bool,
    /// When it goes; `None`: with the next key.
    pub until: Option<Timestamp>,
}

const TOAST_SECONDS: i64 = 4;

/// The state.
#[derive(Debug)]
pub struct Model {
    /// The picture.
    pub snapshot: Arc<Snapshot>,
    /// The terminal's size.
    pub size: Size,
    /// The time.
    pub now: Timestamp,
    /// What lies over the table.
    pub overlays: Vec<Overlay>,
    /// The filter as typed.
    pub filter: Input,
    /// How rows are put together.
    pub grouping: Grouping,
    /// Filter and order.
    pub query: Query,
    /// Which row is selected; its line is derived.
    pub selected: Option<RowIdentity>,
    /// What just happened.
    pub toast: Option<Toast>,
    /// What is done once everything has been looked at.
    pub first: Option<Action>,
    /// What to say where the table would be, when there is no inventory.
    pub welcome: Vec<String>,
    /// The engine is gone.
    pub engine_stopped: bool,
    /// The person wants to leave.
    pub quitting: bool,
    /// Keys.
    pub keymap: Keymap,
    /// Colours.
    pub styles: Styles,
    /// Glyphs.
    pub glyphs: Glyphs,
    /// Colours and glyphs of keys.
    pub marks: Marks,
    /// The lines, worked out for this picture and query.
    pub table: Table,
    /// The line of the selected row.
    pub cursor: Option<usize>,
    /// The first line on screen.
    pub top: usize,
    /// The cursor stays where it is: a person moved it, or the first pass is over.
    pub settled: bool,
}

impl Model {
    /// An empty dashboard.
    pub fn new(options: Options, size: Size, now: Timestamp) -> Self {
        Self {
            snapshot: Arc::new(Snapshot { generated_at: now, ..Snapshot::default() }),
            size,
            now,
            overlays: Vec::new(),
            filter: Input::default(),
            grouping: Grouping::default(),
            query: Query::default(),
            selected: None,
            toast: None,
            first: options.first,
            welcome: options.welcome,
            engine_stopped: false,
            quitting: false,
            styles: Styles::new(options.theme, options.no_color),
            glyphs: Glyphs::new(options.ascii),
            keymap: options.keymap,
            marks: Marks::default(),
            table: Table::default(),
            cursor: None,
            top: 0,
            settled: false,
        }
    }

    /// What has the keys.
    pub fn scope(&self) -> Scope {
        match self.overlays.last() {
            None => Scope::Table,
            Some(Overlay::Filter) => Scope::Filter,
            Some(Overlay::Details { .. }) => Scope::Details,
            Some(Overlay::Audit(_)) => Scope::Audit,
            Some(Overlay::Note(_)) => Scope::Note,
            Some(Overlay::Confirm { .. }) => Scope::Confirm,
            Some(Overlay::Matrix { .. }) => Scope::Matrix,
            Some(Overlay::Help { .. }) => Scope::Help,
        }
    }

    /// The selected row and its index in the picture.
    pub fn selected_row(&self) -> Option<(usize, &Row)> {
        let index = self.table.row_at(self.cursor?)?;
        Some((index, self.snapshot.rows.get(index)?))
    }

    /// Where everything is on screen; `None` when there is too little of it.
    pub fn regions(&self) -> Option<Regions> {
        Regions::new(self.size, self.extra_lines())
    }

    /// What is to be shown below the header.
    pub fn extra_lines(&self) -> Extra {
        let tour = self.snapshot.tour.as_ref();
        let told = tour.is_some_and(|tour| tour.next.is_some() || tour.done.is_some());
        Extra {
            notice: !self.snapshot.notices.is_empty(),
            tour: told,
            rotation: !self.snapshot.rotations.is_empty(),
        }
    }

    /// Takes a new picture. The selected row stays selected, wherever it is now.
    pub fn take(&mut self, snapshot: Arc<Snapshot>) {
        self.marks.learn(&snapshot, self.styles.key_colours());
        self.snapshot = snapshot;
        self.table.widths = Widths::new(&self.snapshot);
        let line = self.cursor;
        self.arrange();
        if !self.settled && !self.table.lines.is_empty() {
            self.select_worst();
            // Nobody wants the cursor to jump while a fix is being copied: it follows the worst
            // row during the first pass only.
            self.settled = !self.snapshot.progress.running;
        } else if self.cursor.is_none() {
            self.select_substitute(line.unwrap_or(0));
        }
    }

    /// Works the lines out again after the picture, the query or the grouping changed.
    pub fn arrange(&mut self) {
        let widths = std::mem::take(&mut self.table.widths);
        self.table = Table::new(&self.snapshot, &self.query, self.grouping, widths);
        self.cursor = self.selected.as_ref().and_then(|selected| {
            let index = self.snapshot.rows.iter().position(|row| row.identity == *selected)?;
            self.table.line_of(index)
        });
        self.show_cursor();
    }

    /// Reads the filter as it stands in the input line.
    pub fn apply_filter(&mut self) {
        let line = self.cursor.unwrap_or(0);
        self.query.filter = Filter::parse(self.filter.value());
        self.arrange();
        if self.cursor.is_none() {
            self.select_substitute(line);
        }
    }

    /// Changes the order.
    pub fn sort_by(&mut self, sort: SortKey, reversed: bool) {
        self.query.sort = sort;
        self.query.reversed = reversed;
        self.arrange_and_keep();
    }

    /// Changes the grouping.
    pub fn group_by(&mut self, grouping: Grouping) {
        self.grouping = grouping;
        self.arrange_and_keep();
    }

    fn arrange_and_keep(&mut self) {
        let line = self.cursor;
        self.arrange();
        if let (None, Some(line)) = (self.cursor, line) {
            self.select_substitute(line);
        }
    }

    /// Selects the row of a line.
    pub fn select_line(&mut self, line: usize) {
        if let Some(row) = self.table.row_at(line).and_then(|index| self.snapshot.rows.get(index)) {
            self.selected = Some(row.identity.clone());
            self.cursor = Some(line);
            self.show_cursor();
        }
    }

    /// The row where things go wrong first: a broken link of a chain, then the worst verdict.
    fn select_worst(&mut self) {
        let mut breaks = vec![false; self.snapshot.rows.len()];
        for row in self.snapshot.chains.iter().filter_map(|chain| chain.break_at) {
            if let Some(is_break) = breaks.get_mut(row) {
                *is_break = true;
            }
        }
        let worst = self
            .table
            .lines
            .iter()
            .enumerate()
            .filter_map(|(line, content)| match content {
                TableLine::Row(index) => {
                    let row = self.snapshot.rows.get(*index)?;
                    let broken_link = breaks[*index] && row.verdict.is_error();
                    Some((!broken_link, severity(row).0, line))
                }
                TableLine::Heading(_) => None,
            })
            .min();
        if let Some((_, _, line)) = worst {
            self.select_line(line);
        }
    }

    /// The selected row is not in the table. When it is gone, another instance of the same layer
    /// takes its place (a process that was restarted), or the row that is now where it was. When a
    /// filter hides it, the cursor rests elsewhere and comes back with it.
    fn select_substitute(&mut self, line: usize) {
        let nearest =
            self.table.nearest_row(line, true).or_else(|| self.table.nearest_row(line, false));
        let hidden =
            self.selected.as_ref().is_some_and(|selected| self.snapshot.row(selected).is_some());
        if hidden {
            self.cursor = nearest;
            self.show_cursor();
            return;
        }
        let sibling = self.selected.as_ref().and_then(|gone| {
            self.table.lines.iter().position(|content| match content {
                TableLine::Row(index) => self.snapshot.rows.get(*index).is_some_and(|row| {
                    row.identity.layer == gone.layer
                        && row.identity.credential == gone.credential
                        && row.identity.environment == gone.environment
                }),
                TableLine::Heading(_) => false,
            })
        });
        match sibling.or(nearest) {
            Some(line) => self.select_line(line),
            None => self.cursor = None,
        }
    }

    /// Scrolls as little as possible so that the cursor is on screen, with the heading of its group
    /// when it is the first row of it.
    pub fn show_cursor(&mut self) {
        let Some(regions) = self.regions() else { return };
        let height = usize::from(regions.rows.height).max(1);
        let cursor = self.cursor.unwrap_or(0);
        let above = cursor.saturating_sub(1);
        let first = match self.table.lines.get(above) {
            Some(TableLine::Heading(_)) if height > 1 => above,
            _ => cursor,
        };
        self.top = self.top.min(first);
        if cursor >= self.top + height {
            self.top = cursor + 1 - height;
        }
        self.top = self.top.min(self.table.lines.len().saturating_sub(height));
    }

    /// Says what just happened.
    pub fn say(&mut self, text: impl Into<String>) {
        let until = self.now.as_second().saturating_add(TOAST_SECONDS);
        let until = Timestamp::new(until, self.now.subsec_nanosecond()).ok();
        self.toast = Some(Toast { text: text.into(), is_error: false, until });
    }

    /// Says what did not work; stays until the next key.
    pub fn complain(&mut self, text: impl Into<String>) {
        self.toast = Some(Toast { text: text.into(), is_error: true, until: None });
    }

    /// Whether the action can do anything now; the others are neither offered nor listed.
    pub fn offers(&self, action: Action) -> bool {
        match action {
            Action::NextStep => self.snapshot.tour.as_ref().is_some_and(|tour| tour.next.is_some()),
            _ => true,
        }
    }

    /// The actions that the help shows for what is searched.
    pub fn help_entries(&self, search: &str) -> Vec<&'static ActionSpec> {
        let words: Vec<String> = search.split_whitespace().map(str::to_lowercase).collect();
        ACTIONS
            .iter()
            .filter(|spec| self.offers(spec.action))
            .filter(|spec| {
                let chords: String = self
                    .keymap
                    .chords(spec.action)
                    .iter()
                    .map(|chord| format!(" {chord}"))
                    .collect();
                let text = format!("{} {}{chords}", spec.name, spec.help).to_lowercase();
                words.iter().all(|word| text.contains(word.as_str()))
            })
            .collect()
    }

    /// When something on screen will change by itself; `None`: never. There is no tick.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let toast = self.toast.as_ref().and_then(|toast| toast.until);
        let visible =
            self.regions().map(|regions| usize::from(regions.rows.height)).unwrap_or_default();
        let rows =
            self.table.lines.iter().skip(self.top).take(visible).filter_map(|line| match line {
                TableLine::Row(index) => self.snapshot.rows.get(*index)?.since(),
                TableLine::Heading(_) => None,
            });
        let details = self
            .selected_row()
            .filter(|_| visible > 0)
            .into_iter()
            .flat_map(|(_, row)| {
                let evidence = &row.evidence;
                [
                    row.probe.checked_at,
                    row.own_container().and_then(|container| container.created_at),
                    evidence.started_at,
                    evidence.modified_at,
                    evidence.changed_at,
                    evidence.updated_at,
                ]
            })
            .flatten();
        let header =
            (visible > 0 && !self.snapshot.rows.is_empty()).then_some(self.snapshot.generated_at);
        let wait = self.selected_row().filter(|_| visible > 0);
        let wait = wait.and_then(|(_, row)| countdown_changes_at(row.probe.retry_at?, self.now));
        header
            .into_iter()
            .chain(rows)
            .chain(details)
            .filter_map(|then| age_changes_at(then, self.now))
            .chain(toast)
            .chain(wait)
            .min()
    }
}
