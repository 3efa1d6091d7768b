use super::*;
use crate::double::{Double, Faults, Python};
use crate::{NodeConfig, Peer, PeerConfig};
use seaworthy_model::{PermitAll, Secret};

fn secret(text: &str) -> SharedSecret {
    SharedSecret::derive(&Secret::new(text.into()))
}

fn wanting(address: &str, rungs: &[&str]) -> Climb {
    Climb {
        address: address.into(),
        timeout: Duration::from_secs(8),
        rungs: rungs.iter().map(|rung| (*rung).to_owned()).collect(),
        secret: Some(Arc::new(secret("ours"))),
        canary_bytes: 256 * 1024,
        dial_back_port: 0,
        propagation: Duration::from_millis(600),
    }
}

async fn climb_to(climbs: &[Climb]) -> Vec<Climbed> {
    climb(&Node::start(NodeConfig::default()).unwrap(), climbs, &PermitAll).await
}

async fn one(climb: Climb) -> Climbed {
    climb_to(&[climb]).await.remove(0)
}

fn config() -> PeerConfig {
    PeerConfig { listen: vec!["/ip4/127.0.0.1/tcp/0".into()], secret: Some(secret("ours")), ..PeerConfig::default() }
}

async fn double(faults: Faults) -> Double {
    Double::start(secret("ours"), faults).await.unwrap()
}

impl Climbed {
    fn rung(&self, name: &str) -> &Result<Facts, Failure> {
        let found = self.rungs.iter().find(|rung| rung.name == name);
        &found.unwrap_or_else(|| panic!("no rung {name} in {self:#?}")).outcome
    }

    fn fact(&self, rung: &str, key: &str) -> &str {
        self.rung(rung)
            .as_ref()
            .unwrap_or_else(|failure| panic!("{rung}: {failure:?}"))
            .get(key)
            .map_or("", String::as_str)
    }

