//! Running programs, judged, and compared with the key that each of them really sends to a provider
//! on loopback. Plain Python and Node are used where they are; what needs more runs when
//! `STALEKEY_RUNTIMES` names the folder that `.ci/runtimes` makes.

#[path = "support/context.rs"]
mod context;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/contract.rs"]
mod contract;
#[path = "support/inventory.rs"]
mod inventory;
#[path = "support/memory.rs"]
mod memory;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/programs.rs"]
mod programs;
#[path = "support/wait.rs"]
mod wait;

use std::cell::RefCell;

use rstest::rstest;
use serde_json::Value;

use context::{Report, TestContext};
use contract::validate;
use inventory::{dotenv, layer};
use memory::{memory_can_be_read, without_memory};
use programs::{Collector, Pm2, Program, Runtimes, ask_another_at, free_port};

/// A folder with an old and a new key, the applications, and the provider.
struct Scene {
    context: TestContext,
    provider: Collector,
    old: String,
    new: String,
    /// What was last said by one who may not read the memory.
    blind: RefCell<Option<Report>>,
}

impl Scene {
    /// The `.env` has the old key.
    fn new() -> Self {
        let context = TestContext::new();
        let (old, new) = (context.key("old"), context.key("new"));
        let scene =
            Self { provider: Collector::start(), context, old, new, blind: RefCell::default() };
        for (name, text) in programs::SOURCES {
            scene.context.write(name, text);
        }
        scene.env_file(&scene.old);
        scene.context.write("old.env", format!("OPENAI_API_KEY={}\n", scene.old));
        scene
    }

    fn env_file(&self, key: &str) {
        self.context.write(".env", format!("OPENAI_API_KEY={key}\n"));
    }

    fn rotate(&self) {
        self.env_file(&self.new);
    }

    /// Starts a program; `exported` is in its environment from the start.
    fn start(&self, words: &[&str], how: &str, exported: Option<&str>) -> Program {
        Program::start(
            words,
            &self.context.path(""),
            &[
                ("HOW", Some(how)),
                ("PROVIDER", Some(&self.provider.port().to_string())),
                ("OPENAI_API_KEY", exported),
            ],
        )
    }

    /// The `.env` is what everything should have; `old.env` tells the old key's fingerprint.
    fn check(&self, matching: &str) -> Report {
        let process = format!("kind = \"process\"\nsource = \".env\"\nmatch = {{ {matching} }}\n");
        self.context.inventory(
            &("expect.openai = { reference = \".env\" }\n".to_owned()
                + &dotenv(".env")
                + &dotenv("old.env")
                + &layer("app", &process)),
        );
        let arguments = ["check", "--offline", "--format", "json"];
        // Whoever may not read the memory learns less, and nothing wrong.
        if let Some(command) = without_memory(&self.context.command(&arguments)) {
            let report = self.context.finish(command, "").json();
            validate(&report);
            self.compare(&report);
            self.blind.replace(Some(report));
        }
        let report = self.context.run(&arguments).json();
        validate(&report);
        report
    }

    /// Where it was said what an action gives, it is the key that was sent after it. Gives whether it
    /// was said in this report, which is the last.
    fn acted(&self, report: &Report, action: &str, pid: u64) -> bool {
        let sent = self.provider.last_of(pid).expect("it has sent something");
        let is_new = sent == self.new;
        assert!(is_new || sent == self.old, "what was sent is one of the two");
        let said = |report: &Report| {
            // Who may not see which process it is says nothing.
            let is_one = |row: &&Value| row["layer"] == "app" && !row["instance"].is_null();
            let rows: Vec<_> = report.rows().iter().filter(is_one).collect();
            let after = rows.iter().filter_map(|row| row["after"].as_array()).flatten();
            let of_action: Vec<_> = after.filter(|it| it["action"] == action).collect();
            assert_eq!(of_action.len(), rows.len(), "{action} is offered: {:#}", report.0["rows"]);
            let sure: Vec<_> = of_action.iter().filter(|it| it["gives"] != "unknown").collect();
            let given = &report.row(if is_new { ".env" } else { "old.env" })["key"]["fingerprint"];
            for prediction in &sure {
                assert_eq!(&prediction["key"]["fingerprint"], given, "{action}: {prediction:#}");
                assert_eq!(prediction["helps"], is_new, "{prediction:#}");
            }
            sure.len() == of_action.len()
        };
        self.blind.borrow().iter().for_each(|report| _ = said(report));
        said(report)
    }

