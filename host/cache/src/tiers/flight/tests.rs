use crate::doubles::{Map, Slow};
use crate::tiers::{PutPolicy, Tier, Tiers};
use crate::{Backend, Blob, Stats};
use futures::future::join_all;
use std::sync::Arc;
use std::time::Duration;

/// One tier that takes 100 ms and counts what it is asked.
async fn one() -> (Arc<Stats<Slow>>, Tiers) {
    let slow = Slow { inner: Map::default(), delay: Duration::from_millis(100) };
    slow.inner.put("k", Blob::new("old")).await.unwrap();
    let counted = Arc::new(Stats::new(slow));
    let tiers = Tiers::new(vec![Tier::new("a", counted.clone())], PutPolicy::First);
    tiers.open_all().await;
    (counted, tiers)
}

async fn value(tiers: &Tiers) -> Vec<u8> {
    tiers.get("k").await.outcome.unwrap().unwrap().blob.bytes
}

async fn after(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

#[tokio::test(start_paused = true)]
async fn equal_questions_at_once_are_asked_once() {
    let (counted, tiers) = one().await;
    let values = join_all((0..8).map(|_| value(&tiers))).await;
    assert!(values.iter().all(|value| value == b"old"));
    let other = tiers.get("other");
    let (again, absent) = tokio::join!(tiers.get("k"), other);
    assert!(again.outcome.unwrap().is_some() && absent.is_absent());
    let seen = counted.snapshot();
    assert_eq!((seen.hits, seen.misses, tiers.snapshot().joined), (2, 1, 7), "one answer serves those who waited");
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_does_not_take_the_answer_from_the_others() {
    let (counted, tiers) = one().await;
    let impatient = tokio::time::timeout(Duration::from_millis(10), tiers.get("k"));
    let (gave_up, stayed) = tokio::join!(impatient, async {
        after(5).await;
        value(&tiers).await
    });
    assert!(gave_up.is_err());
    assert_eq!((stayed, counted.snapshot().hits), (b"old".to_vec(), 1));
}

#[tokio::test(start_paused = true)]
async fn a_search_from_before_a_write_does_not_answer_who_asks_after_it() {
    let (_, tiers) = one().await;
    // Searches that begin before, during and after a write, which takes 100 ms.
    let (_, _, (), after_it) = tokio::join!(
        tiers.get("k"),
        async {
            after(60).await;
            tiers.get("k").await
        },
        async {
            after(10).await;
            tiers.put("k", Blob::new("new")).await.outcome.unwrap();
        },
        async {
            after(111).await;
            value(&tiers).await
        }
    );
    assert_eq!(after_it, b"new");
    assert_eq!(tiers.snapshot().joined, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_over_is_not_kept() {
    let (_, tiers) = one().await;
    for n in 0..1000 {
        tiers.get(&format!("k{n}")).await;
    }
    let kept = tiers.flights.0.lock().unwrap().len();
    assert!(kept < 100, "{kept} searches are remembered");
}
