use crate::adapter::Component;
use crate::cache_session::{SessionOptions, Through};
use crate::catalog::Catalog;
use crate::direct::Direct;
use crate::hosts::peers::PeerCounts;
use crate::scope::RunScope;
use seaworthy_cache::{
    Backend, BreakerRules, CacheError, Latency, LayerRules, Layered, PutPolicy, RetryRules, StatsSnapshot, TiersRules,
    Timeouts,
};
use seaworthy_model::{CacheRules, Tier, TierRules, WriteRule};
use std::sync::Arc;
use std::time::Duration;

/// Time for opening a tier, where that of an attempt is shorter: it is done once, and
/// includes what a connection costs.
const OPENING: Duration = Duration::from_secs(10);

/// The configured tiers, each opened when it is first needed: those of a run's
/// checks, and those of the `cache` commands.
pub(crate) struct TierSet {
    planned: Vec<Tier>,
    sources: Vec<Source>,
    tiers: seaworthy_cache::Tiers,
}

/// What is behind one tier.
struct Source {
    layers: Layered,
    reach: Reach,
}

enum Reach {
    Component(Arc<Component>),
    Direct(Arc<Direct>),
}

impl TierSet {
    /// The tiers of a run.
    pub(crate) fn new(catalog: &Arc<Catalog>, run: &Arc<RunScope>) -> Self {
        Self::through(catalog, run, &SessionOptions::default())
    }

    /// The tiers of `run`'s plan, reached, measured and heard as `options` say.
    pub(crate) fn through(catalog: &Arc<Catalog>, run: &Arc<RunScope>, options: &SessionOptions) -> Self {
        let planned = run.plan.tiers.clone();
        let sources: Vec<Source> =
            planned.iter().map(|tier| Source::new(catalog, run, tier, options.through)).collect();
        let tiers = planned.iter().zip(&sources).map(|(tier, source)| {
            let layered = source.layers.backend();
            let backend = match &options.latencies {
                Some(times) => Arc::new(Latency::new(layered, &tier.label, Arc::clone(times))),
                None => layered,
            };
            seaworthy_cache::Tier::new(&tier.label, backend).hedged_after(tier.rules.hedge)
        });
        let tiers = seaworthy_cache::Tiers::with_rules(tiers.collect(), together(run.plan.cache));
        let tiers = tiers.heard_by(options.listener.clone());
        Self { planned, sources, tiers }
    }

    /// All of them, in order.
    pub(crate) fn tiers(&self) -> &seaworthy_cache::Tiers {
        &self.tiers
    }

    /// Each with how it is configured.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&Tier, &seaworthy_cache::Tier)> {
        self.planned.iter().zip(self.tiers.iter())
    }

    /// The tier called `label`, ready for operations.
    pub(crate) fn backend(&self, label: &str, operation: &str) -> Result<&dyn Backend, CacheError> {
        self.tiers.tier(label).map(seaworthy_cache::Tier::backend).ok_or_else(|| {
            let known: Vec<&str> = self.tiers.iter().map(seaworthy_cache::Tier::label).collect();
            CacheError::configuration(
                operation,
                format!("there is no tier `{label}`; configured: {}", known.join(", ")),
            )
        })
    }

    /// What the tier called `label` was asked so far; `None` where there is none.
    pub(crate) fn counts(&self, label: &str) -> Option<StatsSnapshot> {
        self.source(label).map(|source| source.layers.snapshot())
    }

    /// What the peers behind the tier called `label` count; `None` where it has none.
    ///
    /// # Errors
    /// No peer answered.
    pub(crate) async fn peers(&self, label: &str) -> Result<Option<PeerCounts>, CacheError> {
        match self.source(label).map(|source| &source.reach) {
            Some(Reach::Component(component)) => component.peers().await,
            Some(Reach::Direct(direct)) => direct.peers().await,
            None => Ok(None),
        }
    }

    fn source(&self, label: &str) -> Option<&Source> {
        self.planned.iter().position(|tier| tier.label == label).and_then(|at| self.sources.get(at))
    }
}

impl Source {
    fn new(catalog: &Arc<Catalog>, run: &Arc<RunScope>, tier: &Tier, through: Through) -> Self {
        let (reach, backend): (Reach, Arc<dyn Backend>) = match through {
            Through::Adapters => {
                let component = Arc::new(Component::new(catalog, run, tier));
                (Reach::Component(component.clone()), component)
            }
            Through::Peers => {
                let direct = Arc::new(Direct::new(run, tier));
                (Reach::Direct(direct.clone()), direct)
            }
        };
        Self { layers: Layered::new(&tier.label, backend, alone(tier.rules)), reach }
    }
}

/// The layers around one tier.
fn alone(rules: TierRules) -> LayerRules {
    LayerRules {
        timeouts: Timeouts { open: rules.timeout.max(OPENING), ..Timeouts::all(rules.timeout) },
        retry: RetryRules {
            count: rules.retries,
            delay: rules.delay,
            max_delay: rules.max_delay,
            within: rules.timeout,
        },
        breaker: BreakerRules { failures: rules.failures, open: rules.open, max_open: rules.max_open },
    }
}

/// What holds for all of them together.
fn together(rules: CacheRules) -> TiersRules {
    TiersRules {
        write: match rules.write {
            WriteRule::First => PutPolicy::First,
            WriteRule::All => PutPolicy::All,
            WriteRule::Ignore => PutPolicy::Ignore,
        },
        budget: Some(rules.budget),
        back_fill: Some(rules.back_fill),
    }
}
