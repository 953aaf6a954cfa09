//! What go-yaml v3 (Docker Compose, Kubernetes tools) makes of a scalar.

use super::{Node, Style, Value};

/// The type and value that a scalar gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Typed {
    /// Nothing: no text, `~` or `null`.
    Null,
    /// `true` or `false`; `yes` and `on` stay text.
    Bool(bool),
    /// A number without fraction, in any base.
    Integer(i128),
    /// Any other number.
    Float(f64),
    /// A date or time.
    Timestamp,
    /// The text itself.
    Text,
}

/// The type of a scalar; `None` for a sequence or mapping.
pub fn type_of(node: &Node) -> Option<Typed> {
    let Value::Scalar(scalar) = &node.value else { return None };
    let tag = node.tag.as_deref().map(|tag| tag.strip_prefix("tag:yaml.org,2002:").unwrap_or(tag));
    let Ok(text) = std::str::from_utf8(scalar.text.expose()) else { return Some(Typed::Text) };
    Some(match tag {
        None if scalar.style == Style::Plain => plain(text),
        Some("null" | "bool" | "int" | "float" | "timestamp") => plain(text),
        _ => Typed::Text,
    })
}

/// The type of a plain scalar.
pub fn plain(text: &str) -> Typed {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Typed::Null,
        "true" | "True" | "TRUE" => return Typed::Bool(true),
        "false" | "False" | "FALSE" => return Typed::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Typed::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Typed::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Typed::Float(f64::NEG_INFINITY),
        _ => {}
    }
    match text.as_bytes().first() {
        Some(b'.') if looks_like_float(text) => float(text),
        Some(b'0'..=b'9' | b'+' | b'-') => {
            if is_timestamp(text) {
                return Typed::Timestamp;
            }
            let digits = text.replace('_', "");
            if let Some(number) = integer(&digits) {
                Typed::Integer(number)
            } else if looks_like_float(&digits) {
                float(&digits)
            } else {
                Typed::Text
            }
        }
        _ => Typed::Text,
    }
}

/// The text that go prints for a number: shortest digits, and an exponent below 1e-4 and from 1e21.
pub fn go_float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    match exponent.parse::<i32>() {
        Ok(power) if number != 0.0 && !(-4..21).contains(&power) => {
            let sign = if power < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", power.unsigned_abs())
        }
        _ => format!("{number}"),
    }
}

fn float(text: &str) -> Typed {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Typed::Float(number),
        _ => Typed::Text,
    }
}

/// A sign, a base prefix (a bare `0` is octal) and digits that fit 64 bits.
fn integer(text: &str) -> Option<i128> {
    let (negative, signed, digits) = match text.as_bytes().first()? {
        b'-' => (true, true, text.get(1..)?),
        b'+' => (false, true, text.get(1..)?),
        _ => (false, false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, rest)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, rest)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, rest)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, lower.get(1..)?)
    } else {
        (10, lower.as_str())
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = i128::from_str_radix(digits, radix).ok()?;
    let number = if negative { -magnitude } else { magnitude };
    let most = if signed { i128::from(i64::MAX) } else { i128::from(u64::MAX) };
    (i128::from(i64::MIN)..=most).contains(&number).then_some(number)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn looks_like_float(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(index) => (text.get(..index), text.get(index + 1..)),
        None => (Some(text), None),
    };
    if let Some(exponent) = exponent
        && !digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))
    {
        return false;
    }
    match mantissa.unwrap_or_default().split_once('.') {
        None => digits(mantissa.unwrap_or_default()),
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
    }
}

/// `2024-1-31`, alone or followed by `T12:00:00Z` or ` 12:00:00`.
fn is_timestamp(text: &str) -> bool {
    let Some((year, rest)) = text.split_once('-') else { return false };
    let Some((month, rest)) = rest.split_once('-') else { return false };
    let (day, time) = match rest.find(['T', 't', ' ']) {
        Some(index) => (rest.get(..index).unwrap_or_default(), rest.get(index..)),
        None => (rest, None),
    };
    let number = |text: &str, most: usize| -> Option<i16> {
        let fits = (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| text.parse().ok()).flatten()
    };
    let (Some(year), Some(month), Some(day)) =
        (number(year, 4).filter(|_| year.len() == 4), number(month, 2), number(day, 2))
    else {
        return false;
    };
    let date = jiff::civil::Date::new(
        year,
        i8::try_from(month).unwrap_or(-1),
        i8::try_from(day).unwrap_or(-1),
    );
    date.is_ok() && time.is_none_or(is_time)
}

