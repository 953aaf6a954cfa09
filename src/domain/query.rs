//! Which rows a person wants to see, and in which order. Pure, and total: every text is a filter.
//!
//! The language is small on purpose. Words are ANDed and found anywhere in a row, whatever their
//! case. `field:word` looks at one field, `!word` at rows that do *not* have it, and double quotes
//! keep a name with spaces together: `layer:"api .env" !current`.

use std::cmp::{Ordering, Reverse};

use crate::domain::snapshot::{Row, Snapshot};

/// The fields that a word can be tied to, with the name a person types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The environment.
    Environment,
    /// The credential.
    Credential,
    /// The layer, with its instance and host.
    Layer,
    /// The kind of the layer.
    Kind,
    /// Mask and fingerprint.
    Key,
    /// The verdict's word, and `likely` for an inferred one.
    Verdict,
    /// Codes of findings.
    Code,
    /// Who owns the layer.
    Owner,
    /// Where the value stands.
    Place,
    /// The variable that decided. Only when asked for: nearly all rows have the same one.
    Variable,
    /// The HTTP status, the provider's code and the outcome.
    Http,
}

impl Field {
    /// Every field, in the order of the help.
    pub const ALL: [Self; 11] = [
        Self::Environment,
        Self::Credential,
        Self::Layer,
        Self::Kind,
        Self::Key,
        Self::Verdict,
        Self::Code,
        Self::Owner,
        Self::Place,
        Self::Variable,
        Self::Http,
    ];

    /// What a person types before the colon.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Environment => "env",
            Self::Credential => "credential",
            Self::Layer => "layer",
            Self::Kind => "kind",
            Self::Key => "key",
            Self::Verdict => "verdict",
            Self::Code => "code",
            Self::Owner => "owner",
            Self::Place => "place",
            Self::Variable => "variable",
            Self::Http => "http",
        }
    }

    fn named(name: &str) -> Option<Self> {
        let long = match name {
            "environment" => Some(Self::Environment),
            "fingerprint" | "mask" => Some(Self::Key),
            "finding" => Some(Self::Code),
            "status" => Some(Self::Http),
            _ => None,
        };
        long.or_else(|| Self::ALL.into_iter().find(|field| field.name() == name))
    }

    fn holds(self, row: &Row, snapshot: &Snapshot, word: &str) -> bool {
        let optional = |text: Option<&str>| text.is_some_and(|text| contains(text, word));
        match self {
            Self::Environment => contains(&row.identity.environment, word),
            Self::Credential => contains(&row.identity.credential, word),
            Self::Layer => contains(&row.label(), word),
            Self::Kind => contains(row.kind.name(), word),
            Self::Key => row.key().is_some_and(|key| {
                contains(&key.mask, word)
                    || contains(&key.shown, word)
                    // Its scheme alone (`keyfp1:`) would find every row.
                    || (word.len() > 8 && optional(key.exported.as_deref()))
                    || optional(key.shape.as_deref())
            }),
            Self::Verdict => {
                contains(row.verdict.name(), word) || contains(row.certainty.name(), word)
            }
            Self::Code => row
                .findings
                .iter()
                .filter_map(|index| snapshot.findings.get(*index))
                .any(|finding| contains(finding.code, word)),
            Self::Owner => optional(row.owner.as_deref()),
            Self::Place => {
                row.place.as_ref().is_some_and(|place| contains(&place.to_string(), word))
            }
            Self::Variable => optional(row.variable.as_deref()),
            Self::Http => {
                row.probe.status.is_some_and(|status| contains(&status.to_string(), word))
                    || optional(row.probe.code.as_deref())
                    || contains(row.probe.outcome.name(), word)
            }
        }
    }
}

/// One word of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    field: Option<Field>,
    word: String,
    negated: bool,
}

impl Term {
    fn holds(&self, row: &Row, snapshot: &Snapshot) -> bool {
        let found = match self.field {
            Some(field) => field.holds(row, snapshot, &self.word),
            None => Field::ALL
                .iter()
                .filter(|field| **field != Field::Variable)
                .any(|field| field.holds(row, snapshot, &self.word)),
        };
        found != self.negated
    }
}

