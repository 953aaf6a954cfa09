//! Spans of time in the words of the screens: whole minutes, hours, days.

use jiff::Timestamp;

/// How long ago `then` was, seen from `now`: `< 1 m`, `12 m`, `3 h`, `5 d`. The future is `< 1 m`.
pub fn age(now: Timestamp, then: Timestamp) -> String {
    span(now.as_second() - then.as_second())
}

/// A number of seconds as `< 1 m`, `12 m`, `3 h`, `5 d`.
pub fn span(seconds: i64) -> String {
    match seconds {
        ..60 => "< 1 m".to_owned(),
        60..3_600 => format!("{} m", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(-5, "< 1 m")]
    #[case(59, "< 1 m")]
    #[case(60, "1 m")]
    #[case(3_599, "59 m")]
    #[case(3_600, "1 h")]
    #[case(172_799, "47 h")]
    #[case(172_800, "2 d")]
    fn ages_are_whole(#[case] seconds: i64, #[case] expected: &str) {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let then = Timestamp::from_second(1_800_000_000 - seconds).unwrap();
        assert_eq!(age(now, then), expected);
    }
}
