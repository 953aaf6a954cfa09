//! One pass over many plans.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;
use tokio::sync::{OnceCell, mpsc};

use crate::{
    domain::{
        outcome::{ContextHeader, Outcome, ProbeReason, ProbeResult, Trial},
        secret::SecretValue,
    },
    probe::{
        Counts, Plan, Prober, client,
        exchange::{Failure, Received, exchange},
        host::Host,
        request::Request,
        wait::Advice,
    },
    providers::{Classification, Provider},
};

/// A server that wants a longer wait than this before one more try gets none in this pass.
const PATIENCE: Duration = Duration::from_secs(2);

/// The plans of one host, in the order in which they are asked.
struct Queue {
    host: Arc<Host>,
    waiting: Mutex<VecDeque<usize>>,
    /// Answers `dead` in a row.
    refusals: AtomicUsize,
}

/// What an endpoint outside the catalogue answers to nobody (SECURITY H11).
#[derive(Clone)]
enum Control {
    /// Anything but a success, so its answer to a key means something.
    Guarded,
    /// The same as to a key.
    Public(u16),
    /// Nothing; no key is sent where even this did not work.
    Silent(Failure),
}

/// What came of one wish to send.
enum Sent {
    Answered(Received, Classification),
    Failed(Failure),
    /// The host is not to be asked now.
    Held(ProbeResult),
}

pub(super) struct Pass<'p> {
    prober: &'p Prober,
    plans: &'p [Plan],
    queues: BTreeMap<String, Queue>,
    controls: BTreeMap<(&'p str, &'p str), OnceCell<Control>>,
    requests: AtomicUsize,
    extra_requests: AtomicUsize,
}

