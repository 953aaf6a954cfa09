//! `stalekey check`: what it asks, what it says, and how it ends.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read as _},
    net::TcpStream,
    process::Stdio,
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use rstest::rstest;

#[path = "support/context.rs"]
mod context;
#[path = "support/contract.rs"]
mod contract;
#[path = "support/inventory.rs"]
mod inventory;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/provider.rs"]
mod provider;
#[path = "support/wait.rs"]
mod wait;

use context::{Report, TestContext, permit};
use contract::{validate, verdicts};
use inventory::{dotenv, layer};
use provider::Provider;
use wait::until;

/// A rotation: `new.env` and `old.env`; the provider accepts the new key only.
fn rotated() -> (TestContext, Provider) {
    let context = TestContext::new();
    let new = context.key("new");
    let provider = Provider::accepting(&[&new]);
    context.write("new.env", format!("OPENAI_API_KEY={new}\n"));
    context.write("old.env", format!("OPENAI_API_KEY={}\n", context.key("old")));
    context.inventory(&(dotenv("new.env") + &dotenv("old.env")));
    (context, provider)
}

fn check(context: &TestContext, provider: &Provider, more: &[&str]) -> Report {
    let endpoint = provider.argument();
    let arguments = [&["check", "--format", "json", &endpoint], more].concat();
    let run = context.run(&arguments);
    assert_eq!(run.stderr, "");
    let report = run.json();
    validate(&report);
    report
}

/// Nothing matches it: whether it is right cannot be proven.
fn not_running() -> String {
    layer("worker", "kind = \"process\"\nmatch = { name = \"no-such-program-runs\" }\n")
}

#[test]
fn the_contract_tells_which_layer_holds_the_old_key() {
    let (context, provider) = rotated();
    let report = check(&context, &provider, &[]);
    assert_eq!(verdicts(&report), [("new.env", "current"), ("old.env", "stale")]);
    let (new, old) = (report.row("new.env"), report.row("old.env"));
    assert_eq!(old["probe"]["outcome"], "dead");
    assert_eq!(old["probe"]["status"], 401);
    assert_eq!(old["probe"]["code"], "invalid_api_key");
    assert_eq!(old["expected"]["by"], "provider");
    assert_eq!(old["expected"]["fingerprint"], new["key"]["fingerprint"]);
    assert_eq!(new["probe"]["endpoint"], format!("{}/models", provider.endpoint()));
    assert_eq!(new["location"], serde_json::json!({"path": "new.env", "line": 1, "column": 16}));
    assert_eq!(report.0["inventory"]["path"], "stalekey.toml");
}

/// 2 before 1 before 3 before 0.
#[rstest]
#[case::all_current(&["new.env"], &[], 0)]
#[case::one_stale(&["new.env", "old.env"], &[], 1)]
#[case::one_missing(&["new.env", "gone.env"], &[], 1)]
#[case::one_unproven(&["new.env", "worker"], &[], 3)]
#[case::one_unreadable(&["new.env", "temporary"], &[], 3)]
#[case::one_stale_and_one_unreadable(&["new.env", "old.env", "temporary"], &[], 1)]
#[case::stale_and_unproven(&["old.env", "new.env", "worker"], &[], 1)]
#[case::unknown_environment(&["old.env"], &["--environment", "mars"], 2)]
#[case::unknown_flag(&["new.env"], &["--lenient"], 2)]
#[case::no_such_inventory(&["new.env"], &["--config", "other.toml"], 2)]
fn the_exit_code_says_how_it_is(
    #[case] layers: &[&str],
    #[case] more: &[&str],
    #[case] expected: i32,
) {
    let (context, provider) = rotated();
    let written = layers.iter().map(|name| match *name {
        "worker" => not_running(),
        file => dotenv(file),
    });
    context.inventory(&written.collect::<String>());
    let run = context.run(&[&["check", &provider.argument()], more].concat());
    assert_eq!(run.code, Some(expected), "{run:?}");
    let (empty, full) =
        if expected == 2 { (&run.stdout, &run.stderr) } else { (&run.stderr, &run.stdout) };
    assert!(empty.is_empty() && !full.is_empty(), "results are data, all else is not: {run:?}");
}

