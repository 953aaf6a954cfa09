//! How far a rotation has come: each layer, the new key and the old ones.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::{
    fingerprint::Fingerprint,
    key::Key,
    outcome::{Outcome, ProbeResult},
    reading::State,
    rotation::{Member, RecordedKey, Rotation, Tick},
    snapshot::Row,
    verdict::{Certainty, Verdict},
};

/// How far a rotation has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Id of the rotation.
    pub rotation: String,
    /// The credential.
    pub credential: String,
    /// The environments.
    pub environments: Vec<String>,
    /// When it began.
    pub opened_at: Timestamp,
    /// The layers in the order in which they have to move: origins first.
    pub members: Vec<MemberProgress>,
    /// How the new key was named.
    pub new_named: Option<String>,
    /// The new key, where a layer holds it or a person gave it.
    pub new: Option<KeyStanding>,
    /// The keys that are to go.
    pub old: Vec<KeyStanding>,
    /// When it began, a layer held a key that has no lasting fingerprint, so that it is not among
    /// `old`: one without a known format, while there is no team key (SECURITY F3).
    pub nameless: bool,
}

/// One layer of a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberProgress {
    /// The layer.
    pub member: Member,
    /// Who owns it.
    pub owner: Option<String>,
    /// Where it is.
    pub state: MemberState,
    /// What it held when the rotation began, masked.
    pub before: Option<String>,
    /// What it holds now, masked.
    pub now: Option<String>,
    /// Since when it holds that.
    pub since: Option<Timestamp>,
    /// Why it is where it is, in one sentence.
    pub reason: String,
    /// What a person noted of it.
    pub tick: Tick,
    /// Indexes of its rows in the snapshot.
    pub rows: Vec<usize>,
}

/// Where a layer is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberState {
    /// It holds an old key.
    Old,
    /// It holds a key that is neither old nor new, or a damaged one, or none.
    Wrong,
    /// It cannot be known what it holds.
    Unknown,
    /// It holds the new key.
    Moved,
    /// It need not hold one, and does not.
    NotNeeded,
}

impl MemberState {
    /// The word on every screen and in the evidence.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::Wrong => "wrong",
            Self::Unknown => "unknown",
            Self::Moved => "moved",
            Self::NotNeeded => "not_needed",
        }
    }
}

/// A key of a rotation, and what the provider says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStanding {
    /// The key.
    pub key: RecordedKey,
    /// What the provider says; `None` where nobody here holds the key, so that it cannot be asked.
    pub outcome: Option<Outcome>,
    /// Why there is no such answer, in a sentence fragment.
    pub reason: Option<String>,
    /// The status of the answer.
    pub status: Option<u16>,
    /// When the provider said so.
    pub checked_at: Option<Timestamp>,
    /// The layers that hold it.
    pub held_by: Vec<String>,
}

impl Progress {
    /// Layers that hold the new key.
    pub fn moved(&self) -> usize {
        self.members.iter().filter(|member| member.state == MemberState::Moved).count()
    }

    /// Layers that have to hold it.
    pub fn total(&self) -> usize {
        self.members.iter().filter(|member| member.state != MemberState::NotNeeded).count()
    }

    /// The first layer that has to move next.
    pub fn next(&self) -> Option<&MemberProgress> {
        self.members
            .iter()
            .find(|member| matches!(member.state, MemberState::Old | MemberState::Wrong))
            .or_else(|| self.members.iter().find(|member| member.state == MemberState::Unknown))
    }

    /// The layers that would fail if the old keys were revoked now.
    pub fn would_break(&self) -> Vec<String> {
        let old = self.members.iter().filter(|member| member.state == MemberState::Old);
        old.map(|member| member.member.label()).collect()
    }
}

/// A key that no layer holds any more, or that a person gave, and what the provider says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spare {
    /// The credential.
    pub credential: String,
    /// The key.
    pub key: Key,
    /// What the provider says.
    pub probe: ProbeResult,
}

