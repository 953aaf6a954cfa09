//! The search of memory, in programs of our own that hold what they are told to hold.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdout, Command, Stdio},
};

use rstest::rstest;
use serde_json::Value;

#[path = "support/context.rs"]
mod context;
#[path = "support/contract.rs"]
mod contract;
#[path = "support/inventory.rs"]
mod inventory;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/nobody.rs"]
mod nobody;
#[path = "support/wait.rs"]
mod wait;

use context::{Report, TestContext};
use contract::{validate, verdicts};
use inventory::{dotenv, layer};
use memory::{memory_can_be_read, without_memory};
use wait::until;

/// Holds files as they are, as UTF-16, or not at all; each line of its input is one such wish.
const HOLDER: &str = r#"
$| = 1;
my @held;
print "ready\n";
while (my $line = <STDIN>) {
    chomp $line;
    my ($how, $file) = split / /, $line;
    open my $in, "<:raw", $file or die;
    sysread $in, my $text, 4096;
    close $in;
    $text = pack "v*", unpack "C*", $text if $how eq "wide";
    push @held, $text;
    print "done\n";
}
"#;

/// A Perl program, which Debian and all that descends from it have.
struct Holder {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Holder {
    #[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
    fn start(context: &TestContext, variables: &[(&str, &str)]) -> Option<Self> {
        context.write("holder.pl", HOLDER);
        let started = Command::new("perl")
            .arg(context.path("holder.pl"))
            .env_clear()
            .envs(variables.iter().copied())
            .current_dir(context.path(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = started else {
            println!("skipped: no perl");
            return None;
        };
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut holder = Self { child, output };
        assert_eq!(holder.line(), "ready");
        Some(holder)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    fn hold(&mut self, how: &str, file: &str) {
        let input = self.child.stdin.as_mut().expect("a pipe");
        writeln!(input, "{how} {file}").expect("it listens");
        assert_eq!(self.line(), "done");
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A folder with an old and a new key in files.
fn scene() -> TestContext {
    let context = TestContext::new();
    for name in ["new", "old", "lost"] {
        let key = context.key(name);
        context.write(&format!("{name}.env"), format!("OPENAI_API_KEY={key}\n"));
        context.write(&format!("{name}.key"), key);
    }
    context
}

fn app(pid: u32, rest: &str) -> String {
    layer("app", &format!("kind = \"process\"\nmatch = {{ pid = {pid} }}\n{rest}"))
}

const ALLOW: &str = "memory = \"allow\"\n";
const EXPECT: &str = "expect.openai = { reference = \"new.env\" }\n";

/// A busy machine may need more than the time that a search has.
fn check(context: &TestContext) -> Report {
    until("a complete search", || {
        let report = context.run(&["check", "--offline", "--deep", "--format", "json"]).json();
        validate(&report);
        let searches = report.rows().iter().map(|row| row["evidence"]["memory"].clone());
        let complete = searches.into_iter().all(|search| search["gap"] != "time");
        complete.then_some(report)
    })
}

/// Copies of the key that this layer holds, by the report.
fn copies(report: &Report, layer: &str) -> Option<u64> {
    let fingerprint = &report.row(layer)["key"]["fingerprint"];
    let keys = report.row("app")["evidence"]["memory"]["keys"].as_array().expect("keys");
    keys.iter().find(|key| key["fingerprint"] == *fingerprint)?["copies"].as_u64()
}

fn told(row: &Value) -> String {
    let word = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    format!("{} {} {}", word("verdict"), word("certainty"), word("rank"))
}

#[rstest]
#[case::nothing(&[], "unproven certain live", "not in its environment now")]
#[case::expected(&["plain new.key"], "current likely memory", "only the expected key in memory")]
#[case::old(&["plain old.key"], "mismatch likely memory", "it has not loaded the new one")]
#[case::both(&["plain old.key", "plain new.key"], "unproven certain memory", "both keys in memory")]
#[case::wide(&["wide old.key"], "mismatch likely memory", "it has not loaded the new one")]
#[case::both_wide(&["plain new.key", "wide old.key"], "unproven certain memory", "both keys")]
#[case::unknown(&["plain lost.key"], "unproven certain memory", "a key of its form that no layer holds")]
#[case::unknown_wide(&["wide lost.key"], "unproven certain memory", "a key of its form")]
#[case::beside_unknown(&["plain new.key", "plain lost.key"], "unproven certain memory", "and a key of its form that no layer holds too")]
fn what_a_process_holds(#[case] wishes: &[&str], #[case] expected: &str, #[case] reason: &str) {
    let context = scene();
    let Some(mut holder) = Holder::start(&context, &[]) else { return };
    for wish in wishes {
        let (how, file) = wish.split_once(' ').unwrap();
        holder.hold(how, file);
    }
    context.inventory(
        &(EXPECT.to_owned() + &dotenv("new.env") + &dotenv("old.env") + &app(holder.pid(), ALLOW)),
    );
    let report = check(&context);
    let row = report.row("app");
    if !memory_can_be_read() {
        assert_eq!(row["verdict"], "unproven");
        return;
    }
    assert_eq!(told(row), expected, "{row:#}");
    until(reason, || {
        let said = context.run(&["check", "--offline", "--deep"]).stdout;
        said.contains(reason).then_some(())
    });
    let search = &row["evidence"]["memory"];
    assert_eq!((&search["searched"], &search["complete"]), (&true.into(), &true.into()));
    assert!(search["bytes"].as_u64().unwrap() > 100_000 && search["milliseconds"].is_u64());
    for name in ["new", "old"] {
        let held = wishes.iter().any(|wish| wish.ends_with(&format!("{name}.key")));
        assert_eq!(copies(&report, &format!("{name}.env")).unwrap() > 0, held, "{search:#}");
    }
}

/// Both have to say so: the layer, and the person who starts it.
#[rstest]
#[case::nobody("", &["check"])]
#[case::the_layer(ALLOW, &["check"])]
#[case::the_person("", &["check", "--deep"])]
#[case::never("memory = \"never\"\n", &["check", "--deep"])]
fn nothing_is_searched_unless_both_say_so(#[case] layer: &str, #[case] words: &[&str]) {
    let context = scene();
    let Some(mut holder) = Holder::start(&context, &[]) else { return };
    holder.hold("plain", "old.key");
    context.inventory(
        &(EXPECT.to_owned() + &dotenv("new.env") + &dotenv("old.env") + &app(holder.pid(), layer)),
    );
    let report = context.run(&[words, &["--offline", "--format", "json"]].concat()).json();
    assert!(report.row("app")["evidence"]["memory"].is_null());
    assert_eq!(told(report.row("app")).split(' ').next(), Some("unproven"));
}

#[test]
fn another_word_for_memory_is_a_mistake() {
    let context = scene();
    context.inventory(&app(1, "memory = \"always\"\n"));
    let run = context.run(&["check"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("`never`") && run.stderr.contains("`allow`"), "{run:?}");
}

/// What `getenv` returns is one thing, and what a client keeps another.
#[test]
fn beside_the_live_environment_an_old_key_is_a_finding() {
    let context = scene();
    let new = fs::read_to_string(context.path("new.key")).unwrap();
    let Some(mut holder) = Holder::start(&context, &[("OPENAI_API_KEY", &new)]) else { return };
    let inventory =
        EXPECT.to_owned() + &dotenv("new.env") + &dotenv("old.env") + &app(holder.pid(), ALLOW);
    context.inventory(&inventory);
    if !memory_can_be_read() {
        return;
    }
    assert_eq!(told(check(&context).row("app")), "current certain live");
    holder.hold("plain", "old.key");
    let report = check(&context);
    assert_eq!(told(report.row("app")), "current likely live");
    let text = report.0["diagnoses"].to_string();
    assert!(text.contains("SK218") && text.contains("a client that was built before"), "{text}");
}

/// The old key is nowhere any more; only its fingerprint was noted down.
#[test]
fn a_key_is_found_by_its_fingerprint() {
    let context = scene();
    let Some(mut holder) = Holder::start(&context, &[]) else { return };
    context.inventory(&(dotenv("new.env") + &dotenv("lost.env")));
    let report = context.run(&["check", "--offline", "--format", "json"]).json();
    let lost = report.row("lost.env")["key"]["fingerprint"].as_str().unwrap().to_owned();
    let expect = format!("expect.openai = {{ fingerprint = \"{lost}\" }}\n");
    context.inventory(&(expect + &dotenv("new.env") + &app(holder.pid(), ALLOW)));
    if !memory_can_be_read() {
        return;
    }
    holder.hold("plain", "new.key");
    let report = check(&context);
    assert_eq!(told(report.row("app")), "mismatch likely memory", "{:#}", report.0);
    holder.hold("plain", "lost.key");
    let report = check(&context);
    assert_eq!(told(report.row("app")), "unproven certain memory");
    let keys = report.row("app")["evidence"]["memory"]["keys"].to_string();
    assert!(keys.contains(&lost), "{keys}");
    assert_eq!(report.row("app")["expected"]["fingerprint"], Value::Null, "no layer holds it");
    assert_eq!(report.row("app")["evidence"]["memory"]["unknown"], 0);
}

/// Whoever may not look is told what to do, and nothing is proven.
#[test]
fn without_permission_nothing_is_said() {
    let context = scene();
    let Some(mut holder) = Holder::start(&context, &[]) else { return };
    holder.hold("plain", "old.key");
    context.inventory(
        &(EXPECT.to_owned() + &dotenv("new.env") + &dotenv("old.env") + &app(holder.pid(), ALLOW)),
    );
    let words = ["check", "--offline", "--deep", "--format", "json"];
    // The other user last: what root accepted does not count in a home that others can write.
    let reduced = without_memory(&context.command(&words));
    let reduced = reduced.map(|command| context.finish(command, "").json());
    let other =
        rustix::process::geteuid().is_root().then(|| context.command_without_rights(&words));
    let other = other.flatten().map(|command| context.finish(command, "").json());
    for report in reduced.into_iter().chain(other) {
        validate(&report);
        let row = report.row("app");
        assert_eq!(row["verdict"], "unproven", "{row:#}");
        let memory = &row["evidence"]["memory"];
        assert_eq!(memory["searched"], false, "{row:#}");
        let why = memory["why_not"].as_str().unwrap();
        assert!(why.contains("run stalekey"), "{why}");
    }
}

/// Root does not look into what others run unless the layer says whose.
#[test]
fn root_searches_what_is_not_its_own_only_when_told() {
    let context = scene();
    if !rustix::process::geteuid().is_root() || !memory_can_be_read() {
        return;
    }
    let Some(own) = Holder::start(&context, &[]) else { return };
    drop(own);
    let marker = context.path("holder.pl");
    let started = Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "perl", "-e"])
        .args(["$| = 1; print \"ready\\n\"; my $line = <STDIN>;"])
        .arg(&marker)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = started else { return };
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut other = Holder { child, output };
    if other.line() != "ready" {
        return;
    }
    let matching = |more: &str| {
        let folder = marker.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        let matching = format!("match = {{ command = 'perl .*{folder}/holder'{more} }}\n");
        layer("app", &format!("kind = \"process\"\n{matching}{ALLOW}"))
    };
    let searched = |more: &str| {
        context.inventory(&(EXPECT.to_owned() + &dotenv("new.env") + &matching(more)));
        let report = check(&context);
        report.row("app")["evidence"]["memory"].clone()
    };
    let refused = searched("");
    let why = refused["why_not"].as_str().unwrap();
    assert!(why.contains("user = \"nobody\""), "{why}");
    assert_eq!(searched(", user = \"nobody\"")["searched"], true);
}

/// A program that has reserved much and touched little stays as small as it was.
#[test]
fn memory_that_was_never_touched_is_left_alone() {
    const RESERVER: &str = "import mmap, sys; \
        held = mmap.mmap(-1, 8 << 30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_NORESERVE); \
        print('ready', flush=True); sys.stdin.readline()";
    let context = scene();
    let started = Command::new("python3")
        .args(["-c", RESERVER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = started else {
        println!("skipped: no python3");
        return;
    };
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut reserver = Holder { child, output };
    if reserver.line() != "ready" || !memory_can_be_read() {
        println!("skipped: 8 GiB cannot be reserved, or memory not be read");
        return;
    }
    let tables = || {
        let status = fs::read_to_string(format!("/proc/{}/status", reserver.pid())).unwrap();
        status.lines().find(|line| line.starts_with("VmPTE")).map(str::to_owned)
    };
    context.inventory(&(EXPECT.to_owned() + &dotenv("new.env") + &app(reserver.pid(), ALLOW)));
    let before = tables();
    let report = check(&context);
    let search = &report.row("app")["evidence"]["memory"];
    assert_eq!(search["complete"], true, "{search:#}");
    assert!(search["bytes"].as_u64().unwrap() < 1 << 30, "{search:#}");
    assert_eq!(tables(), before);
}

/// An exit code tells that something could not be proven.
#[test]
fn both_keys_in_memory_are_never_a_success() {
    let context = scene();
    let Some(mut holder) = Holder::start(&context, &[]) else { return };
    holder.hold("plain", "old.key");
    holder.hold("plain", "new.key");
    let files = dotenv("new.env") + &dotenv("old.env");
    context.inventory(&(EXPECT.to_owned() + &files + &app(holder.pid(), ALLOW)));
    let run = context.run(&["check", "--offline", "--deep", "--fail-on", "never"]);
    assert_eq!(run.code, Some(3), "{run:?}");
    assert_eq!(verdicts(&check(&context)).last(), Some(&("app", "unproven")));
}

/// Whoever asks for a search that no layer allows is told so.
#[test]
fn a_search_that_nothing_allows_is_told() {
    let context = scene();
    context.inventory(&dotenv("new.env"));
    let report = context.run(&["check", "--offline", "--deep", "--format", "json"]).json();
    let notices = report.0["notices"].to_string();
    assert!(notices.contains("no memory was searched"), "{notices}");
    let report = context.run(&["check", "--offline", "--format", "json"]).json();
    assert_eq!(report.0["notices"], serde_json::json!([]));
}
