//! How the cache's tiers are used: `[cache]`, and what `[tiers.X]` puts over it.

use crate::file::{self, TierBlock};
use crate::policy::Policy;
use seaworthy_model::{CacheRules, TierRules, WriteRule};

impl Policy {
    /// How the tiers are used together.
    #[must_use]
    pub fn cache_rules(&self) -> CacheRules {
        let (cache, default) = (&self.cache, CacheRules::default());
        CacheRules {
            write: match cache.write.as_ref().map(|write| write.value) {
                Some(file::WriteRule::First) => WriteRule::First,
                Some(file::WriteRule::All) => WriteRule::All,
                Some(file::WriteRule::Ignore) => WriteRule::Ignore,
                None => default.write,
            },
            budget: cache.budget.as_ref().map_or(default.budget, |at| at.value),
            back_fill: cache.back_fill.as_ref().map_or(default.back_fill, |at| at.value),
        }
    }

    /// How patient one is with the tier that `block` describes.
    ///
    /// *Behaviour*: an attempt has at most the budget of the whole operation.
    pub(crate) fn tier_rules(&self, block: Option<&TierBlock>) -> TierRules {
        let (cache, default) = (&self.cache, TierRules::default());
        let retries = block.map(|b| b.retries.clone()).unwrap_or_default().over(cache.retries.clone());
        let breaker = block.map(|b| b.breaker.clone()).unwrap_or_default().over(cache.breaker.clone());
        let timeout = block.and_then(|b| b.timeout.as_ref()).or(cache.timeout.as_ref());
        let hedge = block.and_then(|b| b.hedge.as_ref()).or(cache.hedge.as_ref());
        let count = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        TierRules {
            timeout: timeout.map_or(default.timeout, |at| at.value).min(self.cache_rules().budget),
            retries: retries.count.map_or(default.retries, |at| count(at.value)),
            delay: retries.delay.map_or(default.delay, |at| at.value),
            max_delay: retries.max_delay.map_or(default.max_delay, |at| at.value),
            failures: breaker.failures.map_or(default.failures, |at| count(at.value)),
            open: breaker.open.map_or(default.open, |at| at.value),
            max_open: breaker.max_open.map_or(default.max_open, |at| at.value),
            hedge: hedge.map_or(default.hedge, |at| at.value),
        }
    }
}
