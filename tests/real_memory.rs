//! Python and Node programs that go on sending a key while their memory is searched and watched:
//! what is said of each is compared with what it really sends.

#[path = "support/context.rs"]
mod context;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/contract.rs"]
mod contract;
#[path = "support/inventory.rs"]
mod inventory;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/memory.rs"]
mod memory;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/programs.rs"]
mod programs;
#[path = "support/wait.rs"]
mod wait;

use rstest::rstest;
use serde_json::Value;

use context::TestContext;
use contract::validate;
use inventory::{dotenv, layer};
use memory::memory_can_be_read;
use programs::{Collector, Program};
use wait::until;

/// A client keeps the key it was built with, as the libraries of providers do.
const PYTHON: &str = r#"
import http.client, os, sys, threading, time
def load():
    with open(".env") as file:
        os.environ["OPENAI_API_KEY"] = file.read().strip().split("=", 1)[1]
class Client:
    def __init__(self):
        self.key = os.environ["OPENAI_API_KEY"]
    def send(self):
        connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["PROVIDER"]))
        headers = {"Authorization": "Bearer " + self.key, "X-Pid": str(os.getpid())}
        connection.request("GET", "/v1/models", headers=headers)
        connection.getresponse().read()
        connection.close()
load()
client = Client()
def work():
    while True:
        client.send()
        time.sleep(0.02)
threading.Thread(target=work, daemon=True).start()
print("ready", flush=True)
for line in sys.stdin:
    how = line.strip()
    if how in ("all", "environment"):
        load()
    if how == "all":
        client = Client()
    if how == "reader":
        open(".env").read()
    print("did " + how, flush=True)
"#;

const NODE: &str = r#"
const fs = require("fs"), http = require("http");
function load() {
  process.env.OPENAI_API_KEY = fs.readFileSync(".env", "utf8").trim().split("=")[1];
}
class Client {
  constructor() { this.key = process.env.OPENAI_API_KEY; }
  send(done) {
    const headers = { authorization: "Bearer " + this.key, "x-pid": String(process.pid) };
    const request = { host: "127.0.0.1", port: process.env.PROVIDER, path: "/v1/models", headers, agent: false };
    http.get(request, (answer) => answer.resume().on("end", done)).on("error", done);
  }
}
load();
let client = new Client();
const work = () => client.send(() => setTimeout(work, 20));
work();
console.log("ready");
require("readline").createInterface({ input: process.stdin }).on("line", (how) => {
  if (how === "all" || how === "environment") load();
  if (how === "all") client = new Client();
  if (how === "reader") fs.readFileSync(".env", "utf8");
  console.log("did " + how);
});
"#;

/// Right, left open, or wrong.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Right,
    Open,
    Wrong,
}

/// What a row says of a process that sends this key.
fn told(row: &Value, sends_new: bool) -> Told {
    let verdict = row["verdict"].as_str().unwrap_or_default();
    let right = if sends_new { verdict == "current" } else { verdict != "current" };
    let contradicted = row["diagnoses"].to_string().contains("SK218");
    match verdict {
        "unproven" => Told::Open,
        _ if right => Told::Right,
        // It says what the environment holds, that this is likely, and what speaks against it.
        _ if row["rank"] == "live" && row["certainty"] == "likely" && contradicted => Told::Open,
        _ => Told::Wrong,
    }
}

#[rstest]
fn what_is_said_is_what_is_sent(
    #[values("python", "node")] runtime: &str,
    #[values("nothing", "all", "environment", "reader")] reload: &str,
) {
    let (words, file, source) = match runtime {
        "python" => (["python3", "client.py"], "client.py", PYTHON),
        _ => (["node", "client.js"], "client.js", NODE),
    };
    let runs = std::process::Command::new(words[0]).arg("--version").output();
    if !runs.is_ok_and(|output| output.status.success()) || !memory_can_be_read() {
        println!("skipped: no {}, or memory cannot be read", words[0]);
        return;
    }
    let context = TestContext::new();
    let (old, new) = (context.key("old"), context.key("new"));
    context.write(file, source);
    context.write(".env", format!("OPENAI_API_KEY={old}\n"));
    context.write("old.env", format!("OPENAI_API_KEY={old}\n"));
    let provider = Collector::start();
    let port = provider.port().to_string();
    let variables = [("PROVIDER", Some(&*port))];
    let mut program = Program::start(&words, &context.path(""), &variables).ready();
    let pid = u64::from(program.pid());
    context.write(".env", format!("OPENAI_API_KEY={new}\n"));
    program.tell(reload);
    let sends_new = reload == "all";
    let sent = if sends_new { &new } else { &old };
    until("the key is sent", || (provider.last_of(pid).as_ref() == Some(sent)).then_some(()));

    let process = format!(
        "kind = \"process\"\nsource = \".env\"\nmemory = \"allow\"\nmatch = {{ pid = {pid} }}\n"
    );
    context.inventory(
        &("expect.openai = { reference = \".env\" }\n".to_owned()
            + &dotenv(".env")
            + &dotenv("old.env")
            + &layer("app", &process)),
    );
    // A busy machine may need more than the time that a search has.
    let check = |watch: &[&str]| {
        let words = [&["check", "--offline", "--deep", "--format", "json"][..], watch].concat();
        until("a complete search", || {
            let report = context.run(&words).json();
            validate(&report);
            (report.row("app")["evidence"]["memory"]["gap"] != "time").then_some(report)
        })
    };
    let (searched, watched) = (check(&[]), check(&["--watch", "3s"]));
    assert_eq!(provider.last_of(pid).as_ref(), Some(sent), "it went on sending the same");
    let (search, watch) = (searched.row("app"), watched.row("app"));
    let memory = &watch["evidence"]["memory"];
    println!(
        "{runtime} {reload}: check {:?} ({} {}), watch {:?} ({} {}, {} {})",
        told(search, sends_new),
        search["verdict"],
        search["rank"],
        told(watch, sends_new),
        watch["verdict"],
        watch["rank"],
        memory["watch"]["sends"],
        memory["keys"],
    );
    assert_ne!(told(search, sends_new), Told::Wrong, "{search:#}");
    assert_ne!(told(watch, sends_new), Told::Wrong, "{watch:#}");
    let text = searched.0["diagnoses"].to_string();
    match reload {
        // The environment says the new key, and the old one is sent.
        "environment" => assert!(text.contains("SK218"), "{text}"),
        "nothing" => assert_eq!(told(search, false), Told::Right, "{search:#}"),
        _ => {}
    }
    if watch["rank"] == "sent" {
        assert_eq!(told(watch, sends_new), Told::Right, "a watch that decides is right: {watch:#}");
    }
}
