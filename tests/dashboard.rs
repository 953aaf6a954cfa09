//! The dashboard without a terminal: keys in, effects and screens out.

#[path = "support/dashboard.rs"]
mod support;

use std::{collections::BTreeMap, sync::Arc};

use jiff::SignedDuration;
use proptest::prelude::*;
use ratatui::layout::Size;
use rstest::rstest;
use stalekey::{
    domain::{
        command::{Command, Tour},
        memory::{Deep, Permit},
        outcome::{ContextHeader, Outcome, ProbeReason, ProbeResult, Trial},
        query::SortKey,
        snapshot::{ExpectedBy, Snapshot},
        trust::{Ask, Untrusted, Verb},
        verdict::Verdict,
        way::FromEnvironment,
    },
    tui::{
        Keymap, Options, Theme,
        action::Scope,
        message::{Effect, Message},
        model::Model,
        table::Grouping,
        update::update,
    },
};
use support::{
    ago, buffer, dashboard, incident, large, new_key, now, old_key, ordinary, press, screen,
    selected, text,
};

const FIX: &str = "docker compose up -d --no-deps --force-recreate api";

// === screens ===

#[rstest]
#[case(120, 40)]
#[case(80, 24)]
#[case(40, 15)]
fn screens_at_every_size(#[case] width: u16, #[case] height: u16) {
    let shown = |name: &str, keys: &str| {
        let mut model = dashboard(Options::default(), width, height, incident());
        press(&mut model, keys);
        insta::assert_snapshot!(format!("{name}_{width}x{height}"), screen(&model));
    };
    shown("dashboard", "");
    shown("details", "enter");
    shown("help", "?");
    shown("filter", "/ verdict:stale");
}

#[rstest]
#[case("default", Theme::Default, false)]
#[case("mono", Theme::Default, true)]
fn styles(#[case] name: &str, #[case] theme: Theme, #[case] no_color: bool) {
    let options = Options { theme, no_color, ..Options::default() };
    let model = dashboard(options, 80, 24, incident());
    insta::assert_debug_snapshot!(format!("styles_{name}"), buffer(&model, 80, 24));
}

#[test]
fn ascii_draws_ascii_alone() {
    let options = Options { ascii: true, ..Options::default() };
    let mut snapshot = incident();
    snapshot.rows[0].identity.layer = "名前".into();
    let mut model = dashboard(options, 100, 30, snapshot);
    insta::assert_snapshot!("dashboard_ascii", screen(&model));
    for keys in ["enter", "esc ?", "esc b", "b", "/ x"] {
        press(&mut model, keys);
        assert!(screen(&model).is_ascii(), "{keys}");
    }
}

#[test]
fn the_other_groupings() {
    let mut model = ordinary();
    press(&mut model, "b");
    update(&mut model, Message::Tick(now() + SignedDuration::from_secs(5)));
    insta::assert_snapshot!("grouped_by_key", screen(&model));
    press(&mut model, "b");
    update(&mut model, Message::Tick(now() + SignedDuration::from_secs(10)));
    insta::assert_snapshot!("one_list", screen(&model));
    press(&mut model, "b");
    assert_eq!(model.grouping, Grouping::Environment);
}

#[test]
fn the_first_frame_says_what_is_going_on() {
    let model = Model::new(Options::default(), Size { width: 80, height: 24 }, now());
    assert!(screen(&model).contains("reading layers…"));
    assert_eq!(model.next_deadline(), None, "nothing changes by itself");
}

#[test]
fn a_running_pass_shows_how_far_it_is() {
    let mut snapshot = incident();
    snapshot.progress.running = true;
    snapshot.progress.done = 12;
    snapshot.progress.total = 87;
    let model = dashboard(Options::default(), 120, 40, snapshot);
    assert!(screen(&model).contains("checked 12 of 87"));
}

#[test]
fn a_filter_without_a_match_says_how_to_get_back() {
    let mut model = ordinary();
    press(&mut model, "/ nothing-has-this");
    assert!(screen(&model).contains("No row matches the filter; 11 rows hidden."));
    press(&mut model, "esc / flavour:x");
    assert!(screen(&model).contains("no field `flavour:`; fields are env, credential"));
}

