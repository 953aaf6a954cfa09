//! systemd's manager of a user, in a mount namespace of its own.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::{
    command_of, configured,
    context::{Report, TestContext},
    contract::validate,
    inventory::{dotenv, layer},
    running,
    wait::until,
};

const START: &str = "mount --make-rprivate / && mount -t tmpfs tmpfs /run || exit 1
mkdir -p /run/systemd/system /run/user/0 && chmod 700 /run/user/0
dbus-daemon --session --nofork --nopidfile --address=\"$DBUS_SESSION_BUS_ADDRESS\" &
while [ ! -S /run/user/0/bus ]; do kill -0 $! || exit 1; done
exec \"$SYSTEMD\" --user";

/// It ends with the test, and its units with it.
struct Manager {
    child: Child,
    home: PathBuf,
}

impl Manager {
    #[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
    fn start(home: &Path) -> Option<Self> {
        let skip = |why: &str| {
            println!("skipped: {why}");
            None
        };
        let program = ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"];
        let Some(program) = program.into_iter().find(|path| Path::new(path).exists()) else {
            return skip("no systemd");
        };
        if Path::new("/run/systemd/system").exists() || !rustix::process::geteuid().is_root() {
            return skip("systemd runs this machine, or the user may make no namespace");
        }
        for words in [&["dbus-daemon", "--version"][..], &["unshare", "-m", "true"]] {
            let works = Command::new(words[0]).args(&words[1..]).output();
            if !works.is_ok_and(|output| output.status.success()) {
                return skip(&format!("`{}` does not work", words.join(" ")));
            }
        }
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", START]).env_clear().envs(variables(home));
        command.env("SYSTEMD", program).process_group(0);
        let null = [Stdio::null(), Stdio::null(), Stdio::null()];
        let [stdin, stdout, stderr] = null;
        let child = command.stdin(stdin).stdout(stdout).stderr(stderr).spawn().expect("unshare");
        let mut manager = Self { child, home: home.to_owned() };
        let runs = until("systemd, or its end", || {
            if manager.child.try_wait().expect("our own child").is_some() {
                return Some(false);
            }
            let output = manager.systemctl(&["show", "-p", "Version"]);
            output.status.success().then_some(true)
        });
        if runs { Some(manager) } else { skip("systemd's user manager does not start here") }
    }

    /// The same command in the namespace of the manager.
    fn inside(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.args(["-m", "-t", &self.child.id().to_string(), "env", "-C"]);
        inside.arg(command.get_current_dir().unwrap_or(Path::new("/")));
        inside.arg(command.get_program()).args(command.get_args()).env_clear();
        inside.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        inside.envs(variables(&self.home));
        // Where it has to be from the beginning; the namespace has other folders.
        inside.current_dir("/");
        inside
    }

    fn systemctl(&self, words: &[&str]) -> Output {
        let mut command = Command::new("systemctl");
        command.arg("--user").args(words);
        self.inside(&command).stdin(Stdio::null()).output().expect("nsenter")
    }

