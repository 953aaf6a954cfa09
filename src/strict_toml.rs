//! The one way a TOML file of ours is read: strictly, with every mistake at once, each at its place.
//!
//! The Rust types are the only source of truth. Their JSON Schema guides a walk over the parsed file
//! that finds unknown fields, wrong types, missing fields and unknown values, with the allowed ones
//! and a "did you mean". What passed the walk is then deserialised. Checks that need to understand
//! the values come after that and report their places through the [`Document`].
//!
//! No text of the file is repeated but names: an excerpt shows every string value as `"…"`, because
//! somebody will paste a key into it one day. No message of a library is ever shown (SECURITY P4).

mod excerpt;
mod mistake;
mod places;
mod schema;
mod syntax;
mod walk;

use std::{collections::BTreeSet, ops::Range};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use toml::de::{DeTable, Deserializer};

use self::{excerpt::Sheet, places::Places, walk::Walk};
pub use self::{
    excerpt::shown_name,
    mistake::{Mistake, Mistakes, nearest},
};
use crate::domain::place::Position;

/// A file that was read already.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Its path as a person would open it; already inert.
    pub name: &'a str,
    /// All of it.
    pub text: &'a str,
}

/// A value, and the places in the file that it came from.
#[derive(Debug, Clone)]
pub struct Document<T> {
    value: T,
    places: Places,
    incomplete: BTreeSet<usize>,
    sheet: Sheet,
}

impl<T> Document<T> {
    /// What the file says.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// What the file says, when places are no longer needed.
    pub fn into_value(self) -> T {
        self.value
    }

    /// Bytes of the key at `path`: names of tables and fields, and indices of arrays counted from 0,
    /// as in `["layers", "3", "path"]`. An element of an array has no key; there it is the element.
    /// Of a path that is not in the file it is the nearest one above that is.
    pub fn key_span(&self, path: &[&str]) -> Range<usize> {
        self.places.find(path).key.clone()
    }

    /// Bytes of the value at `path`; of a table written with a header, those of the header.
    pub fn value_span(&self, path: &[&str]) -> Range<usize> {
        self.places.find(path).value.clone()
    }

    /// Line and column of the value at `path`.
    pub fn position(&self, path: &[&str]) -> Position {
        self.sheet.position(self.value_span(path).start)
    }

    /// Where the value at `path` starts, for putting things into file order.
    pub fn offset(&self, path: &[&str]) -> usize {
        self.key_span(path).start
    }

    /// Whether the table at `path` is as it was written. When it is not, a field of it had a mistake
    /// that is reported already, and it must not be said to be missing.
    pub fn is_complete(&self, path: &[&str]) -> bool {
        !self.incomplete.contains(&self.value_span(path).start)
    }

    /// A mistake at the key of `path`.
    pub fn mistake_at_key(&self, path: &[&str], what: impl Into<String>) -> Mistake {
        self.sheet.mistake(self.key_span(path), what, false)
    }

    /// A mistake at the value of `path`, whose text stays hidden.
    pub fn mistake_at_value(&self, path: &[&str], what: impl Into<String>) -> Mistake {
        self.sheet.mistake(self.value_span(path), what, false)
    }

    /// A mistake at the value of `path`, which is a name (of a kind, a provider, a layer) and is
    /// shown in the excerpt as far as [`shown_name`] allows.
    pub fn mistake_at_name(&self, path: &[&str], what: impl Into<String>) -> Mistake {
        self.sheet.mistake(self.value_span(path), what, true)
    }
}

/// As much of a file as could be understood, and what is wrong with the rest.
#[derive(Debug, Clone)]
pub struct Outcome<T> {
    /// The file without its mistaken parts: unknown fields, and the fields, elements or tables that
    /// hold something else than they must. `None` when nothing is left to understand, and whenever
    /// the file is not TOML, since then nobody knows what is missing.
    pub document: Option<Document<T>>,
    /// In file order.
    pub mistakes: Mistakes,
}

/// Reads a file strictly.
///
/// # Errors
/// Every mistake of the file, in file order.
pub fn read<T: DeserializeOwned + JsonSchema>(
    source: &Source<'_>,
) -> Result<Document<T>, Mistakes> {
    let Outcome { document, mistakes } = read_all(source);
    match document {
        Some(document) if mistakes.is_empty() => Ok(document),
        _ => Err(mistakes),
    }
}

/// Like [`read`], for a caller that goes on to check what could be understood, so that a person sees
/// the mistakes of both in one go.
pub fn read_all<T: DeserializeOwned + JsonSchema>(source: &Source<'_>) -> Outcome<T> {
    let (mut tree, errors) = DeTable::parse_recoverable(source.text);
    let sheet = Sheet::new(source, &errors);
    let mut mistakes = Mistakes::default();
    syntax::report(&sheet, &errors, &mut mistakes);
    let schema = schemars::schema_for!(T);
    let incomplete = Walk::new(&sheet, schema.as_value(), &mut mistakes).run(tree.get_mut());
    let mut document = None;
    if errors.is_empty() {
        let places = Places::of_table(0..0, tree.span(), tree.get_ref());
        match T::deserialize(Deserializer::from(tree)) {
            Ok(value) => document = Some(Document { value, places, incomplete, sheet }),
            // What is missing is known already.
            Err(_) if !mistakes.is_empty() => {}
            Err(error) => {
                let span = error.span().unwrap_or_default();
                mistakes.push(sheet.mistake(span, "this value cannot be understood", false));
            }
        }
    }
    mistakes.sort();
    Outcome { document, mistakes }
}

#[cfg(test)]
mod tests;
