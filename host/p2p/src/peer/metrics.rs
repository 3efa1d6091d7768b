//! What a peer counts, each thing once, as OpenMetrics.

use super::push_numbers::PushNumbers;
use super::service::Service;
use super::store_numbers::StoreNumbers;
use crate::wire::{Frame, Request, Response};
use libp2p::core::ConnectedPoint;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use std::sync::Weak;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Before every name.
const PREFIX: &str = "seaworthy";
/// Upper bounds in seconds: a get from memory takes tens of microseconds, a put
/// waits for the disk, and 10 s is where clients give up.
const BUCKETS: [f64; 16] =
    [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Why a request is refused, as the answer says it.
const REASONS: [&str; 11] = [
    "unauthenticated",
    "different-secret",
    "malformed",
    "unsupported-version",
    "too-large",
    "integrity",
    "expired",
    "clock",
    "exhausted",
    "rate-limited",
    "other",
];
/// What goes wrong without being anybody's request: see [`Metrics::error`].
const ERRORS: [&str; 6] = ["store", "handshake", "connection-limit", "timeout", "io", "closed"];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Operation {
    operation: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

/// The words are those that libp2p uses for its bandwidth.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Direction {
    direction: &'static str,
}

/// A request that is in progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) operation: &'static str,
    asked: Instant,
}

impl Question {
    /// Starts the clock of a request that was just read.
    pub(super) fn of(frame: &Frame<Request>) -> Self {
        let operation = match frame {
            Frame::Message(Request::Hello { .. }) => "hello",
            Frame::Message(Request::Agree { .. }) => "agree",
            Frame::Message(Request::Get { .. }) => "get",
            Frame::Message(Request::Has { .. }) => "has",
            Frame::Message(Request::Put { .. }) => "put",
            Frame::Message(Request::Invalidate { .. }) => "invalidate",
            Frame::Message(Request::Stats) => "stats",
            Frame::Message(Request::Since { .. }) => "since",
            Frame::Message(Request::DialBack { .. }) => "dial-back",
            _ => "unknown",
        };
        Self { operation, asked: Instant::now() }
    }

