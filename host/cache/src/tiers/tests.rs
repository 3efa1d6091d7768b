use super::*;
use crate::doubles::{Broken, Map, Scripted, Slow};
use crate::{Backend, kind};

fn tiers(policy: PutPolicy, backends: &[(&str, Arc<dyn Backend>)]) -> Tiers {
    Tiers::new(backends.iter().map(|(label, backend)| Tier::new(*label, Arc::clone(backend))).collect(), policy)
}

fn unreachable() -> CacheError {
    CacheError::unreachable("get", "10.0.0.1:9100 refused the connection")
}

fn answers(tried: &[TierAnswer]) -> Vec<(&str, &Answer)> {
    tried.iter().map(|tier| (tier.label.as_str(), &tier.answer)).collect()
}

#[tokio::test]
async fn each_tier_opens_with_its_own_result() {
    let shut = Arc::new(Broken::shut(CacheError::configuration("open", "no such bucket")));
    let cache = tiers(PutPolicy::First, &[("a", shut), ("b", Arc::new(Map::default()))]);
    let opened = cache.open_all().await;
    assert_eq!(opened.iter().map(|o| o.label.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(opened[0].outcome.as_ref().unwrap_err().kind, kind::CONFIGURATION);
    assert!(opened[1].outcome.as_ref().unwrap().has(Operation::Put));
    assert!(cache.tier("a").unwrap().capability().is_none());
    assert!(cache.tier("b").unwrap().capability().is_some());
    assert_eq!(cache.get("k").await.outcome, Ok(None), "the tier that opened could look");
}

#[tokio::test]
async fn a_tier_is_opened_when_it_is_first_needed() {
    let cache = tiers(PutPolicy::First, &[("a", Arc::new(Map::default())), ("b", Arc::new(Map::default()))]);
    let opened = || cache.iter().filter(|tier| tier.capability().is_some()).map(Tier::label).collect::<Vec<_>>();
    cache.tier("a").unwrap().backend().put("k", Blob::new("v")).await.unwrap();
    assert!(cache.get("k").await.outcome.unwrap().is_some());
    assert_eq!(opened(), ["a"], "nobody asked the tier below");
    assert_eq!(cache.get("other").await.outcome, Ok(None));
    assert_eq!(opened(), ["a", "b"]);
}

#[tokio::test]
async fn what_a_tier_cannot_do_is_said() {
    let cache = tiers(PutPolicy::First, &[("a", Arc::new(Map::only(&[Operation::Put])))]);
    let tier = cache.tier("a").unwrap();
    assert_eq!(tier.stat("k").await.unwrap_err().kind, kind::UNSUPPORTED);
    assert_eq!(tier.list("", 9).await.unwrap_err().kind, kind::UNSUPPORTED, "not an empty list");
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_for_an_opening_share_it() {
    let slow = Arc::new(Slow { inner: Map::default(), delay: Duration::from_millis(100) });
    let tier = Tier::new("a", slow);
    let started = tokio::time::Instant::now();
    let (first, second) = tokio::join!(tier.open(), tier.open());
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(started.elapsed(), Duration::from_millis(100), "it was opened twice");
}

#[tokio::test]
async fn a_hit_below_is_written_to_those_above_that_missed() {
    let (top, read_only, bottom) =
        (Arc::new(Map::default()), Arc::new(Map::only(&[Operation::Get])), Arc::new(Map::default()));
    let cache = tiers(PutPolicy::First, &[("top", top.clone()), ("ro", read_only.clone()), ("bottom", bottom.clone())]);
    cache.open_all().await;
    bottom.put("k", Blob::new("v")).await.unwrap();

    let found = cache.get("k").await;
    assert_eq!(found.outcome.unwrap().unwrap().tier, "bottom");
    assert_eq!(answers(&found.tried), [("top", &Answer::Miss), ("ro", &Answer::Miss), ("bottom", &Answer::Hit)]);
    let fills = cache.settle().await;
    assert_eq!(fills.filled, [BackFill { tier: "top".into(), key: "k".into(), outcome: Ok(()) }]);
    assert_eq!((top.value("k").unwrap(), read_only.value("k")), (b"v".to_vec(), None));
    assert_eq!(cache.get("k").await.outcome.unwrap().unwrap().tier, "top");
}

#[tokio::test]
async fn a_back_fill_does_not_delay_the_hit() {
    let slow_put = Arc::new(Stalled(Map::default()));
    let bottom = Arc::new(Map::default());
    let cache = tiers(PutPolicy::First, &[("stalled", slow_put), ("bottom", bottom.clone())]);
    cache.open_all().await;
    bottom.put("k", Blob::new("v")).await.unwrap();
    let found = tokio::time::timeout(Duration::from_secs(5), cache.get("k")).await.expect("the hit waited");
    assert_eq!(found.outcome.unwrap().unwrap().tier, "bottom");
}

#[tokio::test]
async fn an_error_is_passed_over_and_is_never_a_miss() {
    let broken = Arc::new(Broken::new(unreachable()));
    let below = Arc::new(Map::default());
    let cache = tiers(PutPolicy::First, &[("a", broken.clone()), ("b", below.clone())]);
    cache.open_all().await;
    below.put("k", Blob::new("v")).await.unwrap();

    let found = cache.get("k").await;
    assert_eq!(answers(&found.tried), [("a", &Answer::Failed(unreachable())), ("b", &Answer::Hit)]);
    assert_eq!(cache.settle().await, Settled::default(), "a tier that could not look is not written to");

    let absent = cache.get("other").await;
    assert_eq!(absent.outcome, Ok(None));
    assert_eq!(answers(&absent.tried), [("a", &Answer::Failed(unreachable())), ("b", &Answer::Miss)]);
}

#[tokio::test]
async fn a_damaged_value_is_no_hit_and_is_written_over() {
    let lying = Arc::new(Scripted::new(&[CacheError::integrity("get", "the digest is another")]));
    let below = Arc::new(Map::default());
    lying.inner.put("k", Blob::new("vvw")).await.unwrap();
    below.put("k", Blob::new("vvv")).await.unwrap();
    let cache = tiers(PutPolicy::First, &[("a", lying.clone()), ("b", below)]);
    assert_eq!(cache.get("k").await.outcome.unwrap().unwrap().tier, "b");
    assert_eq!(cache.settle().await.filled.len(), 1);
    assert_eq!(lying.inner.value("k").unwrap(), b"vvv");
}

#[tokio::test]
async fn what_was_written_is_not_followed_by_what_was_there_before() {
    let (top, below) = (Arc::new(Broken::new(unreachable())), Arc::new(Map::default()));
    let cache = tiers(PutPolicy::Ignore, &[("top", top.clone()), ("below", below.clone())]);
    cache.open_all().await;
    top.inner.put("k", Blob::new("old")).await.unwrap();
    cache.put("k", Blob::new("new")).await.outcome.unwrap();
    top.mend();

    let found = cache.get("k").await;
    assert!(matches!(&found.tried[0].answer, Answer::Failed(error) if error.kind == kind::STALE), "{found:?}");
    assert_eq!(found.outcome.unwrap().unwrap().blob.bytes, b"new");
    assert_eq!(cache.settle().await.filled.len(), 1, "the newer value is brought up");
    let found = cache.get("k").await.outcome.unwrap().unwrap();
    assert_eq!((found.tier.as_str(), found.blob.bytes.as_slice()), ("top", &b"new"[..]));

    // What could not be removed there is not found again.
    let cache = tiers(PutPolicy::Ignore, &[("top", Arc::new(Scripted::new(&[unreachable()])))]);
    cache.open_all().await;
    assert!(cache.invalidate("k").await.outcome.is_err());
    assert!(!cache.get("k").await.is_absent());
    cache.put("k", Blob::new("v")).await.outcome.unwrap();
    assert!(cache.get("k").await.outcome.unwrap().is_some(), "until a write succeeds");
}

#[tokio::test]
async fn when_all_fail_the_first_error_is_the_answer() {
    let second = CacheError::unauthenticated("get", "wrong secret");
    let cache = tiers(
        PutPolicy::First,
        &[("a", Arc::new(Broken::new(unreachable()))), ("b", Arc::new(Broken::new(second.clone())))],
    );
    cache.open_all().await;
    let found = cache.get("k").await;
    assert_eq!(found.outcome, Err(unreachable()));
    assert_eq!(found.tried[1].answer, Answer::Failed(second));
}

#[tokio::test]
async fn nothing_configured_and_nothing_readable_are_errors() {
    let none = tiers(PutPolicy::First, &[]);
    assert_eq!(none.get("k").await.outcome.unwrap_err().kind, kind::CONFIGURATION);
    assert_eq!(none.put("k", Blob::new("v")).await.outcome.unwrap_err().kind, kind::CONFIGURATION);
    assert_eq!(none.invalidate("k").await.outcome.unwrap_err().kind, kind::CONFIGURATION);

    let write_only = tiers(PutPolicy::First, &[("a", Arc::new(Map::only(&[Operation::Put])))]);
    write_only.open_all().await;
    assert_eq!(write_only.get("k").await.outcome.unwrap_err().kind, kind::UNSUPPORTED);
}

#[tokio::test]
async fn the_policy_says_whose_failure_counts() {
    for (policy, first_broken, second_broken) in
        [(PutPolicy::First, false, true), (PutPolicy::All, false, false), (PutPolicy::Ignore, true, true)]
    {
        assert_eq!(put_with(policy, first_broken, second_broken).await, Ok(()), "{policy:?}");
    }
    for (policy, first_broken, second_broken) in
        [(PutPolicy::First, true, false), (PutPolicy::All, false, true), (PutPolicy::All, true, false)]
    {
        assert_eq!(put_with(policy, first_broken, second_broken).await, Err(unreachable()), "{policy:?}");
    }
}

async fn put_with(policy: PutPolicy, first_broken: bool, second_broken: bool) -> Result<(), CacheError> {
    let make = |broken: bool| {
        let backend = Arc::new(Broken::new(unreachable()));
        if !broken {
            backend.mend();
        }
        backend
    };
    let (first, second) = (make(first_broken), make(second_broken));
    let read_only = Arc::new(Map::only(&[Operation::Get]));
    let cache = tiers(policy, &[("ro", read_only.clone()), ("a", first.clone()), ("b", second.clone())]);
    cache.open_all().await;
    let written = cache.put("k", Blob::new("v")).await;
    assert_eq!(written.tried[0].answer, Answer::Without);
    assert_eq!(read_only.value("k"), None);
    assert_eq!(first.inner.value("k").is_some(), !first_broken, "every tier is offered the value");
    assert_eq!(second.inner.value("k").is_some(), !second_broken);
    written.outcome
}

#[tokio::test]
async fn a_value_left_behind_is_not_invalidated() {
    let broken = Arc::new(Broken::new(unreachable()));
    let map = Arc::new(Map::default());
    map.put("k", Blob::new("v")).await.unwrap();
    let cache = tiers(PutPolicy::Ignore, &[("a", map.clone()), ("b", broken)]);
    cache.open_all().await;
    assert_eq!(cache.invalidate("k").await.outcome, Err(unreachable()));
    assert_eq!(map.value("k"), None, "the others are cleared all the same");

    let stuck = tiers(PutPolicy::Ignore, &[("a", Arc::new(Map::only(&[Operation::Get])))]);
    stuck.open_all().await;
    assert_eq!(stuck.invalidate("k").await.outcome.unwrap_err().kind, kind::UNSUPPORTED);
}

#[tokio::test(start_paused = true)]
async fn an_invalidated_value_is_not_brought_back() {
    let top = Arc::new(Slow { inner: Map::default(), delay: Duration::from_millis(100) });
    let bottom = Arc::new(Map::default());
    let cache = tiers(PutPolicy::First, &[("top", top.clone()), ("bottom", bottom.clone())]);
    cache.open_all().await;
    bottom.put("k", Blob::new("v")).await.unwrap();

    // The back-fill into the slow tier is under way when the key is removed.
    cache.get("k").await;
    cache.invalidate("k").await.outcome.unwrap();
    cache.settle().await;
    assert_eq!(top.inner.value("k"), None);

    // The search itself is under way when the key is removed: it still finds the
    // value, and must not keep it.
    bottom.put("k", Blob::new("v")).await.unwrap();
    let blocked = Arc::new(Slow { inner: Map::default(), delay: Duration::from_millis(500) });
    blocked.inner.put("k", Blob::new("v")).await.unwrap();
    let quick = Arc::new(Map::default());
    let cache = tiers(PutPolicy::First, &[("quick", quick.clone()), ("blocked", blocked.clone())]);
    cache.open_all().await;
    let (found, put) = tokio::join!(cache.get("k"), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        cache.put("k", Blob::new("new")).await
    });
    put.outcome.unwrap();
    assert!(found.outcome.is_ok());
    cache.settle().await;
    assert_eq!(quick.value("k").unwrap(), b"new");
}

#[tokio::test(start_paused = true)]
async fn a_bad_moment_at_the_start_does_not_cost_the_tier() {
    let broken = Arc::new(Broken::shut(unreachable()));
    broken.inner.put("k", Blob::new("v")).await.unwrap();
    let cache = tiers(PutPolicy::First, &[("a", broken.clone())]);
    cache.open_all().await;
    broken.mend();
    assert_eq!(cache.get("k").await.outcome, Err(unreachable()), "it is left alone for a while");
    tokio::time::advance(Duration::from_millis(260)).await;
    assert!(cache.get("k").await.outcome.unwrap().is_some());

    let wrong = Arc::new(Broken::shut(CacheError::configuration("open", "no such bucket")));
    let cache = tiers(PutPolicy::First, &[("a", wrong.clone())]);
    cache.open_all().await;
    wrong.mend();
    tokio::time::advance(Duration::from_secs(59)).await;
    assert!(cache.get("k").await.outcome.is_err(), "after a permanent error it is left alone for long");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(cache.get("k").await.outcome, Ok(None), "but not for ever");
}

/// Never ends a `put`.
struct Stalled(Map);

#[async_trait::async_trait]
impl Backend for Stalled {
    async fn open(&self) -> Result<Capability, CacheError> {
        self.0.open().await
    }

    async fn get(&self, key: &str) -> Result<Option<Blob>, CacheError> {
        self.0.get(key).await
    }

    async fn put(&self, _key: &str, _value: Blob) -> Result<(), CacheError> {
        std::future::pending().await
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