/// How far a rotation has come by these rows. `new` are the keys that fit how the new one was named;
/// `spare` are keys that the program holds besides those of the rows.
pub fn progress(
    rotation: &Rotation,
    new: &[Fingerprint],
    rows: &[Row],
    spare: &[Spare],
) -> Progress {
    let covered: Vec<(usize, &Row)> = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| rotation.covers(&row.identity.environment, &row.identity.credential))
        .collect();
    let mut by_member: BTreeMap<Member, Vec<(usize, &Row)>> = BTreeMap::new();
    for (index, row) in &covered {
        by_member.entry(Member::of(&row.identity)).or_default().push((*index, row));
    }
    // One key that fits: two would leave open which of them is meant.
    let new_key = match new {
        [only] => Some(*only),
        _ => None,
    };
    let mut members: Vec<MemberProgress> = in_order(rotation, &by_member)
        .into_iter()
        .map(|member| {
            let rows = by_member.get(&member).map_or(&[][..], Vec::as_slice);
            member_progress(rotation, &member, new_key, rows)
        })
        .collect();
    members.extend(vanished(rotation, &by_member));
    // A key that is accepted for another environment lives; that it is refused there proves nothing.
    let elsewhere: Vec<Spare> = rows
        .iter()
        .filter(|row| row.identity.credential == rotation.credential && row.probe.key_is_accepted())
        .filter_map(|row| {
            let key = row.key()?.clone();
            Some(Spare { credential: rotation.credential.clone(), key, probe: row.probe.clone() })
        })
        .chain(spare.iter().cloned())
        .collect();
    let standing = |key: &RecordedKey, is: &dyn Fn(&Key) -> bool| {
        standing(key, is, &covered, &elsewhere, &rotation.credential)
    };
    let old = rotation
        .old
        .iter()
        .map(|old| standing(old, &|key| is_old(old, key) && Some(key.fingerprint) != new_key))
        .collect();
    let found = covered.iter().filter_map(|(_, row)| row.key());
    let found = found.chain(spare.iter().map(|spare| &spare.key));
    let new = new_key.and_then(|new| found.clone().find(|key| key.fingerprint == new)).map(|key| {
        standing(&RecordedKey::from(&**key), &|other| other.fingerprint == key.fingerprint)
    });
    Progress {
        rotation: rotation.id.clone(),
        credential: rotation.credential.clone(),
        environments: rotation.environments.clone(),
        opened_at: rotation.opened_at,
        members,
        new_named: rotation.new.as_ref().map(super::NewKey::text),
        new,
        old,
        nameless: rotation
            .baseline
            .iter()
            .filter_map(|recorded| recorded.key.as_ref())
            .any(|key| key.fingerprint.is_none()),
    }
}

fn is_old(old: &RecordedKey, key: &Key) -> bool {
    old.fingerprint.is_some() && old.fingerprint == key.exported
}

/// Members with rows, origins before those that take their value from them, else as in the inventory.
fn in_order(rotation: &Rotation, by_member: &BTreeMap<Member, Vec<(usize, &Row)>>) -> Vec<Member> {
    let first = |rows: &[(usize, &Row)]| rows.first().map_or(usize::MAX, |(index, _)| *index);
    let depth = |member: &Member| {
        let (mut depth, mut at) = (0, member.layer.as_str());
        while depth <= by_member.len() {
            let rows = by_member.iter().find(|(other, _)| other.layer == at);
            let source = rows.and_then(|(_, rows)| rows.first()?.1.source.as_deref());
            match source {
                Some(source) => at = source,
                None => break,
            }
            depth += 1;
        }
        depth
    };
    let environment =
        |member: &Member| rotation.environments.iter().position(|name| *name == member.environment);
    let mut members: Vec<(_, usize, usize, Member)> = by_member
        .iter()
        .map(|(member, rows)| (environment(member), depth(member), first(rows), member.clone()))
        .collect();
    members.sort();
    members.into_iter().map(|(.., member)| member).collect()
}

fn member_progress(
    rotation: &Rotation,
    member: &Member,
    new: Option<Fingerprint>,
    rows: &[(usize, &Row)],
) -> MemberProgress {
    // The worst of its rows is what the layer is: half a service on the old key is on the old key.
    let worst =
        rows.iter().map(|(_, row)| (state_of(rotation, new, row), *row)).min_by_key(|it| it.0.0);
    let before = rotation
        .baseline
        .iter()
        .filter(|recorded| recorded.member == *member)
        .find_map(|recorded| recorded.key.as_ref())
        .map(|key| key.mask.clone());
    let ((state, reason), row) = match worst {
        Some((found, row)) => (found, Some(row)),
        None => ((MemberState::Unknown, "it has no rows".to_owned()), None),
    };
    MemberProgress {
        member: member.clone(),
        owner: row.and_then(|row| row.owner.clone()),
        state,
        before,
        now: row.and_then(Row::key).map(|key| key.told()),
        since: rows.iter().filter_map(|(_, row)| row.since()).max(),
        reason,
        tick: rotation.ticks.get(member).cloned().unwrap_or_default(),
        rows: rows.iter().map(|(index, _)| *index).collect(),
    }
}

