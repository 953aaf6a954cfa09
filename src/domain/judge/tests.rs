//! Tables of the judgement: one small world each, with the verdicts it must get.

mod containers;

use jiff::SignedDuration;
use rstest::rstest;

use super::{
    world::{World, damaged, key, now, occurrence},
    *,
};
use crate::domain::{
    damage::Flag,
    diagnosis::Severity,
    expectation::Wanted,
    layer::LayerKind,
    outcome::{ContextHeader, Outcome, Trial},
    place::{Place, Position},
    reading::{Occurrence, Origin, Unreadable, UnreadableKind},
    running::{Supervisor, SupervisorKind},
};

fn verdicts(judgement: &Judgement) -> Vec<Verdict> {
    judgement.rows.iter().map(|row| row.verdict).collect()
}

fn codes(judgement: &Judgement) -> Vec<&'static str> {
    judgement.findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn the_only_accepted_key_is_expected_and_the_refused_one_is_stale() {
    let judgement =
        World::new().file("a", "new", Outcome::Alive).file("b", "old", Outcome::Dead).judge();
    assert_eq!(verdicts(&judgement), [Verdict::Current, Verdict::Stale]);
    assert_eq!(judgement.rows[1].expected.as_ref().unwrap().by, ExpectedBy::Provider);
    assert_eq!(judgement.rows[1].certainty, Certainty::Certain);
}

#[test]
fn a_refusal_alone_is_not_stale() {
    // The old key is refused, but nobody accepts the expected one either: two facts are needed.
    let judgement = World::new()
        .file("a", "new", Outcome::Unreachable)
        .file("b", "old", Outcome::Dead)
        .wish(Wanted::Described {
            description: "last4 `new`".into(),
            keys: vec![key("new").fingerprint],
        })
        .judge();
    assert_eq!(verdicts(&judgement), [Verdict::Unproven, Verdict::Mismatch]);
}

#[test]
fn two_accepted_keys_are_decided_by_the_newest_change_and_only_likely() {
    let judgement = World::new()
        .file("a", "one", Outcome::Alive)
        .changed(60)
        .file("b", "two", Outcome::Alive)
        .changed(5)
        .judge();
    assert_eq!(verdicts(&judgement), [Verdict::Mismatch, Verdict::Current]);
    assert!(judgement.rows.iter().all(|row| row.certainty == Certainty::Likely));
}

#[test]
fn undecided_means_that_layers_which_differ_are_mismatches() {
    let judgement =
        World::new().file("a", "one", Outcome::Alive).file("b", "two", Outcome::Alive).judge();
    assert_eq!(verdicts(&judgement), [Verdict::Mismatch, Verdict::Mismatch]);
    assert!(judgement.rows[0].expected.is_none());
}

#[test]
fn a_mark_beats_the_inventory_and_the_inventory_beats_the_provider() {
    let world = || {
        World::new().file("a", "one", Outcome::Alive).file("b", "two", Outcome::Dead).wish(
            Wanted::Described { description: "last4".into(), keys: vec![key("two").fingerprint] },
        )
    };
    let by_inventory = world().judge();
    assert_eq!(verdicts(&by_inventory), [Verdict::Mismatch, Verdict::Rejected]);
    let by_mark = world().wish(Wanted::Marked(key("one").fingerprint)).judge();
    assert_eq!(verdicts(&by_mark), [Verdict::Current, Verdict::Stale]);
    assert_eq!(by_mark.rows[0].expected.as_ref().unwrap().by, ExpectedBy::Mark);
}

#[test]
fn a_reference_layer_says_what_is_expected() {
    let judgement = World::new()
        .file("vault", "new", Outcome::NotProbed)
        .file("b", "old", Outcome::NotProbed)
        .wish(Wanted::HeldBy("vault".into()))
        .judge();
    assert_eq!(verdicts(&judgement), [Verdict::Current, Verdict::Mismatch]);
    assert_eq!(judgement.rows[0].expected.as_ref().unwrap().by, ExpectedBy::Reference);
}

