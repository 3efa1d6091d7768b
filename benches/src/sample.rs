use serde::{Deserialize, Serialize};

/// One run of one command.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// From start to end, in milliseconds.
    pub wall_ms: f64,
    /// Largest resident set, in KiB.
    pub peak_kib: i64,
}

/// All runs of one command.
#[derive(Clone, Debug, Default)]
pub struct Samples(pub Vec<Sample>);

impl Samples {
    /// Shortest time in milliseconds; 0 without samples.
    #[must_use]
    pub fn min_ms(&self) -> f64 {
        let least = self.0.iter().map(|s| s.wall_ms).fold(f64::INFINITY, f64::min);
        if least.is_finite() { least } else { 0.0 }
    }

    /// Median time in milliseconds; 0 without samples.
    #[must_use]
    pub fn median_ms(&self) -> f64 {
        let mut times: Vec<f64> = self.0.iter().map(|s| s.wall_ms).collect();
        times.sort_by(f64::total_cmp);
        let middle = times.len() / 2;
        match times.len() {
            0 => 0.0,
            n if n % 2 == 1 => times[middle],
            _ => f64::midpoint(times[middle - 1], times[middle]),
        }
    }

    /// Largest memory of any run, in KiB; 0 without samples.
    #[must_use]
    pub fn peak_kib(&self) -> i64 {
        self.0.iter().map(|s| s.peak_kib).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(times: &[f64]) -> Samples {
        Samples(times.iter().map(|&wall_ms| Sample { wall_ms, peak_kib: 1 }).collect())
    }

    #[test]
    fn minimum_and_median() {
        assert_eq!(samples(&[3.0, 1.0, 2.0]).min_ms(), 1.0);
        assert_eq!(samples(&[3.0, 1.0, 2.0]).median_ms(), 2.0);
        assert_eq!(samples(&[4.0, 1.0, 2.0, 3.0]).median_ms(), 2.5);
        assert_eq!(samples(&[]).median_ms(), 0.0);
        assert_eq!(samples(&[]).min_ms(), 0.0);
    }
}
