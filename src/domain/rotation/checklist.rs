//! What a person goes through before a rotation: one page for each layer, in the order in which they
//! have to change.

use crate::domain::{
    chain::Sources,
    diagnosis::Finding,
    restart::Gives,
    rotation::{Member, MemberProgress, Progress, Tick},
    snapshot::Row,
    verdict::{Certainty, Verdict},
};

/// The checklist of one credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checklist {
    /// The credential.
    pub credential: String,
    /// The environments.
    pub environments: Vec<String>,
    /// One page for each layer, origins first.
    pub pages: Vec<Page>,
    /// What would stop working if a key were revoked now, for each key that a layer holds.
    pub blast_radius: Vec<Blast>,
}

/// Who needs a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blast {
    /// The key: its mask and fingerprint.
    pub key: String,
    /// The layers that hold it.
    pub layers: Vec<String>,
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The layer.
    pub member: Member,
    /// Its kind.
    pub kind: &'static str,
    /// Where exactly its value stands.
    pub place: String,
    /// What it holds: mask and fingerprint, or why that is not known.
    pub holds: String,
    /// Who owns it.
    pub owner: Option<String>,
    /// How it gets the new value.
    pub gets: String,
    /// What it takes for the new value to be used, for what runs.
    pub restart: Option<String>,
    /// The layers that take their value from it.
    pub dependants: Vec<String>,
    /// What is doubtful about it.
    pub doubts: Vec<String>,
    /// What a person noted.
    pub tick: Tick,
}

/// The checklist for the layers of a rotation.
pub fn checklist(progress: &Progress, rows: &[Row], findings: &[Finding]) -> Checklist {
    let sources = Sources::of(rows);
    let pages = progress
        .members
        .iter()
        .map(|it| {
            let own: Vec<&Row> = it.rows.iter().map(|index| &rows[*index]).collect();
            page(it, &own, rows, &sources, findings)
        })
        .collect();
    let mut blast_radius: Vec<Blast> = Vec::new();
    for it in &progress.members {
        for key in it.rows.iter().filter_map(|index| rows[*index].key()) {
            let label = key.label();
            let layer = it.member.label();
            match blast_radius.iter_mut().find(|blast| blast.key == label) {
                Some(blast) if blast.layers.contains(&layer) => {}
                Some(blast) => blast.layers.push(layer),
                None => blast_radius.push(Blast { key: label, layers: vec![layer] }),
            }
        }
    }
    Checklist {
        credential: progress.credential.clone(),
        environments: progress.environments.clone(),
        pages,
        blast_radius,
    }
}

fn page(
    progress: &MemberProgress,
    own: &[&Row],
    rows: &[Row],
    sources: &Sources<'_>,
    findings: &[Finding],
) -> Page {
    let member = &progress.member;
    let first = own.first();
    let mut holds: Vec<String> = own
        .iter()
        .map(|row| row.key().map_or_else(|| row.reason.clone(), |key| key.label()))
        .collect();
    holds.sort();
    holds.dedup();
    let source = first.and_then(|row| sources.index(row)).map(|index| &rows[index]);
    let credential = first.map(|row| row.identity.credential.as_str());
    let mut dependants: Vec<String> = rows
        .iter()
        .filter(|row| {
            row.source.as_deref() == Some(&member.layer)
                && Some(row.identity.credential.as_str()) == credential
        })
        .map(|row| Member::of(&row.identity).label())
        .collect();
    dependants.dedup();
    Page {
        member: member.clone(),
        kind: first.map_or("", |row| row.kind.name()),
        place: first.map_or_else(|| "not in the inventory now".to_owned(), |row| place(row)),
        holds: if holds.is_empty() { progress.reason.clone() } else { holds.join("; ") },
        owner: first.and_then(|row| row.owner.clone()),
        gets: first.map_or_else(String::new, |row| gets(row, source)),
        restart: own.iter().find(|row| row.running).map(|row| restart(row)),
        dependants,
        doubts: doubts(own, findings),
        tick: progress.tick.clone(),
    }
}

fn place(row: &Row) -> String {
    let variable = row.variable.as_deref().unwrap_or("the variable");
    match &row.place {
        Some(place) if place.path.is_some() => format!("`{variable}` at {place}"),
        _ => format!("`{variable}` of {}", row.label()),
    }
}

/// How a layer gets the new value.
fn gets(row: &Row, source: Option<&Row>) -> String {
    match source {
        Some(source) if row.running => {
            format!("from `{}`, when it is started again", source.label())
        }
        Some(source) => format!("from `{}`", source.label()),
        None if row.running => {
            "not known: name its `source` in the inventory, so that a restart can be foretold"
                .to_owned()
        }
        None => "by hand".to_owned(),
    }
}

/// What it takes to make it start anew, and what that would load now.
fn restart(row: &Row) -> String {
    let Some(best) = row.after.first() else {
        return match &row.restart {
            Some(command) => format!("`{command}`; what it would load is not known"),
            None => "start it again; what it would load is not known".to_owned(),
        };
    };
    let how = match &best.how.command {
        Some(command) => format!("{}: `{command}`", best.how.text),
        None => best.how.text.clone(),
    };
    let gives = match &best.gives {
        Gives::Key(key) => format!("now {} would load {}", best.action.text(), key.told()),
        Gives::Nothing => format!("now {} would load nothing", best.action.text()),
        Gives::Unknown => format!("what {} would load is not known", best.action.text()),
    };
    format!("{how}; {gives}: {}", best.because)
}

fn doubts(own: &[&Row], findings: &[Finding]) -> Vec<String> {
    let mut doubts: Vec<String> = Vec::new();
    for row in own {
        if row.owner.is_none() {
            doubts.push("nobody is named as its `owner`".to_owned());
        }
        match row.verdict {
            Verdict::Unproven | Verdict::Unreadable => doubts.push(row.reason.clone()),
            _ if row.certainty == Certainty::Likely => {
                doubts.push(format!("only likely: {}", row.reason));
            }
            _ => {}
        }
        let told = row.findings.iter().filter_map(|index| findings.get(*index));
        doubts.extend(told.map(|finding| format!("{} {}", finding.code, finding.message)));
    }
    let mut seen = std::collections::BTreeSet::new();
    doubts.retain(|doubt| seen.insert(doubt.clone()));
    doubts
}