#[test]
fn an_expected_key_that_no_layer_holds_makes_every_layer_a_mismatch() {
    let judgement = World::new()
        .file("a", "old", Outcome::Alive)
        .wish(Wanted::Described { description: "last4 `f3A9`".into(), keys: Vec::new() })
        .judge();
    assert_eq!(verdicts(&judgement), [Verdict::Mismatch]);
    assert!(judgement.rows[0].reason.contains("no layer holds"), "{}", judgement.rows[0].reason);
}

#[test]
fn nothing_is_red_while_answers_are_still_to_come() {
    let mut world =
        World::new().file("a", "new", Outcome::Alive).file("b", "old", Outcome::NotProbed);
    world.probes[1] = ProbeResult::not_probed(ProbeReason::Pending);
    assert_eq!(verdicts(&world.judge()), [Verdict::Unproven, Verdict::Unproven]);
}

#[rstest]
#[case::alive(Outcome::Alive, Verdict::Current)]
#[case::restricted(Outcome::AliveRestricted, Verdict::Current)]
#[case::no_quota(Outcome::AliveNoQuota, Verdict::Current)]
#[case::throttled(Outcome::AliveRateLimited, Verdict::Current)]
#[case::dead(Outcome::Dead, Verdict::Rejected)]
#[case::disabled(Outcome::AccountDisabled, Verdict::Rejected)]
#[case::organisation(Outcome::WrongOrg, Verdict::Rejected)]
#[case::project(Outcome::WrongProject, Verdict::Rejected)]
#[case::region(Outcome::WrongRegion, Verdict::Rejected)]
#[case::endpoint(Outcome::WrongEndpoint, Verdict::Unproven)]
#[case::ip(Outcome::BlockedIp, Verdict::Unproven)]
#[case::country(Outcome::BlockedRegion, Verdict::Unproven)]
#[case::firewall(Outcome::Blocked, Verdict::Unproven)]
#[case::public(Outcome::PublicEndpoint, Verdict::Unproven)]
#[case::missing(Outcome::Missing, Verdict::Unproven)]
#[case::unreachable(Outcome::Unreachable, Verdict::Unproven)]
#[case::trouble(Outcome::UnknownRetry, Verdict::Unproven)]
#[case::unknown(Outcome::Unknown, Verdict::Unproven)]
#[case::offline(Outcome::NotProbed, Verdict::Current)]
fn the_answer_for_the_expected_key(#[case] outcome: Outcome, #[case] expected: Verdict) {
    let judgement =
        World::new().file("a", "new", outcome).wish(Wanted::Marked(key("new").fingerprint)).judge();
    assert_eq!(verdicts(&judgement), [expected]);
}

#[rstest]
#[case::not_defined(State::Missing(MissingReason::NotDefined), Verdict::Missing)]
#[case::no_file(State::Missing(MissingReason::FileAbsent), Verdict::Missing)]
#[case::not_running(State::Missing(MissingReason::NotRunning), Verdict::Unproven)]
#[case::empty(State::Empty, Verdict::Missing)]
#[case::write_only(State::Opaque(OpaqueReason::WriteOnly), Verdict::Unproven)]
#[case::damaged(State::Found(damaged("new", Flag::Lf)), Verdict::Malformed)]
#[case::unreadable(
    State::Unreadable(Unreadable::new(UnreadableKind::NotAFile, "is a directory")),
    Verdict::Unreadable
)]
fn the_state_decides_before_the_answer(#[case] state: State<Key>, #[case] expected: Verdict) {
    let judgement =
        World::new().row("a", LayerKind::Dotenv, None, state, Outcome::NotProbed).judge();
    assert_eq!(verdicts(&judgement), [expected]);
}

#[test]
fn an_optional_layer_may_lack_the_variable() {
    let mut world = World::new().row(
        "a",
        LayerKind::Dotenv,
        None,
        State::Missing(MissingReason::NotDefined),
        Outcome::NotProbed,
    );
    world.layers[0].optional = true;
    assert_eq!(verdicts(&world.judge()), [Verdict::Current]);
}

