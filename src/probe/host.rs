//! What is kept of one host and port: how many requests are in flight, when the last ones were sent,
//! and until when it wants to be left alone (SECURITY H8, H9).

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep_until},
};

use crate::probe::Limits;

const WINDOW: Duration = Duration::from_secs(1);

/// One host and port.
#[derive(Debug)]
pub(super) struct Host {
    /// Shared by all passes.
    pub(super) in_flight: Semaphore,
    per_second: usize,
    /// When the last `per_second` requests were sent, or will be.
    sent: Mutex<VecDeque<Instant>>,
    /// It is not asked before this.
    not_before: Mutex<Option<Timestamp>>,
}

impl Host {
    fn new(limits: &Limits) -> Self {
        Self {
            in_flight: Semaphore::new(limits.in_flight_per_host.clamp(1, Semaphore::MAX_PERMITS)),
            per_second: limits.requests_per_second.max(1),
            sent: Mutex::default(),
            not_before: Mutex::default(),
        }
    }

    /// Waits until one more request keeps to the rate.
    pub(super) async fn turn(&self) {
        let at = self.reserve(Instant::now());
        sleep_until(at).await;
    }

    /// In any second at most `per_second` requests are sent.
    fn reserve(&self, now: Instant) -> Instant {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let mut at = now;
        if sent.len() >= self.per_second
            && let Some(oldest) = sent.pop_front()
        {
            at = at.max(oldest + WINDOW);
        }
        sent.push_back(at);
        at
    }

    /// It asked to be left alone until then.
    pub(super) fn leave_alone(&self, until: Timestamp) {
        let mut not_before = self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        *not_before = (*not_before).max(Some(until));
    }

    /// Until when it wants to be left alone, when that is still to come.
    pub(super) fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        let not_before = self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        not_before.filter(|until| *until > now)
    }
}

/// Every host that was asked so far.
#[derive(Debug, Default)]
pub(super) struct Hosts(Mutex<BTreeMap<String, Arc<Host>>>);

impl Hosts {
    pub(super) fn host(&self, authority: &str, limits: &Limits) -> Arc<Host> {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(hosts.entry(authority.to_owned()).or_insert_with(|| Arc::new(Host::new(limits))))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_second_has_more_requests_than_allowed(
            steps in proptest::collection::vec(0_u64..400, 1..60),
            per_second in 1_usize..8,
        ) {
            let host = Host::new(&Limits { requests_per_second: per_second, ..Limits::default() });
            let start = Instant::now();
            let mut now = start;
            let mut sent = Vec::new();
            for step in steps {
                now += Duration::from_millis(step);
                let at = host.reserve(now);
                prop_assert!(at >= now);
                sent.push(at);
            }
            for (index, at) in sent.iter().enumerate() {
                if let Some(later) = sent.get(index + per_second) {
                    prop_assert!(*later >= *at + WINDOW);
                }
            }
        }
    }

    #[test]
    fn the_longest_wish_to_be_left_alone_holds() {
        let host = Host::new(&Limits::default());
        let at = |second| Timestamp::new(second, 0).unwrap();
        assert_eq!(host.waits_until(at(0)), None);
        host.leave_alone(at(100));
        host.leave_alone(at(50));
        assert_eq!(host.waits_until(at(60)), Some(at(100)));
        assert_eq!(host.waits_until(at(100)), None);
    }
}
