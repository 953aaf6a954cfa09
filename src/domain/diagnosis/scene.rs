//! What a diagnosis looks at: the judged rows, and the questions that several diagnoses ask.

use std::collections::HashMap;

use jiff::Timestamp;

pub(super) use crate::domain::inert::quoted;
use crate::domain::{
    chain::Sources,
    container::ContainerFacts,
    credential::CredentialFacts,
    damage::Flag,
    diagnosis::{Finding, Fix, Severity},
    fingerprint::Fingerprint,
    key::Key,
    layer::LayerKind,
    manager::Manager,
    mask::length_bucket,
    outcome::Outcome,
    place::Place,
    reading::{Occurrence, Origin, Rank, Yield},
    restart::{self, Obstacle},
    snapshot::Row,
    trap::Trap,
    verdict::Verdict,
};

/// The judged rows and what is known around them.
pub struct Scene<'a> {
    /// All rows.
    pub rows: &'a [Row],
    /// All credentials.
    pub credentials: &'a [CredentialFacts],
    /// The present.
    pub now: Timestamp,
    sources: Sources<'a>,
    by_group: HashMap<(&'a str, &'a str), Vec<usize>>,
}

impl<'a> Scene<'a> {
    /// A scene over these rows.
    pub fn new(rows: &'a [Row], credentials: &'a [CredentialFacts], now: Timestamp) -> Self {
        let mut by_group: HashMap<_, Vec<usize>> = HashMap::new();
        for (index, row) in rows.iter().enumerate() {
            let identity = &row.identity;
            let credential = identity.credential.as_str();
            by_group.entry((identity.environment.as_str(), credential)).or_default().push(index);
        }
        Self { rows, credentials, now, sources: Sources::of(rows), by_group }
    }

    /// Rows with their indexes.
    pub fn rows(&self) -> impl Iterator<Item = (usize, &'a Row)> {
        self.rows.iter().enumerate()
    }

    /// Rows of the same environment and credential.
    pub fn group(&self, row: &Row) -> Vec<&'a Row> {
        let identity = &row.identity;
        let members =
            self.by_group.get(&(identity.environment.as_str(), identity.credential.as_str()));
        members.into_iter().flatten().map(|index| &self.rows[*index]).collect()
    }

    /// The row that this row takes its value from: what its own layer configures, for one that runs,
    /// or that of its source.
    pub fn source_of(&self, row: &Row) -> Option<&'a Row> {
        self.sources.index(row).map(|index| &self.rows[index])
    }

    /// The row that decides what a restart would load: the nearest source that is no running thing.
    pub fn configuration_of(&self, row: &Row) -> Option<&'a Row> {
        self.sources.configured(self.rows, row).map(|configured| configured.row)
    }

    /// What has to be done before a running row is started again.
    pub(super) fn obstacle(&self, row: &'a Row) -> Option<Obstacle<'a>> {
        restart::obstacle(self.rows, &self.sources, row)
    }

    /// What is known of the container that a row is of, or that its process runs in.
    pub fn container_of(&self, row: &'a Row) -> Option<&'a ContainerFacts> {
        if let Some(own) = row.evidence.container.as_deref() {
            return Some(own);
        }
        let id = row.evidence.process.as_ref()?.container.as_ref()?;
        let host = &row.identity.host;
        let others = self.rows.iter().filter(|other| other.identity.host == *host);
        others.filter_map(Row::own_container).find(|container| container.id == *id)
    }

    /// Rows that belong together on screen: one layer, one thing that its manager starts, one key.
    pub fn by_layer_and_key(&self, wanted: impl Fn(&Row) -> bool) -> Vec<Vec<usize>> {
        type Id<'a> = (&'a str, &'a str, Option<&'a str>, Option<Fingerprint>);
        let mut order: Vec<Id<'_>> = Vec::new();
        let mut groups: HashMap<Id<'_>, Vec<usize>> = HashMap::new();
        for (index, row) in self.rows().filter(|(_, row)| wanted(row)) {
            let identity = &row.identity;
            let key = row.key().map(|key| key.fingerprint);
            let manager = row.evidence.manager.as_ref().map(Manager::name);
            let id = (identity.layer.as_str(), identity.credential.as_str(), manager, key);
            let members = groups.entry(id).or_default();
            if members.is_empty() {
                order.push(id);
            }
            members.push(index);
        }
        order.into_iter().filter_map(|id| groups.remove(&id)).collect()
    }

    /// One finding for every row whose value has one of `flags`.
    pub fn damaged(
        &self,
        code: &'static str,
        flags: &[Flag],
        explain: impl Fn(&Row) -> (String, Vec<Fix>),
    ) -> Vec<Finding> {
        self.rows()
            .filter(|(_, row)| {
                row.verdict == Verdict::Malformed
                    && row
                        .key()
                        .is_some_and(|key| flags.iter().any(|flag| key.flags.contains(flag)))
            })
            .map(|(index, row)| {
                let (message, fixes) = explain(row);
                Finding {
                    code,
                    severity: Severity::Error,
                    message,
                    rows: vec![index],
                    restart_helps: None,
                    fixes,
                }
            })
            .collect()
    }
}

/// One finding for every row whose key was asked about with one of `outcomes`.
pub(super) fn by_outcome(
    scene: &Scene<'_>,
    code: &'static str,
    severity: Severity,
    outcomes: &[Outcome],
    explain: impl Fn(&Row) -> (String, Fix),
) -> Vec<Finding> {
    scene
        .rows()
        .filter(|(_, row)| row.key().is_some() && outcomes.contains(&row.probe.outcome))
        .map(|(index, row)| {
            let (message, own) = explain(row);
            let advice = row.probe.advice.as_deref().map(Fix::text);
            Finding {
                code,
                severity,
                message,
                rows: vec![index],
                restart_helps: None,
                fixes: advice.into_iter().chain([own]).collect(),
            }
        })
        .collect()
}

