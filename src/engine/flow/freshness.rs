//! How old an answer may be.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::{
    outcome::{Outcome, ProbeResult},
    snapshot::RowIdentity,
};

/// An answer of a key that is not alive is asked again after this long, whatever `probe_every` says.
const NOT_ALIVE_AGAIN: Duration = Duration::from_mins(1);

/// Which answers are good enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum Freshness {
    /// None: everything is asked again.
    Everything,
    /// Those younger than `probe_every`.
    Aged,
    /// All but this row's.
    AllBut(RowIdentity),
}

/// Old answers are asked again: sooner when the key is not alive, and not before a host that asked
/// to wait allows it.
pub(super) fn is_old(result: &ProbeResult, every: Duration, now: Timestamp) -> bool {
    if result.retry_at.is_some_and(|at| at > now) {
        return false;
    }
    let limit = if result.outcome.accepted() { every } else { every.min(NOT_ALIVE_AGAIN) };
    match result.checked_at {
        Some(at) => now.duration_since(at).unsigned_abs() >= limit,
        None => result.outcome != Outcome::Unsendable,
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use rstest::rstest;

    use super::*;
    use crate::domain::outcome::ProbeReason;

    fn answer(outcome: Outcome, seconds_ago: i64) -> ProbeResult {
        ProbeResult {
            outcome,
            reason: None,
            checked_at: Some(now() - SignedDuration::from_secs(seconds_ago)),
            ..ProbeResult::not_probed(ProbeReason::Pending)
        }
    }

    fn now() -> Timestamp {
        Timestamp::constant(1_800_000_000, 0)
    }

    #[rstest]
    #[case::alive(Outcome::Alive, 299, false)]
    #[case::alive(Outcome::Alive, 300, true)]
    #[case::restricted(Outcome::AliveRestricted, 299, false)]
    #[case::no_quota(Outcome::AliveNoQuota, 299, false)]
    #[case::dead(Outcome::Dead, 59, false)]
    #[case::dead(Outcome::Dead, 60, true)]
    #[case::wrong_organisation(Outcome::WrongOrg, 60, true)]
    #[case::unreachable(Outcome::Unreachable, 59, false)]
    #[case::unreachable(Outcome::Unreachable, 60, true)]
    fn answers_of_keys_that_are_not_alive_age_faster(
        #[case] outcome: Outcome,
        #[case] seconds_ago: i64,
        #[case] old: bool,
    ) {
        let every = Duration::from_mins(5);
        assert_eq!(is_old(&answer(outcome, seconds_ago), every, now()), old);
    }

    #[test]
    fn a_shorter_setting_holds_for_all_and_a_host_that_wants_to_wait_above_it() {
        let every = Duration::from_secs(10);
        assert!(is_old(&answer(Outcome::Dead, 10), every, now()));
        let mut throttled = answer(Outcome::AliveRateLimited, 3_000);
        throttled.retry_at = Some(now() + SignedDuration::from_secs(1));
        assert!(!is_old(&throttled, every, now()));
        throttled.retry_at = Some(now());
        assert!(is_old(&throttled, every, now()));
    }

    #[test]
    fn what_was_not_asked_is_asked_and_what_cannot_be_sent_never() {
        let every = Duration::from_mins(5);
        assert!(is_old(&ProbeResult::not_probed(ProbeReason::Waiting), every, now()));
        let unsendable = ProbeResult::not_probed(ProbeReason::UnsendableBytes);
        assert!(!is_old(&unsendable, every, now()));
    }
}
