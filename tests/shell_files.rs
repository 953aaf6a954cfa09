//! Files that shells and logins read, as a user of the program sees them.

#[path = "support/context.rs"]
mod context;
#[path = "support/contract.rs"]
mod contract;
#[path = "support/inventory.rs"]
mod inventory;

use context::{Report, TestContext};
use contract::{validate, verdicts};
use inventory::{dotenv, layer};
use rstest::rstest;
use serde_json::Value;

fn check(context: &TestContext, path: &str) -> Report {
    context.inventory(&layer("file", &format!("kind = \"shell-file\"\npath = \"{path}\"\n")));
    let run = context.run(&["check", "--offline", "--format", "json"]);
    assert_eq!(run.stderr, "");
    let report = run.json();
    validate(&report);
    report
}

/// The names of the row's traps, and where they stand.
fn traps(row: &Value) -> Vec<(&str, &str)> {
    let traps = row["traps"].as_array().into_iter().flatten();
    traps
        .filter_map(|trap| Some((trap["trap"].as_str()?, trap["location"]["path"].as_str()?)))
        .collect()
}

/// Where the deciding value stands.
fn place(context: &TestContext, row: &Value) -> String {
    let location = &row["location"];
    let path = location["path"].as_str().unwrap_or("-");
    let home = context.path("home");
    let path = path.replace(home.to_str().expect("a path of text"), "~");
    format!("{path}:{}:{}", location["line"], location["column"])
}

fn files(context: &TestContext, row: &Value) -> Vec<String> {
    let home = context.path("home");
    let home = home.to_str().expect("a path of text");
    let files = row["evidence"]["files"].as_array().into_iter().flatten();
    files.filter_map(Value::as_str).map(|file| file.replace(home, "~")).collect()
}

#[rstest]
#[case::fish(
    "~/.config/fish/config.fish",
    "if true\n  set -gx OPENAI_API_KEY '@'\nend\n",
    "found",
    "2:27"
)]
#[case::fish_variables(
    "~/.config/fish/fish_variables",
    "# VERSION: 3.0\nSETUVAR --export OPENAI_API_KEY:@\n",
    "found",
    "2:33"
)]
#[case::environment_d("~/.config/environment.d/10.conf", "OPENAI_API_KEY=@\n", "found", "1:16")]
#[case::crlf("rc.fish", "set -gx OPENAI_API_KEY \"@\"\r\n", "found", "1:25")]
#[case::invalid_bytes(".bashrc", "A='\u{fffd}'\nexport OPENAI_API_KEY=@\n", "found", "2:23")]
#[case::dynamic("a.fish", "set -gx OPENAI_API_KEY (pass show @)\n", "opaque", "1:24")]
#[case::conditional(".zshrc", "[[ -n $X ]] && export OPENAI_API_KEY=@\n", "opaque", "1:38")]
fn a_file_is_read_by_its_own_rules(
    #[case] path: &str,
    #[case] text: &str,
    #[case] state: &str,
    #[case] at: &str,
) {
    let context = TestContext::new();
    let key = context.key("new");
    context.write(&path.replace('~', "home"), text.replace('@', &key));
    let report = check(&context, path);
    let row = report.row("file");
    assert_eq!(row["state"], state, "{row:#?}");
    assert_eq!(place(&context, row), format!("{path}:{at}"));
}

#[test]
fn files_that_a_file_reads_are_followed() {
    let context = TestContext::new();
    let key = context.key("new");
    let rc = "[ -s ~/.secrets ] && \\. ~/.secrets\n[ -f ~/.none ] && . ~/.none\n\
              for f in ~/.env.d/*.sh; do [ -r \"$f\" ] && . \"$f\"; done\n. ~/.bashrc\n";
    context.write("home/.bashrc", rc);
    context.write("home/.secrets", "export OTHER=1\n");
    context.write("home/.env.d/1.sh", format!("# the key\nexport OPENAI_API_KEY={key}\n"));
    let report = check(&context, "~/.bashrc");
    let row = report.row("file");
    assert_eq!(row["state"], "found", "{row:#?}");
    assert_eq!(place(&context, row), "~/.env.d/1.sh:2:23");
    assert_eq!(files(&context, row), ["~/.bashrc", "~/.secrets", "~/.env.d/1.sh"]);
}

#[rstest]
#[case::no_path("export A=$(pwd)\n. \"$A/keys\"\n")]
#[case::relative(". ./keys\n")]
#[case::folder(". ~\n")]
fn what_is_read_elsewhere_is_never_absent(#[case] text: &str) {
    let context = TestContext::new();
    context.write("home/.bashrc", text);
    let report = check(&context, "~/.bashrc");
    let row = report.row("file");
    assert_eq!((&row["state"], &row["verdict"]), (&"opaque".into(), &"unproven".into()));
}