#[rstest]
#[case::of_an_error("old.env", "error", 1)]
#[case::of_an_error("old.env", "warning", 1)]
#[case::of_an_error("old.env", "never", 0)]
#[case::of_a_warning("shared", "error", 0)]
#[case::of_a_warning("shared", "warning", 1)]
#[case::of_a_warning("shared", "never", 0)]
#[case::of_a_gap("worker", "error", 3)]
#[case::of_a_gap("worker", "never", 3)]
fn a_failure_is_what_one_says_it_is(
    #[case] second: &str,
    #[case] fail_on: &str,
    #[case] expected: i32,
) {
    let (context, provider) = rotated();
    let second = match second {
        "worker" => not_running(),
        "shared" => {
            // One key in two environments is fine, and should not stay so.
            "[environments.staging]\n".to_owned()
                + &dotenv("new.env").replace("production", "staging").replacen("new", "copy", 1)
        }
        file => dotenv(file),
    };
    let (environments, layers) = second.split_at(second.find("[[").unwrap_or_default());
    context.inventory(&format!("{environments}{}{layers}", dotenv("new.env")));
    let arguments = ["check", "--fail-on", fail_on, &provider.argument()];
    let run = context.run(&arguments);
    assert_eq!(run.code, Some(expected), "{run:?}");
}

#[test]
fn offline_sends_nothing() {
    let (context, provider) = rotated();
    let report = check(&context, &provider, &["--offline"]);
    assert_eq!(provider.asked(), Vec::<Option<String>>::new());
    assert_eq!(report.0["offline"], true);
    assert_eq!(report.0["summary"]["requests"], 0);
    assert_eq!(report.0["summary"]["extra_requests"], 0);
    for row in report.rows() {
        assert_eq!(row["probe"]["outcome"], "not_probed");
    }
    let table = context.run(&["check", "--offline"]).stdout;
    assert!(table.contains("offline, nothing was sent"), "{table}");
}

#[test]
fn every_distinct_key_is_asked_about_once() {
    let context = TestContext::new();
    let keys = ["one", "two", "three"].map(|name| context.key(name));
    let provider = Provider::accepting(&[&keys[0]]);
    let layers = (0..60).map(|number| {
        let file = format!("services/{number}.env");
        context.write(&file, format!("OPENAI_API_KEY={}\n", keys[number % 3]));
        dotenv(&file)
    });
    context.inventory(&layers.collect::<String>());
    let report = check(&context, &provider, &[]);
    let asked = provider.asked();
    let keyed: Vec<&String> = asked.iter().flatten().collect();
    assert_eq!(keyed.len(), 3, "three keyed requests");
    assert_eq!(keyed.into_iter().collect::<BTreeSet<_>>(), keys.iter().collect());
    let summary = &report.0["summary"];
    assert_eq!((&summary["rows"], &summary["distinct_keys"]), (&60.into(), &3.into()));
    assert_eq!(summary["requests"], 3);
    assert_eq!(summary["extra_requests"], asked.iter().filter(|key| key.is_none()).count());
    assert_eq!(summary["verdicts"], serde_json::json!({"current": 20, "stale": 40}));
}

/// Nobody is answered before twelve keys are in flight; the inventory allows eight.
#[test]
fn typed_limits_rank_above_the_inventory() {
    const KEYS: usize = 12;
    let context = TestContext::new();
    let keys: Vec<String> = (0..KEYS).map(|number| context.key(&number.to_string())).collect();
    let accepted: Vec<&str> = keys.iter().map(String::as_str).collect();
    let (seen, all) = (AtomicUsize::new(0), Barrier::new(KEYS));
    let provider = Provider::behind(&accepted, move |stream: TcpStream| {
        // The first one asks without a key, and alone.
        if seen.fetch_add(1, Ordering::SeqCst) > 0 {
            all.wait();
        }
        Some(stream)
    });
    let layers = keys.iter().enumerate().map(|(number, key)| {
        let file = format!("{number}.env");
        context.write(&file, format!("OPENAI_API_KEY={key}\n"));
        dotenv(&file)
    });
    context.inventory(&layers.collect::<String>());
    let limits = ["--concurrency", "12", "--requests-per-second", "1000"];
    let report = check(&context, &provider, &limits);
    for row in report.rows() {
        assert_eq!(row["probe"]["outcome"], "alive");
    }
    assert_eq!(report.0["summary"]["requests"], KEYS);
}