/// A parsed filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    terms: Vec<Term>,
    notes: Vec<String>,
}

impl Filter {
    /// Reads a filter. It never fails: a field that does not exist is looked for as a plain word,
    /// and [`Filter::notes`] says so.
    pub fn parse(text: &str) -> Self {
        let mut filter = Self::default();
        for token in tokens(text) {
            let (negated, rest) = match token.text.strip_prefix('!') {
                Some(rest) if !token.opens_quoted => (true, rest),
                _ => (false, token.text.as_str()),
            };
            let mut field = None;
            let mut word = rest;
            if let Some((name, after)) = rest.split_once(':')
                && !token.opens_quoted
                && !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphabetic())
            {
                match Field::named(&name.to_ascii_lowercase()) {
                    Some(known) => {
                        field = Some(known);
                        word = after;
                    }
                    None => filter.notes.push(unknown_field(name)),
                }
            }
            // A word that is still being typed (`!`, `env:`) narrows nothing yet.
            if !word.is_empty() {
                filter.terms.push(Term { field, word: word.to_lowercase(), negated });
            }
        }
        filter
    }

    /// What a person should know of this filter, e.g. a field that does not exist.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Every row passes.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether the row passes.
    pub fn matches(&self, row: &Row, snapshot: &Snapshot) -> bool {
        self.terms.iter().all(|term| term.holds(row, snapshot))
    }
}

fn unknown_field(name: &str) -> String {
    let known: Vec<&str> = Field::ALL.iter().map(|field| field.name()).collect();
    format!("no field `{name}:`; fields are {}", known.join(", "))
}

struct Token {
    text: String,
    opens_quoted: bool,
}

/// Splits at blanks outside double quotes; a quote that is never closed runs to the end.
fn tokens(text: &str) -> Vec<Token> {
    let mut all = Vec::new();
    let mut current = Token { text: String::new(), opens_quoted: false };
    let mut quoted = false;
    for character in text.chars() {
        match character {
            '"' => {
                if !quoted && current.text.is_empty() {
                    current.opens_quoted = true;
                }
                quoted = !quoted;
            }
            blank if blank.is_whitespace() && !quoted => {
                if !current.text.is_empty() {
                    all.push(current);
                }
                current = Token { text: String::new(), opens_quoted: false };
            }
            other => current.text.push(other),
        }
    }
    if !current.text.is_empty() {
        all.push(current);
    }
    all
}

/// Whether `text` contains `word`, which is lower case already. Without allocation for ASCII: ten
/// thousand rows are filtered at every keystroke.
fn contains(text: &str, word: &str) -> bool {
    if text.is_ascii() {
        return word.is_ascii()
            && (word.is_empty()
                || text
                    .as_bytes()
                    .windows(word.len())
                    .any(|window| window.eq_ignore_ascii_case(word.as_bytes())));
    }
    text.to_lowercase().contains(word)
}

/// What rows are ordered by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SortKey {
    /// The order of the inventory.
    #[default]
    Inventory,
    /// Worst verdict first.
    Verdict,
    /// Layers by name.
    Layer,
    /// Kinds by name.
    Kind,
    /// Equal keys together.
    Key,
    /// HTTP status, rows without one last.
    Http,
    /// Newest change or start first, rows without a time last.
    Since,
}

impl SortKey {
    /// Every key, in the order in which a person cycles through them.
    pub const ALL: [Self; 7] = [
        Self::Inventory,
        Self::Verdict,
        Self::Layer,
        Self::Kind,
        Self::Key,
        Self::Http,
        Self::Since,
    ];

