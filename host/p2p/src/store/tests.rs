use super::*;

fn record(created_ms: u64, expires_ms: Option<u64>, length: usize) -> Record {
    Record { created_ms, expires_ms, sealed: vec![7; length] }
}

fn memory(max_bytes: u64) -> Store {
    Store::open(None, "us", max_bytes, 0).unwrap()
}

#[test]
fn what_expired_is_not_there() {
    let store = memory(1_000_000);
    assert!(store.put("k", &record(1, Some(100), 10), 1).unwrap());
    assert_eq!(store.get("k", 99).unwrap(), Some(record(1, Some(100), 10)));
    assert!(store.has("k", 99).is_some());
    assert_eq!(store.get("k", 100).unwrap(), None);
    assert_eq!(store.has("k", 100), None);
    assert_eq!(store.usage(100).entries, 0);
    store.purge(100).unwrap();
    // Even with the clock set back: it is gone.
    assert_eq!(store.get("k", 1).unwrap(), None);
}

#[test]
fn a_newer_value_stays() {
    let store = memory(1_000_000);
    assert!(store.put("k", &record(10, None, 1), 10).unwrap());
    assert!(!store.put("k", &record(9, None, 2), 10).unwrap());
    assert!(store.put("k", &record(10, None, 3), 10).unwrap());
    assert_eq!(store.get("k", 10).unwrap().unwrap().sealed.len(), 3);
    // A newer one that has expired does not stand in the way.
    assert!(store.put("j", &record(50, Some(60), 1), 50).unwrap());
    assert!(store.put("j", &record(40, None, 1), 70).unwrap());
}

#[test]
fn the_least_recently_used_goes_first() {
    let size = ("us/a".len() + HEADER + 100) as u64;
    let store = memory(3 * size);
    for key in ["a", "b", "c"] {
        store.put(key, &record(1, None, 100), 1).unwrap();
    }
    assert!(store.get("a", 1).unwrap().is_some());
    store.put("d", &record(1, None, 100), 1).unwrap();
    assert!(store.get("b", 1).unwrap().is_none());
    assert!(store.get("a", 1).unwrap().is_some());
    assert_eq!(store.usage(1), Usage { entries: 3, bytes: 3 * size, evictions: 1 });
    // An expired one goes before a used one, and is no eviction.
    store.put("e", &record(1, Some(5), 100), 1).unwrap();
    let before = store.usage(1).evictions;
    store.put("f", &record(1, None, 100), 6).unwrap();
    assert_eq!(store.usage(6).evictions, before);
    assert!(matches!(store.put("g", &record(1, None, 1000), 1), Err(StoreError::TooLarge { .. })));
}

#[test]
fn entries_survive_and_keep_their_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x/store.redb");
    let store = Store::open(Some(&path), "us", 10_000, 0).unwrap();
    for (key, expires) in [("a", None), ("b", Some(50)), ("c", None)] {
        store.put(key, &record(1, expires, 100), 1).unwrap();
    }
    assert!(matches!(Store::open(Some(&path), "us", 10_000, 0), Err(StoreError::Open { .. })), "two processes");
    drop(store);
    let store = Store::open(Some(&path), "us", 10_000, 60).unwrap();
    assert_eq!(store.usage(60).entries, 2);
    let page = store.since(0, 1, 60).unwrap();
    assert_eq!((page.entries[0].0.as_str(), page.entries.len(), page.more), ("a", 1, true));
    let page = store.since(page.next, 10_000, 60).unwrap();
    assert_eq!((page.entries[0].0.as_str(), page.more), ("c", false));
    store.put("d", &record(1, None, 1), 60).unwrap();
    let page = store.since(page.next, 10_000, 60).unwrap();
    assert_eq!((page.entries.len(), page.entries[0].0.as_str()), (1, "d"));
    assert!(store.remove("a", 60).unwrap());
    assert!(!store.remove("a", 60).unwrap());
}

/// A wrong secret in between costs nothing, and the bound counts all owners.
#[test]
fn owners_share_the_room_and_see_only_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let open = |owner: &str, max_bytes| Store::open(Some(&path), owner, max_bytes, 1).unwrap();
    let ours = open("us", 10_000);
    for key in ["a", "b"] {
        ours.put(key, &record(1, None, 100), 1).unwrap();
    }
    drop(ours);
    let theirs = open("them", 10_000);
    assert_eq!(theirs.usage(1), Usage { entries: 0, bytes: 0, evictions: 0 });
    assert_eq!((theirs.get("a", 1).unwrap(), theirs.has("a", 1)), (None, None));
    assert!(theirs.since(0, 10_000, 1).unwrap().entries.is_empty());
    assert!(!theirs.remove("a", 1).unwrap());
    theirs.put("a", &record(5, None, 7), 5).unwrap();
    assert_eq!(theirs.since(0, 10_000, 5).unwrap().entries, [("a".to_owned(), vec![7; 7])]);
    drop(theirs);
    let ours = open("us", 10_000);
    assert_eq!(ours.get("a", 5).unwrap(), Some(record(1, None, 100)));
    assert_eq!(ours.usage(5).entries, 2);
    drop(ours);
    // Room for two: the oldest goes, at the opening or for a new entry, whosever it is.
    let room = 2 * ("us/a".len() + HEADER + 100) as u64;
    let theirs = open("them", room);
    assert_eq!(theirs.usage(5), Usage { entries: 1, bytes: ("them/a".len() + HEADER + 7) as u64, evictions: 1 });
    theirs.put("b", &record(5, None, 98), 5).unwrap();
    assert_eq!(theirs.usage(5).evictions, 2);
    drop(theirs);
    assert_eq!(open("us", room).usage(5).entries, 0);
    assert_eq!(open("them", room).usage(5).entries, 2);
}

