//! Targets, fallbacks, tiers and vantage points: what is looked at, and from where.

use super::cache::{self, BreakerBlock, CacheRetryBlock, HedgeText};
use super::{DurationText, OneOrMany, Texts, reference};
use crate::origin::At;
use crate::reader::{Block, Reader, Wrong};
use crate::scalar::{self, budget, count, prose, text, texts};
use schemars::JsonSchema;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use toml::Spanned;
use toml::de::DeValue;

/// Something that checks look at. Every text may be a `${variable}`.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TargetBlock {
    /// What it is: `libp2p`, `tcp`, `http`, `dns`, `kubo`, `s3` ...
    pub kind: At<String>,
    /// Multiaddrs, `host:port` or names.
    #[schemars(with = "Option<Texts>")]
    pub addresses: Option<At<Vec<String>>>,
    /// An absolute URL, taken as one more address.
    pub url: Option<At<String>>,
    /// PEM file, relative to this file, of authorities that are trusted at its addresses beside the machine's own.
    pub ca_file: Option<At<String>>,
    /// Anything else that its checks want to know, handed to them as it is.
    pub details: Option<At<Value>>,
    /// Secrets by role, each a "${variable}" of type secret. Components get the label, never the text.
    #[schemars(with = "BTreeMap<String, String>", default)]
    pub credentials: BTreeMap<String, At<String>>,
}

/// Tiers in the order of trying.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FallbackBlock {
    /// Names of tiers or targets, best first, or "${variable}".
    #[schemars(with = "Texts")]
    pub order: At<Vec<String>>,
    /// Fewer usable ones than this are not enough: fail, with the code cache.no-usable-backend.
    #[schemars(range(min = 1))]
    pub need: Option<At<u64>>,
    /// The one that should be in use: when it is not usable and a lower one is, warn, with the code cache.degraded.
    pub prefer: Option<At<String>>,
}

/// How one cache tier is opened.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TierBlock {
    /// The adapter: `p2p`, `disk`, `memory`, or the name of a plugin.
    pub adapter: At<String>,
    /// Target whose addresses it connects to.
    pub target: Option<At<String>>,
    /// Label of the secret that it seals values with.
    pub secret: Option<At<String>>,
    /// Its configuration, by the adapter's own schema. Texts may be "${variable}".
    #[schemars(with = "Option<BTreeMap<String, Value>>")]
    pub with: Option<At<Value>>,
    /// One attempt of one operation, instead of that of [cache].
    #[schemars(with = "Option<DurationText>")]
    pub timeout: Option<At<Duration>>,
    /// When an attempt is repeated, where it differs from [cache].
    #[schemars(default)]
    pub retries: CacheRetryBlock,
    /// When this tier is left alone, where it differs from [cache].
    #[schemars(default)]
    pub breaker: BreakerBlock,
    /// After how long the tier below this one is asked too, or "off", instead of that of [cache].
    #[schemars(with = "Option<HedgeText>")]
    pub hedge: Option<At<Option<Duration>>>,
}

/// A place that a run is made from, or that a report comes from.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VantageBlock {
    /// Name for people.
    pub label: Option<At<String>>,
    /// A report recorded there; both are then read together.
    pub report: Option<ReportBlock>,
}

/// Where a recorded report is.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ReportBlock {
    /// Environment variables that hold its path; the first that is set wins.
    #[schemars(with = "OneOrMany")]
    pub env: At<Vec<String>>,
    /// Always `path`.
    #[schemars(rename = "type", extend("const" = "path"))]
    pub kind: At<String>,
}

pub(super) fn read_target(reader: &mut Reader<'_>, name: &str, value: &Spanned<DeValue<'_>>) -> Option<TargetBlock> {
    let mut block = Block::of(format!("[targets.{name}]"), value, reader)?;
    let kind = block.req(reader, "kind", "say what it is: `kind = \"libp2p\"`", prose);
    let target = TargetBlock {
        addresses: block.opt(reader, "addresses", texts),
        url: block.opt(reader, "url", text),
        ca_file: block.opt(reader, "ca-file", text),
        details: block.opt(reader, "details", scalar::object),
        credentials: block.named(reader, "credentials", |reader, _, value| match reference(value.get_ref()) {
            Ok(name) => Some(name),
            Err(wrong) => {
                reader.wrong(value.span(), "a credential", wrong);
                None
            }
        }),
        kind: kind.unwrap_or_else(|| At::built_in(String::new())),
    };
    block.finish(reader);
    Some(target)
}

pub(super) fn read_fallback(
    reader: &mut Reader<'_>,
    name: &str,
    value: &Spanned<DeValue<'_>>,
) -> Option<FallbackBlock> {
    let mut block = Block::of(format!("[fallback.{name}]"), value, reader)?;
    let order = block.req(reader, "order", "name the tiers, best first: `order = [\"p2p\", \"disk\"]`", texts);
    let (need, prefer) = (block.opt(reader, "need", count::<1>), block.opt(reader, "prefer", prose));
    block.finish(reader);
    Some(FallbackBlock { order: order?, need, prefer })
}

pub(super) fn read_tier(reader: &mut Reader<'_>, name: &str, value: &Spanned<DeValue<'_>>) -> Option<TierBlock> {
    let mut block = Block::of(format!("[tiers.{name}]"), value, reader)?;
    let adapter = block.req(reader, "adapter", "name the adapter: `adapter = \"disk\"`", prose);
    let (target, secret) = (block.opt(reader, "target", prose), block.opt(reader, "secret", prose));
    let with = block.opt(reader, "with", scalar::object);
    let timeout = block.opt(reader, "timeout", budget);
    let retries = block.block(reader, "retries", cache::read_retries).unwrap_or_default();
    let breaker = block.block(reader, "breaker", cache::read_breaker).unwrap_or_default();
    let hedge = block.opt(reader, "hedge", cache::hedge);
    block.finish(reader);
    Some(TierBlock { adapter: adapter?, target, secret, with, timeout, retries, breaker, hedge })
}

pub(super) fn read_vantage(reader: &mut Reader<'_>, name: &str, value: &Spanned<DeValue<'_>>) -> Option<VantageBlock> {
    let mut block = Block::of(format!("[vantage.{name}]"), value, reader)?;
    let label = block.opt(reader, "label", prose);
    let report = block.block(reader, "report", |reader, mut block| {
        let env = block.req(reader, "env", "name the variable that holds the path", scalar::one_or_many);
        let kind = block.opt(reader, "type", |v| match text(v)?.as_str() {
            "path" => Ok("path".to_owned()),
            other => Err(Wrong::value(format!("takes \"path\", not \"{other}\""))),
        });
        block.finish(reader);
        env.map(|env| ReportBlock { env, kind: kind.unwrap_or_else(|| At::built_in("path".into())) })
    });
    block.finish(reader);
    Some(VantageBlock { label, report: report.flatten() })
}
