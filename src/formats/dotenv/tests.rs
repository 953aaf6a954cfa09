use rstest::rstest;

use super::*;

/// What `variable` ends up with, as text; `None` when no assignment gives it a value.
fn value(contents: &Contents, variable: &str) -> Option<String> {
    match &contents.winner(variable)?.yields {
        crate::domain::reading::Yield::Value(value) => {
            Some(String::from_utf8_lossy(value.expose()).into_owned())
        }
        _ => None,
    }
}

#[test]
fn every_dialect_is_found_by_its_name() {
    for dialect in Dialect::ALL {
        assert_eq!(Dialect::from_name(dialect.name()), Some(*dialect));
    }
    assert_eq!(Dialect::from_name("dotenv"), None);
}
