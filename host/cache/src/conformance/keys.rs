//! Keys of every kind.

use super::subject::{filled, told};
use super::violation::context;
use super::{Subject, Violation};
use crate::{Blob, kind};

/// Keys that a cache meets every day.
const ORDINARY: [&str; 10] = [
    "plain",
    "a/b/c/d.tar.gz",
    "grüße/日本語/🦀",
    "with space",
    "a+b&c=d?e#f%20g",
    "UPPER",
    "upper",
    "repos/acme/app/actions/caches?key=linux-x64&version=1",
    "quote\"'back\\slash",
    "tilde~(brackets)[and]{braces}*!@$^|;:,<>`",
];

/// Keys that a file system, a URL or a bucket takes for something else.
const AWKWARD: [&str; 12] = [
    "dots/..",
    "dots/../dots",
    "dots/.",
    "double//slash",
    "double/slash",
    "trailing/",
    "trailing",
    "control\u{1}\t\r\nline",
    "combining-e\u{301}",
    "combining-\u{e9}",
    "percent%2Fslash",
    "percent/slash",
];

pub(super) async fn ordinary(subject: &Subject<'_>) -> Result<(), Violation> {
    let keys: Vec<(String, Vec<u8>)> =
        (0..).zip(ORDINARY).map(|(seed, name)| (subject.key(name), filled(40, seed))).collect();
    for (key, value) in &keys {
        subject.put(key, Blob::new(value.clone())).await?;
    }
    // All are stored before any is read: one must not have become another.
    for (key, value) in &keys {
        subject.reads(key, value).await?;
    }
    Ok(())
}

pub(super) async fn awkward(subject: &Subject<'_>) -> Result<(), Violation> {
    let mut taken = Vec::new();
    let long = format!("long/{}", "k".repeat(900));
    for (seed, name) in (100..).zip(AWKWARD.into_iter().chain([long.as_str()])) {
        let (key, value) = (subject.key(name), filled(40, seed));
        match subject.try_put(&key, Blob::new(value.clone())).await {
            Ok(()) => taken.push((key, value)),
            Err(error) if [kind::INVALID, kind::TOO_LARGE].contains(&error.kind.as_str()) => {}
            Err(error) => {
                let asked = format!("put under `{}`", key.escape_debug());
                let did = format!("ended in: {error}{}", context(&error));
                return Err(Violation::wrong(&asked, "work or be refused as `invalid`", &did));
            }
        }
    }
    for (key, value) in &taken {
        subject.reads(key, value).await?;
    }
    // Nothing may have become reachable under a key that was not stored.
    for name in ["dots", "percent%2fslash", "double", "trailing//", ""] {
        let key = subject.key(name);
        if let Ok(Some(blob)) = subject.backend.get(&key).await {
            let did = format!("answered {}", told(&blob.bytes));
            let asked = format!("get of `{}`, which nobody stored,", key.escape_debug());
            return Err(Violation::wrong(&asked, "answer that there is nothing", &did));
        }
    }
    Ok(())
}
