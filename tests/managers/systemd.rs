//! Units, and a `systemctl` that prints what one of systemd 252 has printed.

use rstest::rstest;

use super::{check, context, finding, has, rows};
use crate::{
    context::TestContext,
    inventory::{dotenv, layer},
    managers::{Worker, stand_in},
};

struct Scene {
    context: TestContext,
    old: String,
    new: String,
}

impl Scene {
    /// A unit of the user whose file has the new key, and a layer for it.
    fn new() -> Self {
        let context = context();
        let (old, new) = (context.key("old"), context.key("new"));
        context.write("new.env", format!("OPENAI_API_KEY={new}\n"));
        let scene = Self { context, old, new };
        scene.unit(&format!("Environment=OPENAI_API_KEY={}", scene.new));
        let unit = "kind = \"systemd\"\nunit = \"api\"\nscope = \"user\"\n";
        scene.context.inventory(
            &("expect.openai = { reference = \"new.env\" }\n".to_owned()
                + &dotenv("new.env")
                + &layer("unit", unit)),
        );
        scene
    }

    fn unit(&self, line: &str) {
        let text = format!("[Service]\n{line}\nExecStart=/srv/api\n");
        self.context.write("home/.config/systemd/user/api.service", text);
    }

    /// Lets `systemctl` print this beside the name.
    fn systemctl_prints(&self, properties: &str) {
        let text = format!("Id=api.service\nLoadState=loaded\n{properties}\n");
        let file = self.context.write("shown", text);
        stand_in(&self.context, "systemctl", &format!("exec /bin/cat '{}'", file.display()));
    }
}

#[test]
fn an_edit_that_systemd_has_not_loaded_needs_both_commands() {
    let scene = Scene::new();
    let worker = Worker::start(&[("OPENAI_API_KEY", &scene.old)]);
    scene.systemctl_prints(&format!(
        "ActiveState=active\nMainPID={}\nNeedDaemonReload=yes\nEnvironment=OPENAI_API_KEY={}",
        worker.pid(),
        scene.old
    ));
    let report = check(&scene.context);
    let unit = rows(&report, "unit");
    assert_eq!(unit.len(), 2, "{unit:#?}");
    assert_eq!((&unit[0]["verdict"], &unit[0]["rank"]), (&"current".into(), &"configured".into()));
    assert_eq!(unit[1]["verdict"], "mismatch");
    assert_eq!(unit[1]["instance"]["pid"], worker.pid());
    assert_eq!(unit[1]["evidence"]["manager"]["name"], "api.service");
    let finding = finding(&report, "SK205");
    let command = "systemctl --user daemon-reload && systemctl --user restart api.service";
    assert_eq!(finding["fixes"][0]["command"], command);
    assert_eq!(
        (&finding["severity"], &finding["will_restart_help"]),
        (&"error".into(), &false.into())
    );
    assert!(!has(&report, "SK201"), "one finding speaks");
}

/// What a start would take is in the file by now, whatever else was edited in the unit.
#[rstest]
#[case::file_edited("NeedDaemonReload=no", "")]
#[case::unit_edited_elsewhere("NeedDaemonReload=yes", "NEW")]
fn a_restart_alone_is_advised_where_it_is_enough(#[case] reload: &str, #[case] loaded: &str) {
    let scene = Scene::new();
    let worker = Worker::start(&[("OPENAI_API_KEY", &scene.old)]);
    let environment =
        if loaded.is_empty() { String::new() } else { format!("OPENAI_API_KEY={}", scene.new) };
    scene.systemctl_prints(&format!(
        "ActiveState=active\nMainPID={}\n{reload}\nEnvironment={environment}",
        worker.pid(),
    ));
    let report = check(&scene.context);
    let finding = finding(&report, "SK201");
    assert_eq!(finding["fixes"][0]["command"], "systemctl --user restart api.service");
    assert_eq!(finding["will_restart_help"], true);
    assert!(!has(&report, "SK205"));
}

/// The file that the loaded unit names is read at every start.
#[test]
fn a_file_of_the_loaded_unit_counts_as_it_is_now() {
    let scene = Scene::new();
    let worker = Worker::start(&[("OPENAI_API_KEY", &scene.old)]);
    let file = scene.context.path("new.env");
    scene.systemctl_prints(&format!(
        "ActiveState=active\nMainPID={}\nNeedDaemonReload=yes\nEnvironment=OPENAI_API_KEY={}\n\
         EnvironmentFiles={} (ignore_errors=no)",
        worker.pid(),
        scene.old,
        file.display()
    ));
    let report = check(&scene.context);
    assert!(has(&report, "SK201") && !has(&report, "SK205"), "{:#}", report.0["diagnoses"]);
}

