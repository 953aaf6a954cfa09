//! Asks providers about keys, once each, and says what the answers mean. The rules are those of
//! SECURITY H; every one of them is kept here or in `providers`.

mod client;
mod endpoint;
mod exchange;
mod failure;
mod host;
mod pass;
mod request;
mod wait;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use self::{client::Clients, host::Hosts, pass::Pass};
pub use self::{client::way_to, endpoint::Endpoint, request::Preview};
use crate::{
    domain::{outcome::ProbeResult, secret::SecretValue},
    providers::Catalogue,
};

/// One question: is this key accepted there?
#[derive(Debug, Clone)]
pub struct Plan {
    /// The key.
    pub key: SecretValue,
    /// Id of the provider that the credential names.
    pub provider: String,
    /// Where it is asked. One that is not the provider's own has to be trusted or typed by the user
    /// before it gets here (SECURITY T3).
    pub endpoint: Endpoint,
    /// The organisation that the layer sends with it.
    pub organisation: Option<String>,
    /// The project that the layer sends with it.
    pub project: Option<String>,
    /// Identifiers that the request needs besides, by the name that the provider's file has for them.
    pub companions: BTreeMap<String, String>,
    /// Models that the key must be able to see.
    pub models: Vec<String>,
    /// The expected key of its credential: asked before the others of its host.
    pub expected: bool,
}

/// How much is asked at once, and how long is waited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// For one request, from its start to the end of the answer.
    pub timeout: Duration,
    /// Requests in flight in all.
    pub concurrency: usize,
    /// Requests in flight to one host and port.
    pub in_flight_per_host: usize,
    /// Requests in any second to one host and port.
    pub requests_per_second: usize,
    /// Answers `dead` in a row after which a host and port is left alone for the pass.
    pub stop_after_refusals: usize,
    /// About how long is waited before the one retry.
    pub retry_delay: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            concurrency: 16,
            in_flight_per_host: 2,
            requests_per_second: 5,
            stop_after_refusals: 10,
            retry_delay: Duration::from_millis(500),
        }
    }
}

/// What was sent in one pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// First keyed requests.
    pub requests: usize,
    /// Control probes, retries, and repeats without a header.
    pub extra_requests: usize,
}

/// Asks. Cheap to clone; clones share connections and what hosts asked for. Nothing is built before
/// the first request.
#[derive(Debug, Clone)]
pub struct Prober {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    catalogue: Arc<Catalogue>,
    limits: Limits,
    clients: Clients,
    hosts: Hosts,
    in_flight: Semaphore,
}

impl Prober {
    /// Builds nothing yet.
    pub fn new(catalogue: Arc<Catalogue>, limits: Limits) -> Self {
        let in_flight = Semaphore::new(limits.concurrency.clamp(1, Semaphore::MAX_PERMITS));
        let (clients, hosts) = (Clients::default(), Hosts::default());
        Self { inner: Arc::new(Inner { catalogue, limits, clients, hosts, in_flight }) }
    }

    /// The URL that is asked at `endpoint` for a provider; `None` when it cannot be asked.
    pub fn endpoint_url(&self, provider: &str, endpoint: &Endpoint) -> Option<String> {
        let probe = self.inner.catalogue.provider(provider)?.probe()?;
        Some(probe.url(endpoint.as_str(), false))
    }

    /// Asks about every plan once and hands each result over as it comes, with the index of its
    /// plan. Plans are not compared: equal ones are asked about twice.
    ///
    /// Plans that would not be sent (see [`Plan::check`]) are handed over first. For an endpoint that
    /// is not the provider's own, one request without the key goes first; where that succeeds the
    /// key is not sent at all (SECURITY H11). An organisation or project that is refused is left out of
    /// one more request, which proves that it and not the key is refused. Requests that are under way when a host is stopped are
    /// let finish. After `cancel` nothing more is handed over, and requests under way are dropped.
    pub async fn run(
        &self,
        plans: Vec<Plan>,
        mut on_result: impl FnMut(usize, ProbeResult),
        cancel: CancellationToken,
    ) -> Counts {
        let mut sendable = Vec::new();
        for (index, plan) in plans.iter().enumerate() {
            match plan.check(&self.inner.catalogue) {
                Some(result) => on_result(index, result),
                None => sendable.push(index),
            }
        }
        let pass = Pass::new(self, &plans, sendable);
        let (sender, mut results) = mpsc::unbounded_channel();
        let mut work = std::pin::pin!(pass.work(sender));
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                Some((index, result)) = results.recv() => on_result(index, result),
                () = &mut work => {
                    while let Ok((index, result)) = results.try_recv() {
                        on_result(index, result);
                    }
                    break;
                }
            }
        }
        pass.counts()
    }
}
