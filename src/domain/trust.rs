//! What an inventory asks for beyond looking at its own folder, in words (SECURITY T6).

use std::fmt;

/// What happens. In the order in which a person is told: what leaves this machine comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Keys leave for an address.
    Send,
    /// A program runs.
    Run,
    /// Something outside the inventory's folder is looked into.
    Read,
}

impl Verb {
    /// How a line of the prompt begins.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Send => "SEND",
            Self::Run => "RUN",
            Self::Read => "READ",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// One line of what a person is asked to trust.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ask {
    /// What happens.
    pub verb: Verb,
    /// To whom or with what: inert, and never cut, since what is cut could hide the worst of it.
    pub text: String,
}

impl fmt::Display for Ask {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:<4}  {}", self.verb, self.text)
    }
}

/// What nobody has trusted yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Untrusted {
    /// The lines, those that are accepted already left out.
    pub asks: Vec<Ask>,
    /// How many layers are not looked at, or not asked about, for that.
    pub layers: usize,
    /// Of exactly these lines: whoever accepts them says this, so that nothing that came meanwhile
    /// is accepted unseen.
    pub offer: String,
    /// What `--trust` takes to have all of them; known when a pass of `check` is over.
    pub digests: Vec<String>,
}