#[test]
fn what_runs_with_the_new_key_is_current_and_an_edit_that_is_not_loaded_is_told() {
    let scene = Scene::new();
    let worker = Worker::start(&[("OPENAI_API_KEY", &scene.new)]);
    scene.systemctl_prints(&format!(
        "ActiveState=active\nMainPID={}\nNeedDaemonReload=yes\nEnvironment=OPENAI_API_KEY={}",
        worker.pid(),
        scene.old
    ));
    let report = check(&scene.context);
    assert!(rows(&report, "unit").iter().all(|row| row["verdict"] == "current"));
    assert_eq!(finding(&report, "SK205")["severity"], "warning");
}

#[test]
fn a_unit_that_does_not_run_is_unproven_unless_that_is_its_rest() {
    let scene = Scene::new();
    let stopped = "ActiveState=inactive\nMainPID=0\nNeedDaemonReload=no";
    scene.systemctl_prints(stopped);
    let report = check(&scene.context);
    let unit = rows(&report, "unit");
    assert_eq!((&unit[0]["verdict"], &unit[1]["verdict"]), (&"current".into(), &"unproven".into()));
    assert_eq!(unit[1]["instance"]["service"], "api.service");
    let command = &finding(&report, "SK505")["fixes"][0]["command"];
    assert_eq!(command, "systemctl --user start api.service");
    for rests in ["Type=oneshot", "TriggeredBy=api.timer"] {
        scene.systemctl_prints(&format!("{stopped}\n{rests}"));
        assert_eq!(rows(&check(&scene.context), "unit").len(), 1);
    }
}

/// The row of what is configured stays what it is; that of what runs says what to do.
#[rstest]
#[case::no_systemctl("", "no `systemctl` here", "on the machine that runs the unit")]
#[case::not_booted(
    "echo 'System has not been booted with systemd as init system (PID 1).' >&2; exit 1",
    "systemd does not run here",
    "`files`"
)]
#[case::no_bus(
    "echo 'Failed to connect to bus: No medium found' >&2; exit 1",
    "no session bus",
    "XDG_RUNTIME_DIR"
)]
#[case::denied(
    "echo 'Failed to get properties: Access denied' >&2; exit 1",
    "does not answer this user",
    "as root"
)]
#[case::other_failure("echo odd >&2; exit 7", "`systemctl show` failed", "`systemctl show`")]
#[case::not_loaded(
    "echo Id=api.service; echo LoadState=not-found",
    "knows no unit of this name",
    "systemctl --user daemon-reload"
)]
#[case::bad_unit(
    "echo Id=api.service; echo LoadState=bad-setting",
    "could not load the unit",
    "systemctl status api.service"
)]
fn what_cannot_be_asked_is_unproven(
    #[case] script: &str,
    #[case] reason: &str,
    #[case] remedy: &str,
) {
    let scene = Scene::new();
    if !script.is_empty() {
        stand_in(&scene.context, "systemctl", script);
    }
    let report = check(&scene.context);
    let unit = rows(&report, "unit");
    assert_eq!(
        (&unit[0]["verdict"], unit[0]["location"]["line"].as_u64()),
        (&"current".into(), Some(2))
    );
    assert_eq!(unit[1]["verdict"], "unproven");
    let said = unit[1]["reason"].as_str().unwrap_or_default();
    assert!(said.contains(reason) && said.contains(remedy), "{said}");
    assert!(report.0["diagnoses"].to_string().contains(remedy));
    assert_eq!(report.0["summary"]["verdicts"]["unproven"], 1);
}

#[test]
fn a_unit_given_by_its_files_is_asked_of_nobody() {
    let scene = Scene::new();
    stand_in(&scene.context, "systemctl", "echo asked >&2; kill $PPID");
    let unit =
        "kind = \"systemd\"\nunit = \"api\"\nfiles = [\"home/.config/systemd/user/api.service\"]\n";
    scene.context.inventory(&layer("unit", unit));
    let report = check(&scene.context);
    assert_eq!(report.row("unit")["rank"], "configured");
}