/// Where a row is, and why.
fn state_of(rotation: &Rotation, new: Option<Fingerprint>, row: &Row) -> (MemberState, String) {
    let key = match &row.state {
        State::Found(key) => key,
        State::Missing(_) if row.verdict == Verdict::Current => {
            return (MemberState::NotNeeded, row.reason.clone());
        }
        State::Missing(_) | State::Empty if !row.running => {
            return (MemberState::Wrong, row.reason.clone());
        }
        // Inferred from times: it runs, or was set, since before its source changed.
        State::Opaque(_) if row.verdict == Verdict::Stale => {
            return (MemberState::Old, row.reason.clone());
        }
        _ => return (MemberState::Unknown, row.reason.clone()),
    };
    let told = key.told();
    if key.is_damaged(row.probe.outcome) {
        return (MemberState::Wrong, row.reason.clone());
    }
    if Some(key.fingerprint) == new {
        return match row.certainty {
            Certainty::Certain => (MemberState::Moved, format!("{} it", row.rank.wording())),
            Certainty::Likely => (MemberState::Unknown, format!("only likely: {}", row.reason)),
        };
    }
    if rotation.old.iter().any(|old| is_old(old, key)) {
        return (MemberState::Old, format!("{} the old key {told}", row.rank.wording()));
    }
    if new.is_none() {
        return (
            MemberState::Unknown,
            format!("holds {told}; which key is the new one is not known"),
        );
    }
    (
        MemberState::Wrong,
        format!("{} {told}, which is neither the old key nor the new one", row.rank.wording()),
    )
}

/// Layers of the baseline that are in the inventory no more: a gap, not a success.
fn vanished(
    rotation: &Rotation,
    by_member: &BTreeMap<Member, Vec<(usize, &Row)>>,
) -> Vec<MemberProgress> {
    let mut gone: BTreeMap<&Member, MemberProgress> = BTreeMap::new();
    for recorded in &rotation.baseline {
        if by_member.contains_key(&recorded.member) || recorded.key.is_none() {
            continue;
        }
        gone.entry(&recorded.member).or_insert_with(|| MemberProgress {
            member: recorded.member.clone(),
            owner: recorded.owner.clone(),
            state: MemberState::Unknown,
            before: recorded.key.as_ref().map(|key| key.mask.clone()),
            now: None,
            since: None,
            reason: "it was looked at when the rotation began, and is not in the inventory now"
                .to_owned(),
            tick: rotation.ticks.get(&recorded.member).cloned().unwrap_or_default(),
            rows: Vec::new(),
        });
    }
    gone.into_values().collect()
}

fn standing(
    key: &RecordedKey,
    is: &dyn Fn(&Key) -> bool,
    rows: &[(usize, &Row)],
    spare: &[Spare],
    credential: &str,
) -> KeyStanding {
    let holders: Vec<&Row> =
        rows.iter().map(|(_, row)| *row).filter(|row| row.key().is_some_and(is)).collect();
    let mut held_by: Vec<String> =
        holders.iter().map(|row| Member::of(&row.identity).label()).collect();
    held_by.dedup();
    let spare = spare.iter().filter(|it| it.credential == credential && is(&it.key));
    let probes = holders.iter().map(|row| &row.probe).chain(spare.map(|spare| &spare.probe));
    // Rows may be asked in different contexts: one that accepts it decides, then one that refuses.
    let probe = probes.min_by_key(|probe| {
        (!probe.key_is_accepted(), probe.outcome != Outcome::Dead, probe.checked_at.is_none())
    });
    KeyStanding {
        key: key.clone(),
        outcome: probe.map(|probe| {
            if probe.key_is_accepted() && !probe.outcome.accepted() {
                Outcome::Alive
            } else {
                probe.outcome
            }
        }),
        reason: probe.and_then(|probe| probe.reason).map(|reason| reason.text().to_owned()),
        status: probe.and_then(|probe| probe.status),
        checked_at: probe.and_then(|probe| probe.checked_at),
        held_by,
    }
}
