//! PM2, and a `pm2` that prints what one of version 7 has printed.

use std::os::unix::net::UnixListener;

use rstest::rstest;
use serde_json::{Value, json};

use super::{check, context, finding, has, rows};
use crate::{
    context::{TestContext, permit},
    inventory::{dotenv, layer},
    managers::{Worker, stand_in},
};

struct Scene {
    context: TestContext,
    old: String,
    new: String,
    socket: Option<UnixListener>,
    daemon: Option<Worker>,
}

impl Scene {
    /// The file has the new key, and a layer takes PM2's application from there.
    fn new() -> Self {
        let context = context();
        let (old, new) = (context.key("old"), context.key("new"));
        context.write("new.env", format!("OPENAI_API_KEY={new}\n"));
        let pm2 = "kind = \"pm2\"\napp = \"api\"\nhome = \"pm2\"\nsource = \"new.env\"\n";
        context.inventory(
            &("expect.openai = { reference = \"new.env\" }\n".to_owned()
                + &dotenv("new.env")
                + &layer("app", pm2)),
        );
        std::fs::create_dir(context.path("pm2")).expect("a new folder");
        Self { context, old, new, socket: None, daemon: None }
    }

    /// A daemon as it is known by, with the files that it writes.
    fn daemon(mut self) -> Self {
        let daemon = Worker::named("PM2 v7.0.4: God Daemon (/srv/pm2)", &[]);
        self.context.write("pm2/pm2.pid", daemon.pid().to_string());
        let socket = UnixListener::bind(self.context.path("pm2/rpc.sock"));
        (self.daemon, self.socket) = (Some(daemon), Some(socket.expect("a socket")));
        self
    }

    /// Lets `pm2 jlist` print this, behind what PM2 prints before it.
    fn prints(&self, apps: &Value) {
        let banner = ">>>> In-memory PM2 is out-of-date, do:\n[PM2][WARN] a line of its own";
        let file = self.context.write("jlist", format!("{banner}\n{apps}\n"));
        let script = format!(
            "[ \"$1\" = jlist ] && [ \"$PM2_HOME\" = '{}' ] && exec /bin/cat '{}'\nexit 1",
            self.context.path("pm2").display(),
            file.display()
        );
        stand_in(&self.context, "pm2", &script);
    }

    fn saves(&self, apps: &Value) {
        let text = serde_json::to_string_pretty(apps).expect("JSON");
        self.context.write("pm2/dump.pm2", text);
    }

    fn command(&self, words: &str) -> String {
        format!("PM2_HOME={} pm2 {words}", self.context.path("pm2").display())
    }
}

/// An application with this key in PM2's copy.
fn app(name: &str, id: u32, pid: u32, key: &str) -> Value {
    let settings = json!({
        "name": name, "env": {"OPENAI_API_KEY": key, "PATH": "/bin"}, "exec_mode": "fork_mode",
        "OPENAI_API_KEY": key, "status": if pid == 0 { "stopped" } else { "online" }, "pm_id": id,
    });
    json!({"pid": pid, "name": name, "pm2_env": settings, "pm_id": id, "monit": {"memory": 0}})
}

/// The same as `pm2 save` writes it.
fn saved(name: &str, key: &str) -> Value {
    json!({"name": name, "env": {"OPENAI_API_KEY": key}, "OPENAI_API_KEY": key, "pm_cwd": "/srv"})
}

#[test]
fn a_copy_of_the_old_key_is_replaced_by_name() {
    let scene = Scene::new().daemon();
    let worker = Worker::start(&[("OPENAI_API_KEY", &scene.old)]);
    let other = app("other app", 1, 0, &scene.new);
    scene.prints(&json!([app("api", 0, worker.pid(), &scene.old), other]));
    let report = check(&scene.context);
    let app = rows(&report, "app");
    assert_eq!(app.len(), 2, "{app:#?}");
    assert_eq!(app[0]["instance"]["service"], "api");
    assert_eq!(app[1]["instance"]["pid"], worker.pid());
    assert_eq!((&app[0]["verdict"], &app[1]["verdict"]), (&"mismatch".into(), &"mismatch".into()));
    let finding = finding(&report, "SK203");
    assert_eq!(finding["fixes"][0]["command"], scene.command("restart api --update-env"));
    assert_eq!(finding["fixes"][1]["command"], scene.command("save"));
    assert_eq!(finding["will_restart_help"], false);
    assert_eq!(finding["rows"].as_array().map(Vec::len), Some(2));
    assert!(!has(&report, "SK213") && !has(&report, "SK201"), "{:#}", report.0["diagnoses"]);
}

