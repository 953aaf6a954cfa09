//! The evidence of a rotation: JSON for programs, Markdown for an auditor. Coverage comes first.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::rotation::{Evidence, KeyStanding, MemberProgress, Recorded, RecordedKey, Step};

/// Grows when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct File<'a> {
    schema_version: u32,
    stalekey_version: &'static str,
    generated_at: Timestamp,
    operator: &'a str,
    inventory: InventoryPart<'a>,
    fingerprint_id: &'a str,
    coverage: CoveragePart,
    rotation: RotationPart<'a>,
    result: &'static str,
    steps: Vec<StepPart<'a>>,
    gaps: &'a [String],
    new_key: Option<KeyPart<'a>>,
    old_keys: Vec<KeyPart<'a>>,
    layers: Vec<LayerPart<'a>>,
    rows_before: &'a [Recorded],
    rows_after: &'a [Recorded],
}

#[derive(Serialize)]
struct InventoryPart<'a> {
    path: Option<&'a str>,
    digest: Option<&'a str>,
}

#[derive(Serialize)]
struct CoveragePart {
    layers_asked: usize,
    layers_read: usize,
    unreadable: Vec<GapPart>,
}

#[derive(Serialize)]
struct GapPart {
    layer: String,
    reason: String,
}

#[derive(Serialize)]
struct RotationPart<'a> {
    id: &'a str,
    credential: &'a str,
    environments: &'a [String],
    opened_at: Timestamp,
    new_key_named: Option<&'a str>,
}

#[derive(Serialize)]
struct StepPart<'a> {
    step: &'a str,
    done: Option<bool>,
    text: &'a str,
}

#[derive(Serialize)]
struct KeyPart<'a> {
    #[serde(flatten)]
    key: &'a RecordedKey,
    outcome: Option<&'static str>,
    status: Option<u16>,
    checked_at: Option<Timestamp>,
    held_by: &'a [String],
}

#[derive(Serialize)]
struct LayerPart<'a> {
    environment: &'a str,
    layer: &'a str,
    host: Option<&'a str>,
    owner: Option<&'a str>,
    state: &'static str,
    before: Option<&'a str>,
    after: Option<&'a str>,
    switched_at: Option<Timestamp>,
    reason: &'a str,
}

impl<'a> From<&'a KeyStanding> for KeyPart<'a> {
    fn from(standing: &'a KeyStanding) -> Self {
        Self {
            key: &standing.key,
            outcome: standing.outcome.map(crate::domain::outcome::Outcome::name),
            status: standing.status,
            checked_at: standing.checked_at,
            held_by: &standing.held_by,
        }
    }
}

impl<'a> From<&'a MemberProgress> for LayerPart<'a> {
    fn from(member: &'a MemberProgress) -> Self {
        Self {
            environment: &member.member.environment,
            layer: &member.member.layer,
            host: member.member.host.as_deref(),
            owner: member.owner.as_deref(),
            state: member.state.name(),
            before: member.before.as_deref(),
            after: member.now.as_deref(),
            switched_at: member.since,
            reason: &member.reason,
        }
    }
}

/// Writes the evidence as one JSON document.
///
/// # Errors
/// Those of the writer.
pub fn json(evidence: &Evidence, out: &mut dyn Write) -> io::Result<()> {
    let (progress, confirmation) = (&evidence.progress, &evidence.confirmation);
    let coverage = evidence.coverage();
    let gap = |(layer, reason)| GapPart { layer, reason };
    let file = File {
        schema_version: SCHEMA_VERSION,
        stalekey_version: env!("CARGO_PKG_VERSION"),
        generated_at: evidence.generated_at,
        operator: &evidence.operator,
        inventory: InventoryPart {
            path: evidence.inventory.as_deref(),
            digest: evidence.inventory_digest.as_deref(),
        },
        fingerprint_id: &evidence.fingerprint_id,
        coverage: CoveragePart {
            layers_asked: coverage.asked,
            layers_read: coverage.read,
            unreadable: coverage.gaps.into_iter().map(gap).collect(),
        },
        rotation: RotationPart {
            id: &progress.rotation,
            credential: &progress.credential,
            environments: &progress.environments,
            opened_at: progress.opened_at,
            new_key_named: progress.new_named.as_deref(),
        },
        result: confirmation.word.name(),
        steps: confirmation.steps.iter().map(StepPart::from).collect(),
        gaps: &confirmation.gaps,
        new_key: progress.new.as_ref().map(KeyPart::from),
        old_keys: progress.old.iter().map(KeyPart::from).collect(),
        layers: progress.members.iter().map(LayerPart::from).collect(),
        rows_before: &evidence.before,
        rows_after: &evidence.after,
    };
    serde_json::to_writer_pretty(&mut *out, &file)?;
    writeln!(out)
}

