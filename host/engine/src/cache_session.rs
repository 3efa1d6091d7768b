use crate::catalog::Catalog;
use crate::hosts::peers::PeerCounts;
use crate::runtime::Ticker;
use crate::scope::RunScope;
use crate::tier_set::TierSet;
use seaworthy_cache::{CacheError, Latencies, Listener, StatsSnapshot, Tiers};
use seaworthy_model::{EventSink, Plan, Tier};
use std::sync::Arc;

/// How the tiers of a session are reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Through {
    /// By their adapter components, as a run does.
    #[default]
    Adapters,
    /// By the host's own client of the peers, without a component: only tiers that
    /// have peers can be opened.
    Peers,
}

/// How a session is made.
#[derive(Clone, Debug, Default)]
pub struct SessionOptions {
    /// How the tiers are reached.
    pub through: Through,
    /// Where the times of operations are kept; nowhere without it.
    pub latencies: Option<Arc<Latencies>>,
    /// Who hears of every operation on the tiers together.
    pub listener: Option<Arc<dyn Listener>>,
}

/// The configured cache, used without a run: the same tiers, adapters, grants and
/// time limits that checks use.
///
/// One adapter instance serves a tier of a session, one operation after the other, unless the
/// adapter is `concurrent`: then there are up to eight. Who wants more at once makes siblings; together
/// they have as many instances as there is [`Room`](crate::Room) for, and wait for one another beyond that.
pub struct CacheSession {
    run: Arc<RunScope>,
    catalog: Arc<Catalog>,
    options: SessionOptions,
    set: TierSet,
    /// Moves processor-time limits on, once for all siblings.
    ticker: Arc<Ticker>,
}

impl CacheSession {
    /// The tiers of `plan`, each opened when it is first needed.
    ///
    /// *Requires*: a tokio runtime for everything that is done with it. The steps of
    /// the plan are not looked at. `sink` receives what adapters log.
    #[must_use]
    pub fn start(plan: Plan, catalog: &Arc<Catalog>, sink: Arc<dyn EventSink>, options: SessionOptions) -> Self {
        let run = Arc::new(RunScope::outside_a_run(plan, sink));
        Self::with(run, catalog, options, Arc::new(catalog.runtime.ticker()))
    }

    /// Another user of the same cache: with connections, adapter instances and a
    /// peer identity of its own.
    #[must_use]
    pub fn sibling(&self) -> Self {
        Self::with(Arc::new(self.run.sibling()), &self.catalog, self.options.clone(), self.ticker.clone())
    }

    fn with(run: Arc<RunScope>, catalog: &Arc<Catalog>, options: SessionOptions, ticker: Arc<Ticker>) -> Self {
        let set = TierSet::through(catalog, &run, &options);
        Self { run, catalog: catalog.clone(), options, set, ticker }
    }

    /// The tiers, in the order of trying.
    #[must_use]
    pub fn tiers(&self) -> &Tiers {
        self.set.tiers()
    }

    /// The tiers as they are configured, in the same order.
    #[must_use]
    pub fn planned(&self) -> &[Tier] {
        &self.run.plan.tiers
    }

    /// What the tier called `label` was asked by this session; `None` where there is none.
    #[must_use]
    pub fn counts(&self, label: &str) -> Option<StatsSnapshot> {
        self.set.counts(label)
    }

    /// What the peers behind the tier called `label` count; `None` when it has none
    /// or is not open.
    ///
    /// # Errors
    /// No peer answered.
    pub async fn peers(&self, label: &str) -> Result<Option<PeerCounts>, CacheError> {
        self.set.peers(label).await
    }
}
