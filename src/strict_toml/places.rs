//! Where each key and value of a file stands.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// A key, its value and what is inside.
#[derive(Debug, Clone)]
pub(super) struct Places {
    pub(super) key: Range<usize>,
    pub(super) value: Range<usize>,
    inside: Inside,
}

#[derive(Debug, Clone)]
enum Inside {
    Nothing,
    /// Sorted by name.
    Table(Vec<(String, Places)>),
    Array(Vec<Places>),
}

impl Places {
    pub(super) fn of_table(key: Range<usize>, value: Range<usize>, table: &DeTable<'_>) -> Self {
        let mut inside: Vec<_> = table
            .iter()
            .map(|(key, node)| (key.get_ref().to_string(), Self::of(key.span(), node)))
            .collect();
        inside.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
        Self { key, value, inside: Inside::Table(inside) }
    }

    fn of(key: Range<usize>, node: &Spanned<DeValue<'_>>) -> Self {
        let value = node.span();
        match node.get_ref() {
            DeValue::Table(table) => Self::of_table(key, value, table),
            DeValue::Array(array) => {
                let inside = array.iter().map(|node| Self::of(node.span(), node)).collect();
                Self { key, value, inside: Inside::Array(inside) }
            }
            _ => Self { key, value, inside: Inside::Nothing },
        }
    }

    /// The place at `path`, or the nearest one above it.
    pub(super) fn find(&self, path: &[&str]) -> &Self {
        let mut place = self;
        for step in path {
            let next = match &place.inside {
                Inside::Nothing => None,
                Inside::Table(table) => table
                    .binary_search_by(|(name, _)| name.as_str().cmp(step))
                    .ok()
                    .map(|index| &table[index].1),
                Inside::Array(array) => {
                    step.parse::<usize>().ok().and_then(|index| array.get(index))
                }
            };
            let Some(next) = next else { return place };
            place = next;
        }
        place
    }
}
