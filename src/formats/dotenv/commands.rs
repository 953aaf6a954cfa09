//! `$(…)` in values, for readers that run commands. Here none is ever run (SECURITY R4).

/// For every parenthesis that opens a balanced and nowhere empty group, where the group ends.
pub(super) fn groups(text: &[u8]) -> Vec<(usize, usize)> {
    let mut open: Vec<(usize, bool)> = Vec::new();
    let mut found = Vec::new();
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'(' => open.push((at, false)),
            b')' => match open.pop() {
                Some((start, true)) => {
                    found.push((start, at + 1));
                    if let Some((_, filled)) = open.last_mut() {
                        *filled = true;
                    }
                }
                // An empty group makes every group around it one that does not match.
                Some((_, false)) | None => open.clear(),
            },
            _ => {
                if let Some((_, filled)) = open.last_mut() {
                    *filled = true;
                }
            }
        }
    }
    found.sort_unstable();
    found
}

/// A value after its commands.
pub(super) enum Commands {
    /// One would be run.
    Run,
    /// None would; a backslash before `$(…)` is gone.
    Escaped(Vec<u8>),
}

/// What the `$(…)` of a value come to.
pub(super) fn resolve(text: &[u8]) -> Commands {
    let groups = groups(text);
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    for (start, end) in groups {
        let Some(dollar) = start.checked_sub(1).filter(|dollar| *dollar >= at) else { continue };
        if text[dollar] != b'$' {
            continue;
        }
        if dollar == at || text[dollar - 1] != b'\\' {
            return Commands::Run;
        }
        out.extend_from_slice(&text[at..dollar - 1]);
        out.extend_from_slice(&text[dollar..end]);
        at = end;
    }
    out.extend_from_slice(&text[at..]);
    Commands::Escaped(out)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a$(b)", None)]
    #[case("$(a $(b))", None)]
    #[case("$(x)\\$(y)", None)]
    #[case("\\$(y)$(x)", None)]
    #[case("a\\$(b)c", Some("a$(b)c"))]
    #[case("$()", Some("$()"))]
    #[case("$(a()", Some("$(a()"))]
    #[case("$(a()b)", Some("$(a()b)"))]
    #[case("(a)$", Some("(a)$"))]
    fn only_unescaped_balanced_groups_are_commands(#[case] text: &str, #[case] left: Option<&str>) {
        match resolve(text.as_bytes()) {
            Commands::Run => assert_eq!(left, None),
            Commands::Escaped(value) => assert_eq!(left.map(str::as_bytes), Some(&*value)),
        }
    }
}
