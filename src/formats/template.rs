//! `${…}` as Docker Compose expands it in its files.
//!
//! `$NAME` and `${NAME}` give the value or nothing, `:-` and `-` a default, `:?` and `?` an error,
//! `:+` and `+` an alternative; these nest. `$$` is a dollar, and a `$` before anything else (`$1`,
//! `$(x)`, the end) stays. Measured against compose-go 2.13; a default is looked at only when it
//! is needed.

use crate::domain::secret::SecretValue;

/// Most `${…}` inside each other.
const MOST_DEPTH: usize = 100;

/// Most bytes that variables may add to a text. No process can be given a longer variable.
pub const MOST_ADDED: usize = 256 * 1024;

/// Most variables that one text may name.
pub const MOST_LOOKUPS: usize = 10_000;

const INVALID: &str = "invalid interpolation: write ${NAME}, or $$ for a dollar";
const REQUIRED: &str = "a variable that is required here (${NAME:?}) is not set";
const TOO_LONG: &str = "variables make this text longer than any process can be given";
const TOO_DEEP: &str = "${…} is nested more than 100 levels deep";

/// The result of one expansion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expansion<S> {
    /// The text after expansion.
    pub value: SecretValue,
    /// Every variable that was looked up, in the order of the text.
    pub lookups: Vec<Lookup<S>>,
}

/// One variable that was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup<S> {
    /// Its name.
    pub variable: String,
    /// Where its value came from; `None` when it is not set.
    pub source: Option<S>,
    /// Its own value is part of the result, rather than a default or an alternative.
    pub used: bool,
    /// It is not set, and neither a default nor an alternative was given: the result is shorter
    /// than meant.
    pub blank: bool,
}

/// Why a text could not be expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Byte in the text at which the expression begins.
    pub offset: usize,
    /// A fixed sentence.
    pub reason: &'static str,
}

/// Expands a text. `lookup` gives a variable's value and where it came from.
///
/// # Errors
/// An expression that Compose refuses, and a required variable that is not set.
pub fn expand<'v, S>(
    text: &[u8],
    lookup: &mut dyn FnMut(&str) -> Option<(&'v SecretValue, S)>,
) -> Result<Expansion<S>, Fault> {
    let mut expander = Expander { lookup, lookups: Vec::new(), left: MOST_ADDED };
    let value = expander.expand(text, 0, 0)?;
    Ok(Expansion { value: SecretValue::new(value), lookups: expander.lookups })
}

struct Expander<'a, 'v, S> {
    lookup: &'a mut dyn FnMut(&str) -> Option<(&'v SecretValue, S)>,
    lookups: Vec<Lookup<S>>,
    /// Bytes that variables may still add.
    left: usize,
}

/// What stands between the name and the closing brace.
#[derive(Clone, Copy)]
struct Operator {
    sign: u8,
    /// `:` stands before it: an empty value counts as none.
    or_empty: bool,
}

/// One `${…}`, cut out of the text.
struct Braced<'t> {
    name: &'t str,
    operator: Option<Operator>,
    argument: &'t [u8],
    /// Bytes of the whole expression, the dollar included.
    length: usize,
}