    /// The same, as if it was asked now.
    pub(super) fn anew(self) -> Self {
        Self { asked: Instant::now(), ..self }
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done(&'static str),
    /// Why.
    Refused(&'static str),
    /// The store could not do it.
    Failed,
}

impl Outcome {
    pub(super) fn of(response: &Response) -> Self {
        Self::Done(match response {
            Response::Hello { .. } | Response::Stats(_) | Response::Entries { .. } => "ok",
            Response::Agreed { .. } => "agreed",
            Response::DialedBack { .. } => "dialled",
            Response::Value { .. } | Response::Present { .. } => "hit",
            Response::Miss => "miss",
            Response::Stored { kept: true } => "stored",
            Response::Stored { kept: false } => "older",
            Response::Invalidated { existed: true } => "removed",
            Response::Invalidated { existed: false } => "absent",
            Response::Different => return Self::Refused("different-secret"),
            Response::Refused { kind, .. } if kind == "store" => return Self::Failed,
            Response::Refused { kind, .. } => {
                return Self::Refused(REASONS.into_iter().find(|reason| reason == kind).unwrap_or("other"));
            }
        })
    }
}

/// The counters of one peer.
pub(super) struct Metrics {
    requests: Family<Answered, Counter>,
    durations: Family<Operation, Histogram, fn() -> Histogram>,
    refused: Family<Reason, Counter>,
    errors: Family<Kind, Counter>,
    connections: Family<Direction, Gauge>,
    established: Family<Direction, Counter>,
    peers: Gauge,
    pub(super) copied: Counter,
    last_success: Gauge<f64, AtomicU64>,
    start: Gauge<f64, AtomicU64>,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let metrics = Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            refused: Family::default(),
            errors: Family::default(),
            connections: Family::default(),
            established: Family::default(),
            peers: Gauge::default(),
            copied: Counter::default(),
            last_success: Gauge::default(),
            start: Gauge::default(),
        };
        metrics.start.set(unix_seconds());
        // What is counted later starts at zero, so that a rate sees its first step.
        for (operation, outcomes) in [
            ("get", ["hit", "miss", "refused", "error"]),
            ("has", ["hit", "miss", "refused", "error"]),
            ("put", ["stored", "older", "refused", "error"]),
            ("invalidate", ["removed", "absent", "refused", "error"]),
        ] {
            drop(metrics.durations.get_or_create(&Operation { operation }));
            for outcome in outcomes {
                drop(metrics.requests.get_or_create(&Answered { operation, outcome }));
            }
        }
        REASONS.into_iter().for_each(|reason| drop(metrics.refused.get_or_create(&Reason { reason })));
        ERRORS.into_iter().for_each(|kind| drop(metrics.errors.get_or_create(&Kind { kind })));
        for direction in ["Inbound", "Outbound"] {
            drop(metrics.connections.get_or_create(&Direction { direction }));
            drop(metrics.established.get_or_create(&Direction { direction }));
        }
        metrics
    }

    /// Counts an answer, and how long it took to find it.
    pub(super) fn answered(&self, question: Question, outcome: Outcome) {
        let operation = question.operation;
        let outcome = match outcome {
            Outcome::Done(outcome) => {
                self.last_success.set(unix_seconds());
                outcome
            }
            Outcome::Refused(reason) => {
                self.refused.get_or_create(&Reason { reason }).inc();
                "refused"
            }
            Outcome::Failed => {
                self.error("store");
                "error"
            }
        };
        self.requests.get_or_create(&Answered { operation, outcome }).inc();
        let took: Duration = question.asked.elapsed();
        self.durations.get_or_create(&Operation { operation }).observe(took.as_secs_f64());
    }

    /// Counts what went wrong: `store`, `handshake` (a connection that never
    /// came about), `connection-limit`, and of requests that were being read or
    /// answered `timeout`, `io` and `closed`.
    pub(super) fn error(&self, kind: &'static str) {
        self.errors.get_or_create(&Kind { kind }).inc();
    }

    /// A connection came about; `of_peer` counts those with the same peer now.
    pub(super) fn connected(&self, endpoint: &ConnectedPoint, of_peer: u32) {
        let direction = direction(endpoint);
        self.connections.get_or_create(&direction).inc();
        self.established.get_or_create(&direction).inc();
        self.peers.inc_by(i64::from(of_peer == 1));
    }

    /// A connection ended; `of_peer` counts those that remain with the same peer.
    pub(super) fn disconnected(&self, endpoint: &ConnectedPoint, of_peer: u32) {
        self.connections.get_or_create(&direction(endpoint)).dec();
        self.peers.dec_by(i64::from(of_peer == 0));
    }

    fn count(&self, operation: &'static str, outcome: &'static str) -> u64 {
        self.requests.get_or_create(&Answered { operation, outcome }).get()
    }

    /// Gets that found something.
    pub(super) fn hits(&self) -> u64 {
        self.count("get", "hit")
    }

    /// Gets that found nothing.
    pub(super) fn misses(&self) -> u64 {
        self.count("get", "miss")
    }

    /// Values taken, from clients and from other peers.
    pub(super) fn puts(&self) -> u64 {
        self.count("put", "stored") + self.count("put", "older") + self.copied.get()
    }

    /// Names everything, and the numbers of the store of `service`.
    pub(super) fn register(&self, service: Weak<Service>, registry: &mut Registry) {
        let unit = |unit: &str| Unit::Other(unit.to_owned());
        let r = registry;
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        r.register("peer_build", "The program that runs", build);
        r.register_with_unit("peer_start_time", "When it started, since 1970", Unit::Seconds, self.start.clone());
        r.register_with_unit(
            "peer",
            "Requests of the cache protocol that were answered",
            unit("requests"),
            self.requests.clone(),
        );
        r.register_with_unit(
            "peer_request_duration",
            "From a request read to its answer ready to be sent",
            Unit::Seconds,
            self.durations.clone(),
        );
        r.register_with_unit(
            "peer_refused",
            "Requests that were refused; they are among all requests with the outcome refused",
            unit("requests"),
            self.refused.clone(),
        );
        r.register_with_unit(
            "peer",
            "Failures of the store, of connections and of requests that were never answered",
            unit("errors"),
            self.errors.clone(),
        );
        r.register_with_unit("peer", "Open connections", unit("connections"), self.connections.clone());
        r.register_with_unit(
            "peer_established",
            "Connections that came about",
            unit("connections"),
            self.established.clone(),
        );
        r.register_with_unit("peer_connected", "Peers with an open connection", unit("peers"), self.peers.clone());
        r.register_with_unit("peer_copied", "Entries taken from other peers", unit("entries"), self.copied.clone());
        r.register_with_unit(
            "peer_last_success_timestamp",
            "When a request was last done, since 1970; 0 for never",
            Unit::Seconds,
            self.last_success.clone(),
        );
        r.register_collector(Box::new(PushNumbers { service: service.clone() }));
        r.register_collector(Box::new(StoreNumbers { service }));
    }
}

/// An empty registry with the prefix of all names.
pub(super) fn registry() -> Registry {
    Registry::with_prefix(PREFIX)
}

/// Counts the requests of which the end never came: their sender gave up, went away,
/// or was too slow.
pub(super) fn unfinished(registry: &mut Registry) -> Counter {
    let counter = Counter::default();
    registry.register_with_unit(
        "peer_unfinished",
        "Requests that were begun and never came to their end",
        Unit::Other("requests".to_owned()),
        counter.clone(),
    );
    counter
}

fn direction(endpoint: &ConnectedPoint) -> Direction {
    Direction { direction: if endpoint.is_dialer() { "Outbound" } else { "Inbound" } }
}

fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
