//! How bytes become what a format is called with.

use std::collections::BTreeMap;

use stalekey::{
    domain::{
        reading::{Unreadable, UnreadableKind},
        secret::SecretValue,
    },
    formats::{
        Environment, compose,
        files::{Entry, Files, Missed},
    },
};

/// Ends a file where an input holds several.
pub const END_OF_FILE: u8 = 0x1e;

/// Bytes of which the first few choose.
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub const fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next byte; nothing is left of an empty input.
    pub fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// One of several, by the next byte.
    pub fn choose<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::from(self.byte()) % of.len()]
    }

    /// One of several or none, by the next byte.
    pub fn choose_or_none<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        of.get(usize::from(self.byte()) % (of.len() + 1)).copied()
    }

    /// What is left.
    pub const fn rest(self) -> &'a [u8] {
        self.0
    }

    /// What is left, as a text.
    pub fn text(self) -> std::borrow::Cow<'a, str> {
        String::from_utf8_lossy(self.0)
    }

    /// What is left, as files of these names.
    pub fn folder(self, names: &[&'static str]) -> Folder {
        let contents = self.0.split(|byte| *byte == END_OF_FILE);
        Folder(names.iter().copied().zip(contents.map(<[u8]>::to_vec)).collect())
    }
}

/// Files that are not on any disk.
pub struct Folder(BTreeMap<&'static str, Vec<u8>>);

impl Folder {
    /// Path and bytes of each.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(path, bytes)| (*path, bytes.as_slice()))
    }
}

impl compose::Files for Folder {
    fn read(&mut self, path: &str) -> Result<Vec<u8>, Unreadable> {
        let absent = || Unreadable::new(UnreadableKind::System, "not among these files");
        self.0.get(path).cloned().ok_or_else(absent)
    }

    fn exists(&mut self, path: &str) -> bool {
        self.0.contains_key(path)
    }
}

impl Files for Folder {
    fn read(&mut self, path: &str) -> Result<Vec<u8>, Missed> {
        self.0.get(path).cloned().ok_or(Missed::Absent)
    }

    fn list(&mut self, path: &str) -> Result<Vec<Entry>, Missed> {
        let folder = format!("{}/", path.trim_end_matches('/'));
        let below = self.0.keys().filter_map(|file| file.strip_prefix(&folder));
        let mut entries: Vec<Entry> = below
            .map(|rest| match rest.split_once('/') {
                Some((name, _)) => Entry { name: name.to_owned(), is_folder: true },
                None => Entry { name: rest.to_owned(), is_folder: false },
            })
            .collect();
        entries.dedup();
        if entries.is_empty() { Err(Missed::Absent) } else { Ok(entries) }
    }
}

/// Variables of the process that a format may look up.
pub fn environment() -> Environment {
    [
        ("PARENT", "from-parent"),
        ("EMPTY", ""),
        ("REFERENCE", "${A}$A\\n'\""),
        ("HOME", "/home/user"),
        ("COMPOSE_PROFILES", "debug"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), SecretValue::new(value)))
    .collect()
}
