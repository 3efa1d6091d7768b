//! A peer seen from beside: its numbers, and whether it does its work.

use super::service::Service;
use super::surroundings::Place;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often the task of a peer shows that it moves.
pub(super) const BEAT: Duration = Duration::from_secs(1);
/// A task that has not moved for this long is stuck. Ten times what is usual, so
/// that a machine that is merely slow is not taken for one.
const STUCK: Duration = Duration::from_secs(10);

/// When the task of a peer moved last, and whether it is about to end.
pub(super) struct Pulse {
    start: Instant,
    last_ms: AtomicU64,
    stopping: AtomicBool,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), last_ms: AtomicU64::new(0), stopping: AtomicBool::new(false) }
    }

    pub(super) fn beat(&self) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(now, Relaxed);
    }

    pub(super) fn stop(&self) {
        self.stopping.store(true, Relaxed);
    }

    fn age(&self) -> Duration {
        self.start.elapsed().saturating_sub(Duration::from_millis(self.last_ms.load(Relaxed)))
    }
}

/// How a peer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Its task moves: when not, nothing but a restart helps.
    pub alive: bool,
    /// It takes and serves entries.
    pub ready: bool,
    /// Why it is not alive or not ready; empty when it is both.
    pub reasons: Vec<String>,
    /// Since its task last showed that it moves; usually a second at most.
    pub heartbeat_age: Duration,
}

/// A handle on a peer that asks and never keeps it from ending. Cheap to copy.
#[derive(Clone)]
pub struct Monitor {
    pub(super) service: Weak<Service>,
    pub(super) registry: Arc<Registry>,
    pub(super) pulse: Arc<Pulse>,
    pub(super) place: watch::Receiver<Place>,
}

impl Monitor {
    /// All numbers as OpenMetrics text 1.0.0, `# EOF` included.
    #[must_use]
    pub fn open_metrics(&self) -> String {
        let mut page = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut page, &self.registry);
        page
    }

    /// Looks at heartbeat, listeners and store; asks nobody and waits for nothing.
    #[must_use]
    pub fn health(&self) -> Health {
        let heartbeat_age = self.pulse.age();
        let mut reasons = Vec::new();
        let alive = heartbeat_age < STUCK;
        if !alive {
            reasons.push(format!("the peer's task has not moved for {} s", heartbeat_age.as_secs()));
        }
        if self.pulse.stopping.load(Relaxed) {
            reasons.push("the peer is shutting down".into());
        }
        if self.place.borrow().listeners == 0 {
            reasons.push("no listener is open: nobody can connect".into());
        }
        match self.service.upgrade() {
            Some(service) => reasons.extend(service.obstacles()),
            None => reasons.push("the peer has ended".into()),
        }
        Health { alive, ready: reasons.is_empty(), reasons, heartbeat_age }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulse_that_stops_is_noticed() {
        let old = Instant::now().checked_sub(STUCK * 2).unwrap();
        let pulse = Pulse { start: old, last_ms: AtomicU64::new(0), stopping: AtomicBool::new(false) };
        let monitor = Monitor {
            service: Weak::new(),
            registry: Arc::new(Registry::default()),
            pulse: Arc::new(pulse),
            place: watch::channel(Place::default()).1,
        };
        let health = monitor.health();
        assert!(!health.alive && !health.ready);
        assert!(health.reasons[0].contains("has not moved for 2"), "{health:?}");
        monitor.pulse.beat();
        let health = monitor.health();
        assert!(health.alive && !health.ready, "{health:?}");
        assert_eq!(health.reasons.len(), 2, "no listener, no service: {health:?}");
    }
}
