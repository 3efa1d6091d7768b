use crate::adapter::Component;
use crate::catalog::Catalog;
use crate::runtime::Ticker;
use crate::scope::RunScope;
use crate::tape::{Playback, Scripted};
use seaworthy_cache::Backend;
use seaworthy_model::{EventSink, Plan};
use std::sync::Arc;

/// An adapter whose host calls are answered by what an author wrote down: nothing of this
/// machine is touched.
pub struct Rehearsal {
    adapter: Component,
    _ticker: Ticker,
}

impl Rehearsal {
    /// The adapter of the first tier of `plan`; none where it has no tier.
    ///
    /// *Requires*: a tokio runtime for everything that is done with it.
    #[must_use]
    pub fn start(plan: Plan, catalog: &Arc<Catalog>, sink: Arc<dyn EventSink>, scripted: Scripted) -> Option<Self> {
        let mut run = RunScope::outside_a_run(plan, sink);
        run.playback = Playback::Rehearse(Arc::new(scripted));
        let run = Arc::new(run);
        let adapter = Component::new(catalog, &run, run.plan.tiers.first()?);
        Some(Self { adapter, _ticker: catalog.runtime.ticker() })
    }

    /// The adapter, without anything around it: no retries, no breaker.
    #[must_use]
    pub fn backend(&self) -> &dyn Backend {
        &self.adapter
    }

    /// Calls that were answered so far.
    #[must_use]
    pub fn played(&self) -> usize {
        self.adapter.tape().played()
    }

    /// What was written down and not asked for, as a sentence.
    #[must_use]
    pub fn left_over(&self) -> Option<String> {
        self.adapter.tape().left_over()
    }
}