#[test]
fn a_process_launched_with_the_old_key_is_sk201_and_a_restart_helps() {
    let judgement = World::new()
        .file(".env", "new", Outcome::Alive)
        .changed(2)
        .row("worker", LayerKind::Process, Some(".env"), State::Found(key("old")), Outcome::Dead)
        .started(180)
        .judge();
    assert_eq!(verdicts(&judgement), [Verdict::Current, Verdict::Stale]);
    assert_eq!(judgement.rows[1].certainty, Certainty::Likely);
    assert_eq!(codes(&judgement), ["SK201"]);
    let finding = &judgement.findings[0];
    assert_eq!(finding.restart_helps, Some(true));
    assert!(finding.message.contains("started 3 h ago"), "{}", finding.message);
    let chain = &judgement.chains[0];
    assert_eq!((chain.rows.as_slice(), chain.break_at), ([0, 1].as_slice(), Some(1)));
}

#[test]
fn when_the_source_is_old_a_restart_does_not_help() {
    let judgement = World::new()
        .file("vault", "new", Outcome::Alive)
        .file(".env", "old", Outcome::Dead)
        .changed(600)
        .row("worker", LayerKind::Process, Some(".env"), State::Found(key("old")), Outcome::Dead)
        .started(180)
        .judge();
    assert_eq!(codes(&judgement), ["SK201", "SK213"]);
    assert_eq!(judgement.findings[0].restart_helps, Some(false));
    assert!(judgement.findings[0].fixes[0].text.starts_with("update `.env` first"));
}

#[test]
fn a_process_in_a_container_is_sk206() {
    let mut world = World::new()
        .file(".env", "new", Outcome::Alive)
        .row("api", LayerKind::Process, Some(".env"), State::Found(key("old")), Outcome::Dead)
        .started(30);
    world.readings[1].evidence.process.as_mut().unwrap().container = Some("f".repeat(64));
    let judgement = world.judge();
    assert_eq!(codes(&judgement), ["SK206"]);
    assert_eq!(judgement.findings[0].restart_helps, Some(false));
}

#[rstest]
#[case::before(180, Verdict::Stale)]
#[case::after(1, Verdict::Unproven)]
#[case::same_moment(2, Verdict::Unproven)]
fn a_process_that_loads_its_own_file_is_judged_by_time(
    #[case] started: i64,
    #[case] expected: Verdict,
) {
    let opaque = State::Opaque(OpaqueReason::NotInLaunchEnvironment);
    let judgement = World::new()
        .file(".env", "new", Outcome::Alive)
        .changed(2)
        .row("worker", LayerKind::Process, Some(".env"), opaque, Outcome::NotProbed)
        .started(started)
        .judge();
    assert_eq!(judgement.rows[1].verdict, expected);
    if expected == Verdict::Stale {
        assert_eq!(judgement.rows[1].rank, Rank::Inferred);
        assert_eq!(judgement.rows[1].certainty, Certainty::Likely);
    }
}

/// Seconds before the present: when the source was written, when it appeared where it is, when the
/// service started and when this process of it.
#[rstest]
#[case::before_both(100, 50, 200, 200, "likely stale")]
#[case::between(100, 50, 75, 75, "at the moment in which")]
#[case::after_both(100, 50, 40, 40, "it started after `.env` changed")]
#[case::time_of_the_future(50, 100, 75, 75, "at the moment in which")]
#[case::too_close(100, 100, 102, 102, "at the moment in which")]
#[case::far_enough(100, 100, 103, 103, "likely stale")]
#[case::worker_after(100, 100, 200, 50, "either key is possible")]
#[case::worker_before(100, 100, 200, 150, "likely stale")]
fn a_start_counts_against_the_whole_change(
    #[case] written: i64,
    #[case] placed: i64,
    #[case] service: i64,
    #[case] own: i64,
    #[case] said: &str,
) {
    let ago = |seconds| Some(now() - SignedDuration::from_secs(seconds));
    let mut world = World::new().file(".env", "new", Outcome::Alive);
    world.readings[0].evidence.modified_at = ago(written);
    world.readings[0].evidence.changed_at = ago(placed);
    let opaque = State::Opaque(OpaqueReason::NotInLiveEnvironment);
    let mut world =
        world.row("api", LayerKind::Process, Some(".env"), opaque, Outcome::NotProbed).started(0);
    let evidence = &mut world.readings[1].evidence;
    evidence.started_at = ago(service);
    evidence.process.as_mut().unwrap().started_at = ago(own);
    let row = &world.judge().rows[1];
    assert!(row.reason.contains(said), "{}", row.reason);
    assert_eq!(row.verdict == Verdict::Stale, said == "likely stale");
}

