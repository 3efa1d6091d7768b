//! Writes that follow each other, meet each other, or are given up.

use super::subject::{filled, told};
use super::{Subject, Violation};
use crate::{Blob, Operation};
use futures::future::join_all;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Writers of one key at once.
const WRITERS: u64 = 8;

/// Moments after its start at which a put is given up, in microseconds.
const GIVEN_UP: [u64; 8] = [0, 50, 200, 700, 2_000, 5_000, 12_000, 30_000];

/// Bytes of a value that takes a while to be written.
const LONG: usize = 150_000;

/// A write that was given up has ended after this, one way or the other.
const ENDED: Duration = Duration::from_secs(2);

pub(super) async fn read_after_write(subject: &Subject<'_>) -> Result<(), Violation> {
    for round in 0..10 {
        let key = subject.key(&format!("round-{round}"));
        let value = filled(200, 20 + round);
        subject.put(&key, Blob::new(value.clone())).await?;
        subject.reads(&key, &value).await?;
    }
    Ok(())
}

pub(super) async fn overwrite(subject: &Subject<'_>) -> Result<(), Violation> {
    let key = subject.key("overwritten");
    // Longer, shorter, empty, long again: nothing of an older one may shine through.
    for (seed, length) in (40..).zip([100, 3000, 7, 0, 70_000, 70_000]) {
        let value = filled(length, seed);
        subject.put(&key, Blob::new(value.clone())).await?;
        subject.reads(&key, &value).await?;
    }
    Ok(())
}

pub(super) async fn equal_again(subject: &Subject<'_>) -> Result<(), Violation> {
    let (key, twin) = (subject.key("equal"), subject.key("equal/twin"));
    let value = filled(1234, 50);
    for _ in 0..3 {
        subject.put(&key, Blob::new(value.clone())).await?;
    }
    // Equal content under another key is another entry, also where content is the address.
    subject.put(&twin, Blob::new(value.clone())).await?;
    subject.reads(&key, &value).await?;
    subject.reads(&twin, &value).await?;
    if subject.can(Operation::Invalidate) {
        subject.backend.invalidate(&key).await.map_err(|error| Violation::failed("invalidate", &error))?;
        subject.misses(&key, "which was removed").await?;
        subject.reads(&twin, &value).await?;
    }
    Ok(())
}

/// What writer `number` stores: lengths differ, so that halves of two do not make a whole.
fn written(number: u64) -> Vec<u8> {
    filled(20_000 + usize::try_from(number).unwrap_or(0) * 3_001, 60 + number)
}

pub(super) async fn eight(subject: &Subject<'_>) -> Result<(), Violation> {
    let key = subject.key("contended");
    let before = written(WRITERS);
    subject.put(&key, Blob::new(before.clone())).await?;
    subject.reads(&key, &before).await?;
    let all: Vec<Vec<u8>> = (0..=WRITERS).map(written).collect();
    let writes = join_all((0..WRITERS).map(|number| subject.put(&key, Blob::new(written(number)))));
    let reads = join_all((0..4).map(async |_| whole(subject, &key, &all, "while eight write it").await));
    let (writes, reads) = tokio::join!(writes, reads);
    writes.into_iter().chain(reads).collect::<Result<(), _>>()?;
    sleep(subject.bound()).await;
    whole(subject, &key, &all[..all.len() - 1], "after eight wrote it").await
}

/// That `key` has one of these values.
async fn whole(subject: &Subject<'_>, key: &str, all: &[Vec<u8>], when: &str) -> Result<(), Violation> {
    let did = match subject.get(key).await? {
        Some(blob) if all.contains(&blob.bytes) => return Ok(()),
        Some(blob) => format!("answered {}, which is none of them", told(&blob.bytes)),
        None => "answered that there is nothing".into(),
    };
    Err(Violation::wrong(&format!("get of a key {when}"), "answer one of the whole values", &did))
}

pub(super) async fn cancelled(subject: &Subject<'_>) -> Result<(), Violation> {
    let key = subject.key("given-up");
    let mut old = filled(500, 80);
    subject.put(&key, Blob::new(old.clone())).await?;
    subject.reads(&key, &old).await?;
    let length = subject.most().map_or(LONG, |most| LONG.min(most / 2));
    for (seed, after) in (81..).zip(GIVEN_UP) {
        let new = filled(length, seed);
        let put = subject.try_put(&key, Blob::new(new.clone()));
        let ended = timeout(Duration::from_micros(after), put).await;
        if let Ok(Err(error)) = ended {
            return Err(Violation::failed("put", &error));
        }
        // What was given up may still end behind our back; but whole.
        let both = [old.clone(), new.clone()];
        let due = Instant::now() + ENDED + subject.bound();
        whole(subject, &key, &both, "whose put was given up").await?;
        let settled = filled(500, 1000 + seed);
        // The next put wins over the one that was given up, or it would come back later.
        subject.put(&key, Blob::new(settled.clone())).await?;
        if ended.is_ok() {
            subject.reads(&key, &settled).await?;
            old = settled;
            continue;
        }
        let three = [settled.clone(), new];
        loop {
            whole(subject, &key, &three, "whose put was given up").await?;
            if subject.get(&key).await?.is_some_and(|blob| blob.bytes == settled) || Instant::now() >= due {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
        subject.put(&key, Blob::new(settled.clone())).await?;
        old = settled;
    }
    Ok(())
}