    /// The word on screen.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inventory => "inventory order",
            Self::Verdict => "verdict",
            Self::Layer => "layer",
            Self::Kind => "kind",
            Self::Key => "key",
            Self::Http => "http",
            Self::Since => "since",
        }
    }

    /// The one after it; the last leads back to the first.
    #[must_use]
    pub fn next(self) -> Self {
        let at = Self::ALL.iter().position(|key| *key == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }

    fn compare(self, left: &Row, right: &Row) -> Ordering {
        match self {
            Self::Inventory => Ordering::Equal,
            Self::Verdict => severity(left).cmp(&severity(right)),
            Self::Layer => left.identity.layer.cmp(&right.identity.layer),
            Self::Kind => left.kind.name().cmp(right.kind.name()),
            Self::Key => {
                let key = |row: &Row| row.key().map(|key| key.fingerprint);
                (key(left).is_none(), key(left)).cmp(&(key(right).is_none(), key(right)))
            }
            Self::Http => {
                let status = |row: &Row| row.probe.status.unwrap_or(u16::MAX);
                status(left).cmp(&status(right))
            }
            Self::Since => {
                let since = |row: &Row| (row.since().is_none(), Reverse(row.since()));
                since(left).cmp(&since(right))
            }
        }
    }
}

/// How much a row wants to be looked at: broken first, then what could not be read or decided,
/// then what is right. Among equals the verdict's own order decides.
pub fn severity(row: &Row) -> (u8, crate::domain::verdict::Verdict) {
    use crate::domain::verdict::Verdict;
    let class = match row.verdict {
        verdict if verdict.is_error() => 0,
        Verdict::Unreadable => 1,
        Verdict::Current => 3,
        _ => 2,
    };
    (class, row.verdict)
}

/// Filter and order together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Which rows.
    pub filter: Filter,
    /// In which order.
    pub sort: SortKey,
    /// The other way round.
    pub reversed: bool,
}