    /// Every row of a process that has sent something must be right or `unproven`. Gives how many
    /// were right.
    fn compare(&self, report: &Report) -> usize {
        let fingerprint = |layer: &str| report.row(layer)["key"]["fingerprint"].clone();
        let (new, old) = (fingerprint(".env"), fingerprint("old.env"));
        let rows: Vec<_> = report.rows().iter().filter(|row| row["layer"] == "app").collect();
        let mut right = 0;
        for row in &rows {
            let Some(pid) = row["instance"]["pid"].as_u64() else {
                assert_eq!(row["verdict"], "unproven", "{row:#}");
                continue;
            };
            let Some(sent) = self.provider.last_of(pid) else { continue };
            let verdict = row["verdict"].as_str().unwrap_or_default();
            let sends_new = sent == self.new;
            assert!(sends_new || sent == self.old, "what was sent is one of the two");
            let expected: &[&str] = if sends_new { &["current"] } else { &["mismatch", "stale"] };
            assert!(
                verdict == "unproven" || expected.contains(&verdict),
                "it sends the {} key: {row:#}",
                if sends_new { "new" } else { "old" }
            );
            if row["state"] == "found" {
                assert_eq!(row["key"]["fingerprint"], if sends_new { &new } else { &old }.clone());
            }
            right += usize::from(verdict != "unproven");
        }
        right
    }
}

/// One program that was started before the rotation and one after it.
#[rstest]
#[case::python_exported("python", "none", true)]
#[case::python_assigned("python", "assigned", false)]
#[case::python_assigned_over_exported("python", "assigned", true)]
#[case::python_dotenv("python", "dotenv", false)]
#[case::python_dotenv_over_exported("python", "dotenv-override", true)]
#[case::python_title("python", "title", true)]
#[case::node_exported("node", "none", true)]
#[case::node_assigned("node", "assigned", false)]
#[case::node_dotenv("node", "dotenv", false)]
#[case::node_load_env_file("node", "load-env-file", false)]
#[case::node_env_file_option("node-env-file", "none", false)]
fn what_a_program_sends_is_what_the_row_says(
    #[case] program: &str,
    #[case] how: &str,
    #[case] exported: bool,
) {
    let Some(words) = Runtimes::find().script(program, how) else { return };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let scene = Scene::new();
    let before = scene.start(&words, how, exported.then_some(&*scene.old)).ready();
    scene.rotate();
    let report = scene.check(&format!("pid = {}", before.pid()));
    let mut after = scene.start(&words, how, exported.then_some(&*scene.new)).ready();
    after.ask();
    assert!(scene.acted(&report, "restart", after.pid().into()));
    for (mut program, key) in [(before, &scene.old), (after, &scene.new)] {
        program.ask();
        assert_eq!(scene.provider.last_of(program.pid().into()).as_ref(), Some(key));
        let right = scene.compare(&scene.check(&format!("pid = {}", program.pid())));
        assert!(right == 1 || !memory_can_be_read(), "it can be told");
    }
}

