//! Text that fits: cut, padded and wrapped by display width, never by bytes. And ages.

use std::borrow::Cow;

use jiff::Timestamp;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text, or as much of its beginning as fits with `ellipsis` behind it.
pub fn fit<'a>(text: &'a str, most: usize, ellipsis: &str) -> Cow<'a, str> {
    if width(text) <= most {
        return Cow::Borrowed(text);
    }
    let room = most.saturating_sub(width(ellipsis));
    let mut kept = take(text.chars(), room);
    if width(ellipsis) <= most {
        kept.push_str(ellipsis);
    }
    Cow::Owned(kept)
}

/// The text, or as much of its end as fits with `ellipsis` before it: of a path and a line number
/// the end is what tells places apart.
pub fn fit_end<'a>(text: &'a str, most: usize, ellipsis: &str) -> Cow<'a, str> {
    if width(text) <= most {
        return Cow::Borrowed(text);
    }
    let room = most.saturating_sub(width(ellipsis));
    let tail: Vec<char> = take(text.chars().rev(), room).chars().rev().collect();
    let mut kept = if width(ellipsis) <= most { ellipsis.to_owned() } else { String::new() };
    kept.extend(tail);
    Cow::Owned(kept)
}

fn take(characters: impl Iterator<Item = char>, room: usize) -> String {
    let mut kept = String::new();
    let mut used = 0;
    for character in characters {
        used += character.width().unwrap_or(0);
        if used > room {
            break;
        }
        kept.push(character);
    }
    kept
}

/// Exactly `columns` wide: cut, or filled with blanks.
pub fn cell(text: &str, columns: usize, ellipsis: &str) -> String {
    let mut cell = fit(text, columns, ellipsis).into_owned();
    let missing = columns.saturating_sub(width(&cell));
    cell.extend(std::iter::repeat_n(' ', missing));
    cell
}

