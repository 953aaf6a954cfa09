use std::collections::BTreeMap;

use rstest::rstest;

use super::{
    Confirmation, KeyStanding, Member, MemberProgress, MemberState, NewKey, Progress, Recorded,
    RecordedKey, Rotation, Spare, Tick, Word, confirm, progress,
};
use crate::domain::{
    damage::Flag,
    judge::world::{World, damaged, key, now},
    key::Key,
    layer::LayerKind,
    outcome::{Outcome, ProbeReason, ProbeResult},
    reading::{MissingReason, OpaqueReason, State},
    snapshot::Row,
    verdict::{Certainty, Verdict},
};

const OUTCOMES: [Outcome; 20] = [
    Outcome::Alive,
    Outcome::AliveRestricted,
    Outcome::AliveNoQuota,
    Outcome::AliveRateLimited,
    Outcome::Dead,
    Outcome::AccountDisabled,
    Outcome::Missing,
    Outcome::WrongOrg,
    Outcome::WrongProject,
    Outcome::WrongRegion,
    Outcome::WrongEndpoint,
    Outcome::BlockedIp,
    Outcome::BlockedRegion,
    Outcome::Blocked,
    Outcome::PublicEndpoint,
    Outcome::Unsendable,
    Outcome::Unreachable,
    Outcome::UnknownRetry,
    Outcome::Unknown,
    Outcome::NotProbed,
];

fn recorded(name: &str) -> RecordedKey {
    RecordedKey::from(&*key(name))
}

fn standing(name: &str, outcome: Option<Outcome>) -> KeyStanding {
    KeyStanding {
        key: recorded(name),
        outcome,
        reason: None,
        status: None,
        checked_at: None,
        held_by: Vec::new(),
    }
}

fn member(name: &str, state: MemberState) -> MemberProgress {
    MemberProgress {
        member: Member { environment: "production".into(), layer: name.into(), host: None },
        owner: None,
        state,
        before: None,
        now: None,
        since: None,
        reason: "as it is".into(),
        tick: Tick::default(),
        rows: Vec::new(),
    }
}

fn of(states: &[MemberState], new: Option<Outcome>, old: Option<Outcome>) -> Progress {
    Progress {
        rotation: "openai-1".into(),
        credential: "openai".into(),
        environments: vec!["production".into()],
        opened_at: now(),
        members: states.iter().map(|state| member(state.name(), *state)).collect(),
        new_named: Some("the key ending in newx".into()),
        new: new.map(|outcome| standing("new", Some(outcome))),
        old: vec![standing("old", old)],
        nameless: false,
    }
}

/// Every state of a layer beside one that has moved, with every answer about both keys.
#[test]
fn a_rotation_is_proven_by_nothing_less_than_everything() {
    use MemberState::{Moved, NotNeeded, Old, Unknown, Wrong};
    use Outcome as O;
    let any = || OUTCOMES.iter().copied().map(Some).chain([None]);
    let mut proven = 0;
    for state in [Old, Wrong, Unknown, Moved, NotNeeded] {
        for new in any() {
            for old in any() {
                let accepts = |outcome| {
                    matches!(
                        outcome,
                        Some(O::Alive | O::AliveRestricted | O::AliveNoQuota | O::AliveRateLimited)
                    )
                };
                let is_wrong = matches!(state, Old | Wrong)
                    || accepts(old)
                    || matches!(
                        new,
                        Some(
                            O::Dead
                                | O::AccountDisabled
                                | O::WrongOrg
                                | O::WrongProject
                                | O::WrongRegion
                        )
                    );
                let is_proven = matches!(state, Moved | NotNeeded)
                    && accepts(new)
                    && matches!(old, Some(O::Dead | O::AccountDisabled));
                let wanted = match (is_wrong, is_proven) {
                    (true, _) => Word::NotRotated,
                    (false, true) => Word::Rotated,
                    (false, false) => Word::NotProven,
                };
                let told = confirm(&of(&[Moved, state], new, old));
                assert_eq!(told.word, wanted, "{state:?}, new {new:?}, old {old:?}: {told:?}");
                assert_eq!(told.gaps.is_empty(), wanted == Word::Rotated, "{told:?}");
                proven += usize::from(wanted == Word::Rotated);
            }
        }
    }
    assert_eq!(proven, 2 * 4 * 2, "two states, four answers for the new key, two for the old one");
}

#[test]
fn what_is_wrong_comes_before_what_is_not_known() {
    let states = [MemberState::Unknown, MemberState::Old];
    let Confirmation { gaps, .. } = confirm(&of(&states, None, Some(Outcome::Alive)));
    let begins =
        ["`old`: ", "the old key sk-…old is not yet revoked", "`unknown`: ", "nothing here"];
    assert_eq!(gaps.len(), begins.len(), "{gaps:?}");
    for (gap, begin) in gaps.iter().zip(begins) {
        assert!(gap.starts_with(begin), "{gap}");
    }
}

