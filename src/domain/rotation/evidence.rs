//! Everything that shows what became of a rotation, for a person who was not there.

use jiff::Timestamp;

use crate::domain::rotation::{Confirmation, Progress, Recorded};

/// What is filed when a rotation is confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// When it was made.
    pub generated_at: Timestamp,
    /// Who made it: user and machine.
    pub operator: String,
    /// The inventory, inert.
    pub inventory: Option<String>,
    /// SHA-256 of the inventory's bytes, as `sha256:…`.
    pub inventory_digest: Option<String>,
    /// Which salt or team key the fingerprints are made with.
    pub fingerprint_id: String,
    /// How far it has come.
    pub progress: Progress,
    /// Whether it is done.
    pub confirmation: Confirmation,
    /// What every layer held when the rotation began.
    pub before: Vec<Recorded>,
    /// What every layer holds now.
    pub after: Vec<Recorded>,
}

/// How much of what was asked could be seen. A report begins with it (SECURITY R6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// Layers that belong to the rotation.
    pub asked: usize,
    /// Those of which it is known what they hold.
    pub read: usize,
    /// Those of which it is not, with the reason.
    pub gaps: Vec<(String, String)>,
}

impl Evidence {
    /// How much could be seen.
    pub fn coverage(&self) -> Coverage {
        use super::MemberState::Unknown;
        let members = &self.progress.members;
        let gaps: Vec<(String, String)> = members
            .iter()
            .filter(|member| member.state == Unknown)
            .map(|member| (member.member.label(), member.reason.clone()))
            .collect();
        Coverage { asked: members.len(), read: members.len() - gaps.len(), gaps }
    }
}
