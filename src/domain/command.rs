//! What a front end may ask of the engine. Front ends and engine talk through channels only.

use crate::domain::{
    fingerprint::Fingerprint,
    rotation::{Member, NewKey, Tick},
    snapshot::RowIdentity,
};

/// One wish of a front end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Read every layer and ask about every key again, whatever its age.
    RecheckAll,
    /// Read the layer of this row and ask about its key again.
    Recheck(RowIdentity),
    /// The person says which key is the expected one of (environment, credential), for this run;
    /// `None` takes the mark back.
    Expect {
        /// The environment.
        environment: String,
        /// The credential.
        credential: String,
        /// The key.
        fingerprint: Option<Fingerprint>,
    },
    /// Something of a rotation is to be recorded.
    Rotation(RotationWish),
    /// Stop what is going on.
    Cancel,
    /// Do the next step of the guided tour, where there is one (`stalekey demo`).
    NextStep,
}

/// What of a rotation is to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RotationWish {
    /// It begins: what every layer holds now is its baseline.
    Open {
        /// The credential.
        credential: String,
        /// The environments.
        environments: Vec<String>,
        /// The new key, if it is known.
        new: Option<NewKey>,
    },
    /// The new key is known.
    NameNewKey {
        /// The rotation.
        rotation: String,
        /// How it was named.
        new: NewKey,
    },
    /// A page of its checklist was ticked, or noted on.
    Tick {
        /// The rotation.
        rotation: String,
        /// The layer.
        member: Member,
        /// What was noted.
        tick: Tick,
    },
    /// How far it is, for the record; when it is rotated, that ends it.
    Confirm {
        /// The rotation.
        rotation: String,
    },
    /// It is given up.
    GiveUp {
        /// The rotation.
        rotation: String,
    },
}

/// The guided tour of the demo, as far as a screen shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tour {
    /// What the next step will do, in one sentence; `None` when there is no step left.
    pub next: Option<String>,
    /// What the last step did.
    pub done: Option<String>,
}
