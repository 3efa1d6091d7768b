use crate::{CacheError, Entry};

/// How far in the future a creation time may lie, in milliseconds. A value from
/// further ahead comes from a clock that is wrong: its life cannot be judged, and
/// it would look newer than everything for as long.
pub const MAX_SKEW_MS: u64 = 60_000;

/// When a value was made, and until when it lives. Times are milliseconds since
/// 1970-01-01T00:00:00Z; `now` is a parameter so that tests choose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// When it was made.
    pub created: u64,
    /// The first moment at which it is no longer valid; `None` lives until it is evicted.
    pub deadline: Option<u64>,
}

impl Life {
    /// The life of a value that is stored now.
    ///
    /// *Behaviour*: `created` 0 means unknown and becomes `now`. `ttl` is the
    /// remaining life in milliseconds; without one, `default_ttl` counts.
    ///
    /// # Errors
    /// `clock` when it was made more than [`MAX_SKEW_MS`] after `now`.
    pub fn starting(now: u64, created: u64, ttl: Option<u64>, default_ttl: Option<u64>) -> Result<Self, CacheError> {
        let life = Self {
            created: if created == 0 { now } else { created },
            deadline: ttl.or(default_ttl).map(|ttl| now.saturating_add(ttl)),
        };
        life.check_clock("put", now)?;
        Ok(life)
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self, now: u64) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// The remaining life in milliseconds, 0 when it is over; `None` when it has no end.
    #[must_use]
    pub fn ttl(&self, now: u64) -> Option<u64> {
        self.deadline.map(|deadline| deadline.saturating_sub(now))
    }

    /// Whether the creation time can be believed.
    ///
    /// # Errors
    /// `clock` when it lies more than [`MAX_SKEW_MS`] after `now`.
    pub fn check_clock(&self, operation: &str, now: u64) -> Result<(), CacheError> {
        let ahead = self.created.saturating_sub(now);
        if ahead <= MAX_SKEW_MS {
            return Ok(());
        }
        let message =
            format!("the value was made {} s in the future; set the clocks of both machines by NTP", ahead / 1000);
        Err(CacheError::clock(operation, message).with("ahead-ms", ahead.to_string()))
    }

    /// Adds `created-ms` and `ttl-ms` to an entry.
    #[must_use]
    pub fn describe(&self, entry: Entry, now: u64) -> Entry {
        let entry = entry.with("created-ms", self.created);
        match self.ttl(now) {
            Some(ttl) => entry.with("ttl-ms", ttl),
            None => entry,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_ends_at_its_deadline() {
        let life = Life::starting(1_000, 0, Some(500), Some(9)).unwrap();
        assert_eq!(life, Life { created: 1_000, deadline: Some(1_500) });
        assert!(!life.is_over(1_499) && life.is_over(1_500));
        assert_eq!((life.ttl(1_400), life.ttl(2_000)), (Some(100), Some(0)));
    }

    #[test]
    fn the_default_counts_when_the_value_has_none() {
        assert_eq!(Life::starting(1_000, 900, None, Some(5)).unwrap(), Life { created: 900, deadline: Some(1_005) });
        let endless = Life::starting(1_000, 0, None, None).unwrap();
        assert_eq!((endless.ttl(5), endless.is_over(u64::MAX)), (None, false));
        assert_eq!(Life::starting(1_000, 0, Some(u64::MAX), None).unwrap().deadline, Some(u64::MAX));
        assert!(Life::starting(1_000, 0, Some(0), None).unwrap().is_over(1_000));
    }

    #[test]
    fn a_value_from_the_future_is_refused() {
        let now = 1_000_000;
        assert!(Life::starting(now, now + MAX_SKEW_MS, None, None).is_ok());
        let error = Life::starting(now, now + MAX_SKEW_MS + 1, None, None).unwrap_err();
        assert_eq!((error.kind.as_str(), error.operation.as_str()), ("clock", "put"));
    }
}
