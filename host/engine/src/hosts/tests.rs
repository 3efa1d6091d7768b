//! What the host functions do with a batch, and what they keep of what they see.

use super::turns::{Turn, at_once, in_turn};
use crate::bindings::wit_env::vars::Host as _;
use crate::bindings::wit_path::datagrams::Host as _;
use crate::bindings::wit_path::names::{self, Host as _};
use crate::scope::{RunScope, Scope, StepScope, lock};
use crate::state::State;
use seaworthy_model::{Environment, Grants, Limits, NetRule, NoEvents, Plan};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;

/// A step that may do what `grants` says, for so long.
fn state(environment: &[(&str, &str)], grants: Grants, budget: Duration) -> State {
    let pairs = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let plan = Plan { environment: Environment::from_pairs(pairs), ..Plan::empty() };
    let run = Arc::new(RunScope::new(plan, Arc::new(NoEvents)));
    let step = Arc::new(StepScope::new("check", "plugin", grants, Limits::default(), budget));
    State::store(&wasmtime::Engine::default(), Scope { run, step }, None).into_data()
}

fn loopback() -> Grants {
    Grants {
        net: vec![NetRule::try_from("127.0.0.1:*".to_owned()).unwrap()],
        dns: vec!["cache.example.com".to_owned().try_into().unwrap()],
        ..Grants::default()
    }
}

/// Takes datagrams and answers none; how many came.
async fn silent() -> (SocketAddr, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let came = Arc::new(AtomicUsize::new(0));
    let count = came.clone();
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while socket.recv_from(&mut buffer).await.is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address, came)
}

fn question(server: SocketAddr) -> names::Question {
    names::Question {
        server: server.to_string(),
        transport: "udp".into(),
        name: "cache.example.com".into(),
        kind: "A".into(),
        timeout: 1000,
    }
}

/// What has come by the time that the first of a batch would still wait.
async fn came_meanwhile(came: Arc<AtomicUsize>) -> usize {
    tokio::time::sleep(Duration::from_millis(500)).await;
    came.load(Ordering::SeqCst)
}

#[tokio::test]
async fn only_so_many_questions_are_under_way_at_once() {
    let (server, came) = silent().await;
    let mut state = state(&[], loopback(), Duration::from_secs(20));
    let most = at_once(super::names::AT_ONCE);
    let questions = vec![question(server); most + 8];
    let (seen, meanwhile) = tokio::join!(state.ask(questions), came_meanwhile(came.clone()));
    assert_eq!(meanwhile, most, "each holds a socket");
    let seen = seen.unwrap();
    assert_eq!((seen.len(), came.load(Ordering::SeqCst)), (most + 8, most + 8), "and all were asked");
    assert!(seen.iter().all(|seen| seen.outcome.as_ref().is_err_and(|failure| failure.kind == "timeout")));
}

#[tokio::test]
async fn only_so_many_targets_are_asked_for_quic_at_once() {
    let most = at_once(super::AT_ONCE);
    let mut servers = Vec::new();
    for _ in 0..most + 8 {
        servers.push(silent().await);
    }
    let heard = || servers.iter().filter(|(_, came)| came.load(Ordering::SeqCst) > 0).count();
    let mut state = state(&[], loopback(), Duration::from_secs(20));
    let targets = servers.iter().map(|(address, _)| address.to_string()).collect();
    let meanwhile = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        heard()
    };
    let (seen, meanwhile) = tokio::join!(state.quic_versions(targets, 1000), meanwhile);
    assert_eq!((meanwhile, heard()), (most, most + 8));
    assert!(seen.unwrap().iter().all(|seen| seen.outcome.as_ref().is_err_and(|failure| failure.kind == "timeout")));
}

#[tokio::test]
async fn what_had_no_time_left_when_its_turn_came_is_not_silent() {
    let (server, came) = silent().await;
    let mut state = state(&[], loopback(), Duration::from_millis(1400));
    let most = at_once(super::names::AT_ONCE);
    let seen = state.ask(vec![question(server); most + 1]).await.unwrap();
    let kinds: Vec<&str> = seen.iter().map(|seen| seen.outcome.as_ref().unwrap_err().kind.as_str()).collect();
    assert!(kinds[..most].iter().all(|kind| *kind == "timeout"), "{kinds:?}");
    assert_eq!((kinds[most], came.load(Ordering::SeqCst)), ("exhausted", most));
}

#[tokio::test]
async fn a_batch_keeps_its_order() {
    let parts = (0..100_u64).map(|n| async move {
        tokio::time::sleep(Duration::from_millis(n % 7)).await;
        n
    });
    assert_eq!(in_turn(9, parts.collect::<Vec<_>>()).await, (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_turn_gives_what_was_asked_for_and_never_more_than_is_left() {
    let state = state(&[], Grants::default(), Duration::from_millis(300));
    let started = Instant::now();
    assert_eq!(Turn::wait(&state.scope, 100).begin(&state.scope, "it").unwrap(), Duration::from_millis(100));
    let all = Turn::wait(&state.scope, 10_000);
    assert!(all.begin(&state.scope, "it").unwrap() <= Duration::from_millis(300));
    tokio::time::sleep(Duration::from_millis(310).saturating_sub(started.elapsed())).await;
    assert_eq!(all.begin(&state.scope, "it").unwrap_err().kind, "exhausted");
}

#[tokio::test]
async fn no_observation_shows_the_credentials_of_a_url() {
    let environment = [
        ("HTTP_PROXY", "http://t0ken-0f-s0me0ne@proxy.test:3128"),
        ("https_proxy", "user:pa55w0rd@proxy.test:3128/"),
        ("ALL_PROXY", "socks5h://proxy.test"),
        ("CACHE_URL", "https://deploy:pa55w0rd@cache.test/a@b"),
        ("NO_PROXY", "localhost,@x"),
    ];
    let grants = Grants { env: vec!["*".into()], ..Grants::default() };
    let mut state = state(&environment, grants, Duration::from_secs(5));
    let names: Vec<String> = environment.iter().map(|(name, _)| (*name).to_owned()).collect();
    let read = state.read(names).await.unwrap();
    drop(state.matching(vec!["*".into()]).await.unwrap());
    let given = read.variables.iter().map(|variable| variable.value.as_deref());
    assert!(
        given.eq(environment.iter().map(|(_, value)| Some(*value))),
        "a check that may read it asks the proxy by it"
    );
    for observation in lock(&state.scope.run.observations).iter() {
        let rows = observation.answer.as_ref().unwrap().as_array().unwrap();
        let shown = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap()["value"].as_str().unwrap();
        for (name, value) in [
            ("HTTP_PROXY", "http://[redacted]@proxy.test:3128"),
            ("https_proxy", "[redacted]@proxy.test:3128/"),
            ("ALL_PROXY", "socks5h://proxy.test"),
            ("CACHE_URL", "https://[redacted]@cache.test/a@b"),
            ("NO_PROXY", "localhost,@x"),
        ] {
            assert_eq!(shown(name), value, "{}", observation.probe);
        }
    }
}
