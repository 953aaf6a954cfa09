//! The lines of the table, worked out once per picture and query, never per frame.

use std::{cmp::Ordering, collections::HashMap};

use crate::{
    domain::{
        fingerprint::Fingerprint,
        outcome::ProbeReason,
        query::Query,
        snapshot::{Row, Snapshot},
        verdict::{Certainty, Verdict},
    },
    tui::text::width,
};

/// How rows are put together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Grouping {
    /// By environment and credential, in the order of the inventory.
    #[default]
    Environment,
    /// Rows that hold the same key.
    Key,
    /// One list.
    Flat,
}

impl Grouping {
    /// The next one when a person cycles.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Environment => Self::Key,
            Self::Key => Self::Flat,
            Self::Flat => Self::Environment,
        }
    }

    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Environment => "by environment",
            Self::Key => "by key",
            Self::Flat => "one list",
        }
    }
}

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableLine {
    /// The heading of a group, by its number.
    Heading(usize),
    /// A row, by its index in the snapshot.
    Row(usize),
}

/// Rows under one heading; the first decides what the heading says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// Indexes in the snapshot, in order.
    pub rows: Vec<usize>,
}

/// The widest text of each column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Widths {
    /// Environments.
    pub environment: usize,
    /// Credentials; 0 when there is only one.
    pub credential: usize,
    /// Layers.
    pub layer: usize,
    /// Kinds.
    pub kind: usize,
    /// Masks.
    pub key: usize,
    /// Fingerprints with their marks.
    pub fingerprint: usize,
    /// Answers.
    pub http: usize,
    /// Verdicts with their glyphs.
    pub verdict: usize,
}

/// The table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Everything that can be scrolled through.
    pub lines: Vec<TableLine>,
    /// What the headings stand for.
    pub groups: Vec<Group>,
    /// The widest texts, over all rows of the picture.
    pub widths: Widths,
    /// How many rows the filter lets through.
    pub shown: usize,
}

#[derive(PartialEq, Eq, Hash)]
enum GroupName<'a> {
    Environment(&'a str, &'a str),
    Key(Option<Fingerprint>),
    All,
}

impl Table {
    /// Works the lines out. `widths` are the picture's, [`Widths::new`].
    pub fn new(snapshot: &Snapshot, query: &Query, grouping: Grouping, widths: Widths) -> Self {
        let order = query.apply(snapshot);
        let mut numbers: HashMap<GroupName<'_>, usize> = HashMap::new();
        let mut shown = vec![false; snapshot.rows.len()];
        for index in &order {
            shown[*index] = true;
        }
        let name_of = |index: usize| {
            let row = &snapshot.rows[index];
            match grouping {
                Grouping::Environment => {
                    GroupName::Environment(&row.identity.environment, &row.identity.credential)
                }
                Grouping::Key => GroupName::Key(row.key().map(|key| key.fingerprint)),
                Grouping::Flat => GroupName::All,
            }
        };
        // Groups keep the order of the inventory, however their rows are sorted.
        for index in (0..snapshot.rows.len()).filter(|index| shown[*index]) {
            let next = numbers.len();
            numbers.entry(name_of(index)).or_insert(next);
        }
        if grouping == Grouping::Key
            && let Some(without) = numbers.get(&GroupName::Key(None)).copied()
        {
            // Rows without a key come last: they are not what this view is for.
            for number in numbers.values_mut() {
                *number = match (*number).cmp(&without) {
                    Ordering::Less => *number,
                    Ordering::Equal => usize::MAX,
                    Ordering::Greater => *number - 1,
                };
            }
            let last = numbers.len() - 1;
            numbers.insert(GroupName::Key(None), last);
        }
        let mut groups = vec![Group::default(); numbers.len()];
        for index in &order {
            if let Some(number) = numbers.get(&name_of(*index)) {
                groups[*number].rows.push(*index);
            }
        }
        let mut lines = Vec::with_capacity(order.len() + groups.len());
        for (number, group) in groups.iter().enumerate() {
            if grouping != Grouping::Flat {
                lines.push(TableLine::Heading(number));
            }
            lines.extend(group.rows.iter().copied().map(TableLine::Row));
        }
        Self { lines, groups, widths, shown: order.len() }
    }

    /// The snapshot's index of the row on this line.
    pub fn row_at(&self, line: usize) -> Option<usize> {
        match self.lines.get(line) {
            Some(TableLine::Row(row)) => Some(*row),
            _ => None,
        }
    }

