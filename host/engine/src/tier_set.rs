use crate::adapter::Component;
use crate::cache_session::Through;
use crate::catalog::Catalog;
use crate::direct::Direct;
use crate::hosts::peers::PeerCounts;
use crate::scope::RunScope;
use seaworthy_cache::{Backend, CacheError, Latencies, Latency, PutPolicy, Stats, StatsSnapshot, Timeout, Timeouts};
use seaworthy_model::Tier;
use std::sync::Arc;
use std::time::Duration;

/// Time for one operation of a tier.
const OPERATION: Duration = Duration::from_secs(10);

/// The configured tiers, each opened when it is first needed: those of a run's
/// checks, and those of the `cache` commands.
pub(crate) struct TierSet {
    planned: Vec<Tier>,
    sources: Vec<Source>,
    tiers: seaworthy_cache::Tiers,
}

/// What is behind one tier.
struct Source {
    counted: Arc<Stats<Timeout<Arc<dyn Backend>>>>,
    reach: Reach,
}

enum Reach {
    Component(Arc<Component>),
    Direct(Arc<Direct>),
}

impl TierSet {
    /// The tiers of a run.
    pub(crate) fn new(catalog: &Arc<Catalog>, run: &Arc<RunScope>) -> Self {
        Self::through(catalog, run, Through::Adapters, None)
    }

    /// The tiers of `run`'s plan, reached as `through` says and measured by `times`.
    pub(crate) fn through(
        catalog: &Arc<Catalog>,
        run: &Arc<RunScope>,
        through: Through,
        times: Option<&Arc<Latencies>>,
    ) -> Self {
        let planned = run.plan.tiers.clone();
        let sources: Vec<Source> = planned.iter().map(|tier| Source::new(catalog, run, tier, through)).collect();
        let tiers = planned.iter().zip(&sources).map(|(tier, source)| {
            let counted: Arc<dyn Backend> = source.counted.clone();
            let backend = match times {
                Some(times) => Arc::new(Latency::new(counted, &tier.label, Arc::clone(times))),
                None => counted,
            };
            seaworthy_cache::Tier::new(&tier.label, backend)
        });
        let tiers = seaworthy_cache::Tiers::new(tiers.collect(), PutPolicy::First);
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
        self.source(label).map(|source| source.counted.snapshot())
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
        Self { counted: Arc::new(Stats::new(Timeout::new(backend, Timeouts::all(OPERATION)))), reach }
    }
}
