//! A provider on loopback that accepts some keys, and counts. It speaks as OpenAI, and as Azure where the key comes Azure's way.

use std::{
    io::{BufRead as _, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// It answers until the test is over.
pub(crate) struct Provider {
    port: u16,
    asked: Arc<Mutex<Vec<Option<String>>>>,
    accepted: Arc<Mutex<Vec<String>>>,
}

impl Provider {
    /// One that accepts these keys and refuses all others, in OpenAI's words.
    pub(crate) fn accepting(keys: &[&str]) -> Self {
        Self::behind(keys, Some)
    }

    /// The same, behind what `open` makes of each connection.
    pub(crate) fn behind<S: Read + Write>(
        keys: &[&str],
        open: impl Fn(TcpStream) -> Option<S> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::<Mutex<Vec<_>>>::default();
        let accepted: Arc<Mutex<Vec<String>>> =
            Arc::new(Mutex::new(keys.iter().map(|key| (*key).to_owned()).collect()));
        let (log, open, all) = (Arc::clone(&asked), Arc::new(open), Arc::clone(&accepted));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, accepted, open) = (Arc::clone(&log), Arc::clone(&all), Arc::clone(&open));
                thread::spawn(move || serve(open(stream)?, &log, &accepted));
            }
        });
        Self { port, asked, accepted }
    }

    /// Its port on this machine.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where it is asked.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port())
    }

    /// The argument that sends every probe of the credential `openai` here.
    pub(crate) fn argument(&self) -> String {
        format!("--endpoint=openai={}", self.endpoint())
    }

    /// From now on it refuses this key.
    pub(crate) fn revoke(&self, key: &str) {
        self.accepted.lock().expect("no thread panicked").retain(|it| it != key);
    }

    /// Everything that came in: the key of a request, or that it had none.
    pub(crate) fn asked(&self) -> Vec<Option<String>> {
        self.asked.lock().expect("no thread panicked").clone()
    }
}

fn serve(
    mut stream: impl Read + Write,
    log: &Mutex<Vec<Option<String>>>,
    accepted: &Mutex<Vec<String>>,
) -> Option<()> {
    let (mut key, mut azure) = (None, false);
    let mut path = None;
    for line in BufReader::new(&mut stream).lines() {
        let line = line.ok()?;
        if line.is_empty() {
            break;
        }
        path = path.or_else(|| line.split(' ').nth(1).map(str::to_owned));
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("authorization")
        {
            key = value.strip_prefix("Bearer ").map(str::to_owned);
        }
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("api-key")
        {
            (key, azure) = (Some(value.to_owned()), true);
        }
    }
    log.lock().ok()?.push(key.clone());
    let (status, body) = match key {
        _ if !path.as_deref().is_some_and(is_asked_about) => (404, error("Invalid URL", "null")),
        None => (401, error("You didn't provide an API key.", "null")),
        Some(key) if accepted.lock().ok()?.contains(&key) => {
            (200, r#"{"object":"list","data":[{"id":"gpt-4o","object":"model"}]}"#.to_owned())
        }
        Some(_) if azure => {
            (401, error("Access denied due to invalid subscription key.", "\"401\""))
        }
        Some(_) => (401, error("Incorrect API key provided: sk-****.", "\"invalid_api_key\"")),
    };
    let head = format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
    stream.flush().ok()
}

/// The list of models: of OpenAI, of a resource of Azure.
fn is_asked_about(path: &str) -> bool {
    path == "/v1/models" || path.starts_with("/openai/models?")
}

fn error(message: &str, code: &str) -> String {
    format!(
        r#"{{"error":{{"message":"{message}","type":"invalid_request_error","param":null,"code":{code}}}}}"#
    )
}
