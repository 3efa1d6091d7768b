use super::*;
use crate::push::{Envelope, PushEntry};
use crate::store::Store;
use crate::{Blob, SharedSecret};
use seaworthy_model::Secret;
use std::sync::Arc;

fn secret() -> SharedSecret {
    SharedSecret::derive(&Secret::new("ours".into()))
}

fn service() -> Service {
    let store = Store::open(None, "us", 1 << 20, 0).unwrap();
    Service::new(PeerId::random(), Some(Arc::new(secret())), store, 100_000, 1 << 20, "agent".into())
}

fn put(service: &Service, key: &str, blob: &Blob) {
    let now = now_ms();
    let sealed = Entry::new(blob, now).seal(&secret(), key).unwrap();
    assert!(matches!(service.put(key, sealed, now, None), Ok(Response::Stored { kept: true })));
}

fn entry() -> PushEntry {
    PushEntry {
        key: "k".into(),
        data: "{\"n\": 1.0}".into(),
        timestamp: now_ms() as f64 / 1000.0 - 1.0,
        ttl: 300.0,
        content_hash: None,
        validation_fields: Some("{\"b\": 1}".into()),
    }
    .with_content_hash()
}

fn opened(entry: &PushEntry) -> Payload {
    Payload::Opened(entry.plaintext().unwrap().into_bytes())
}

#[test]
fn an_entry_passes_through_unchanged() {
    let service = service();
    let (origin, other) = (PeerId::random(), PeerId::random());
    let sent = entry();
    assert_eq!(service.take_push(opened(&sent), origin), Reply::Ok);
    assert_eq!(service.take_push(opened(&sent), other), Reply::Ok, "again, and not stored");
    let pushes = service.to_push(0, &other).unwrap();
    let [(key, token)] = pushes.tokens.as_slice() else { panic!("{:?}", pushes.tokens) };
    let plaintext = Envelope::new(&secret()).open(token.as_bytes()).unwrap();
    let Verdict::Store(back) = judge(&plaintext, sent.timestamp) else { panic!() };
    assert_eq!((key.as_str(), &back.data, back.ttl), ("k", &sent.data, 300.0));
    assert_eq!((back.content_hash, back.validation_fields), (sent.content_hash, sent.validation_fields));
    assert!(service.to_push(0, &origin).unwrap().tokens.is_empty(), "it is the origin's own");
    assert!(service.to_push(pushes.next, &other).unwrap().tokens.is_empty());
    assert_eq!(service.flow.counters.now().received_push, 1);
}

#[test]
fn a_newer_one_replaces_an_older_one_and_no_other() {
    let service = service();
    let from = PeerId::random();
    let at = |offset: f64, data: &str| {
        let now = now_ms() as f64 / 1000.0;
        let entry = PushEntry { timestamp: now + offset, data: data.into(), ..entry() };
        assert_eq!(service.take_push(opened(&entry), from), Reply::Ok);
    };
    let value = || {
        let record = service.store.get("k", now_ms()).unwrap().unwrap();
        Entry::open(&secret(), "k", &record.sealed).unwrap().into_blob(now_ms()).unwrap().bytes
    };
    at(-20.0, "1");
    at(-10.0, "2");
    at(-15.0, "3");
    assert_eq!(value(), b"2");
    put(&service, "k", &Blob { bytes: b"4".to_vec(), ..Blob::default() });
    at(-5.0, "5");
    assert_eq!(value(), b"4", "a client wrote it later");
    // The client's was made just now; a clock that is a little ahead still wins.
    at(30.0, "6");
    assert_eq!(value(), b"6");
}

#[test]
fn an_entry_without_end_and_one_that_is_none() {
    let service = service();
    put(&service, "for ever", &Blob { bytes: b"1".to_vec(), ..Blob::default() });
    put(&service, "text", &Blob { bytes: b"plain text".to_vec(), ..Blob::default() });
    put(&service, "large", &Blob { bytes: vec![b'1'; 60_000], ..Blob::default() });
    let pushes = service.to_push(0, &PeerId::random()).unwrap();
    assert_eq!(pushes.tokens.len(), 1);
    let plaintext = Envelope::new(&secret()).open(pushes.tokens[0].1.as_bytes()).unwrap();
    assert!(String::from_utf8(plaintext).unwrap().contains("\"ttl\": 315360000,"));
    let counters = service.flow.counters.now().clone();
    assert_eq!((counters.not_representable, counters.too_large_to_push, counters.received_put), (1, 1, 3));
}

#[test]
fn without_a_secret_nothing_is_taken() {
    let store = Store::open(None, "us", 1 << 20, 0).unwrap();
    let service = Service::new(PeerId::random(), None, store, 100_000, 1 << 20, "agent".into());
    let from = PeerId::random();
    assert_eq!(service.take_push(opened(&entry()), from), Reply::DecryptionFailed);
    assert_eq!(service.take_push(Payload::Plain(b"{}".to_vec()), from), Reply::DecryptionFailed);
    assert_eq!(service.stats().entries, 0);
    assert_eq!(service.flow.counters.now().refused["plaintext"], 1);
}

#[test]
fn a_new_peer_is_told_of_the_newest() {
    let service = service();
    for n in 0..BACKFILL + 10 {
        let sealed = vec![7; 1];
        let record = crate::store::Record { created_ms: 1, expires_ms: None, sealed };
        service.store.put(&n.to_string(), &record, 1).unwrap();
    }
    assert_eq!(service.backfill_start(), 10);
}
