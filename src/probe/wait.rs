//! When a host wants to be asked again (SECURITY H9).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, fmt::rfc2822::DateTimeParser};
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// How long a throttled host is left alone when it does not say how long.
const UNSAID: SignedDuration = SignedDuration::from_secs(60);
/// Nobody waits longer because a server says so.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// What an answer says about asking again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Advice {
    /// `x-should-retry`, which stands above the status.
    pub(super) should_retry: Option<bool>,
    /// `retry-after-ms`, else `retry-after` as seconds or a date.
    pub(super) at: Option<Timestamp>,
}

impl Advice {
    pub(super) fn of(headers: &HeaderMap, now: Timestamp) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let should_retry = match text("x-should-retry").map(str::trim) {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => None,
        };
        let milliseconds = text("retry-after-ms").and_then(|text| number(text, 1e-3));
        let delay = milliseconds
            .or_else(|| text(RETRY_AFTER.as_str()).and_then(|text| number(text, 1.0)))
            .map(|delay| now + delay.min(LONGEST));
        let date = || {
            let at = DateTimeParser::new().parse_timestamp(text(RETRY_AFTER.as_str())?.trim());
            at.ok().map(|at| at.clamp(now, now + LONGEST))
        };
        Self { should_retry, at: delay.or_else(date) }
    }

    /// When a host that throttles may be asked again.
    pub(super) fn after_throttling(self, now: Timestamp) -> Timestamp {
        match (self.at, self.should_retry) {
            (Some(at), _) => at,
            (None, Some(true)) => now,
            (None, _) => now + UNSAID,
        }
    }

    /// Whether one more try within `patience` is welcome.
    pub(super) fn allows_retry(self, now: Timestamp, patience: Duration) -> bool {
        self.should_retry != Some(false)
            && self.at.is_none_or(|at| at.duration_since(now).unsigned_abs() <= patience)
    }
}

fn number(text: &str, unit: f64) -> Option<SignedDuration> {
    let seconds = text.trim().parse::<f64>().ok().filter(|seconds| seconds.is_finite())? * unit;
    SignedDuration::try_from_secs_f64(seconds.clamp(0.0, LONGEST.as_secs_f64())).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_780_000_000, 0);

    fn advice(headers: &[(&'static str, &str)]) -> Advice {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Advice::of(&headers.collect(), NOW)
    }

    #[rstest]
    #[case::seconds(&[("retry-after", "7")], Some(7_000))]
    #[case::fraction(&[("retry-after", "0.5")], Some(500))]
    #[case::hour(&[("retry-after", "3600")], Some(3_600_000))]
    #[case::forever(&[("retry-after", "99999999999999")], Some(86_400_000))]
    #[case::milliseconds_first(&[("retry-after-ms", "250"), ("retry-after", "7")], Some(250))]
    #[case::negative(&[("retry-after", "-5")], Some(0))]
    #[case::date(&[("retry-after", "Thu, 28 May 2026 20:27:20 GMT")], Some(40_000))]
    #[case::past_date(&[("retry-after", "Thu, 28 May 2020 20:27:20 GMT")], Some(0))]
    #[case::words(&[("retry-after", "soon")], None)]
    #[case::not_a_number(&[("retry-after", "NaN")], None)]
    #[case::nothing(&[], None)]
    fn delays(#[case] headers: &[(&'static str, &str)], #[case] milliseconds: Option<i64>) {
        let expected = milliseconds.map(|delay| NOW + SignedDuration::from_millis(delay));
        assert_eq!(advice(headers).at, expected);
    }

    #[rstest]
    #[case::unsaid(&[], 60)]
    #[case::said(&[("retry-after", "7")], 7)]
    #[case::at_once(&[("x-should-retry", "true")], 0)]
    #[case::not_at_once(&[("x-should-retry", "false")], 60)]
    fn throttled_hosts_are_left_alone(
        #[case] headers: &[(&'static str, &str)],
        #[case] seconds: i64,
    ) {
        let at = advice(headers).after_throttling(NOW);
        assert_eq!(at, NOW + SignedDuration::from_secs(seconds));
    }

    #[rstest]
    #[case::unsaid(&[], true)]
    #[case::soon(&[("retry-after", "1")], true)]
    #[case::late(&[("retry-after", "30")], false)]
    #[case::forbidden(&[("x-should-retry", "false")], false)]
    fn one_more_try(#[case] headers: &[(&'static str, &str)], #[case] expected: bool) {
        assert_eq!(advice(headers).allows_retry(NOW, Duration::from_secs(2)), expected);
    }

    proptest! {
        #[test]
        fn any_header_is_bounded(text in "[ -~]{0,40}") {
            let at = advice(&[("retry-after", &text)]).after_throttling(NOW);
            prop_assert!(at >= NOW && at <= NOW + LONGEST);
        }
    }
}
