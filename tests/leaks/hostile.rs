//! Providers that do everything to get the key into the report.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::scan::hex;

/// What a server makes of a key.
pub(crate) type Answer = fn(key: &str, elsewhere: u16) -> Vec<u8>;

/// One server on loopback, with a thread of its own until the test process ends.
pub(crate) struct Hostile {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

const KEY_HEADERS: [&str; 4] = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];

impl Hostile {
    /// Answers with what it makes of the key that it gets; without a key, with a plain 401.
    pub(crate) fn start(answer: Answer, elsewhere: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let requests = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let requests = Arc::clone(&requests);
                thread::spawn(move || serve(stream, answer, elsewhere, &requests));
            }
        });
        Self { port, seen }
    }

    /// Every request in full, but for the one header that the key belongs in.
    pub(crate) fn requests_without_key(&self) -> Vec<String> {
        let seen = self.seen.lock().expect("no thread panicked");
        seen.iter()
            .map(|request| {
                let lines = request.split("\r\n").filter(|line| key_of(line).is_none());
                lines.collect::<Vec<_>>().join("\n")
            })
            .collect()
    }

    /// How often it was asked with a key.
    pub(crate) fn keyed(&self) -> usize {
        let seen = self.seen.lock().expect("no thread panicked");
        seen.iter().filter(|request| request.split("\r\n").any(|it| key_of(it).is_some())).count()
    }

    pub(crate) fn asked(&self) -> usize {
        self.seen.lock().expect("no thread panicked").len()
    }
}

fn serve(mut stream: TcpStream, answer: Answer, elsewhere: u16, seen: &Mutex<Vec<String>>) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => request.extend_from_slice(&buffer[..read]),
            _ => break,
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    seen.lock().expect("no thread panicked").push(request.clone());
    let reply = match request.split("\r\n").find_map(key_of) {
        Some(key) => answer(key, elsewhere),
        None => reply("401 No", "", br#"{"error":{"message":"no key"}}"#),
    };
    let _ = stream.write_all(&reply);
}

/// The key in a header line that a key belongs in.
fn key_of(line: &str) -> Option<&str> {
    let (name, value) = line.split_once(':')?;
    let value = value.trim();
    KEY_HEADERS
        .contains(&name.to_ascii_lowercase().as_str())
        .then(|| value.strip_prefix("Bearer ").unwrap_or(value))
}

fn reply(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let kind =
        if headers.contains("content-type") { "" } else { "content-type: application/json\r\n" };
    let head = format!(
        "HTTP/1.1 {status}\r\n{kind}{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn error(status: &str, text: &str) -> Vec<u8> {
    let body = format!(
        r#"{{"error":{{"message":"Incorrect API key provided: {text}","type":"{text}","code":"{text}",
        "param":"{text}","status":"{text}","details":[{{"reason":"{text}"}}]}},
        "type":"{text}","code":"{text}","message":"{text}","request_id":"{text}"}}"#
    );
    reply(status, "", body.as_bytes())
}

/// One of OpenAI's codes, with the key in the words around it.
fn refusal(code: &str, text: &str) -> Vec<u8> {
    let body = format!(r#"{{"error":{{"code":"{code}","message":"{text}","param":"{text}"}}}}"#);
    reply("401 Unauthorized", &format!("location: {text}\r\n"), body.as_bytes())
}

fn escaped(key: &str) -> String {
    key.bytes().map(|byte| format!("\\u00{byte:02x}")).collect()
}

fn redirect(status: &str, key: &str, elsewhere: u16) -> Vec<u8> {
    let location = format!("location: http://127.0.0.1:{elsewhere}/{key}?key={key}\r\n");
    reply(status, &location, key.as_bytes())
}

/// All of them, by name.
pub(crate) const ANSWERS: &[(&str, Answer)] = &[
    ("raw", |key, _| error("401 Unauthorized", key)),
    ("base64", |key, _| error("401 Unauthorized", &STANDARD.encode(key))),
    ("hexed", |key, _| error("401 Unauthorized", &hex(key.as_bytes()))),
    ("escaped", |key, _| error("403 Forbidden", &escaped(key))),
    ("reversed", |key, _| error("400 Bad Request", &key.chars().rev().collect::<String>())),
    ("missing", |key, _| error("404 Not Found", key)),
    ("organisation", |key, _| refusal("mismatched_organization", key)),
    ("project", |key, _| refusal("mismatched_project", key)),
    ("region", |key, _| refusal("incorrect_hostname", &format!("{key}.eu.api.openai.com/{key}"))),
    ("limited", |key, _| {
        let headers = format!("retry-after: {key}\r\nx-should-retry: {key}\r\n");
        reply("429 Too Many", &headers, format!(r#"{{"error":{{"code":"{key}"}}}}"#).as_bytes())
    }),
    ("broken", |key, _| error("500 Broken", key)),
    ("phrase", |key, _| reply(&format!("401 {key}"), "", key.as_bytes())),
    ("headers", |key, _| {
        let names = [
            "x-request-id",
            "request-id",
            "cf-ray",
            "www-authenticate",
            "set-cookie",
            "server",
            "content-type",
            "x-ratelimit-limit-requests",
            key,
        ];
        let headers: String = names.iter().map(|name| format!("{name}: {key}\r\n")).collect();
        reply("401 Unauthorized", &headers, b"{}")
    }),
    ("escape", |key, _| {
        let headers = format!("x-request-id: \x1b]52;c;{}\x07{key}\r\n", STANDARD.encode(key));
        reply("401 Unauthorized", &headers, format!("\x1b[31m{key}\x1b]0;{key}\x07").as_bytes())
    }),
    ("page", |key, _| {
        let page = format!("<html><title>{key}</title><body>Access denied {key}</body></html>");
        reply("403 Forbidden", "content-type: text/html\r\nserver: cloudflare\r\n", page.as_bytes())
    }),
    ("moved 301", |key, port| redirect("301 Moved", key, port)),
    ("moved 302", |key, port| redirect("302 Found", key, port)),
    ("moved 307", |key, port| redirect("307 Moved", key, port)),
    ("moved 308", |key, port| redirect("308 Moved", key, port)),
    ("accepted", |key, _| {
        let body = format!(
            r#"{{"object":"list","data":[{{"id":"{key}","object":"{key}","owned_by":"{key}"}}],
            "models":[{{"name":"{key}"}}],"first_id":"{key}"}}"#
        );
        reply("200 OK", "", body.as_bytes())
    }),
    ("not JSON", |key, _| reply("200 OK", "", format!("{{\"{key}\": {key}").as_bytes())),
    ("cut off", |key, _| {
        let mut whole = error("401 Unauthorized", key);
        whole.truncate(whole.len() - 40);
        whole
    }),
    ("not UTF-8", |key, _| {
        reply("401 Unauthorized", "", &[b"\xff\xfe", key.as_bytes(), b"\xc3\x28"].concat())
    }),
    ("no HTTP", |key, _| format!("{key}\r\n{key}\r\n\r\n{key}").into_bytes()),
    ("bad chunks", |key, _| {
        format!("HTTP/1.1 401 No\r\ntransfer-encoding: chunked\r\n\r\n{key}\r\n{key}\r\n")
            .into_bytes()
    }),
];