    fn does(&self, words: &[&str]) {
        let output = self.systemctl(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
    }

    /// Does what a finding says.
    fn follow(&self, advice: &str) {
        let mut shell = Command::new("sh");
        shell.args(["-c", advice]);
        let output = self.inside(&shell).stdin(Stdio::null()).output().expect("nsenter");
        assert!(output.status.success(), "{advice}: {output:?}");
    }

    fn check(&self, context: &TestContext) -> Report {
        let command = context.command(&["check", "--offline", "--format", "json"]);
        let report = context.finish(self.inside(&command), "").json();
        validate(&report);
        report
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let pid = Pid::from_child(&self.child);
        // It stops its units first, when it is asked.
        let _ = kill_process(pid, Signal::TERM);
        let mut tries = 0_u32;
        while matches!(self.child.try_wait(), Ok(None)) && tries < 2000 {
            std::thread::park_timeout(std::time::Duration::from_millis(5));
            tries += 1;
        }
        let _ = kill_process_group(pid, Signal::KILL);
        let _ = self.child.wait();
    }
}

fn variables(home: &Path) -> Vec<(&'static str, std::ffi::OsString)> {
    vec![
        ("PATH", std::env::var_os("PATH").unwrap_or_default()),
        ("HOME", home.into()),
        ("XDG_CONFIG_HOME", home.join(".config").into()),
        ("XDG_RUNTIME_DIR", "/run/user/0".into()),
        ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/0/bus".into()),
    ]
}

/// Of the unit itself, of a file that it names, and of what each advice comes to.
#[test]
fn what_a_restart_of_a_unit_gives() {
    let context = TestContext::new();
    let home = context.path("home");
    let Some(manager) = Manager::start(&home) else { return };
    let (old, new) = (context.key("old"), context.key("new"));
    // Another manager may share the control groups.
    let own = format!("stalekey-own-{}", std::process::id());
    let file = format!("stalekey-file-{}", std::process::id());
    let write = |name: &str, lines: &str| {
        let path = home.join(format!(".config/systemd/user/{name}.service"));
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs::write(path, format!("[Service]\n{lines}\nExecStart=/bin/sleep 3600\n"))
            .expect("a unit");
    };
    let named = context.path("named.env");
    let named = format!("EnvironmentFile={}", named.display());
    context.write("new.env", format!("OPENAI_API_KEY={new}\n"));
    context.write("named.env", format!("OPENAI_API_KEY={old}\n"));
    write(&own, &format!("Environment=OPENAI_API_KEY={old}"));
    write(&file, &named);
    let unit = |name: &str| {
        layer(name, &format!("kind = \"systemd\"\nunit = \"{name}\"\nscope = \"user\"\n"))
    };
    context.inventory(
        &("expect.openai = { reference = \"new.env\" }\n".to_owned()
            + &dotenv("new.env")
            + &unit(&own)
            + &unit(&file)),
    );
    manager.does(&["daemon-reload"]);
    manager.does(&["start", &own, &file]);

    // Rotated, and nothing else.
    context.write("named.env", format!("OPENAI_API_KEY={new}\n"));
    write(&own, &format!("Environment=OPENAI_API_KEY={new}"));
    let report = manager.check(&context);
    for name in [&own, &file] {
        assert_eq!(configured(&report, name)["verdict"], "current");
        let runs = running(&report, name);
        assert_eq!(runs.len(), 1, "{runs:#?}");
        assert_eq!(runs[0]["verdict"], "mismatch", "{:#}", runs[0]);
        assert_eq!(runs[0]["evidence"]["process"]["program"], "sleep");
    }
    let both = format!("systemctl --user daemon-reload && systemctl --user restart {own}.service");
    assert_eq!(command_of(&report, "SK205"), both);
    assert_eq!(command_of(&report, "SK201"), format!("systemctl --user restart {file}.service"));

    // A restart alone is enough for the one, and not for the other.
    manager.does(&["restart", &own, &file]);
    let report = manager.check(&context);
    assert_eq!(running(&report, &own)[0]["verdict"], "mismatch");
    assert_eq!(running(&report, &file)[0]["verdict"], "current");
    assert_eq!(command_of(&report, "SK205"), both);

    // Loaded again and not restarted: systemd tells the new key, and what runs has the old one.
    manager.does(&["daemon-reload"]);
    let report = manager.check(&context);
    assert_eq!(running(&report, &own)[0]["verdict"], "mismatch");
    let advice = command_of(&report, "SK201");
    assert_eq!(advice, format!("systemctl --user restart {own}.service"));
    manager.follow(&advice);
    let report = manager.check(&context);
    assert_eq!(running(&report, &own)[0]["verdict"], "current", "{:#}", report.0["rows"]);
    assert!(report.0["diagnoses"].as_array().expect("findings").is_empty(), "{:#}", report.0);

    // A drop-in is an edit too.
    let drop_in = format!("home/.config/systemd/user/{own}.service.d/key.conf");
    context.write(&drop_in, format!("[Service]\nEnvironment=OPENAI_API_KEY={old}\n"));
    let report = manager.check(&context);
    assert_eq!(configured(&report, &own)["verdict"], "mismatch");
    manager.does(&["stop", &own, &file]);
    let report = manager.check(&context);
    assert_eq!(running(&report, &file)[0]["verdict"], "unproven");
}
