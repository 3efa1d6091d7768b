//! The blocks of checks.toml, one file each: what may be written, and how it is
//! read. A doc comment of a field is its description in the published schema.

mod cache;
mod check;
mod gate;
mod output;
mod place;
mod plugin;
mod prices;
mod profile;
mod run;
mod signatures;
mod text;
mod var;
mod waiver;

pub use cache::{BreakerBlock, CacheBlock, CacheRetryBlock, WriteRule};
pub use check::{CheckBlock, Expectation};
pub use gate::{FailOnBlock, GateBlock};
pub use output::{Format, OutputBlock, RedactBlock, RedactMode, WarnAs};
pub use place::{FallbackBlock, TargetBlock, TierBlock, VantageBlock};
pub(crate) use plugin::digest;
pub use plugin::{GrantBlock, LimitsBlock, PluginBlock};
pub use prices::{Prices, PricesBlock};
pub use profile::ProfileBlock;
pub use run::{BackoffRule, RetryBlock, RunBlock};
pub use signatures::SignaturesBlock;
pub(crate) use text::{DayText, DurationText, OneOrMany, SizeText, Texts, ThresholdText};
pub use var::{VarBlock, VarType};
pub use waiver::{Unused, WaiverBlock, WaiversBlock};

use crate::error::{ErrorKind, PolicyError};
use crate::origin::{At, Layer};
use crate::reader::{Block, Reader, Wrong};
use crate::scalar::{self, count};
use crate::source::Source;
use std::collections::BTreeMap;

/// Version of the file format.
pub const FORMAT_VERSION: u64 = 1;

/// Takes each value that the upper block sets, else the lower one's.
macro_rules! overlay {
    ($block:ident { $($field:ident),* }) => {
        impl $block {
            pub(crate) fn over(self, lower: Self) -> Self {
                Self { $($field: self.$field.or(lower.$field)),* }
            }
        }
    };
}
pub(crate) use overlay;

/// checks.toml: what must be reachable from this runner, and what may block a merge.
#[derive(Clone, Debug, schemars::JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PolicyFile {
    /// Format version: 1. A newer one than the tool knows ends with exit code 3.
    #[schemars(range(min = 1, max = 1))]
    pub version: u64,
    /// Versions of the tool that this file is for, e.g. ">=1.2, <2".
    pub requires_tool: Option<At<String>>,
    /// Typed values from named places.
    #[schemars(default)]
    pub vars: BTreeMap<String, At<VarBlock>>,
    /// What checks look at.
    #[schemars(default)]
    pub targets: BTreeMap<String, At<TargetBlock>>,
    /// Which tiers are tried in which order, and how many are enough.
    #[schemars(default)]
    pub fallback: BTreeMap<String, At<FallbackBlock>>,
    /// How the cache tiers are opened.
    #[schemars(default)]
    pub tiers: BTreeMap<String, At<TierBlock>>,
    /// How the cache tiers are used.
    #[schemars(default)]
    pub cache: CacheBlock,
    /// What the tiers cost, by their labels.
    #[schemars(default)]
    pub prices: BTreeMap<String, At<PricesBlock>>,
    /// Components from elsewhere, pinned and denied what is not granted.
    #[schemars(default)]
    pub plugins: BTreeMap<String, At<PluginBlock>>,
    /// Who must have signed those that come from a registry.
    #[schemars(default)]
    pub signatures: SignaturesBlock,
    /// How to run.
    #[schemars(default)]
    pub run: RunBlock,
    /// What may block a merge.
    #[schemars(default)]
    pub gate: GateBlock,
    /// The checks, in output order.
    #[schemars(default)]
    pub check: Vec<At<CheckBlock>>,
    /// Exceptions that end by themselves.
    #[schemars(default)]
    pub waiver: Vec<At<WaiverBlock>>,
    /// How waivers are judged.
    #[schemars(default)]
    pub waivers: WaiversBlock,
    /// Places a run is made from.
    #[schemars(default)]
    pub vantage: BTreeMap<String, At<VantageBlock>>,
    /// What does not leave the machine.
    #[schemars(default)]
    pub redact: RedactBlock,
    /// Reports to write.
    #[schemars(default)]
    pub output: Vec<At<OutputBlock>>,
    /// Named sets of differences.
    #[schemars(default)]
    pub profile: BTreeMap<String, At<ProfileBlock>>,
}