impl<'p> Pass<'p> {
    /// Puts the plans of `indexes` in order: expected keys first, else as given.
    pub(super) fn new(prober: &'p Prober, plans: &'p [Plan], mut indexes: Vec<usize>) -> Self {
        indexes.sort_by_key(|index| !plans[*index].expected);
        let mut queues = BTreeMap::new();
        let mut controls = BTreeMap::new();
        for index in indexes {
            let plan = &plans[index];
            let authority = plan.endpoint.authority();
            let queue = queues.entry(authority.clone()).or_insert_with(|| Queue {
                host: prober.inner.hosts.host(&authority, &prober.inner.limits),
                waiting: Mutex::default(),
                refusals: AtomicUsize::new(0),
            });
            queue.waiting.get_mut().unwrap_or_else(PoisonError::into_inner).push_back(index);
            controls.entry((plan.provider.as_str(), plan.endpoint.as_str())).or_default();
        }
        Self {
            prober,
            plans,
            queues,
            controls,
            requests: AtomicUsize::new(0),
            extra_requests: AtomicUsize::new(0),
        }
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            requests: self.requests.load(Ordering::Relaxed),
            extra_requests: self.extra_requests.load(Ordering::Relaxed),
        }
    }

    /// Asks everything; each result is handed over as it comes.
    pub(super) async fn work(&self, results: mpsc::UnboundedSender<(usize, ProbeResult)>) {
        let mut workers = FuturesUnordered::new();
        for queue in self.queues.values() {
            let waiting = queue.waiting.lock().unwrap_or_else(PoisonError::into_inner).len();
            for _ in 0..waiting.min(self.prober.inner.limits.in_flight_per_host.max(1)) {
                workers.push(self.serve(queue, results.clone()));
            }
        }
        while workers.next().await.is_some() {}
    }

    async fn serve(&self, queue: &Queue, results: mpsc::UnboundedSender<(usize, ProbeResult)>) {
        loop {
            let next = queue.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(index) = next else { return };
            let Ok(_slot) = queue.host.in_flight.acquire().await else { return };
            let result = self.ask(queue, &self.plans[index]).await;
            if result.status.is_some() && result.reason.is_none() {
                if result.outcome == Outcome::Dead {
                    queue.refusals.fetch_add(1, Ordering::Relaxed);
                } else {
                    queue.refusals.store(0, Ordering::Relaxed);
                }
            }
            if results.send((index, result)).is_err() {
                return;
            }
        }
    }

    async fn ask(&self, queue: &Queue, plan: &Plan) -> ProbeResult {
        let catalogue = &self.prober.inner.catalogue;
        let url = plan.url(catalogue);
        let mut result = self.judge(queue, plan).await;
        result.endpoint = url;
        result
    }

    async fn judge(&self, queue: &Queue, plan: &Plan) -> ProbeResult {
        let catalogue = &self.prober.inner.catalogue;
        let Some(provider) = catalogue.provider(&plan.provider) else {
            return ProbeResult::not_probed(ProbeReason::NoProvider);
        };
        let Some(request) = Request::keyed(plan, provider, catalogue) else {
            return ProbeResult::not_probed(ProbeReason::DamagedValue);
        };
        if !plan.endpoint.is_own_of(provider) {
            // Asked before the key: where anybody gets the list, the key is never sent.
            match self.control(queue, plan, provider).await {
                Ok(Control::Guarded) => {}
                Ok(Control::Public(status)) => return public(status),
                Ok(Control::Silent(failure)) => return failed(plan, failure),
                Err(held) => return held,
            }
        }
        match self.twice(queue, plan, provider, &request, &self.requests).await {
            Sent::Held(result) => result,
            Sent::Failed(failure) => failed(plan, failure),
            Sent::Answered(received, classification) => {
                let mut result = answered(&received, classification, provider, plan);
                result.trial = self.trial(queue, plan, provider, request, result.outcome).await;
                result
            }
        }
    }

    /// Asks once more without the organisation or project that was refused: an accepted answer
    /// proves that the header is wrong and the key is not. Never repeated.
    async fn trial(
        &self,
        queue: &Queue,
        plan: &Plan,
        provider: &Provider,
        request: Request<'_>,
        outcome: Outcome,
    ) -> Option<Trial> {
        let without = match outcome {
            Outcome::WrongOrg => ContextHeader::Organisation,
            Outcome::WrongProject => ContextHeader::Project,
            _ => return None,
        };
        let request = request.without(without, plan, provider, &self.prober.inner.catalogue)?;
        let outcome = match self.once(queue, plan, provider, &request, &self.extra_requests).await {
            Sent::Held(_) => return None,
            Sent::Failed(_) => Outcome::Unreachable,
            Sent::Answered(received, classification) => {
                self.heed(queue, &received, classification.outcome);
                classification.outcome
            }
        };
        Some(Trial { without, outcome })
    }

    /// Leaves a host alone that throttles.
    fn heed(&self, queue: &Queue, received: &Received, outcome: Outcome) -> Advice {
        let now = Timestamp::now();
        let advice = Advice::of(&received.headers, now);
        if received.status == 429 && outcome != Outcome::AliveNoQuota {
            queue.host.leave_alone(advice.after_throttling(now));
        }
        advice
    }

    /// The control probe of the plan's endpoint, once for all keys of this pass.
    async fn control(
        &self,
        queue: &Queue,
        plan: &Plan,
        provider: &Provider,
    ) -> Result<Control, ProbeResult> {
        let Some(cell) = self.controls.get(&(plan.provider.as_str(), plan.endpoint.as_str()))
        else {
            return Ok(Control::Guarded);
        };
        let ask = async || {
            let Some(request) = Request::control(plan, provider, &self.prober.inner.catalogue)
            else {
                return Ok(Control::Guarded);
            };
            Ok(match self.twice(queue, plan, provider, &request, &self.extra_requests).await {
                Sent::Held(result) => return Err(result),
                Sent::Failed(failure) => Control::Silent(failure),
                Sent::Answered(received, classification) => {
                    if classification.outcome == Outcome::Alive && received.status / 100 == 2 {
                        Control::Public(received.status)
                    } else {
                        Control::Guarded
                    }
                }
            })
        };
        cell.get_or_try_init(ask).await.cloned()
    }

    /// Sends, and once more when that may help (SECURITY H9). The first request counts in `first`,
    /// the second is an extra one.
    async fn twice(
        &self,
        queue: &Queue,
        plan: &Plan,
        provider: &Provider,
        request: &Request<'_>,
        first: &AtomicUsize,
    ) -> Sent {
        let sent = self.once(queue, plan, provider, request, first).await;
        let again = match &sent {
            Sent::Held(_) => false,
            Sent::Failed(failure) => may_pass(*failure),
            Sent::Answered(received, Classification { outcome, .. }) => {
                let advice = self.heed(queue, received, *outcome);
                is_trouble(received.status, *outcome)
                    && advice.allows_retry(Timestamp::now(), PATIENCE)
            }
        };
        if !again {
            return sent;
        }
        tokio::time::sleep(jittered(self.prober.inner.limits.retry_delay)).await;
        match self.once(queue, plan, provider, request, &self.extra_requests).await {
            Sent::Held(_) => sent,
            second => second,
        }
    }

    async fn once(
        &self,
        queue: &Queue,
        plan: &Plan,
        provider: &Provider,
        request: &Request<'_>,
        count: &AtomicUsize,
    ) -> Sent {
        let inner = &self.prober.inner;
        if let Some(held) = self.held(queue) {
            return Sent::Held(held);
        }
        queue.host.turn().await;
        let Ok(_permit) = inner.in_flight.acquire().await else {
            return Sent::Held(ProbeResult::not_probed(ProbeReason::Pending));
        };
        // What came back while this one waited for its turn may stop it.
        if let Some(held) = self.held(queue) {
            return Sent::Held(held);
        }
        let client = match inner.clients.client(&plan.endpoint, inner.limits.timeout) {
            Ok(client) => client,
            Err(reason) => return Sent::Failed(Failure { reason, status: None }),
        };
        let proxy = client::proxy_for(&plan.endpoint);
        if proxy.as_ref().is_some_and(|proxy| !client::speaks_to(proxy)) {
            let reason = ProbeReason::ProxyUnsupported;
            return Sent::Failed(Failure { reason, status: None });
        }
        count.fetch_add(1, Ordering::Relaxed);
        match exchange(client, request, proxy.is_some()).await {
            Ok(received) => {
                let key = request.keyed.then_some(&plan.key);
                let classification = self.classify(&received, plan, provider, key);
                Sent::Answered(received, classification)
            }
            Err(failure) => Sent::Failed(failure),
        }
    }

    /// What the answer means: in the words of the provider, or, where that knows no answer and the
    /// endpoint is not its own, in those of a gateway that may stand there.
    fn classify(
        &self,
        received: &Received,
        plan: &Plan,
        provider: &Provider,
        key: Option<&SecretValue>,
    ) -> Classification {
        let own = received.classify(provider, key);
        if own.outcome != Outcome::Unknown || plan.endpoint.is_own_of(provider) {
            return own;
        }
        let catalogue = &self.prober.inner.catalogue;
        provider
            .gateways()
            .iter()
            .filter_map(|id| catalogue.provider(id))
            .map(|gateway| received.classify(gateway, key))
            .find(|classification| classification.outcome != Outcome::Unknown)
            .unwrap_or(own)
    }

    /// Why this host is not to be asked now.
    fn held(&self, queue: &Queue) -> Option<ProbeResult> {
        let most = self.prober.inner.limits.stop_after_refusals.max(1);
        if queue.refusals.load(Ordering::Relaxed) >= most {
            return Some(ProbeResult::not_probed(ProbeReason::StoppedAfterRefusals));
        }
        let until = queue.host.waits_until(Timestamp::now())?;
        let mut result = ProbeResult::not_probed(ProbeReason::Waiting);
        result.retry_at = Some(until);
        Some(result)
    }
}