/// Random operations against a plain map: the store holds a subset of what the
/// map holds (evictions), never anything else, and never more than its bound.
#[test]
fn random_operations_keep_the_bound() {
    let store = memory(2_000);
    let mut model = std::collections::HashMap::new();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for now in 1..600_u64 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let key = format!("k{}", (state >> 33) % 20);
        let length = usize::try_from((state >> 40) % 400).unwrap();
        if state >> 61 == 0 {
            model.remove(&key);
            store.remove(&key, now).unwrap();
        } else {
            let r = record(now, Some(now + 40), length);
            assert!(store.put(&key, &r, now).unwrap());
            model.insert(key, r);
        }
        assert!(store.usage(now).bytes <= 2_000);
        for (key, expected) in &model {
            let got = store.get(key, now).unwrap();
            assert!(got.is_none_or(|got| got == *expected && expected.expires_ms > Some(now)));
        }
    }
}

#[test]
fn after_a_failure_it_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("entries.redb");
    let store = Store::open(Some(&path), "us", 1 << 20, 0).unwrap();
    store.put("a", &record(1, None, 10), 1).unwrap();
    store.put("short", &record(1, Some(5), 10), 1).unwrap();
    assert_eq!((store.trouble(), store.recover(2).is_ok()), (None, true));
    // A folder in its place: what a failed disk looks like when it is opened again.
    let aside = folder.path().join("aside");
    store.disk.fail_for_test();
    std::fs::rename(&path, &aside).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(store.trouble().is_some());
    assert!(matches!(store.recover(3), Err(StoreError::Open { .. })));
    assert!(matches!(store.get("a", 3), Err(StoreError::Closed)));
    assert!(matches!(store.put("b", &record(3, None, 10), 3), Err(StoreError::Closed)));
    assert!(store.trouble().unwrap().contains("by a test"), "the first reason stays: {:?}", store.trouble());
    std::fs::remove_dir(&path).unwrap();
    std::fs::rename(&aside, &path).unwrap();
    store.recover(6).unwrap();
    assert_eq!(store.trouble(), None);
    assert_eq!(store.get("a", 6).unwrap().unwrap().sealed.len(), 10);
    assert_eq!(store.get("short", 6).unwrap(), None);
    assert_eq!(store.totals(), Totals { entries: 1, bytes: store.totals().bytes, evictions: 0, expired: 1 });
    assert!(store.put("b", &record(6, None, 10), 6).unwrap());
}

/// Puts of many threads share commits, and each is as good as one alone.
#[test]
fn threads_share_commits_within_the_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let store = Store::open(Some(&path), "us", 100_000, 0).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let store = &store;
            scope.spawn(move || {
                for n in 0..30_u64 {
                    let key = format!("{thread}/{}", n % 10);
                    let length = usize::try_from(100 + 10 * thread + n).unwrap();
                    assert!(store.put(&key, &record(n, None, length), n).unwrap());
                    assert_eq!(store.get(&key, n).unwrap().unwrap().sealed.len(), length);
                    if n % 10 == 7 {
                        assert!(store.remove(&key, n).unwrap());
                        assert!(!store.remove(&key, n).unwrap());
                    }
                    // All write this one; the newest wins, whoever commits it.
                    store.put("shared", &record(n, None, 5), n).unwrap();
                }
            });
        }
    });
    let check = |store: &Store| {
        assert_eq!(store.usage(30).entries, 8 * 9 + 1);
        assert_eq!(store.get("shared", 30).unwrap().unwrap().created_ms, 29);
        for (thread, n) in (0..8_u64).flat_map(|thread| (20..30_u64).map(move |n| (thread, n))) {
            let expected = usize::try_from(100 + 10 * thread + n).unwrap();
            let found = store.get(&format!("{thread}/{}", n % 10), 30).unwrap();
            assert_eq!(found.map(|r| r.sealed.len()), (n != 27).then_some(expected));
        }
    };
    check(&store);
    drop(store);
    check(&Store::open(Some(&path), "us", 100_000, 30).unwrap());
    let small = Store::open(Some(&path), "us", 2_000, 30).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let small = &small;
            scope.spawn(move || {
                for n in 0..20 {
                    small.put(&format!("new/{thread}/{n}"), &record(31, None, 300), 31).unwrap();
                    assert!(small.usage(31).bytes <= 2_000);
                }
            });
        }
    });
    assert!(small.usage(31).evictions > 70, "{:?}", small.usage(31));
}