#[test]
fn an_old_key_without_a_lasting_fingerprint_cannot_be_shown_to_be_refused() {
    let told = |progress: &Progress| confirm(progress);
    let done = of(&[MemberState::Moved], Some(Outcome::Alive), Some(Outcome::Dead));
    assert_eq!(told(&done).word, Word::Rotated);
    let nameless = Progress { nameless: true, ..done.clone() };
    assert_eq!(told(&nameless).word, Word::NotProven);
    assert!(told(&nameless).gaps[0].contains("STALEKEY_FP_KEY"), "{:?}", told(&nameless));
    let alive = Progress { old: vec![standing("old", Some(Outcome::Alive))], ..nameless };
    assert_eq!(told(&alive).word, Word::NotRotated, "that much is known");
    let none = Progress { old: Vec::new(), ..done };
    assert_eq!(told(&none).word, Word::NotProven);
}

#[test]
fn nothing_to_move_is_no_proof() {
    for states in [&[][..], &[MemberState::NotNeeded]] {
        let told = confirm(&of(states, Some(Outcome::Alive), Some(Outcome::Dead)));
        assert_eq!(told.word, Word::NotProven, "{told:?}");
    }
}

/// A rotation from `old` to `new`, begun when the one layer held the old key.
fn rotation(layers: &[&str]) -> Rotation {
    let mut world = World::new();
    for layer in layers {
        world = world.file(layer, "old", Outcome::Alive);
    }
    let rows = world.judge().rows;
    Rotation {
        id: "openai-1".into(),
        credential: "openai".into(),
        environments: vec!["production".into()],
        opened_at: now(),
        old: vec![recorded("old")],
        new: Some(NewKey::Last4("new".into())),
        baseline: rows.iter().map(Recorded::from).collect(),
        ticks: BTreeMap::new(),
        end: None,
    }
}

fn rows(layers: &[(&str, LayerKind, State<Key>, Outcome)]) -> Vec<Row> {
    let world = layers.iter().fold(World::new(), |world, (name, kind, state, outcome)| {
        world.row(name, *kind, None, state.clone(), *outcome)
    });
    world.judge().rows
}

fn states(rotation: &Rotation, rows: &[Row]) -> Vec<(String, MemberState)> {
    let progress = progress(rotation, &[key("new").fingerprint], rows, &[]);
    progress.members.iter().map(|it| (it.member.label(), it.state)).collect()
}

#[rstest]
#[case::new_key(LayerKind::Dotenv, State::Found(key("new")), MemberState::Moved)]
#[case::new_key_running(LayerKind::Process, State::Found(key("new")), MemberState::Moved)]
#[case::old_key(LayerKind::Dotenv, State::Found(key("old")), MemberState::Old)]
#[case::old_key_running(LayerKind::Process, State::Found(key("old")), MemberState::Old)]
#[case::a_third_key(LayerKind::Dotenv, State::Found(key("third")), MemberState::Wrong)]
#[case::damaged(LayerKind::Dotenv, State::Found(damaged("new", Flag::Cr)), MemberState::Wrong)]
#[case::missing(LayerKind::Dotenv, State::Missing(MissingReason::NotDefined), MemberState::Wrong)]
#[case::missing_running(
    LayerKind::Process,
    State::Missing(MissingReason::NotRunning),
    MemberState::Unknown
)]
#[case::empty(LayerKind::Dotenv, State::Empty, MemberState::Wrong)]
#[case::not_trusted(
    LayerKind::Dotenv,
    State::Opaque(OpaqueReason::Untrusted),
    MemberState::Unknown
)]
#[case::write_only(LayerKind::Ci, State::Opaque(OpaqueReason::WriteOnly), MemberState::Unknown)]
fn a_layer_is_where_its_row_is(
    #[case] kind: LayerKind,
    #[case] state: State<Key>,
    #[case] wanted: MemberState,
) {
    let mut rows = rows(&[("api", kind, state, Outcome::Alive)]);
    rows[0].certainty = Certainty::Certain;
    assert_eq!(states(&rotation(&["api"]), &rows), [("api".into(), wanted)]);
    // What is only likely is a gap, and never a layer that has moved.
    rows[0].certainty = Certainty::Likely;
    let told = states(&rotation(&["api"]), &rows);
    let likely = if wanted == MemberState::Moved { MemberState::Unknown } else { wanted };
    assert_eq!(told, [("api".into(), likely)]);
}

