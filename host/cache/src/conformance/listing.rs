//! Names of what is there.

use super::subject::filled;
use super::{Subject, Violation};
use crate::{Blob, Entry};
use std::collections::BTreeSet;
use tokio::time::sleep;

async fn list(subject: &Subject<'_>, prefix: &str, limit: u32) -> Result<Vec<Entry>, Violation> {
    let asked = || format!("list of at most {limit} under `{prefix}`");
    subject.backend.list(prefix, limit).await.map_err(|error| Violation::failed(&asked(), &error))
}

async fn store(subject: &Subject<'_>, folder: &str, count: u32) -> Result<BTreeSet<String>, Violation> {
    let mut keys = BTreeSet::new();
    for number in 0..count {
        let key = subject.key(&format!("{folder}{number:04}"));
        subject.put(&key, Blob::new(filled(10, u64::from(number)))).await?;
        keys.insert(key);
    }
    sleep(subject.bound()).await;
    Ok(keys)
}

/// That a list names exactly these keys, each once.
fn exactly(asked: &str, entries: &[Entry], keys: &BTreeSet<String>) -> Result<(), Violation> {
    let named: BTreeSet<String> = entries.iter().map(|entry| entry.key.clone()).collect();
    let (missing, foreign) = (keys.difference(&named).next(), named.difference(keys).next());
    let did = match (missing, foreign) {
        (Some(key), _) => format!("left out `{key}`; it named {} of {}", named.len(), keys.len()),
        (None, Some(key)) => format!("named `{key}` too"),
        (None, None) if entries.len() != named.len() => "named one twice".into(),
        (None, None) => return Ok(()),
    };
    Err(Violation::wrong(asked, "name every key that begins with its prefix, and no other", &did))
}

pub(super) async fn prefix(subject: &Subject<'_>) -> Result<(), Violation> {
    let inside = store(subject, "folder/grüße/", 5).await?;
    // Not below the folder, though it begins almost like it.
    let outside = store(subject, "folder-2/", 3).await?;
    exactly("list", &list(subject, &subject.key("folder/grüße/"), 100).await?, &inside)?;
    // A prefix is text, not a folder.
    exactly("list", &list(subject, &subject.key("folder/grüß"), 100).await?, &inside)?;
    let both = inside.union(&outside).cloned().collect();
    exactly("list", &list(subject, &subject.key("folder"), 100).await?, &both)?;
    exactly("list", &list(subject, &subject.key("nobody/"), 100).await?, &BTreeSet::new())
}

pub(super) async fn limit(subject: &Subject<'_>) -> Result<(), Violation> {
    let keys = store(subject, "limited/", 7).await?;
    for limit in [1, 3, 7, 8] {
        let entries = list(subject, &subject.key("limited/"), limit).await?;
        let named: BTreeSet<&String> = entries.iter().map(|entry| &entry.key).collect();
        let due = keys.len().min(limit as usize);
        if entries.len() != due || named.len() != due || !named.iter().all(|key| keys.contains(*key)) {
            let must = format!("name {due} different ones of {}", keys.len());
            return Err(Violation::wrong(&format!("list of at most {limit}"), &must, &format!("named {named:?}")));
        }
    }
    Ok(())
}

pub(super) async fn pages(subject: &Subject<'_>) -> Result<(), Violation> {
    let keys = store(subject, "paged/", subject.listed()).await?;
    let entries = list(subject, &subject.key("paged/"), subject.listed() + 100).await?;
    exactly("list over several pages", &entries, &keys)
}
