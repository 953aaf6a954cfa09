//! Where each key and value of a file stands.

use std::{collections::BTreeMap, ops::Range};

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
    Table(BTreeMap<String, Places>),
    Array(Vec<Places>),
}

impl Places {
    pub(super) fn of_table(key: Range<usize>, value: Range<usize>, table: &DeTable<'_>) -> Self {
        let inside = table
            .iter()
            .map(|(key, node)| (key.get_ref().to_string(), Self::of(key.span(), node)))
            .collect();
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
                Inside::Table(table) => table.get(*step),
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