#[test]
fn an_inventory_without_rows_says_what_to_do() {
    let snapshot = Snapshot { revision: 3, ..Snapshot::default() };
    let model = dashboard(Options::default(), 80, 24, snapshot);
    assert!(screen(&model).contains("The inventory has no layer for any of its credentials."));
}

#[test]
fn notices_offline_and_the_tour_have_their_place() {
    let mut snapshot = incident();
    snapshot.offline = true;
    snapshot.notices = vec!["The proxy http://localhost:3128 sees these keys".into(), "x".into()];
    snapshot.tour = Some(Tour {
        next: Some("put the new key into services/api/.env".into()),
        done: Some("started a provider on this machine".into()),
    });
    let mut model = dashboard(Options::default(), 120, 30, snapshot);
    let shown = screen(&model);
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].contains("offline"), "{shown}");
    assert!(lines[1].starts_with(" next step (ctrl-n)  put the new key into"), "{shown}");
    assert!(lines[2].starts_with(" ! The proxy http://localhost:3128"), "{shown}");
    assert!(lines[2].contains("(+1 more, see details)"), "{shown}");
    assert_eq!(press(&mut model, "ctrl-n"), [Effect::Send(Command::NextStep)]);
}

#[test]
fn without_a_tour_there_is_no_next_step() {
    let mut model = ordinary();
    assert!(!screen(&model).contains("next step"));
    assert_eq!(press(&mut model, "ctrl-n"), []);
    press(&mut model, "?");
    assert!(!screen(&model).contains("ctrl-n"));
}

#[test]
fn too_small_says_what_it_needs_and_still_quits() {
    let mut model = dashboard(Options::default(), 29, 8, incident());
    let shown = screen(&model);
    assert!(shown.contains("3 stale"), "{shown}");
    assert!(shown.contains("needs 30x8, has 29x8"), "{shown}");
    assert!(shown.contains("q quits"), "{shown}");
    assert_eq!(press(&mut model, "q"), [Effect::Quit]);
}

#[test]
fn the_verdict_is_the_last_thing_to_go() {
    for width in 30..160 {
        let model = dashboard(Options::default(), width, 30, incident());
        let shown = text(&buffer(&model, width, 30));
        for word in ["✗ stale", "◊ malformed", "✗ likely stale", "✓ current"] {
            assert!(shown.contains(word), "{word} at {width}\n{shown}");
        }
    }
}

#[test]
fn the_selected_row_is_marked_without_colour_too() {
    let options = Options { no_color: true, ..Options::default() };
    let model = dashboard(options, 80, 24, incident());
    let shown = screen(&model);
    let marked: Vec<&str> = shown.lines().filter(|line| line.starts_with("│>")).collect();
    assert_eq!(marked.len(), 1);
    assert!(marked[0].contains("pid 4182"));
}

#[test]
fn two_keys_never_look_alike() {
    let model = ordinary();
    let mark = |key: stalekey::domain::key::Key| model.marks.of(&key.fingerprint).unwrap();
    assert_ne!(mark(new_key()).glyphs, mark(old_key()).glyphs);
    assert_ne!(mark(new_key()).colour, mark(old_key()).colour);
}

// === what keys do ===

#[rstest]
#[case::move_down("j", "api workers (pid 4190)")]
#[case::arrow("down down", "web .env")]
#[case::back_up("j k", "api workers (pid 4182)")]
#[case::top("g", "github secret")]
#[case::bottom("G", "~/.zshrc")]
#[case::above_the_top("g k k", "github secret")]
#[case::below_the_bottom("end j j", "~/.zshrc")]
#[case::next_problem("n n", "web .env")]
#[case::next_problem_skips_current("n n n", "this shell")]
#[case::problem_before("N", "github secret")]
#[case::problems_wrap_around("G n", "github secret")]
#[case::half_a_page("g ctrl-d", "~/.zshrc")]
fn moving(#[case] keys: &str, #[case] layer: &str) {
    let mut model = ordinary();
    assert_eq!(press(&mut model, keys), []);
    assert_eq!(selected(&model), layer);
}

#[test]
fn the_first_broken_link_is_selected() {
    assert_eq!(selected(&ordinary()), "api workers (pid 4182)");
}

