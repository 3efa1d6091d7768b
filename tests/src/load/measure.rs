use std::time::Duration;

/// Times of one kind of operation, all of them, in microseconds.
#[derive(Clone, Debug, Default)]
pub struct Latencies(Vec<u32>);

impl Latencies {
    /// Notes one.
    pub fn note(&mut self, took: Duration) {
        self.0.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// The time that `percent` of them did not exceed, in milliseconds; 0 of none.
    #[must_use]
    pub fn percentile_ms(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent.min(100)).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).map_or(0.0, |&micros| f64::from(micros) / 1000.0)
    }
}

/// What a crowd did.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Writes that were acknowledged.
    pub puts: Latencies,
    /// Reads that were answered.
    pub gets: Latencies,
    /// From the first to the last.
    pub elapsed: Duration,
}

impl Measured {
    /// Adds what another client did in the same time.
    pub fn add(&mut self, other: &Self) {
        self.puts.add(&other.puts);
        self.gets.add(&other.gets);
        self.elapsed = self.elapsed.max(other.elapsed);
    }

    /// Operations a second.
    #[must_use]
    pub fn rate(&self, latencies: &Latencies) -> f64 {
        latencies.count() as f64 / self.elapsed.as_secs_f64().max(0.001)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_rates() {
        let mut measured = Measured { elapsed: Duration::from_secs(2), ..Measured::default() };
        for ms in 1..=100 {
            measured.gets.note(Duration::from_millis(ms));
        }
        assert!((measured.gets.percentile_ms(50) - 50.0).abs() < 0.1);
        assert!((measured.gets.percentile_ms(99) - 99.0).abs() < 0.1);
        assert!((measured.rate(&measured.gets) - 50.0).abs() < 0.1);
        assert!(measured.puts.percentile_ms(99) < 0.1);
        let mut both = Measured::default();
        both.add(&measured);
        both.add(&measured);
        assert_eq!((both.gets.count(), both.puts.count()), (200, 0));
    }
}
