//! Layers that are read on other machines: through a real sshd on loopback where there is one, and
//! through a fake `ssh` that runs what it is given on this machine.

#![expect(clippy::print_stdout, reason = "a test that cannot run says so")]

use std::{
    fs,
    io::Write as _,
    net::TcpStream,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use base64::Engine as _;
use rstest::rstest;
use serde_json::Value;

#[path = "support/context.rs"]
mod context;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/contract.rs"]
mod contract;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/inventory.rs"]
mod inventory;
#[path = "support/wait.rs"]
mod wait;

use context::{Report, TestContext, permit};
use contract::validate;
use inventory::layer;
use wait::until;

const SALT: &str = "5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e";

/// A busy machine may take its time.
fn inventory(context: &TestContext, layers: &str) {
    context.write(
        "stalekey.toml",
        format!(
            "version = 1\n[settings]\ntimeout = \"80s\"\n[fingerprint]\nsalt = \"{SALT}\"\n\
             [credentials.openai]\nprovider = \"openai\"\n[environments.production]\n{layers}"
        ),
    );
    context.trust(&[]);
}

fn check(context: &TestContext) -> Report {
    let run = context.run(&["check", "--offline", "--format", "json"]);
    assert_eq!(run.stderr, "");
    let report = run.json();
    validate(&report);
    report
}

fn row<'a>(report: &'a Report, layer: &str, host: &str) -> &'a Value {
    let mut rows = report.rows().iter();
    rows.find(|row| row["layer"] == layer && row["host"] == host)
        .unwrap_or_else(|| panic!("no row of {layer} on {host}: {:#}", report.0["rows"]))
}

fn reason(row: &Value) -> &str {
    row["reason"].as_str().expect("a reason")
}

/// A program of the test's own, on the path before all others.
fn program(context: &TestContext, name: &str, text: &str) {
    let path = context.write(name, format!("#!/bin/sh\n{text}"));
    permit(&path, 0o700);
    // While another thread starts a program, it holds this one open for a moment.
    until("the program is closed everywhere", || Command::new(&path).arg("-V").output().ok());
}

/// A folder whose `ssh` comes before the system's.
fn with_ssh(script: &str) -> TestContext {
    let context = TestContext::new();
    let folder = context.path("bin");
    let context =
        context.with("PATH", format!("{}:/usr/bin:/bin:/usr/sbin:/sbin", folder.display()));
    program(&context, "bin/ssh", script);
    context
}

/// An `ssh` that runs what it is given here, or fails as the real one does. Every host is a case.
fn fake() -> TestContext {
    let context = with_ssh("exit 0\n");
    let there = context.path("there");
    fs::create_dir(&there).expect("a folder");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_stalekey"), there.join("stalekey"))
        .expect("a link");
    program(&context, "late/date", "echo $(($(/bin/date +%s) + 9000))\n");
    program(&context, "old/stalekey", "echo 'error: unexpected argument' >&2; exit 2\n");
    let root = context.path("");
    let root = root.display();
    program(
        &context,
        "bin/ssh",
        &format!(
            "while [ $# -gt 0 ] && [ \"$1\" != -- ]; do\n\
             if [ \"$1\" = -O ]; then exit 0; fi\nshift\ndone\n\
             host=$2\n[ \"$host\" ] || exit 0\n\
             PATH=/usr/bin:/bin\nexport PATH\n\
             case $host in\n\
             web-*) exec sh -s ;;\n\
             banner) echo 'Welcome to web-9!'; echo; exec sh -s ;;\n\
             late) PATH={root}late:$PATH exec sh -s ;;\n\
             full) PATH={root}there:$PATH exec sh -s ;;\n\
             outdated) PATH={root}old:$PATH exec sh -s ;;\n\
             bare) PATH={root}nothing exec /bin/sh -s ;;\n\
             git) echo 'hi there, no shell for you'; exit 1 ;;\n\
             cut) sh -s | head -n 1; exit 255 ;;\n\
             stranger) echo 'Host key verification failed.' >&2; exit 255 ;;\n\
             changed) echo '@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @' >&2\n\
             echo 'Host key verification failed.' >&2; exit 255 ;;\n\
             locked) echo 'me@locked: Permission denied (publickey).' >&2; exit 255 ;;\n\
             nowhere) echo 'ssh: Could not resolve hostname nowhere' >&2; exit 255 ;;\n\
             *) echo \"ssh: connect to host: Connection refused\" >&2; exit 255 ;;\n\
             esac\n"
        ),
    );
    context
}