#[rstest]
#[case::quit("q", &[Effect::Quit])]
#[case::always_quit("ctrl-c", &[Effect::Quit])]
#[case::always_quit_in_the_filter("/ abc ctrl-c", &[Effect::Quit])]
#[case::a_letter_in_the_filter_is_text("/ q", &[])]
#[case::suspend("ctrl-z", &[Effect::Suspend])]
#[case::redraw("ctrl-l", &[Effect::Redraw])]
#[case::recheck_all("R", &[Effect::Send(Command::RecheckAll)])]
#[case::copy_fix("y", &[Effect::Copy(FIX.into())])]
#[case::copy_fix_in_details("enter y", &[Effect::Copy(FIX.into())])]
#[case::no_fix_for_this_row("g y", &[])]
#[case::a_process_has_no_place("Y", &[])]
#[case::copy_place("n n Y", &[Effect::Copy("services/web/.env:3:16".into())])]
#[case::run_from_the_help("? everything enter", &[])]
#[case::run_quit_from_the_help("? leave enter", &[Effect::Quit])]
#[case::run_recheck_from_the_help_over_details("enter ? recheck-all enter", &[Effect::Send(Command::RecheckAll)])]
fn effects(#[case] keys: &str, #[case] expected: &[Effect]) {
    assert_eq!(press(&mut ordinary(), keys), expected);
}

#[test]
fn r_checks_the_selected_row() {
    let mut model = ordinary();
    let identity = model.selected.clone().unwrap();
    assert_eq!(press(&mut model, "r"), [Effect::Send(Command::Recheck(identity))]);
}

#[test]
fn copying_says_what_was_copied_and_never_a_key() {
    let mut model = ordinary();
    press(&mut model, "y");
    assert!(screen(&model).contains(&format!("Copied: {FIX}")));
    press(&mut model, "g y");
    assert!(screen(&model).contains("! There is no command that fixes this row"));
    update(&mut model, Message::Tick(now() + SignedDuration::from_secs(60)));
    assert!(model.toast.is_some(), "an error stays until the next key");
    press(&mut model, "j");
    assert!(model.toast.is_none());
}

#[test]
fn equals_marks_a_key_and_takes_the_mark_back() {
    let mut model = ordinary();
    let expect = |fingerprint| {
        [Effect::Send(Command::Expect {
            environment: "production".into(),
            credential: "openai".into(),
            fingerprint,
        })]
    };
    assert_eq!(press(&mut model, "="), expect(Some(old_key().fingerprint)));

    let mut marked = incident();
    for row in &mut marked.rows {
        row.expected = row.expected.take().map(|expected| stalekey::domain::snapshot::Expected {
            fingerprint: Some(old_key().fingerprint),
            by: ExpectedBy::Mark,
            ..expected
        });
    }
    marked.revision += 1;
    update(&mut model, Message::Snapshot(Arc::new(marked)));
    assert_eq!(press(&mut model, "="), expect(None));
}

#[test]
fn marking_a_damaged_value_means_the_key_inside() {
    let mut model = ordinary();
    let effects = press(&mut model, "n n =");
    let [Effect::Send(Command::Expect { fingerprint, .. })] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!(*fingerprint, Some(new_key().fingerprint));
}

#[test]
fn a_row_without_a_key_cannot_be_marked() {
    let mut model = ordinary();
    assert_eq!(press(&mut model, "g ="), []);
    assert!(screen(&model).contains("github secret holds no key that could be marked"));
}

// === trust ===

/// An inventory that asks for something, in so many lines.
fn asking(lines: usize, offer: &str) -> Snapshot {
    let ask = |verb, text: String| Ask { verb, text };
    let mut asks = vec![
        ask(Verb::Send, "the keys of `openai` to https://gateway.example/v1".to_owned()),
        ask(Verb::Run, "op read op://vault/openai".to_owned()),
    ];
    asks.extend((2..lines).map(|number| ask(Verb::Read, format!("/etc/{number}"))));
    let untrusted = Untrusted { asks, layers: 2, offer: offer.to_owned(), digests: Vec::new() };
    Snapshot { untrusted: Some(untrusted), ..incident() }
}