    /// The line of the row with this index.
    pub fn line_of(&self, row: usize) -> Option<usize> {
        self.lines.iter().position(|line| *line == TableLine::Row(row))
    }

    /// The next line that holds a row, from `line` on and including it, in one direction.
    pub fn nearest_row(&self, line: usize, forwards: bool) -> Option<usize> {
        let is_row = |line: &usize| matches!(self.lines.get(*line), Some(TableLine::Row(_)));
        if forwards {
            (line..self.lines.len()).find(is_row)
        } else {
            (0..=line.min(self.lines.len().saturating_sub(1))).rev().find(is_row)
        }
    }
}

impl Widths {
    /// Measures every row, once per picture.
    pub fn new(snapshot: &Snapshot) -> Self {
        let mut widths = Self::default();
        let widest = |widest: &mut usize, text: &str| *widest = (*widest).max(width(text));
        let first = snapshot.rows.first().map(|row| row.identity.credential.as_str());
        for row in &snapshot.rows {
            widest(&mut widths.environment, &row.identity.environment);
            if first != Some(row.identity.credential.as_str()) {
                widest(&mut widths.credential, &row.identity.credential);
                widest(&mut widths.credential, first.unwrap_or_default());
            }
            widest(&mut widths.layer, &row.label());
            widest(&mut widths.kind, row.kind.name());
            widest(&mut widths.http, &http(row));
            widths.verdict = widths.verdict.max(2 + width(&verdict(row)));
            match row.key() {
                Some(key) => {
                    widest(&mut widths.key, &key.mask);
                    widths.fingerprint = widths.fingerprint.max(3 + width(&key.shown));
                }
                None => widest(&mut widths.key, absent(row)),
            }
        }
        widths
    }
}

/// The verdict's word; an inferred one says so.
pub fn verdict(row: &Row) -> String {
    match (row.certainty, row.verdict) {
        (Certainty::Likely, Verdict::Unproven) | (Certainty::Certain, _) => {
            row.verdict.name().to_owned()
        }
        (Certainty::Likely, verdict) => format!("likely {verdict}"),
    }
}

/// What stands in the column of keys when there is none.
pub const fn absent(row: &Row) -> &'static str {
    use crate::domain::reading::{OpaqueReason, State};
    match row.state {
        State::Found(_) => "",
        State::Empty => "(empty)",
        State::Missing(_) => "(none)",
        State::Unreadable(_) => "(unreadable)",
        State::Opaque(OpaqueReason::Untrusted) => "(not trusted)",
        State::Opaque(_) => "(hidden)",
    }
}

/// The answer in one short word: a status, or why there is none.
pub fn http(row: &Row) -> String {
    let probe = &row.probe;
    if row.key().is_none() {
        return "-".to_owned();
    }
    if let Some(status) = probe.status {
        return status.to_string();
    }
    let word = match probe.reason {
        None
        | Some(
            ProbeReason::NoValue
            | ProbeReason::Offline
            | ProbeReason::NoProvider
            | ProbeReason::NoEndpoint
            | ProbeReason::NoProbe
            | ProbeReason::NotHeldHere,
        ) => "-",
        Some(ProbeReason::Pending) => "…",
        Some(ProbeReason::Waiting) => "wait",
        Some(
            ProbeReason::UnsendableBytes
            | ProbeReason::DamagedValue
            | ProbeReason::OtherProvidersKey
            | ProbeReason::OtherEndpoint
            | ProbeReason::Untrusted
            | ProbeReason::NoCompanion
            | ProbeReason::UnprobedForm
            | ProbeReason::StoppedAfterRefusals,
        ) => "unsent",
        Some(ProbeReason::Dns) => "dns",
        Some(ProbeReason::ConnectionRefused) => "refused",
        Some(ProbeReason::ConnectionReset) => "reset",
        Some(ProbeReason::TimedOut) => "timeout",
        Some(
            ProbeReason::TlsExpired
            | ProbeReason::TlsNotYetValid
            | ProbeReason::TlsUnknownIssuer
            | ProbeReason::TlsWrongName
            | ProbeReason::Tls
            | ProbeReason::NoRoots,
        ) => "tls",
        Some(
            ProbeReason::ProxyAuthentication
            | ProbeReason::ProxyRefused
            | ProbeReason::ProxyUnreachable
            | ProbeReason::ProxyUnsupported,
        ) => "proxy",
        Some(ProbeReason::Transport) => "failed",
    };
    word.to_owned()
}
