use std::time::Duration;

/// How a proxy behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bodies above this size go through and are not kept.
    pub max_body: usize,
    /// For an answer of the origin to begin, and for one that is kept to end.
    pub origin_timeout: Duration,
    /// For looking into the tiers. What takes longer counts as not found.
    pub tier_budget: Duration,
    /// How long past its life an answer may be served when the origin cannot be reached
    /// or answers 500, 502, 503 or 504, where the answer itself says nothing of it.
    pub stale_if_error: Duration,
    /// How long past its life an answer is kept to be validated again.
    pub keep_stale: Duration,
    /// Connections at a time; more wait.
    pub connections: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            // Below what an adapter component can hand over in one call, with room for the head.
            max_body: 4 << 20,
            origin_timeout: Duration::from_secs(30),
            tier_budget: Duration::from_secs(1),
            stale_if_error: Duration::from_secs(300),
            keep_stale: Duration::from_secs(24 * 3600),
            connections: 512,
        }
    }
}