impl<'a> From<&'a Step> for StepPart<'a> {
    fn from(step: &'a Step) -> Self {
        Self { step: step.name, done: step.done, text: &step.text }
    }
}

/// Writes the evidence as Markdown.
///
/// # Errors
/// Those of the writer.
pub fn markdown(evidence: &Evidence, out: &mut dyn Write) -> io::Result<()> {
    let (progress, confirmation) = (&evidence.progress, &evidence.confirmation);
    let coverage = evidence.coverage();
    writeln!(
        out,
        "# Rotation {} of `{}`: {}\n",
        progress.rotation,
        progress.credential,
        confirmation.word.text()
    )?;
    writeln!(out, "## Coverage\n")?;
    writeln!(out, "{} layers asked, {} read.", coverage.asked, coverage.read)?;
    for (layer, reason) in &coverage.gaps {
        writeln!(out, "- not read: {}: {}", cell(layer), cell(reason))?;
    }
    writeln!(out, "\n## What has to be so\n")?;
    for step in &confirmation.steps {
        let mark = match step.done {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "**not known**",
        };
        writeln!(out, "- {}: {mark}. {}", step.name, cell(&step.text))?;
    }
    if !confirmation.gaps.is_empty() {
        writeln!(out, "\n## Gaps\n")?;
        for gap in &confirmation.gaps {
            writeln!(out, "- {}", cell(gap))?;
        }
    }
    writeln!(out, "\n## Layers\n")?;
    writeln!(out, "| environment | layer | owner | before | now | since (UTC) | state |")?;
    writeln!(out, "| --- | --- | --- | --- | --- | --- | --- |")?;
    for member in &progress.members {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            cell(&member.member.environment),
            cell(&member.member.label()),
            cell(member.owner.as_deref().unwrap_or("–")),
            cell(member.before.as_deref().unwrap_or("–")),
            cell(member.now.as_deref().unwrap_or("–")),
            member.since.map_or_else(|| "–".to_owned(), whole_seconds),
            member.state.name(),
        )?;
    }
    writeln!(out, "\n## Keys\n")?;
    let new = progress.new.iter().map(|key| ("new", key));
    for (which, key) in new.chain(progress.old.iter().map(|key| ("old", key))) {
        let answer = match (key.outcome, key.status) {
            (Some(outcome), Some(status)) => format!("{} (HTTP {status})", outcome.name()),
            (Some(outcome), None) => outcome.name().to_owned(),
            (None, _) => "not asked".to_owned(),
        };
        let at = key.checked_at.map(|at| format!(" at {}", whole_seconds(at))).unwrap_or_default();
        let fingerprint = key.key.fingerprint.as_deref().unwrap_or("no fingerprint");
        writeln!(out, "- {which}: `{}` `{fingerprint}`: {answer}{at}", key.key.mask)?;
    }
    writeln!(out, "\n## How this was made\n")?;
    writeln!(
        out,
        "stalekey {}, at {} by {}. Inventory {} ({}). Fingerprints are made with `{}`. Begun {}.",
        env!("CARGO_PKG_VERSION"),
        whole_seconds(evidence.generated_at),
        cell(&evidence.operator),
        evidence
            .inventory
            .as_deref()
            .map_or_else(|| "built in".to_owned(), |path| format!("`{}`", cell(path))),
        evidence.inventory_digest.as_deref().unwrap_or("no digest"),
        evidence.fingerprint_id,
        whole_seconds(progress.opened_at),
    )
}

/// Text in a table or a list: it ends neither.
pub(super) fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('`', "'").replace(['\n', '\r'], " ")
}

pub(super) fn whole_seconds(at: Timestamp) -> String {
    Timestamp::new(at.as_second(), 0).unwrap_or(at).to_string()
}