fn answered(
    received: &Received,
    classification: Classification,
    provider: &Provider,
    plan: &Plan,
) -> ProbeResult {
    let now = Timestamp::now();
    let advice = Advice::of(&received.headers, now);
    let throttled = received.status == 429 && classification.outcome != Outcome::AliveNoQuota;
    let wrong_region = classification.outcome == Outcome::WrongRegion;
    let missing_models = if classification.outcome == Outcome::Alive && received.status == 200 {
        received.missing_models(provider, &plan.models)
    } else {
        Vec::new()
    };
    ProbeResult {
        outcome: classification.outcome,
        status: Some(received.status),
        code: classification.code,
        reason: None,
        meaning: classification.meaning,
        advice: classification.advice,
        endpoint: None,
        latency_ms: u64::try_from(received.latency.as_millis()).ok(),
        checked_at: Some(now),
        retry_at: if throttled {
            Some(advice.after_throttling(now))
        } else if is_trouble(received.status, classification.outcome) {
            advice.at
        } else {
            None
        },
        right_host: classification.mentioned.filter(|_| wrong_region),
        trial: None,
        missing_models,
        confidence: Some(classification.confidence),
        received: classification.received,
    }
}

fn public(status: u16) -> ProbeResult {
    ProbeResult {
        outcome: Outcome::PublicEndpoint,
        status: Some(status),
        reason: None,
        meaning: Some(
            "The endpoint answers anybody, so its answer proves nothing; the key was not sent."
                .into(),
        ),
        advice: Some("Name an endpoint that refuses requests without a key.".into()),
        checked_at: Some(Timestamp::now()),
        ..ProbeResult::not_probed(ProbeReason::Pending)
    }
}