/// Reads a file.
///
/// *Errors*: everything wrong with it that can be seen in the file alone, each
/// with its place. A newer format version or an unmet `requires-tool` is the only
/// error then: what a tool does not know it cannot judge.
pub(crate) fn read(source: &Source, layer: Layer, tool: &semver::Version) -> Result<PolicyFile, Vec<PolicyError>> {
    let mut reader = Reader { source, layer, errors: Vec::new() };
    let (document, syntax) = toml::de::DeTable::parse_recoverable(&source.text);
    if !syntax.is_empty() {
        return Err(syntax.iter().map(|e| syntax_error(source, e)).collect());
    }
    let mut root = Block::new("", document.get_ref(), 0..0);
    let version = root.req(&mut reader, "version", "write `version = 1` first", count::<1>);
    let requires_tool = root.opt(&mut reader, "requires-tool", scalar::prose);
    if let Some(error) = unmet(version.as_ref(), requires_tool.as_ref(), tool) {
        return Err(vec![error]);
    }
    root.unsupported(&mut reader, "baseline", "forgive known findings with [[waiver]]");
    let r = &mut reader;
    let file = PolicyFile {
        version: version.map_or(FORMAT_VERSION, |v| v.value),
        requires_tool,
        vars: root.named(r, "vars", var::read),
        targets: root.named(r, "targets", place::read_target),
        fallback: root.named(r, "fallback", place::read_fallback),
        tiers: root.named(r, "tiers", place::read_tier),
        cache: root.block(r, "cache", cache::read).unwrap_or_default(),
        prices: root.named(r, "prices", prices::read),
        plugins: root.named(r, "plugins", plugin::read),
        signatures: root.block(r, "signatures", signatures::read).unwrap_or_default(),
        run: root.block(r, "run", run::read).unwrap_or_default(),
        gate: root.block(r, "gate", gate::read).unwrap_or_default(),
        check: root.tables(r, "check", check::read),
        waiver: root.tables(r, "waiver", waiver::read),
        waivers: root.block(r, "waivers", waiver::read_rules).unwrap_or_default(),
        vantage: root.named(r, "vantage", place::read_vantage),
        redact: root.block(r, "redact", output::read_redact).unwrap_or_default(),
        output: root.tables(r, "output", output::read),
        profile: root.named(r, "profile", profile::read),
    };
    root.finish(r);
    if reader.errors.is_empty() { Ok(file) } else { Err(reader.errors) }
}

pub(crate) fn syntax_error(source: &Source, error: &toml::de::Error) -> PolicyError {
    let place = error.span().map(|span| source.place(span));
    PolicyError::new(ErrorKind::Syntax, place.as_ref(), format!("not TOML: {}", error.message()))
}

/// The error of a file that is not for this tool.
fn unmet(version: Option<&At<u64>>, requires: Option<&At<String>>, tool: &semver::Version) -> Option<PolicyError> {
    if let Some(version) = version.filter(|v| v.value > FORMAT_VERSION) {
        let message =
            format!("the file has format version {}; seaworthy {tool} reads version {FORMAT_VERSION}", version.value);
        return Some(PolicyError::new(ErrorKind::Version, version.place(), message).help("use a newer seaworthy"));
    }
    let requires = requires?;
    let error = |kind, message: String| PolicyError::new(kind, requires.place(), message);
    match semver::VersionReq::parse(&requires.value) {
        Err(e) => Some(
            error(
                ErrorKind::BadValue,
                format!("`requires-tool` \"{}\" is not a version requirement: {e}", requires.value),
            )
            .help("write \">=1.2, <2\""),
        ),
        Ok(wanted) if !wanted.matches(tool) => Some(
            error(
                ErrorKind::RequiresTool,
                format!("the file is for seaworthy {}; this is seaworthy {tool}", requires.value),
            )
            .help("use a version that fits, or change `requires-tool`"),
        ),
        Ok(_) => None,
    }
}

/// Text that must be a reference to a variable.
pub(crate) fn reference(value: &toml::de::DeValue<'_>) -> Result<String, Wrong> {
    let text = scalar::text(value)?;
    match scalar::variable(&text) {
        Some(name) => Ok(name.to_owned()),
        None => Err(Wrong::value("holds a secret in clear text")
            .kind(ErrorKind::SecretLiteral)
            .help("declare it under [vars] with `env = \"NAME\", type = \"secret\"` and write \"${name}\" here")),
    }
}
