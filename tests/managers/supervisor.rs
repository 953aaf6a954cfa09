//! Configurations of supervisord, without it.

use rstest::rstest;

use super::{check, context, finding, has, rows};
use crate::{
    context::TestContext,
    inventory::{dotenv, layer},
    managers::Worker,
};

fn scene(configuration: &str) -> (TestContext, String, String) {
    let context = context();
    let (old, new) = (context.key("old"), context.key("new"));
    context.write("new.env", format!("OPENAI_API_KEY={new}\n"));
    let text = configuration.replace("OLD", &old).replace("NEW", &new);
    context.write("s.conf", text);
    let program = "kind = \"supervisor\"\nprogram = \"api\"\nconfig = \"s.conf\"\n";
    context.inventory(
        &("expect.openai = { reference = \"new.env\" }\n".to_owned()
            + &dotenv("new.env")
            + &layer("api", program)),
    );
    (context, old, new)
}

#[test]
fn without_supervisord_the_configuration_is_judged_and_nothing_runs() {
    let text = "[supervisord]\nenvironment=OPENAI_API_KEY=\"OLD\"\n\
                [program:api]\ncommand=x\nenvironment=OPENAI_API_KEY=\"NEW\"\n";
    let (context, ..) = scene(text);
    let report = check(&context);
    let api = rows(&report, "api");
    assert_eq!(api.len(), 2, "{api:#?}");
    assert_eq!((&api[0]["verdict"], &api[1]["verdict"]), (&"current".into(), &"unproven".into()));
    assert_eq!(
        (&api[0]["location"]["line"], &api[0]["location"]["column"]),
        (&5.into(), &29.into())
    );
    assert_eq!(api[0]["occurrences"].as_array().map(Vec::len), Some(2));
    assert!(has(&report, "SK505"));
}

/// What supervisord was started with goes to every program that does not set it anew.
#[test]
fn what_supervisord_was_started_with_is_handed_down() {
    let (context, old, _) =
        scene("[supervisord]\npidfile=%(here)s/s.pid\n[program:api]\ncommand=x\n");
    let daemon = Worker::named("/usr/bin/supervisord", &[("OPENAI_API_KEY", &old)]);
    context.write("s.pid", daemon.pid().to_string());
    let report = check(&context);
    let api = rows(&report, "api");
    assert_eq!((&api[0]["verdict"], &api[1]["verdict"]), (&"mismatch".into(), &"unproven".into()));
    let finding = finding(&report, "SK204");
    assert!(finding["message"].as_str().unwrap_or_default().contains("hands it down"));
    assert!(
        finding["fixes"][0]["text"].as_str().unwrap_or_default().contains("supervisord itself")
    );
    assert!(!has(&report, "SK213"), "nobody edits that: {:#}", report.0["diagnoses"]);
}

#[rstest]
#[case::no_file("", "missing", "does not exist")]
#[case::refused(
    "[supervisord]\n[program:api]\ncommand=x\nenvironment=A=\"%\"\n",
    "unreadable",
    "write `%%`"
)]
#[case::no_program("[supervisord]\n[program:other]\ncommand=x\n", "unreadable", "no such program")]
fn a_configuration_that_says_nothing_tells_why(
    #[case] text: &str,
    #[case] verdict: &str,
    #[case] reason: &str,
) {
    let (context, ..) = scene(text);
    if text.is_empty() {
        std::fs::remove_file(context.path("s.conf")).expect("a file");
    }
    let report = check(&context);
    let row = report.row("api");
    assert_eq!(row["verdict"], verdict, "{row:#}");
    assert!(row["reason"].as_str().unwrap_or_default().contains(reason), "{row:#}");
}
