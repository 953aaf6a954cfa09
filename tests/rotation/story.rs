//! A project from `init` to the evidence: file, workflow, process, and the key's end.

use std::{fs, io::Write as _, path::PathBuf, process::Stdio};

use super::{
    Running,
    context::{Run, TestContext},
    last4,
    memory::memory_can_be_read,
    provider::Provider,
    wait,
};

/// What is rotated: the environments that share the old key.
const SCOPE: [&str; 4] = ["--environment", "development", "--environment", "production"];

struct Project {
    context: TestContext,
    provider: Provider,
    old: String,
    new: String,
}

impl Project {
    fn new() -> Self {
        let context = TestContext::new();
        let [old, new, staging] = ["old", "new", "staging"].map(|name| context.key(name));
        let provider = Provider::accepting(&[&old, &new, &staging]);
        let project = Self { context, provider, old, new };
        project.file(&project.old);
        project.context.write(".env.staging", format!("OPENAI_API_KEY={staging}\n"));
        project
            .context
            .write("compose.yaml", "services:\n  api:\n    image: api\n    env_file: .env\n");
        project.workflow(&project.old);
        project
    }

    fn file(&self, key: &str) {
        self.context.write(".env", format!("OPENAI_API_KEY={key}\n"));
    }

    fn workflow(&self, key: &str) {
        let text = format!(
            "on: push\njobs:\n  deploy:\n    runs-on: ubuntu-latest\n    environment: production\n    \
             env:\n      OPENAI_API_KEY: {key}\n    steps: [{{run: ./deploy}}]\n"
        );
        self.context.write(".github/workflows/deploy.yml", text);
    }

    fn process(&self, key: &str) -> Running {
        Running::with(key, &self.context.path("."))
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.context.run(&[arguments, &[&self.provider.argument()]].concat())
    }

    /// The first thing that is still to do; the rotation is not done.
    fn next(&self) -> String {
        let run = self.run(&["confirm"]);
        assert_eq!(run.code, Some(1), "{run:?}");
        let gap = run.stdout.lines().find_map(|line| line.trim_start().strip_prefix("- "));
        gap.unwrap_or_else(|| panic!("a gap: {run:?}")).to_owned()
    }

    fn history(&self) -> PathBuf {
        let folder = self.context.path("home/.state/stalekey/history");
        let mut files = fs::read_dir(folder).expect("the histories");
        files.next().expect("one").expect("it can be listed").path()
    }

    fn asked_about(&self, key: &str) -> usize {
        self.provider.asked().iter().flatten().filter(|it| *it == key).count()
    }
}