#[test]
fn a_relative_file_counts_under_a_condition() {
    let context = TestContext::new();
    context.write("home/.bashrc", ". ./keys\n");
    context.write("home/keys", format!("export OPENAI_API_KEY={}\n", context.key("new")));
    let report = check(&context, "~/.bashrc");
    let row = report.row("file");
    assert_eq!(row["state"], "opaque");
    assert_eq!(row["reason"], "set only under a condition");
    assert_eq!(place(&context, row), "~/keys:1:23");
}

#[rstest]
#[case::hides(".bash_profile", "export A=1\n", true)]
#[case::hides_too(".bash_login", "export A=1\n", true)]
#[case::reads_it(".bash_profile", "[ -f ~/.profile ] && . ~/.profile\n", false)]
#[case::other(".bashrc", "export A=1\n", false)]
fn a_profile_that_bash_does_not_read_says_so(
    #[case] other: &str,
    #[case] text: &str,
    #[case] hidden: bool,
) {
    let context = TestContext::new();
    context.write("home/.profile", format!("export OPENAI_API_KEY={}\n", context.key("new")));
    context.write(&format!("home/{other}"), text);
    let report = check(&context, "~/.profile");
    let row = report.row("file");
    let path = format!("~/{other}");
    let expected = if hidden { vec![("wrong-startup-file", path.as_str())] } else { vec![] };
    assert_eq!(traps(row), expected);
}

#[test]
fn a_folder_of_environment_d_is_merged_by_name() {
    let context = TestContext::new();
    let (old, new) = (context.key("old"), context.key("new"));
    context.write("home/.config/environment.d/10.conf", format!("OPENAI_API_KEY={old}\nPART=x\n"));
    context.write("home/.config/environment.d/90.conf", format!("OPENAI_API_KEY={new}\n"));
    context.write("home/.config/environment.d/99.conf.bak", format!("OPENAI_API_KEY={old}\n"));
    let report = check(&context, "~/.config/environment.d");
    let row = report.row("file");
    assert_eq!(row["state"], "found", "{row:#?}");
    assert_eq!(place(&context, row), "~/.config/environment.d/90.conf:1:16");
    assert_eq!(traps(row)[0].0, "duplicate-key");
}

#[test]
fn a_folder_of_fish_is_read_as_fish_starts() {
    let context = TestContext::new();
    let (old, new) = (context.key("old"), context.key("new"));
    let universal = format!("# VERSION: 3.0\nSETUVAR --export OPENAI_API_KEY:{old}\n");
    context.write("home/.config/fish/fish_variables", universal);
    context.write("home/.config/fish/conf.d/a.fish", format!("set -g KEY {new}\n"));
    context.write("home/.config/fish/config.fish", "set -gx OPENAI_API_KEY $KEY\n");
    let report = check(&context, "~/.config/fish");
    assert_eq!(place(&context, report.row("file")), "~/.config/fish/config.fish:1:24");
    let report = check(&context, "~/.config/fish/config.fish");
    let trap = ("fish-universal", "~/.config/fish/fish_variables");
    assert!(traps(report.row("file")).contains(&trap), "{:#?}", report.row("file"));
}

#[test]
fn a_mistake_makes_fish_refuse_the_file() {
    let context = TestContext::new();
    let key = context.key("new");
    context.write("config.fish", format!("set -gx OPENAI_API_KEY {key}\nset A \"open\n"));
    let report = check(&context, "config.fish");
    let row = report.row("file");
    assert_eq!(row["state"], "unreadable", "{row:#?}");
    assert_eq!(traps(row), [("file-rejected", "config.fish")]);
}

#[test]
fn a_value_below_a_guard_is_for_some_shells_only() {
    let context = TestContext::new();
    let guard = "case $- in *i*) ;; *) return;; esac\n";
    let text = format!("{guard}export OPENAI_API_KEY={}\n", context.key("new"));
    context.write("home/.bashrc", text);
    let report = check(&context, "~/.bashrc");
    assert_eq!(traps(report.row("file")), [("interactive-only", "~/.bashrc")]);
}

#[test]
fn fish_and_a_dotenv_file_hold_one_key() {
    let context = TestContext::new();
    let key = context.key("new");
    context.write(".env", format!("OPENAI_API_KEY={key}\n"));
    context.write("config.fish", format!("set -x OPENAI_API_KEY '{key}'\n"));
    let fish = layer("fish", "kind = \"shell-file\"\npath = \"config.fish\"\n");
    context.inventory(&format!("{}{fish}", dotenv(".env")));
    let run = context.run(&["check", "--offline", "--format", "json"]);
    let report = run.json();
    assert_eq!(verdicts(&report), [(".env", "current"), ("fish", "current")]);
    assert_eq!(report.row(".env")["key"], report.row("fish")["key"]);
}
