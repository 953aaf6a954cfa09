//! What an inventory may do that nobody trusts: nothing but look at its own folder (SECURITY T).
//! The malicious repositories are rebuilt from real ones, and opened in every way there is.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(unix)]

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
};

use rstest::rstest;

#[path = "support/context.rs"]
mod context;
#[path = "support/dashboard_on_terminal.rs"]
mod dashboard_on_terminal;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/inventory.rs"]
mod inventory;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "support/provider.rs"]
mod provider;

use context::{Run, TestContext, permit};
use dashboard_on_terminal::OnTerminal;
use inventory::{dotenv, layer};
use provider::Provider;

/// The programs that an inventory could be after.
const PROGRAMS: [&str; 8] = ["docker", "podman", "kubectl", "ssh", "op", "systemctl", "pm2", "git"];

/// A repository in a folder of its own, which is not to be trusted, and what lies around it.
struct Repository {
    context: TestContext,
    provider: Provider,
    /// A key that stands outside and must never be seen.
    outside: String,
}

impl Repository {
    fn new() -> Self {
        let context = TestContext::new();
        let outside = context.key("outside");
        let provider = Provider::accepting(&[&outside]);
        context.write("out/.env", format!("OPENAI_API_KEY={outside}\n"));
        context.write("out-evil/.env", format!("OPENAI_API_KEY={outside}\n"));
        context.write("home/.bashrc", format!("export OPENAI_API_KEY={outside}\n"));
        let mut path = std::ffi::OsString::from(".:bin::");
        for name in PROGRAMS {
            let text = format!("#!/bin/sh\n: > '{}'\n", context.path("mark").display());
            let file = context.write(&format!("repo/{name}"), &text);
            permit(&file, 0o700);
            permit(&context.write(&format!("repo/bin/{name}"), text), 0o700);
        }
        path.push("/usr/bin:/bin");
        Self { context: context.with("PATH", path), provider, outside }
    }

    /// Puts a file of the repository down.
    fn file(&self, name: &str, text: impl AsRef<[u8]>) {
        self.context.write(&format!("repo/{name}"), text);
    }

    fn inventory(&self, rest: &str) {
        self.file("stalekey.toml", format!("version = 1\n{rest}"));
    }