fn is_time(text: &str) -> bool {
    let zoned = !text.starts_with(' ');
    let clock = text.get(1..).unwrap_or_default();
    let (clock, zone) = match clock.find(['Z', '+', '-']) {
        Some(index) => (clock.get(..index).unwrap_or_default(), clock.get(index..)),
        None => (clock, None),
    };
    let zone_fits = match zone {
        None => !zoned,
        Some("Z") => zoned,
        Some(offset) => {
            let bytes = offset.as_bytes();
            zoned
                && bytes.len() == 6
                && bytes.get(3) == Some(&b':')
                && [1, 2, 4, 5].iter().all(|at| bytes.get(*at).is_some_and(u8::is_ascii_digit))
        }
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let below = |text: &str, limit: u32| {
        (1..=2).contains(&text.len()) && text.parse::<u32>().is_ok_and(|number| number < limit)
    };
    let [hours, minutes, seconds] = parts.as_slice() else { return false };
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    zone_fits
        && below(hours, 24)
        && below(minutes, 60)
        && below(seconds, 60)
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::octal("012", Typed::Integer(10))]
    #[case::not_octal("089", Typed::Float(89.0))]
    #[case::new_octal("0o14", Typed::Integer(12))]
    #[case::hexadecimal("0x1F", Typed::Integer(31))]
    #[case::binary("0b11", Typed::Integer(3))]
    #[case::separators("1_000", Typed::Integer(1000))]
    #[case::signed("-12", Typed::Integer(-12))]
    #[case::unsigned_64_bits("18446744073709551615", Typed::Integer(18_446_744_073_709_551_615))]
    #[case::beyond("18446744073709551616", Typed::Float(18_446_744_073_709_551_616.0))]
    #[case::fraction("1.10", Typed::Float(1.1))]
    #[case::bare_fraction(".5", Typed::Float(0.5))]
    #[case::exponent("1e3", Typed::Float(1000.0))]
    #[case::too_large("1e999", Typed::Text)]
    #[case::yes("yes", Typed::Text)]
    #[case::truth("True", Typed::Bool(true))]
    #[case::nothing("~", Typed::Null)]
    #[case::date("2024-01-01", Typed::Timestamp)]
    #[case::time("2024-01-01T10:00:00Z", Typed::Timestamp)]
    #[case::time_with_blank("2024-01-01 10:00:00.5", Typed::Timestamp)]
    #[case::no_date("2024-13-01", Typed::Text)]
    #[case::version("1.2.3", Typed::Text)]
    #[case::dot(".", Typed::Text)]
    #[case::minus("-", Typed::Text)]
    #[case::prefix_alone("0x", Typed::Text)]
    fn plain_scalars_get_a_type(#[case] text: &str, #[case] expected: Typed) {
        assert_eq!(plain(text), expected);
    }

    #[rstest]
    #[case(1.234_567_890_123_456_8e29, "1.2345678901234568e+29")]
    #[case(1000.0, "1000")]
    #[case(0.5, "0.5")]
    #[case(1e20, "100000000000000000000")]
    #[case(1e21, "1e+21")]
    #[case(0.0001, "0.0001")]
    #[case(0.00001, "1e-05")]
    #[case(f64::INFINITY, "+Inf")]
    fn numbers_are_printed_as_go_prints_them(#[case] number: f64, #[case] expected: &str) {
        assert_eq!(go_float(number), expected);
    }

    proptest! {
        #[test]
        fn any_text_gets_a_type(text in "[-+._0-9a-fA-FxobeETZ: ]*|\\PC*") {
            let _ = plain(&text);
        }
    }
}