#[rstest]
#[case::with_the_word("t t r u s t enter", true)]
#[case::enter_alone("t enter", false)]
#[case::esc("t t r u s t esc enter", false)]
#[case::yes("t y e s enter", false)]
#[case::another_case("t T r u s t enter", false)]
fn only_the_word_trusts(#[case] keys: &str, #[case] trusts: bool) {
    let mut model = dashboard(Options::default(), 100, 30, asking(4, "what was shown"));
    assert!(screen(&model).contains("2 layers not trusted: t"), "{}", screen(&model));
    press(&mut model, "t");
    for text in ["SEND  the keys of `openai` to https://", "RUN   op read", "READ  /etc/3"] {
        assert!(screen(&model).contains(text), "{}", screen(&model));
    }
    press(&mut model, "esc");
    let effects: Vec<Effect> = keys.split(' ').flat_map(|key| press(&mut model, key)).collect();
    let offer = "what was shown".to_owned();
    let expected = trusts.then_some(Effect::Send(Command::Trust { offer }));
    assert_eq!(effects, expected.into_iter().collect::<Vec<_>>());
}

#[test]
fn what_is_accepted_is_what_was_shown() {
    let mut model = dashboard(Options::default(), 100, 30, asking(4, "what was shown"));
    press(&mut model, "t t r u s");
    let later = Snapshot { revision: 99, ..asking(5, "something that came meanwhile") };
    update(&mut model, Message::Snapshot(Arc::new(later)));
    assert!(!screen(&model).contains("/etc/4"));
    let offer = "what was shown".to_owned();
    assert_eq!(press(&mut model, "t enter"), [Effect::Send(Command::Trust { offer })]);
}

#[test]
fn what_was_not_seen_is_not_accepted() {
    let mut model = dashboard(Options::default(), 60, 14, asking(40, "all of it"));
    assert_eq!(press(&mut model, "t t r u s t enter"), []);
    assert!(screen(&model).contains("There is more below"), "{}", screen(&model));
    press(&mut model, "G");
    for _ in 0..40 {
        assert_eq!(press(&mut model, "down"), []);
    }
    press(&mut model, "backspace");
    assert!(screen(&model).contains("READ  /etc/39"), "{}", screen(&model));
    assert_eq!(press(&mut model, "enter").len(), 1);
}

#[test]
fn where_nothing_is_asked_for_there_is_nothing_to_trust() {
    let mut model = ordinary();
    assert!(!screen(&model).contains("trust"));
    assert_eq!(press(&mut model, "t"), []);
    assert!(screen(&model).contains("asks for nothing that is not trusted"), "{}", screen(&model));
}

// === filter, order, grouping ===

#[test]
fn a_filter_narrows_while_typing_stays_on_enter_and_goes_on_esc() {
    let mut model = ordinary();
    press(&mut model, "/ workers");
    assert_eq!((model.scope(), model.table.shown), (Scope::Filter, 2));
    press(&mut model, "enter");
    assert_eq!((model.scope(), model.table.shown), (Scope::Table, 2));
    assert!(screen(&model).contains("/workers: 2 of 11"));
    assert!(screen(&model).contains("esc clear filter"));
    press(&mut model, "esc");
    assert_eq!(model.table.shown, 11);
    press(&mut model, "/ workers esc");
    assert_eq!((model.scope(), model.table.shown), (Scope::Table, 11));
}

#[test]
fn a_filter_that_hides_what_is_wrong_does_not_make_it_right() {
    let mut model = ordinary();
    press(&mut model, "/ env:production space verdict:current");
    assert!(screen(&model).contains("production · openai   2 rows shown"));
    assert!(!screen(&model).contains("all current"));
}

#[test]
fn a_hidden_selection_comes_back_with_its_row() {
    let mut model = ordinary();
    press(&mut model, "/ staging");
    assert_eq!(selected(&model), "web .env");
    let mut later = incident();
    later.revision += 1;
    update(&mut model, Message::Snapshot(Arc::new(later)));
    press(&mut model, "esc");
    assert_eq!(selected(&model), "api workers (pid 4182)");
}

