//! The suite over doubles that keep the rules, and over doubles that break one each:
//! a suite that lets a liar pass is worth nothing.

use super::*;
use crate::doubles::{Broken, Map, Slow};
use crate::{Backend, Blob, CacheError, Capability, Entry, Operation, Timeout, Timeouts, kind};
use async_trait::async_trait;
use std::time::Duration;

/// The names of the cases that `backend` does not pass, and how many it had to.
async fn failures(backend: &dyn Backend) -> (Vec<&'static str>, usize) {
    let capability = backend.open().await.unwrap();
    let (mut failed, mut ran) = (Vec::new(), 0);
    for case in cases() {
        let prefix = format!("suite/{}/", case.name);
        let subject = Subject::new(backend, &capability, &prefix);
        if case.obstacle(&subject).is_none() {
            ran += 1;
            if case.run(&subject).await.is_err() {
                failed.push(case.name);
            }
        }
    }
    (failed, ran)
}

/// A map with one fault.
struct Liar {
    inner: Map,
    does: fn(&Map, Asked<'_>) -> Option<Said>,
    operations: Vec<Operation>,
}

enum Asked<'a> {
    Get(&'a str),
    Put(&'a str, &'a Blob),
    Invalidate(&'a str),
    List,
}

enum Said {
    Found(Option<Blob>),
    Done,
    Stores(Vec<u8>),
    Names(Vec<&'static str>),
    Fails(CacheError),
}

#[async_trait]
impl Backend for Liar {
    async fn open(&self) -> Result<Capability, CacheError> {
        let mut capability = Capability::of(self.operations.iter().copied());
        capability.limits.insert("max-value-bytes".into(), "100000".into());
        Ok(capability)
    }

    async fn get(&self, key: &str) -> Result<Option<Blob>, CacheError> {
        match (self.does)(&self.inner, Asked::Get(key)) {
            Some(Said::Found(found)) => Ok(found),
            Some(Said::Fails(error)) => Err(error),
            _ => self.inner.get(key).await,
        }
    }

    async fn put(&self, key: &str, value: Blob) -> Result<(), CacheError> {
        match (self.does)(&self.inner, Asked::Put(key, &value)) {
            Some(Said::Done) => Ok(()),
            Some(Said::Stores(bytes)) => self.inner.put(key, Blob::new(bytes)).await,
            Some(Said::Fails(error)) => Err(error),
            _ => self.inner.put(key, value).await,
        }
    }

    async fn stat(&self, key: &str) -> Result<Option<Entry>, CacheError> {
        self.inner.stat(key).await
    }

    async fn invalidate(&self, key: &str) -> Result<(), CacheError> {
        match (self.does)(&self.inner, Asked::Invalidate(key)) {
            Some(Said::Done) => Ok(()),
            Some(Said::Fails(error)) => Err(error),
            _ => self.inner.invalidate(key).await,
        }
    }

    async fn list(&self, prefix: &str, limit: u32) -> Result<Vec<Entry>, CacheError> {
        match (self.does)(&self.inner, Asked::List) {
            Some(Said::Names(keys)) => {
                Ok(keys.into_iter().map(|key| Entry { key: key.into(), ..Entry::default() }).collect())
            }
            _ => self.inner.list(prefix, limit).await,
        }
    }
}

fn liar(does: fn(&Map, Asked<'_>) -> Option<Said>) -> Liar {
    Liar { inner: Map::default(), does, operations: Operation::ALL.to_vec() }
}

/// What every double below refuses, as it declares a limit.
fn refuses_long(value: &Blob) -> Option<Said> {
    (value.bytes.len() > 100_000).then(|| Said::Fails(CacheError::too_large("put", "too long")))
}

#[tokio::test]
async fn a_good_backend_passes_everything() {
    let good = liar(|_, asked| if let Asked::Put(_, value) = asked { refuses_long(value) } else { None });
    let (failed, ran) = failures(&good).await;
    assert_eq!((failed, ran > 18), (Vec::new(), true));
    let (failed, ran) = failures(&Map::default()).await;
    assert_eq!((failed, ran > 16), (Vec::new(), true));
}

#[tokio::test]
async fn cases_are_chosen_by_capability() {
    let map = Map::only(&[Operation::Get, Operation::Put]);
    let capability = map.open().await.unwrap();
    let subject = Subject::new(&map, &capability, "p/");
    let obstacles: Vec<(&str, String)> =
        cases().iter().filter_map(|case| Some((case.name, case.obstacle(&subject)?))).collect();
    let why = |name: &str| obstacles.iter().find(|(n, _)| *n == name).map(|(_, why)| why.as_str());
    assert_eq!(why("a_list_is_as_long_as_was_asked"), Some("it does not declare `list`"));
    assert_eq!(why("a_value_is_gone_after_its_life"), Some("its values do not expire"));
    assert_eq!(why("the_largest_value_comes_back"), Some("it declares no `max-value-bytes`"));
    assert_eq!(why("an_empty_value_is_a_value"), None);
    // The map does what it does not declare, which is what the last case is for.
    assert_eq!(failures(&map).await.0, ["an_undeclared_operation_is_unsupported"]);
}

#[tokio::test]
async fn every_liar_is_caught() {
    type Does = fn(&Map, Asked<'_>) -> Option<Said>;
    let liars: [(&str, Does, &str); 10] = [
        (
            "turns errors into misses",
            |_, a| matches!(a, Asked::Get(_)).then_some(Said::Found(None)),
            "one_byte_comes_back",
        ),
        (
            "calls a miss an error",
            |map, a| match a {
                Asked::Get(key) if map.value(key).is_none() => {
                    Some(Said::Fails(CacheError::configuration("get", "no such object")))
                }
                _ => None,
            },
            "what_is_not_there_is_none_and_no_error",
        ),
        (
            "takes empty for absent",
            |map, a| match a {
                Asked::Get(key) if map.value(key).is_some_and(|v| v.is_empty()) => Some(Said::Found(None)),
                _ => None,
            },
            "an_empty_value_is_a_value",
        ),
        (
            "cuts what is too long",
            |_, a| match a {
                Asked::Put(_, value) if value.bytes.len() > 100_000 => {
                    Some(Said::Stores(value.bytes[..100_000].to_vec()))
                }
                _ => None,
            },
            "one_byte_more_is_too_large_and_changes_nothing",
        ),
        (
            "translates line ends",
            |_, a| match a {
                Asked::Put(_, value) if value.bytes.contains(&b'\r') && value.bytes.len() < 1000 => {
                    Some(Said::Stores(value.bytes.iter().copied().filter(|b| *b != b'\r').collect()))
                }
                _ => None,
            },
            "every_byte_comes_back_as_it_is",
        ),
        (
            "keeps the first value",
            |map, a| match a {
                Asked::Put(key, _) if map.value(key).is_some() => Some(Said::Done),
                _ => None,
            },
            "the_last_value_is_the_value",
        ),
        ("does not remove", |_, a| matches!(a, Asked::Invalidate(_)).then_some(Said::Done), "a_removed_value_is_gone"),
        (
            "fails to remove what is not there",
            |map, a| match a {
                Asked::Invalidate(key) if map.value(key).is_none() => {
                    Some(Said::Fails(CacheError::configuration("invalidate", "no such object")))
                }
                _ => None,
            },
            "removing_what_is_not_there_succeeds",
        ),
        (
            "forgets metadata",
            |_, a| match a {
                Asked::Put(_, value) if !value.metadata.is_empty() => Some(Said::Stores(value.bytes.clone())),
                _ => None,
            },
            "metadata_comes_back",
        ),
        (
            "lists others",
            |_, a| matches!(a, Asked::List).then(|| Said::Names(vec!["x"])),
            "a_list_has_what_begins_with_its_prefix",
        ),
    ];
    for (does_what, does, caught_by) in liars {
        let (failed, _) = failures(&liar(does)).await;
        assert!(failed.contains(&caught_by), "one that {does_what} fails only {failed:?}");
    }
}

async fn judged(fault: Fault, backend: &dyn Backend) -> Result<(), Violation> {
    let capability = Capability::of(Operation::ALL);
    fault.judge(&Subject::new(backend, &capability, "p/"), "p/k").await
}

#[tokio::test(start_paused = true)]
async fn each_fault_has_its_error() {
    let fails = |error: CacheError| Broken::new(error);
    let down = || CacheError::unreachable("get", "refused");
    let denied = || CacheError::denied("get", "add to checks.toml: [plugins.x] grant.net = [\"h:1\"]");
    let limited = |after| CacheError::rate_limited("get", "later", after);
    let right = [
        (Fault::WrongCredentials, CacheError::forbidden("get", "no")),
        (Fault::WrongCredentials, CacheError::unauthenticated("get", "no")),
        (Fault::Down, down()),
        (Fault::Flipped, CacheError::integrity("get", "damaged")),
        (Fault::Truncated, CacheError::integrity("get", "damaged")),
        (Fault::Cut, down()),
        (Fault::Skewed, CacheError::clock("get", "skewed")),
        (Fault::RateLimited, limited(Some(Fault::PATIENCE))),
        (Fault::Denied, denied()),
    ];
    for (fault, error) in right {
        assert_eq!(judged(fault, &fails(error)).await, Ok(()), "{fault:?}");
    }
    let wrong = [
        (Fault::WrongCredentials, down()),
        (Fault::Down, CacheError::timed_out("get", "late")),
        (Fault::Down, CacheError::new(kind::UNREACHABLE, crate::Retry::Permanent, "get", "gone")),
        (Fault::Flipped, down()),
        (Fault::Skewed, CacheError::forbidden("get", "skewed")),
        (Fault::RateLimited, limited(None)),
        (Fault::RateLimited, limited(Some(Duration::from_secs(1)))),
        (Fault::Denied, CacheError::denied("get", "not allowed")),
    ];
    for (fault, error) in wrong {
        assert!(judged(fault, &fails(error)).await.is_err(), "{fault:?}");
    }
    let slow = || Slow { inner: Map::default(), delay: Duration::from_secs(20) };
    assert_eq!(judged(Fault::Slow, &Timeout::new(slow(), Timeouts::all(Duration::from_secs(1)))).await, Ok(()));
    assert!(judged(Fault::Slow, &slow()).await.is_err_and(|v| v.0.contains("there is nothing")));
}

#[tokio::test]
async fn nothing_is_never_the_answer_to_a_fault() {
    for fault in Fault::ALL {
        assert!(judged(fault, &Map::default()).await.is_err(), "{fault:?}");
    }
}
