//! Random scripts, run by the shells that are installed, and read by us.
//!
//! What we say must be what the programs get that the shell starts; where we say that only running
//! the script would tell, or that a condition decides, anything is right. A shell that is not
//! installed is named and skipped. `STALEKEY_SHELLS_SCRIPTS` says how many scripts; the seed is
//! always the same.

#![expect(clippy::unwrap_used, reason = "a shell that does not run should fail the test")]

use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::Path,
    process::{Command, Stdio},
};

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use rstest::rstest;
use stalekey::{
    domain::{reading::Yield, secret::SecretValue},
    formats::{
        Environment,
        files::{Entry, Files, Missed},
        shell::{Failure, LEAVES, Request, Shell, read},
    },
};

/// The variables that are compared.
const NAMES: [&str; 5] = ["K", "A", "B", "C", "PARENT"];

/// What a program sees of them; `None` in a value where we leave it open.
type Seen = BTreeMap<&'static str, Option<Vec<u8>>>;

/// The file system, as the program's own reader has it.
struct Disk;

impl Files for Disk {
    fn read(&mut self, path: &str) -> Result<Vec<u8>, Missed> {
        fs::read(path).map_err(|error| match error.kind() {
            ErrorKind::IsADirectory => {
                let kind = stalekey::domain::reading::UnreadableKind::NotAFile;
                Missed::Unreadable(stalekey::domain::reading::Unreadable::new(kind, ""))
            }
            _ => Missed::Absent,
        })
    }

    fn list(&mut self, path: &str) -> Result<Vec<Entry>, Missed> {
        let entries = fs::read_dir(path).map_err(|_| Missed::Absent)?;
        let entry = |entry: fs::DirEntry| Entry {
            name: entry.file_name().to_string_lossy().into_owned(),
            is_folder: entry.file_type().is_ok_and(|kind| kind.is_dir()),
        };
        Ok(entries.flatten().map(entry).collect())
    }
}

/// What we say: `Some(None)` is no value, and names that are left open are missing.
fn ours(shell: Shell, script: &str, environment: &Environment) -> Seen {
    let request = Request { path: script, shell, environment };
    let (contents, elsewhere) = match read(&request, &mut Disk) {
        Ok(followed) => (followed.contents, followed.elsewhere),
        // fish runs nothing of the file.
        Err(Failure::Refused(_)) => (stalekey::formats::Contents::default(), false),
        Err(failure) => panic!("{failure:?}"),
    };
    let mut seen = Seen::new();
    // What stands below a guard is for some shells only; it counts all the same.
    if contents.problems.iter().any(|problem| problem.text == LEAVES) {
        return seen;
    }
    for name in NAMES {
        let value = match contents.winner(name).map(|winner| &winner.yields) {
            Some(Yield::Value(value)) => Some(value.expose().to_vec()),
            Some(Yield::Opaque(_)) => continue,
            Some(_) => None,
            None if elsewhere => continue,
            None => environment.get(name).map(|value| value.expose().to_vec()),
        };
        seen.insert(name, value);
    }
    seen
}

/// What a program sees that the shell starts behind the script; `None` when the shell ended.
fn theirs(program: &str, script: &str, home: &Path) -> Option<Seen> {
    let starts: &[&str] = match program {
        "bash" => &["--norc", "--noprofile", "-c"],
        "zsh" => &["-f", "-c"],
        "fish" => &["--no-config", "-c"],
        _ => &["-c"],
    };
    let output = Command::new(program)
        .args(starts)
        .arg(format!(". {script} >/dev/null 2>&1; /usr/bin/env -0"))
        .current_dir("/")
        .env_clear()
        .envs([("PATH", "/usr/bin:/bin"), ("PARENT", "from-parent")])
        .env("HOME", home)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let mut seen: Seen = NAMES.iter().map(|name| (*name, None)).collect();
    let mut ran = false;
    for entry in output.stdout.split(|byte| *byte == 0) {
        ran |= entry.starts_with(b"PATH=");
        for name in NAMES {
            let value =
                entry.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
            if let Some(value) = value {
                seen.insert(name, Some(value.to_vec()));
            }
        }
    }
    ran.then_some(seen)
}