/// The first worker, then one that a reload has started, then a service that started afresh. The fix
/// is believed only as far as it works.
#[rstest]
fn workers_of_gunicorn(
    #[values("none", "dotenv")] how: &str,
    #[values(false, true)] preload: bool,
    #[values(false, true)] title: bool,
) {
    let Some(python) = Runtimes::find().python_with_libraries() else { return };
    let scene = Scene::new();
    let mut words = vec![&*python, "-m", "gunicorn", "--bind", "127.0.0.1:0", "web:wsgi"];
    words.extend(preload.then_some("--preload"));
    // Where it is found first, a module that fails keeps gunicorn from changing its title.
    if !title {
        scene.context.write("setproctitle.py", "raise ImportError\n");
    }
    let mut service = scene.start(&words, how, (how == "none").then_some(&*scene.old));
    let first = service.ask_at_its_port();
    scene.rotate();
    let matching = format!("port = {}", service.port());
    let report = scene.check(&matching);
    let row = report.row("app");
    assert_eq!(row["instance"]["pid"], first, "the worker is the row, not its master");
    let supervisor = &row["evidence"]["process"]["supervisor"];
    assert_eq!(
        (&supervisor["pid"], &supervisor["kind"]),
        (&service.pid().into(), &"gunicorn".into())
    );
    let told = scene.compare(&report);
    assert!(told == 1 || !memory_can_be_read());
    let text = report.0["diagnoses"].to_string();
    let promised = text.contains(&format!("kill -HUP {}", service.pid()));
    assert!(!memory_can_be_read() || text.contains("SK202"), "{text}");

    service.hang_up();
    let matching = format!("pid = {}", service.pid());
    let second = wait::until("another worker", || {
        let pid = service.ask_at_its_port();
        (pid != first).then_some(pid)
    });
    let helped = scene.provider.last_of(second).as_ref() == Some(&scene.new);
    assert!(helped || !promised, "a fix that was promised works");
    assert!(promised || !helped || !memory_can_be_read(), "a fix that works is promised");
    let told = scene.acted(&report, "reload", second);
    // A preloaded application looks as a configuration does that loads its file again.
    let alike = (preload && how == "dotenv") || (title && how == "none");
    assert_eq!(told, !alike, "{row:#}");

    let mut afresh = scene.start(&words, how, (how == "none").then_some(&*scene.new));
    let worker = afresh.ask_at_its_port();
    assert!(scene.acted(&report, "restart", worker));
    scene.compare(&scene.check(&matching));
    assert_eq!(scene.provider.last_of(worker).as_ref(), Some(&scene.new));
    let told = scene.compare(&scene.check(&format!("port = {}", afresh.port())));
    assert!(told == 1 || !memory_can_be_read());
}

/// Services that start their program again when a source file is saved.
#[rstest]
#[case::uvicorn_option("uvicorn-reload-env-file", "none", "uvicorn-reload")]
#[case::uvicorn_dotenv("uvicorn-reload", "dotenv", "uvicorn-reload")]
#[case::flask("flask", "none", "flask-reload")]
#[case::node_option("node-watch-env-file", "none", "node-watch")]
#[case::node_dotenv("node-watch", "dotenv", "node-watch")]
#[case::nodemon("nodemon", "none", "nodemon")]
fn what_a_watcher_starts_again(#[case] service: &str, #[case] how: &str, #[case] kind: &str) {
    let Some(words) = Runtimes::find().service(service) else { return };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let scene = Scene::new();
    let exported = service == "nodemon";
    let mut service = scene.start(&words, how, exported.then_some(&*scene.old));
    let first = service.ask_at_its_port();
    scene.rotate();
    let matching = format!("pid = {}", service.pid());
    let report = scene.check(&matching);
    let row = report.row("app");
    assert_eq!(row["instance"]["pid"], first, "the program is the row, not its watcher: {row:#}");
    assert_eq!(row["evidence"]["process"]["supervisor"]["kind"], kind);
    let told = scene.compare(&report);
    assert!(told == 1 || !memory_can_be_read());
    let text = report.0["diagnoses"].to_string();
    let promised = text.contains("save a source file");
    assert!(!memory_can_be_read() || text.contains("SK216"), "{text}");

    let second = service.ask_until_another_than(first, || {
        for (name, text) in programs::SOURCES {
            scene.context.write(name, format!("{text}\n"));
        }
    });
    let helped = scene.provider.last_of(second).as_ref() == Some(&scene.new);
    assert!(helped || !promised, "a fix that was promised works");
    assert!(promised || !helped || !memory_can_be_read(), "a fix that works is promised");
    let told = scene.acted(&report, "save_source", second);
    assert!(told || !memory_can_be_read(), "{row:#}");

    let mut afresh = scene.start(&words, how, exported.then_some(&*scene.new));
    assert!(scene.acted(&report, "restart", afresh.ask_at_its_port()));
    scene.compare(&scene.check(&matching));
}