#[test]
fn sort_cycles_and_reverses_and_keeps_the_selection() {
    let mut model = ordinary();
    for sort in SortKey::ALL.into_iter().cycle().skip(1).take(SortKey::ALL.len()) {
        press(&mut model, "s");
        assert_eq!(model.query.sort, sort);
        assert_eq!(selected(&model), "api workers (pid 4182)");
    }
    press(&mut model, "S");
    assert!(model.query.reversed);
    assert_eq!(selected(&model), "api workers (pid 4182)");
}

// === the selection across pictures ===

#[test]
fn the_selection_follows_its_row_and_not_its_line() {
    let mut model = ordinary();
    press(&mut model, "j");
    let mut moved = incident();
    moved.revision += 1;
    moved.rows.swap(4, 9);
    update(&mut model, Message::Snapshot(Arc::new(moved)));
    assert_eq!(selected(&model), "api workers (pid 4190)");
}

#[test]
fn a_restarted_process_takes_the_place_of_the_old_one() {
    let mut model = ordinary();
    let mut restarted = incident();
    restarted.revision += 1;
    restarted.rows[3].identity.instance = Some(stalekey::domain::layer::Instance::Pid(9001));
    update(&mut model, Message::Snapshot(Arc::new(restarted)));
    assert_eq!(selected(&model), "api workers (pid 9001)");
}

#[test]
fn the_cursor_follows_the_worst_row_during_the_first_pass_only() {
    let mut early = incident();
    early.progress.running = true;
    early.chains.clear();
    for row in &mut early.rows {
        row.verdict = Verdict::Unproven;
    }
    early.rows[1].verdict = Verdict::Missing;
    let mut model = dashboard(Options::default(), 120, 40, early);
    assert_eq!(selected(&model), "api .env");
    let mut done = incident();
    done.revision = 8;
    update(&mut model, Message::Snapshot(Arc::new(done)));
    assert_eq!(selected(&model), "api workers (pid 4182)");
    let mut worse = incident();
    worse.revision = 9;
    worse.chains[0].break_at = Some(1);
    worse.rows[1].verdict = Verdict::Stale;
    update(&mut model, Message::Snapshot(Arc::new(worse)));
    assert_eq!(selected(&model), "api workers (pid 4182)");
}

#[test]
fn a_person_who_moved_keeps_the_cursor() {
    let mut early = incident();
    early.progress.running = true;
    let mut model = dashboard(Options::default(), 120, 40, early);
    press(&mut model, "G");
    let mut done = incident();
    done.revision = 8;
    update(&mut model, Message::Snapshot(Arc::new(done)));
    assert_eq!(selected(&model), "~/.zshrc");
}

#[test]
fn details_close_when_there_is_no_row_left() {
    let mut model = ordinary();
    press(&mut model, "enter");
    let empty = Snapshot { revision: 8, ..Snapshot::default() };
    update(&mut model, Message::Snapshot(Arc::new(empty)));
    assert_eq!(model.scope(), Scope::Table);
}

// === time ===

#[test]
fn an_idle_dashboard_wakes_at_the_next_minute_of_an_age_and_not_before() {
    let model = ordinary();
    // The picture is 20 s old: its age is the next to change, in 40 s.
    assert_eq!(model.next_deadline(), Some(ago(-40)));
    let mut later = ordinary();
    update(&mut later, Message::Tick(ago(-40)));
    assert!(screen(&later).contains("updated 1 m ago"));
    assert!(later.next_deadline() > Some(ago(-40)));
}

#[test]
fn a_host_that_asked_to_wait_is_counted_down() {
    let mut snapshot = incident();
    for row in snapshot.rows.iter_mut().filter(|row| row.identity.layer == "api workers") {
        row.probe = ProbeResult {
            retry_at: Some(ago(-95)),
            endpoint: row.probe.endpoint.clone(),
            ..ProbeResult::not_probed(ProbeReason::Waiting)
        };
    }
    let mut model = dashboard(Options::default(), 160, 70, snapshot);
    assert!(screen(&model).contains("the host asked to wait, may be asked again in 2 m"));
    // At 60 s the countdown goes on in seconds.
    assert_eq!(model.next_deadline(), Some(ago(-35)));
    update(&mut model, Message::Tick(ago(-53)));
    assert!(screen(&model).contains("may be asked again in 42 s"), "{}", screen(&model));
    assert_eq!(model.next_deadline(), Some(ago(-54)));
    press(&mut model, "enter");
    assert!(screen(&model).contains("not before   in 42 s, 2026-03-14T03:01:35Z"));
    update(&mut model, Message::Tick(ago(-96)));
    assert!(!screen(&model).contains("asked again in"));
}