#[test]
fn what_a_process_holds_now_is_certain_and_what_it_was_launched_with_is_likely() {
    for (rank, certainty) in [(Rank::Live, Certainty::Certain), (Rank::Launch, Certainty::Likely)] {
        let mut world = World::new()
            .file(".env", "new", Outcome::Alive)
            .row("api", LayerKind::Process, Some(".env"), State::Found(key("old")), Outcome::Dead)
            .started(30);
        world.readings[1].rank = rank;
        let process = world.readings[1].evidence.process.as_mut().unwrap();
        process.remedy = (rank == Rank::Launch).then(|| "run stalekey as root".to_owned());
        let row = &world.judge().rows[1];
        assert_eq!((row.verdict, row.certainty), (Verdict::Stale, certainty));
        assert!(row.reason.starts_with(rank.wording()), "{}", row.reason);
        assert_eq!(row.reason.ends_with("; run stalekey as root"), rank == Rank::Launch);
    }
}

/// What it was launched with is shown beside what it holds, and never becomes a finding.
#[test]
fn a_launch_that_says_otherwise_changes_nothing() {
    let mut world = World::new()
        .file(".env", "new", Outcome::Alive)
        .row("api", LayerKind::Process, Some(".env"), State::Found(key("new")), Outcome::Alive)
        .started(30);
    world.readings[1].rank = Rank::Live;
    world.readings[1].occurrences = vec![
        occurrence("new", Origin::LiveEnvironment, true),
        occurrence("old", Origin::LaunchEnvironment, false),
    ];
    let judgement = world.judge();
    assert_eq!(judgement.rows[1].verdict, Verdict::Current);
    assert!(judgement.findings.is_empty(), "{:?}", judgement.findings);
}

#[test]
fn a_process_that_may_not_be_read_is_unproven() {
    let why = Unreadable::new(UnreadableKind::NoPermission, "its environment belongs to `www`");
    let mut world = World::new()
        .file(".env", "new", Outcome::Alive)
        .row("api", LayerKind::Process, Some(".env"), State::Unreadable(why), Outcome::NotProbed)
        .started(30);
    world.readings[1].evidence.process.as_mut().unwrap().remedy = Some("run as `www`".into());
    let judgement = world.judge();
    assert_eq!(judgement.rows[1].verdict, Verdict::Unproven);
    assert_eq!(judgement.rows[1].reason, "its environment belongs to `www`; run as `www`");
    assert_eq!(codes(&judgement), ["SK502"]);
    assert_eq!(judgement.findings[0].fixes[0].text, "run as `www`");
}

