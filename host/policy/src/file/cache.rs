use super::{DurationText, overlay};
use crate::origin::At;
use crate::reader::{Block, Reader, Wrong};
use crate::scalar::{Choice, budget, choice, count, duration};
use schemars::JsonSchema;
use std::time::Duration;
use toml::de::DeValue;

/// How the cache's tiers are used.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CacheBlock {
    /// Whose failure makes a put fail: the first tier's, any tier's, or nobody's.
    pub write: Option<At<WriteRule>>,
    /// One attempt of one operation of one tier.
    #[schemars(with = "Option<DurationText>")]
    pub timeout: Option<At<Duration>>,
    /// One operation through all tiers.
    #[schemars(with = "Option<DurationText>")]
    pub budget: Option<At<Duration>>,
    /// When an attempt is repeated.
    #[schemars(default)]
    pub retries: CacheRetryBlock,
    /// When a tier is left alone.
    #[schemars(default)]
    pub breaker: BreakerBlock,
    /// A tier that has not answered a get after so long is not waited for: the next one is asked too. Or "off".
    #[schemars(with = "Option<HedgeText>")]
    pub hedge: Option<At<Option<Duration>>>,
    /// How long a command waits, at its end, until what it found is also in the tiers above.
    #[schemars(with = "Option<DurationText>")]
    pub back_fill: Option<At<Duration>>,
}

/// When an attempt of a cache operation is repeated. Only what failed in a temporary way is.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CacheRetryBlock {
    /// Further attempts after the first.
    pub count: Option<At<u64>>,
    /// First delay; twice as long before each next attempt.
    #[schemars(with = "Option<DurationText>")]
    pub delay: Option<At<Duration>>,
    /// Longest delay. A tier that asks for more patience is not tried again, but left alone.
    #[schemars(with = "Option<DurationText>")]
    pub max_delay: Option<At<Duration>>,
}

/// When a cache tier is left alone, and for how long.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BreakerBlock {
    /// Failures in a row after which it is.
    #[schemars(range(min = 1))]
    pub failures: Option<At<u64>>,
    /// For how long at first; then one operation is let through, and if it fails, twice as long.
    #[schemars(with = "Option<DurationText>")]
    pub open: Option<At<Duration>>,
    /// For how long at most, whatever the tier asks for.
    #[schemars(with = "Option<DurationText>")]
    pub max_open: Option<At<Duration>>,
}

/// Whose failure makes a put fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum WriteRule {
    /// The first tier's that stores.
    First,
    /// Any tier's.
    All,
    /// Nobody's.
    Ignore,
}

impl Choice for WriteRule {
    const ALL: &'static [(&'static str, Self)] =
        &[("first", Self::First), ("all", Self::All), ("ignore", Self::Ignore)];
}

overlay!(CacheRetryBlock { count, delay, max_delay });
overlay!(BreakerBlock { failures, open, max_open });

impl CacheBlock {
    /// Each value that this block sets, else the lower one's.
    pub(crate) fn over(self, lower: Self) -> Self {
        Self {
            write: self.write.or(lower.write),
            timeout: self.timeout.or(lower.timeout),
            budget: self.budget.or(lower.budget),
            retries: self.retries.over(lower.retries),
            breaker: self.breaker.over(lower.breaker),
            hedge: self.hedge.or(lower.hedge),
            back_fill: self.back_fill.or(lower.back_fill),
        }
    }
}

pub(super) fn read(reader: &mut Reader<'_>, mut block: Block<'_, '_>) -> CacheBlock {
    let cache = CacheBlock {
        write: block.opt(reader, "write", choice),
        timeout: block.opt(reader, "timeout", budget),
        budget: block.opt(reader, "budget", budget),
        retries: block.block(reader, "retries", read_retries).unwrap_or_default(),
        breaker: block.block(reader, "breaker", read_breaker).unwrap_or_default(),
        hedge: block.opt(reader, "hedge", hedge),
        back_fill: block.opt(reader, "back-fill", duration),
    };
    block.finish(reader);
    cache
}

pub(super) fn read_retries(reader: &mut Reader<'_>, mut block: Block<'_, '_>) -> CacheRetryBlock {
    let retries = CacheRetryBlock {
        count: block.opt(reader, "count", count::<0>),
        delay: block.opt(reader, "delay", duration),
        max_delay: block.opt(reader, "max-delay", duration),
    };
    block.finish(reader);
    retries
}

pub(super) fn read_breaker(reader: &mut Reader<'_>, mut block: Block<'_, '_>) -> BreakerBlock {
    let breaker = BreakerBlock {
        failures: block.opt(reader, "failures", count::<1>),
        open: block.opt(reader, "open", budget),
        max_open: block.opt(reader, "max-open", budget),
    };
    block.finish(reader);
    breaker
}

/// `off`, or a delay.
pub(super) fn hedge(value: &DeValue<'_>) -> Result<Option<Duration>, Wrong> {
    if value.as_str() == Some("off") {
        return Ok(None);
    }
    duration(value).map(Some).map_err(|wrong| wrong.help("write \"off\", or a delay such as \"200ms\""))
}

/// How a hedge looks in the published schema.
pub(crate) struct HedgeText;

impl JsonSchema for HedgeText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "HedgeText".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "\"off\", or a duration with its unit: \"200ms\".",
            "pattern": "^(off|\\s*[0-9]+\\s*[a-zA-Z].*)$"
        })
    }
}
