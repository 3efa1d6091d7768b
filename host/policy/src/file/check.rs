use super::run::read_retries;
use super::{DurationText, OneOrMany, RetryBlock, ThresholdText};
use crate::origin::At;
use crate::reader::{Block, Reader};
use crate::scalar::{self, boolean, budget, choice, one_or_many, prose, threshold};
use schemars::JsonSchema;
use seaworthy_model::{Severity, Threshold};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// One check.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CheckBlock {
    /// Its name in this file, in reports and on the command line: `net.connectivity`.
    pub id: At<String>,
    /// `plugin:check`; a plugin with one check may stand alone. `bundled:` finds every check of the bundled suite.
    #[schemars(rename = "use")]
    pub used_as: At<String>,
    /// Name of a target, `fallback:name`, or a list of them.
    #[schemars(with = "Option<OneOrMany>")]
    pub target: Option<At<Vec<String>>>,
    /// Checks to wait for; this one is skipped when one of them failed. With a trailing `?` it runs all the same.
    #[schemars(with = "Vec<String>", default)]
    pub needs: Vec<At<String>>,
    /// Runs only where this is true: `in-container && network-mode != 'host'`.
    pub when: Option<At<String>>,
    /// Settings, by the check's own schema. Texts may be "${variable}".
    #[schemars(with = "Option<BTreeMap<String, Value>>")]
    pub with: Option<At<Value>>,
    /// Limits on facts: `{ connect-ms = { warn = "> 200", fail = "> 2000" } }`.
    #[schemars(default)]
    pub expect: BTreeMap<String, At<Expectation>>,
    /// How much it matters to the gate; `major` when not given.
    pub severity: Option<At<Severity>>,
    /// One attempt.
    #[schemars(with = "Option<DurationText>")]
    pub timeout: Option<At<Duration>>,
    /// How often and when it is tried again.
    #[schemars(default)]
    pub retries: RetryBlock,
    /// Labels for `--tag`.
    #[schemars(with = "Vec<String>", default)]
    pub tags: Vec<At<String>>,
    /// Who answers for it.
    pub owner: Option<At<String>>,
    /// Where to read on.
    pub docs: Option<At<String>>,
    /// It changes something; runs only where writes are allowed.
    pub mutates: Option<At<bool>>,
}

/// Limits on one fact. The limit is what is wrong: `fail = "> 2000"`.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Expectation {
    /// A warning when this holds.
    #[schemars(with = "Option<ThresholdText>")]
    pub warn: Option<At<Threshold>>,
    /// A failure when this holds.
    #[schemars(with = "Option<ThresholdText>")]
    pub fail: Option<At<Threshold>>,
}

pub(super) fn read(reader: &mut Reader<'_>, mut block: Block<'_, '_>) -> Option<CheckBlock> {
    let id = block.req(reader, "id", "every check has a name of its own: `id = \"net.proxy\"`", |v| {
        let text = prose(v)?;
        scalar::check_name(&text).map(|()| text)
    });
    let used_as = block.req(reader, "use", "say which check: `use = \"bundled:net/tcp\"`", prose);
    let target = block.opt(reader, "target", one_or_many);
    let needs = block.list(reader, "needs", prose).map(|at| at.value).unwrap_or_default();
    let when = block.opt(reader, "when", prose);
    let with = block.opt(reader, "with", scalar::object);
    let expect = block.named(reader, "expect", |reader, key, value| {
        let mut block = Block::of(format!("`expect.{key}`"), value, reader)?;
        let (warn, fail) = (block.opt(reader, "warn", threshold), block.opt(reader, "fail", threshold));
        block.finish(reader);
        Some(Expectation { warn, fail })
    });
    let severity = block.opt(reader, "severity", choice);
    let timeout = block.opt(reader, "timeout", budget);
    let retries = block.block(reader, "retries", read_retries).unwrap_or_default();
    let tags = block.list(reader, "tags", prose).map(|at| at.value).unwrap_or_default();
    let (owner, docs) = (block.opt(reader, "owner", prose), block.opt(reader, "docs", prose));
    let mutates = block.opt(reader, "mutates", boolean);
    block.finish(reader);
    let (id, used_as) = (id?, used_as?);
    Some(CheckBlock {
        id,
        used_as,
        target,
        needs,
        when,
        with,
        expect,
        severity,
        timeout,
        retries,
        tags,
        owner,
        docs,
        mutates,
    })
}
