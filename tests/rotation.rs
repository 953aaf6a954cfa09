//! A rotation from its beginning to its proof, with the real program: `audit`, `confirm`, `history`.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/context.rs"]
mod context;
#[path = "support/inventory.rs"]
mod inventory;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/memory.rs"]
mod memory;
#[path = "support/provider.rs"]
mod provider;
#[path = "rotation/several.rs"]
mod several;
#[path = "rotation/signed.rs"]
mod signed;
#[path = "rotation/story.rs"]
mod story;
#[path = "support/wait.rs"]
mod wait;

use context::{Run, TestContext, permit};
use inventory::{dotenv, layer};
use memory::memory_can_be_read;
use provider::Provider;

/// A `.env`, a service of Compose that reads it, a workflow that names a secret, and a process.
struct Scene {
    context: TestContext,
    provider: Provider,
    old: String,
    new: String,
    process: Option<Running>,
}

/// A process with a key in its environment, until the test is over.
struct Running(Child);

impl Running {
    fn with(key: &str, folder: &Path) -> Self {
        let child = Command::new("sleep")
            .arg("1000")
            .current_dir(folder)
            .env_clear()
            .env("OPENAI_API_KEY", key)
            .stdin(Stdio::null())
            .spawn()
            .expect("sleep starts");
        let running = Self(child);
        // Between `fork` and `exec` it still is this test.
        let exe = format!("/proc/{}/exe", running.0.id());
        wait::until("the process to be itself", || {
            let own = fs::read_link("/proc/self/exe").ok()?;
            fs::read_link(&exe).ok().filter(|it| *it != own)
        });
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Scene {
    fn new() -> Self {
        let context = TestContext::new();
        let (old, new) = (context.key("old"), context.key("new"));
        let provider = Provider::accepting(&[&old, &new]);
        let mut scene = Self { context, provider, old, new, process: None };
        let old = scene.old.clone();
        scene.write_env(".env", &old);
        scene
            .context
            .write("compose.yaml", "services:\n  api:\n    image: api\n    env_file: .env\n");
        scene.start(&old);
        scene
    }

    fn write_env(&self, name: &str, key: &str) {
        self.context.write(name, format!("OPENAI_API_KEY={key}\n"));
    }

    /// Starts the process, in place of the one before.
    fn start(&mut self, key: &str) {
        self.process = None;
        let running = Running::with(key, &self.context.path("."));
        let compose = "kind = \"compose\"\nfiles = [\"compose.yaml\"]\nservice = \"api\"\n\
                       source = \".env\"\nowner = \"the API team\"\n";
        let process = format!(
            "kind = \"process\"\nmatch = {{ pid = {} }}\nsource = \"compose\"\n\
             restart = \"systemctl restart api\"\n",
            running.0.id()
        );
        let layers = dotenv(".env") + &layer("compose", compose) + &layer("api", &process);
        self.context.inventory(&layers);
        self.process = Some(running);
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.context.run(&[arguments, &[&self.provider.argument()]].concat())
    }

    fn run_with_input(&self, arguments: &[&str], input: &str) -> Run {
        let argument = self.provider.argument();
        let command = self.context.command(&[arguments, &[&*argument]].concat());
        self.context.finish(command, input)
    }

    /// Only of a process whose memory may be read it is certain what it holds.
    fn is_provable() -> bool {
        memory_can_be_read()
    }
}

fn last4(key: &str) -> &str {
    key.get(key.len() - 4..).expect("keys are ASCII")
}

#[test]
fn a_rotation_is_proven_at_the_right_moment_and_not_one_step_before() {
    let mut scene = Scene::new();
    let (old, new) = (scene.old.clone(), scene.new.clone());
    let started = scene.run(&["audit", "--start", "--new", last4(&new)]);
    assert_eq!(started.code, Some(0), "{started:?}");
    assert!(started.stderr.contains("rotation openai-1 is open: 3 layers"), "{started:?}");
    assert!(started.stdout.contains("3 layers: .env, compose, api"), "{started:?}");

    let confirm = |scene: &Scene| scene.run(&["confirm"]);
    let nothing = confirm(&scene);
    assert_eq!(nothing.code, Some(1), "{nothing:?}");
    assert!(nothing.stdout.contains("0 of 3 layers hold the new key"), "{nothing:?}");

    scene.write_env(".env", &new);
    let files = confirm(&scene);
    assert_eq!(files.code, Some(1), "{files:?}");
    assert!(files.stdout.contains("2 of 3 layers hold the new key"), "{files:?}");
    assert!(files.stdout.contains("`api`"), "{files:?}");

    scene.start(&new);
    if !Scene::is_provable() {
        assert_eq!(confirm(&scene).code, Some(3));
        return;
    }
    let alive = scene.run_with_input(&["confirm", "--old-key", "-"], &old);
    assert_eq!(alive.code, Some(1), "{alive:?}");
    assert!(alive.stdout.contains("not yet revoked"), "{alive:?}");

    scene.provider.revoke(&old);
    let unasked = confirm(&scene);
    assert_eq!(unasked.code, Some(3), "nobody holds the old key any more: {unasked:?}");
    assert!(unasked.stdout.contains("--old-key -"), "{unasked:?}");

    let evidence = scene.context.path("evidence.json");
    let path = evidence.to_str().expect("a path that is text");
    let proven = scene.run_with_input(&["confirm", "--old-key", "-", "-o", path], &old);
    assert_eq!(proven.code, Some(0), "{proven:?}");
    assert!(proven.stdout.starts_with("openai-1: rotated"), "{proven:?}");
    let told: serde_json::Value =
        serde_json::from_slice(&fs::read(&evidence).expect("it was written")).expect("JSON");
    assert_eq!(told["result"], "rotated");
    assert_eq!(told["coverage"]["layers_asked"], 3);
    assert_eq!(told["coverage"]["layers_read"], 3);
    assert_eq!(told["old_keys"][0]["outcome"], "dead");
    assert_eq!(told["new_key"]["outcome"], "alive");

    let again = confirm(&scene);
    assert_eq!(again.code, Some(2), "it is over: {again:?}");
    let verified = scene.context.run(&["history", "verify"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    assert!(verified.stdout.contains("records       6"), "{verified:?}");

    scene.write_env(".env", &old);
    let relapse = scene.run(&["check"]);
    assert_eq!(relapse.code, Some(1), "{relapse:?}");
    assert!(relapse.stdout.contains("SK620"), "{relapse:?}");
}

#[test]
fn what_cannot_be_read_is_never_proven() {
    let scene = Scene::new();
    let new = scene.new.clone();
    scene.run(&["audit", "--start", "--new", last4(&new)]);
    scene.write_env(".env", &new);
    scene.provider.revoke(&scene.old);
    fs::remove_file(scene.context.path(".env")).expect("it is there");
    fs::create_dir(scene.context.path(".env")).expect("a folder in its place");
    let formats = [("human", "not proven"), ("markdown", "not proven"), ("json", "not_proven")];
    // The process is known to hold the old key: leave it out.
    let text = fs::read_to_string(scene.context.path("stalekey.toml")).expect("it is there");
    let end = text.find("[[layers]]\nname = \"api\"").expect("the process");
    scene.context.write("stalekey.toml", text.get(..end).expect("the place of an ASCII text"));
    for (format, word) in formats {
        let run = scene.run(&["confirm", "--format", format]);
        assert_eq!(run.code, Some(3), "{run:?}");
        assert!(run.stdout.contains(word), "{run:?}");
        assert!(
            !run.stdout.contains(": rotated") && !run.stdout.contains("\"rotated\""),
            "{run:?}"
        );
    }
}

#[test]
fn the_new_key_is_named_by_anything_but_itself() {
    let scene = Scene::new();
    let new = scene.new.clone();
    let refused = scene.run(&["audit", "--new", &new]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    let none = scene.run(&["audit", "--new", last4(&new)]);
    assert!(none.stderr.contains("No rotation is open"), "{none:?}");
    assert_eq!(scene.run(&["audit", "--start"]).code, Some(0));
    let twice = scene.run(&["audit", "--start"]);
    assert!(twice.stderr.contains("still open"), "{twice:?}");
    let typed = scene.run_with_input(&["audit", "--credential", "openai", "--new", "-"], &new);
    assert_eq!(typed.code, Some(0), "{typed:?}");
    scene.write_env(".env", &new);
    let moved = scene.run(&["confirm"]);
    assert!(moved.stdout.contains("2 of 3 layers hold the new key"), "{moved:?}");
    let given_up = scene.run(&["audit", "--give-up", "openai-1"]);
    assert_eq!(given_up.code, Some(0), "{given_up:?}");
    assert_eq!(scene.run(&["confirm"]).code, Some(2));
}

#[test]
fn ticks_and_notes_are_there_again() {
    let scene = Scene::new();
    scene.run(&["audit", "--start"]);
    scene.run(&["audit", "--tick", ".env", "--note", "compose=deployed at night"]);
    let list = scene.run(&["audit"]);
    assert!(list.stdout.contains("- [x] **.env**"), "{list:?}");
    assert!(list.stdout.contains("- [ ] **compose**"), "{list:?}");
    assert!(list.stdout.contains("note: deployed at night"), "{list:?}");
    let unknown = scene.run(&["audit", "--tick", "mars"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
}

#[test]
fn waiting_ends_when_it_is_done() {
    if !Scene::is_provable() {
        return;
    }
    let mut scene = Scene::new();
    let (old, new) = (scene.old.clone(), scene.new.clone());
    scene.run(&["audit", "--start", "--new", last4(&new)]);
    scene.start(&new);
    scene.provider.revoke(&old);
    let asked =
        |scene: &Scene| scene.provider.asked().iter().flatten().filter(|key| **key == old).count();
    let before = asked(&scene);
    let argument = scene.provider.argument();
    let mut waiting = scene
        .context
        .command(&["confirm", "--wait", "80s", &argument])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // It has seen the old key while the file held it, and goes on asking about it.
    wait::until("the old key to be asked about", || (asked(&scene) > before).then_some(()));
    assert!(waiting.try_wait().expect("it runs").is_none(), "not before it is done");
    scene.write_env(".env", &new);
    let output = waiting.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("rotated: every layer moved"), "{text}");
}

#[test]
fn a_history_that_cannot_be_kept_is_an_error_with_its_reason() {
    let scene = Scene::new();
    let state = scene.context.path("home/.state/stalekey");
    fs::create_dir_all(&state).expect("folders");
    scene.context.write("home/.state/stalekey/history", "a file where a folder belongs");
    let failed = scene.run(&["audit", "--start"]);
    assert_eq!(failed.code, Some(2), "{failed:?}");
    assert!(failed.stderr.contains("history"), "{failed:?}");
    permit(&state, 0o700);
    // Looking goes on.
    assert_eq!(scene.run(&["check"]).code, Some(0));
}