fn failed(plan: &Plan, failure: Failure) -> ProbeResult {
    let mut result = ProbeResult {
        status: failure.status,
        checked_at: Some(Timestamp::now()),
        ..ProbeResult::unreachable(failure.reason)
    };
    if failure.reason == ProbeReason::TlsUnknownIssuer
        && let Some(proxy) = client::proxy_for(&plan.endpoint)
    {
        result.advice = Some(format!(
            "The proxy {} may open TLS: if that is wanted, name its CA in SSL_CERT_FILE.",
            proxy.value
        ));
    }
    result
}

/// The same request may get through a moment later. A refusal that broke off stays one.
fn may_pass(failure: Failure) -> bool {
    let refused = failure.status.is_some_and(|status| status / 100 == 4);
    let broke = matches!(
        failure.reason,
        ProbeReason::Dns
            | ProbeReason::ConnectionRefused
            | ProbeReason::ConnectionReset
            | ProbeReason::TimedOut
            | ProbeReason::ProxyUnreachable
    );
    broke && !refused
}

/// The server is in trouble, and says nothing of the key.
const fn is_trouble(status: u16, outcome: Outcome) -> bool {
    matches!(status, 408 | 409 | 500..=599)
        && matches!(outcome, Outcome::UnknownRetry | Outcome::Unknown | Outcome::Blocked)
}

/// Between three and five quarters of `delay`, so that many do not come back together.
fn jittered(delay: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    delay.mul_f64(0.75 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::overloaded(529, Outcome::UnknownRetry, true)]
    #[case::timeout(408, Outcome::Unknown, true)]
    #[case::conflict(409, Outcome::Unknown, true)]
    #[case::verdict_with_500(500, Outcome::Alive, false)]
    #[case::throttled(429, Outcome::UnknownRetry, false)]
    #[case::refused(401, Outcome::Unknown, false)]
    #[case::forbidden(403, Outcome::Blocked, false)]
    #[case::billing(402, Outcome::AliveNoQuota, false)]
    fn one_more_try_is_for_trouble(
        #[case] status: u16,
        #[case] outcome: Outcome,
        #[case] expected: bool,
    ) {
        assert_eq!(is_trouble(status, outcome), expected);
    }

    #[test]
    fn jitter_stays_around_the_delay() {
        for _ in 0..100 {
            let delay = jittered(Duration::from_millis(400));
            assert!((300..=500).contains(&delay.as_millis()));
        }
    }
}
