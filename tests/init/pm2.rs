//! Files that PM2 starts applications from.

use rstest::rstest;

use super::{expected, layers};
use crate::context::TestContext;

#[test]
fn applications_that_are_written_out_are_layers_by_their_names() {
    let context = TestContext::new();
    context.write("api/.env.production", format!("OPENAI_API_KEY={}\n", context.key("api")));
    context.write("web/.env", format!("OPENAI_API_KEY={}\n", context.key("web")));
    context.write(
        "ecosystem.config.js",
        "// OPENAI_API_KEY is not given to `idle`.\nmodule.exports = {\n  apps: [\n    {\n      name: \
         'api',\n      script: './server.js',\n      env_file: './api/.env.production',\n    },\n    \
         { name: \"mails\", env: { MISTRAL_API_KEY: process.env.MISTRAL_API_KEY } },\n    \
         { name: 'web', cwd: './web', script: 'npm', args: ['run', 'start'] },\n    \
         { name: 'idle', script: 'idle.js' },\n  ],\n};\n",
    );
    let run = context.init(&[]);
    let text = context.written();
    let wanted = expected(&[
        ("api .env.production", "dotenv production openai"),
        ("web .env", "dotenv development openai"),
        ("pm2 api", "pm2 production openai < api .env.production"),
        ("pm2 mails", "pm2 production mistral"),
        ("pm2 web", "pm2 production openai"),
    ]);
    assert_eq!(layers(&text), wanted, "{run:?}");
    for line in [
        "# ecosystem.config.js gives api/.env.production to PM2's application `api`",
        "# ecosystem.config.js names a variable of the catalogue for PM2's application `mails`",
        "# ecosystem.config.js has PM2's application `web` work beside web/.env",
        "app = \"mails\"",
    ] {
        assert!(text.lines().any(|written| written == line), "{line}: {text}");
    }
    let web = text.split("[[layers]]").find(|layer| layer.contains("app = \"web\"")).unwrap();
    assert!(web.contains("optional = true"), "{web}");
    let again = context.init(&["--update"]);
    assert!(again.stdout.contains("Nothing is new"), "{again:?}");
    assert_eq!(context.written(), text);
}

/// Whose name is computed, and what is shared, only a run would tell.
#[rstest]
#[case::computed_name(
    "ecosystem.config.cjs",
    "module.exports = {apps: [{name: `api-${x}`, env: {OPENAI_API_KEY: ''}}]}"
)]
#[case::shared(
    "pm2.config.js",
    "const env = {OPENAI_API_KEY: k};\nmodule.exports = {apps: [{name: 'a', env}]}"
)]
#[case::computed_list(
    "ecosystem.config.mjs",
    "export default {apps: names.map((name) => ({name, env: {OPENAI_API_KEY: k}}))}"
)]
#[case::cut_off("ecosystem.config.js", "module.exports = {apps: [{name: 'a, OPENAI_API_KEY: 1")]
#[case::without_a_name(
    "process.json",
    r#"{"apps": [{"script": "a.js", "env": {"OPENAI_API_KEY": "k"}}]}"#
)]
fn what_is_computed_is_a_layer_of_all_applications(#[case] name: &str, #[case] text: &str) {
    let context = TestContext::new();
    context.write(name, text);
    context.init(&[]);
    let written = context.written();
    let layers = layers(&written);
    assert_eq!(layers.values().collect::<Vec<_>>(), ["pm2 production openai"], "{written}");
    assert!(!written.contains("app = "), "{written}");
    assert!(context.init(&["--update"]).stdout.contains("Nothing is new"));
}

#[rstest]
#[case::comment("ecosystem.config.js", "// OPENAI_API_KEY\nmodule.exports = {apps: [{name: 'a'}]}")]
#[case::longer_name(
    "ecosystem.config.js",
    "module.exports = {apps: [{env: {OPENAI_API_KEY_2: 1}}]}"
)]
#[case::no_file("ecosystem.config.json", r#"{"apps": [{"name": "a", "env_file": ".env"}]}"#)]
#[case::elsewhere("ecosystem.config.json", r#"{"apps": [{"name": "a", "env_file": "../.env"}]}"#)]
#[case::other_name("ecosystem.js", "module.exports = {apps: [{env: {OPENAI_API_KEY: 1}}]}")]
fn what_gives_nothing_is_no_layer(#[case] name: &str, #[case] text: &str) {
    let context = TestContext::new();
    context.write(name, text);
    let run = context.run(&["init", "--yes"]);
    assert_eq!(run.code, Some(3), "{run:?}");
    assert!(run.stdout.contains("No layer was found"), "{run:?}");
}

/// It would leave a trace.
#[test]
fn no_javascript_is_run() {
    let context = TestContext::new();
    context.write(
        "ecosystem.config.js",
        "require('fs').writeFileSync('trace', '');\nmodule.exports = {apps: [{name: 'a', env: \
         {OPENAI_API_KEY: 'k'}}]}",
    );
    context.init(&[]);
    assert!(!context.path("trace").exists());
    assert_eq!(layers(&context.written())["pm2 a"], "pm2 production openai");
}

#[test]
fn what_the_inventory_has_is_not_proposed() {
    let context = TestContext::new();
    context.write(
        "ecosystem.config.json",
        r#"{"apps": [{"name": "api", "env": {"OPENAI_API_KEY": "k"}}]}"#,
    );
    let text = "version = 1\n[environments.production]\n[credentials.openai]\nprovider = \
                \"openai\"\n[[layers]]\nname = \"all of PM2\"\nenvironment = \"production\"\nkind = \
                \"pm2\"\nhome = \"pm2\"\n";
    context.write("stalekey.toml", text);
    assert!(context.init(&["--update"]).stdout.contains("Nothing is new"));
    assert_eq!(context.written(), text);
}