#[test]
fn what_the_environment_puts_on_the_way_is_shown() {
    let mut snapshot = incident();
    let from = |variable, value: &str| FromEnvironment { variable, value: value.into() };
    for facts in snapshot.endpoints.values_mut() {
        facts.way.proxy = Some(from("HTTPS_PROXY", "http://proxy:3128"));
        facts.way.roots = vec![from("SSL_CERT_FILE", "/etc/ours.pem")];
    }
    for row in &mut snapshot.rows {
        row.probe.right_host = Some("eu.api.openai.com".into());
        row.probe.trial =
            Some(Trial { without: ContextHeader::Organisation, outcome: Outcome::Alive });
    }
    let mut model = dashboard(Options::default(), 160, 70, snapshot);
    press(&mut model, "enter");
    let shown = screen(&model);
    for line in [
        "through      http://proxy:3128 (from HTTPS_PROXY); this key will be visible to it if it",
        "certificates CA from SSL_CERT_FILE /etc/ours.pem",
        "right host   eu.api.openai.com",
        "proof        alive without the organisation",
        "127 to 402 ms, the last 6 here",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
}

#[test]
fn a_toast_goes_after_four_seconds() {
    let mut model = ordinary();
    press(&mut model, "R");
    assert_eq!(model.next_deadline(), Some(ago(-4)));
    update(&mut model, Message::Tick(ago(-4)));
    assert_eq!(model.toast, None);
}

#[test]
fn a_dead_engine_is_said_and_stays_said() {
    let mut model = ordinary();
    update(&mut model, Message::EngineStopped);
    press(&mut model, "j");
    assert!(screen(&model).contains("engine stopped"));
}

// === keys are data ===

#[test]
fn footer_and_help_follow_the_keymap() {
    let overrides = BTreeMap::from([("recheck".to_owned(), vec!["f5".to_owned()])]);
    let keymap = Keymap::with(&overrides).unwrap();
    let mut model = dashboard(Options { keymap, ..Options::default() }, 120, 40, incident());
    assert!(screen(&model).contains("f5 re-check"));
    assert_eq!(press(&mut model, "r"), []);
    assert_eq!(press(&mut model, "f5").len(), 1);
    press(&mut model, "? f5");
    assert!(screen(&model).contains("Read this layer"));
}

#[test]
fn released_keys_do_nothing_and_held_keys_only_move() {
    use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
    let mut model = ordinary();
    let mut send = |code: char, kind| {
        let event = KeyEvent::new_with_kind(KeyCode::Char(code), KeyModifiers::NONE, kind);
        update(&mut model, Message::Key(event))
    };
    assert_eq!(send('q', KeyEventKind::Release), []);
    assert_eq!(send('q', KeyEventKind::Repeat), []);
    assert_eq!(send('R', KeyEventKind::Repeat), []);
    send('j', KeyEventKind::Repeat);
    assert_eq!(selected(&model), "api workers (pid 4190)");
}

// === any keys, any size, any picture ===

#[derive(Debug, Clone)]
enum Step {
    Key(&'static str),
    Resize(u16, u16),
    Rows(usize),
    Later(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let keys = [
        "j",
        "k",
        "g",
        "G",
        "n",
        "N",
        "/",
        "esc",
        "enter",
        "b",
        "s",
        "S",
        "r",
        "R",
        "=",
        "y",
        "Y",
        "?",
        "ctrl-n",
        "ctrl-l",
        "ctrl-d",
        "ctrl-u",
        "pgup",
        "pgdn",
        "a",
        "w",
        ":",
        "!",
        "\"",
        "é",
        "名",
        "backspace",
        "left",
        "right",
        "home",
        "end",
        "ctrl-w",
        "delete",
    ];
    prop_oneof![
        6 => proptest::sample::select(keys.to_vec()).prop_map(Step::Key),
        1 => (0_u16..=200, 0_u16..=80).prop_map(|(width, height)| Step::Resize(width, height)),
        1 => (0_usize..200).prop_map(Step::Rows),
        1 => (0_i64..200_000).prop_map(Step::Later),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn nothing_ever_panics_and_quitting_is_always_reachable(
        steps in proptest::collection::vec(step(), 1..40),
        ascii: bool,
        drawn in (0_u16..=200, 0_u16..=80),
    ) {
        let mut model = dashboard(Options { ascii, ..Options::default() }, 100, 30, incident());
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Key(key) => {
                    press(&mut model, key);
                }
                Step::Resize(width, height) => {
                    update(&mut model, Message::Resize(width, height));
                }
                Step::Rows(rows) => {
                    let snapshot = Snapshot { revision: 100 + number as u64, ..large(rows) };
                    update(&mut model, Message::Snapshot(Arc::new(snapshot)));
                }
                Step::Later(seconds) => {
                    update(&mut model, Message::Tick(now() + SignedDuration::from_secs(seconds)));
                }
            }
            let rows = model.table.shown;
            prop_assert_eq!(model.cursor.is_some(), rows > 0);
            prop_assert_eq!(model.selected_row().is_some(), rows > 0);
            let size = model.size;
            buffer(&model, size.width, size.height);
            if let (Some(regions), Some(cursor)) = (model.regions(), model.cursor) {
                let visible = model.top..model.top + usize::from(regions.rows.height);
                prop_assert!(visible.contains(&cursor), "{cursor} in {visible:?}");
            }
        }
        // The frame may have another size than the model was told.
        buffer(&model, drawn.0, drawn.1);
        prop_assert_eq!(press(&mut model, "ctrl-c"), [Effect::Quit]);
        press(&mut model, "esc esc esc esc");
        for _ in 0..40 {
            press(&mut model, "esc");
        }
        prop_assert_eq!(press(&mut model, "q"), [Effect::Quit]);
    }
}

#[test]
fn every_small_size_is_drawn() {
    let mut model = ordinary();
    for keys in ["", "enter", "esc ?", "esc / stale"] {
        press(&mut model, keys);
        for width in 0..64 {
            for height in 0..20 {
                update(&mut model, Message::Resize(width, height));
                buffer(&model, width, height);
            }
        }
    }
}

// === memory ===

/// The processes whose layers allow it are named before anything is searched, and only those that
/// were named are.
#[test]
fn memory_is_searched_after_a_question_that_names_the_processes() {
    let mut snapshot = incident();
    for row in &mut snapshot.rows {
        if let Some(process) = &mut row.evidence.process
            && process.pid == 4182
        {
            (process.memory, process.start_ticks) = (Permit::Yes, 77);
        }
    }
    let mut model = dashboard(Options::default(), 100, 30, snapshot);
    assert!(press(&mut model, "M").is_empty());
    let shown = screen(&model);
    assert!(shown.contains("search memory?"), "{shown}");
    assert!(shown.contains("pid 4182, gunicorn of user www"), "{shown}");
    assert!(!shown.contains("pid 4190"), "its layer does not allow it");
    assert!(press(&mut model, "esc").is_empty(), "that was a no");
    assert_eq!(model.scope(), Scope::Table);
    let search = |watch| {
        let processes = [(4182, 77)].into();
        vec![Effect::Send(Command::SearchMemory { deep: Deep { watch }, processes })]
    };
    assert_eq!(press(&mut model, "M enter"), search(None));
    assert_eq!(press(&mut model, "M M"), search(Some(std::time::Duration::from_secs(3))));
    assert_eq!(model.scope(), Scope::Table);
}

#[test]
fn where_no_layer_allows_it_memory_is_not_searched() {
    let mut model = dashboard(Options::default(), 100, 30, incident());
    assert!(press(&mut model, "M").is_empty());
    assert_eq!(model.scope(), Scope::Table);
    assert!(screen(&model).contains("memory = \"allow\""), "{}", screen(&model));
    press(&mut model, "?");
    assert!(
        !screen(&model).contains("Search the memory"),
        "nothing is offered that cannot be done"
    );
}