    fn failure(&self, rung: &str) -> &str {
        &self.rung(rung).as_ref().expect_err(rung).kind
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_of_the_python_cache_are_asked_in_their_own_words() {
    let python = async |manner| double(Faults { python: Some(manner), ..Faults::default() }).await;
    let good = python(Python::Encrypted).await;
    let climbed = one(wanting(good.address(), &RUNGS)).await;
    assert!(climbed.rung("secret").is_ok(), "{climbed:#?}");
    assert_eq!(climbed.fact("plaintext", "accepted"), "false");
    assert!(!climbed.rungs.iter().any(|rung| ["clock", "canary"].contains(&rung.name.as_str())));
    let climb = Climb { secret: Some(Arc::new(secret("theirs"))), ..wanting(good.address(), &["secret"]) };
    assert_eq!(one(climb).await.failure("secret"), "different-secret");
    let plain = python(Python::Plain).await;
    let climbed = one(wanting(plain.address(), &RUNGS)).await;
    assert_eq!(climbed.failure("secret"), "different-secret");
    assert_eq!(climbed.fact("plaintext", "accepted"), "true");
    let silent = python(Python::Silent).await;
    let climb = Climb { timeout: Duration::from_secs(2), ..wanting(silent.address(), &["secret", "plaintext"]) };
    let climbed = one(climb).await;
    assert_eq!(climbed.failure("secret"), "never-acknowledged");
    assert!(!climbed.rungs.iter().any(|rung| rung.name == "plaintext"), "it says nothing to anything");
    // The proof that the checks ask for is the same.
    let node = Node::start(NodeConfig::default()).unwrap();
    let proof = async |double: &Double, text: &str| {
        crate::agree(&node, double.address(), &secret(text), Duration::from_secs(2), &PermitAll).await
    };
    assert_eq!(proof(&good, "ours").await, Ok(true));
    assert_eq!(proof(&good, "theirs").await, Ok(false));
    assert_eq!(proof(&silent, "ours").await.unwrap_err().kind, "never-acknowledged");
}

/// A free port of this machine, for a moment.
fn free_port() -> u16 {
    std::net::TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_peer_has_every_rung() {
    let peer = Peer::start(config()).await.unwrap();
    let address = peer.addresses().remove(0);
    let climbed = one(Climb { dial_back_port: free_port(), ..wanting(&address, &RUNGS) }).await;
    let names: Vec<&str> = climbed.rungs.iter().map(|rung| rung.name.as_str()).collect();
    let dial = ["resolve", "connect", "multistream", "noise", "yamux", "identify"];
    assert_eq!(names[..6], dial);
    let upper: Vec<&str> = names[6..].iter().copied().filter(|name| *name != "plaintext").collect();
    let other: Vec<&str> = RUNGS[..8].iter().copied().filter(|name| *name != "plaintext").collect();
    assert_eq!(upper, other, "without another peer there is no propagation");
    assert!(climbed.outcome.is_ok());
    assert_eq!(climbed.fact("security", "security"), "/noise");
    assert_eq!(climbed.fact("security", "muxers"), "/yamux/1.0.0");
    assert_eq!(climbed.fact("security", "unclear"), "");
    assert!(climbed.fact("protocols", "cache").contains(CACHE_PROTOCOL));
    assert_eq!(climbed.fact("protocols", "undialable"), "", "who is reached on loopback may name loopback");
    let skew: i64 = climbed.fact("clock", "skew-ms").parse().unwrap();
    assert!(skew.abs() <= 1000, "{skew}");
    assert_eq!(climbed.fact("sized-canary", "bytes"), "262144");
    assert_eq!(climbed.fact("dial-back", "reachable"), "true", "{climbed:#?}");
    assert_eq!(climbed.fact("dial-back", "listener"), "own");
    assert_eq!(peer.stats().entries, 0, "nothing is left behind");
    assert_eq!(peer.stats().puts, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_secret_ends_the_climb() {
    let peer = Peer::start(PeerConfig { secret: Some(secret("theirs")), ..config() }).await.unwrap();
    let climbed = one(wanting(&peer.addresses()[0], &RUNGS)).await;
    assert_eq!(climbed.failure("secret"), "different-secret");
    assert!(climbed.rung("clock").is_ok() && climbed.rung("security").is_ok());
    assert!(!climbed.rungs.iter().any(|rung| rung.name == "canary"));
    let climbed = one(Climb { secret: None, ..wanting(&peer.addresses()[0], &["canary"]) }).await;
    assert_eq!(climbed.failure("secret"), "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn plaintext_is_seen_and_not_used() {
    let address = double(Faults { plaintext: true, ..Faults::default() }).await;
    let climbed = one(wanting(address.address(), &["security"])).await;
    assert_eq!(climbed.fact("security", "security"), "/noise,/plaintext/2.0.0");
    assert_eq!(climbed.fact("security", "unclear"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_are_compared() {
    for ahead in [-90_000, 7_000] {
        let double = double(Faults { skew_ms: ahead, ..Faults::default() }).await;
        let climbed = one(wanting(double.address(), &["clock"])).await;
        let skew: i64 = climbed.fact("clock", "skew-ms").parse().unwrap();
        let uncertainty: i64 = climbed.fact("clock", "uncertainty-ms").parse().unwrap();
        assert!((skew - ahead).abs() <= uncertainty + 5, "{skew} is not {ahead}, within {uncertainty}");
        assert_eq!(climbed.rungs.len(), 7, "only what was asked: {climbed:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_do_not_come_back_are_told_apart() {
    let losing = double(Faults { loses: true, ..Faults::default() }).await;
    let climbed = one(wanting(losing.address(), &["canary", "sized-canary"])).await;
    assert_eq!(climbed.failure("canary"), "canary-lost");
    assert!(!climbed.rungs.iter().any(|rung| rung.name == "sized-canary"), "it would say the same");
    let altering = double(Faults { alters: true, ..Faults::default() }).await;
    assert_eq!(one(wanting(altering.address(), &["canary"])).await.failure("canary"), "canary-differs");
    // A path that carries little passes the small one, and the large one ends in time.
    let narrow = double(Faults { swallows_beyond: Some(40_000), ..Faults::default() }).await;
    let climb = Climb { timeout: Duration::from_secs(2), ..wanting(narrow.address(), &["sized-canary"]) };
    let climbed = one(climb).await;
    assert!(climbed.rung("canary").is_ok());
    assert_eq!(climbed.failure("sized-canary"), "timeout");
    assert!(climbed.elapsed < Duration::from_secs(4), "{:?}", climbed.elapsed);
    // A peer that says what it takes is believed.
    let small = Peer::start(PeerConfig { max_value: 1000, ..config() }).await.unwrap();
    let climbed = one(wanting(&small.addresses()[0], &["sized-canary"])).await;
    let Err(failure) = climbed.rung("sized-canary") else { panic!("{climbed:?}") };
    assert_eq!((failure.kind.as_str(), failure.details["max-value-bytes"].as_str()), ("too-large", "1000"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_answers_a_dial_back_is_told() {
    let peer = Peer::start(config()).await.unwrap();
    let address = peer.addresses().remove(0);
    let back = |port| Climb { dial_back_port: port, ..wanting(&address, &["dial-back"]) };
    // Another peer of this machine has the port: another identity, and as reachable.
    let other = Peer::start(config()).await.unwrap();
    let port = other.addresses()[0].split('/').nth(4).unwrap().parse().unwrap();
    let climbed = one(back(port)).await;
    assert_eq!(climbed.fact("dial-back", "listener"), "other");
    assert_eq!(climbed.fact("dial-back", "reachable"), "true", "{climbed:#?}");
    assert_eq!(climbed.fact("dial-back", "seen-peer-id"), other.peer_id());
    // The port is taken where the peer does not come from.
    let elsewhere = std::net::TcpListener::bind("127.0.0.2:0").unwrap();
    let climbed = one(back(elsewhere.local_addr().unwrap().port())).await;
    assert_eq!(climbed.fact("dial-back", "reachable"), "false", "{climbed:#?}");
    assert_eq!(climbed.fact("dial-back", "kind"), "connection-refused");
    // Services of the system are not for this.
    assert_eq!(one(back(80)).await.failure("dial-back"), "malformed");
}

#[tokio::test(flavor = "multi_thread")]
async fn propagation_is_seen_where_there_is_some() {
    let (first, second) = (Peer::start(config()).await.unwrap(), Peer::start(config()).await.unwrap());
    let (one, two) = (first.addresses().remove(0), second.addresses().remove(0));
    let climbed = climb_to(&[wanting(&one, &["propagation"]), wanting(&two, &["propagation"])]).await;
    assert_eq!(climbed[0].fact("propagation", "never-at"), two, "they know nothing of each other");
    assert_eq!(climbed[1].fact("propagation", "never-at"), one);
    // Peers that are connected tell each other.
    let third = Peer::start(PeerConfig { peers: vec![one.clone()], ..config() }).await.unwrap();
    let linked = third.addresses().remove(0);
    let long = |address: &str| Climb { propagation: Duration::from_secs(5), ..wanting(address, &["propagation"]) };
    let climbed = climb_to(&[long(&one), long(&linked)]).await;
    assert!(climbed[0].fact("propagation", "read-at").starts_with(&linked), "{climbed:#?}");
    assert!(climbed[1].fact("propagation", "read-at").starts_with(&one), "{climbed:#?}");
    // The same peer under two addresses has everything at once.
    let both = climb_to(&[wanting(&one, &["propagation"]), wanting(&one, &["propagation"])]).await;
    for climbed in both {
        let read = climbed.fact("propagation", "read-at");
        assert!(read.starts_with(&format!("{one}=")), "{read}");
    }
}

#[test]
fn undialable_addresses() {
    for (text, near, dialable) in [
        ("/ip4/0.0.0.0/tcp/9100", true, false),
        ("/ip6/::/tcp/9100", true, false),
        ("/ip4/127.0.0.1/tcp/9100", true, true),
        ("/ip4/127.0.0.1/tcp/9100", false, false),
        ("/ip4/10.0.0.1/tcp/9100", false, true),
        ("/dns4/peer.test/tcp/9100", false, true),
        ("0xff", false, true),
    ] {
        assert_eq!(is_dialable(text, near), dialable, "{text}");
    }
}
