use super::*;
use crate::doubles::{Broken, Slow};
use std::sync::Arc;

const RULES: BreakerRules =
    BreakerRules { failures: 3, open: Duration::from_secs(1), max_open: Duration::from_secs(60) };

fn around(error: CacheError) -> (Arc<Broken>, Breaker<Arc<Broken>>) {
    let broken = Arc::new(Broken::new(error));
    (Arc::clone(&broken), Breaker::new(broken, RULES))
}

async fn get(cache: &Breaker<Arc<Broken>>) -> Result<Option<Blob>, CacheError> {
    cache.get("k").await
}

#[tokio::test(start_paused = true)]
async fn it_opens_half_opens_and_closes() {
    let (broken, cache) = around(CacheError::unreachable("get", "refused"));
    for _ in 0..3 {
        assert!(!get(&cache).await.unwrap_err().is_from_breaker());
    }
    let refused = get(&cache).await.unwrap_err();
    assert!(refused.is_from_breaker(), "{refused:?}");
    assert_eq!((refused.kind.as_str(), refused.operation.as_str()), (kind::UNREACHABLE, "get"));
    assert_eq!(refused.retry_after, Some(Duration::from_secs(1)));
    assert_eq!(cache.snapshot().reads, CircuitState::Open);
    assert_eq!(cache.snapshot().writes, CircuitState::Closed, "nobody wrote");

    broken.mend();
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(get(&cache).await, Ok(None));
    let seen = cache.snapshot();
    assert_eq!((seen.reads, seen.openings, seen.trials, seen.refused), (CircuitState::Closed, 1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_concerns_the_tier_opens_both_at_once_and_not_for_ever() {
    for kind in [kind::UNAUTHENTICATED, kind::CONFIGURATION, kind::RETIRED, kind::CLOCK] {
        let (broken, cache) = around(CacheError::new(kind, crate::Retry::Permanent, "get", "no"));
        assert!(get(&cache).await.is_err());
        let seen = cache.snapshot();
        assert_eq!((seen.reads, seen.writes), (CircuitState::Open, CircuitState::Open), "{kind}");
        assert!(cache.put("k", Blob::new("v")).await.unwrap_err().is_from_breaker(), "{kind}");
        broken.mend();
        tokio::time::advance(RULES.max_open).await;
        cache.put("k", Blob::new("v")).await.unwrap();
        assert!(get(&cache).await.unwrap().is_some(), "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_concerns_a_direction_leaves_the_other() {
    for kind in [kind::FORBIDDEN, kind::DENIED, kind::NO_SPACE] {
        let (broken, cache) = around(CacheError::new(kind, crate::Retry::Permanent, "put", "no"));
        assert!(cache.put("k", Blob::new("v")).await.is_err());
        broken.mend();
        assert!(cache.put("k", Blob::new("v")).await.unwrap_err().is_from_breaker(), "{kind}");
        assert_eq!(get(&cache).await, Ok(None), "{kind}: it can still be read");
    }
}

#[tokio::test(start_paused = true)]
async fn what_concerns_one_value_opens_nothing() {
    for kind in [kind::INTEGRITY, kind::TOO_LARGE, kind::UNSUPPORTED, kind::INVALID] {
        let (_, cache) = around(CacheError::new(kind, crate::Retry::Permanent, "get", "no"));
        for _ in 0..20 {
            assert!(!get(&cache).await.unwrap_err().is_from_breaker(), "{kind}");
        }
        assert_eq!(cache.snapshot().openings, 0, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_from_the_future_is_the_fault_of_who_made_it() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let ahead = |ms: u64| Blob { created_ms: u64::try_from(now).unwrap() + ms, ..Blob::new("v") };
    // Read or put, where the adapter says so.
    let (_, cache) = around(CacheError::clock("get", "made in the future").with("ahead-ms", "3600000"));
    for _ in 0..20 {
        assert!(!get(&cache).await.unwrap_err().is_from_breaker());
        assert!(!cache.put("k", Blob::new("v")).await.unwrap_err().is_from_breaker());
    }
    assert_eq!(cache.snapshot().openings, 0);

    // Put, where this machine knows it as well.
    let (_, cache) = around(CacheError::clock("put", "made in the future"));
    let error = cache.put("k", ahead(3_600_000)).await.unwrap_err();
    assert!(error.context.contains_key("ahead-ms"), "{error:?}");
    assert_eq!(cache.snapshot().openings, 0);

    // A value of now that is said to be from the future: the two machines' clocks differ.
    for value in [Blob::new("v"), ahead(1_000)] {
        let (_, cache) = around(CacheError::clock("put", "made in the future"));
        assert!(cache.put("k", value).await.is_err());
        let seen = cache.snapshot();
        assert_eq!((seen.reads, seen.writes), (CircuitState::Open, CircuitState::Open));
    }
}

#[tokio::test(start_paused = true)]
async fn a_429_at_the_start_does_not_cost_the_tier_for_the_run() {
    let wait = Duration::from_secs(7);
    let (broken, cache) = around(CacheError::rate_limited("get", "429", Some(wait)));
    assert!(get(&cache).await.is_err());
    broken.mend();
    tokio::time::advance(wait - Duration::from_millis(1)).await;
    assert!(get(&cache).await.unwrap_err().is_from_breaker(), "it asked to be left alone so long");
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(get(&cache).await, Ok(None));

    let (broken, cache) = around(CacheError::rate_limited("get", "429", Some(Duration::from_secs(86_400))));
    assert!(get(&cache).await.is_err());
    broken.mend();
    tokio::time::advance(RULES.max_open).await;
    assert_eq!(get(&cache).await, Ok(None), "a day is capped");
}

#[tokio::test(start_paused = true)]
async fn half_open_lets_one_through_and_a_caller_who_gives_up_does_not_block_it() {
    let slow = Arc::new(Slow { inner: crate::doubles::Map::default(), delay: Duration::from_secs(5) });
    let cache = Arc::new(Breaker::new(slow, RULES));
    (0..3).for_each(|_| cache.overdue(Operation::Get));
    assert_eq!(cache.snapshot().reads, CircuitState::Open, "what nobody could wait for is a failure");
    tokio::time::advance(RULES.open).await;

    let (gave_up, refused) = tokio::join!(tokio::time::timeout(Duration::from_secs(1), cache.get("k")), async {
        tokio::task::yield_now().await;
        cache.get("k").await
    });
    assert!(gave_up.is_err() && refused.unwrap_err().is_from_breaker());
    assert_eq!(cache.get("k").await, Ok(None), "the trial passed on");
    assert_eq!(cache.snapshot().reads, CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn opening_passes_and_its_success_closes() {
    let (broken, cache) = around(CacheError::unauthenticated("get", "wrong secret"));
    assert!(get(&cache).await.is_err());
    broken.mend();
    cache.open().await.unwrap();
    assert_eq!(get(&cache).await, Ok(None), "it was looked at anew");

    let cache = Breaker::new(Broken::shut(CacheError::configuration("open", "no such bucket")), RULES);
    assert!(cache.open().await.is_err());
    assert_eq!(cache.snapshot().reads, CircuitState::Open);
}