/// Waits for the end of its input under a name that no other process has.
struct Worker(Child);

impl Worker {
    fn start(token: &str, key: &str) -> Self {
        let mut command = Command::new("/bin/sh");
        command.arg0(token).args(["-c", "read -r line"]).env_clear().env("OPENAI_API_KEY", key);
        let child = command.stdin(Stdio::piped()).spawn().expect("a process");
        let words = format!("/proc/{}/cmdline", child.id());
        until("it runs under its name", || {
            fs::read(&words).is_ok_and(|words| words.starts_with(token.as_bytes())).then_some(())
        });
        Self(child)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn token(context: &TestContext) -> String {
    let folder = context.path("");
    let name = folder.file_name().expect("the folder has a name");
    let name = name.to_string_lossy();
    format!("worker{}", name.chars().filter(char::is_ascii_alphanumeric).collect::<String>())
}

fn file_on(name: &str, path: &Path, hosts: &str, more: &str) -> String {
    let path = path.display();
    layer(name, &format!("kind = \"dotenv\"\npath = \"{path}\"\nhosts = [{hosts}]\n{more}\n"))
}

#[test]
fn a_file_there_is_compared_with_what_is_held_here() {
    let context = fake();
    let (new, old) = (context.key("new"), context.key("old"));
    let there =
        context.write("srv/.env", format!("A=1\n# the key\nexport OPENAI_API_KEY=\"{old}\"\n"));
    context.write("here.env", format!("OPENAI_API_KEY={new}\n"));
    let copy = context.write("srv/copy.env", format!("OPENAI_API_KEY={new}\n"));
    inventory(
        &context,
        &(layer("here", "kind = \"dotenv\"\npath = \"here.env\"\n")
            + &file_on("there", &there, "\"web-1\", \"banner\", \"full\", \"outdated\"", "")
            + &file_on("copy", &copy, "\"web-1\", \"full\"", "source = \"here\"")),
    );
    let report = check(&context);
    let here = report.row("here");
    for host in ["web-1", "full"] {
        let copy = row(&report, "copy", host);
        assert_eq!(copy["key"], here["key"], "the same key, with all that is known of it here");
    }
    for host in ["web-1", "banner", "outdated", "full"] {
        let there = row(&report, "there", host);
        assert_eq!(there["state"], "found", "{there:#}");
        assert_eq!(
            (&there["location"]["line"], &there["location"]["column"]),
            (&3.into(), &24.into())
        );
        assert_eq!(there["key"]["fingerprint"], Value::Null, "a key of this run is no salt");
        assert_eq!(there["key"]["tag"], "≡1", "the same key wherever it is");
        assert_eq!(there["probe"]["reason"], "not probed: the key is not held here");
        let mask = there["key"]["mask"].as_str().expect("a mask");
        assert!(mask.starts_with("sk-proj-…"), "{mask}");
    }
    assert_eq!(report.0["summary"]["distinct_keys"], 2);
}

/// A plain shell never contradicts the reader: it gives the same answer, or none.
#[test]
fn what_a_plain_shell_tells_is_what_the_reader_sees_or_nothing() {
    let context = fake();
    let key = context.key("one");
    let other = context.key("two");
    let texts = [
        ("plain", format!("OPENAI_API_KEY={key}\n"), true),
        ("no line end", format!("A=1\nOPENAI_API_KEY={key}"), true),
        ("double", format!("OPENAI_API_KEY=\"{key}\"\n"), true),
        ("single", format!("B=x\nOPENAI_API_KEY='{key}'\n"), true),
        ("exported", format!("export OPENAI_API_KEY={key}\n"), true),
        ("twice", format!("OPENAI_API_KEY={other}\nOPENAI_API_KEY={key}\n"), true),
        ("empty", "OPENAI_API_KEY=\n".to_owned(), true),
        ("absent", "OTHER=1\n".to_owned(), true),
        ("comment", format!("OPENAI_API_KEY={key} # new\n"), false),
        ("spaces", format!("OPENAI_API_KEY = {key}\n"), false),
        ("line end", format!("OPENAI_API_KEY={key}\r\n"), false),
        ("reference", format!("A=$B\nOPENAI_API_KEY={key}\n"), false),
        ("open quote", format!("A=\"x\nOPENAI_API_KEY={key}\nB=\"\n"), false),
    ];
    let dialects = ["python-dotenv", "docker-run", "node-dotenv", "sh"];
    let mut layers = String::new();
    for (name, text, _) in &texts {
        let path = context.write(&format!("srv/{}.env", name.replace(' ', "-")), text);
        for dialect in dialects {
            let dialect = format!("dialect = \"{dialect}\"");
            let at = path.display();
            layers.push_str(&layer(
                &format!("here {name} {dialect}").replace('"', ""),
                &format!("kind = \"dotenv\"\npath = \"{at}\"\n{dialect}\n"),
            ));
            let there = format!("there {name} {dialect}").replace('"', "");
            layers.push_str(&file_on(&there, &path, "\"web-1\"", &dialect));
        }
    }
    inventory(&context, &layers);
    let report = check(&context);
    for (name, _, decided) in &texts {
        for dialect in dialects {
            let case = format!("{name} dialect = {dialect}");
            let here = report.row(&format!("here {case}"));
            let there = row(&report, &format!("there {case}"), "web-1");
            if *decided || there["state"] != "opaque" {
                for field in ["state", "key", "location", "verdict"] {
                    assert_eq!(there[field], here[field], "{field} of {case}: {there:#}");
                }
            } else {
                assert_eq!(there["verdict"], "unproven");
                assert!(reason(there).contains("install stalekey there"), "{there:#}");
            }
        }
    }
}

#[test]
fn processes_there_are_rows_of_their_host_and_older_than_their_file() {
    let context = fake();
    let (new, old) = (context.key("new"), context.key("old"));
    let token = token(&context);
    let worker = Worker::start(&token, &old);
    context.write("here.env", format!("OPENAI_API_KEY={new}\n"));
    context.write("old.env", format!("OPENAI_API_KEY={old}\n"));
    let matching = format!("kind = \"process\"\nmatch = {{ command = \"^{token} \" }}\n");
    inventory(
        &context,
        &(layer("here", "kind = \"dotenv\"\npath = \"here.env\"\n")
            + &layer("old", "kind = \"dotenv\"\npath = \"old.env\"\noptional = true\n")
            + "[environments.production.expect.openai]\nreference = \"here\"\n"
            + &layer(
                "worker",
                &format!("{matching}hosts = [\"web-1\", \"web-2\", \"late\", \"full\"]\n"),
            )
            + &layer(
                "nobody",
                "kind = \"process\"\nmatch = { name = \"no-such-program\" }\nhosts = [\"web-1\"]\n",
            )
            + &layer("port", "kind = \"process\"\nmatch = { port = 9 }\nhosts = [\"web-1\"]\n")),
    );
    let report = check(&context);
    let pid = worker.0.id();
    let mut starts = Vec::new();
    for host in ["web-1", "web-2", "late", "full"] {
        let there = row(&report, "worker", host);
        assert_eq!(there["instance"]["pid"], pid, "the same number on every one");
        assert_eq!(there["verdict"], "mismatch", "{there:#}");
        assert_eq!(there["key"], report.row("old")["key"]);
        starts.push(there["evidence"]["started_at"].as_str().expect("a time").to_owned());
    }
    // A clock that is hours ahead makes nothing younger.
    let times: Vec<jiff::Timestamp> = starts.iter().map(|at| at.parse().expect("a time")).collect();
    for at in &times {
        let apart = at.duration_since(times[0]).as_secs_f64().abs();
        assert!(apart < 600.0, "{starts:?}");
    }
    assert!(reason(row(&report, "worker", "late")).contains("its clock is 2 h ahead"));
    assert_eq!(row(&report, "worker", "web-1")["rank"], "launch");
    let nobody = row(&report, "nobody", "web-1");
    assert_eq!(nobody["verdict"], "unproven");
    assert!(reason(nobody).starts_with("not_running"), "{nobody:#}");
    let port = row(&report, "port", "web-1");
    assert_eq!(port["verdict"], "unproven");
    assert!(reason(port).contains("install stalekey there"), "{port:#}");
}

#[rstest]
#[case::refused("down", "connection refused", "ssh down true")]
#[case::unknown("stranger", "its host key is not known here", "run `ssh stranger` once by hand")]
#[case::changed("changed", "its host key is another than before", "ssh-keygen -R changed")]
#[case::locked("locked", "none of your keys", "ssh-add")]
#[case::name("nowhere", "does not resolve", "HostName in ~/.ssh/config")]
#[case::no_shell("git", "gives no plain shell", "ssh git sh -c true")]
#[case::cut_off("cut", "could not connect", "ssh cut true")]
#[case::no_tools("bare", "SHA-256", "install stalekey there")]
fn a_host_that_does_not_answer_is_unproven_with_what_to_do(
    #[case] host: &str,
    #[case] why: &str,
    #[case] remedy: &str,
) {
    let context = fake();
    let there = context.write("srv/.env", format!("OPENAI_API_KEY={}\n", context.key("one")));
    inventory(&context, &file_on("there", &there, &format!("\"{host}\""), ""));
    let report = check(&context);
    let there = row(&report, "there", host);
    assert_eq!((&there["verdict"], &there["state"]), (&"unproven".into(), &"unreadable".into()));
    assert!(reason(there).contains(why) && reason(there).contains(remedy), "{there:#}");
    assert_eq!(report.0["summary"]["exit_code"], 3);
}

#[test]
fn a_file_that_is_not_there_is_missing_and_one_that_may_not_be_read_is_not() {
    let context = fake();
    let folder = context.path("srv");
    fs::create_dir(&folder).expect("a folder");
    inventory(
        &context,
        &(file_on("absent", &folder.join("nothing"), "\"web-1\"", "")
            + &file_on("folder", &folder, "\"web-1\"", "")),
    );
    let report = check(&context);
    assert_eq!(row(&report, "absent", "web-1")["verdict"], "missing");
    let folder = row(&report, "folder", "web-1");
    assert_eq!(folder["verdict"], "unproven");
    assert!(reason(folder).contains("no regular file"), "{folder:#}");
}

#[test]
fn without_ssh_every_host_says_so() {
    let context = TestContext::new().with("PATH", "/nowhere");
    inventory(&context, &file_on("there", Path::new("/srv/.env"), "\"web-1\"", ""));
    let report = check(&context);
    let there = row(&report, "there", "web-1");
    assert_eq!(there["verdict"], "unproven");
    assert!(reason(there).contains("install the OpenSSH client"), "{there:#}");
}

/// What a name is on the other side, however it is written.
#[test]
fn nothing_of_the_inventory_runs_there() {
    let context = fake();
    let marker = context.path("ran");
    let bad = format!("x'; touch {0}; echo '$(touch {0})`touch {0}`", marker.display());
    let quoted = serde_json::to_string(&bad).expect("a string");
    inventory(
        &context,
        &(layer(
            "file",
            &format!("kind = \"dotenv\"\npath = {quoted}\nhosts = [\"web-1\", \"full\"]\n"),
        ) + &layer(
            "name",
            &format!(
                "kind = \"process\"\nmatch = {{ name = {quoted} }}\nhosts = [\"web-1\", \"full\"]\n"
            ),
        ) + &layer(
            "lines",
            "kind = \"dotenv\"\npath = \"a\\nEND\\ntouch ran\\n\"\nhosts = [\"web-1\", \"full\"]\n",
        )),
    );
    let report = check(&context);
    assert_eq!(row(&report, "file", "web-1")["verdict"], "missing");
    assert!(!marker.exists());
}

/// An sshd on loopback, with a host key and a user key of its own. It ends with the test.
struct Sshd {
    child: Child,
}

impl Sshd {
    /// Starts it, and puts an `ssh` on the path that knows it as web-1, web-2 and web-3 and keeps what
    /// goes in and out; `None` where there is none, or where this user may not log in.
    fn start(context: &TestContext) -> Option<Self> {
        const SSHD: &str = "/usr/sbin/sshd";
        let skip = |why: &str| println!("skipped: {why}");
        if !Path::new(SSHD).exists() || !Path::new("/usr/bin/ssh").exists() {
            skip("no sshd here");
            return None;
        }
        if rustix::process::getuid().is_root() {
            // Where it shuts itself in; packages make it when their service starts.
            let _ = fs::create_dir_all("/run/sshd");
        }
        let folder = context.path("ssh");
        fs::create_dir(&folder).expect("a folder");
        let at = |name: &str| folder.join(name).display().to_string();
        for key in ["host_key", "user_key"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f", &at(key)])
                .status();
            assert!(made.is_ok_and(|status| status.success()), "a key");
        }
        let port = free_port();
        let public = fs::read_to_string(at("host_key.pub")).expect("a key");
        context.write("ssh/known_hosts", format!("loopback {public}"));
        context.write(
            "ssh/sshd_config",
            format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\n\
                 AuthorizedKeysFile {}\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
                 UsePAM no\nStrictModes no\nMaxStartups 100\n",
                at("host_key"),
                at("user_key.pub")
            ),
        );
        context.write(
            "ssh/config",
            format!(
                "Host web-*\nHostName 127.0.0.1\nPort {port}\nHostKeyAlias loopback\n\
                 UserKnownHostsFile {}\nIdentityFile {}\nIdentitiesOnly yes\n\
                 StrictHostKeyChecking yes\nHost down\nHostName 127.0.0.1\nPort {}\n",
                at("known_hosts"),
                at("user_key"),
                free_port()
            ),
        );
        let child = Command::new(SSHD)
            .args(["-D", "-e", "-f", &at("sshd_config")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sshd starts");
        let mut sshd = Self { child };
        let listens = until("it listens, or has ended", || {
            if sshd.child.try_wait().ok().flatten().is_some() {
                return Some(false);
            }
            TcpStream::connect(("127.0.0.1", port)).ok().map(|_| true)
        });
        let trial = ["-F", &at("config"), "-o", "BatchMode=yes", "web-1", "echo here"];
        let tried = Command::new("/usr/bin/ssh").args(trial).stdin(Stdio::null()).output().ok()?;
        if !listens || tried.stdout != b"here\n" {
            skip("this user may not log in through an sshd of its own");
            return None;
        }
        program(
            context,
            "bin/ssh",
            &format!(
                "status={0}.$$\n\
                 {{ tee -a {1} | {{ /usr/bin/ssh -F {2} \"$@\"; echo $? >$status; }}; }} | tee -a {3}\n\
                 exit \"$(cat $status)\"\n",
                at("status"),
                at("sent"),
                at("config"),
                at("received")
            ),
        );
        Some(sshd)
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

#[test]
fn three_hosts_through_a_real_sshd_and_no_key_on_the_wire() {
    let context = with_ssh("exit 0\n");
    let Some(_sshd) = Sshd::start(&context) else { return };
    let (new, old) = (context.key("new"), context.key("old"));
    let token = token(&context);
    let worker = Worker::start(&token, &old);
    context.write("here.env", format!("OPENAI_API_KEY={new}\n"));
    let there = context.write("srv/.env", format!("OPENAI_API_KEY='{new}'\n"));
    let matching = format!("kind = \"process\"\nmatch = {{ command = \"^{token} \" }}\n");
    let hosts = "\"web-1\", \"web-2\", \"web-3\", \"down\"";
    inventory(
        &context,
        &(layer("here", "kind = \"dotenv\"\npath = \"here.env\"\n")
            + "[environments.production.expect.openai]\nreference = \"here\"\n"
            + &file_on("file", &there, hosts, "source = \"here\"")
            + &layer("worker", &format!("{matching}hosts = [{hosts}]\nsource = \"file\"\n"))),
    );
    let report = check(&context);
    for host in ["web-1", "web-2", "web-3"] {
        let file = row(&report, "file", host);
        assert_eq!(
            (&file["verdict"], &file["key"]),
            (&"current".into(), &report.row("here")["key"])
        );
        let process = row(&report, "worker", host);
        assert_eq!(process["verdict"], "mismatch", "{process:#}");
        assert_eq!(process["instance"]["pid"], worker.0.id());
    }
    for layer in ["file", "worker"] {
        let down = row(&report, layer, "down");
        assert_eq!(down["verdict"], "unproven");
        assert!(reason(down).contains("connection refused"), "{down:#}");
    }
    // The worker of each host takes its key from the file of that host.
    let chains = report.0["chains"].as_array().expect("chains");
    let host_of = |index: &Value| {
        let index = usize::try_from(index.as_u64().expect("an index")).expect("small");
        report.rows()[index]["host"].clone()
    };
    let of_workers: Vec<_> = chains.iter().filter_map(|chain| chain["rows"].as_array()).collect();
    let same = of_workers
        .iter()
        .filter(|rows| rows.len() == 3)
        .all(|rows| host_of(&rows[1]) == host_of(&rows[2]));
    assert!(same && of_workers.len() >= 4, "{chains:#?}");
    assert_no_key(&context, &[&new, &old, SALT]);
    let left: Vec<PathBuf> = sockets(&context);
    assert!(left.is_empty(), "shared connections and their folder end with the run: {left:?}");
}

/// Whatever is left of this run's private folder.
fn sockets(context: &TestContext) -> Vec<PathBuf> {
    let temporary = fs::read_dir(context.path("temporary")).expect("a folder");
    temporary.flatten().map(|entry| entry.path()).collect()
}

/// Nothing of a key that a mask hides was sent or received: as it is, in base64 or in hex.
fn assert_no_key(context: &TestContext, keys: &[&str]) {
    for file in ["ssh/sent", "ssh/received"] {
        let seen = fs::read(context.path(file)).expect("what was seen");
        assert!(seen.len() > 1000, "{file} was kept");
        let lower = seen.to_ascii_lowercase();
        for key in keys {
            for part in key.as_bytes().windows(9).skip(8) {
                let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
                let base64 = base64::engine::general_purpose::STANDARD.encode(part);
                let holds = |text: &[u8], part: &[u8]| memchr::memmem::find(text, part).is_some();
                assert!(!holds(&seen, part), "{file} holds a part of a key");
                assert!(!holds(&seen, base64.as_bytes()), "{file} holds a part in base64");
                assert!(!holds(&lower, hex.as_bytes()), "{file} holds a part in hex");
            }
        }
    }
}

/// The script itself, in every shell that is here.
#[rstest]
#[case::dash("dash", &[])]
#[case::bash("bash", &["--posix"])]
#[case::busybox("busybox", &["sh"])]
#[case::ksh("ksh", &[])]
#[case::zsh("zsh", &["--emulate", "sh"])]
fn the_script_is_one_for_every_shell(#[case] shell: &str, #[case] words: &[&str]) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/host.sh");
    let Ok(mut child) = Command::new(shell)
        .args(words)
        .arg("-s")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
    else {
        println!("skipped: no {shell} here");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(".env");
    fs::write(&file, "A=1\nKEY='hello'\n").expect("a file");
    // The pads of a key of 32 zero bytes.
    let pad = |byte: u8| format!("\\{byte:03o}").repeat(64);
    let prologue = format!(
        "LC_ALL=C; export LC_ALL\nN=N\nIPAD='{}'\nOPAD='{}'\nVARIABLES='KEY'\nPREFIXES='he'\n\
         KIND=file\nFILE='{}'\nPID=\nPIDFILE=\nNAME=\nCOMMAND=\nFOLDER=\nWHO=\nUNIT=\nSCOPE=\n",
        pad(0x36),
        pad(0x5c),
        file.display()
    );
    let script = fs::read_to_string(script).expect("the script");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(format!("{prologue}{script}").as_bytes()).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8(output.stdout).expect("text");
    // printf 'keyfp1\0hello' | openssl dgst -sha256 -mac HMAC -macopt hexkey:$(printf '0%.0s' {1..64})
    let key = stalekey::domain::fingerprint::FingerprintKey::salt([0; 32]);
    let secret = stalekey::domain::secret::SecretValue::new("hello");
    let expected = key.fingerprint(&secret).characters();
    let line = said.lines().find(|line| line.starts_with("N\tline")).expect("the line is told");
    let words: Vec<&str> = line.split('\t').collect();
    let digit = |letter: u8| char::from_digit(u32::from(letter - b'g'), 16).expect("a letter");
    let hex = words.get(7).map(|hash| hash.bytes().map(digit).collect::<String>());
    let told = hex.and_then(|hex| stalekey::domain::fingerprint::Fingerprint::of_hex(&hex));
    assert_eq!(told.map(|told| told.characters()), Some(expected), "{said}");
    assert!(line.ends_with("\t1-7\t1\t-"), "{line}");
    assert!(said.ends_with("N\tdone\n"), "{said}");
}
