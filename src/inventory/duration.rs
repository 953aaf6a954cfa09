//! Lengths of time as people write them: `500ms`, `60s`, `5m`, `1h30m`, `90d`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

/// Help for a length of time that cannot be read.
pub(super) const HELP: &str = "write it like \"500ms\", \"60s\", \"5m\", \"1h30m\" or \"90d\"";

/// A length of time such as "60s", "5m", "1h30m" or "90d".
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(inline, extend("pattern" = "^([0-9]+(ms|s|m|h|d|w))+$", "examples" = ["60s", "1h30m"]))]
pub(super) struct DurationText(pub(super) String);

/// Reads a length of time that a person typed; `None` when it is none.
pub fn read(text: &str) -> Option<Duration> {
    DurationText(text.to_owned()).read()
}

impl DurationText {
    /// `None` when it is no length of time, or none at all.
    pub(super) fn read(&self) -> Option<Duration> {
        let mut total = Duration::ZERO;
        let mut rest = self.0.as_str();
        while !rest.is_empty() {
            let (digits, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
            let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
            let (unit, next) = after.split_at(end);
            let count: u64 = digits.parse().ok()?;
            let part = match unit {
                "ms" => Duration::from_millis(count),
                "s" => Duration::from_secs(count),
                "m" => Duration::from_secs(count.checked_mul(60)?),
                "h" => Duration::from_secs(count.checked_mul(60 * 60)?),
                "d" => Duration::from_secs(count.checked_mul(24 * 60 * 60)?),
                "w" => Duration::from_secs(count.checked_mul(7 * 24 * 60 * 60)?),
                _ => return None,
            };
            total = total.checked_add(part)?;
            rest = next;
        }
        (!total.is_zero()).then_some(total)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("500ms", Some(500))]
    #[case("60s", Some(60_000))]
    #[case("5m", Some(300_000))]
    #[case("1h30m", Some(5_400_000))]
    #[case("90d", Some(7_776_000_000))]
    #[case("2w", Some(1_209_600_000))]
    #[case("", None)]
    #[case("0s", None)]
    #[case("5", None)]
    #[case("m", None)]
    #[case("5 m", None)]
    #[case("-5m", None)]
    #[case("5é", None)]
    #[case("5mm", None)]
    #[case("99999999999999999999s", None)]
    #[case("18446744073709551615w", None)]
    fn people_write_it_like_this(#[case] text: &str, #[case] milliseconds: Option<u64>) {
        let expected = milliseconds.map(Duration::from_millis);
        assert_eq!(DurationText(text.to_owned()).read(), expected);
    }
}
