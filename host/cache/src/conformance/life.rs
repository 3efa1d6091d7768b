//! Values that end by themselves.

use super::subject::filled;
use super::violation::context;
use super::{Subject, Violation};
use crate::{Blob, kind};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, sleep};

/// A life long enough to be read within and short enough to be waited for.
const LIFE: Duration = Duration::from_secs(3);

/// Beyond its life a value may stay for so long: stores keep times in seconds.
const GRACE: Duration = Duration::from_millis(1_100);

pub(super) async fn expiry(subject: &Subject<'_>) -> Result<(), Violation> {
    let (key, other) = (subject.key("brief"), subject.key("lasting"));
    let (value, lasting) = (filled(90, 90), filled(90, 91));
    let stored = Instant::now();
    subject.put(&key, Blob::new(value.clone()).with_ttl_ms(3_000)).await?;
    subject.put(&other, Blob::new(lasting.clone()).with_ttl_ms(600_000)).await?;
    let early = subject.get(&key).await?;
    // On a machine that is busy elsewhere its life may be over before it could be asked for.
    if stored.elapsed() < LIFE && early.is_none_or(|blob| blob.bytes != value) {
        return Err(Violation::wrong("get within the life of a value", "answer it", "did not"));
    }
    sleep(LIFE.saturating_sub(stored.elapsed()) + GRACE + subject.bound()).await;
    if subject.get(&key).await?.is_some() {
        let did = format!("answered it after {:?}", stored.elapsed());
        return Err(Violation::wrong("get of a value that lives 3 s", "answer that there is nothing", &did));
    }
    subject.reads(&other, &lasting).await.map(drop)
}

pub(super) async fn remaining(subject: &Subject<'_>) -> Result<(), Violation> {
    const TTL_MS: u64 = 600_000;
    let key = subject.key("remaining");
    let value = filled(30, 92);
    subject.put(&key, Blob::new(value.clone()).with_ttl_ms(TTL_MS)).await?;
    let found = subject.reads(&key, &value).await?;
    // A back-fill takes it along, so that a value does not live again in the next tier.
    match found.ttl_ms {
        Some(left) if left <= TTL_MS && left > TTL_MS - 120_000 => Ok(()),
        other => {
            let did = format!("said {other:?}");
            Err(Violation::wrong("get of a value stored for 600000 ms", "say how much of it is left", &did))
        }
    }
}

/// A clock that is ahead by this much cannot be believed.
const AHEAD_MS: u64 = 3_600_000;

pub(super) async fn from_the_future(subject: &Subject<'_>) -> Result<(), Violation> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let created_ms = u64::try_from(now).unwrap_or(u64::MAX).saturating_add(AHEAD_MS);
    let value = Blob { created_ms, ..Blob::new(filled(30, 93)).with_ttl_ms(600_000) };
    let key = subject.key("from-the-future");
    let did = match subject.try_put(&key, value).await {
        Err(error) if error.kind == kind::CLOCK => return subject.misses(&key, "which was refused").await,
        Err(error) => format!("ended in: {error}{}", context(&error)),
        Ok(()) => "was taken".into(),
    };
    Err(Violation::wrong("put of a value that was made in an hour", "be refused as `clock`", &did))
}