    /// With a credential of openai's and an environment.
    fn layers(&self, rest: &str) {
        self.inventory(&format!(
            "[credentials.openai]\nprovider = \"openai\"\n[environments.production]\n{rest}"
        ));
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.context.command(arguments);
        command.current_dir(self.context.path("repo"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.context.finish(self.command(arguments), "")
    }

    fn check(&self, more: &[&str]) -> Run {
        self.run(&[&["check", "--format", "json"], more].concat())
    }

    fn trust(&self, arguments: &[&str]) -> Run {
        self.run(&[&["trust"], arguments].concat())
    }

    /// What `--accept` and `--trust` take.
    fn digests(&self) -> String {
        let shown = self.trust(&[]);
        assert_eq!(shown.code, Some(4), "{shown:?}");
        digests_in(&shown.stdout)
    }

    fn dashboard(&self) -> OnTerminal {
        OnTerminal::start(&self.command(&[]))
    }

    /// What a mask shows of the key outside.
    fn end_of_outside(&self) -> String {
        let (_, end) = self.outside.split_at(self.outside.len() - 4);
        format!("…{end}")
    }

    /// Nothing was sent, nothing was started, and nothing of what lies outside was seen.
    fn nothing_happened(&self, shown: &str) {
        assert!(self.provider.asked().is_empty(), "{:?}", self.provider.asked());
        assert!(!self.context.path("mark").exists(), "a program of the repository ran");
        assert!(!shown.contains(&self.end_of_outside()), "what lies outside was read: {shown}");
    }

    /// Opens it in every way; each says what it asks for and does nothing of it.
    fn opened_in_every_way(&self, says: &[&str]) {
        for arguments in [&["completions", "bash"][..], &["--help"], &["trust", "--list"]] {
            let run = self.run(arguments);
            assert_eq!(run.code, Some(0), "{run:?}");
            self.nothing_happened(&run.stdout);
        }
        let plan = self.run(&["providers", "--plan"]);
        assert_eq!(plan.code, Some(4), "{plan:?}");
        self.nothing_happened(&plan.stdout);
        let human = self.run(&["check"]);
        let told = self.trust(&[]);
        for run in [&human, &told] {
            assert_eq!(run.code, Some(4), "{run:?}");
            self.nothing_happened(&run.stdout);
        }
        let run = self.check(&[]);
        assert_eq!(run.code, Some(4), "{run:?}");
        self.nothing_happened(&run.stdout);
        let report = run.json();
        let unproven = report.rows().iter().all(|row| row["verdict"] == "unproven");
        assert!(unproven, "{:#}", report.0["rows"]);
        let asks = report.0["trust"]["asks"].to_string();
        for text in says {
            assert!(human.stderr.contains(text), "{text}: {}", human.stderr);
            assert!(told.stdout.contains(text), "{text}: {}", told.stdout);
            let words = text.split_once("  ").map_or(*text, |(_, words)| words.trim_start());
            assert!(asks.contains(&words.replace('"', "\\\"")), "{words}: {asks}");
        }
        // Enter alone, and Esc, only look.
        for leave in ["\r", "\u{1b}"] {
            let mut dashboard = self.dashboard();
            dashboard.wait_for("not trusted: t");
            dashboard.send("t");
            dashboard.wait_for("enter to accept");
            for text in says {
                assert!(dashboard.screen().contains(text), "{text}: {}", dashboard.screen());
            }
            self.nothing_happened(&dashboard.screen());
            dashboard.send(leave);
            dashboard.wait("table", |screen| !screen.contains("enter to accept"));
            dashboard.send("q");
            assert_eq!(dashboard.end(), 0);
            self.nothing_happened(&String::from_utf8_lossy(&dashboard.printed));
        }
        assert_eq!(self.check(&[]).code, Some(4), "nobody accepted anything");
    }
}

fn digests_in(text: &str) -> String {
    let (_, digests) = text.split_once("--accept ").expect("a digest");
    digests.split_whitespace().next().unwrap().to_owned()
}

/// CVE-2026-21852: a repository names the address, and the shell has the key.
#[rstest]
#[case::of_a_credential(
    "[credentials.openai]\nprovider = \"openai\"\nendpoint = \"HERE\"\n[environments.production]\n"
)]
#[case::of_an_environment(
    "[credentials.openai]\nprovider = \"openai\"\n[environments.production]\nendpoint.openai = \"HERE\"\n"
)]
fn an_address_does_not_get_the_key_of_the_shell(#[case] head: &str) {
    let mut repository = Repository::new();
    let key = repository.context.key("of this shell");
    repository.context = repository.context.with("OPENAI_API_KEY", key);
    let head = head.replace("HERE", &repository.provider.endpoint());
    repository.inventory(&format!("{head}{}", layer("shell", "kind = \"shell\"\n")));
    let says = format!("SEND  the keys of `openai` to {}", repository.provider.endpoint());
    repository.opened_in_every_way(&[&says]);
    // What a person types ranks above what the inventory says, and needs no trust.
    let run = repository.check(&[&repository.provider.argument()]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(!repository.provider.asked().is_empty());
}

/// Any variable of the shell could be called a key of a provider.
#[test]
fn what_is_no_key_of_the_provider_is_not_sent_to_it() {
    let mut repository = Repository::new();
    repository.context = repository.context.with("DATABASE_PASSWORD", "Apps1Kind5Body9xyz");
    repository.inventory(&format!(
        "[credentials.a]\nprovider = \"openai\"\nvariables = [\"DATABASE_PASSWORD\"]\n\
         [environments.production]\n{}",
        layer("shell", "kind = \"shell\"\n")
    ));
    repository.opened_in_every_way(&["SEND  the value of `DATABASE_PASSWORD` (credential `a`) to openai, though it does not look"]);
}

/// CVE-2025-61260: a `.env` that redirects the tool itself.
#[test]
fn a_dotenv_file_configures_nothing() {
    let repository = Repository::new();
    repository.layers(&format!(
        "endpoint.openai = \"{}\"\n{}",
        repository.provider.endpoint(),
        dotenv(".env")
    ));
    let digest = repository.digests();
    let proxy = format!("http://127.0.0.1:{}", repository.provider.port());
    let key = repository.context.key("in the repository");
    let settings = format!(
        "OPENAI_API_KEY={key}\nSTALEKEY_TRUST={digest}\nSTALEKEY_CONFIG=/dev/zero\nCI=true\n\
         HTTPS_PROXY={proxy}\nALL_PROXY={proxy}\nSSL_CERT_FILE=evil.pem\nPATH=.\n\
         OPENAI_BASE_URL={proxy}\nXDG_STATE_HOME=.\nHOME=.\n"
    );
    repository.file(".env", settings);
    repository.opened_in_every_way(&["SEND  the keys of `openai` to "]);
}

/// Each names something outside; the screen says what.
#[rstest]
#[case::file("path = \"../out/.env\"\nkind = \"dotenv\"\n", "out/.env")]
#[case::up_and_down("path = \"a/../../out/.env\"\nkind = \"dotenv\"\n", "out/.env")]
#[case::home("path = \"~/.bashrc\"\nkind = \"shell-file\"\n", "READ  ~/.bashrc (which is ")]
#[case::folder("paths = [\"../out\"]\nkind = \"kubernetes\"\n", "a folder with all that is in it")]
#[case::processes(
    "match = { name = \"stalekey\" }\nkind = \"process\"\n",
    "READ  the environments of running processes named `stalekey`"
)]
#[case::unit(
    "unit = \"ssh.service\"\nkind = \"systemd\"\n",
    "READ  systemd's unit `ssh.service`, and every file that it names"
)]
fn what_lies_outside_is_not_read(#[case] what: &str, #[case] says: &str) {
    let repository = Repository::new();
    repository.layers(&layer("greedy", what));
    repository.opened_in_every_way(&[says]);
    let report = repository.check(&[]).json();
    let row = report.row("greedy");
    assert_eq!((&row["state"], &row["key"]), (&"opaque".into(), &serde_json::Value::Null));
    assert!(row["reason"].as_str().unwrap().starts_with("untrusted: would read "), "{row:#}");
}

