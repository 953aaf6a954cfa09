//! What the platforms make of a YAML scalar before it becomes a variable. Each has a parser of its
//! own, and `012` is another text for each.

use crate::{
    domain::{secret::SecretValue, trap::Trap},
    formats::yaml::{
        Node, Style, Value,
        scalar::{Typed, go_float, type_of},
    },
};

/// What a scalar gives.
pub(super) enum Given {
    /// This text.
    Value(SecretValue),
    /// No text at all.
    Nothing,
    /// Something that the platform does not take for a variable.
    Refused,
}

impl Given {
    fn text(text: impl Into<Vec<u8>>) -> Self {
        Self::Value(SecretValue::new(text))
    }
}

/// Reads a scalar that has a type of its own; a text stays as it is.
fn scalar(node: &Node, plain: impl Fn(&str) -> Option<Given>) -> Given {
    let Value::Scalar(scalar) = &node.value else { return Given::Refused };
    let retyped = match (node.tag.as_deref(), scalar.style, node.name()) {
        (None, Style::Plain, Some(text)) => plain(text),
        _ => None,
    };
    retyped.unwrap_or_else(|| Given::Value(SecretValue::clone(&scalar.text)))
}

/// What a scalar's way of writing does to the value that comes of it.
pub(super) fn traps(node: &Node, value: &SecretValue) -> Vec<Trap> {
    let Value::Scalar(scalar) = &node.value else { return Vec::new() };
    let retyped = scalar.style == Style::Plain && scalar.text.expose() != value.expose();
    let broken = scalar.style == Style::Block && value.expose().ends_with(b"\n");
    let found = [(retyped, Trap::YamlRetyped), (broken, Trap::YamlBlockNewline)];
    found.into_iter().filter_map(|(is_so, trap)| is_so.then_some(trap)).collect()
}

/// Psych, as GitLab uses it: octal and grouped numbers are retyped, and switches, fractions and
/// dates are no variables.
pub(super) fn gitlab(node: &Node) -> Given {
    scalar(node, |text| {
        let lower = text.to_ascii_lowercase();
        if matches!(lower.as_str(), "" | "~" | "null") {
            return Some(Given::Nothing);
        }
        let words = ["yes", "true", "on", "no", "false", "off"];
        if words.contains(&lower.as_str()) || is_ruby_float(&lower) || is_date(text) {
            return Some(Given::Refused);
        }
        if let Some(symbol) = text.strip_prefix(':').filter(|symbol| !symbol.is_empty()) {
            let quotes = |character| matches!(character, '"' | '\'');
            return Some(Given::text(symbol.trim_matches(quotes)));
        }
        ruby_integer(text).map(|number| Given::text(number.to_string()))
    })
}

/// GitHub: YAML 1.2's core schema, and numbers as .NET prints them.
pub(super) fn github(node: &Node) -> Given {
    scalar(node, |text| match text {
        "" | "~" | "null" | "Null" | "NULL" => Some(Given::text("")),
        "true" | "True" | "TRUE" => Some(Given::text("true")),
        "false" | "False" | "FALSE" => Some(Given::text("false")),
        _ => core_number(text).map(|number| Given::text(fifteen_digits(number))),
    })
}

/// Buildkite: as go does.
pub(super) fn go(node: &Node) -> Given {
    let text = |text: String| Given::text(text);
    match type_of(node) {
        None => Given::Refused,
        Some(Typed::Null) => Given::text(""),
        Some(Typed::Bool(truth)) => text(truth.to_string()),
        Some(Typed::Integer(number)) => text(number.to_string()),
        Some(Typed::Float(number)) => text(go_float(number)),
        Some(Typed::Text | Typed::Timestamp) => scalar(node, |_| None),
    }
}

/// `012345`, `1_000`, `1,000`, `0x1F`, `0b11`, `12:30`.
fn ruby_integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let sign = if negative { -1 } else { 1 };
    if digits.contains(':') {
        return sexagesimal(digits).map(|number| sign * number);
    }
    let plain: String = digits.chars().filter(|digit| !matches!(digit, '_' | ',')).collect();
    let in_base = |prefix: &str, base| {
        let rest = plain.strip_prefix(prefix)?;
        i128::from_str_radix(rest, base).ok().filter(|_| !rest.starts_with(['+', '-']))
    };
    if digits.starts_with("0x") {
        return in_base("0x", 16).map(|number| sign * number);
    }
    if digits.starts_with("0b") {
        return in_base("0b", 2).map(|number| sign * number);
    }
    let number = match digits.as_bytes() {
        [b'0'] => 0,
        [b'0', ..] => in_base("0", 8)?,
        [b'1'..=b'9', ..] if is_grouped(digits) => in_base("", 10)?,
        _ => return None,
    };
    Some(sign * number)
}

/// Digits, with at most one separator between two of them.
fn is_grouped(digits: &str) -> bool {
    let is_digits = |group: &str| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit());
    digits.split(['_', ',']).all(is_digits)
}