/// A running row with an old key, or one that is likely to have it.
pub(super) fn is_old_process(row: &Row) -> bool {
    row.running && matches!(row.verdict, Verdict::Stale | Verdict::Mismatch)
}

/// It has its key since it was launched, as far as is known.
pub(super) fn launched_with_it(row: &Row) -> bool {
    row.rank == Rank::Launch
        || row.occurrences.iter().any(|occurrence| {
            occurrence.origin == Origin::LaunchEnvironment
                && matches!(&occurrence.yields, Yield::Value(key)
                    if row.key().is_some_and(|own| own.fingerprint == key.fingerprint))
        })
}

/// It is a container's environment, or a process has its key from that; a program that loads a file
/// of its own does not.
pub(super) fn in_a_container(scene: &Scene<'_>, row: &Row) -> bool {
    if row.own_container().is_some() {
        let of_compose = |source: &Row| source.kind == LayerKind::Compose;
        return row.key().is_some() || scene.configuration_of(row).is_some_and(of_compose);
    }
    let process = row.evidence.process.as_ref();
    process.is_some_and(|process| process.container.is_some()) && launched_with_it(row)
}

/// The name of a row in a sentence: `` `api .env` ``.
pub(super) fn name(row: &Row) -> String {
    format!("`{}`", row.label())
}

/// The variable of a row, or the words for it.
pub(super) fn variable(row: &Row) -> &str {
    row.variable.as_deref().unwrap_or("the variable")
}

/// Where a person edits this row: `services/api/.env:3`.
pub(super) fn edit_place(row: &Row) -> Option<String> {
    let place = row.place.as_ref()?;
    let path = place.path.as_deref()?;
    Some(match place.position {
        Some(at) => format!("{path}:{}", at.line),
        None => path.to_owned(),
    })
}

/// What this shell defines of the variable that decides a `.env` row, where the row's reader leaves
/// an existing variable as it is.
pub(super) fn shells_own(row: &Row) -> Option<&Occurrence<Key>> {
    row.occurrences.iter().find(|occurrence| {
        occurrence.origin == Origin::ShellEnvironment
            && Some(&occurrence.variable) == row.variable.as_ref()
            && !row.traps.iter().any(|trapped| trapped.trap == Trap::FileShadowsShell)
    })
}

/// Whether a variable of the shell would hide the one in this `.env` file. Readers that let the
/// file win say so in a trap.
pub(super) fn reader_keeps_the_shells(row: &Row) -> bool {
    row.traps.iter().all(|trapped| trapped.trap != Trap::FileShadowsShell)
}

/// One note for every `.env` row whose variable this shell defines too, where no layer is the shell.
pub(super) fn of_files_below_this_shell(
    scene: &Scene<'_>,
    code: &'static str,
    explain: impl Fn(&Row, &Key, &str) -> Option<String>,
) -> Vec<Finding> {
    if scene.rows().any(|(_, row)| row.kind == LayerKind::Shell) {
        return Vec::new();
    }
    let files = scene.rows().filter(|(_, row)| row.kind == LayerKind::Dotenv);
    files
        .filter(|(_, row)| row.key().is_some())
        .filter_map(|(index, row)| {
            let Yield::Value(exported) = &shells_own(row)?.yields else { return None };
            let reader = row.evidence.reader.as_deref().unwrap_or("its reader");
            Some(Finding {
                code,
                severity: Severity::Note,
                message: explain(row, exported, reader)?,
                rows: vec![index],
                restart_helps: None,
                fixes: vec![Fix::command(
                    "take it out of this shell before you start the program",
                    format!("unset {}", variable(row)),
                )],
            })
        })
        .collect()
}

/// The value is defined and has no bytes.
pub(super) fn is_nothing(key: &Key) -> bool {
    key.length_bucket == Some(length_bucket(0))
}

/// A place in brackets, with a space before it; nothing for a layer that is no file.
pub(super) fn in_brackets(place: Option<&Place>) -> String {
    place
        .filter(|place| place.path.is_some() || place.position.is_some())
        .map_or_else(String::new, |place| format!(" ({place})"))
}

/// A pipeline file names what the platform holds, in place of a value.
fn takes_from_platform(row: &Row) -> bool {
    row.key().is_none()
        || row.occurrences.iter().any(|occurrence| {
            occurrence.wins && matches!(occurrence.origin, Origin::CiReference(_))
        })
}

/// What a person does to give a row the expected value by hand.
pub(super) fn edit(row: &Row) -> Fix {
    let variable = variable(row);
    match (row.kind, edit_place(row)) {
        (LayerKind::Ci, Some(place)) if !row.evidence.exported && !takes_from_platform(row) => {
            Fix::text(format!(
                "take the key out of {place}, and refer to a secret of the platform instead"
            ))
        }
        (LayerKind::Ci, _) => Fix::text(format!("set `{variable}` again on the CI platform")),
        (LayerKind::Export, _) => {
            Fix::text(format!("set `{variable}` again where the export comes from, then export it"))
        }
        (LayerKind::Command, _) => {
            Fix::text(format!("set `{variable}` again where the command of {} reads it", name(row)))
        }
        (_, Some(place)) => Fix::text(format!("put the expected key into {place}")),
        (_, None) => Fix::text(format!("give `{variable}` the expected key in {}", name(row))),
    }
}
