//! Paths as text: joined and shortened, never looked up.

/// `path` as seen from `folder`, without `.` and, where possible, `..`.
pub(super) fn join(folder: &str, path: &str) -> String {
    if path.starts_with('/') || folder.is_empty() {
        clean(path)
    } else {
        clean(&format!("{folder}/{path}"))
    }
}

/// [`join`], with `~` as the home folder.
pub(super) fn join_with_home(folder: &str, path: &str, home: Option<&str>) -> String {
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => join(home, rest),
        _ => join(folder, path),
    }
}

/// The folder of a file; empty for one without.
pub(super) fn folder_of(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((folder, _)) => folder,
        None => "",
    }
}

fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                None if rooted => {}
                _ => parts.push(part),
            },
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    if rooted { format!("/{joined}") } else { joined }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", "a", "a")]
    #[case("sub", "./a", "sub/a")]
    #[case("sub/x", "../a", "sub/a")]
    #[case("sub", "../../a", "../a")]
    #[case("sub", "/etc/a", "/etc/a")]
    #[case("/", "../a", "/a")]
    #[case("../up", "a//b", "../up/a/b")]
    fn paths_are_joined(#[case] folder: &str, #[case] path: &str, #[case] expected: &str) {
        assert_eq!(join(folder, path), expected);
    }

    #[rstest]
    #[case("a", "")]
    #[case("sub/a", "sub")]
    #[case("/a", "/")]
    fn folders(#[case] path: &str, #[case] expected: &str) {
        assert_eq!(folder_of(path), expected);
    }
}
