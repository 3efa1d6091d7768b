use crate::{
    ComponentDescriptor, Denial, Environment, Grants, NetRule, RegistryReference, Report, Secret, Severity, SkipReason,
    Status, Threshold,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Everything a run needs, decided: the engine takes no other orders.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Id of the run.
    pub run_id: String,
    /// Steps in output order. `needs` only name steps of this plan.
    pub steps: Vec<Step>,
    /// The components that the steps and tiers use, by name.
    pub components: BTreeMap<String, PlannedComponent>,
    /// Cache tiers in the order of trying.
    pub tiers: Vec<Tier>,
    /// How they are used together.
    pub cache: CacheRules,
    /// How to run.
    pub rules: RunRules,
    /// The environment that guests may see parts of.
    pub environment: Environment,
    /// Shared secrets by label, each with the variable it came from.
    pub secrets: BTreeMap<String, (String, Secret)>,
    /// Authorities that are trusted besides those of this machine, each at the addresses of
    /// the target that names it and nowhere else.
    pub trust: Vec<Trust>,
    /// Facts of the vantage point handed to every check.
    pub vantage: BTreeMap<String, String>,
    /// A report recorded on the host, read together with this run.
    pub host_report: Option<Box<Report>>,
}

/// A component and how far it is trusted.
#[derive(Clone, Debug)]
pub struct PlannedComponent {
    /// Name in checks.toml; `bundled` components carry their own names.
    pub name: String,
    /// Where it comes from.
    pub source: ComponentSource,
    /// What it said about itself.
    pub descriptor: Arc<ComponentDescriptor>,
    /// `sha256:...` of the component.
    pub digest: String,
    /// What it asked for and does not get.
    pub refused: Vec<RefusedGrant>,
}

/// Where a component comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentSource {
    /// Embedded in the binary, under this name.
    Builtin(String),
    /// A file.
    File(PathBuf),
    /// A registry, pinned by the digest of the manifest.
    Registry(RegistryReference),
}

impl ComponentSource {
    /// Whether it is part of this program; everything else is foreign, and granted only what the policy says.
    #[must_use]
    pub fn is_builtin(&self) -> bool {
        matches!(self, Self::Builtin(_))
    }
}

/// As reports and lists have it.
impl std::fmt::Display for ComponentSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Builtin(_) => f.write_str("builtin"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Registry(reference) => reference.fmt(f),
        }
    }
}

/// A request that the policy does not grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedGrant {
    /// What was requested.
    pub denial: Denial,
    /// The reason the component gave for it.
    pub reason: String,
}

/// One check to run.
#[derive(Clone, Debug)]
pub struct Step {
    /// Id in checks.toml: `net.connectivity`.
    pub id: String,
    /// Title for people.
    pub title: String,
    /// Name of the component.
    pub component: String,
    /// The check inside the component.
    pub check: String,
    /// As written: `bundled:p2p/connectivity`.
    pub used_as: String,
    /// How much it matters.
    pub severity: Severity,
    /// Already decided not to run, and why.
    pub skip: Option<(SkipReason, String)>,
    /// Its component cannot be used, and why: the step is `error/load`.
    pub unusable: Option<String>,
    /// What it looks at.
    pub targets: Vec<Target>,
    /// Settings, validated.
    pub settings: Value,
    /// What it may do.
    pub grants: Grants,
    /// Its limits.
    pub limits: Limits,
    /// What it waits for.
    pub needs: Vec<Need>,
    /// Time for one attempt.
    pub timeout: Duration,
    /// How often it is tried again.
    pub retries: RetryRules,
    /// Thresholds on its facts: key, level, threshold.
    pub expect: Vec<(String, Status, Threshold)>,
    /// Whether it was declared to change something.
    pub mutates: bool,
    /// Labels, for `--tag`.
    pub tags: Vec<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Where to read on.
    pub docs: Option<String>,
    /// Where it is written.
    pub source: Option<SourceLocation>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceLocation {
    /// Path as given.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
}

/// What a step waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Id of the other step.
    pub check: String,
    /// `?`: wait for it and take its facts, but run even if it failed.
    pub optional: bool,
}

/// What a check looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name in checks.toml.
    pub label: String,
    /// `libp2p`, `tcp`, `http`, `dns` ...
    pub kind: String,
    /// Addresses as configured.
    pub addresses: Vec<String>,
    /// Anything else configured for it.
    pub details: BTreeMap<String, String>,
}

