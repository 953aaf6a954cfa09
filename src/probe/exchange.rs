//! One request and its answer.

use std::time::{Duration, Instant};

use reqwest::{
    Client, Response,
    header::{CONTENT_TYPE, HeaderMap},
};
use zeroize::Zeroizing;

use crate::{
    domain::{outcome::ProbeReason, secret::SecretValue},
    probe::{failure, request::Request},
    providers::{Answer, Classification, Provider},
};

/// As much of an error's body is read (SECURITY H7).
const MOST_OF_AN_ERROR: usize = 64 * 1024;
/// As much of a success's body is read (SECURITY H7).
const MOST_OF_A_SUCCESS: usize = 4 * 1024 * 1024;

/// An answer. Its body may echo the key: it is wiped when this is dropped.
pub(super) struct Received {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) latency: Duration,
    body: Zeroizing<Vec<u8>>,
}

/// No answer, or one that broke off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failure {
    pub(super) reason: ProbeReason,
    /// What the part that came said.
    pub(super) status: Option<u16>,
}

impl Received {
    /// What it means for the key that was sent; `None` for a control probe.
    pub(super) fn classify(
        &self,
        provider: &Provider,
        key: Option<&SecretValue>,
    ) -> Classification {
        let text = |value: &reqwest::header::HeaderValue| value.to_str().ok().map(str::to_owned);
        let content_type = self.headers.get(CONTENT_TYPE);
        let headers: Vec<(String, String)> = self
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?)))
            .collect();
        provider.classify(&Answer {
            status: self.status,
            // A content type that is no text is not JSON's either.
            content_type: content_type.map(|value| value.to_str().unwrap_or("unreadable")),
            headers: &headers,
            body: &self.body,
            key,
        })
    }

    pub(super) fn missing_models(&self, provider: &Provider, wanted: &[String]) -> Vec<String> {
        provider.missing_models(&self.body, wanted)
    }
}

/// Sends the request and reads its answer, bounded in size and, by the client, in time.
pub(super) async fn exchange(
    client: &Client,
    request: &Request<'_>,
    proxied: bool,
) -> Result<Received, Failure> {
    let started = Instant::now();
    let mut builder =
        client.request(request.method.clone(), &request.url).headers(request.headers.clone());
    if let Some(body) = request.body {
        builder = builder.body(body.to_owned());
    }
    let failed = |error: reqwest::Error, status| Failure {
        reason: failure::reason(&error, proxied),
        status,
    };
    let response = builder.send().await.map_err(|error| failed(error, None))?;
    let latency = started.elapsed();
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let most = if response.status().is_success() { MOST_OF_A_SUCCESS } else { MOST_OF_AN_ERROR };
    let body = read(response, most).await.map_err(|error| failed(error, Some(status)))?;
    Ok(Received { status, headers, latency, body })
}

/// The first `most` bytes of the body. What follows is never read: dropping the response closes the
/// connection.
async fn read(mut response: Response, most: usize) -> Result<Zeroizing<Vec<u8>>, reqwest::Error> {
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await? {
        let room = most - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            break;
        }
    }
    Ok(body)
}
