//! Which key a process sends: its memory is searched again and again, and copies of a key behind the
//! words of a header count where there was none a moment before.
//!
//! A request needs its headers as text, so each one leaves new copies. What lies around from earlier
//! ones stays where it is; a collector that moves it makes copies too, which is why one key has to
//! be far ahead of the others before anything is said.

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::{Duration, Instant},
};

use super::{Budget, ProcessIdentity, Refusal, Target, Wanted, scan::Scanner};
use crate::domain::{fingerprint::Fingerprint, memory::Gap};

/// Between two searches.
const PAUSE: Duration = Duration::from_millis(50);

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watched {
    /// How often it was searched.
    pub scans: usize,
    /// How long that took.
    pub took: Duration,
    /// What was left out; with a gap nothing can be said, since what was left out once would look
    /// new the next time.
    pub gap: Option<Gap>,
    /// Fresh copies of each key behind the words of a header.
    pub fresh: BTreeMap<Fingerprint, usize>,
    /// The same of keys that no layer holds: of each provider the most frequent one's.
    pub unknown: BTreeMap<String, usize>,
}

/// A key in a request, and where it stands.
pub(super) type Hits = BTreeSet<(Whose, u64)>;

/// A key that is wanted, or one of a form that nobody holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whose {
    Wanted(Fingerprint),
    Unknown(usize, Fingerprint),
}

/// Watches a process for so long.
pub(super) fn watch(
    who: ProcessIdentity,
    wanted: &Wanted,
    duration: Duration,
) -> Result<Watched, Refusal> {
    let begin = Instant::now();
    let target = Target::open(who)?;
    let mut watched = Watched::default();
    let mut tally = Tally::default();
    while watched.gap.is_none() && (watched.scans == 0 || begin.elapsed() < duration) {
        let mut scanner = Scanner::of_requests(wanted);
        let found = target.sweep(&mut scanner, Budget::default(), Instant::now())?;
        watched.gap = found.gap;
        tally.take(scanner.into_hits());
        watched.scans += 1;
        thread::sleep(PAUSE.min(duration.saturating_sub(begin.elapsed())));
    }
    target.still_there()?;
    watched.took = begin.elapsed();
    for (whose, count) in tally.fresh {
        match whose {
            Whose::Wanted(fingerprint) => {
                watched.fresh.insert(fingerprint, count);
            }
            Whose::Unknown(form, _) => {
                let provider = wanted.forms[form].provider.clone();
                let most = watched.unknown.entry(provider).or_default();
                *most = (*most).max(count);
            }
        }
    }
    Ok(watched)
}

/// Counts what is new from one search to the next.
#[derive(Default)]
struct Tally {
    before: Option<Hits>,
    fresh: BTreeMap<Whose, usize>,
}

impl Tally {
    fn take(&mut self, hits: Hits) {
        if let Some(before) = &self.before {
            for (whose, _) in hits.difference(before) {
                *self.fresh.entry(*whose).or_default() += 1;
            }
        }
        self.before = Some(hits);
    }
}

/// A request has the key that begins here: `Authorization: Bearer KEY`, `x-api-key: KEY`,
/// `api-key: KEY`, `x-goog-api-key: KEY`, in whatever case.
pub(super) fn in_a_header(piece: &[u8], at: usize) -> bool {
    const WORDS: [&[u8]; 3] = [b"bearer ", b"api-key: ", b"api-key:"];
    let before = piece.get(..at).unwrap_or_default();
    WORDS.iter().any(|word| {
        before.len() >= word.len() && before[before.len() - word.len()..].eq_ignore_ascii_case(word)
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::domain::{fingerprint::FingerprintKey, secret::SecretValue};

    #[rstest]
    #[case("Authorization: Bearer ", true)]
    #[case("authorization: bearer ", true)]
    #[case("x-api-key: ", true)]
    #[case("X-Api-Key: ", true)]
    #[case("x-goog-api-key: ", true)]
    #[case("api-key:", true)]
    #[case("OPENAI_API_KEY=", false)]
    #[case("bearer", false)]
    #[case("", false)]
    fn headers_are_known(#[case] before: &str, #[case] expected: bool) {
        assert_eq!(in_a_header(format!("{before}KEY").as_bytes(), before.len()), expected);
    }

    #[test]
    fn only_what_was_not_there_before_is_fresh() {
        let key = |name: &str| {
            Whose::Wanted(FingerprintKey::salt([1; 32]).fingerprint(&SecretValue::new(name)))
        };
        let (old, new) = (key("old"), key("new"));
        let mut tally = Tally::default();
        tally.take(Hits::from([(old, 1), (old, 2)]));
        assert!(tally.fresh.is_empty(), "nothing is known of before");
        tally.take(Hits::from([(old, 1), (new, 2)]));
        tally.take(Hits::from([(old, 1), (new, 2), (new, 3)]));
        tally.take(Hits::from([(old, 1), (old, 2)]));
        assert_eq!(tally.fresh, BTreeMap::from([(new, 2), (old, 1)]));
    }
}