/// `12:30` counts 45000: hours and minutes as Ruby multiplies them.
fn sexagesimal(text: &str) -> Option<i128> {
    let parts: Vec<&str> = text.split(':').collect();
    let (first, rest) = parts.split_first()?;
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let first = first.replace('_', "");
    let fits = (1..=2).contains(&rest.len())
        && !first.is_empty()
        && is_digits(&first)
        && rest.iter().all(|part| match part.len() {
            1 => is_digits(part),
            2 => is_digits(part) && part.as_bytes().first().is_some_and(|ten| *ten < b'6'),
            _ => false,
        });
    if !fits {
        return None;
    }
    let mut number = first.parse::<i128>().ok()?.checked_mul(3600)?;
    for (part, weight) in rest.iter().zip([60, 1]) {
        number += part.parse::<i128>().ok()? * weight;
    }
    Some(number)
}

/// `1.5`, `1.`, `.5`, `.inf`, `.nan`.
fn is_ruby_float(lower: &str) -> bool {
    let unsigned = lower.strip_prefix(['+', '-']).unwrap_or(lower);
    if matches!(unsigned, ".inf" | ".nan") {
        return true;
    }
    let (mantissa, exponent) = match unsigned.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let Some((whole, fraction)) = mantissa.split_once('.') else { return false };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let whole_fits = whole.is_empty()
        || (whole.starts_with(|first: char| first.is_ascii_digit())
            && is_digits(&whole.replace(['_', ','], "")));
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']);
        digits.is_some_and(|digits| !digits.is_empty() && is_digits(digits))
    });
    let empty = whole.is_empty() && fraction.is_empty();
    !empty && whole_fits && is_digits(fraction) && exponent_fits
}

/// `2026-03-01`, alone or with a time.
fn is_date(text: &str) -> bool {
    let day = text.split(['T', 't', ' ']).next().unwrap_or_default();
    let parts: Vec<&str> = day.split('-').collect();
    let fits = |part: &&str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    matches!(parts.as_slice(), [year, month, day]
        if year.len() == 4 && fits(year, 4) && fits(month, 2) && fits(day, 2))
}

/// A number of YAML 1.2.
fn core_number(text: &str) -> Option<f64> {
    let based = |digits: &str, base: u32| {
        let add =
            |sum: f64, digit: char| Some(sum * f64::from(base) + f64::from(digit.to_digit(base)?));
        if digits.is_empty() { None } else { digits.chars().try_fold(0.0, add) }
    };
    if let Some(digits) = text.strip_prefix("0x") {
        return based(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return based(digits, 8);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    match unsigned {
        ".inf" | ".Inf" | ".INF" => {
            return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
        }
        ".nan" | ".NaN" | ".NAN" => return Some(f64::NAN),
        _ => {}
    }
    let numeric = unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && unsigned.bytes().any(|byte| byte.is_ascii_digit())
        && unsigned
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    numeric.then(|| text.parse().ok()).flatten()
}

/// At most fifteen digits, and an exponent for what is longer.
fn fifteen_digits(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let rounded = format!("{number:.14e}");
    let Some((mantissa, exponent)) = rounded.split_once('e') else { return rounded };
    let power: i32 = exponent.parse().unwrap_or_default();
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    if (-5..15).contains(&power) {
        let shortest = format!("{mantissa}e{power}").parse::<f64>().unwrap_or(number);
        return shortest.to_string();
    }
    let sign = if power < 0 { '-' } else { '+' };
    format!("{mantissa}E{sign}{:02}", power.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn given(typing: fn(&Node) -> Given, text: &str) -> String {
        let documents = crate::formats::yaml::parse(format!("k: {text}\n").as_bytes()).unwrap();
        match typing(documents[0].root.get("k").unwrap()) {
            Given::Value(value) => String::from_utf8(value.expose().to_vec()).unwrap(),
            Given::Nothing => "nothing".to_owned(),
            Given::Refused => "refused".to_owned(),
        }
    }

    #[rstest]
    #[case::octal("012345", "5349")]
    #[case::quoted("'012345'", "012345")]
    #[case::not_octal("089", "089")]
    #[case::grouped("1_000", "1000")]
    #[case::commas("1,000", "1000")]
    #[case::hexadecimal("0x1F", "31")]
    #[case::time("12:30", "45000")]
    #[case::truth("yes", "refused")]
    #[case::fraction("1.10", "refused")]
    #[case::date("2026-03-01", "refused")]
    #[case::version("1.2.3", "1.2.3")]
    #[case::exponent("1e3", "1e3")]
    #[case::symbol(":word", "word")]
    #[case::null("~", "nothing")]
    #[case::key("sk-12_34", "sk-12_34")]
    #[case::minus("-12", "-12")]
    fn gitlab_retypes_as_psych_does(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(given(gitlab, text), expected);
    }

    #[rstest]
    #[case::leading_zero("012345", "12345")]
    #[case::new_octal("0o14", "12")]
    #[case::fraction("1.10", "1.1")]
    #[case::yes("yes", "yes")]
    #[case::truth("True", "true")]
    #[case::null("~", "")]
    #[case::long("1234567890123456", "1.23456789012346E+15")]
    #[case::exponent("1e3", "1000")]
    #[case::version("1.2.3", "1.2.3")]
    #[case::date("2026-03-01", "2026-03-01")]
    #[case::quoted("'1.10'", "1.10")]
    fn github_prints_numbers_its_own_way(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(given(github, text), expected);
    }

    #[rstest]
    #[case::octal("012", "10")]
    #[case::truth("True", "true")]
    #[case::fraction("1.10", "1.1")]
    #[case::yes("yes", "yes")]
    fn buildkite_prints_what_go_reads(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(given(go, text), expected);
    }
}