/// Breaks at blanks so that no line is wider than `columns`; a longer word is broken inside.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let gap = usize::from(!line.is_empty());
        if width(&line) + gap + width(word) <= columns {
            if gap == 1 {
                line.push(' ');
            }
            line.push_str(word);
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for character in word.chars() {
            let wide = character.width().unwrap_or(0);
            if width(&line) + wide > columns && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            line.push(character);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How long ago, in one whole unit: `< 1 m`, `12 m`, `3 h`, `9 d`. Nothing is in the future: a
/// clock that is ahead of ours counts as now.
pub fn age(then: Timestamp, now: Timestamp) -> String {
    match seconds(then, now) {
        ..MINUTE => "< 1 m".to_owned(),
        passed @ MINUTE..HOUR => format!("{} m", passed / MINUTE),
        passed @ HOUR..DAY => format!("{} h", passed / HOUR),
        passed => format!("{} d", passed / DAY),
    }
}

/// When [`age`] will give another text; `None` at the end of time.
pub fn age_changes_at(then: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let passed = seconds(then, now);
    let unit = match passed {
        ..HOUR => MINUTE,
        HOUR..DAY => HOUR,
        _ => DAY,
    };
    let boundary = (passed / unit + 1) * unit;
    // From `then` and not from `now`, so that parts of a second do not fire too early.
    let start = if then > now { now } else { then };
    Timestamp::new(start.as_second().checked_add(boundary)?, start.subsec_nanosecond()).ok()
}

/// How long until then, rounded up: `42 s`, `7 m`, `3 h`; `None` once it is over.
pub fn countdown(until: Timestamp, now: Timestamp) -> Option<String> {
    let left = seconds_left(until, now)?;
    let unit = countdown_unit(left);
    let name = match unit {
        1 => "s",
        MINUTE => "m",
        _ => "h",
    };
    Some(format!("{} {name}", units(left, unit)))
}

/// When [`countdown`] will give another text; `None` once it is over.
pub fn countdown_changes_at(until: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let left = seconds_left(until, now)?;
    let unit = countdown_unit(left);
    let then = (units(left, unit) - 1) * unit;
    Timestamp::new(until.as_second().checked_sub(then)?, until.subsec_nanosecond()).ok()
}

const fn countdown_unit(left: i64) -> i64 {
    match left {
        ..=MINUTE => 1,
        ..=HOUR => MINUTE,
        _ => HOUR,
    }
}

const fn units(left: i64, unit: i64) -> i64 {
    (left + unit - 1) / unit
}

/// Whole seconds, a begun one counts.
fn seconds_left(until: Timestamp, now: Timestamp) -> Option<i64> {
    let left = until.duration_since(now);
    let whole = left.as_secs() + i64::from(left.subsec_nanos() > 0);
    (whole > 0).then_some(whole)
}

/// One block per number, as high as it is against the largest; nothing of no numbers.
pub fn sparkline(numbers: &[u64]) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = numbers.iter().copied().max().unwrap_or_default().max(1);
    let top = BLOCKS.len() as u64 - 1;
    let height =
        |number: u64| usize::try_from((number * top + most / 2) / most).unwrap_or_default();
    numbers.iter().filter_map(|number| BLOCKS.get(height(*number))).collect()
}

fn seconds(then: Timestamp, now: Timestamp) -> i64 {
    now.duration_since(then).as_secs().max(0)
}

/// A number with its noun: `1 row`, `9 rows`.
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("api workers", 20, "api workers")]
    #[case("api workers", 6, "api w…")]
    #[case("名前名前", 5, "名前…")]
    #[case("名前名前", 4, "名…")]
    #[case("abc", 1, "…")]
    #[case("abc", 0, "")]
    fn cuts_by_width(#[case] text: &str, #[case] most: usize, #[case] expected: &str) {
        assert_eq!(fit(text, most, "…"), expected);
    }

    #[test]
    fn a_place_keeps_its_end() {
        assert_eq!(fit_end("services/api/.env:3:16", 14, "…"), "…api/.env:3:16");
    }

    #[test]
    fn wraps_words_and_breaks_monsters() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert!(wrap("  ", 3).is_empty());
    }

    #[rstest]
    #[case(-5, "< 1 m", 60)]
    #[case(0, "< 1 m", 60)]
    #[case(59, "< 1 m", 1)]
    #[case(60, "1 m", 60)]
    #[case(3599, "59 m", 1)]
    #[case(3600, "1 h", 3600)]
    #[case(86_399, "23 h", 1)]
    #[case(86_400, "1 d", 86_400)]
    fn ages_are_whole_units(#[case] passed: i64, #[case] text: &str, #[case] until: i64) {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let then = Timestamp::from_second(1_000_000 - passed).unwrap();
        assert_eq!(age(then, now), text);
        assert_eq!(age_changes_at(then, now).unwrap().as_second(), 1_000_000 + until);
    }

    #[rstest]
    #[case(-1, None, 0)]
    #[case(0, None, 0)]
    #[case(1, Some("1 s"), 1)]
    #[case(60, Some("60 s"), 1)]
    #[case(61, Some("2 m"), 1)]
    #[case(3600, Some("60 m"), 60)]
    #[case(3601, Some("2 h"), 1)]
    #[case(7201, Some("3 h"), 1)]
    fn countdowns_round_up(#[case] left: i64, #[case] text: Option<&str>, #[case] until: i64) {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let then = Timestamp::from_second(1_000_000 + left).unwrap();
        assert_eq!(countdown(then, now).as_deref(), text);
        let changes = countdown_changes_at(then, now).map(|at| at.as_second() - 1_000_000);
        assert_eq!(changes, text.map(|_| until));
    }

    #[rstest]
    #[case(&[], "")]
    #[case(&[0, 0], "▁▁")]
    #[case(&[7, 14], "▅█")]
    #[case(&[143], "█")]
    fn numbers_have_heights(#[case] numbers: &[u64], #[case] expected: &str) {
        assert_eq!(sparkline(numbers), expected);
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_asked(text in "\\PC{0,40}", most in 0_usize..30) {
            prop_assert!(width(&fit(&text, most, "…")) <= most);
            prop_assert!(width(&fit_end(&text, most, "...")) <= most);
            prop_assert_eq!(width(&cell(&text, most, "…")), most);
        }
    }
}