/// A value that could be a key is not sent as an organisation, so it makes no request of its own.
#[test]
fn what_is_not_sent_along_makes_no_other_request() {
    let context = TestContext::new();
    let key = context.key("new");
    let provider = Provider::accepting(&[&key]);
    let organisations = ["org-1", "org-1", "", "0123456789abcdef0123456789abcdef01234567"];
    let layers = organisations.iter().enumerate().map(|(number, organisation)| {
        let file = format!("{number}.env");
        context.write(&file, format!("OPENAI_API_KEY={key}\nOPENAI_ORG_ID={organisation}\n"));
        dotenv(&file)
    });
    context.inventory(&layers.collect::<String>());
    let report = check(&context, &provider, &[]);
    assert_eq!(report.0["summary"]["requests"], 2, "one with the organisation, one without any");
    assert_eq!(provider.asked().iter().flatten().count(), 2);
}

#[test]
fn a_typed_endpoint_redirects_every_probe() {
    let (context, provider) = rotated();
    let elsewhere = Provider::accepting(&[]);
    let named = format!("endpoint = \"{}\"", elsewhere.endpoint());
    context.inventory(&format!(
        "endpoint.openai = \"{0}\"\n[credentials.other]\nprovider = \"openai\"\n\
         variables = [\"OTHER\"]\n{named}\n{1}",
        elsewhere.endpoint(),
        dotenv("new.env") + "credentials = [\"openai\"]\n"
    ));
    let report = check(&context, &provider, &[]);
    assert_eq!(verdicts(&report), [("new.env", "current")]);
    assert_eq!(elsewhere.asked().len(), 0, "what the inventory says ranks below");
    assert!(provider.asked().iter().flatten().count() == 1);
}

