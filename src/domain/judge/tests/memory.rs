//! What a search of its memory makes of a row.

use super::*;
use crate::domain::memory::{Gap, KeyInMemory, Memory, Search, Watch};

/// A search that has found so many copies of each key.
fn searched(copies: &[(&str, usize)], unknown: usize, gap: Option<Gap>) -> Memory {
    let keys = copies.iter().map(|(name, copies)| KeyInMemory {
        fingerprint: Some(key(name).fingerprint),
        exported: None,
        tag: None,
        label: key(name).label().into(),
        copies: *copies,
        too_short: false,
        fresh: 0,
    });
    Memory::Searched(Search {
        searched_at: now(),
        bytes: 1 << 20,
        milliseconds: 3,
        gap,
        keys: keys.collect(),
        unknown: Some(unknown),
        watch: None,
    })
}

/// The expected key in a file and the other one in another file, accepted and refused; and a process
/// in which that memory was found.
fn world(state: State<Key>, rank: Rank, memory: Memory) -> World {
    let outcome = match state.found().map(|held| held.fingerprint) {
        Some(held) if held == key("new").fingerprint => Outcome::Alive,
        Some(_) => Outcome::Dead,
        None => Outcome::NotProbed,
    };
    let mut world = World::new()
        .file(".env", "new", Outcome::Alive)
        .changed(10)
        .file("old.env", "old", Outcome::Dead)
        .row("app", LayerKind::Process, None, state, outcome);
    let reading = world.readings.last_mut().unwrap();
    reading.rank = rank;
    reading.evidence.memory = Some(memory);
    world
}

fn app(judgement: &Judgement) -> &Row {
    judgement.rows.iter().find(|row| row.identity.layer == "app").unwrap()
}

const OPAQUE: State<Key> = State::Opaque(OpaqueReason::NotInLiveEnvironment);

/// Verdict, certainty and rank; what the reason contains; and the codes of the findings.
fn assert_said(judgement: &Judgement, expected: &str, reason: &str, findings: &[&str]) {
    let row = app(judgement);
    let said = format!("{} {} {}", row.verdict, row.certainty.name(), row.rank.name());
    assert_eq!(said, expected, "{}", row.reason);
    assert!(row.reason.contains(reason), "{}", row.reason);
    let codes: Vec<_> = row.findings.iter().map(|index| judgement.findings[*index].code).collect();
    assert_eq!(codes, findings);
}

#[rstest]
#[case::expected_only(&[("new", 3), ("old", 0)], 0, None, "current likely memory", "only the expected key in memory; the provider accepts it")]
#[case::old_only(&[("new", 0), ("old", 5)], 0, None, "stale likely memory", "only the old key in memory: it has not loaded the new one")]
#[case::others(&[("new", 0), ("else", 1)], 0, None, "mismatch likely memory", "only another key in memory")]
#[case::both(&[("new", 1), ("old", 2)], 0, None, "unproven certain memory", "both keys in memory: cannot tell")]
#[case::both_in_a_part(&[("new", 1), ("old", 2)], 0, Some(Gap::Time), "unproven certain memory", "both keys in memory")]
#[case::beside_unknown(&[("new", 1), ("old", 0)], 1, None, "unproven certain memory", "cannot tell")]
#[case::unknown_only(&[("new", 0), ("old", 0)], 2, None, "unproven certain memory", "one of 2 keys of its form")]
#[case::none(&[("new", 0), ("old", 0)], 0, None, "unproven certain live", "not in its environment now")]
#[case::expected_in_a_part(&[("new", 2), ("old", 0)], 0, Some(Gap::Size), "unproven certain live", "not complete: it was stopped after 2 GiB")]
#[case::old_in_a_part(&[("new", 0), ("old", 2)], 0, Some(Gap::Swapped), "unproven certain live", "not complete: a part of it is swapped out")]
fn of_a_row_that_shows_nothing_memory_decides(
    #[case] copies: &[(&str, usize)],
    #[case] unknown: usize,
    #[case] gap: Option<Gap>,
    #[case] expected: &str,
    #[case] reason: &str,
) {
    let judgement = world(OPAQUE, Rank::Live, searched(copies, unknown, gap)).judge();
    let row = app(&judgement);
    let said = format!("{} {} {}", row.verdict, row.certainty.name(), row.rank.name());
    assert_eq!(said, expected, "{}", row.reason);
    assert!(row.reason.contains(reason), "{}", row.reason);
}

#[test]
fn what_started_before_the_change_and_has_an_unknown_key_is_stale() {
    let mut world = world(OPAQUE, Rank::Live, searched(&[("new", 0)], 1, None)).started(60);
    world.layers.last_mut().unwrap().source = Some(".env".into());
    let memory = searched(&[("new", 0)], 1, None);
    world.readings.last_mut().unwrap().evidence.memory = Some(memory);
    let judgement = world.judge();
    let row = app(&judgement);
    assert_eq!((row.verdict, row.rank), (Verdict::Stale, Rank::Memory), "{}", row.reason);
}

#[test]
fn memory_outranks_what_is_inferred_from_times() {
    let mut world = world(OPAQUE, Rank::Live, searched(&[], 0, None)).started(60);
    world.layers.last_mut().unwrap().source = Some(".env".into());
    world.readings.last_mut().unwrap().evidence.memory =
        Some(searched(&[("new", 2), ("old", 0)], 0, None));
    let judgement = world.judge();
    assert_eq!(app(&judgement).verdict, Verdict::Current, "{}", app(&judgement).reason);
}