/// A link within the folder is what it leads to, a file or a folder on the way.
#[rstest]
#[case::file("linked.env", "linked.env", "../out/.env")]
#[case::of_a_link("linked.env", "linked.env", "second")]
#[case::folder("sub/.env", "sub", "../out")]
#[case::absolute("sub/.env", "sub", "OUT")]
fn a_link_out_of_the_folder_is_not_followed(
    #[case] path: &str,
    #[case] link: &str,
    #[case] to: &str,
) {
    let repository = Repository::new();
    let out = repository.context.path("out");
    repository.layers(&layer("linked", &format!("kind = \"dotenv\"\npath = \"{path}\"\n")));
    let to = if to == "OUT" { out.clone() } else { PathBuf::from(to) };
    symlink(to, repository.context.path("repo").join(link)).unwrap();
    symlink(out.join(".env"), repository.context.path("repo/second")).unwrap();
    let real = out.canonicalize().unwrap().join(".env");
    repository.opened_in_every_way(&[&format!("(which is {})", real.display())]);
    repository.accept();
    assert_eq!(repository.check(&["--offline"]).json().row("linked")["state"], "found");
}

/// What data names outside is found by reading the data; it is told, and not read.
#[rstest]
#[case::compose(
    "compose.yaml",
    "services:\n  api:\n    image: x\n    env_file: ../out/.env\n",
    "kind = \"compose\"\nservice = \"api\"\n"
)]
#[case::include("compose.yaml", "include:\n- ../out/.env\n", "kind = \"compose\"\n")]
#[case::source(
    "rc.sh",
    ". OUT/.env\n",
    "kind = \"shell-file\"\npath = \"rc.sh\"\nshell = \"sh\"\n"
)]
#[case::link(
    "rc.sh",
    ". OUT/.env\n",
    "kind = \"shell-file\"\npath = \"rc.sh\"\nshell = \"bash\"\n"
)]
#[case::pid(
    "compose.yaml",
    "services:\n  api:\n    image: x\n    environment: [OPENAI_API_KEY]\n    env_file: [{path: ../out/.env, required: false}]\n",
    "kind = \"compose\"\nservice = \"api\"\n"
)]
fn what_data_names_outside_is_asked_for(
    #[case] file: &str,
    #[case] text: &str,
    #[case] what: &str,
) {
    let repository = Repository::new();
    let out = repository.context.path("out").canonicalize().unwrap();
    repository.file(file, text.replace("OUT", out.to_str().unwrap()));
    repository.layers(&layer("data", what));
    repository.opened_in_every_way(&[&format!("{}", out.join(".env").display())]);
    // The digest of this one file lets it be read in one run, and in no other.
    let digests = repository.digests();
    let run = repository.check(&["--offline", "--trust", &digests]);
    assert_ne!(run.code, Some(4), "{run:?}");
    assert_eq!(repository.check(&["--offline"]).code, Some(4));
}

