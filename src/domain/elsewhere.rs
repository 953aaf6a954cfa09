//! What is known of a reading that was made elsewhere, beside the reading.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::domain::{age::age, outcome::Outcome};

/// A report tells what was; older than this it no longer tells what is.
const HOLDS: SignedDuration = SignedDuration::from_hours(24);
/// Two clocks may differ so much without anybody noticing.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(5);

/// When and by whom a reading was made that was not made here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Elsewhere {
    /// When it was made, by the clock of where it was made.
    pub told_at: Timestamp,
    /// What the provider said there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<ToldProbe>,
    /// What a person should know or do about it; a clause, inert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a provider said to somebody else. It is shown; what was not asked here proves nothing here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToldProbe {
    /// What the answer meant there.
    pub outcome: Outcome,
    /// When it came.
    pub checked_at: Option<Timestamp>,
    /// The URL that was asked, inert.
    pub endpoint: Option<String>,
}

impl Elsewhere {
    /// Why what was told no longer holds, or never could.
    pub fn doubt(&self, now: Timestamp) -> Option<String> {
        let old = now.duration_since(self.told_at);
        if old > HOLDS {
            let age = age(now, self.told_at);
            Some(format!("told {age} ago, which no longer tells what is; make a new report"))
        } else if -old > CLOCKS_DIFFER {
            Some("told at a time that is still to come; compare the clocks".to_owned())
        } else {
            None
        }
    }

    /// Who said what when, for the end of a sentence.
    pub fn told(&self, now: Timestamp) -> Option<String> {
        let probe = self.probe.as_ref()?;
        let at = probe.checked_at.map(|at| format!(", {} ago", age(now, at))).unwrap_or_default();
        Some(format!("asked there: {}{at}", probe.outcome))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::fresh(60, false)]
    #[case::of_the_day(24 * 3_600, false)]
    #[case::old(24 * 3_600 + 1, true)]
    #[case::clocks_differ_a_little(-300, false)]
    #[case::of_the_future(-301, true)]
    fn what_was_told_holds_for_a_day(#[case] seconds: i64, #[case] doubted: bool) {
        let now = Timestamp::constant(1_800_000_000, 0);
        let told_at = now - SignedDuration::from_secs(seconds);
        let elsewhere = Elsewhere { told_at, probe: None, note: None };
        assert_eq!(elsewhere.doubt(now).is_some(), doubted);
    }
}
