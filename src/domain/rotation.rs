//! A rotation: which key is replaced by which, how far that has come, and whether it is proven. Pure.
//!
//! The history of an inventory is a list of [`Event`]s; [`rotations`] makes the rotations of it.
//! Together with a snapshot's rows they give the [`Progress`], and that the [`Confirmation`].

mod checklist;
mod confirmation;
mod event;
mod evidence;
mod opening;
mod progress;
mod recorded;
#[cfg(test)]
mod tests;

pub use checklist::{Blast, Checklist, Page, checklist};
pub use confirmation::{Confirmation, Step, Word, confirm};
pub use event::{Event, Opened, rotations};
pub use evidence::{Coverage, Evidence};
pub use opening::{CannotOpen, Opening, environments_of, open};
pub use progress::{KeyStanding, MemberProgress, MemberState, Progress, Spare, progress};
pub use recorded::{Recorded, RecordedKey};

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::snapshot::RowIdentity;

/// What moves from one key to another: a layer, on one machine. Its processes come and go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Member {
    /// The environment.
    pub environment: String,
    /// The layer.
    pub layer: String,
    /// The other machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

impl Member {
    /// The member that a row is of.
    pub fn of(identity: &RowIdentity) -> Self {
        Self {
            environment: identity.environment.clone(),
            layer: identity.layer.clone(),
            host: identity.host.clone(),
        }
    }

    /// How it is named: `api .env`, `api @web-1`.
    pub fn label(&self) -> String {
        crate::domain::layer::row_label(&self.layer, None, self.host.as_deref())
    }
}

/// How the new key was named. Never the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NewKey {
    /// By its fingerprint, exported or as it is shown.
    Fingerprint(String),
    /// By its last four characters, as the provider's dashboard shows them.
    Last4(String),
}

impl NewKey {
    /// For people.
    pub fn text(&self) -> String {
        match self {
            Self::Fingerprint(text) => format!("the key {text}"),
            Self::Last4(last4) => format!("the key ending in {last4}"),
        }
    }
}

/// What a person noted on a page of the checklist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    /// It is dealt with.
    pub done: bool,
    /// What they wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// One rotation, open or over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// Unique in the history of its inventory: `openai-1`.
    pub id: String,
    /// The credential.
    pub credential: String,
    /// The environments in which it is rotated.
    pub environments: Vec<String>,
    /// When its baseline was taken.
    pub opened_at: Timestamp,
    /// The keys that are to go: those that the layers held then.
    pub old: Vec<RecordedKey>,
    /// The key that is to come, once it is known.
    pub new: Option<NewKey>,
    /// What every layer held then.
    pub baseline: Vec<Recorded>,
    /// What a person noted of each layer.
    pub ticks: BTreeMap<Member, Tick>,
    /// How it ended.
    pub end: Option<End>,
}

/// How a rotation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// When.
    pub at: Timestamp,
    /// It was proven: `rotated`. Else it was given up.
    pub rotated: bool,
}

/// A key that a rotation replaces, or has replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retired {
    /// Id of the rotation.
    pub rotation: String,
    /// The credential.
    pub credential: String,
    /// The environments.
    pub environments: Vec<String>,
    /// Exported fingerprint of the key.
    pub fingerprint: String,
    /// When it was proven that nothing holds it any more; `None` while the rotation goes on.
    pub ended_at: Option<Timestamp>,
}

/// Every key that these rotations replace. One that a later rotation has brought back is not.
pub fn retired(rotations: &[Rotation]) -> Vec<Retired> {
    let mut retired: Vec<Retired> = Vec::new();
    for rotation in rotations {
        let given_up = rotation.end.as_ref().is_some_and(|end| !end.rotated);
        let Some(new) = rotation.new.as_ref().filter(|_| !given_up) else { continue };
        let is_new = |fingerprint: &str| match new {
            NewKey::Fingerprint(text) => names(text, fingerprint),
            NewKey::Last4(_) => false,
        };
        retired.retain(|old| {
            let same = old.credential == rotation.credential
                && old.environments.iter().any(|name| rotation.environments.contains(name));
            !(same && is_new(&old.fingerprint))
        });
        let old = rotation.old.iter().filter_map(|key| key.fingerprint.as_deref());
        retired.extend(old.filter(|old| !is_new(old)).map(|fingerprint| Retired {
            rotation: rotation.id.clone(),
            credential: rotation.credential.clone(),
            environments: rotation.environments.clone(),
            fingerprint: fingerprint.to_owned(),
            ended_at: rotation.end.as_ref().map(|end| end.at),
        }));
    }
    retired
}

/// Whether a text, an exported fingerprint or what is shown of one, names this exported one.
pub fn names(text: &str, exported: &str) -> bool {
    let characters = exported.rsplit(':').next().unwrap_or_default();
    let short: String =
        text.chars().filter(|character| *character != '-').collect::<String>().to_uppercase();
    text == exported
        || (short.len() >= crate::domain::fingerprint::SHOWN_CHARACTERS
            && characters.starts_with(&short))
}

impl Rotation {
    /// One that has not begun: what its checklist would be.
    pub fn imagined(credential: &str, environments: &[String], now: Timestamp) -> Self {
        Self {
            id: String::new(),
            credential: credential.to_owned(),
            environments: environments.to_vec(),
            opened_at: now,
            old: Vec::new(),
            new: None,
            baseline: Vec::new(),
            ticks: BTreeMap::new(),
            end: None,
        }
    }

    /// Whether it is about a credential in an environment.
    pub fn covers(&self, environment: &str, credential: &str) -> bool {
        self.credential == credential && self.environments.iter().any(|name| name == environment)
    }

    /// It still goes on.
    pub const fn is_open(&self) -> bool {
        self.end.is_none()
    }

    /// One of its old keys, by the exported fingerprint.
    pub fn old_key(&self, exported: &str) -> Option<&RecordedKey> {
        self.old.iter().find(|key| key.fingerprint.as_deref() == Some(exported))
    }
}
