//! The proxy as a client sees it, on loopback.

use crate::doubles::{Map, Said, Scripted, Shelves};
use crate::{Keys, Options, Origin, Proxy, Sharing, serve};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use seaworthy_model::Environment;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use zeroize::Zeroizing;

/// A proxy that listens, until it is dropped.
struct Running {
    address: SocketAddr,
    proxy: Arc<Proxy>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

struct Got {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Got {
    fn cache(&self) -> &str {
        self.headers.get("x-seaworthy-cache").map_or("", |value| value.to_str().unwrap())
    }
}

fn keys(sharing: Sharing) -> Keys {
    Keys::derive(&Zeroizing::new([3; 32]), sharing)
}

impl Running {
    async fn start(origin: SocketAddr, tiers: &[(&str, Arc<Map>)], sharing: Sharing, options: Options) -> Self {
        let origin = Origin::new(&format!("http://{origin}"), &Environment::default(), None).unwrap();
        let proxy = Arc::new(Proxy::new(origin, Shelves::of(tiers), keys(sharing), options));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(serve(listener, Arc::clone(&proxy), stopped));
        Self { address, proxy, stop, task }
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &'static str) -> Got {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let talk = tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header("host", "proxy");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap();
        let response = sender.send_request(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        talk.abort();
        Got { status: head.status.as_u16(), headers: head.headers, body }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Got {
        self.send("GET", path, headers, "").await
    }

    /// Waits until everything is in the tiers.
    async fn settle(&self) {
        self.proxy.settle(Duration::from_secs(5)).await;
    }

    fn stats(&self) -> serde_json::Value {
        self.proxy.stats.json(self.proxy.shelf.storing())
    }
}

fn said(status: u16, headers: &[(&'static str, &str)], body: &str) -> Said {
    (status, headers.iter().map(|(n, v)| (*n, (*v).to_owned())).collect(), body.as_bytes().to_vec())
}

const NOW: Duration = Duration::ZERO;

#[tokio::test]
async fn a_fresh_answer_is_served_from_the_tiers_with_its_age() {
    let origin = Scripted::start(NOW, |heard| {
        said(200, &[("cache-control", "public, max-age=60"), ("age", "5"), ("x-ratelimit-remaining", "9")], &heard.1)
    })
    .await;
    let map = Map::with("private");
    let proxy = Running::start(origin.address, &[("disk", map.clone())], Sharing::Local, Options::default()).await;
    let first =
        proxy.get("/a?b=c", &[("connection", "x-mine"), ("x-mine", "1"), ("accept-encoding", "br, gzip")]).await;
    assert_eq!((first.status, first.cache(), &first.body[..]), (200, "miss", &b"/a?b=c"[..]));
    assert_eq!(first.headers["x-ratelimit-remaining"], "9");
    let asked = origin.last().2;
    assert!(!asked.contains_key("x-mine") && asked["accept-encoding"] == "gzip", "{asked:?}");
    assert_eq!(asked["host"], origin.address.to_string());
    proxy.settle().await;
    let second = proxy.get("/a?b=c", &[]).await;
    assert_eq!((second.cache(), &second.body[..]), ("hit; tier=disk", &b"/a?b=c"[..]));
    assert!(second.headers["age"].to_str().unwrap().parse::<u64>().unwrap() >= 5);
    assert!(!second.headers.contains_key("x-ratelimit-remaining"), "it was true then, not now");
    assert_eq!(proxy.get("/a?b=d", &[]).await.cache(), "miss");
    assert_eq!(origin.count(), 2);
    let head = proxy.send("HEAD", "/a?b=c", &[], "").await;
    assert_eq!(
        (head.cache(), head.body.len(), &head.headers["content-length"]),
        ("hit; tier=disk", 0, &"6".parse().unwrap())
    );
    assert_eq!(origin.count(), 2);
}

#[tokio::test]
async fn what_may_not_be_kept_is_not() {
    let origin = Scripted::start(NOW, |heard| match heard.1.as_str() {
        "/no-store" => said(200, &[("cache-control", "No-Store, max-age=60")], "x"),
        "/cookie" => said(200, &[("cache-control", "public, max-age=60"), ("set-cookie", "a=b")], "x"),
        "/any" => said(200, &[("cache-control", "public, max-age=60"), ("vary", "*")], "x"),
        "/private" => said(200, &[("cache-control", "private, max-age=60")], "x"),
        "/error" => said(500, &[("cache-control", "public, max-age=60")], "broken"),
        "/large" => said(200, &[("cache-control", "public, max-age=60")], &"y".repeat(100)),
        _ => said(200, &[], "nothing said"),
    })
    .await;
    let map = Map::with("private");
    let options = Options { max_body: 50, ..Options::default() };
    let proxy = Running::start(origin.address, &[("disk", map.clone())], Sharing::Local, options).await;
    for path in ["/no-store", "/cookie", "/any", "/private", "/error", "/large", "/plain"] {
        for _ in 0..2 {
            let got = proxy.get(path, &[]).await;
            assert_eq!(got.cache(), "miss", "{path}");
            assert_eq!(got.status, if path == "/error" { 500 } else { 200 });
        }
    }
    assert_eq!(proxy.get("/large", &[]).await.body.len(), 100);
    proxy.settle().await;
    assert_eq!(map.len(), 0);
    // A client that wants nothing kept leaves nothing behind.
    assert_eq!(proxy.get("/plain", &[("cache-control", "no-store")]).await.cache(), "bypass");
}

#[tokio::test]
async fn a_stale_answer_is_confirmed_and_lives_on() {
    let origin = Scripted::start(NOW, |heard| match heard.2.get("if-none-match").map(String::as_str) {
        Some("\"v1\"") => {
            said(304, &[("etag", "\"v1\""), ("cache-control", "private, max-age=60"), ("x-new", "1")], "")
        }
        _ => said(200, &[("etag", "\"v1\""), ("cache-control", "private, max-age=0")], "body"),
    })
    .await;
    let proxy =
        Running::start(origin.address, &[("disk", Map::with("private"))], Sharing::Local, Options::default()).await;
    let token = [("authorization", "Bearer a")];
    assert_eq!(proxy.get("/x", &token).await.cache(), "miss");
    proxy.settle().await;
    let second = proxy.get("/x", &token).await;
    assert_eq!((second.status, second.cache(), &second.body[..]), (200, "revalidated; tier=disk", &b"body"[..]));
    assert_eq!(second.headers["x-new"], "1");
    proxy.settle().await;
    assert_eq!(proxy.get("/x", &token).await.cache(), "hit; tier=disk", "the 304 gave it a new life");
    let asked = [("authorization", "Bearer a"), ("cache-control", "no-cache")];
    assert_eq!(proxy.get("/x", &asked).await.cache(), "revalidated; tier=disk");
    assert_eq!(origin.count(), 3);
    assert_eq!(proxy.stats()["origin"]["not_modified"], 2);
}

#[tokio::test]
async fn a_client_that_has_it_gets_304_and_parts_are_cut_here() {
    let origin = Scripted::start(NOW, |heard| {
        if heard.2.contains_key("if-none-match") {
            return said(304, &[("etag", "\"e\"")], "");
        }
        said(200, &[("etag", "\"e\""), ("cache-control", "public, max-age=60")], "0123456789")
    })
    .await;
    let proxy =
        Running::start(origin.address, &[("disk", Map::with("private"))], Sharing::Local, Options::default()).await;
    // Nothing is kept yet, and the client has it: the origin's 304 goes through.
    let early = proxy.get("/x", &[("if-none-match", "\"e\"")]).await;
    assert_eq!((early.status, early.cache()), (304, "miss"));
    // Nor is a part of what is not kept.
    assert_eq!(proxy.get("/x", &[("range", "bytes=0-1")]).await.cache(), "bypass");
    proxy.get("/x", &[]).await;
    proxy.settle().await;
    let asked = origin.count();
    let same = proxy.get("/x", &[("if-none-match", "W/\"e\"")]).await;
    assert_eq!((same.status, same.body.len(), &same.headers["etag"]), (304, 0, &"\"e\"".parse().unwrap()));
    let other = proxy.get("/x", &[("if-none-match", "\"f\"")]).await;
    assert_eq!((other.status, other.body.len()), (200, 10));
    let part = proxy.get("/x", &[("range", "bytes=2-4")]).await;
    assert_eq!(
        (part.status, &part.body[..], &part.headers["content-range"]),
        (206, &b"234"[..], &"bytes 2-4/10".parse().unwrap())
    );
    let outside = proxy.get("/x", &[("range", "bytes=10-")]).await;
    assert_eq!((outside.status, &outside.headers["content-range"]), (416, &"bytes */10".parse().unwrap()));
    assert_eq!(origin.count(), asked, "all of that from the cache");
}

#[tokio::test]
async fn a_private_answer_has_one_reader_and_is_sealed() {
    const TOKEN: &str = "Bearer ghp_only_mine_0123456789";
    let origin = Scripted::start(NOW, |heard| {
        let who = heard.2.get("authorization").map_or("nobody", String::as_str).to_owned();
        said(
            200,
            &[("cache-control", "private, max-age=60, s-maxage=60"), ("vary", "Accept, Authorization")],
            &format!("secret of {who}"),
        )
    })
    .await;
    let (shared, local) = (Map::with("shared"), Map::with("private"));
    let tiers = [("p2p", shared.clone()), ("disk", local.clone())];
    let proxy = Running::start(origin.address, &tiers, Sharing::Shared, Options::default()).await;
    proxy.get("/user?access_token=query-secret", &[("authorization", TOKEN)]).await;
    proxy.settle().await;
    let again = proxy.get("/user?access_token=query-secret", &[("authorization", TOKEN)]).await;
    assert_eq!(again.cache(), "hit; tier=p2p");
    for other in [&[("authorization", "Bearer other")][..], &[], &[("cookie", TOKEN)]] {
        let got = proxy.get("/user?access_token=query-secret", other).await;
        assert!(!got.cache().starts_with("hit") && !got.body.ends_with(b"0123456789"), "{other:?}");
    }
    proxy.settle().await;
    // Another runner with the same secret and token finds it, with another token it does not.
    let second = Running::start(origin.address, &[("p2p", shared.clone())], Sharing::Shared, Options::default()).await;
    let found = second.get("/user?access_token=query-secret", &[("authorization", TOKEN)]).await;
    assert_eq!(found.cache(), "hit; tier=p2p");
    assert_eq!(
        second.get("/user?access_token=query-secret", &[("authorization", "Bearer third")]).await.cache(),
        "miss"
    );
    for map in [&shared, &local] {
        assert!(map.len() > 0);
        for secret in ["ghp_only", "query-secret", "secret of", "access_token", "/user"] {
            assert!(!map.contains(secret), "{secret} is in a tier");
        }
    }
    let stats = proxy.stats().to_string();
    assert!(!stats.contains("ghp_only") && !stats.contains("query-secret"), "{stats}");
}

#[tokio::test]
async fn without_a_shared_secret_private_answers_stay_here() {
    let origin = Scripted::start(NOW, |heard| {
        let control = if heard.2.contains_key("authorization") { "private, max-age=60" } else { "public, max-age=60" };
        said(200, &[("cache-control", control)], "text")
    })
    .await;
    let (shared, local) = (Map::with("shared"), Map::with("private"));
    let tiers = [("s3", shared.clone()), ("disk", local.clone())];
    let proxy = Running::start(origin.address, &tiers, Sharing::Local, Options::default()).await;
    proxy.get("/x", &[("authorization", "Bearer a")]).await;
    proxy.settle().await;
    assert_eq!((shared.len(), local.len()), (0, 1));
    assert!(!local.contains("text"), "sealed on this machine too");
    assert_eq!(proxy.get("/x", &[("authorization", "Bearer a")]).await.cache(), "hit; tier=disk");
    proxy.settle().await;
    assert_eq!(shared.len(), 0, "nor by a back-fill");
    proxy.get("/x", &[]).await;
    proxy.settle().await;
    assert_eq!((shared.len(), local.len()), (1, 2));
}

#[tokio::test]
async fn equal_requests_at_once_are_one() {
    let origin = Scripted::start(Duration::from_millis(200), |heard| {
        let control = if heard.1 == "/never" { "no-store" } else { "public, max-age=60" };
        said(200, &[("cache-control", control), ("vary", "accept")], &heard.2["accept"])
    })
    .await;
    let proxy = Arc::new(
        Running::start(origin.address, &[("disk", Map::with("private"))], Sharing::Local, Options::default()).await,
    );
    let ask = |path: &'static str, accept: &'static str, token: &'static str| {
        let proxy = Arc::clone(&proxy);
        tokio::spawn(async move { proxy.get(path, &[("accept", accept), ("authorization", token)]).await })
    };
    let equal: Vec<_> = (0..8).map(|_| ask("/x", "a", "Bearer 1")).collect();
    let mut shared = 0;
    for one in equal {
        let got = one.await.unwrap();
        assert_eq!(&got.body[..], b"a");
        shared += usize::from(got.cache() == "hit; tier=flight");
    }
    assert_eq!((origin.count(), shared), (1, 7));
    // Neither other values of what selects it, nor another token, nor what may not be shared.
    for (path, accepts, tokens) in [
        ("/y", ["a", "b"], ["Bearer 1", "Bearer 1"]),
        ("/z", ["a", "a"], ["Bearer 1", "Bearer 2"]),
        ("/never", ["a", "a"], ["Bearer 1", "Bearer 1"]),
    ] {
        let before = origin.count();
        let both = [ask(path, accepts[0], tokens[0]), ask(path, accepts[1], tokens[1])];
        for (one, accept) in both.into_iter().zip(accepts) {
            assert_eq!(one.await.unwrap().body, accept, "{path}");
        }
        assert_eq!(origin.count() - before, 2, "{path}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_takes_nothing_with_it() {
    let origin =
        Scripted::start(Duration::from_millis(200), |_| said(200, &[("cache-control", "public, max-age=60")], "x"))
            .await;
    let proxy = Arc::new(
        Running::start(origin.address, &[("disk", Map::with("private"))], Sharing::Local, Options::default()).await,
    );
    let leaving = {
        let proxy = Arc::clone(&proxy);
        tokio::spawn(async move { proxy.get("/x", &[]).await.status })
    };
    tokio::time::sleep(Duration::from_millis(80)).await;
    leaving.abort();
    let got = proxy.get("/x", &[]).await;
    assert!(got.cache().starts_with("hit"), "{}", got.cache());
    assert_eq!(origin.count(), 1);
}

#[tokio::test]
async fn variants_are_kept_apart() {
    let origin = Scripted::start(NOW, |heard| {
        let accept = heard.2.get("accept").cloned().unwrap_or_default();
        said(200, &[("cache-control", "public, max-age=60"), ("vary", "Accept")], &accept)
    })
    .await;
    let map = Map::with("private");
    let tiers = [("disk", map.clone())];
    let proxy = Running::start(origin.address, &tiers, Sharing::Local, Options::default()).await;
    for round in ["miss", "hit; tier=disk"] {
        for accept in ["application/json", "text/html"] {
            let got = proxy.get("/x", &[("accept", accept)]).await;
            assert_eq!((got.cache(), got.body.as_ref()), (round, accept.as_bytes()));
            proxy.settle().await;
        }
    }
    // Whoever starts anew learns from the tiers what selects an answer.
    let anew = Running::start(origin.address, &tiers, Sharing::Local, Options::default()).await;
    let got = anew.get("/x", &[("accept", "text/html")]).await;
    assert_eq!((got.cache(), &got.body[..]), ("hit; tier=disk", &b"text/html"[..]));
    assert_eq!(origin.count(), 2);
}

#[tokio::test]
async fn a_stale_answer_stands_in_where_it_may() {
    let origin = Scripted::start(NOW, |heard| {
        let control = match heard.1.as_str() {
            "/strict" => "private, max-age=0, must-revalidate",
            "/short" => "private, max-age=0, stale-if-error=0",
            _ => "private, max-age=0",
        };
        said(200, &[("cache-control", control), ("etag", "\"e\"")], "kept")
    })
    .await;
    let map = Map::with("private");
    let tiers = [("disk", map)];
    let token = [("authorization", "Bearer a")];
    let proxy = Running::start(origin.address, &tiers, Sharing::Local, Options::default()).await;
    for path in ["/open", "/strict", "/short"] {
        proxy.get(path, &token).await;
    }
    proxy.settle().await;
    origin.end().await;
    let got = proxy.get("/open", &token).await;
    assert_eq!((got.status, got.cache(), &got.body[..]), (200, "stale; tier=disk", &b"kept"[..]));
    for path in ["/strict", "/short", "/unknown"] {
        let got = proxy.get(path, &token).await;
        assert_eq!((got.status, got.cache()), (502, "miss"), "{path}");
        assert!(String::from_utf8_lossy(&got.body).contains("cannot be asked"));
    }
    let asked = [("authorization", "Bearer a"), ("cache-control", "no-cache")];
    assert_eq!(proxy.get("/open", &asked).await.status, 502, "the client wants the origin's word");
    assert_eq!(proxy.get("/unknown", &[("cache-control", "only-if-cached")]).await.status, 504);
}

#[tokio::test]
async fn errors_of_the_origin_go_through_or_are_bridged() {
    let failing = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let flag = Arc::clone(&failing);
    let origin = Scripted::start(NOW, move |heard| {
        if flag.load(std::sync::atomic::Ordering::Relaxed) {
            return said(503, &[("retry-after", "7")], "out of order");
        }
        let control = if heard.1 == "/bridged" { "max-age=0, stale-if-error=60" } else { "max-age=0, must-revalidate" };
        said(200, &[("cache-control", control), ("etag", "\"e\"")], "kept")
    })
    .await;
    let proxy =
        Running::start(origin.address, &[("disk", Map::with("private"))], Sharing::Local, Options::default()).await;
    for path in ["/bridged", "/strict"] {
        proxy.get(path, &[]).await;
    }
    proxy.settle().await;
    failing.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(proxy.get("/bridged", &[]).await.cache(), "stale; tier=disk");
    let strict = proxy.get("/strict", &[]).await;
    assert_eq!(
        (strict.status, &strict.headers["retry-after"], &strict.body[..]),
        (503, &"7".parse().unwrap(), &b"out of order"[..])
    );
}

#[tokio::test]
async fn what_is_served_while_it_is_confirmed_is_confirmed_once() {
    let origin = Scripted::start(NOW, |_| {
        said(200, &[("cache-control", "public, max-age=0, stale-while-revalidate=60"), ("etag", "\"e\"")], "x")
    })
    .await;
    let proxy =
        Running::start(origin.address, &[("disk", Map::with("private"))], Sharing::Local, Options::default()).await;
    proxy.get("/x", &[]).await;
    proxy.settle().await;
    assert_eq!(proxy.get("/x", &[]).await.cache(), "stale; tier=disk");
    for _ in 0..100 {
        if origin.count() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!((origin.count(), origin.last().2["if-none-match"].as_str()), (2, "\"e\""));
}

#[tokio::test]
async fn a_write_ends_what_was_kept_for_everybody() {
    let origin = Scripted::start(NOW, |heard| match heard.0.as_str() {
        "GET" => said(200, &[("cache-control", "private, max-age=60"), ("vary", "accept")], "x"),
        "DELETE" => said(403, &[], ""),
        _ => said(201, &[], ""),
    })
    .await;
    let proxy =
        Running::start(origin.address, &[("disk", Map::with("private"))], Sharing::Local, Options::default()).await;
    let (one, two) = ([("authorization", "Bearer 1")], [("authorization", "Bearer 2")]);
    let both_hit = || async {
        let (a, b) = (proxy.get("/x", &one).await, proxy.get("/x", &two).await);
        (a.cache().starts_with("hit"), b.cache().starts_with("hit"))
    };
    both_hit().await;
    proxy.settle().await;
    assert_eq!(both_hit().await, (true, true));
    // What the origin refused changed nothing.
    assert_eq!(proxy.send("DELETE", "/x", &one, "").await.status, 403);
    assert_eq!(both_hit().await, (true, true));
    let written = proxy.send("POST", "/x", &one, "a body").await;
    assert_eq!((written.status, written.cache()), (201, "bypass"));
    assert_eq!(both_hit().await, (false, false));
}

#[tokio::test]
async fn a_slow_store_delays_no_answer_and_outlives_no_write() {
    let origin = Scripted::start(NOW, |heard| said(200, &[("cache-control", "public, max-age=60")], &heard.1)).await;
    let map = Arc::new(Map { property: "private", slow_put: Duration::from_millis(400), ..Map::default() });
    let proxy = Running::start(origin.address, &[("disk", map.clone())], Sharing::Local, Options::default()).await;
    let started = std::time::Instant::now();
    assert_eq!(proxy.get("/a", &[]).await.cache(), "miss");
    assert_eq!(proxy.get("/a", &[]).await.cache(), "hit; tier=(storing)");
    assert!(started.elapsed() < map.slow_put, "no answer waits for a store: {:?}", started.elapsed());
    assert_eq!(proxy.stats()["tiers"]["storing"], 1);
    // Written while the old answer is on its way: it must not come back when it has arrived.
    assert_eq!(proxy.send("PUT", "/a", &[], "x").await.cache(), "bypass");
    proxy.settle().await;
    assert_eq!((map.len(), &proxy.stats()["tiers"]["storing"]), (0, &serde_json::json!(0)));
    assert_eq!(proxy.get("/a", &[]).await.cache(), "miss");
}

#[tokio::test]
async fn broken_and_slow_tiers_cost_time_and_nothing_else() {
    let origin = Scripted::start(NOW, |_| said(200, &[("cache-control", "public, max-age=60")], "x")).await;
    let broken = Arc::new(Map { broken: true, ..Map::default() });
    let slow = Arc::new(Map { delay: Duration::from_secs(3), ..Map::default() });
    let options = Options { tier_budget: Duration::from_millis(50), ..Options::default() };
    for (label, map) in [("broken", broken), ("slow", slow)] {
        let proxy = Running::start(origin.address, &[(label, map)], Sharing::Local, options.clone()).await;
        let started = std::time::Instant::now();
        let got = proxy.get("/x", &[]).await;
        assert_eq!((got.status, got.cache()), (200, "miss"), "{label}");
        assert!(started.elapsed() < Duration::from_secs(2), "{label}");
        let stats = proxy.stats();
        let counted = stats["tiers"]["errors"]["broken"]["unreachable"] != serde_json::Value::Null
            || stats["tiers"]["too_slow"].as_u64() > Some(0);
        assert!(counted, "{stats}");
    }
}

#[tokio::test]
async fn it_knows_itself_speaks_of_itself_and_stops() {
    let origin = Scripted::start(NOW, |_| said(200, &[], "x")).await;
    let proxy = Running::start(origin.address, &[], Sharing::Local, Options::default()).await;
    let health = proxy.get("/.seaworthy/healthz", &[]).await;
    assert_eq!((health.status, health.body.starts_with(b"{\"status\":\"ok\"")), (200, true));
    assert_eq!(proxy.get("/.seaworthy/other", &[]).await.status, 404);
    assert_eq!(proxy.send("POST", "/.seaworthy/stats", &[], "").await.status, 405);
    let stats: serde_json::Value = serde_json::from_slice(&proxy.get("/.seaworthy/stats", &[]).await.body).unwrap();
    assert_eq!((&stats["requests"], &stats["hit_rate"]), (&0.into(), &serde_json::Value::Null));
    let looped = proxy.get("/x", &[("via", &format!("1.1 {}", proxy.proxy.pseudonym))]).await;
    assert_eq!(looped.status, 508);
    assert_eq!(proxy.get("/../../x", &[]).await.status, 200, "dots end at the root");
    assert!(origin.last().2["via"].contains(&proxy.proxy.pseudonym));
    let Running { stop, task, .. } = proxy;
    stop.send_replace(true);
    tokio::time::timeout(Duration::from_secs(3), task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_kept_connection_that_ended_is_no_error() {
    // Each connection ends after one answer, and the next request is sent on a new one.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let origin = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut answered = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            if stream.read(&mut buffer).await.unwrap_or(0) > 0 {
                answered += 1;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx").await;
            }
            if answered == 4 {
                return;
            }
        }
    });
    let proxy = Running::start(address, &[], Sharing::Local, Options::default()).await;
    for _ in 0..4 {
        assert_eq!(proxy.get("/x", &[]).await.status, 200);
    }
    origin.await.unwrap();
}