/// Nothing is trusted by `CI=true`, by another digest, or by what is no digest.
#[test]
fn without_a_person_only_the_digest_counts() {
    let repository = Repository::new();
    repository.layers(&layer("greedy", "kind = \"dotenv\"\npath = \"../out/.env\"\n"));
    let digests = repository.digests();
    let other = format!("sha256:{}", "0".repeat(64));
    let with = |name: &str, value: &str| {
        let mut command = repository.command(&["check", "--offline"]);
        command.env(name, value);
        repository.context.finish(command, "trust\n")
    };
    assert_eq!(with("CI", "true").code, Some(4));
    let wrong = with("STALEKEY_TRUST", &other);
    assert_eq!(wrong.code, Some(4));
    assert!(wrong.stderr.contains("stands for something else"), "{wrong:?}");
    for word in ["yes", "true", "*", digests.trim_end_matches(char::is_alphanumeric)] {
        let run = with("STALEKEY_TRUST", word);
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.stderr.contains("it takes `sha256:` and 64 hex digits"), "{run:?}");
    }
    assert_eq!(with("STALEKEY_TRUST", &format!("{other},{digests}")).code, Some(0));
    assert_eq!(repository.check(&["--offline", "--trust", &digests]).code, Some(0));
    assert_eq!(repository.trust(&["--accept", &other]).code, Some(2));
    assert_eq!(repository.check(&["--offline"]).code, Some(4), "it was for one run");
}

impl Repository {
    fn accept(&self) {
        let run = self.trust(&["--accept", &self.digests()]);
        assert_eq!(run.code, Some(0), "{run:?}");
    }
}

/// What is trusted is the effects: a name may change, and what is new is all that is asked.
#[test]
fn a_new_effect_is_asked_for_and_an_old_one_is_not() {
    let repository = Repository::new();
    let shared = "kind = \"dotenv\"\npath = \"../out/.env\"\n";
    let bashrc = layer("rc", "kind = \"shell-file\"\npath = \"~/.bashrc\"\n");
    repository.layers(&format!("{}{bashrc}", layer("shared", shared)));
    repository.accept();
    let trusted = repository.check(&["--offline"]);
    assert_eq!(trusted.code, Some(0), "{trusted:?}");
    assert_eq!(trusted.json().0["trust"], serde_json::Value::Null);
    repository.layers(&format!("{bashrc}{}", layer("renamed", shared)));
    assert_eq!(repository.check(&["--offline"]).code, Some(0), "renamed, and in another order");
    let evil = layer("evil", "kind = \"dotenv\"\npath = \"../out-evil/.env\"\n");
    repository.layers(&format!("{bashrc}{}{evil}", layer("renamed", shared)));
    let run = repository.run(&["check", "--offline"]);
    assert_eq!(run.code, Some(4), "{run:?}");
    assert!(run.stderr.contains("out-evil/.env") && !run.stderr.contains("out/.env"), "{run:?}");
    // The same inventory elsewhere is another one.
    let text = fs::read(repository.context.path("repo/stalekey.toml")).unwrap();
    let copy = repository.context.write("copy/stalekey.toml", text);
    let run = repository.run(&["check", "--offline", "--config", copy.to_str().unwrap()]);
    assert!(run.code == Some(4) && run.stderr.contains(".bashrc"), "{run:?}");
}

/// A link that leads elsewhere than it did is another file.
#[test]
fn a_path_that_leads_elsewhere_is_asked_for_again() {
    let repository = Repository::new();
    let link = repository.context.path("link");
    symlink(repository.context.path("out"), &link).unwrap();
    repository.layers(&layer("linked", "kind = \"dotenv\"\npath = \"../link/.env\"\n"));
    repository.accept();
    assert_eq!(repository.check(&["--offline"]).code, Some(0));
    fs::remove_file(&link).unwrap();
    symlink(repository.context.path("out-evil"), &link).unwrap();
    assert_eq!(repository.check(&["--offline"]).code, Some(4));
}

