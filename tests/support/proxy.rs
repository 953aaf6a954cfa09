//! A proxy on loopback that is asked for connections (CONNECT).

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// What it does when it is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Manner {
    /// Connects, whatever host is asked for, to this port of this machine.
    Tunnel(u16),
    /// The same for those who know the password; 407 for all others.
    Password(u16, &'static str),
    /// Answers with this status.
    Status(u16),
    /// Closes.
    Close,
}

/// It answers until the test is over.
pub(crate) struct Proxy {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub(crate) fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let log = Arc::clone(&log);
                thread::spawn(move || serve(stream, manner, &log));
            }
        });
        Self { port, asked }
    }

    /// Its `host:port`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Everything that it saw before it opened a tunnel.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no thread panicked").clone()
    }
}

fn serve(mut client: TcpStream, manner: Manner, log: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte)? > 0 {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    log.lock().expect("no thread panicked").push(head.clone());
    let port = match manner {
        Manner::Tunnel(port) => port,
        Manner::Password(port, word) if head.contains(&format!("Basic {word}\r\n")) => port,
        Manner::Password(..) => return client.write_all(b"HTTP/1.1 407 Who\r\n\r\n"),
        Manner::Status(status) => {
            return client.write_all(format!("HTTP/1.1 {status} No\r\n\r\n").as_bytes());
        }
        Manner::Close => return Ok(()),
    };
    let mut server = TcpStream::connect(("127.0.0.1", port))?;
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from_client, &mut to_server);
        to_server.shutdown(Shutdown::Write)
    });
    io::copy(&mut server, &mut client)?;
    client.shutdown(Shutdown::Write)
}
