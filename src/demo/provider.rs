//! A provider on loopback that speaks OpenAI's and Anthropic's shapes.

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, TcpListener},
    sync::Arc,
    thread,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, StatusCode, body::Incoming, header, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;

use crate::domain::secret::SecretValue;

/// A running provider; dropping it closes its port.
pub(super) struct Provider {
    port: u16,
    _stop: oneshot::Sender<()>,
}

impl Provider {
    /// Listens on a free port of the loopback address, on a thread of its own.
    pub(super) fn start(accepted: Vec<SecretValue>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let (stop, stopped) = oneshot::channel::<()>();
        let accepted = Arc::new(accepted);
        thread::Builder::new().name("demo provider".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, accepted) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { port, _stop: stop })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

async fn serve(listener: TcpListener, accepted: Arc<Vec<SecretValue>>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        let accepted = Arc::clone(&accepted);
        tokio::spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                let answer = answer(&request, &accepted);
                async move { Ok::<_, Infallible>(answer) }
            });
            // A client that goes away in the middle of a request is its own affair.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn answer(request: &Request<Incoming>, accepted: &[SecretValue]) -> Response<Full<Bytes>> {
    let header = |name: &str| request.headers().get(name).map(|value| value.as_bytes().to_vec());
    let known = |key: &[u8]| accepted.iter().any(|accepted| accepted.expose() == key);
    let (status, body) = match request.uri().path() {
        "/openai/v1/models" => {
            let bearer = header("authorization");
            match bearer.as_deref().and_then(|value| value.strip_prefix(b"Bearer ")) {
                Some(key) if known(key) => (StatusCode::OK, OPENAI_MODELS.to_owned()),
                Some(_) => (StatusCode::UNAUTHORIZED, openai_error(INCORRECT, "invalid_api_key")),
                None => (StatusCode::UNAUTHORIZED, OPENAI_MISSING.to_owned()),
            }
        }
        "/anthropic/v1/models" => match header("x-api-key") {
            Some(key) if known(&key) => (StatusCode::OK, ANTHROPIC_MODELS.to_owned()),
            Some(_) => (StatusCode::UNAUTHORIZED, anthropic_error("invalid x-api-key")),
            None => (StatusCode::UNAUTHORIZED, anthropic_error("x-api-key header is required")),
        },
        _ => (StatusCode::NOT_FOUND, openai_error("Invalid URL", "not_found")),
    };
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .unwrap_or_default()
}

const OPENAI_MODELS: &str = r#"{"object":"list","data":[{"id":"gpt-4o","object":"model","created":1715367049,"owned_by":"system"},{"id":"gpt-4o-mini","object":"model","created":1721172741,"owned_by":"system"}]}"#;
const OPENAI_MISSING: &str = r#"{"error":{"message":"You didn't provide an API key.","type":"invalid_request_error","param":null,"code":null}}"#;
const INCORRECT: &str = "Incorrect API key provided: sk-proj-****. You can find your API key at \
                         https://platform.openai.com/account/api-keys.";
const ANTHROPIC_MODELS: &str = r#"{"data":[{"type":"model","id":"claude-sonnet-4-5","display_name":"Claude Sonnet 4.5","created_at":"2025-09-29T00:00:00Z"}],"has_more":false,"first_id":"claude-sonnet-4-5","last_id":"claude-sonnet-4-5"}"#;

fn openai_error(message: &str, code: &str) -> String {
    serde_json::json!({"error": {
        "message": message, "type": "invalid_request_error", "param": null, "code": code,
    }})
    .to_string()
}

fn anthropic_error(message: &str) -> String {
    serde_json::json!({
        "type": "error",
        "error": {"type": "authentication_error", "message": message},
        "request_id": "req_demo",
    })
    .to_string()
}