impl Query {
    /// Indexes of the rows that pass, in order; equal rows keep the order of the inventory.
    pub fn apply(&self, snapshot: &Snapshot) -> Vec<usize> {
        let mut indexes: Vec<usize> = snapshot
            .rows
            .iter()
            .enumerate()
            .filter(|(_, row)| self.filter.matches(row, snapshot))
            .map(|(index, _)| index)
            .collect();
        if self.sort != SortKey::Inventory {
            indexes.sort_by(|left, right| {
                let order = self.sort.compare(&snapshot.rows[*left], &snapshot.rows[*right]);
                if self.reversed { order.reverse() } else { order }
            });
        } else if self.reversed {
            indexes.reverse();
        }
        indexes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::domain::{
        diagnosis::{Finding, Severity},
        layer::LayerKind,
        outcome::{ProbeReason, ProbeResult},
        place::{Place, Position},
        reading::{Evidence, MissingReason, Rank, RequestContext, State},
        snapshot::RowIdentity,
        verdict::{Certainty, Verdict},
    };

    fn row(environment: &str, layer: &str, kind: LayerKind, verdict: Verdict) -> Row {
        Row {
            identity: RowIdentity {
                environment: environment.into(),
                credential: "openai".into(),
                layer: layer.into(),
                host: None,
                instance: None,
            },
            running: kind.is_running(),
            retired: None,
            kind,
            variable: Some("OPENAI_API_KEY".into()),
            place: Some(Place::at(Position { line: 3, column: 1 }).in_file(format!("{layer}/x"))),
            state: State::Missing(MissingReason::NotDefined),
            near_misses: Vec::new(),
            problems: Vec::new(),
            traps: Vec::new(),
            other_readings: Vec::new(),
            occurrences: Vec::new(),
            evidence: Evidence::default(),
            rank: Rank::Configured,
            context: RequestContext::default(),
            source: None,
            restart: None,
            owner: (environment == "production").then(|| "platform team".into()),
            probe: ProbeResult::not_probed(ProbeReason::Offline),
            expected: None,
            verdict,
            certainty: Certainty::Certain,
            reason: String::new(),
            findings: if verdict == Verdict::Stale { vec![0] } else { Vec::new() },
            after: Vec::new(),
        }
    }

    fn snapshot() -> Snapshot {
        Snapshot {
            rows: vec![
                row("production", "api .env", LayerKind::Dotenv, Verdict::Current),
                row("production", "workers", LayerKind::Process, Verdict::Stale),
                row("staging", "api .env", LayerKind::Dotenv, Verdict::Missing),
                row("staging", "Schlüssel", LayerKind::Shell, Verdict::Unproven),
            ],
            findings: vec![Finding {
                code: "SK201",
                severity: Severity::Error,
                message: String::new(),
                rows: vec![1],
                restart_helps: Some(true),
                fixes: Vec::new(),
            }],
            ..Snapshot::default()
        }
    }

    #[rstest]
    #[case::everything("", &[0, 1, 2, 3])]
    #[case::a_word("workers", &[1])]
    #[case::any_case("PRODUCTION", &[0, 1])]
    #[case::not_ascii("schlüs", &[3])]
    #[case::words_are_anded("api staging", &[2])]
    #[case::a_field("env:prod", &[0, 1])]
    #[case::a_long_field_name("environment:prod", &[0, 1])]
    #[case::not_in_that_field("env:api", &[])]
    #[case::a_verdict("verdict:stale", &[1])]
    #[case::a_code("code:sk2", &[1])]
    #[case::an_owner("owner:platform", &[0, 1])]
    #[case::a_kind("kind:shell", &[3])]
    #[case::a_place("place:workers/x:3", &[1])]
    #[case::a_variable("variable:openai", &[0, 1, 2, 3])]
    #[case::negated("!verdict:current", &[1, 2, 3])]
    #[case::negated_word("!staging !workers", &[0])]
    #[case::quoted("layer:\"api .env\"", &[0, 2])]
    #[case::quoted_alone("\"api .env\"", &[0, 2])]
    #[case::quote_never_closed("layer:\"api .e", &[0, 2])]
    #[case::still_typing("! env:", &[0, 1, 2, 3])]
    #[case::nothing("does-not-occur", &[])]
    fn filters_rows(#[case] text: &str, #[case] expected: &[usize]) {
        let query = Query { filter: Filter::parse(text), ..Query::default() };
        assert_eq!(query.apply(&snapshot()), expected);
    }

    #[test]
    fn an_unknown_field_is_a_note_and_a_plain_word() {
        let filter = Filter::parse("flavour:x");
        assert_eq!(filter.notes().len(), 1);
        assert!(filter.notes()[0].starts_with("no field `flavour:`; fields are env, credential"));
        assert!(!filter.matches(&snapshot().rows[0], &snapshot()));
        assert!(Filter::parse("https://x").notes().len() == 1);
        assert!(Filter::parse("\"a:b\"").notes().is_empty());
    }

    #[rstest]
    #[case::inventory(SortKey::Inventory, false, &[0, 1, 2, 3])]
    #[case::inventory_reversed(SortKey::Inventory, true, &[3, 2, 1, 0])]
    #[case::verdict(SortKey::Verdict, false, &[2, 1, 3, 0])]
    #[case::verdict_reversed(SortKey::Verdict, true, &[0, 3, 1, 2])]
    #[case::layer(SortKey::Layer, false, &[3, 0, 2, 1])]
    #[case::kind(SortKey::Kind, false, &[0, 2, 1, 3])]
    #[case::key_keeps_ties(SortKey::Key, false, &[0, 1, 2, 3])]
    fn sorts_rows(#[case] sort: SortKey, #[case] reversed: bool, #[case] expected: &[usize]) {
        let query = Query { filter: Filter::default(), sort, reversed };
        assert_eq!(query.apply(&snapshot()), expected);
    }

    #[test]
    fn cycling_through_the_sort_keys_comes_back() {
        let mut key = SortKey::default();
        for _ in SortKey::ALL {
            key = key.next();
        }
        assert_eq!(key, SortKey::default());
    }

    proptest! {
        #[test]
        fn every_text_is_a_filter(text in "\\PC{0,40}") {
            let snapshot = snapshot();
            let query = Query { filter: Filter::parse(&text), ..Query::default() };
            prop_assert!(query.apply(&snapshot).len() <= snapshot.rows.len());
        }

        #[test]
        fn a_word_and_its_negation_split_the_rows(word in "[a-z0-9.]{1,6}") {
            let snapshot = snapshot();
            let count = |text: &str| {
                Query { filter: Filter::parse(text), ..Query::default() }.apply(&snapshot).len()
            };
            prop_assert_eq!(count(&word) + count(&format!("!{word}")), snapshot.rows.len());
        }
    }
}
