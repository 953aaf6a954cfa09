//! A server on loopback that answers each request as a test wants.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What came in.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Which one it is, from 0.
    pub(crate) number: usize,
    /// Request line and headers.
    pub(crate) head: String,
}

impl Request {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// What goes out.
pub(crate) enum Reply {
    /// These bytes, and the end.
    Bytes(Vec<u8>),
    /// Nothing, for ever.
    Silence,
    /// The head, then one byte of the body after the other, slowly, for ever.
    Drip,
    /// A status, and headers without end.
    EndlessHead(u16),
    /// The head and a body without end.
    Endless(u16),
    /// The connection is reset.
    Reset,
}

/// An answer in full.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut head = format!("HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| *name == "content-type") {
        head.push_str("content-type: application/json\r\n");
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    Reply::Bytes(format!("{head}connection: close\r\n\r\n{body}").into_bytes())
}

type Answering = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// The server; it lives as long as the test's runtime.
pub(crate) struct Server {
    /// Its port on 127.0.0.1.
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers every request by `reply`.
    pub(crate) async fn start(reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let reply = Arc::new(reply);
        Self::start_async(move |request| {
            let reply = Arc::clone(&reply);
            Box::pin(async move { reply(&request) })
        })
        .await
    }

    /// Like [`Server::start`], for a reply that waits for something.
    pub(crate) async fn start_async(
        reply: impl Fn(Request) -> Answering + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let (seen, reply) = (Arc::clone(&requests), Arc::new(reply));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, reply) = (Arc::clone(&seen), Arc::clone(&reply));
                tokio::spawn(async move { serve(stream, &seen, &*reply).await });
            }
        });
        Self { port, requests }
    }

    /// What came in so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no test panicked").clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: &Mutex<Vec<Request>>,
    reply: &(dyn Fn(Request) -> Answering + Send + Sync),
) {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => head.extend_from_slice(&buffer[..read]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let request = {
        let mut seen = seen.lock().expect("no test panicked");
        let request = Request { number: seen.len(), head };
        seen.push(request.clone());
        request
    };
    match reply(request).await {
        Reply::Bytes(bytes) => {
            let _ = stream.write_all(&bytes).await;
        }
        Reply::Silence => std::future::pending().await,
        Reply::Drip => {
            let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900000\r\n\r\n";
            let _ = stream.write_all(head).await;
            let mut pace = tokio::time::interval(Duration::from_millis(10));
            while stream.write_all(b" ").await.is_ok() {
                pace.tick().await;
            }
        }
        Reply::EndlessHead(status) => {
            let line = format!("HTTP/1.1 {status} Said\r\n");
            let _ = stream.write_all(line.as_bytes()).await;
            while stream.write_all(b"x-again: and again\r\n").await.is_ok() {}
        }
        Reply::Endless(status) => {
            let head = format!("HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\n\r\n");
            let _ = stream.write_all(head.as_bytes()).await;
            while stream.write_all(&[b'['; 16 * 1024]).await.is_ok() {}
        }
        Reply::Reset => {
            let _ = stream.set_zero_linger();
        }
    }
}