#[test]
fn a_layer_that_was_found_out_by_times_is_old() {
    let opaque = State::Opaque(OpaqueReason::WriteOnly);
    let mut rows = rows(&[("api", LayerKind::Ci, opaque, Outcome::NotProbed)]);
    rows[0].verdict = Verdict::Stale;
    assert_eq!(states(&rotation(&["api"]), &rows), [("api".into(), MemberState::Old)]);
}

#[test]
fn a_layer_that_need_not_hold_a_key_is_not_counted() {
    let absent = State::Missing(MissingReason::NotDefined);
    let mut world = World::new().file("api", "new", Outcome::Alive).row(
        "copy",
        LayerKind::Dotenv,
        None,
        absent,
        Outcome::NotProbed,
    );
    world.layers[1].optional = true;
    let rows = world.judge().rows;
    let told = progress(&rotation(&["api"]), &[key("new").fingerprint], &rows, &[]);
    assert_eq!((told.moved(), told.total(), told.next()), (1, 1, None));
    assert_eq!(told.members[1].state, MemberState::NotNeeded);
}

#[test]
fn one_old_process_of_many_makes_the_layer_old() {
    let row = |name: &str| ("workers", LayerKind::Process, State::Found(key(name)), Outcome::Alive);
    for order in [["new", "new", "old"], ["old", "new", "new"], ["new", "old", "third"]] {
        let mut rows: Vec<Row> = order.iter().flat_map(|name| rows(&[row(name)])).collect();
        for row in &mut rows {
            row.certainty = Certainty::Certain;
        }
        let told = progress(&rotation(&["workers"]), &[key("new").fingerprint], &rows, &[]);
        let [member] = &told.members[..] else { panic!("one layer: {told:?}") };
        assert_eq!((member.state, member.rows.len()), (MemberState::Old, 3));
        assert_eq!((told.moved(), told.total()), (0, 1));
        assert_eq!(told.would_break(), ["workers"]);
    }
}

#[test]
fn a_layer_that_vanished_from_the_inventory_is_a_gap() {
    let mut rows = rows(&[("api", LayerKind::Dotenv, State::Found(key("new")), Outcome::Alive)]);
    rows[0].certainty = Certainty::Certain;
    let told = progress(&rotation(&["api", "gone"]), &[key("new").fingerprint], &rows, &[]);
    assert_eq!((told.moved(), told.total()), (1, 2));
    let next = told.next().expect("the one that is gone");
    assert_eq!((next.member.layer.as_str(), next.state), ("gone", MemberState::Unknown));
    let refused = Progress { old: vec![standing("old", Some(Outcome::Dead))], ..told };
    let told = confirm(&refused);
    assert_eq!((told.word, told.gaps.len()), (Word::NotProven, 1), "{told:?}");
    assert!(told.gaps[0].contains("not in the inventory now"), "{told:?}");
}

#[test]
fn two_keys_that_fit_leave_open_which_one_is_new() {
    let rows = rows(&[("api", LayerKind::Dotenv, State::Found(key("new")), Outcome::Alive)]);
    let fitting = [key("new").fingerprint, key("also new").fingerprint];
    let told = progress(&rotation(&["api"]), &fitting, &rows, &[]);
    assert_eq!((told.members[0].state, &told.new), (MemberState::Unknown, &None));
}

/// That it is accepted somewhere shows that it lives; that another environment is refused with it
/// may be that environment's endpoint.
#[rstest]
#[case::accepted_there(Outcome::Alive, None, Some(Outcome::Alive))]
#[case::refused_there(Outcome::Dead, None, None)]
#[case::refused_there_and_here(Outcome::Dead, Some(Outcome::Dead), Some(Outcome::Dead))]
#[case::accepted_there_refused_here(Outcome::Alive, Some(Outcome::Dead), Some(Outcome::Alive))]
fn an_old_key_of_another_environment(
    #[case] there: Outcome,
    #[case] here: Option<Outcome>,
    #[case] wanted: Option<Outcome>,
) {
    let mut rows = rows(&[
        ("api", LayerKind::Dotenv, State::Found(key("new")), Outcome::Alive),
        ("other", LayerKind::Dotenv, State::Found(key("old")), there),
    ]);
    rows[1].identity.environment = "staging".into();
    let probe = |outcome| ProbeResult {
        outcome,
        reason: None,
        ..ProbeResult::not_probed(ProbeReason::Offline)
    };
    let spare = here.map(|outcome| Spare {
        credential: "openai".into(),
        key: key("old"),
        probe: probe(outcome),
    });
    let spare: Vec<Spare> = spare.into_iter().collect();
    let told = progress(&rotation(&["api"]), &[key("new").fingerprint], &rows, &spare);
    assert_eq!(told.old[0].outcome, wanted);
    assert_eq!(told.members.len(), 1, "the other environment is not rotated");
}