/// Where the shell itself would load the old key, another copy of it helps nobody.
#[test]
fn an_old_source_is_updated_first() {
    let scene = Scene::new().daemon();
    let worker = Worker::start(&[("OPENAI_API_KEY", &scene.old)]);
    scene.prints(&json!([app("api", 0, worker.pid(), &scene.old)]));
    scene.context.write("source.env", format!("OPENAI_API_KEY={}\n", scene.old));
    let pm2 = "kind = \"pm2\"\nhome = \"pm2\"\nsource = \"source.env\"\n";
    scene.context.inventory(
        &("expect.openai = { reference = \"new.env\" }\n".to_owned()
            + &dotenv("new.env")
            + &dotenv("source.env")
            + &layer("app", pm2)),
    );
    let report = check(&scene.context);
    let fixes = finding(&report, "SK203")["fixes"].to_string();
    assert!(fixes.contains("update `source.env` first") && !fixes.contains("pm2"), "{fixes}");
}

/// PM2 keeps nothing of it, so a plain restart is enough, and the copy is no row.
#[test]
fn what_loads_its_own_file_is_restarted_plainly() {
    let scene = Scene::new().daemon();
    let worker = Worker::start(&[("OPENAI_API_KEY", &scene.old)]);
    let bare = json!({"pid": worker.pid(), "name": "api", "pm_id": 0, "pm2_env": {"env": {}}});
    scene.prints(&json!([bare]));
    let report = check(&scene.context);
    let row = report.row("app");
    assert_eq!(row["instance"]["pid"], worker.pid());
    let finding = finding(&report, "SK203");
    assert_eq!(finding["fixes"][0]["command"], scene.command("restart api"));
    assert_eq!(finding["will_restart_help"], true);
    assert!(finding["message"].as_str().unwrap_or_default().contains("keeps no copy"));
}

#[test]
fn what_was_saved_comes_back_after_a_reboot() {
    let scene = Scene::new().daemon();
    let worker = Worker::start(&[("OPENAI_API_KEY", &scene.new)]);
    scene.prints(&json!([app("api", 0, worker.pid(), &scene.new)]));
    scene.saves(&json!([saved("other", &scene.new), saved("api", &scene.old)]));
    let report = check(&scene.context);
    assert!(rows(&report, "app").iter().all(|row| row["verdict"] == "current"));
    let finding = finding(&report, "SK222");
    assert_eq!(finding["fixes"][0]["command"], scene.command("save"));
    assert_eq!(finding["severity"], "warning");
    let occurrences = rows(&report, "app")[0]["occurrences"].to_string();
    assert!(occurrences.contains("manager_saved") && occurrences.contains("dump.pm2"));
    scene.saves(&json!([saved("api", &scene.new)]));
    assert!(!has(&check(&scene.context), "SK222"));
}

#[test]
fn a_dump_that_others_can_read_is_told() {
    let scene = Scene::new().daemon();
    scene.prints(&json!([app("api", 0, 0, &scene.new)]));
    scene.saves(&json!([saved("api", &scene.new)]));
    let dump = scene.context.path("pm2/dump.pm2");
    for (mode, folder, told) in [(0o600, 0o755, false), (0o644, 0o700, false), (0o644, 0o755, true)]
    {
        permit(&dump, mode);
        permit(&scene.context.path("pm2"), folder);
        permit(&scene.context.path(""), 0o755);
        let report = check(&scene.context);
        assert_eq!(has(&report, "SK605"), told, "{mode:o} {folder:o}");
        if told {
            let command = &finding(&report, "SK605")["fixes"][0]["command"];
            assert_eq!(command, &format!("chmod 600 {}", dump.display()));
        }
    }
}