impl<'v, S> Expander<'_, 'v, S> {
    fn expand(&mut self, text: &[u8], base: usize, depth: usize) -> Result<Vec<u8>, Fault> {
        if depth > MOST_DEPTH {
            return Err(Fault { offset: base, reason: TOO_DEEP });
        }
        let mut expanded = Vec::with_capacity(text.len());
        let mut at = 0;
        let mut line = Line::default();
        while let Some(found) = memchr::memchr(b'$', text.get(at..).unwrap_or_default()) {
            let dollar = at + found;
            expanded.extend_from_slice(text.get(at..dollar).unwrap_or_default());
            let rest = text.get(dollar + 1..).unwrap_or_default();
            let name = name_of(rest);
            match rest.first() {
                Some(b'$') => {
                    expanded.push(b'$');
                    at = dollar + 2;
                }
                Some(b'{') => {
                    let offset = base + dollar;
                    let braced = cut(text, dollar + 1, &mut line)
                        .ok_or(Fault { offset, reason: INVALID })?;
                    let start = offset + braced.length - 1 - braced.argument.len();
                    let value = self.braced(&braced, offset, start, depth)?;
                    expanded.extend_from_slice(&value);
                    at = dollar + braced.length;
                }
                _ if !name.is_empty() => {
                    let value = self.look(name, base + dollar, |_| true, true)?;
                    expanded.extend_from_slice(value.map_or(&[], SecretValue::expose));
                    at = dollar + 1 + name.len();
                }
                _ => {
                    expanded.push(b'$');
                    at = dollar + 1;
                }
            }
        }
        expanded.extend_from_slice(text.get(at..).unwrap_or_default());
        Ok(expanded)
    }

    fn braced(
        &mut self,
        braced: &Braced<'_>,
        offset: usize,
        argument: usize,
        depth: usize,
    ) -> Result<Vec<u8>, Fault> {
        let Some(operator) = braced.operator else {
            let value = self.look(braced.name, offset, |_| true, true)?;
            return Ok(value.map(|value| value.expose().to_vec()).unwrap_or_default());
        };
        let counts = |value: &SecretValue| !operator.or_empty || !value.is_empty();
        let alternative = operator.sign == b'+';
        let used = |value: &SecretValue| counts(value) != alternative;
        let value = self.look(braced.name, offset, used, false)?;
        let set = value.is_some_and(counts);
        match operator.sign {
            b'+' if set => self.expand(braced.argument, argument, depth + 1),
            b'-' if !set => self.expand(braced.argument, argument, depth + 1),
            b'?' if !set => {
                self.expand(braced.argument, argument, depth + 1)?;
                Err(Fault { offset, reason: REQUIRED })
            }
            b'+' => Ok(Vec::new()),
            _ => Ok(value.map(|value| value.expose().to_vec()).unwrap_or_default()),
        }
    }

    fn look(
        &mut self,
        name: &str,
        offset: usize,
        used: impl Fn(&SecretValue) -> bool,
        blank_when_unset: bool,
    ) -> Result<Option<&'v SecretValue>, Fault> {
        let found = (self.lookup)(name);
        let blank = found.is_none() && blank_when_unset;
        let (value, source) = found.unzip();
        let used = value.is_some_and(used);
        let added = value.filter(|_| used).map_or(0, SecretValue::len);
        if added > self.left || self.lookups.len() >= MOST_LOOKUPS {
            return Err(Fault { offset, reason: TOO_LONG });
        }
        self.left -= added;
        self.lookups.push(Lookup { variable: name.to_owned(), source, used, blank });
        Ok(value)
    }
}

/// The longest name at the beginning of a text.
fn name_of(text: &[u8]) -> &str {
    let begins = |byte: u8| byte == b'_' || byte.is_ascii_alphabetic();
    if !text.first().copied().is_some_and(begins) {
        return "";
    }
    let end = text
        .iter()
        .position(|byte| !(begins(*byte) || byte.is_ascii_digit()))
        .unwrap_or(text.len());
    std::str::from_utf8(text.get(..end).unwrap_or_default()).unwrap_or_default()
}

/// The line that is being read: its end, and its last closing brace.
#[derive(Default)]
struct Line {
    end: usize,
    last: Option<usize>,
}

impl Line {
    /// The last closing brace of the line, at or behind `start`. Looked for once per line.
    fn last_brace(&mut self, text: &[u8], start: usize) -> Option<usize> {
        if start >= self.end {
            let rest = text.get(start..)?;
            let line = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            self.end = start + line;
            self.last = memchr::memrchr(b'}', rest.get(..line)?).map(|last| start + last);
        }
        self.last.filter(|last| *last >= start)
    }
}

/// Cuts out the expression whose opening brace stands at `open`. Compose finds the end in two
/// steps: the last closing brace of the line, and before it the first one that balances.
fn cut<'t>(text: &'t [u8], open: usize, line: &mut Line) -> Option<Braced<'t>> {
    let name = name_of(text.get(open + 1..)?);
    if name.is_empty() {
        return None;
    }
    let after = open + 1 + name.len();
    let (operator, start) = match *text.get(after..)? {
        [b'}', ..] => {
            let length = after + 2 - open;
            return Some(Braced { name, operator: None, argument: &[], length });
        }
        [b':', sign @ (b'-' | b'+' | b'?'), ..] => (Operator { sign, or_empty: true }, after + 2),
        [sign @ (b'-' | b'+' | b'?'), ..] => (Operator { sign, or_empty: false }, after + 1),
        _ => return None,
    };
    let last = line.last_brace(text, start)?;
    let end = balancing(text.get(open..=last)?).map_or(last, |end| open + end);
    let argument = text.get(start..end)?;
    Some(Braced { name, operator: Some(operator), argument, length: end + 2 - open })
}

