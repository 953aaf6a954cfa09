//! The dashboard before and after a rotation: the walk through the layers, the confirmation, the matrix.

#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/dashboard.rs"]
mod support;

use rstest::rstest;
use stalekey::{
    domain::{
        command::{Command, RotationWish},
        rotation::{NewKey, RecordedKey, Rotation, Tick, environments_of, progress},
        snapshot::Snapshot,
    },
    tui::{Options, action::Scope, message::Effect, model::Model},
};
use support::{dashboard, incident, new_key, now, old_key, press, screen};

/// The incident, with a rotation of its first credential under way.
fn rotating() -> Snapshot {
    let mut snapshot = incident();
    let environments = environments_of(&snapshot.rows, "production", "openai");
    let mut rotation = Rotation::imagined("openai", &environments, now());
    "openai-1".clone_into(&mut rotation.id);
    rotation.new = Some(NewKey::Last4("f3A9".to_owned()));
    rotation.old = vec![RecordedKey::from(&*old_key())];
    snapshot.rotations = vec![progress(&rotation, &[new_key().fingerprint], &snapshot.rows, &[])];
    snapshot
}

fn shown(snapshot: Snapshot, width: u16, height: u16) -> Model {
    dashboard(Options::default(), width, height, snapshot)
}

#[rstest]
#[case(120, 40)]
#[case(80, 24)]
#[case(40, 15)]
fn screens_at_every_size(#[case] width: u16, #[case] height: u16) {
    for (name, keys) in [
        ("progress", ""),
        ("audit", "a"),
        ("audit_summary", "a n n n n n n n n n n n n"),
        ("confirm", "c"),
        ("matrix", "m"),
    ] {
        let mut model = shown(rotating(), width, height);
        press(&mut model, keys);
        insta::assert_snapshot!(format!("rotation_{name}_{width}x{height}"), screen(&model));
    }
}

#[test]
fn a_walk_begins_a_rotation_and_ticks_its_layers_off() {
    let mut model = shown(incident(), 120, 40);
    press(&mut model, "a");
    assert_eq!(model.scope(), Scope::Audit);
    assert_eq!(press(&mut model, "space"), [], "a tick belongs to a rotation");
    let begun = press(&mut model, "o");
    let [Effect::Send(Command::Rotation(RotationWish::Open { credential, environments, new }))] =
        &begun[..]
    else {
        panic!("{begun:?}")
    };
    assert_eq!((credential.as_str(), new), ("openai", &None));
    assert!(environments.contains(&"production".to_owned()), "{environments:?}");

    let mut model = shown(rotating(), 120, 40);
    press(&mut model, "a");
    let first = screen(&model);
    let ticked = press(&mut model, "space");
    let [Effect::Send(Command::Rotation(RotationWish::Tick { rotation, member, tick }))] =
        &ticked[..]
    else {
        panic!("{ticked:?}")
    };
    assert_eq!((rotation.as_str(), tick), ("openai-1", &Tick { done: true, note: None }));
    assert!(first.contains(&member.layer), "the page is that of the layer");
    assert!(screen(&model).contains("layer 2 of"), "it goes on");
    press(&mut model, "N");
    assert!(screen(&model).contains("layer 1 of"), "and back");
    assert_eq!(press(&mut model, "o"), [], "it is open already");
}

#[test]
fn a_note_is_written_and_kept() {
    let mut model = shown(rotating(), 80, 24);
    press(&mut model, "a e");
    assert_eq!(model.scope(), Scope::Note);
    let kept = press(&mut model, "asks q first enter");
    let [Effect::Send(Command::Rotation(RotationWish::Tick { tick, .. }))] = &kept[..] else {
        panic!("{kept:?}")
    };
    assert_eq!(tick.note.as_deref(), Some("asksqfirst"));
    assert_eq!(model.scope(), Scope::Audit);
    press(&mut model, "e x esc");
    assert_eq!(model.scope(), Scope::Audit, "nothing was kept");
}

#[test]
fn the_confirmation_is_recorded_when_a_person_says_so() {
    let mut model = shown(incident(), 80, 24);
    press(&mut model, "c");
    assert_eq!(model.scope(), Scope::Table, "no rotation is open");
    let mut model = shown(rotating(), 80, 24);
    press(&mut model, "c");
    assert!(screen(&model).contains("NOT ROTATED"));
    let recorded = press(&mut model, "enter");
    let rotation = "openai-1".to_owned();
    assert_eq!(recorded, [Effect::Send(Command::Rotation(RotationWish::Confirm { rotation }))]);
}

/// No key opens or closes anything it should not, and no size panics.
#[rstest]
fn no_size_is_too_small(
    #[values(1, 10, 29, 30, 31, 60, 200)] width: u16,
    #[values(1, 7, 8, 9, 12, 50)] height: u16,
) {
    for keys in ["a", "a n n n n n n n n n", "a e x", "c", "c j j j", "m", "m G", "a m esc c"] {
        let mut model = shown(rotating(), width, height);
        press(&mut model, keys);
        let _ = screen(&model);
    }
}

/// `stalekey audit` on a terminal: the walk opens once everything has been looked at.
#[test]
fn a_walk_can_be_the_first_thing_that_is_seen() {
    let options =
        Options { first: Some(stalekey::tui::action::Action::Audit), ..Options::default() };
    let mut early = incident();
    early.progress.running = true;
    let mut model = dashboard(options, 80, 24, early);
    assert_eq!(model.scope(), Scope::Table, "there is nothing to walk through yet");
    let take = |model: &mut Model, snapshot: Snapshot| {
        stalekey::tui::update::update(
            model,
            stalekey::tui::message::Message::Snapshot(std::sync::Arc::new(snapshot)),
        )
    };
    take(&mut model, incident());
    assert_eq!(model.scope(), Scope::Audit);
    press(&mut model, "esc");
    take(&mut model, incident());
    assert_eq!(model.scope(), Scope::Table, "once");
}

/// Whoever marks the right key while a rotation waits for its new one has named it.
#[test]
fn the_mark_names_the_new_key() {
    let mut snapshot = rotating();
    snapshot.rotations[0].new_named = None;
    let mut model = shown(snapshot, 120, 40);
    press(&mut model, "/ verdict:current enter");
    let marked = press(&mut model, "=");
    let [
        Effect::Send(Command::Expect { fingerprint, .. }),
        Effect::Send(Command::Rotation(RotationWish::NameNewKey { rotation, new })),
    ] = &marked[..]
    else {
        panic!("{marked:?}")
    };
    assert_eq!(*fingerprint, Some(new_key().fingerprint));
    assert_eq!(rotation, "openai-1");
    assert_eq!(*new, NewKey::Fingerprint(new_key().exported.clone().expect("it is recognised")));
    let mut model = shown(rotating(), 120, 40);
    press(&mut model, "/ verdict:current enter");
    assert_eq!(press(&mut model, "=").len(), 1, "it is known already");
}
