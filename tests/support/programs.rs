//! Programs of other people that send a key to a provider on loopback when they are asked to.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead as _, BufReader, Read, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::wait::until;

/// The applications, by the names of their files.
pub(crate) const SOURCES: &[(&str, &str)] = &[
    (
        "web.py",
        r#"
import os, sys, urllib.request
HERE = os.path.dirname(os.path.abspath(__file__))
HOW = os.environ["HOW"]
if HOW.startswith("dotenv"):
    from dotenv import load_dotenv
    load_dotenv(os.path.join(HERE, ".env"), override=HOW == "dotenv-override")
if HOW == "assigned":
    with open(os.path.join(HERE, ".env")) as file:
        os.environ["OPENAI_API_KEY"] = file.read().strip().split("=", 1)[1]
if HOW == "title":
    import setproctitle
    setproctitle.setproctitle("an application " + "x" * 4000)
def send():
    headers = {"Authorization": "Bearer " + os.environ.get("OPENAI_API_KEY", ""), "X-Pid": str(os.getpid())}
    request = urllib.request.Request("http://127.0.0.1:%s/" % os.environ["PROVIDER"], headers=headers)
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).read()
    return str(os.getpid()).encode()
def wsgi(environ, start_response):
    body = send()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
async def asgi(scope, receive, reply):
    assert scope["type"] == "http"
    body = send()
    await reply({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
    await reply({"type": "http.response.body", "body": body})
if __name__ == "__main__":
    print("ready", flush=True)
    for line in sys.stdin:
        print(send().decode(), flush=True)
"#,
    ),
    (
        "flask_app.py",
        r#"
from flask import Flask
import web
app = Flask(__name__)
@app.route("/")
def root():
    return web.send()
"#,
    ),
    (
        "app.js",
        r#"
const fs = require("fs"), http = require("http"), path = require("path");
const file = path.join(__dirname, ".env"), how = process.env.HOW;
if (how === "dotenv") require(process.argv[2]).config({ path: file, quiet: true });
if (how === "load-env-file") process.loadEnvFile(file);
if (how === "assigned") process.env.OPENAI_API_KEY = fs.readFileSync(file, "utf8").trim().split("=")[1];
function send(done) {
  const headers = { authorization: "Bearer " + (process.env.OPENAI_API_KEY || ""), "x-pid": String(process.pid) };
  http.get({ host: "127.0.0.1", port: process.env.PROVIDER, headers, agent: false }, (answer) => {
    answer.resume().on("end", () => done(String(process.pid)));
  });
}
if (process.argv.includes("serve")) {
  const server = http.createServer((_, reply) => send((pid) => reply.setHeader("connection", "close").end(pid)));
  server.listen(Number(process.env.PORT || 0), "127.0.0.1", () => console.log("at http://127.0.0.1:" + server.address().port));
} else {
  console.log("ready");
  require("readline").createInterface({ input: process.stdin }).on("line", () => send((pid) => console.log(pid)));
}
"#,
    ),
];

/// The programs that are there.
pub(crate) struct Runtimes {
    folder: Option<PathBuf>,
}

#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
impl Runtimes {
    pub(crate) fn find() -> Self {
        Self { folder: env::var_os("STALEKEY_RUNTIMES").map(PathBuf::from) }
    }

    fn within(&self, path: &str) -> Option<String> {
        let file = self.folder.as_ref().map(|folder| folder.join(path)).filter(|it| it.exists());
        if file.is_none() {
            println!("skipped: no {path}; STALEKEY_RUNTIMES names no folder that has it");
        }
        file.map(|file| file.to_str().expect("a path that is text").to_owned())
    }

    /// Python with all libraries of the tests.
    pub(crate) fn python_with_libraries(&self) -> Option<String> {
        self.within("venv/bin/python")
    }

    /// A program of this system.
    fn plain(name: &str) -> Option<String> {
        let runs = Command::new(name).arg("--version").output().is_ok_and(|it| it.status.success());
        if !runs {
            println!("skipped: no {name}");
        }
        runs.then(|| name.to_owned())
    }

    /// The words that start an application which is asked by its standard input.
    pub(crate) fn script(&self, program: &str, how: &str) -> Option<Vec<String>> {
        if program == "python" {
            let plain = matches!(how, "none" | "assigned");
            let python = if plain { Self::plain("python3") } else { self.python_with_libraries() }?;
            return Some(vec![python, "web.py".to_owned()]);
        }
        let mut words = vec![Self::plain("node")?];
        words.extend((program == "node-env-file").then(|| "--env-file=.env".to_owned()));
        words.push("app.js".to_owned());
        if how == "dotenv" {
            words.push(self.within("node_modules/dotenv")?);
        }
        Some(words)
    }

    /// The words that start PM2's own command.
    pub(crate) fn pm2(&self) -> Option<Vec<String>> {
        Some(vec![Self::plain("node")?, self.within("node_modules/pm2/bin/pm2")?])
    }

    /// The words that start a service.
    pub(crate) fn service(&self, name: &str) -> Option<Vec<String>> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        if name.starts_with("node") {
            let node = Self::plain("node")?;
            let dotenv = self.within("node_modules/dotenv")?;
            let nodemon = self.within("node_modules/nodemon/bin/nodemon.js")?;
            let serve = ["app.js", &*dotenv, "serve"];
            return Some(match name {
                // What is accepted and remembered stands beside the program here, and is no source.
                "nodemon" => {
                    words(&[&[&*node, &*nodemon, "--ignore", "home/"][..], &serve].concat())
                }
                "node-watch" => words(&[&[&*node, "--watch"][..], &serve].concat()),
                _ => words(&[&[&*node, "--watch", "--env-file=.env"][..], &serve].concat()),
            });
        }
        let python = self.python_with_libraries()?;
        let python = &*python;
        Some(match name {
            "flask" => words(&[
                python,
                "-m",
                "flask",
                "-e",
                ".env",
                "--app",
                "flask_app",
                "run",
                "--debug",
                "--port",
                "0",
            ]),
            name => {
                let mut all = vec![python, "-m", "uvicorn", "web:asgi", "--port", "0"];
                all.extend(if name.starts_with("uvicorn-workers") {
                    &["--workers", "2"][..]
                } else {
                    &["--reload"]
                });
                all.extend(if name.ends_with("env-file") {
                    &["--env-file", ".env"][..]
                } else {
                    &[]
                });
                words(&all)
            }
        })
    }
}

