//! PM2 with a daemon of its own.

use rstest::rstest;

use crate::{
    command_of, configured,
    context::{Report, TestContext, permit},
    contract::validate,
    inventory::{dotenv, layer},
    programs::{Collector, Pm2, Runtimes, SOURCES, ask_another_at, free_port},
    running,
};

fn check(context: &TestContext) -> Report {
    let report = context.run(&["check", "--offline", "--format", "json"]).json();
    validate(&report);
    report
}

/// What it sends is what its rows say, before and after each kind of restart.
#[rstest]
#[case::fork(&[])]
#[case::cluster(&["-i", "1"])]
fn what_a_restart_of_pm2_gives(#[case] options: &[&str]) {
    let Some(words) = Runtimes::find().pm2() else { return };
    let path = std::env::var_os("PATH").expect("a PATH");
    let context = TestContext::new();
    let programs = context.path("bin");
    let wrapper = format!("#!/bin/sh\nexec {} \"$@\"\n", words.join(" "));
    permit(&context.write("bin/pm2", wrapper), 0o700);
    let mut search = programs.into_os_string();
    search.push(":");
    search.push(path);
    let context = context.with("PATH", search);
    let (old, new) = (context.key("old"), context.key("new"));
    for (name, text) in SOURCES {
        context.write(name, text);
    }
    context.write("new.env", format!("OPENAI_API_KEY={new}\n"));
    let pm2_layer = "kind = \"pm2\"\napp = \"api\"\nhome = \"pm2\"\nsource = \"new.env\"\n";
    context.inventory(
        &("expect.openai = { reference = \"new.env\" }\n".to_owned()
            + &dotenv("new.env")
            + &layer("app", pm2_layer)),
    );
    let report = check(&context);
    assert_eq!(running(&report, "app")[0]["verdict"], "unproven");
    assert!(!context.path("pm2").exists(), "asking starts no daemon");

    let folder = context.path("");
    let pm2 = Pm2::new(words, &folder);
    let provider = Collector::start();
    let (port, asked) = (free_port(), provider.port().to_string());
    let port_text = port.to_string();
    let variables = |key| {
        [("HOW", "none"), ("PROVIDER", &*asked), ("PORT", &*port_text), ("OPENAI_API_KEY", key)]
    };
    let start = [&["start", "app.js", "--name", "api"][..], options, &["--", "-", "serve"]];
    pm2.run(&start.concat(), &variables(&old));
    let first = ask_another_at(port, 0);
    pm2.run(&["save"], &[]);
    let report = check(&context);
    assert_eq!(configured(&report, "app")["verdict"], "mismatch");
    let runs = running(&report, "app");
    assert_eq!(runs.len(), 1, "{runs:#?}");
    assert_eq!(runs[0]["instance"]["pid"], first);
    let home = context.path("pm2");
    let update = format!("PM2_HOME={} pm2 restart api --update-env", home.display());
    assert_eq!(command_of(&report, "SK203"), update);

    // The common advice keeps the copy.
    pm2.run(&["restart", "api"], &variables(&new));
    let second = ask_another_at(port, first);
    assert_eq!(provider.last_of(second).as_ref(), Some(&old));
    let report = check(&context);
    assert_eq!(configured(&report, "app")["verdict"], "mismatch");
    assert_ne!(running(&report, "app")[0]["verdict"], "current");
    assert_eq!(command_of(&report, "SK203"), update);

    pm2.run(&["restart", "api", "--update-env"], &variables(&new));
    let third = ask_another_at(port, second);
    assert_eq!(provider.last_of(third).as_ref(), Some(&new));
    let report = check(&context);
    assert_eq!(configured(&report, "app")["verdict"], "current");
    assert_ne!(running(&report, "app")[0]["verdict"], "mismatch");
    let save = format!("PM2_HOME={} pm2 save", home.display());
    assert_eq!(command_of(&report, "SK222"), save);
    pm2.run(&["save"], &[]);
    assert!(!check(&context).0["diagnoses"].to_string().contains("SK222"));

    // Without a daemon the dump is what comes next, and nothing is started by asking.
    pm2.run(&["kill"], &[]);
    let report = check(&context);
    assert_eq!(configured(&report, "app")["verdict"], "current");
    assert_eq!(running(&report, "app")[0]["verdict"], "unproven");
    assert!(!context.path("pm2/pm2.pid").exists(), "asking starts no daemon");
}