#[rstest]
#[case::no_address("openai", "CREDENTIAL=URL")]
#[case::unknown("opnai=http://127.0.0.1:1/v1", "it has `openai`")]
#[case::plain_http("openai=http://example.com/v1", "use https")]
fn a_typed_endpoint_has_to_make_sense(#[case] endpoint: &str, #[case] says: &str) {
    let (context, _) = rotated();
    let run = context.run(&["check", "--endpoint", endpoint]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    assert!(run.stderr.contains(says) && run.stderr.contains("hint:"), "{run:?}");
}

#[test]
fn one_can_look_at_a_part() {
    let (context, provider) = rotated();
    context.write("other.env", "WEBHOOK=a-shared-value\nOPENAI_API_KEY=\n");
    context.inventory(&format!(
        "[environments.staging]\n[credentials.webhook]\nvariables = [\"WEBHOOK\"]\n{}{}{}",
        dotenv("new.env") + "credentials = [\"openai\"]\n",
        dotenv("old.env").replace("production", "staging") + "credentials = [\"openai\"]\n",
        dotenv("other.env"),
    ));
    let names = |more: &[&str]| -> Vec<String> {
        let report = check(&context, &provider, more);
        let text = |name| move |row: &serde_json::Value| row[name].as_str().unwrap().to_owned();
        let (layers, credentials) = (text("layer"), text("credential"));
        report.rows().iter().map(|row| layers(row) + " " + &credentials(row)).collect()
    };
    let (new, old) = ("new.env openai", "old.env openai");
    let (empty, hook) = ("other.env openai", "other.env webhook");
    assert_eq!(names(&[]), [new, empty, hook, old]);
    assert_eq!(names(&["--environment", "staging"]), [old]);
    assert_eq!(names(&["--credential", "webhook"]), [hook]);
    let both = ["--environment", "staging", "--environment", "production"];
    assert_eq!(names(&[&both[..], &["--credential", "openai"]].concat()), [new, empty, old]);
}

#[rstest]
#[case("--environment", "`production`")]
#[case("--credential", "`openai`")]
fn an_unknown_name_is_an_error_that_lists_the_known(#[case] flag: &str, #[case] known: &str) {
    let (context, _) = rotated();
    let run = context.run(&["check", flag, "mars"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    assert!(run.stderr.contains("no such") && run.stderr.contains(known), "{run:?}");
}

/// `stalekey check | head -1`: whoever has seen enough goes away, and nobody complains.
#[rstest]
#[case(&["check", "--offline"])]
#[case(&["check", "--offline", "--format", "json"])]
#[case(&["explain", "SK201"])]
#[case(&["explain"])]
#[case(&["schema"])]
#[case(&["completions", "bash"])]
#[case(&["--help"])]
fn a_closed_pipe_is_no_error(#[case] arguments: &[&str]) {
    let (context, _) = rotated();
    let (reader, writer) = io::pipe().unwrap();
    let mut command = context.command(arguments);
    drop(reader);
    let mut child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let status = until("it ends", || child.try_wait().unwrap());
    let complaint = io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert_eq!((status.code(), complaint.as_str()), (Some(0), ""));
}

#[test]
fn a_full_disk_is_an_error() {
    let (context, _) = rotated();
    for arguments in [&["check", "--offline"][..], &["explain"], &["schema"]] {
        let mut command = context.command(arguments);
        command.stdout(File::options().write(true).open("/dev/full").unwrap());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let status = until("it ends", || child.try_wait().unwrap());
        let complaint = io::read_to_string(child.stderr.take().unwrap()).unwrap();
        assert_eq!(status.code(), Some(2), "{arguments:?}: {complaint}");
        assert!(complaint.contains("could not be written"), "{complaint}");
    }
}

#[test]
fn without_an_inventory_it_says_where_it_looked() {
    let context = TestContext::new();
    for arguments in [&[][..], &["check"], &["check", "--format", "json"]] {
        let run = context.run(arguments);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        let places = ["stalekey.toml", "home/.config/stalekey/stalekey.toml"];
        for place in places.map(|place| context.path(place).display().to_string()) {
            assert!(run.stderr.contains(&place), "{place}: {run:?}");
        }
        assert!(run.stderr.contains("`stalekey demo`"), "{run:?}");
    }
}

#[test]
fn the_inventory_can_be_named_and_can_live_in_the_config_folder() {
    let (context, provider) = rotated();
    let text = std::fs::read_to_string(context.path("stalekey.toml")).unwrap();
    std::fs::remove_file(context.path("stalekey.toml")).unwrap();
    let beside = text.replace("path = \"", "path = \"../");
    context.write("other/mine.toml", beside);
    let context = context.with("STALEKEY_CONFIG", "other/mine.toml");
    let report = check(&context, &provider, &[]);
    assert_eq!(verdicts(&report), [("new.env", "current"), ("old.env", "stale")]);

    let at_home = text.replace("path = \"", "path = \"../../../").replace("old.env", "new.env");
    context.write("home/.config/stalekey/stalekey.toml", at_home.replacen("new", "first", 1));
    permit(&context.path("home/.config"), 0o700);
    let named = ["--config", "home/.config/stalekey/stalekey.toml"];
    let report = check(&context, &provider, &named);
    assert_eq!(verdicts(&report), [("first.env", "current"), ("new.env", "current")]);
    let context = context.with("STALEKEY_CONFIG", "");
    assert_eq!(verdicts(&check(&context, &provider, &[])), verdicts(&report));

    let context = context.with("STALEKEY_CONFIG", "nowhere.toml");
    let run = context.run(&["check"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("STALEKEY_CONFIG names") && run.stderr.contains("nowhere.toml"));
}

/// Colour is for terminals, and for those who want it.
#[rstest]
#[case::wanted(None, "xterm", true)]
#[case::unwanted(Some("1"), "xterm", false)]
#[case::empty_means_nothing(Some(""), "xterm", true)]
#[case::dumb(None, "dumb", false)]
fn colour_is_for_terminals(#[case] no_color: Option<&str>, #[case] term: &str, #[case] is: bool) {
    let (context, _) = rotated();
    let context = context.with("TERM", term);
    let context = match no_color {
        Some(value) => context.with("NO_COLOR", value),
        None => context,
    };
    let piped = context.run(&["check", "--offline"]);
    assert!(!piped.stdout.contains('\u{1b}'), "never in a pipe: {piped:?}");

    let command = context.command(&["check", "--offline"]);
    let pair = native_pty_system().openpty(PtySize { cols: 200, ..PtySize::default() }).unwrap();
    let mut builder = CommandBuilder::new(command.get_program());
    builder.args(command.get_args());
    builder.env_clear();
    for (name, value) in command.get_envs() {
        builder.env(name, value.unwrap());
    }
    builder.cwd(command.get_current_dir().unwrap());
    let mut child = pair.slave.spawn_command(builder).unwrap();
    drop(pair.slave);
    let mut shown = Vec::new();
    // A terminal whose last program has ended gives an error instead of an end.
    let _ = pair.master.try_clone_reader().unwrap().read_to_end(&mut shown);
    child.wait().unwrap();
    let shown = String::from_utf8(shown).unwrap();
    assert!(shown.contains("old.env"), "{shown}");
    assert_eq!(shown.contains("\u{1b}[3") || shown.contains("\u{1b}[1m"), is, "{shown}");
}

/// A damaged value is no key that anybody meant: it is named, and not sent.
#[rstest]
#[case::zero_width("KEY\u{200b}", "zero-width", "SK309")]
#[case::newline("\"KEY\\n\"", "lf", "SK303")]
#[case::carriage_return("\"KEY\\r\"", "cr", "SK302")]
#[case::space("\"KEY \"", "space-after", "SK304")]
fn a_damaged_value_is_named_and_not_sent(
    #[case] written: &str,
    #[case] flag: &str,
    #[case] code: &str,
) {
    let (context, provider) = rotated();
    let new = context.key("new");
    context.write("old.env", format!("OPENAI_API_KEY={}\n", written.replace("KEY", &new)));
    let report = check(&context, &provider, &[]);
    assert_eq!(verdicts(&report), [("new.env", "current"), ("old.env", "malformed")]);
    let (sound, damaged) = (report.row("new.env"), report.row("old.env"));
    assert_eq!(damaged["key"]["flags"], serde_json::json!([flag]));
    assert_eq!(damaged["diagnoses"], serde_json::json!([code]));
    assert_eq!(damaged["probe"]["outcome"], "unsendable");
    assert_eq!(damaged["key"]["repaired_fingerprint"], sound["key"]["fingerprint"]);
    assert_eq!(provider.asked().into_iter().flatten().collect::<Vec<_>>(), [new]);
}

/// The inventory may say which key is meant; the provider accepts both here.
#[rstest]
#[case::last_four("last4", "inventory")]
#[case::fingerprint("fingerprint", "inventory")]
#[case::shown_fingerprint("shown", "inventory")]
#[case::reference("reference", "reference")]
fn the_expected_key_can_be_named(#[case] way: &str, #[case] by: &str) {
    let (context, _) = rotated();
    let (new, old) = (context.key("new"), context.key("old"));
    let provider = Provider::accepting(&[&new, &old]);
    let before = check(&context, &provider, &[]);
    let fingerprint = before.row("old.env")["key"]["fingerprint"].as_str().unwrap().to_owned();
    let characters = fingerprint.rsplit(':').next().unwrap();
    let (first, rest) = characters.split_at(5);
    let named = match way {
        "last4" => format!("last4 = \"{}\"", old.get(old.len() - 4..).unwrap()),
        "fingerprint" => format!("fingerprint = \"{fingerprint}\""),
        "shown" => format!("fingerprint = \"{first}-{}\"", rest.get(..5).unwrap()),
        _ => "reference = \"old.env\"".to_owned(),
    };
    let layers = dotenv("new.env") + &dotenv("old.env");
    context.inventory(&format!("expect.openai = {{ {named} }}\n{layers}"));
    let report = check(&context, &provider, &[]);
    assert_eq!(verdicts(&report), [("new.env", "mismatch"), ("old.env", "current")]);
    for row in report.rows() {
        assert_eq!(row["expected"]["by"], by);
        assert_eq!(row["expected"]["fingerprint"], fingerprint);
    }
}

#[test]
fn a_chain_names_the_first_link_that_broke() {
    let (context, provider) = rotated();
    let origin = dotenv("new.env").replacen("new.env", "origin", 1);
    let linked = |name: &str, file: &str, source: &str| {
        dotenv(file).replacen(file, name, 1) + &format!("source = \"{source}\"\n")
    };
    context.inventory(
        &[
            origin,
            linked("copy", "new.env", "origin"),
            linked("broken", "old.env", "copy"),
            linked("after", "old.env", "broken"),
            linked("aside", "new.env", "origin"),
        ]
        .concat(),
    );
    let report = check(&context, &provider, &[]);
    let chain = |rows: &[u8], at: Option<u8>| {
        serde_json::json!({
            "credential": "openai", "environment": "production", "rows": rows, "break": at,
        })
    };
    let expected = [chain(&[0, 1, 2, 3], Some(2)), chain(&[0, 4], None)];
    assert_eq!(report.0["chains"], serde_json::Value::from(expected.to_vec()));
}

#[test]
fn a_value_without_a_mask_is_told_by_its_tag() {
    let context = TestContext::new();
    context.write("one.env", "OPENAI_API_KEY=correct horse battery\n");
    context.write("two.env", "OPENAI_API_KEY=staple\n");
    context.inventory(&(dotenv("one.env") + &dotenv("two.env")));
    let run = context.run(&["check", "--offline"]);
    assert!(run.stdout.contains("has the key … ≡1, "), "{}", run.stdout);
}

#[test]
fn the_shell_is_a_layer_that_shadows_files() {
    let (context, provider) = rotated();
    let (new, old) = (context.key("new"), context.key("old"));
    let context = context.with("OPENAI_API_KEY", &old);
    let file = dotenv("new.env") + "source = \"my shell\"\n";
    context.inventory(&(layer("my shell", "kind = \"shell\"\n") + &file));
    let report = check(&context, &provider, &[]);
    assert_eq!(verdicts(&report), [("my shell", "stale"), ("new.env", "current")]);
    let row = report.row("my shell");
    assert_eq!((&row["rank"], &row["location"]), (&"configured".into(), &serde_json::Value::Null));
    assert!(row["diagnoses"].as_array().unwrap().contains(&"SK101".into()), "{report:#?}");

    let context = context.with("OPENAI_API_KEY", &new);
    let report = check(&context, &provider, &[]);
    assert_eq!(verdicts(&report), [("my shell", "current"), ("new.env", "current")]);
}

/// A file that is read never decides where a key goes (SECURITY T1).
#[test]
fn a_base_url_in_a_layer_is_shown_and_never_contacted() {
    let (context, provider) = rotated();
    let elsewhere = Provider::accepting(&[]);
    let new = context.key("new");
    let text = format!("OPENAI_API_KEY={new}\nOPENAI_BASE_URL={}\n", elsewhere.endpoint());
    context.write("old.env", text);
    let report = check(&context, &provider, &[]);
    assert_eq!(elsewhere.asked().len(), 0);
    let row = report.row("old.env");
    assert_eq!(row["probe"]["outcome"], "not_probed", "nobody allowed to ask there");
    assert_eq!(row["diagnoses"], serde_json::json!(["SK401"]));
    assert_eq!(report.row("new.env")["verdict"], "current");
}

/// What stays on this machine passes through no proxy (SECURITY H2).
#[test]
fn loopback_goes_through_no_proxy() {
    let (mut context, provider) = rotated();
    let proxy = Provider::accepting(&[]);
    let address = proxy.endpoint();
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
    {
        context = context.with(name, address.trim_end_matches("/v1"));
    }
    let report = check(&context, &provider, &[]);
    assert_eq!(verdicts(&report), [("new.env", "current"), ("old.env", "stale")]);
    assert_eq!(proxy.asked().len(), 0);
    assert_eq!(report.0["notices"], serde_json::json!([]));
}