/// A program that runs until the test is over, with all that it has started.
pub(crate) struct Program {
    child: Child,
    lines: mpsc::Receiver<String>,
    port: Option<u16>,
}

impl Program {
    /// Starts it in a folder, with these variables and little else.
    pub(crate) fn start(words: &[&str], folder: &Path, variables: &[(&str, Option<&str>)]) -> Self {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(folder).env_clear().process_group(0);
        for name in ["PATH", "HOME", "PYENV_VERSION"] {
            command.envs(env::var_os(name).map(|value| (name, value)));
        }
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUNBUFFERED", "1");
        command.envs(variables.iter().filter_map(|(name, value)| Some((name, (*value)?))));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (sender, lines) = mpsc::channel();
        follow(child.stdout.take().expect("a pipe"), sender.clone());
        follow(child.stderr.take().expect("a pipe"), sender);
        Self { child, lines, port: None }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn line(&self, wanted: impl Fn(&str) -> bool) -> String {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(Duration::from_secs(90)) {
                Ok(line) if wanted(&line) => return line,
                Ok(line) => seen.push(line),
                Err(error) => panic!("it said nothing of the kind ({error}): {seen:#?}"),
            }
        }
    }

    /// The same when it has loaded what it loads.
    pub(crate) fn ready(self) -> Self {
        self.line(|line| line == "ready");
        self
    }

    /// Lets an application send its key.
    pub(crate) fn ask(&mut self) {
        let input = self.child.stdin.as_mut().expect("a pipe");
        input.write_all(b"\n").and_then(|()| input.flush()).expect("it listens");
        let pid = self.pid().to_string();
        self.line(|line| line == pid);
    }

    /// Says a word to an application, which answers when it has done it.
    pub(crate) fn tell(&mut self, word: &str) {
        let input = self.child.stdin.as_mut().expect("a pipe");
        writeln!(input, "{word}").and_then(|()| input.flush()).expect("it listens");
        let done = format!("did {word}");
        self.line(|line| line == done);
    }