#[rstest]
#[case::alone("new", &[("new", 2), ("old", 0)], "current certain live", "", &[])]
#[case::old_beside("new", &[("new", 2), ("old", 3)], "current likely live", "a client built earlier may still hold the old key", &["SK218"])]
#[case::old_in_the_heap_alone("new", &[("new", 0), ("old", 3)], "current likely live", "a client built earlier", &["SK218"])]
#[case::no_other("old", &[("new", 0), ("old", 3)], "stale certain live", "", &["SK201"])]
#[case::expected_beside("old", &[("new", 1), ("old", 3)], "stale likely live", "the expected key is in its memory too", &["SK201"])]
fn beside_the_live_environment_it_is_a_note(
    #[case] holds: &str,
    #[case] copies: &[(&str, usize)],
    #[case] expected: &str,
    #[case] reason: &str,
    #[case] findings: &[&str],
) {
    let memory = searched(copies, 0, None);
    let judgement = world(State::Found(key(holds)), Rank::Live, memory).judge();
    assert_said(&judgement, expected, reason, findings);
}

#[rstest]
#[case::old("old", &[("new", 0), ("old", 1)], Verdict::Stale, Rank::Launch)]
#[case::old_that_loaded_the_new("old", &[("new", 2), ("old", 1)], Verdict::Unproven, Rank::Memory)]
#[case::old_replaced("old", &[("new", 2), ("old", 0)], Verdict::Unproven, Rank::Memory)]
#[case::new("new", &[("new", 2), ("old", 0)], Verdict::Current, Rank::Launch)]
#[case::new_beside_old("new", &[("new", 2), ("old", 1)], Verdict::Unproven, Rank::Memory)]
fn what_it_was_launched_with_may_be_replaced(
    #[case] holds: &str,
    #[case] copies: &[(&str, usize)],
    #[case] verdict: Verdict,
    #[case] rank: Rank,
) {
    let memory = searched(copies, 0, None);
    let judgement = world(State::Found(key(holds)), Rank::Launch, memory).judge();
    let row = app(&judgement);
    assert_eq!((row.verdict, row.rank), (verdict, rank), "{}", row.reason);
}

/// A watched process: fresh copies of the new and of the old key, and of one that nobody holds.
fn watched([new, old, unknown]: [usize; 3]) -> Memory {
    let Memory::Searched(mut search) = searched(&[("new", 3), ("old", 3)], 0, None) else {
        panic!("it was searched")
    };
    (search.keys[0].fresh, search.keys[1].fresh) = (new, old);
    search.watch = Some(Watch { scans: 40, milliseconds: 3049, gap: None, unknown });
    Memory::Searched(search)
}

#[rstest]
#[case::new([10, 0, 0], None, "current likely sent", "is sending the expected key (10 fresh copies in 3.0 s); the provider accepts it", &[])]
#[case::old([0, 10, 0], None, "stale likely sent", "is sending the old key sk-…old", &["SK201"])]
#[case::unknown([0, 0, 10], None, "mismatch likely sent", "is sending a key that no layer holds (10", &["SK201"])]
#[case::undecided([3, 3, 0], None, "unproven certain memory", "cannot tell what it sends", &["SK218"])]
#[case::nothing([0, 0, 0], None, "unproven certain memory", "no new copy of a key in a request for 3.0 s", &["SK218"])]
#[case::as_its_environment([10, 0, 0], Some("new"), "current likely sent", "is sending the expected key", &[])]
#[case::stale_client([0, 10, 0], Some("new"), "stale likely sent", "; its environment now holds the expected key", &["SK218"])]
#[case::live_and_nothing([0, 0, 0], Some("new"), "current likely live", "a client built earlier", &["SK218"])]
#[case::old_everywhere([0, 10, 0], Some("old"), "stale likely sent", "is sending the old key", &["SK201"])]
fn what_it_sends_decides_above_all(
    #[case] fresh: [usize; 3],
    #[case] holds: Option<&str>,
    #[case] expected: &str,
    #[case] reason: &str,
    #[case] findings: &[&str],
) {
    let state = holds.map_or(OPAQUE, |holds| State::Found(key(holds)));
    let judgement = world(state, Rank::Live, watched(fresh)).judge();
    assert_said(&judgement, expected, reason, findings);
}

#[test]
fn why_it_was_not_searched_is_said() {
    let memory = Memory::Refused("no permission; run stalekey as root".into());
    let judgement = world(OPAQUE, Rank::Live, memory).judge();
    let row = app(&judgement);
    assert_eq!(row.verdict, Verdict::Unproven);
    assert!(row.reason.ends_with("not searched: no permission; run stalekey as root"));
}

/// Whatever is found, what has a gap is never taken for absent, and both keys are never green.
#[test]
fn no_search_makes_a_row_green_that_has_both_or_a_gap() {
    for bits in 0_u8..32 {
        let has = |bit: u8| usize::from(bits >> bit & 1 == 1);
        let gap = (has(0) == 1).then_some(Gap::Time);
        let memory = searched(&[("new", has(1)), ("old", has(2)), ("else", has(3))], has(4), gap);
        let judgement = world(OPAQUE, Rank::Live, memory).judge();
        let other = has(2) + has(3) + has(4) > 0;
        let row = app(&judgement);
        if gap.is_some() || other {
            assert_ne!(row.verdict, Verdict::Current, "{bits:05b} {}", row.reason);
        }
        if gap.is_some() {
            assert_eq!(row.verdict, Verdict::Unproven, "{bits:05b} {}", row.reason);
        }
    }
}