fn text(choices: &[&'static str]) -> impl Strategy<Value = String> + Clone + use<> {
    prop::sample::select(choices.to_vec()).prop_map(str::to_owned)
}

/// A script of bash, zsh or a POSIX shell.
fn posix(shell: &'static str) -> impl Strategy<Value = String> {
    let name = text(&["K", "K", "A", "B", "C", "PARENT"]);
    let mut values = vec![
        "v",
        "'a b'",
        "\"a $A\"",
        "$A",
        "${B}",
        "${C:-d}",
        "${A:+x}",
        "a\\ b",
        "~/x",
        "'#'",
        "a#b",
        "\"$HOME/x\"",
        "$(echo dynamic)",
        "`echo dynamic`",
        "",
        "''",
        "\"a\\\"b\\\\c\\$\"",
        "é",
        "${MISSING-'q'}",
        "\"${MISSING:-'q'}\"",
        "a\\\nb",
        "x=y",
        "a:~/b",
        "${PARENT}$K",
    ];
    if shell != "dash" {
        values.extend(["$'a\\tb'", "$'\\x41'"]);
    }
    let value = text(&values);
    let path = text(&[
        "~/a.sh",
        "\"$HOME/a.sh\"",
        "$HOME/b.sh",
        "~/missing.sh",
        "~/broken.sh",
        "~/returns.sh",
        "\"$HOME\"/loop.sh",
    ]);
    let assign = (name.clone(), value.clone()).prop_map(|(name, value)| format!("{name}={value}"));
    let export =
        (name.clone(), value.clone()).prop_map(|(name, value)| format!("export {name}={value}"));
    let mut others = vec![
        "true",
        "false",
        ":",
        "echo x",
        "set -a",
        "set +a",
        "# export K=comment\n:",
        "! true",
        "cat <<E\nexport K=here\nE",
        "cat <<'E' <<-F\n$K `x\nE\n\texport K=tabs\n\tF",
        "export K=v 2>/dev/null",
        "( export K=lost )",
        "export K=piped | cat",
        "export A B",
        "test -f ~/a.sh && K=tested",
        "[ -s ~/missing.sh ] || A=absent",
        "[ -d ~/d ] && B=folder",
        "alias k='export K=alias'",
        "K=temporary true",
        "trap 'export K=trapped' EXIT",
        "export K=away &",
        "read K </dev/null",
        "eval 'K=evaluated'",
        "K=a A=$K; export A",
        "case $A in *v*) K=case;; *) B=other;; esac",
        "while false; do K=never; done",
        "readonly R=1",
        "export \"K=q u o\"",
        "true && K=yes || K=no",
        "false && K=yes || K=no",
        "return",
        "printf '%s' \"$K\" >/dev/null",
        "if true; then :; fi",
        "{ A=group; }",
    ];
    if shell != "dash" {
        others.extend([
            "declare -x K=declared",
            "typeset -x A=$B",
            "export -n K",
            "declare +x K",
            "K+=more",
            "[[ -f ~/a.sh ]] && K=double",
            "[[ ! -f ~/a.sh ]] && K=double",
            "cat <<< 'export K=s'",
            "A=(x y)",
            "function g { K=inside; }",
            "source ~/a.sh",
            "local K=wrong",
            "(( 1 < 2 )) && B=arithmetic",
            "export K A=list",
        ]);
    }
    if shell == "zsh" {
        others.retain(|line| !matches!(*line, "export -n K" | "A=(x y)" | "local K=wrong"));
        others.extend(["typeset -gx K=global", "setopt all_export", "unsetopt allexport"]);
    }
    let unset = name.clone().prop_map(|name| format!("unset {name}"));
    let again = name.clone().prop_map(|name| format!("export {name}"));
    let sources = path.clone().prop_map(|path| format!(". {path}"));
    let guarded = path.prop_map(|path| format!("[ -f {path} ] && \\. {path}"));
    let leaf = prop_oneof![
        4 => export, 3 => assign, 1 => unset, 1 => again, 1 => sources, 1 => guarded,
        4 => text(&others),
    ];
    let block = leaf.prop_recursive(3, 12, 4, |inner| {
        let body = prop::collection::vec(inner, 1..4).prop_map(|lines| lines.join("\n"));
        let test =
            text(&["true", "false", "[ -f ~/a.sh ]", "[ ! -e ~/a.sh ]", "[ -n \"$A\" ]", "A=x"]);
        let words =
            text(&["1 2", "a", "\"x y\" z", "~/d/*.sh", "$HOME/d/*.none", "$(echo x)", "$A"]);
        prop_oneof![
            (test, body.clone(), body.clone())
                .prop_map(|(test, yes, no)| format!("if {test}; then\n{yes}\nelse\n{no}\nfi")),
            (words, body.clone()).prop_map(|(words, body)| format!(
                "for i in {words}; do\n{body}\nA=$i\n[ -r \"$i\" ] && . \"$i\"\ndone"
            )),
            body.clone().prop_map(|body| format!("{{\n{body}\n}}")),
            body.clone().prop_map(|body| format!("(\n{body}\n)")),
            body.clone().prop_map(|body| format!("f() {{\n{body}\n}}")),
            body.prop_map(|body| format!("case $PARENT in from*)\n{body}\n;; esac")),
        ]
    });
    let broken =
        text(&["", "", "", "", "", "fi", "K='open", "K=\"open", "export K=v; )", "if true"]);
    (prop::collection::vec(block, 1..7), broken)
        .prop_map(|(lines, broken)| format!("{}\n{broken}", lines.join("\n")))
}

/// A script of fish.
fn fish() -> impl Strategy<Value = String> {
    let name = text(&["K", "K", "A", "B", "C", "PARENT"]);
    let value = text(&[
        "v",
        "'a b'",
        "\"a $A\"",
        "$A",
        "a$B",
        "\"$B\"x",
        "{x,y}z",
        "{$A}x",
        "a\\ b",
        "~/x",
        "a#b",
        "$HOME",
        "(echo dynamic)",
        "\"$(echo dynamic)\"",
        "",
        "''",
        "'a\\'b\\\\c\\d'",
        "\"a\\\"b\\\\c\\$d\\e\"",
        "\\x41\\t",
        "é",
        "$A[1]",
        "$A[-1]",
        "$A[1..2]",
        "\"$A[2]\"",
        "a b c",
        "$$N",
        "$A$B",
        "{,a}",
        "{a}",
        "x{a,b}{c,d}",
        "=",
        "a\\\nb",
        "\\u00e9",
        "%x",
        "a^b",
        "$A{1,2}",
    ]);
    let flags = text(&[
        "-gx",
        "-x",
        "-g",
        "",
        "-gxa",
        "-l",
        "-lx",
        "-gu",
        "-f",
        "-gx --path",
        "-xg --",
        "--export --global",
        "-p",
        "-u",
        "-gx -a",
    ]);
    let path = text(&[
        "~/a.fish",
        "\"$HOME/a.fish\"",
        "$HOME/missing.fish",
        "~/broken.fish",
        "~/returns.fish",
    ]);
    let set = (flags, name.clone(), value.clone())
        .prop_map(|(flags, name, value)| format!("set {flags} {name} {value}"));
    let export = (name.clone(), value).prop_map(|(name, value)| format!("export {name}={value}"));
    let other = text(&[
        "true",
        "false",
        "not true",
        "# set -gx K comment",
        "set N K",
        "set N A",
        "echo x | cat",
        "set -gx K piped | cat",
        "set -gx K away &",
        "echo x; and set -gx K said",
        "true; and set -gx K yes",
        "false; or set -gx K no",
        "true && set -gx K yes || set -gx K no",
        "set -q K; or set -gx K asked",
        "set -q K; and set -gx A asked",
        "K=temporary true",
        "set -gx K=wrong v",
        "set K[1] first",
        "set -e K[1]",
        "set -e K",
        "set -eg A",
        "test -f ~/a.fish; and set -gx K tested",
        "test -d ~/d; and set -gx B folder",
        "[ -f ~/missing.fish ]; or set -gx A absent",
        "if not test -f ~/a.fish; set -gx K none; end",
        "function f; set -gx K inside; end",
        "read -gx K </dev/null",
        "switch $A; case 'v*'; set -gx K case; case '*'; set -gx B other; end",
        "builtin set -gx K built",
        "set -gx K v >/dev/null 2>&1",
        "set -S K",
        "return",
        "eval set -gx K evaluated",
        "set -gx K v # comment",
        "while false; set -gx K never; end",
        "set -gx A a b c",
        "set -gx KPATH a b; set -gx K $KPATH \"$KPATH\"",
    ]);
    let sources = path.clone().prop_map(|path| format!("source {path}"));
    let guarded = path.prop_map(|path| format!("test -r {path}; and source {path}"));
    let leaf = prop_oneof![6 => set, 1 => export, 4 => other, 1 => sources, 1 => guarded];
    let block = leaf.prop_recursive(3, 12, 4, |inner| {
        let body = prop::collection::vec(inner, 1..4).prop_map(|lines| lines.join("\n"));
        let test = text(&[
            "true",
            "false",
            "test -f ~/a.fish",
            "not test -e ~/a.fish",
            "test -n \"$A\"",
            "true; and false",
            "set -q A",
        ]);
        let words =
            text(&["1 2", "a", "\"x y\" z", "~/d/*.fish", "$HOME/d/*.none", "(echo x)", "$A"]);
        prop_oneof![
            (test, body.clone(), body.clone())
                .prop_map(|(test, yes, no)| format!("if {test}\n{yes}\nelse\n{no}\nend")),
            (words, body.clone()).prop_map(|(words, body)| format!(
                "for i in {words}\n{body}\nset A $i\ntest -r \"$i\"; and source \"$i\"\nend"
            )),
            body.clone().prop_map(|body| format!("begin\n{body}\nend")),
            body.clone().prop_map(|body| format!("function g\n{body}\nend")),
            body.prop_map(|body| format!("switch $PARENT\ncase 'from*'\n{body}\nend")),
        ]
    });
    let broken = text(&[
        "",
        "",
        "",
        "",
        "",
        "",
        "end",
        "set K 'open",
        "set K (echo",
        "K=v",
        "if true",
        "echo $",
        "cat <<E",
    ]);
    let line_end = text(&["\n", "\n", "\r\n"]);
    (prop::collection::vec(block, 1..7), broken, line_end).prop_map(|(lines, broken, end)| {
        // A backslash before a carriage return is another thing than a continued line.
        let whole = format!("{}\n{broken}", lines.join("\n"));
        if whole.contains("\\\n") { whole } else { whole.replace('\n', &end) }
    })
}

#[rstest]
#[case("bash", Shell::Bash)]
#[case("zsh", Shell::Zsh)]
#[case("dash", Shell::Posix)]
#[case("fish", Shell::Fish)]
fn a_shell_is_read_as_it_reads(#[case] program: &'static str, #[case] shell: Shell) {
    if Command::new(program).args(["-c", "exit 0"]).status().is_err() {
        eprintln!("skipped: {program} is not installed");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(home.path().join(name), text).unwrap();
    fs::create_dir(home.path().join("d")).unwrap();
    let is_fish = shell == Shell::Fish;
    let set = |name: &str, value: &str| {
        if is_fish {
            format!("set -gx {name} {value}\n")
        } else {
            format!("export {name}={value}\n")
        }
    };
    let end = if is_fish { "fish" } else { "sh" };
    write(&format!("a.{end}"), &set("K", "from-a"));
    write(&format!("b.{end}"), &(set("B", "from-b") + "K=plain\n"));
    write(&format!("broken.{end}"), &(set("K", "above") + "A='open\n"));
    write(&format!("returns.{end}"), &(set("A", "above") + "return\n" + &set("A", "below")));
    write(&format!("loop.{end}"), ". ~/loop2.sh\nexport C=loop\n");
    write(&format!("d/1.{end}"), &set("B", "one"));
    write(&format!("d/2.{end}"), &set("B", "two"));

    let home_path = home.path().to_str().unwrap();
    let environment: Environment =
        [("HOME", home_path), ("PATH", "/usr/bin:/bin"), ("PARENT", "from-parent")]
            .map(|(name, value)| (name.to_owned(), SecretValue::new(value)))
            .into();
    let count = std::env::var("STALEKEY_SHELLS_SCRIPTS").ok().and_then(|count| count.parse().ok());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[11; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = if is_fish { fish().boxed() } else { posix(program).boxed() };
    let script = home.path().join("script");
    let (mut compared, mut known, mut wrong) = (0, 0, Vec::new());
    for _ in 0..count.unwrap_or(200) {
        let text = strategy.new_tree(&mut runner).unwrap().current();
        fs::write(&script, &text).unwrap();
        let script = script.to_str().unwrap();
        let Some(theirs) = theirs(program, script, home.path()) else { continue };
        let ours = ours(shell, script, &environment);
        compared += NAMES.len();
        known += ours.len();
        for (name, value) in &ours {
            if theirs[name] != *value {
                let shown = |value: &Option<Vec<u8>>| {
                    value.as_ref().map(|value| String::from_utf8_lossy(value).into_owned())
                };
                wrong.push(format!(
                    "{name}: {program} {:?}, we {:?} in\n{text}\n",
                    shown(&theirs[name]),
                    shown(value)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {compared}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 0 && known * 2 > compared, "{known} of {compared} are known");
}