#[rstest]
#[case::loads_itself(SupervisorKind::Gunicorn, Some(false), "SK202", "new workers are enough")]
#[case::inherits(SupervisorKind::Gunicorn, Some(true), "SK202", "HUP) starts workers that inherit")]
#[case::who_knows(SupervisorKind::Gunicorn, None, "SK202", "HUP) starts workers that inherit")]
#[case::uvicorn(SupervisorKind::UvicornWorkers, Some(false), "SK202", "stop the uvicorn master")]
#[case::watched(SupervisorKind::NodeWatch, Some(false), "SK216", "save a source file, so that")]
#[case::watcher_has_it(SupervisorKind::FlaskReload, Some(true), "SK216", "is not enough")]
#[case::copied(SupervisorKind::Pm2, None, "SK203", "--update-env")]
fn the_fix_names_the_restart_that_works(
    #[case] kind: SupervisorKind,
    #[case] holds: Option<bool>,
    #[case] code: &str,
    #[case] fix: &str,
) {
    let mut world = World::new()
        .file(".env", "new", Outcome::Alive)
        .row("api", LayerKind::Process, Some(".env"), State::Found(key("old")), Outcome::Dead)
        .started(30);
    world.readings[1].rank = Rank::Live;
    if holds != Some(false) {
        let at_start = occurrence("old", Origin::LaunchEnvironment, false);
        world.readings[1].occurrences.push(at_start);
    }
    let process = world.readings[1].evidence.process.as_mut().unwrap();
    process.supervisor = Some(Supervisor { pid: 41, kind, holds });
    let judgement = world.judge();
    assert_eq!(codes(&judgement), [code]);
    let found = &judgement.findings[0];
    assert!(found.fixes[0].text.contains(fix), "{:?}", found.fixes);
    let hangs_up = found.fixes.iter().any(|fix| fix.command.as_deref() == Some("kill -HUP 41"));
    assert_eq!(hangs_up, fix == "new workers are enough");
    assert_eq!(found.restart_helps, Some(kind != SupervisorKind::Pm2), "PM2 keeps its copy");
}

#[test]
fn duplicates_with_different_keys_are_sk106_and_the_stale_line_is_named() {
    let mut world =
        World::new().file("vault", "new", Outcome::Alive).file(".env", "old", Outcome::Dead);
    let at = |line, occurrence| Occurrence {
        place: Place::at(Position { line, column: 16 }).in_file(".env"),
        ..occurrence
    };
    world.readings[1].occurrences = vec![
        at(3, occurrence("new", Origin::File, false)),
        at(41, occurrence("old", Origin::File, true)),
    ];
    let judgement = world.judge();
    assert_eq!(codes(&judgement), ["SK106"]);
    assert_eq!(judgement.findings[0].fixes[0].command.as_deref(), Some("sed -i 41d .env"));
}

#[test]
fn a_shell_export_that_hides_a_good_file_is_sk101() {
    let judgement = World::new()
        .file(".env", "new", Outcome::Alive)
        .row("shell", LayerKind::Shell, None, State::Found(key("old")), Outcome::Dead)
        .judge();
    assert_eq!(codes(&judgement), ["SK101"]);
    assert_eq!(judgement.findings[0].fixes[0].command.as_deref(), Some("unset OPENAI_API_KEY"));
}

#[test]
fn compose_filled_from_the_shell_is_sk103() {
    let mut world = World::new().file(".env", "new", Outcome::Alive).row(
        "api",
        LayerKind::Compose,
        None,
        State::Found(key("old")),
        Outcome::Dead,
    );
    world.readings[1].occurrences = vec![
        occurrence("old", Origin::ComposeEnvironment, true),
        occurrence("old", Origin::ShellEnvironment, false),
        occurrence("new", Origin::ComposeDotenv, false),
    ];
    assert!(codes(&world.judge()).contains(&"SK103"));
}

#[rstest]
#[case(Flag::Quoted, "SK301")]
#[case(Flag::Cr, "SK302")]
#[case(Flag::Lf, "SK303")]
#[case(Flag::SpaceAfter, "SK304")]
#[case(Flag::Placeholder, "SK306")]
#[case(Flag::OtherVendor, "SK306")]
#[case(Flag::ZeroWidth, "SK309")]
#[case(Flag::Truncated, "SK310")]
fn every_damage_has_its_diagnosis(#[case] flag: Flag, #[case] code: &str) {
    let state = State::Found(damaged("new", flag));
    let judgement =
        World::new().row("a", LayerKind::Dotenv, None, state, Outcome::Unsendable).judge();
    assert_eq!(codes(&judgement), [code]);
}

#[test]
fn one_key_in_two_environments_is_a_warning() {
    let mut world = World::new().file("a", "new", Outcome::Alive).file("b", "new", Outcome::Alive);
    world.readings[1].environment = "staging".into();
    assert_eq!(codes(&world.judge()), ["SK601"]);
}

