use crate::doubles::{Broken, Map, Scripted, Slow};
use crate::tiers::{Answer, Lookup, PutPolicy, Settled, Tier, Tiers, TiersRules};
use crate::{Backend, Blob, Breaker, BreakerRules, CacheError, CircuitState, kind};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A tier that takes `delay`, with or without the value of `k`.
async fn slow(delay: u64, has: bool) -> Arc<Slow> {
    let slow = Slow { inner: Map::default(), delay: ms(delay) };
    if has {
        slow.inner.put("k", Blob::new("v")).await.unwrap();
    }
    Arc::new(slow)
}

/// These tiers, open, each hedged after 50 ms.
async fn hedged(backends: Vec<Arc<dyn Backend>>) -> Tiers {
    within(None, backends).await
}

async fn within(budget: Option<u64>, backends: Vec<Arc<dyn Backend>>) -> Tiers {
    let labelled = backends.into_iter().zip(["a", "b", "c"]);
    let tiers = labelled.map(|(backend, label)| Tier::new(label, backend).hedged_after(Some(ms(50)))).collect();
    let tiers = Tiers::with_rules(tiers, TiersRules { budget: budget.map(ms), ..TiersRules::default() });
    tiers.open_all().await;
    tiers
}

async fn get(tiers: &Tiers) -> (Lookup, u128) {
    let started = Instant::now();
    let found = tiers.get("k").await;
    (found, started.elapsed().as_millis())
}

fn said(found: &Lookup) -> Vec<&str> {
    let word = |answer: &Answer| match answer {
        Answer::Hit => "hit",
        Answer::Miss => "miss",
        Answer::Done => "done",
        Answer::Without => "without",
        Answer::Unanswered => "unanswered",
        Answer::Failed(_) => "failed",
    };
    found.tried.iter().map(|tier| word(&tier.answer)).collect()
}

#[tokio::test(start_paused = true)]
async fn the_next_tier_is_asked_when_the_first_is_slow_and_the_first_value_wins() {
    let tiers = hedged(vec![slow(1000, true).await, slow(10, true).await, slow(10, true).await]).await;
    let (found, took) = get(&tiers).await;
    assert_eq!(said(&found), ["unanswered", "hit"], "the third is nobody's business");
    assert_eq!((found.outcome.unwrap().unwrap().tier.as_str(), took), ("b", 60));
    let counted = tiers.snapshot();
    assert_eq!((counted.hedges, counted.hedges_won["b"], counted.over_budget), (1, 1, 0));
    assert_eq!(tiers.settle().await, Settled::default(), "who did not say that it has not is not written to");
}

