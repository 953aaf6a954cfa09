//! 1 000 distinct keys at a provider that takes 100 ms for an answer, 64 in flight: the whole program
//! from start to end, and `curl --parallel` sending the same requests. The budget is 1.15 of the time
//! that the answers alone take (ceil(1000 / 64) x 100 ms).
//!
//! `cargo bench --bench probes`; `STALEKEY_BINARY` names another build to measure.

#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::{
    convert::Infallible,
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;

const KEYS: usize = 1000;
const IN_FLIGHT: usize = 64;
const ANSWER_TAKES: Duration = Duration::from_millis(100);
const RUNS: usize = 5;

fn main() {
    let provider = Provider::start();
    let folder = tempfile::tempdir().expect("a folder");
    write_layers(folder.path());
    write_curls(folder.path(), provider.port);
    let ideal = ANSWER_TAKES * u32::try_from(KEYS.div_ceil(IN_FLIGHT)).unwrap_or(u32::MAX);
    println!("{KEYS} keys, {IN_FLIGHT} in flight, {ANSWER_TAKES:?} an answer: ideal {ideal:?}");
    measure("stalekey check", &provider, ideal, || stalekey(folder.path(), provider.port));
    measure("curl --parallel", &provider, ideal, || curl(folder.path()));
}

/// The median of some runs, beside the ideal.
fn measure(name: &str, provider: &Provider, ideal: Duration, run: impl Fn() -> Command) {
    let mut times: Vec<Duration> = (0..RUNS)
        .filter_map(|_| {
            let (requests, connections) = provider.counts();
            let started = Instant::now();
            let status = run().stdout(Stdio::null()).stderr(Stdio::null()).status();
            let took = started.elapsed();
            let Ok(status) = status else {
                println!("{name}: it is not here");
                return None;
            };
            let (requests_now, connections_now) = provider.counts();
            println!(
                "  {name}: {:.3} s, {} requests over {} connections, {status}",
                took.as_secs_f64(),
                requests_now - requests,
                connections_now - connections
            );
            Some(took)
        })
        .collect();
    times.sort();
    if let Some(median) = times.get(times.len() / 2) {
        let ratio = median.as_secs_f64() / ideal.as_secs_f64();
        println!("{name}: median {:.3} s, {ratio:.3} of the ideal", median.as_secs_f64());
    }
}

/// A key of OpenAI's format, another one for each number.
fn key(number: usize) -> String {
    format!("sk-proj-{}T3BlbkFJ{number:074}", "A".repeat(74))
}

fn write_layers(folder: &Path) {
    let mut inventory = "version = 1\n[settings]\nstop_after_refusals = 1000000\n\
                         [fingerprint]\nsalt = \"5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e\"\n\
                         [credentials.openai]\nprovider = \"openai\"\n[environments.production]\n"
        .to_owned();
    for number in 0..KEYS {
        let file = format!("{number}.env");
        inventory.push_str(&format!(
            "[[layers]]\nname = \"{file}\"\nenvironment = \"production\"\nkind = \"dotenv\"\n\
             path = \"{file}\"\n"
        ));
        write(&folder.join(file), &format!("OPENAI_API_KEY={}\n", key(number)));
    }
    write(&folder.join("stalekey.toml"), &inventory);
}

/// One transfer for every key.
fn write_curls(folder: &Path, port: u16) {
    let transfers: Vec<String> = (0..KEYS)
        .map(|number| {
            format!(
                "url = \"http://127.0.0.1:{port}/v1/models\"\noutput = \"/dev/null\"\nsilent\n\
                 header = \"Authorization: Bearer {}\"\n",
                key(number)
            )
        })
        .collect();
    write(&folder.join("transfers"), &transfers.join("next\n"));
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("a file of our own");
}

fn stalekey(folder: &Path, port: u16) -> Command {
    let other = std::env::var_os("STALEKEY_BINARY");
    let mut command = Command::new(other.unwrap_or(env!("CARGO_BIN_EXE_stalekey").into()));
    command
        .args(["check", "--format", "json", "--concurrency"])
        .args([&IN_FLIGHT.to_string(), "--requests-per-second", "1000000"])
        .arg(format!("--endpoint=openai=http://127.0.0.1:{port}/v1"))
        .env("HOME", folder)
        .env("XDG_CONFIG_HOME", folder)
        .current_dir(folder);
    command
}

fn curl(folder: &Path) -> Command {
    let mut command = Command::new("curl");
    command
        .args(["--parallel", "--parallel-immediate", "--parallel-max", &IN_FLIGHT.to_string()])
        .args(["--config", "transfers"])
        .current_dir(folder);
    command
}

/// Accepts every key, and refuses requests without one.
struct Provider {
    port: u16,
    requests: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
}

impl Provider {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener of our own");
        let port = listener.local_addr().expect("an address").port();
        let (requests, connections) = (Arc::default(), Arc::default());
        let counts = (Arc::clone(&requests), Arc::clone(&connections));
        thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("one");
            runtime.block_on(serve(listener, counts.0, counts.1));
        });
        Self { port, requests, connections }
    }

    fn counts(&self) -> (usize, usize) {
        (self.requests.load(Ordering::Relaxed), self.connections.load(Ordering::Relaxed))
    }
}

async fn serve(listener: TcpListener, requests: Arc<AtomicUsize>, connections: Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
    while let Ok((stream, _)) = listener.accept().await {
        connections.fetch_add(1, Ordering::Relaxed);
        let requests = Arc::clone(&requests);
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                requests.fetch_add(1, Ordering::Relaxed);
                async move {
                    tokio::time::sleep(ANSWER_TAKES).await;
                    let known = request.headers().contains_key("authorization");
                    let (status, body) = if known {
                        (200, r#"{"object":"list","data":[{"id":"gpt-4o"}]}"#)
                    } else {
                        (401, r#"{"error":{"code":null}}"#)
                    };
                    let answer = Response::builder()
                        .status(status)
                        .header("content-type", "application/json")
                        .body(Full::new(Bytes::from(body)));
                    Ok::<_, Infallible>(answer.expect("a response"))
                }
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}
