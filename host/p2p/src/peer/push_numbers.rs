use super::service::Service;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Unit;
use std::fmt;
use std::sync::Weak;

/// The traffic with peers of the Python cache, read when somebody asks.
pub(super) struct PushNumbers {
    pub(super) service: Weak<Service>,
}

impl fmt::Debug for PushNumbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PushNumbers")
    }
}

impl Collector for PushNumbers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(service) = self.service.upgrade() else { return Ok(()) };
        let counted = service.flow.counters.now().clone();
        drop(service);
        let (pushes, requests) = (Unit::Other("pushes".to_owned()), Unit::Other("requests".to_owned()));
        let mut entries = encoder.encode_descriptor(
            "peer",
            "Entries of the Python cache's protocol that came and went, by what became of them",
            Some(&pushes),
            MetricType::Counter,
        )?;
        let mut say = |direction: &str, outcome: &str, count: u64| {
            ConstCounter::new(count).encode(entries.encode_family(&[("direction", direction), ("outcome", outcome)])?)
        };
        say("in", "taken", counted.received_push)?;
        for (reason, count) in &counted.refused {
            say("in", reason, *count)?;
        }
        say("out", "acknowledged", counted.pushes_acknowledged)?;
        say("out", "timed-out", counted.pushes_timed_out)?;
        say("out", "failed", counted.pushes_failed)?;
        say("out", "not-json", counted.not_representable)?;
        say("out", "too-large", counted.too_large_to_push)?;
        for (reply, count) in &counted.pushes_refused {
            say("out", reply, *count)?;
        }
        let limited = encoder.encode_descriptor(
            "peer_rate_limited",
            "Requests and messages refused because their sender asked for too much in a second",
            Some(&requests),
            MetricType::Counter,
        )?;
        ConstCounter::new(counted.rate_limited).encode(limited)
    }
}