/// The closing brace that balances the first opening one. Like Compose's own count it overlooks
/// the byte after each opening brace.
fn balancing(text: &[u8]) -> Option<usize> {
    let mut open = 0_usize;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'}' => {
                open = open.saturating_sub(1);
                if open == 0 {
                    return Some(at);
                }
            }
            b'{' => {
                open += 1;
                at += 1;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::formats::Environment;

    fn variables() -> Environment {
        [("FOO", "first"), ("BAR", ""), ("JSON", "{\"json\":2}")]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), SecretValue::new(value)))
            .collect()
    }

    fn expanded(text: &[u8]) -> Result<Expansion<&'static str>, Fault> {
        let variables = variables();
        expand(text, &mut |name| variables.get(name).map(|value| (value, "here")))
    }

    #[rstest]
    #[case::named("a $FOO-b", "a first-b")]
    #[case::braced("a ${FOO}b", "a firstb")]
    #[case::unset("a ${NONE}b", "a b")]
    #[case::dollar("$$FOO $${FOO}", "$FOO ${FOO}")]
    #[case::others_stay("$1 $(x) ^$ $", "$1 $(x) ^$ $")]
    #[case::default_when_empty("${BAR:-d}", "d")]
    #[case::default_only_when_unset("${BAR-d}", "")]
    #[case::default_when_unset("${NONE-d}", "d")]
    #[case::alternative("${FOO:+a}${BAR:+b}${BAR+c}${NONE+d}", "ac")]
    #[case::required("${FOO:?message}${BAR?message}", "first")]
    #[case::nested("${NONE:-${BAR:-${FOO}}_x}", "first_x")]
    #[case::nested_alternative("${FOO+$FOO ${FOO:+second}}", "first second")]
    #[case::braces_in_default("${NONE:-{\"json\":1}}", "{\"json\":1}")]
    #[case::braces_beside_a_value("${JSON:-{\"json\":1}}", "{\"json\":2}")]
    #[case::operators_in_default("${NONE:-a:-b?c+d}", "a:-b?c+d")]
    #[case::unneeded_default_is_not_looked_at("${FOO:-${}}", "first")]
    fn values(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(expanded(text.as_bytes()).unwrap().value, SecretValue::new(expected));
    }

    #[rstest]
    #[case::open("a ${", 2, INVALID)]
    #[case::nothing("${}", 0, INVALID)]
    #[case::blank("${ FOO}", 0, INVALID)]
    #[case::digit("${1a}", 0, INVALID)]
    #[case::other_operator("${FOO!}", 0, INVALID)]
    #[case::no_end("${FOO:-d", 0, INVALID)]
    #[case::line_end_inside("${NONE:-a\nb}", 0, INVALID)]
    #[case::required("ab${NONE:?message}", 2, REQUIRED)]
    #[case::required_but_empty("${BAR:?message}", 0, REQUIRED)]
    #[case::inside_a_default("${NONE:-ab${BAR:?x}}", 10, REQUIRED)]
    fn faults(#[case] text: &str, #[case] offset: usize, #[case] reason: &str) {
        let fault = expanded(text.as_bytes()).unwrap_err();
        assert_eq!((fault.offset, fault.reason), (offset, reason));
    }

    #[test]
    fn lookups_say_what_decided() {
        let lookups = expanded(b"${NONE:-$FOO}${FOO:+x}$NONE").unwrap().lookups;
        let told: Vec<_> = lookups
            .iter()
            .map(|lookup| (lookup.variable.as_str(), lookup.source, lookup.used, lookup.blank))
            .collect();
        assert_eq!(
            told,
            [
                ("NONE", None, false, false),
                ("FOO", Some("here"), true, false),
                ("FOO", Some("here"), false, false),
                ("NONE", None, false, true),
            ]
        );
    }

    #[test]
    fn bytes_that_are_not_text_survive() {
        assert_eq!(expanded(b"\xff$FOO\xfe").unwrap().value, SecretValue::new(*b"\xfffirst\xfe"));
    }

    #[test]
    fn variables_cannot_make_a_text_endless() {
        let long = SecretValue::new("x".repeat(1_000));
        let mut lookup = |_: &str| Some((&long, ()));
        let fault = expand("$A".repeat(1_000).as_bytes(), &mut lookup).unwrap_err();
        assert_eq!((fault.offset, fault.reason), (2 * 262, TOO_LONG));
        let fault = expanded("$BAR".repeat(20_000).as_bytes()).unwrap_err();
        assert_eq!((fault.offset, fault.reason), (40_000, TOO_LONG));
    }

    #[test]
    fn deep_nesting_is_a_fault() {
        let text = "${NONE:-".repeat(50_000) + &"}".repeat(50_000);
        assert_eq!(expanded(text.as_bytes()).unwrap_err().reason, TOO_DEEP);
    }

    proptest! {
        #[test]
        fn any_bytes_are_expanded_without_panic(bytes: Vec<u8>) {
            let _ = expanded(&bytes);
        }

        #[test]
        fn any_expression_is_expanded_without_panic(
            text in "(\\$\\{|\\}|\\{|\\$|FOO|NONE|:-|\\?|\\+|-|x|\n)*",
        ) {
            match expanded(text.as_bytes()) {
                Ok(_) => {}
                Err(fault) => prop_assert_eq!(text.as_bytes().get(fault.offset), Some(&b'$')),
            }
        }

        #[test]
        fn text_without_dollars_stays(text in "[^$]*") {
            prop_assert_eq!(expanded(text.as_bytes()).unwrap().value, SecretValue::new(text));
        }
    }
}
