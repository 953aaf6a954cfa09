//! The search of a process's memory, as the contract has it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::memory::{Gap, KeyInMemory, Memory, Search};

/// One search; with it, what it cost.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct MemoryReport<'a> {
    /// Whether it was searched.
    searched: bool,
    /// Why it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why_not: Option<&'a str>,
    /// The search.
    #[serde(default, skip_serializing_if = "Option::is_none", flatten)]
    search: Option<SearchReport<'a>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct SearchReport<'a> {
    /// When it ended, RFC 3339.
    #[schemars(with = "String")]
    searched_at: Timestamp,
    /// Bytes of writable memory that were read.
    bytes: u64,
    milliseconds: u64,
    /// Whether a key that was not found was not there.
    complete: bool,
    /// What was left out: time, size, values, swapped or timed_out.
    gap: Option<&'static str>,
    /// Every key of the credential that was looked for.
    keys: Vec<KeyReport<'a>>,
    /// Distinct values of the provider's form that no layer holds; null where its keys have no
    /// form to look for.
    unknown: Option<usize>,
    /// How it was watched, where a person asked for that (`--watch`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    watch: Option<WatchReport>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct WatchReport {
    /// How often it was searched.
    scans: usize,
    milliseconds: u64,
    /// Why nothing can be said of it: as above.
    gap: Option<&'static str>,
    /// What it says that the process sends: key, unknown_key, nothing_seen or undecided.
    sends: &'static str,
    /// Fresh copies of the most frequent key that no layer holds.
    unknown: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
struct KeyReport<'a> {
    /// As of a row's key; null for an opaque value without a team key, and for the expected key
    /// that no layer holds and that was not found.
    fingerprint: Option<&'a str>,
    /// The tag of this run, for an opaque value.
    tag: Option<&'a str>,
    /// Copies in writable memory, those in the environment of the launch aside; null for one that is
    /// too short to be looked for.
    copies: Option<usize>,
    /// Copies in requests that appeared while it was watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fresh: Option<usize>,
}

impl<'a> MemoryReport<'a> {
    pub(super) fn of(memory: &'a Memory) -> Self {
        match memory {
            Memory::Refused(why) => Self { searched: false, why_not: Some(why), search: None },
            Memory::Searched(search) => {
                Self { searched: true, why_not: None, search: Some(SearchReport::of(search)) }
            }
        }
    }
}

impl<'a> SearchReport<'a> {
    fn of(search: &'a Search) -> Self {
        Self {
            searched_at: search.searched_at,
            bytes: search.bytes,
            milliseconds: search.milliseconds,
            complete: search.gap.is_none(),
            gap: search.gap.map(Gap::name),
            keys: search
                .keys
                .iter()
                .map(|key| KeyReport::of(key, search.watch.is_some()))
                .collect(),
            unknown: search.unknown,
            watch: search.watch.zip(search.sent()).map(|(watch, sent)| WatchReport {
                scans: watch.scans,
                milliseconds: watch.milliseconds,
                gap: watch.gap.map(Gap::name),
                sends: sent.name(),
                unknown: watch.unknown,
            }),
        }
    }
}

impl<'a> KeyReport<'a> {
    fn of(key: &'a KeyInMemory, watched: bool) -> Self {
        Self {
            fingerprint: key.exported.as_deref(),
            tag: key.tag.as_deref(),
            copies: (!key.too_short).then_some(key.copies),
            fresh: watched.then_some(key.fresh),
        }
    }
}
