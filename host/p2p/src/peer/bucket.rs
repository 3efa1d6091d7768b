use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// What one peer may ask of us in a second, over all of its connections.
#[derive(Clone, Copy)]
pub(super) struct Rates {
    pub(super) requests: u32,
    pub(super) bytes: u64,
}

/// Two token buckets, each of which holds what a second allows.
///
/// A request is let through while both hold something, and may leave a debt that
/// time pays back: its answer's size is not known before.
pub(super) struct Bucket {
    rates: Rates,
    level: Mutex<Level>,
}

struct Level {
    requests: f64,
    bytes: f64,
    filled: Instant,
}

impl Bucket {
    pub(super) fn new(rates: Rates, now: Instant) -> Self {
        let level = Level { requests: f64::from(rates.requests), bytes: rates.bytes as f64, filled: now };
        Self { rates, level: Mutex::new(level) }
    }

    /// Lets one request of `bytes` through.
    ///
    /// # Errors
    /// The bound that is exceeded, for people.
    pub(super) fn take(&self, bytes: usize, now: Instant) -> Result<(), String> {
        let mut level = self.level(now);
        if level.requests < 1.0 {
            return Err(format!("more than {} requests a second", self.rates.requests));
        }
        if level.bytes <= 0.0 {
            return Err(format!("more than {} bytes a second", self.rates.bytes));
        }
        level.requests -= 1.0;
        level.bytes -= bytes as f64;
        Ok(())
    }

    /// Charges for what was sent to the peer.
    pub(super) fn charge(&self, bytes: usize, now: Instant) {
        self.level(now).bytes -= bytes as f64;
    }

    fn level(&self, now: Instant) -> std::sync::MutexGuard<'_, Level> {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = now.saturating_duration_since(level.filled).as_secs_f64();
        level.filled = now;
        let (requests, bytes) = (f64::from(self.rates.requests), self.rates.bytes as f64);
        level.requests = (level.requests + seconds * requests).min(requests);
        level.bytes = (level.bytes + seconds * bytes).min(bytes);
        level
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn requests_and_bytes_are_bounded() {
        let now = Instant::now();
        let bucket = Bucket::new(Rates { requests: 3, bytes: 1000 }, now);
        for _ in 0..3 {
            bucket.take(10, now).unwrap();
        }
        assert_eq!(bucket.take(10, now).unwrap_err(), "more than 3 requests a second");
        let later = now + Duration::from_millis(400);
        bucket.take(5000, later).unwrap();
        assert!(bucket.take(1, later).is_err(), "one in a third of a second");
        let later = later + Duration::from_secs(1);
        assert_eq!(bucket.take(1, later).unwrap_err(), "more than 1000 bytes a second");
        let later = later + Duration::from_secs(4);
        bucket.take(1, later).unwrap();
        bucket.charge(10_000, later);
        assert!(bucket.take(1, later).is_err());
    }
}
