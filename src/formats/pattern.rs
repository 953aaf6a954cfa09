//! Shell patterns for the names of files.

/// Whether a name fits; a leading dot only fits itself.
pub(in crate::formats) fn matches(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    // Where the last star stands, and how much of the name it has taken.
    let (mut star, mut at_pattern, mut at_name) = (None, 0, 0);
    while at_name < name.len() {
        if pattern.get(at_pattern) == Some(&'*') {
            star = Some((at_pattern, at_name));
            at_pattern += 1;
        } else if let Some(length) =
            one(pattern.get(at_pattern..).unwrap_or_default(), name[at_name])
        {
            at_pattern += length;
            at_name += 1;
        } else if let Some((star_pattern, star_name)) = star {
            star = Some((star_pattern, star_name + 1));
            (at_pattern, at_name) = (star_pattern + 1, star_name + 1);
        } else {
            return false;
        }
    }
    pattern.get(at_pattern..).unwrap_or_default().iter().all(|rest| *rest == '*')
}

/// The length of the element of the pattern that fits this character.
fn one(pattern: &[char], character: char) -> Option<usize> {
    match pattern.first()? {
        '*' => None,
        '?' => Some(1),
        '\\' => (pattern.get(1) == Some(&character)).then_some(2),
        '[' => {
            let negated = matches!(pattern.get(1), Some('!' | '^'));
            let start = if negated { 2 } else { 1 };
            let length = pattern.get(start + 1..)?.iter().position(|end| *end == ']')? + 1;
            let set = pattern.get(start..start + length)?;
            let mut fits = false;
            let mut at = 0;
            while let Some(low) = set.get(at) {
                if let (Some('-'), Some(high)) = (set.get(at + 1), set.get(at + 2)) {
                    fits |= (*low..=*high).contains(&character);
                    at += 3;
                } else {
                    fits |= *low == character;
                    at += 1;
                }
            }
            (fits != negated).then_some(start + length + 1)
        }
        literal => (*literal == character).then_some(1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("*.env", "app.env", true)]
    #[case("*.env", ".env", false)]
    #[case(".*", ".env", true)]
    #[case("a?c*", "abcdef", true)]
    #[case("a?c", "ac", false)]
    #[case("[a-c]x", "bx", true)]
    #[case("[!a-c]x", "bx", false)]
    #[case("[]]", "]", true)]
    #[case("a*b*c", "aXbYbZc", true)]
    #[case("a*b*c", "aXbYbZ", false)]
    #[case("\\*", "*", true)]
    fn patterns_match(#[case] pattern: &str, #[case] name: &str, #[case] expected: bool) {
        assert_eq!(matches(pattern, name), expected);
    }

    proptest! {
        #[test]
        fn any_pattern_is_matched(pattern in "[a*?\\[\\]!^\\\\-]{0,12}", name in "[a\\]-]{0,12}") {
            let _ = matches(&pattern, &name);
        }
    }
}