#[test]
fn order_of_readings_changes_nothing() {
    let world = || {
        World::new().file("a", "new", Outcome::Alive).file("b", "old", Outcome::Dead).file(
            "c",
            "new",
            Outcome::Alive,
        )
    };
    let mut shuffled = world();
    shuffled.readings.swap(0, 2);
    shuffled.probes.swap(0, 2);
    assert_eq!(world().judge(), shuffled.judge());
}

fn message<'a>(judgement: &'a Judgement, code: &str) -> &'a Finding {
    judgement.findings.iter().find(|finding| finding.code == code).expect(code)
}

/// The layer of the new key still names the old organisation.
fn refused_with(trial: Option<Outcome>) -> Judgement {
    let mut world =
        World::new().file("a", "new", Outcome::WrongOrg).file("b", "old", Outcome::Dead);
    world.readings[0].context.organisation = Some("org-old".into());
    world.probes[0].trial =
        trial.map(|outcome| Trial { without: ContextHeader::Organisation, outcome });
    world.judge()
}

#[test]
fn a_key_that_is_proven_without_its_header_is_alive_and_the_other_one_stale() {
    let judgement = refused_with(Some(Outcome::Alive));
    assert_eq!(verdicts(&judgement), [Verdict::Rejected, Verdict::Stale]);
    assert_eq!(judgement.rows[0].expected.as_ref().unwrap().by, ExpectedBy::Provider);
    let reason = &judgement.rows[0].reason;
    assert_eq!(
        reason,
        "the expected key is alive, and refused with the organisation that this layer sends"
    );
    let finding = message(&judgement, "SK402");
    assert!(finding.message.contains("(org-old): proven, since the same key without it"));
    assert!(finding.fixes[0].text.contains("remove OPENAI_ORG_ID"));
}

#[rstest]
#[case::not_sent(None, "although no organisation was sent")]
#[case::silence(Some(Outcome::Unreachable), "no answer came")]
#[case::dead_too(Some(Outcome::Dead), "not accepted either (dead)")]
fn what_is_not_proven_is_not_said(#[case] trial: Option<Outcome>, #[case] words: &str) {
    let judgement = refused_with(trial);
    let finding = message(&judgement, "SK402");
    assert!(finding.message.contains(words), "{}", finding.message);
    assert!(!finding.message.contains("proven, since"));
    assert_ne!(verdicts(&judgement)[1], Verdict::Stale, "nobody accepts the other key");
}

#[test]
fn the_right_host_and_the_missing_models_are_named() {
    let mut world =
        World::new().file("a", "new", Outcome::WrongRegion).file("b", "new", Outcome::Alive);
    world.probes[0].right_host = Some("eu.api.openai.com".into());
    world.probes[1].missing_models = vec!["ft:gpt-4o:acme::x".into(), "o9".into()];
    let judgement = world.judge();
    assert_eq!(verdicts(&judgement), [Verdict::Rejected, Verdict::Current]);
    assert!(judgement.rows[0].reason.ends_with("bound to eu.api.openai.com"));
    let region = message(&judgement, "SK407");
    assert!(region.message.ends_with("is alive, but bound to eu.api.openai.com."));
    let fix = "point OPENAI_BASE_URL of the layer, and the endpoint in the inventory, at eu.";
    assert!(region.fixes.iter().any(|found| found.text.starts_with(fix)));
    let models = message(&judgement, "SK408");
    assert!(models.message.ends_with("has no `ft:gpt-4o:acme::x` and no `o9`."));
    assert_eq!(models.severity, Severity::Warning);
}

#[test]
fn a_host_that_wants_to_be_left_alone_is_said_with_its_time() {
    let mut world = World::new().file("a", "new", Outcome::Alive);
    world.probes[0] = ProbeResult {
        retry_at: Some(now() + SignedDuration::from_mins(7)),
        ..ProbeResult::not_probed(ProbeReason::Waiting)
    };
    let judgement = world.judge();
    assert_eq!(verdicts(&judgement), [Verdict::Unproven]);
    assert_eq!(
        judgement.rows[0].reason,
        "not sent: the host asked to wait until 2027-01-15T08:07:00Z"
    );
}