#[rstest]
#[case::option("uvicorn-workers-env-file", "none", false)]
#[case::dotenv("uvicorn-workers", "dotenv", false)]
#[case::exported("uvicorn-workers", "none", true)]
fn workers_of_uvicorn(#[case] service: &str, #[case] how: &str, #[case] exported: bool) {
    let Some(words) = Runtimes::find().service(service) else { return };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let scene = Scene::new();
    let mut before = scene.start(&words, how, exported.then_some(&*scene.old));
    before.ask_at_its_port();
    scene.rotate();
    let mut after = scene.start(&words, how, exported.then_some(&*scene.new));
    let worker = after.ask_at_its_port();
    for (service, afresh) in [(&before, Some(worker)), (&after, None)] {
        let report = wait::until("a row for each worker", || {
            let report = scene.check(&format!("pid = {}", service.pid()));
            let rows = report.rows().iter().filter(|row| row["layer"] == "app").count();
            (rows == 2).then_some(report)
        });
        let told = scene.compare(&report);
        assert!(told >= 1 || !memory_can_be_read());
        assert!(afresh.is_none_or(|worker| scene.acted(&report, "restart", worker)));
    }
}

/// PM2 restarts with the copy of the environment that it has kept, unless it is told otherwise.
#[rstest]
#[case::fork(&[], "none")]
#[case::fork_dotenv(&[], "dotenv")]
#[case::cluster(&["-i", "1"], "none")]
#[case::cluster_dotenv(&["-i", "1"], "dotenv")]
fn what_pm2_starts(#[case] options: &[&str], #[case] how: &str) {
    let Some(words) = Runtimes::find().pm2() else { return };
    let Some(dotenv) = Runtimes::find().script("node", "dotenv") else { return };
    let dotenv = dotenv.last().expect("the folder of dotenv");
    let scene = Scene::new();
    let folder = scene.context.path("");
    let pm2 = Pm2::new(words, &folder);
    let (port, provider) = (free_port(), scene.provider.port().to_string());
    let port_text = port.to_string();
    let variables = |key| {
        let mut variables = vec![("HOW", how), ("PROVIDER", &*provider), ("PORT", &*port_text)];
        variables.extend((how == "none").then_some(("OPENAI_API_KEY", key)));
        variables
    };
    let start = [&["start", "app.js", "--name", "api"][..], options, &["--", dotenv, "serve"]];
    pm2.run(&start.concat(), &variables(&scene.old));
    let first = ask_another_at(port, 0);
    scene.rotate();
    let matching = format!("command = \"{}app\\\\.js\"", folder.display());
    let report = scene.check(&matching);
    let told = scene.compare(&report);
    assert!(told == 1 || !memory_can_be_read(), "{:#}", report.0["rows"]);
    assert_eq!(report.row("app")["instance"]["pid"], first);
    let text = report.0["diagnoses"].to_string();
    assert!(!memory_can_be_read() || text.contains("SK203"), "{text}");

    pm2.run(&["restart", "api"], &variables(&scene.new));
    let second = ask_another_at(port, first);
    let told = scene.acted(&report, "restart", second);
    // Workers of a cluster get their copy after the start, when their program loads its file too;
    // here the daemon itself was started with what it has a copy of.
    assert!(told == (options.is_empty() || how == "none") || !memory_can_be_read());
    scene.compare(&scene.check(&matching));
    let kept = scene.provider.last_of(second).as_ref() == Some(&scene.old);
    assert_eq!(kept, how == "none", "PM2 keeps its copy");

    pm2.run(&["restart", "api", "--update-env"], &variables(&scene.new));
    let third = ask_another_at(port, second);
    assert!(scene.blind.take().is_some() || memory_can_be_read());
    assert!(scene.acted(&report, "update_env", third));
    assert_eq!(scene.provider.last_of(third).as_ref(), Some(&scene.new));
    let told = scene.compare(&scene.check(&matching));
    assert!(told == 1 || !memory_can_be_read());
    // The daemon listens for the workers of its cluster, and is no row.
    let report = scene.check(&format!("port = {port}"));
    let row = report.row("app");
    if options.is_empty() {
        assert_eq!(row["instance"]["pid"], third);
    } else {
        assert!(row["reason"].as_str().unwrap_or_default().contains("PM2's daemon"), "{row:#}");
    }
}
