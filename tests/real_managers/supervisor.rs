//! supervisord, and its own reader of `environment=`.

use std::{
    io::Write as _,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use stalekey::{
    domain::reading::Yield,
    formats::{
        files::{Entry, Files, Missed},
        supervisor,
    },
};

use crate::{
    command_of, configured,
    context::{Report, TestContext},
    contract::validate,
    inventory::{dotenv, layer},
    running,
    wait::until,
};

/// It ends with the test, and its programs with it.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = Pid::from_child(&self.0);
        let _ = kill_process(pid, Signal::TERM);
        let mut tries = 0_u32;
        while matches!(self.0.try_wait(), Ok(None)) && tries < 2000 {
            std::thread::park_timeout(std::time::Duration::from_millis(5));
            tries += 1;
        }
        let _ = kill_process_group(pid, Signal::KILL);
        let _ = self.0.wait();
    }
}

#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn is_there() -> bool {
    let works = |name: &str| {
        Command::new(name).arg("--help").output().is_ok_and(|output| output.status.success())
    };
    let there = works("supervisord") && works("supervisorctl");
    if !there {
        println!("skipped: no supervisord");
    }
    there
}

fn configuration(folder: &Path, key: &str) -> String {
    let folder = folder.display();
    format!(
        "[unix_http_server]\nfile={folder}/s.sock\n[supervisord]\nlogfile={folder}/s.log\n\
         pidfile={folder}/s.pid\n[rpcinterface:supervisor]\n\
         supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n\
         [supervisorctl]\nserverurl=unix://{folder}/s.sock\n\
         [program:own]\ncommand=/bin/sleep 3600\nstartsecs=0\nautorestart=false\n\
         environment=OTHER=\"x\",\n    OPENAI_API_KEY=\"{key}\"  ; a remark\n\
         [program:handed]\ncommand=/bin/sleep 3600\nstartsecs=0\nautorestart=false\n"
    )
}

#[test]
fn what_a_restart_of_supervisord_gives() {
    if !is_there() {
        return;
    }
    let context = TestContext::new();
    let (old, new) = (context.key("old"), context.key("new"));
    let folder = context.path("");
    let file = context.write("s.conf", configuration(&folder, &old));
    context.write("new.env", format!("OPENAI_API_KEY={new}\n"));
    let program = |name: &str| {
        layer(name, &format!("kind = \"supervisor\"\nprogram = \"{name}\"\nconfig = \"s.conf\"\n"))
    };
    context.inventory(
        &("expect.openai = { reference = \"new.env\" }\n".to_owned()
            + &dotenv("new.env")
            + &program("own")
            + &program("handed")),
    );
    let check = || {
        let report = context.run(&["check", "--offline", "--format", "json"]).json();
        validate(&report);
        report
    };
    // Before it runs, the configuration alone is known.
    let report = check();
    assert_eq!(configured(&report, "own")["verdict"], "mismatch");
    assert_eq!(configured(&report, "own")["location"]["line"], 15);
    assert_eq!(running(&report, "own")[0]["verdict"], "unproven");

    let path = std::env::var_os("PATH").expect("a PATH");
    let mut command = Command::new("supervisord");
    command.args(["-n", "-c"]).arg(&file).current_dir(&folder).env_clear();
    command.env("PATH", &path).env("OPENAI_API_KEY", &old).process_group(0);
    let null = [Stdio::null(), Stdio::null(), Stdio::null()];
    let [stdin, stdout, stderr] = null;
    let child = command.stdin(stdin).stdout(stdout).stderr(stderr).spawn().expect("supervisord");
    let daemon = Daemon(child);
    let of_pid = |report: &Report, name: &str| running(report, name)[0]["instance"]["pid"].as_u64();
    // A child shows its own environment once its program is started.
    let found = |than: Option<u64>| {
        until("both programs", || {
            let report = check();
            let own = of_pid(&report, "own").filter(|pid| Some(*pid) != than)?;
            let runs = ["own", "handed"].iter().all(|name| {
                let row = running(&report, name)[0];
                row["state"] == "found" && row["evidence"]["process"]["program"] == "sleep"
            });
            runs.then_some((own, report))
        })
    };
    let (first, _) = found(None);

    context.write("s.conf", configuration(&folder, &new));
    let (_, report) = found(None);
    assert_eq!(configured(&report, "own")["verdict"], "current");
    assert_eq!(running(&report, "own")[0]["verdict"], "mismatch");
    assert_eq!(configured(&report, "handed")["verdict"], "mismatch");
    let ctl = format!("supervisorctl -c {}", file.display());
    let advice = format!("{ctl} reread && {ctl} update own");
    let told = report.0["diagnoses"].as_array().expect("findings");
    let commands: Vec<_> = told.iter().map(|finding| &finding["fixes"][0]["command"]).collect();
    assert!(commands.iter().any(|command| **command == *advice), "{told:#?}");
    let text = report.0["diagnoses"].to_string();
    assert!(text.contains("supervisord itself") && !text.contains("SK201"), "{text}");

    // The common advice starts it as it was.
    let does = |words: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", words]).current_dir(&folder).env_clear().env("PATH", &path);
        let output = shell.stdin(Stdio::null()).output().expect("a shell");
        assert!(output.status.success(), "{words}: {output:?}");
    };
    does(&format!("{ctl} restart own handed"));
    let (second, report) = found(Some(first));
    assert_eq!(running(&report, "own")[0]["verdict"], "mismatch");
    assert_eq!(running(&report, "handed")[0]["verdict"], "mismatch");
    assert!(report.0["diagnoses"].to_string().contains(&advice));

    does(&advice);
    let (_, report) = found(Some(second));
    assert_eq!(running(&report, "own")[0]["verdict"], "current", "{:#}", report.0["rows"]);
    assert!(!report.0["diagnoses"].to_string().contains(&advice));

    drop(daemon);
    let report = check();
    assert_eq!(running(&report, "own")[0]["verdict"], "unproven");
    assert_eq!(command_of(&report, "SK505"), format!("{ctl} start own"));
}

