use super::{DurationText, overlay};
use crate::origin::At;
use crate::reader::{Block, Reader, Wrong};
use crate::scalar::{Choice, boolean, budget, choice, count, duration, prose};
use crate::suggestion::hint;
use schemars::JsonSchema;
use std::time::Duration;
use toml::de::DeValue;

/// How to run.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RunBlock {
    /// Steps at once.
    #[schemars(range(min = 1))]
    pub concurrency: Option<At<u64>>,
    /// One attempt of one check.
    #[schemars(with = "Option<DurationText>")]
    pub timeout: Option<At<Duration>>,
    /// The whole run; what has not finished then is error/deadline.
    #[schemars(with = "Option<DurationText>")]
    pub deadline: Option<At<Duration>>,
    /// How often and when a check is tried again.
    #[schemars(default)]
    pub retries: RetryBlock,
    /// Stop at the first failed check.
    pub fail_fast: Option<At<bool>>,
    /// Always `dependency`: a check starts when what it needs is done.
    pub order: Option<At<OrderRule>>,
    /// Checks that change something (write to a cache) may run.
    pub allow_writes: Option<At<bool>>,
    /// Checks that use the network are skipped.
    pub offline: Option<At<bool>>,
}

/// How often and when a check is tried again.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RetryBlock {
    /// Further attempts after the first.
    pub count: Option<At<u64>>,
    /// How the delay grows.
    pub backoff: Option<At<BackoffRule>>,
    /// First delay.
    #[schemars(with = "Option<DurationText>")]
    pub delay: Option<At<Duration>>,
    /// Longest delay.
    #[schemars(with = "Option<DurationText>")]
    pub max_delay: Option<At<Duration>>,
    /// Spread the delay over its lower half.
    pub jitter: Option<At<bool>>,
    /// Failure kinds worth another try: "timeout", "connection-reset" ...
    #[schemars(with = "Option<Vec<String>>")]
    pub on: Option<At<Vec<At<String>>>>,
}

/// How the delay between attempts grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum BackoffRule {
    /// The same each time.
    Fixed,
    /// Twice the last one.
    Exponential,
}

/// In which order checks start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum OrderRule {
    /// When what it needs is done.
    Dependency,
}

impl Choice for BackoffRule {
    const ALL: &'static [(&'static str, Self)] = &[("fixed", Self::Fixed), ("exponential", Self::Exponential)];
}

impl Choice for OrderRule {
    const ALL: &'static [(&'static str, Self)] = &[("dependency", Self::Dependency)];
}

overlay!(RetryBlock { count, backoff, delay, max_delay, jitter, on });

impl RunBlock {
    /// Each value that this block sets, else the lower one's.
    pub(crate) fn over(self, lower: Self) -> Self {
        Self {
            concurrency: self.concurrency.or(lower.concurrency),
            timeout: self.timeout.or(lower.timeout),
            deadline: self.deadline.or(lower.deadline),
            retries: self.retries.over(lower.retries),
            fail_fast: self.fail_fast.or(lower.fail_fast),
            order: self.order.or(lower.order),
            allow_writes: self.allow_writes.or(lower.allow_writes),
            offline: self.offline.or(lower.offline),
        }
    }
}

pub(super) fn read(reader: &mut Reader<'_>, mut block: Block<'_, '_>) -> RunBlock {
    let run = RunBlock {
        concurrency: block.opt(reader, "concurrency", count::<1>),
        timeout: block.opt(reader, "timeout", budget),
        deadline: block.opt(reader, "deadline", budget),
        retries: block.block(reader, "retries", read_retries).unwrap_or_default(),
        fail_fast: block.opt(reader, "fail-fast", boolean),
        order: block.opt(reader, "order", choice),
        allow_writes: block.opt(reader, "allow-writes", boolean),
        offline: block.opt(reader, "offline", boolean),
    };
    block.unsupported(reader, "repeat", "run the tool several times and compare the reports");
    block.finish(reader);
    run
}

pub(super) fn read_retries(reader: &mut Reader<'_>, mut block: Block<'_, '_>) -> RetryBlock {
    let retries = RetryBlock {
        count: block.opt(reader, "count", count::<0>),
        backoff: block.opt(reader, "backoff", choice),
        delay: block.opt(reader, "delay", duration),
        max_delay: block.opt(reader, "max-delay", duration),
        jitter: block.opt(reader, "jitter", boolean),
        on: block.list(reader, "on", failure_kind),
    };
    block.finish(reader);
    retries
}

/// Failure kinds that another try may mend.
const KINDS: [&str; 13] = [
    "timeout",
    "connection-refused",
    "connection-reset",
    "host-unreachable",
    "network-unreachable",
    "address-not-available",
    "address-in-use",
    "too-many-open-files",
    "dns-not-found",
    "dns-failure",
    "protocol",
    "closed",
    "exhausted",
];

fn failure_kind(value: &DeValue<'_>) -> Result<String, Wrong> {
    let text = prose(value)?;
    // Short names for the two that people write most.
    let kind = match text.as_str() {
        "reset" => "connection-reset",
        "refused" => "connection-refused",
        other => other,
    };
    if KINDS.contains(&kind) || kind.starts_with("tls-") {
        return Ok(kind.to_owned());
    }
    let wrong = Wrong::value(format!("holds \"{text}\", which is no failure worth another try"));
    Err(match hint(&text, KINDS) {
        Some(help) => wrong.help(help),
        None => wrong,
    })
}