#[tokio::test(start_paused = true)]
async fn a_hedge_that_loses_changes_nothing() {
    let tiers = hedged(vec![slow(70, true).await, slow(1000, true).await]).await;
    let (found, took) = get(&tiers).await;
    assert_eq!((said(&found), took), (vec!["hit", "unanswered"], 70));
    assert_eq!((tiers.snapshot().hedges, tiers.snapshot().hedges_won.len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_quick_tier_is_not_hedged() {
    let tiers = hedged(vec![slow(40, false).await, slow(40, true).await]).await;
    let (found, took) = get(&tiers).await;
    assert_eq!((said(&found), took), (vec!["miss", "hit"], 80));
    assert_eq!(tiers.snapshot().hedges, 0);
    assert_eq!(tiers.settle().await.filled.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hedge_never_turns_an_error_into_a_miss() {
    let refused = CacheError::unreachable("get", "refused");
    let failing = Arc::new(Scripted::new(&[refused.clone(), refused.clone()]));
    let tiers = hedged(vec![slow(100, false).await, failing]).await;
    let (found, took) = get(&tiers).await;
    assert_eq!((said(&found), took), (vec!["miss", "failed"], 100), "it waits for whoever has not answered");
    assert!(found.outcome == Ok(None) && !found.is_absent(), "the one that failed might have it");

    let late = Arc::new(Late(Broken::new(refused.clone())));
    let tiers = hedged(vec![late, Arc::new(Scripted::new(std::slice::from_ref(&refused)))]).await;
    let (found, _) = get(&tiers).await;
    assert_eq!((said(&found), found.outcome.clone()), (vec!["failed", "failed"], Err(refused)));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_past_the_budget() {
    let tiers = within(Some(300), vec![slow(20, false).await, slow(9_000, true).await, slow(9_000, true).await]).await;
    let (found, took) = get(&tiers).await;
    assert_eq!((said(&found), took), (vec!["miss", "failed", "failed"], 300));
    assert!(!found.is_absent(), "nobody knows what the slow ones have");
    let Answer::Failed(error) = &found.tried[1].answer else { panic!("{:?}", found.tried) };
    assert_eq!((error.kind.as_str(), error.context["budget-ms"].as_str()), (kind::TIMED_OUT, "300"));

    let tiers = within(Some(300), vec![slow(9_000, true).await]).await;
    let (found, took) = get(&tiers).await;
    assert_eq!((found.outcome.unwrap_err().kind.as_str(), took), (kind::TIMED_OUT, 300));
    assert_eq!(tiers.snapshot().over_budget, 1);
}

#[tokio::test(start_paused = true)]
async fn a_tier_that_eats_the_budget_is_left_alone_and_its_neighbour_is_not_blamed() {
    let rules = BreakerRules { failures: 2, ..BreakerRules::default() };
    let stuck = Arc::new(Breaker::new(slow(60_000, true).await, rules));
    let below = Arc::new(Breaker::new(slow(200, true).await, rules));
    let backends: [Arc<dyn Backend>; 2] = [stuck.clone(), below.clone()];
    let labelled = backends.into_iter().zip(["a", "b"]).map(|(backend, label)| Tier::new(label, backend));
    // Hedging late, so that the one below is always cut short.
    let tiers = labelled.map(|tier| tier.hedged_after(Some(ms(250)))).collect();
    let tiers = Tiers::with_rules(tiers, TiersRules { budget: Some(ms(300)), ..TiersRules::default() });
    tiers.open_all().await;
    for _ in 0..2 {
        let (found, took) = get(&tiers).await;
        assert!(found.outcome.is_err() && took == 300, "{found:?} {took}");
    }
    assert_eq!((stuck.snapshot().reads, below.snapshot().reads), (CircuitState::Open, CircuitState::Closed));
    let (found, took) = get(&tiers).await;
    assert_eq!((said(&found), took), (vec!["failed", "hit"], 200), "now it costs nobody anything");
}

#[tokio::test(start_paused = true)]
async fn an_opening_that_takes_too_long_is_not_repeated_at_once() {
    let tiers = Tiers::with_rules(
        vec![Tier::new("a", slow(60_000, true).await), Tier::new("b", slow(10, true).await)],
        TiersRules { budget: Some(ms(200)), ..TiersRules::default() },
    );
    assert_eq!(get(&tiers).await.1, 200);
    let (found, took) = get(&tiers).await;
    assert_eq!((said(&found), took), (vec!["failed", "hit"], 20), "opened and asked, without the first");
}

#[tokio::test(start_paused = true)]
async fn a_write_keeps_to_the_budget_and_tells_who_did_not() {
    let quick = slow(10, false).await;
    let tiers = within(Some(300), vec![quick.clone(), slow(9_000, false).await]).await;
    let started = Instant::now();
    let written = tiers.put("k", Blob::new("v")).await;
    assert_eq!((started.elapsed(), written.outcome), (ms(300), Ok(())), "the first tier has it");
    assert!(matches!(&written.tried[1].answer, Answer::Failed(error) if error.kind == kind::TIMED_OUT));
    assert_eq!(quick.inner.value("k").unwrap(), b"v");
    let removed = tiers.invalidate("k").await;
    assert_eq!(removed.outcome.unwrap_err().kind, kind::TIMED_OUT, "it may still be there");
}

#[tokio::test(start_paused = true)]
async fn a_stuck_back_fill_holds_nobody_up_for_longer_than_the_budget() {
    let (stuck, below) = (slow(0, false).await, slow(0, true).await);
    let stuck = Arc::new(StuckPut(stuck));
    let tiers = Tiers::with_rules(
        vec![Tier::new("a", stuck), Tier::new("b", below)],
        TiersRules { budget: Some(ms(300)), back_fill: Some(ms(100)), write: PutPolicy::Ignore },
    );
    assert!(get(&tiers).await.0.outcome.unwrap().is_some());
    let started = Instant::now();
    assert_eq!(tiers.settle().await, Settled { filled: Vec::new(), left: 1 });
    assert_eq!(started.elapsed(), ms(100));
    let started = Instant::now();
    let written = tiers.put("k", Blob::new("new")).await;
    assert_eq!(started.elapsed(), ms(300));
    let late = |answer: &Answer| matches!(answer, Answer::Failed(error) if error.kind == kind::TIMED_OUT);
    assert!(written.tried.iter().all(|tier| late(&tier.answer)), "{written:?}");
    assert_eq!(tiers.settle().await.left, 1, "it is still under way, and still known");
}

/// Fails late.
struct Late(Broken);

/// Never ends a `put`.
struct StuckPut(Arc<Slow>);

macro_rules! delegate {
    ($name:ident, $get:expr, $put:expr) => {
        #[async_trait::async_trait]
        impl Backend for $name {
            async fn open(&self) -> Result<crate::Capability, CacheError> {
                self.0.open().await
            }

            async fn get(&self, key: &str) -> Result<Option<Blob>, CacheError> {
                tokio::time::sleep($get).await;
                self.0.get(key).await
            }

            async fn put(&self, key: &str, value: Blob) -> Result<(), CacheError> {
                tokio::time::sleep($put).await;
                self.0.put(key, value).await
            }

            async fn stat(&self, key: &str) -> Result<Option<crate::Entry>, CacheError> {
                self.0.stat(key).await
            }

            async fn invalidate(&self, key: &str) -> Result<(), CacheError> {
                self.0.invalidate(key).await
            }

            async fn list(&self, prefix: &str, limit: u32) -> Result<Vec<crate::Entry>, CacheError> {
                self.0.list(prefix, limit).await
            }
        }
    };
}

delegate!(Late, ms(100), Duration::ZERO);
delegate!(StuckPut, Duration::ZERO, Duration::from_secs(3600));