/// Values of `environment=`, each in a configuration of its own.
const VALUES: &[&str] = &[
    "A=b",
    "A=\"b\"",
    "A='b'",
    "A=\"b,c\",B=d",
    "A=\"b\" , B = 'd'",
    "A=b,",
    "A=b,,B=c",
    "A=b=",
    "A=b=c",
    "A=b c",
    "A=b B=c",
    "A=\"b'c\"",
    "A='\"b\"'",
    "A=b\"c\"d",
    "A=\"\"",
    "A=",
    "A",
    "A=\"b",
    "A=sk-a_b/c.d+e(f):g",
    "A=b#c",
    "A=\"b#c\"",
    "A=\"b #c\"",
    "A=\"b ;c\"",
    "A=\"b;c\"",
    "A=b;c",
    "A=\"100%%\"",
    "A=\"100%\"",
    "A=\"%(ENV_SET)s\"",
    "A=%(ENV_SET)s",
    "A=\"%(ENV_NONE)s\"",
    "A=\"%(program_name)s-%(process_num)d-%(process_num)03d-%(numprocs)s\"",
    "A=\"%(program_name)d\"",
    "A=\"%(host_node_name)s\"",
    "A=\"%(program_name)9s|\"",
    "A=b,A=c",
    "A=\"b\nc\"",
    "\n  A=b,\n  B=c",
    "\n  A=b,\n\n  # remark\n  B=c",
    "A=b, ; remark\n  B=c ; more",
    "A=\u{e4}",
    "A=\"\u{e4}\"",
    "A=b@c",
    "a-b=c",
    "=",
    ",",
    "",
];

struct One(Vec<u8>);

impl Files for One {
    fn read(&mut self, _: &str) -> Result<Vec<u8>, Missed> {
        Ok(self.0.clone())
    }

    fn list(&mut self, _: &str) -> Result<Vec<Entry>, Missed> {
        Err(Missed::Absent)
    }
}

const READER: &str = r#"
import json, os, sys, tempfile, platform
os.environ.clear(); os.environ["SET"] = "set,it"
platform.node = lambda: "host-1"
from supervisor.options import ServerOptions
results = []
for text in json.load(sys.stdin):
    with tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8") as file:
        file.write(text); file.flush()
        options = ServerOptions()
        options.configfile = file.name
        try:
            options.here = os.path.dirname(file.name)
            config = options.read_config(file.name)
            groups = config.process_group_configs
            results.append(dict(groups[0].process_configs[0].environment))
        except ValueError:
            results.append(None)
json.dump(results, sys.stdout)
"#;

/// The same values as supervisor itself, and the same refusals.
#[test]
fn values_are_those_that_supervisor_reads() {
    let texts: Vec<String> = VALUES
        .iter()
        .map(|value| {
            format!("[supervisord]\n[program:api]\ncommand=/bin/true\nenvironment={value}\n")
        })
        .collect();
    let mut python = Command::new("/usr/bin/python3");
    python.args(["-c", READER]).env("PYTHONUTF8", "1");
    python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = python.spawn() else {
        println!("skipped: no python3");
        return;
    };
    let input = serde_json::to_vec(&texts).expect("JSON");
    // Where it fails at once it does not read.
    let _ = child.stdin.take().expect("a pipe").write_all(&input);
    let output = child.wait_with_output().expect("it ends");
    if String::from_utf8_lossy(&output.stderr).contains("No module named") {
        println!("skipped: no supervisor for python3");
        return;
    }
    assert!(output.status.success(), "{output:?}");
    let expected: Vec<Option<std::collections::BTreeMap<String, String>>> =
        serde_json::from_slice(&output.stdout).expect("its answers");
    let daemon = [("SET".to_owned(), stalekey::domain::secret::SecretValue::new(b"set,it"))];
    let daemon = daemon.into();
    for ((text, value), expected) in texts.iter().zip(VALUES).zip(expected) {
        let config = supervisor::read("/etc/s.conf", "host-1", &mut One(text.clone().into_bytes()));
        let programs = config.and_then(|config| config.programs(None, Some(&daemon)));
        let ours = programs.ok().map(|programs| {
            let all = programs[0].contents.occurrences.iter().filter(|it| it.wins);
            all.map(|it| match &it.yields {
                Yield::Value(secret) => {
                    let text = String::from_utf8(secret.expose().to_vec()).expect("text");
                    (it.variable.clone(), text)
                }
                other => panic!("{other:?}"),
            })
            .collect()
        });
        assert_eq!(ours, expected, "{value:?}");
    }
}
