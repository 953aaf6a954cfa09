//! Evidence with a signature.

use std::{
    fs::{self, File},
    process::{Command, Stdio},
};

use super::{
    context::{Run, TestContext},
    inventory::dotenv,
};

/// An open rotation whose new key is not there yet.
fn opened(context: TestContext) -> TestContext {
    let key = context.key("old");
    context.write(".env", format!("OPENAI_API_KEY={key}\n"));
    context.inventory(&dotenv(".env"));
    let started = context.run(&["audit", "--start", "--new", "none", "--offline"]);
    assert_eq!(started.code, Some(0), "{started:?}");
    context
}

fn confirm(context: &TestContext) -> Run {
    context.run(&["confirm", "--offline", "-o", "evidence.json", "--sign", "signer"])
}

#[test]
fn a_signature_is_that_of_the_evidence() {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let context = TestContext::new().with("PATH", path);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"])
        .arg(context.path("signer"))
        .stdin(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        println!("skipped: ssh-keygen makes no key here");
        return;
    }
    let context = opened(context);
    // The second one takes the place of the first, and nobody is asked.
    for _ in 0..2 {
        let run = confirm(&context);
        assert_eq!(run.code, Some(1), "{run:?}");
        let good = |evidence: File| {
            Command::new("ssh-keygen")
                .args(["-Y", "check-novalidate", "-n", "stalekey", "-s"])
                .arg(context.path("evidence.json.sig"))
                .stdin(evidence)
                .output()
                .expect("ssh-keygen runs")
                .status
                .success()
        };
        let evidence = context.path("evidence.json");
        assert!(good(File::open(&evidence).expect("the evidence")));
        let changed = fs::read_to_string(&evidence).expect("text").replacen("old", "new", 1);
        let copy = context.write("changed.json", changed);
        assert!(!good(File::open(copy).expect("the copy")));
    }
}

#[test]
fn without_the_signer_the_evidence_is_written_and_the_reason_told() {
    let context = opened(TestContext::new().with("PATH", "/nowhere"));
    let run = confirm(&context);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("`ssh-keygen` could not be run"), "{run:?}");
    let bytes = fs::read(context.path("evidence.json")).expect("it is written");
    let told: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
    assert_eq!(told["result"], "not_rotated");
    assert!(!context.path("evidence.json.sig").exists());
}