/// A file of authorities, and where they are trusted. The host reads it; no component does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// One host and port.
    pub net: NetRule,
    /// The target that says so, for messages.
    pub target: String,
    /// Certificates in PEM.
    pub file: PathBuf,
}

/// Caps on one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory.
    pub memory: usize,
    /// Processor time of the guest itself.
    pub cpu: Duration,
    /// Bytes of result, log and stdio together.
    pub output: usize,
    /// Host calls.
    pub host_calls: u32,
    /// Findings and facts.
    pub findings: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 64 << 20, cpu: Duration::from_millis(500), output: 256 << 10, host_calls: 1000, findings: 1000 }
    }
}

/// How often and when a step is tried again.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryRules {
    /// Further attempts after the first.
    pub count: u32,
    /// How the delay grows.
    pub backoff: Backoff,
    /// First delay.
    pub delay: Duration,
    /// Longest delay.
    pub max_delay: Duration,
    /// Spread the delay over its lower half.
    pub jitter: bool,
    /// Failure kinds worth another try: `timeout`, `connection-reset` ...
    pub on: Vec<String>,
}

/// How the delay between attempts grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backoff {
    /// The same each time.
    Fixed,
    /// Twice the last one.
    Exponential,
}

impl Default for RetryRules {
    fn default() -> Self {
        Self {
            count: 0,
            backoff: Backoff::Exponential,
            delay: Duration::from_millis(250),
            max_delay: Duration::from_secs(2),
            jitter: true,
            on: vec!["timeout".into(), "connection-reset".into()],
        }
    }
}

/// How the run as a whole goes.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRules {
    /// Steps at once.
    pub concurrency: usize,
    /// Time for everything.
    pub deadline: Duration,
    /// Stop at the first failed step.
    pub fail_fast: bool,
    /// Steps that change something may run.
    pub allow_writes: bool,
}

/// One cache tier.
#[derive(Clone, Debug)]
pub struct Tier {
    /// Its label: `p2p`.
    pub label: String,
    /// Name of the adapter component; `None` when this build has none of that name.
    pub component: Option<String>,
    /// The adapter as configured: `p2p`, `ipfs`.
    pub adapter: String,
    /// Its configuration, secrets by label only.
    pub config: Value,
    /// What it may do.
    pub grants: Grants,
    /// How patient one is with it.
    pub rules: TierRules,
}

/// How the cache's tiers are used together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheRules {
    /// Whose failure makes a put fail.
    pub write: WriteRule,
    /// Time for one operation through all tiers.
    pub budget: Duration,
    /// Time that is waited, at the end, for values found below to be in the tiers above.
    pub back_fill: Duration,
}

impl Default for CacheRules {
    fn default() -> Self {
        Self { write: WriteRule::First, budget: Duration::from_secs(20), back_fill: Duration::from_secs(5) }
    }
}

/// Whose failure makes a put fail. Every tier that can store is offered the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteRule {
    /// The first tier's that stores.
    First,
    /// Any tier's.
    All,
    /// Nobody's.
    Ignore,
}

/// How patient one is with one tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierRules {
    /// Time for one attempt.
    pub timeout: Duration,
    /// Further attempts after a temporary failure.
    pub retries: u32,
    /// The first wait between attempts; each next one is twice as long.
    pub delay: Duration,
    /// The longest wait.
    pub max_delay: Duration,
    /// Failures in a row after which it is left alone.
    pub failures: u32,
    /// For how long at first; each time it fails again, twice as long.
    pub open: Duration,
    /// For how long at most.
    pub max_open: Duration,
    /// After how long the next tier is asked too; never when not given.
    pub hedge: Option<Duration>,
}

impl Default for TierRules {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            retries: 2,
            delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(1),
            failures: 3,
            open: Duration::from_secs(2),
            max_open: Duration::from_secs(60),
            hedge: None,
        }
    }
}

impl Plan {
    /// A plan that does nothing: what a component is described under.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            run_id: String::new(),
            steps: Vec::new(),
            components: BTreeMap::new(),
            tiers: Vec::new(),
            cache: CacheRules::default(),
            rules: RunRules { concurrency: 1, deadline: Duration::ZERO, fail_fast: false, allow_writes: false },
            environment: Environment::default(),
            secrets: BTreeMap::new(),
            trust: Vec::new(),
            vantage: BTreeMap::new(),
            host_report: None,
        }
    }
}