/// The word is typed in the dashboard; what was not looked at is read at once.
#[test]
fn the_word_typed_in_the_dashboard_trusts_for_good() {
    let repository = Repository::new();
    repository.layers(&layer("shared", "kind = \"dotenv\"\npath = \"../out/.env\"\n"));
    let mut command = repository.command(&["--offline"]);
    let mut dashboard = OnTerminal::start(&command);
    dashboard.wait_for("1 layer not trusted: t");
    dashboard.send("t");
    dashboard.wait_for("enter to accept");
    dashboard.send("yes\r");
    dashboard.wait_for("Only the word `trust` accepts it");
    assert_eq!(repository.check(&["--offline"]).code, Some(4));
    dashboard.send("trust\r");
    let end = repository.end_of_outside();
    dashboard.wait(&end, |screen| screen.contains(&end) && !screen.contains("not trusted"));
    dashboard.send("q");
    assert_eq!(dashboard.end(), 0);
    assert_eq!(repository.check(&["--offline"]).code, Some(0));
    command = repository.command(&["trust", "--revoke"]);
    assert_eq!(repository.context.finish(command, "").code, Some(0));
    assert_eq!(repository.check(&["--offline"]).code, Some(4));
}

/// `stalekey trust` asks on a terminal; everything but the word is no.
#[rstest]
#[case::enter("\r", 4)]
#[case::yes("yes\r", 4)]
#[case::y("y\r", 4)]
#[case::the_word("trust\r", 0)]
fn the_command_asks_a_person(#[case] answer: &str, #[case] code: u32) {
    let repository = Repository::new();
    repository.layers(&layer("shared", "kind = \"dotenv\"\npath = \"../out/.env\"\n"));
    let mut asked = OnTerminal::start(&repository.command(&["trust"]));
    asked.wait_for("Enter alone only looks");
    asked.send(answer);
    assert_eq!(asked.end(), code);
    let accepted = repository.check(&["--offline"]).code == Some(0);
    assert_eq!(accepted, code == 0);
}

/// A list that is longer than the screen is accepted by nobody who has not seen its end.
#[test]
fn a_long_list_is_read_to_its_end_first() {
    let repository = Repository::new();
    let many: String = (0..60)
        .map(|number| {
            layer(&format!("{number}"), &format!("kind = \"ci\"\npath = \"../x/{number}.json\"\n"))
        })
        .collect();
    repository.layers(&many);
    let mut dashboard = OnTerminal::start(&repository.command(&["--offline"]));
    dashboard.wait_for("60 layers not trusted: t");
    dashboard.send("t");
    dashboard.wait_for("more below");
    dashboard.send("trust\r");
    dashboard.wait_for("read it to its end first");
    for _ in 0..10 {
        dashboard.send("\u{1b}[6~");
    }
    dashboard.wait_for("enter to accept: trust");
    dashboard.send("\r");
    dashboard.wait("rows", |screen| !screen.contains("not trusted"));
}

/// What was accepted is for the user alone, and a store that others can write is not believed.
#[test]
fn the_store_is_the_users_alone() {
    let repository = Repository::new();
    repository.layers(&layer("shared", "kind = \"dotenv\"\npath = \"../out/.env\"\n"));
    repository.accept();
    let folder = repository.context.path("home/.state/stalekey/trust");
    let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<PathBuf> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(files.iter().all(|file| mode(file) == 0o600), "{files:?}");
    let list = repository.trust(&["--list"]).stdout;
    assert!(list.contains("repo/stalekey.toml") && list.contains("READ  "), "{list}");
    let store = files.iter().find(|file| file.extension().is_some()).unwrap();
    permit(store, 0o666);
    let run = repository.run(&["check", "--offline"]);
    assert_eq!(run.code, Some(4), "{run:?}");
    assert!(run.stdout.contains("what was trusted before is not known"), "{run:?}");
    permit(store, 0o600);
    fs::write(store, "{").unwrap();
    assert_eq!(repository.run(&["check", "--offline"]).code, Some(4));
    // Accepting again replaces what was damaged.
    repository.accept();
    assert_eq!(repository.check(&["--offline"]).code, Some(0));
}

/// Names and paths of the inventory cannot draw on the screen.
#[test]
fn what_is_asked_for_is_inert() {
    let repository = Repository::new();
    repository.layers(&layer(
        "evil",
        "kind = \"dotenv\"\npath = \"../\\u001b[2J\\u202etrusted\\n/.env (which is harmless)\"\n",
    ));
    let run = repository.run(&["check", "--offline"]);
    assert_eq!(run.code, Some(4), "{run:?}");
    let shown = repository.trust(&[]);
    for text in [run.stdout, run.stderr, shown.stdout] {
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text:?}");
        assert!(text.contains("\\u{1b}"), "{text:?}");
    }
}
