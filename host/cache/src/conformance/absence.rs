//! What is there, what is not, and what has been removed.

use super::subject::{filled, told};
use super::{Subject, Violation};
use crate::{Blob, Operation};

pub(super) async fn absent(subject: &Subject<'_>) -> Result<(), Violation> {
    let key = subject.key("nobody-stored-this");
    // Twice: the first look must not make it be there.
    for _ in 0..2 {
        if let Some(blob) = subject.get(&key).await? {
            let did = format!("answered {}", told(&blob.bytes));
            return Err(Violation::wrong("get of a key that nobody stored", "answer that there is nothing", &did));
        }
    }
    Ok(())
}

pub(super) async fn known(subject: &Subject<'_>) -> Result<(), Violation> {
    let Some((key, value)) = subject.known() else { return Ok(()) };
    subject.reads(key, value).await.map(drop)
}

pub(super) async fn remove_absent(subject: &Subject<'_>) -> Result<(), Violation> {
    let key = subject.key("nobody-stored-this-either");
    for _ in 0..2 {
        let removed = subject.backend.invalidate(&key).await;
        removed.map_err(|error| Violation::failed("invalidate of a key that is not there", &error))?;
    }
    Ok(())
}

pub(super) async fn removed(subject: &Subject<'_>) -> Result<(), Violation> {
    let (key, other) = (subject.key("removed"), subject.key("removed/not"));
    let (value, kept) = (filled(300, 1), filled(300, 2));
    subject.put(&key, Blob::new(value.clone())).await?;
    subject.put(&other, Blob::new(kept.clone())).await?;
    subject.reads(&key, &value).await?;
    subject.backend.invalidate(&key).await.map_err(|error| Violation::failed("invalidate", &error))?;
    subject.misses(&key, "which was removed").await?;
    subject.reads(&other, &kept).await?;
    // It can be stored again: a removal is no tombstone.
    subject.put(&key, Blob::new(kept.clone())).await?;
    subject.reads(&key, &kept).await.map(drop)
}

pub(super) async fn stat(subject: &Subject<'_>) -> Result<(), Violation> {
    let (key, missing) = (subject.key("known"), subject.key("known-not"));
    let value = filled(5000, 3);
    subject.put(&key, Blob::new(value.clone())).await?;
    if subject.can(Operation::Get) {
        subject.reads(&key, &value).await?;
    } else {
        tokio::time::sleep(subject.bound()).await;
    }
    let found = subject.backend.stat(&key).await.map_err(|error| Violation::failed("stat of a stored key", &error))?;
    let Some(entry) = found else {
        return Err(Violation::wrong("stat of a stored key", "know it", "answered that there is nothing"));
    };
    if entry.key != key {
        return Err(Violation::wrong("stat", "name the key it was asked for", &format!("named `{}`", entry.key)));
    }
    // A sealed value is a little longer than what is in it, never shorter.
    let bounds = value.len() as u64..value.len() as u64 + 4096;
    if let Some(size) = entry.size.filter(|size| !bounds.contains(size)) {
        let must = format!("say the size of the value, {} bytes", value.len());
        return Err(Violation::wrong("stat", &must, &format!("said {size}")));
    }
    match subject.backend.stat(&missing).await {
        Ok(None) => Ok(()),
        Ok(Some(entry)) => {
            let did = format!("answered {entry:?}");
            Err(Violation::wrong("stat of a key that is not there", "answer that there is nothing", &did))
        }
        Err(error) => Err(Violation::failed("stat of a key that is not there", &error)),
    }
}