    /// Where a service listens.
    pub(crate) fn port(&self) -> u16 {
        self.port.expect("it was asked before")
    }

    /// Lets a service send its key; gives the pid of who did.
    pub(crate) fn ask_at_its_port(&mut self) -> u64 {
        if self.port.is_none() {
            self.port = Some(self.said_port());
        }
        until("an answer", || asked(self.port?))
    }

    /// The same after its program was started again, which may be at another port. `save` saves its
    /// source files: again and again, since a watcher that compares times misses what was saved while
    /// it looked, or after a clock was set back.
    pub(crate) fn ask_until_another_than(&mut self, first: u64, mut save: impl FnMut()) -> u64 {
        let mut saved: Option<Instant> = None;
        until("another program", || {
            if saved.is_none_or(|saved| saved.elapsed() > Duration::from_secs(5)) {
                save();
                saved = Some(Instant::now());
            }
            while let Ok(line) = self.lines.try_recv() {
                self.port = port_in(&line).or(self.port);
            }
            asked(self.port?).filter(|pid| *pid != first)
        })
    }

    fn said_port(&self) -> u16 {
        let line = self.line(|line| port_in(line).is_some());
        port_in(&line).expect("a port")
    }

    /// What `kill -HUP` does.
    pub(crate) fn hang_up(&self) {
        kill_process(Pid::from_child(&self.child), Signal::HUP).expect("it runs");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

fn follow(pipe: impl Read + Send + 'static, sender: mpsc::Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
}

fn port_in(line: &str) -> Option<u16> {
    let rest = line.split_once("http://127.0.0.1:")?.1;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn asked(port: u16) -> Option<u64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let body = answer.split_once("\r\n\r\n")?.1;
    // It may come in pieces, each with its length before it.
    body.split_ascii_whitespace().filter_map(|word| word.parse().ok()).find(|pid| *pid > 20)
}

/// A provider that keeps what it is sent.
pub(crate) struct Collector {
    port: u16,
    sent: Arc<Mutex<BTreeMap<u64, String>>>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let sent = Arc::<Mutex<BTreeMap<u64, String>>>::default();
        let kept = Arc::clone(&sent);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                thread::spawn(move || take(stream, &kept));
            }
        });
        Self { port, sent }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The last key that this process has sent.
    pub(crate) fn last_of(&self, pid: u64) -> Option<String> {
        self.sent.lock().expect("no test panicked").get(&pid).cloned()
    }
}

fn take(mut stream: TcpStream, sent: &Mutex<BTreeMap<u64, String>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let (mut pid, mut key) = (0, String::new());
    while let Some(line) = lines.next().transpose()?.filter(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once(": ") else { continue };
        match name.to_ascii_lowercase().as_str() {
            "x-pid" => pid = value.parse().unwrap_or_default(),
            "authorization" => value.trim_start_matches("Bearer ").clone_into(&mut key),
            _ => {}
        }
    }
    sent.lock().expect("no test panicked").insert(pid, key);
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
}

/// PM2 with a home and a daemon of its own, which ends with the test.
pub(crate) struct Pm2<'a> {
    words: Vec<String>,
    folder: &'a Path,
}

impl<'a> Pm2<'a> {
    pub(crate) fn new(words: Vec<String>, folder: &'a Path) -> Self {
        Self { words, folder }
    }

    /// Runs one of its commands to its end.
    pub(crate) fn run(&self, words: &[&str], variables: &[(&str, &str)]) {
        let output = self.output(words, variables).expect("it runs");
        assert!(output.status.success(), "{output:?}");
    }

    fn output(&self, words: &[&str], variables: &[(&str, &str)]) -> std::io::Result<Output> {
        Command::new(&self.words[0])
            .args(&self.words[1..])
            .args(words)
            .current_dir(self.folder)
            .env_clear()
            .envs(env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", self.folder)
            .env("PM2_HOME", self.folder.join("pm2"))
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .output()
    }
}

impl Drop for Pm2<'_> {
    fn drop(&mut self) {
        let _ = self.output(&["kill"], &[]);
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// Lets the service at a port send its key, when it is another process than this one.
pub(crate) fn ask_another_at(port: u16, than: u64) -> u64 {
    until("another process", || asked(port).filter(|pid| *pid != than))
}
