//! Numbered findings, each with evidence and a fix. A new diagnosis is one file and one line in
//! [`REGISTRY`].

use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The layer will fail, or fails.
    Error,
    /// It works, and should not be left so.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// The word of the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One way to end a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What to do, in one sentence.
    pub text: String,
    /// The one command to copy, where one exists.
    pub command: Option<String>,
}

/// A diagnosis that holds for some rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `SK201`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence that names the layer and the evidence.
    pub message: String,
    /// Indexes of the rows it is about, ascending.
    pub rows: Vec<usize>,
    /// Whether restarting what runs would end it; `None` where the question does not arise.
    pub restart_helps: Option<bool>,
    /// What ends it.
    pub fixes: Vec<Fix>,
}