#[test]
fn a_project_goes_from_init_to_its_evidence() {
    let project = Project::new();
    let (old, new) = (project.old.clone(), project.new.clone());
    let process = project.process(&old);
    let made = project.context.run(&["init", "--yes", "--running"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(made.stdout.contains("sleep process"), "{made:?}");
    project.context.trust(&[]);
    let start = [&["audit", "--start", "--new", last4(&new)][..], &SCOPE].concat();
    let started = project.run(&start);
    assert_eq!(started.code, Some(0), "{started:?}");
    assert!(started.stderr.contains("rotation openai-1 is open: 4 layers"), "{started:?}");
    assert!(!started.stdout.contains(".env.staging"), "it has a key of its own: {started:?}");

    let next = project.next();
    assert!(next.starts_with("`.env`: ") && next.contains("the old key"), "{next}");
    project.file(&new);
    if memory_can_be_read() {
        let next = project.next();
        assert!(next.starts_with("`sleep process`: ") && next.contains("the old key"), "{next}");
    }
    project.workflow(&new);
    let next = project.next();
    assert!(next.starts_with("`sleep process`: "), "{next}");
    drop(process);
    let _process = project.process(&new);
    if !memory_can_be_read() {
        return;
    }
    let next = project.run_with_old(&["confirm"]);
    assert_eq!(next.code, Some(1), "{next:?}");
    assert!(next.stdout.contains("4 of 4 layers hold the new key"), "{next:?}");
    assert!(next.stdout.contains("- the old key ") && next.stdout.contains("not yet revoked"));

    let before = project.asked_about(&old);
    let argument = project.provider.argument();
    let evidence = ["--wait", "85s", "--old-key", "-", "-o", "evidence.md", "--format", "json"];
    let mut waiting = project
        .context
        .command(&[&["confirm", &argument][..], &evidence].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    waiting.stdin.take().expect("its input").write_all(old.as_bytes()).expect("it reads");
    wait::until("the old key to be asked about", || {
        (project.asked_about(&old) > before).then_some(())
    });
    assert!(waiting.try_wait().expect("it runs").is_none(), "not before it is done");
    project.provider.revoke(&old);
    let output = waiting.wait_with_output().expect("it ends");
    let json = String::from_utf8(output.stdout).expect("output is UTF-8");
    assert_eq!(output.status.code(), Some(0), "{json}");

    let page = fs::read_to_string(project.context.path("evidence.md")).expect("it was written");
    evidence_is_whole(&page, &json, &old, &new);
    history_is_whole_until_it_is_changed(&project);
}

impl Project {
    fn run_with_old(&self, arguments: &[&str]) -> Run {
        let argument = self.provider.argument();
        let command = self.context.command(&[arguments, &["--old-key", "-", &*argument]].concat());
        self.context.finish(command, &self.old)
    }
}

/// Coverage first, and every layer with what it held and holds.
fn evidence_is_whole(page: &str, json: &str, old: &str, new: &str) {
    let at = |text: &str, part: &str| text.find(part).unwrap_or_else(|| panic!("{part} in {text}"));
    assert!(at(page, "## Coverage") < at(page, "## What has to be so"), "{page}");
    assert_eq!(at(page, "## "), at(page, "## Coverage"), "{page}");
    assert!(page.contains("4 layers asked, 4 read."), "{page}");
    assert!(at(json, "\"coverage\"") < at(json, "\"rotation\""), "{json}");
    let told: serde_json::Value = serde_json::from_str(json).expect("JSON");
    assert_eq!(told["result"], "rotated");
    let layers = told["layers"].as_array().expect("layers");
    let mut names: Vec<&str> = layers.iter().filter_map(|it| it["layer"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, [".env", "compose.yaml", "deploy.yml", "sleep process"]);
    for layer in layers {
        let name = layer["layer"].as_str().expect("a name");
        let ends = |field: &str, key: &str| {
            layer[field].as_str().is_some_and(|mask| mask.ends_with(last4(key)))
        };
        assert!(ends("before", old) && ends("after", new), "{layer}");
        let lines = page.lines().filter(|line| line.contains(name));
        let moved = |line: &str| line.find(last4(old)).zip(line.rfind(last4(new)));
        assert!(lines.filter_map(moved).any(|(from, to)| from < to), "{name}: {page}");
    }
    for key in [old, new] {
        for text in [page, json] {
            assert!(!text.contains(key.get(20..40).expect("keys are ASCII")));
        }
    }
}

fn history_is_whole_until_it_is_changed(project: &Project) {
    let verified = project.context.run(&["history", "verify"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    assert!(verified.stdout.contains("Whole: "), "{verified:?}");
    let path = project.history();
    let bytes = fs::read_to_string(&path).expect("the history");
    fs::write(&path, bytes.replacen("not_rotated", "not_rotates", 1)).expect("it can be written");
    let verified = project.context.run(&["history", "verify"]);
    assert_eq!(verified.code, Some(1), "{verified:?}");
    assert!(verified.stdout.contains("Not whole: line 2"), "{verified:?}");
    fs::write(&path, bytes.replacen("development", "developmens", 1)).expect("it can be written");
    let verified = project.context.run(&["history", "verify"]);
    assert_eq!(verified.code, Some(1), "{verified:?}");
}
