//! Rows that many providers have in common.

use std::{collections::BTreeMap, sync::LazyLock};

use crate::providers::file::{AnswerEntry, Usual};

/// The rows by name.
pub(super) const TEXT: &str = include_str!("../../assets/usual_answers.toml");

/// A test proves that the file is clean and complete.
static ROWS: LazyLock<BTreeMap<String, AnswerEntry>> =
    LazyLock::new(|| toml::from_str(TEXT).unwrap_or_default());

/// The row of this name.
pub(super) fn row(name: Usual) -> Option<&'static AnswerEntry> {
    ROWS.get(name.name())
}

/// The row is one of these.
pub(super) fn is_one(row: &AnswerEntry) -> bool {
    ROWS.values().any(|usual| std::ptr::eq(usual, row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strict_toml::{self, Source};

    #[test]
    fn every_name_has_its_row_and_every_row_its_source() {
        let source = Source { name: "usual_answers.toml", text: TEXT };
        let rows = strict_toml::read::<BTreeMap<String, AnswerEntry>>(&source)
            .map_err(|mistakes| mistakes.to_string())
            .unwrap()
            .into_value();
        let names = [Usual::Forbidden, Usual::NoModel, Usual::Payment, Usual::Throttled];
        assert_eq!(rows.len(), names.len());
        for name in names {
            let row = row(name).unwrap();
            assert!(row.source.is_some() && row.meaning.is_some(), "{}", name.name());
            assert!(is_one(row));
        }
    }
}