/// Nothing runs: what was saved is what `pm2 resurrect` starts. PM2 is not even asked.
#[rstest]
#[case::no_daemon(false)]
#[case::killed(true)]
fn without_a_daemon_the_dump_counts_and_nobody_is_asked(#[case] was_killed: bool) {
    let scene = Scene::new();
    stand_in(&scene.context, "pm2", "/bin/kill $PPID");
    scene.saves(&json!([saved("api", &scene.old)]));
    if was_killed {
        // Its socket is still there, and its number belongs to nobody.
        scene.context.write("pm2/pm2.pid", "4194304");
        scene.context.write("pm2/rpc.sock", "");
    }
    let report = check(&scene.context);
    let app = rows(&report, "app");
    assert_eq!((&app[0]["verdict"], &app[1]["verdict"]), (&"mismatch".into(), &"unproven".into()));
    assert_eq!(app[0]["location"]["line"], 5);
    let path = app[0]["location"]["path"].as_str().unwrap_or_default();
    assert!(path.ends_with("pm2/dump.pm2"), "{path}");
    assert!(app[1]["reason"].as_str().unwrap_or_default().contains("not_running"));
    let finding = finding(&report, "SK203");
    assert_eq!(finding["fixes"][0]["command"], scene.command("resurrect"));
}

/// The row says why, what to do, and is never green.
#[rstest]
#[case::no_program("", "no `pm2` here", "PATH")]
#[case::other_words("echo nothing", "did not print its list", "run `pm2 jlist`")]
#[case::failure("echo '[PM2][ERROR] odd'; exit 1", "did not print its list", "run `pm2 jlist`")]
#[case::no_such_app("echo '[]'", "no such application", "correct `app`")]
fn what_cannot_be_asked_is_unproven(
    #[case] script: &str,
    #[case] reason: &str,
    #[case] remedy: &str,
) {
    let scene = Scene::new().daemon();
    if !script.is_empty() {
        stand_in(&scene.context, "pm2", script);
    }
    let report = check(&scene.context);
    let row = report.row("app");
    assert_eq!((&row["verdict"], &row["rank"]), (&"unproven".into(), &"launch".into()));
    let said = row["reason"].as_str().unwrap_or_default();
    assert!(said.contains(reason) && said.contains(remedy), "{said}");
}

/// A process that got the number of a daemon is none.
#[test]
fn another_process_with_the_number_is_no_daemon() {
    let scene = Scene::new();
    let other = Worker::start(&[]);
    stand_in(&scene.context, "pm2", "/bin/kill $PPID");
    scene.context.write("pm2/pm2.pid", other.pid().to_string());
    scene.context.write("pm2/rpc.sock", "");
    let report = check(&scene.context);
    assert_eq!(report.row("app")["verdict"], "unproven");
}

/// Instances of one name that were restarted with other values are told apart by number.
#[test]
fn instances_that_differ_are_rows_of_their_own() {
    let scene = Scene::new().daemon();
    let (first, second) = (
        Worker::start(&[("OPENAI_API_KEY", &scene.old)]),
        Worker::start(&[("OPENAI_API_KEY", &scene.new)]),
    );
    let apps = [app("api", 3, first.pid(), &scene.old), app("api", 4, second.pid(), &scene.new)];
    scene.prints(&json!(apps));
    let report = check(&scene.context);
    let app = rows(&report, "app");
    let shown: Vec<_> =
        app.iter().map(|row| (row["instance"].to_string(), &row["verdict"])).collect();
    assert_eq!(shown.len(), 4, "{shown:?}");
    assert_eq!(shown[0], ("{\"service\":\"3\"}".to_owned(), &"mismatch".into()));
    assert_eq!(shown[2], ("{\"service\":\"4\"}".to_owned(), &"current".into()));
    let command = &finding(&report, "SK203")["fixes"][0]["command"];
    assert_eq!(command, &scene.command("restart 3 --update-env"));
}
