use super::*;
use crate::Blob;
use seaworthy_model::Secret;

fn secret(text: &str) -> SharedSecret {
    SharedSecret::derive(&Secret::new(text.into()))
}

fn service() -> Service {
    Service::new(
        PeerId::random(),
        Some(Arc::new(secret("ours"))),
        Store::open(None, "us", 1 << 20, 0).unwrap(),
        1000,
        1 << 20,
        "agent".into(),
    )
}

fn kind(response: &Response) -> &str {
    match response {
        Response::Refused { kind, .. } => kind,
        other => panic!("{other:?}"),
    }
}

fn answer(admission: Admission) -> Response {
    match admission {
        Admission::Answer(response) => response,
        Admission::Work(frame) => panic!("{frame:?} was let through"),
        Admission::DialBack(_) => panic!("a dial-back was let through"),
    }
}

fn since(store: u64, cursor: u64) -> Frame<Request> {
    Frame::Message(Request::Since { own_store: 0, store, cursor, wait_ms: 0, max_bytes: 10_000 })
}

fn put(key: &str, sealed: Vec<u8>) -> Frame<Request> {
    Frame::Message(Request::Put { key: key.into(), sealed: Bytes(sealed) })
}

/// Goes through hello; answers the proof that a holder of `secret` gives.
fn prove(service: &Service, connection: &mut Connection, secret: &SharedSecret) -> Frame<Request> {
    let hello = Request::Hello { nonce: Bytes(vec![1; NONCE]), agent: String::new() };
    let Response::Hello { nonce, secret: true, .. } = answer(service.admit(connection, Frame::Message(hello))) else {
        panic!()
    };
    let transcript = Transcript {
        dialler: connection.peer,
        listener: service.own,
        dialler_nonce: [1; NONCE],
        listener_nonce: nonce.0.try_into().unwrap(),
    };
    Frame::Message(Request::Agree { proof: Bytes(transcript.proof(Side::Dialler, secret).to_vec()) })
}

#[test]
fn nothing_is_done_before_the_agreement() {
    let service = service();
    let mut connection = Connection::new(PeerId::random());
    let get = || Frame::Message(Request::Get { key: "k".into() });
    assert_eq!(kind(&answer(service.admit(&mut connection, get()))), "unauthenticated");
    assert_eq!(kind(&answer(service.admit(&mut connection, Frame::Message(Request::Stats)))), "unauthenticated");
    let agree = Frame::Message(Request::Agree { proof: Bytes(vec![0; 32]) });
    assert_eq!(kind(&answer(service.admit(&mut connection, agree))), "unauthenticated", "without hello");
    let back = || Frame::Message(Request::DialBack { port: 9100, timeout_ms: 1000 });
    assert_eq!(kind(&answer(service.admit(&mut connection, back()))), "unauthenticated");
    let proof = prove(&service, &mut connection, &secret("ours"));
    assert!(matches!(answer(service.admit(&mut connection, proof)), Response::Agreed { .. }));
    assert!(matches!(service.admit(&mut connection, get()), Admission::Work(_)));
    assert!(matches!(service.admit(&mut connection, back()), Admission::DialBack(_)));
    assert_eq!(
        kind(&answer(service.admit(&mut Connection::new(PeerId::random()), get()))),
        "unauthenticated",
        "another connection"
    );
    // A wrong proof takes the right away again.
    let proof = prove(&service, &mut connection, &secret("theirs"));
    assert!(matches!(answer(service.admit(&mut connection, proof)), Response::Different));
    assert_eq!(kind(&answer(service.admit(&mut connection, get()))), "unauthenticated");
}

#[test]
fn proofs_cannot_be_replayed_or_guessed_for_ever() {
    let service = service();
    let mut connection = Connection::new(PeerId::random());
    let first = prove(&service, &mut connection, &secret("ours"));
    let Frame::Message(Request::Agree { proof: Bytes(bytes) }) = &first else { panic!() };
    let replay = Frame::Message(Request::Agree { proof: Bytes(bytes.clone()) });
    drop(prove(&service, &mut connection, &secret("ours")));
    assert!(matches!(answer(service.admit(&mut connection, replay)), Response::Different), "another nonce");
    for _ in 1..MAX_FAILURES {
        let wrong = prove(&service, &mut connection, &secret("theirs"));
        assert!(matches!(answer(service.admit(&mut connection, wrong)), Response::Different));
    }
    let right = prove(&service, &mut connection, &secret("ours"));
    assert_eq!(kind(&answer(service.admit(&mut connection, right))), "unauthenticated");
}

