//! A provider that sends without end: little of it is read, and the program stays small.

#[path = "support/context.rs"]
mod context;
#[path = "support/inventory.rs"]
mod inventory;

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rstest::rstest;

use context::TestContext;
use inventory::dotenv;

/// More than this is never sent.
const BODY: u64 = 10 * 1024 * 1024 * 1024;
/// What the program may use, of address space: its threads' stacks and libraries count too.
const MOST_KIBIBYTES: u64 = 400 * 1024;
/// What can be under way in buffers of the system when a connection is closed, several times over.
const MOST_SENT: u64 = 128 * 1024 * 1024;

/// Answers keys with this head and a body of 10 GiB, everybody else with a 401; counts the bytes.
fn server(head: &'static str, piece: Vec<u8>) -> (u16, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let sent = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&sent);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap_or_default();
            let request = String::from_utf8_lossy(&request[..read]).to_ascii_lowercase();
            if request.contains("authorization:") {
                flood(&mut stream, head, &piece, &count);
            } else {
                let _ = stream.write_all(b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n");
            }
        }
    });
    (port, sent)
}

fn flood(stream: &mut TcpStream, head: &str, piece: &[u8], count: &AtomicU64) {
    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {BODY}\r\n\r\n");
    if stream.write_all(head.as_bytes()).is_err() {
        return;
    }
    let block = piece.repeat(64 * 1024 / piece.len());
    while count.load(Ordering::Relaxed) < BODY && stream.write_all(&block).is_ok() {
        count.fetch_add(block.len() as u64, Ordering::Relaxed);
    }
}

/// A gzip file of 64 KiB of zeros; any number of them, one after the other, is a gzip file too.
const BOMB: &str = "H4sIAAAAAAACA+3BAQEAAACAkP6v7ggKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAauuOl9cAAAEA";

#[rstest]
#[case::refusal("401 No\r\ncontent-type: application/json", "[", "unknown")]
#[case::list("200 OK\r\ncontent-type: application/json", "[", "wrong_endpoint")]
#[case::page("200 OK\r\ncontent-type: text/html", "<", "wrong_endpoint")]
#[case::bomb(
    "200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip",
    BOMB,
    "wrong_endpoint"
)]
#[case::bomb_of_a_refusal(
    "401 No\r\ncontent-type: application/json\r\ncontent-encoding: gzip",
    BOMB,
    "unknown"
)]
fn ten_gibibytes_are_not_read(
    #[case] head: &'static str,
    #[case] piece: &'static str,
    #[case] outcome: &str,
) {
    let context = TestContext::new();
    context.write(".env", format!("OPENAI_API_KEY={}\n", context.key("one")));
    context.inventory(&dotenv(".env"));
    let piece = if piece == BOMB { STANDARD.decode(piece).expect("base64") } else { piece.into() };
    let (port, sent) = server(head, piece);
    let program = context.command(&[]).get_program().to_owned();
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -v {MOST_KIBIBYTES} && exec \"$@\""), "sh"]);
    command.arg(program).args(["check", "--format", "json"]);
    command.arg(format!("--endpoint=openai=http://127.0.0.1:{port}/v1"));
    command
        .env_clear()
        .envs(context.command(&[]).get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(context.path("."));
    let report = context.finish(command, "").json();
    assert_eq!(report.row(".env")["probe"]["outcome"], outcome);
    assert_eq!(report.0["summary"]["requests"], 1);
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent > 0 && sent < MOST_SENT, "{sent} bytes were taken");
}
