//! `$(NAME)` in the `value` of a variable, as the kubelet expands it.

use zeroize::Zeroizing;

/// What a name stands for.
pub(super) enum Meaning<'a> {
    /// These bytes.
    Value(&'a [u8]),
    /// A value that cannot be known.
    Unknown,
    /// No variable: the reference stays as it is.
    None,
}

/// The expanded value; `None` when it needs a value that cannot be known, or would be longer than
/// `most` bytes. `$$` is a dollar that expands nothing.
pub(super) fn expand<'a>(
    input: &[u8],
    most: usize,
    meaning: impl Fn(&str) -> Meaning<'a>,
) -> Option<Zeroizing<Vec<u8>>> {
    let mut output = Zeroizing::new(Vec::with_capacity(input.len()));
    let mut rest = input;
    while let Some(dollar) = memchr::memchr(b'$', rest) {
        let (before, after) = rest.split_at(dollar);
        output.extend_from_slice(before);
        let after = after.get(1..).unwrap_or_default();
        rest = after.get(1..).unwrap_or_default();
        match after.first() {
            None | Some(b'$') => output.push(b'$'),
            Some(b'(') => match memchr::memchr(b')', rest) {
                None => output.extend_from_slice(b"$("),
                Some(end) => {
                    let (name, behind) = rest.split_at(end);
                    rest = behind.get(1..).unwrap_or_default();
                    match std::str::from_utf8(name).map_or(Meaning::None, &meaning) {
                        Meaning::Value(value) => output.extend_from_slice(value),
                        Meaning::Unknown => return None,
                        Meaning::None => {
                            output.extend_from_slice(b"$(");
                            output.extend_from_slice(name);
                            output.push(b')');
                        }
                    }
                }
            },
            Some(other) => {
                // The kubelet takes this one byte for a character, so it breaks what is longer.
                let mut utf8 = [0; 4];
                output.push(b'$');
                output.extend_from_slice(char::from(*other).encode_utf8(&mut utf8).as_bytes());
            }
        }
        if output.len() > most {
            return None;
        }
    }
    output.extend_from_slice(rest);
    (output.len() <= most).then_some(output)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn meaning(name: &str) -> Meaning<'static> {
        match name {
            "A" => Meaning::Value(b"value"),
            "SEALED" => Meaning::Unknown,
            _ => Meaning::None,
        }
    }

    #[rstest]
    #[case("plain", Some("plain"))]
    #[case("$(A)", Some("value"))]
    #[case("x$(A)y$(A)", Some("xvalueyvalue"))]
    #[case("$(B)", Some("$(B)"))]
    #[case("$()", Some("$()"))]
    #[case("$$(A)", Some("$(A)"))]
    #[case("$$$(A)", Some("$value"))]
    #[case("$$$$(A)", Some("$$(A)"))]
    #[case("${A} $A", Some("${A} $A"))]
    #[case("$(A", Some("$(A"))]
    #[case("tail$", Some("tail$"))]
    #[case("$(SEALED)", None)]
    #[case("$ü", Some("$\u{c3}\u{fffd}"))]
    fn expansion_is_the_kubelets(#[case] input: &str, #[case] expected: Option<&str>) {
        let expanded = expand(input.as_bytes(), 100, meaning);
        let text = expanded.map(|value| String::from_utf8_lossy(&value).into_owned());
        assert_eq!(text.as_deref(), expected);
    }

    #[test]
    fn values_cannot_grow_without_end() {
        assert!(expand("$(A)".repeat(30).as_bytes(), 100, meaning).is_none());
    }

    proptest! {
        #[test]
        fn text_without_dollars_stays(input in "[^$]*") {
            prop_assert_eq!(&**expand(input.as_bytes(), 1_000, meaning).unwrap(), input.as_bytes());
        }

        #[test]
        fn any_bytes_are_expanded(input: Vec<u8>) {
            let _ = expand(&input, 1_000, meaning);
        }
    }
}
