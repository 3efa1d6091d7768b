use super::service::Service;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use std::fmt;
use std::sync::Weak;

/// The store's own numbers, read when somebody asks.
pub(super) struct StoreNumbers {
    pub(super) service: Weak<Service>,
}

impl fmt::Debug for StoreNumbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreNumbers")
    }
}

impl Collector for StoreNumbers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(service) = self.service.upgrade() else { return Ok(()) };
        let (total, max) = (service.store_totals(), service.max_store_bytes());
        drop(service);
        let entries = || Unit::Other("entries".to_owned());
        let mut say = |name: &str, help: &str, unit: Unit, metric: &dyn EncodeMetric| {
            metric.encode(encoder.encode_descriptor(name, help, Some(&unit), metric.metric_type())?)
        };
        let gauge = ConstGauge::<u64>::new;
        let counter = ConstCounter::<u64>::new;
        say(
            "peer_store",
            "Entries in the store, of every secret, expired ones until they are removed.",
            entries(),
            &gauge(total.entries),
        )?;
        say("peer_store", "Bytes of keys and sealed values in the store.", Unit::Bytes, &gauge(total.bytes))?;
        say("peer_store_max", "What the bytes in the store may become.", Unit::Bytes, &gauge(max))?;
        say("peer_evicted", "Live entries that made room for others.", entries(), &counter(total.evictions))?;
        say("peer_expired", "Entries removed after their time to live.", entries(), &counter(total.expired))
    }
}