#[tokio::test]
async fn one_who_waits_takes_of_the_budget_what_is_there() {
    use crate::peer::contact::Contact;
    use crate::peer::since::{self, Follower};
    use tokio::sync::mpsc;
    let service = Arc::new(service());
    let (commands, _commands) = mpsc::channel(1);
    let (done, _done) = mpsc::channel(1);
    let contact = Contact::new(commands, &service, &done);
    let answers = crate::wire::Budget::new(1 << 20);
    let ask = async |milliseconds| {
        let origin = Origin { peer: PeerId::random(), store: 7 };
        let position = Position { store: service.flow.id, cursor: 0 };
        let wait = Duration::from_millis(milliseconds);
        let follower = Follower { origin, position, wait, max_bytes: 10_000 };
        since::answer(&contact, follower, &answers, || true).await.unwrap().response
    };
    let full = answers.take(1 << 20).unwrap();
    assert!(matches!(ask(50).await, Response::Entries { entries, .. } if entries.is_empty()));
    let blob = Blob { bytes: b"v".to_vec(), ttl_ms: Some(60_000), ..Blob::default() };
    let sealed = Entry::new(&blob, now_ms()).seal(&secret("ours"), "k").unwrap();
    assert!(matches!(service.work(put("k", sealed)), Response::Stored { kept: true }));
    assert_eq!(kind(&ask(50).await), "exhausted");
    let room = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        drop(full);
    };
    let (response, ()) = tokio::join!(ask(20_000), room);
    assert!(matches!(response, Response::Entries { entries, .. } if entries.len() == 1));
}

#[test]
fn what_does_not_authenticate_is_not_stored() {
    let service = service();
    let now = now_ms();
    let seal = |blob: &Blob, secret: &SharedSecret, key: &str| Entry::new(blob, now).seal(secret, key).unwrap();
    let blob = Blob { bytes: b"v".to_vec(), ttl_ms: Some(10_000), ..Blob::default() };
    let good = seal(&blob, &secret("ours"), "k");
    let mut tampered = good.clone();
    *tampered.last_mut().unwrap() ^= 1;
    assert_eq!(kind(&service.work(put("k", tampered))), "integrity");
    assert_eq!(kind(&service.work(put("another key", good.clone()))), "integrity");
    assert_eq!(kind(&service.work(put("k", seal(&blob, &secret("theirs"), "k")))), "integrity");
    assert_eq!(kind(&service.work(put("k", vec![]))), "integrity");
    assert_eq!(kind(&service.work(put("", good.clone()))), "malformed");
    let old = Blob { created_ms: now - 60_000, ..blob.clone() };
    let dead = Entry::new(&old, now - 50_000).seal(&secret("ours"), "k").unwrap();
    assert_eq!(kind(&service.work(put("k", dead))), "expired");
    let ahead = Blob { created_ms: now + 2 * MAX_SKEW_MS, ..blob.clone() };
    assert_eq!(kind(&service.work(put("k", seal(&ahead, &secret("ours"), "k")))), "clock");
    let large = Blob { bytes: vec![0; 100_000], ..blob };
    assert_eq!(kind(&service.work(put("k", seal(&large, &secret("ours"), "k")))), "too-large");
    assert_eq!(service.stats().entries, 0);
    assert!(matches!(service.work(put("k", good)), Response::Stored { kept: true }));
    let Response::Entries { entries, next: 1, more: false, .. } = service.work(since(service.flow.id, 0)) else {
        panic!()
    };
    assert_eq!(entries[0].key, "k");
    let size = |request| service.answer_size(&Frame::Message(request));
    assert!(size(Request::Get { key: "k".into() }) >= entries[0].sealed.0.len());
    assert_eq!(
        (
            size(Request::Get { key: "j".into() }),
            size(Request::Since { own_store: 0, store: 0, cursor: 0, wait_ms: 0, max_bytes: 1 })
        ),
        (0, 1000)
    );
    let fresh = super::tests::service();
    let origin = Origin { peer: PeerId::random(), store: 7 };
    assert!(fresh.adopt("k", &entries[0].sealed.0, origin).unwrap());
    assert!(!fresh.adopt("k", &entries[0].sealed.0, origin).unwrap(), "the same again");
    assert!(!fresh.adopt("j", &entries[0].sealed.0, origin).unwrap(), "another name");
    let failed = super::tests::service();
    failed.store.close_for_test();
    assert!(matches!(failed.adopt("k", &entries[0].sealed.0, origin), Err(StoreError::Closed)));
    let count = |response: Response| match response {
        Response::Entries { entries, .. } => entries.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(count(service.work(since(service.flow.id, 1))), 0);
    assert_eq!(count(service.work(since(service.flow.id ^ 1, 1))), 1, "a cursor of another store begins anew");
    let all = Position::default();
    assert_eq!(count(fresh.since(all, 10_000, Some(&origin)).unwrap()), 0, "it told us itself");
    assert_eq!(count(fresh.since(all, 10_000, Some(&Origin { store: 8, ..origin })).unwrap()), 1);
    assert_eq!(count(fresh.since(all, 10, None).unwrap()), 0, "larger than asked for");
}
