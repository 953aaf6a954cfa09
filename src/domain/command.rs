//! What a front end may ask of the engine. Front ends and engine talk through channels only.

use crate::domain::{fingerprint::Fingerprint, snapshot::RowIdentity};

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
    /// The person trusts what was offered ([`Untrusted::offer`]), and nothing that came since.
    ///
    /// [`Untrusted::offer`]: crate::domain::trust::Untrusted::offer
    Trust {
        /// The digest of the lines that were read.
        offer: String,
    },
    /// Stop what is going on.
    Cancel,
    /// Do the next step of the guided tour, where there is one (`stalekey demo`).
    NextStep,
}

/// The guided tour of the demo, as far as a screen shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tour {
    /// What the next step will do, in one sentence; `None` when there is no step left.
    pub next: Option<String>,
    /// What the last step did.
    pub done: Option<String>,
}
