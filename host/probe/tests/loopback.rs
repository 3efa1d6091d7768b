//! Probes against real listeners on loopback.
#![expect(clippy::unwrap_used, reason = "the helpers of these tests fail by panicking")]

use seaworthy_model::{Environment, Failure, Permit, PermitAll};
use seaworthy_probe::proxy::ProxyEnvironment;
use seaworthy_probe::tcp::{Attempt, ReadEnd, connect, connect_all};
use seaworthy_probe::trust::Roots;
use seaworthy_probe::{http, tls};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

fn attempt(target: impl ToString) -> Attempt {
    Attempt { target: target.to_string(), timeout: Duration::from_secs(2), payload: Vec::new(), read_max: 0 }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Serves every connection with `answer`, which gets what was sent first.
async fn serve(answer: impl Fn(String) -> Vec<u8> + Send + Sync + 'static) -> SocketAddr {
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut sent = vec![0; 8192];
            let read = stream.read(&mut sent).await.unwrap();
            stream.write_all(&answer(String::from_utf8_lossy(&sent[..read]).into_owned())).await.unwrap();
        }
    });
    address
}

/// An address that takes no more connections and does not say so: its queue is full.
async fn silent() -> (TcpListener, Vec<TcpStream>, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        queued.push(stream);
    }
    (listener, queued, address)
}

#[tokio::test]
async fn a_closed_port_is_refused_by_a_rst() {
    let (listener, address) = listener().await;
    drop(listener);
    let seen = connect(&attempt(address), &PermitAll).await;
    let failure = seen.outcome.unwrap_err();
    assert_eq!((failure.kind.as_str(), failure.os_code), ("connection-refused", Some(111)));
    assert_eq!(failure.details["origin"], "tcp");
    assert!(!failure.details.contains_key("icmp-type"));
    assert_eq!(seen.tried.len(), 1);
    assert!(seen.elapsed < Duration::from_millis(500));
}

#[tokio::test]
async fn how_reading_ends_is_told_apart() {
    let (wedged, wedged_at) = listener().await;
    let (closing, closing_at) = listener().await;
    let (resetting, resetting_at) = listener().await;
    let banner_at = serve(|sent| format!("you said {sent}").into_bytes()).await;
    tokio::spawn(async move {
        let _held = wedged.accept().await.unwrap();
        std::future::pending::<()>().await;
    });
    tokio::spawn(async move { drop(closing.accept().await.unwrap()) });
    tokio::spawn(async move {
        let (stream, _) = resetting.accept().await.unwrap();
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    });
    let reading = |target: SocketAddr, payload: &[u8]| Attempt {
        timeout: Duration::from_millis(800),
        payload: payload.to_vec(),
        read_max: 64,
        ..attempt(target)
    };
    let attempts = [
        reading(wedged_at, b""),
        reading(closing_at, b""),
        reading(resetting_at, b""),
        reading(banner_at, b"hello"),
        attempt(banner_at),
    ];
    let seen = connect_all(&attempts, &PermitAll).await;
    let ends: Vec<ReadEnd> = seen.iter().map(|s| s.outcome.as_ref().unwrap().read_end).collect();
    assert_eq!(ends, [ReadEnd::Timeout, ReadEnd::Closed, ReadEnd::Reset, ReadEnd::Closed, ReadEnd::NotAsked]);
    assert_eq!(seen[3].outcome.as_ref().unwrap().received, b"you said hello");
    assert!(seen[0].elapsed >= Duration::from_millis(800) && seen[0].elapsed < Duration::from_millis(1100));
}

#[tokio::test]
async fn a_banner_does_not_cost_the_whole_budget() {
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"\x13/multistream/1.0.0\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    let seen =
        connect(&Attempt { read_max: 1024, timeout: Duration::from_secs(10), ..attempt(address) }, &PermitAll).await;
    let connection = seen.outcome.unwrap();
    assert_eq!(
        (connection.read_end, connection.received.as_slice()),
        (ReadEnd::Data, b"\x13/multistream/1.0.0\n".as_slice())
    );
    assert!(seen.elapsed < Duration::from_secs(2));
}

#[tokio::test]
async fn a_hundred_silent_targets_cost_one_budget() {
    let (_listener, _queued, address) = silent().await;
    let attempts = vec![Attempt { timeout: Duration::from_secs(1), ..attempt(address) }; 100];
    let start = Instant::now();
    let seen = connect_all(&attempts, &PermitAll).await;
    let elapsed = start.elapsed();
    for one in &seen {
        let failure = one.outcome.as_ref().unwrap_err();
        assert_eq!((failure.kind.as_str(), failure.stage.as_str()), ("timeout", "connect"));
    }
    assert!(elapsed >= Duration::from_secs(1) && elapsed < Duration::from_millis(1200), "{elapsed:?}");
}

/// Allows one port.
struct OnlyPort(u16, Mutex<Vec<String>>);

impl Permit for OnlyPort {
    fn lookup(&self, host: &str) -> Result<(), Failure> {
        self.1.lock().unwrap().push(format!("lookup {host}"));
        Ok(())
    }
    fn connect(&self, host: &str, address: SocketAddr) -> Result<(), Failure> {
        self.1.lock().unwrap().push(format!("connect {host} {}", address.port()));
        if address.port() == self.0 {
            Ok(())
        } else {
            Err(Failure::new("denied", "grant", format!("{address} is not granted")))
        }
    }

    fn connect_by_name(&self, host: &str, port: u16) -> Result<(), Failure> {
        self.1.lock().unwrap().push(format!("by name {host} {port}"));
        Err(Failure::new("denied", "grant", host))
    }
}

#[tokio::test]
async fn a_denied_address_is_tried_on_paper_only() {
    let (listener, address) = listener().await;
    let permit = OnlyPort(1, Mutex::default());
    let seen = connect(&attempt(format!("localhost:{}", address.port())), &permit).await;
    assert_eq!(seen.outcome.unwrap_err().kind, "denied");
    assert!(!seen.tried.is_empty() && seen.tried.iter().all(|t| t.outcome.as_ref().unwrap_err().kind == "denied"));
    let asked = permit.1.into_inner().unwrap();
    assert_eq!(asked[..2], ["lookup localhost".to_owned(), format!("connect localhost {}", address.port())]);
    assert!(tokio::time::timeout(Duration::from_millis(200), listener.accept()).await.is_err(), "somebody connected");
}

#[tokio::test]
async fn a_network_without_a_route_says_so_at_once() {
    // 240.0.0.0/4 is reserved; the kernel refuses it or has no route for it.
    let seen = connect(&attempt("255.255.255.255:9"), &PermitAll).await;
    let failure = seen.outcome.unwrap_err();
    assert_eq!(failure.details.get("origin").map(String::as_str), Some("local"), "{failure:?}");
}

// --- HTTP

fn get(url: String, proxy: &str) -> http::Request {
    http::Request {
        method: "GET".into(),
        url,
        headers: vec![("x-probe".into(), "1".into())],
        body: Vec::new(),
        timeout: Duration::from_secs(2),
        max_body: 1024,
        proxy: proxy.into(),
    }
}

async fn sent(request: &http::Request) -> Result<http::Response, Failure> {
    http::send(request, &PermitAll, &ProxyEnvironment::default()).await.outcome
}

fn echo(sent: String) -> Vec<u8> {
    format!("HTTP/1.1 418 no\r\ncontent-length: {}\r\ndate: now\r\n\r\n{sent}", sent.len()).into_bytes()
}

#[tokio::test]
async fn any_status_is_an_answer_and_the_parts_are_timed() {
    let address = serve(echo).await;
    let answer = sent(&get(format!("http://{address}/a?b=c#d"), "direct")).await.unwrap();
    assert_eq!((answer.status, answer.remote, answer.truncated), (418, address, false));
    assert!(answer.headers.contains(&("date".into(), "now".into())));
    let body = String::from_utf8(answer.body).unwrap();
    assert!(body.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{body}");
    assert!(body.contains(&format!("host: {address}\r\n")) && body.contains("x-probe: 1\r\n"), "{body}");
    for key in ["dns-us", "connect-us", "first-byte-us", "total-us"] {
        assert!(answer.details[key].parse::<u64>().is_ok(), "{key}");
    }
    assert_eq!(answer.details["proxy"], "none");
}

#[tokio::test]
async fn a_long_body_is_cut() {
    let address =
        serve(|_| [b"HTTP/1.1 200 OK\r\ncontent-length: 4000\r\n\r\n".as_slice(), &[b'x'; 4000]].concat()).await;
    let answer = sent(&http::Request { max_body: 100, ..get(format!("http://{address}/"), "direct") }).await.unwrap();
    assert_eq!((answer.body.len(), answer.truncated), (100, true));
    let answer = sent(&http::Request { max_body: 4000, ..get(format!("http://{address}/"), "direct") }).await.unwrap();
    assert_eq!((answer.body.len(), answer.truncated), (4000, false));
}

#[tokio::test]
async fn what_is_not_http_and_what_never_answers_are_told_apart() {
    let banner = serve(|_| b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()).await;
    assert_eq!(sent(&get(format!("http://{banner}/"), "direct")).await.unwrap_err().kind, "protocol");
    let closes = serve(|_| Vec::new()).await;
    assert_eq!(sent(&get(format!("http://{closes}/"), "direct")).await.unwrap_err().kind, "closed");
    let (_wedged, address) = listener().await;
    let failure =
        sent(&http::Request { timeout: Duration::from_millis(300), ..get(format!("http://{address}/"), "direct") })
            .await
            .unwrap_err();
    assert_eq!((failure.kind.as_str(), failure.stage.as_str()), ("timeout", "head"));
}

#[tokio::test]
async fn a_request_cannot_take_what_belongs_to_the_connection() {
    for (header, url) in
        [("Host", "http://127.0.0.1:1/"), ("x", "http://u:p@127.0.0.1:1/"), ("x", "ftp://127.0.0.1:1/")]
    {
        let request = http::Request { headers: vec![(header.into(), "x".into())], ..get(url.into(), "direct") };
        assert_eq!(sent(&request).await.unwrap_err().kind, "invalid", "{header} {url}");
    }
}

#[tokio::test]
async fn plain_http_asks_the_proxy_in_absolute_form_with_its_credentials() {
    let proxy = serve(echo).await;
    let pairs = [("http_proxy".to_owned(), format!("http://user:pass@{proxy}"))];
    let environment = ProxyEnvironment::from_environment(&Environment::from_pairs(pairs));
    let request = get("http://cache.invalid:8080/a".into(), "environment");
    let answer = http::send(&request, &PermitAll, &environment).await.outcome.unwrap();
    let body = String::from_utf8(answer.body).unwrap();
    assert!(body.starts_with("GET http://cache.invalid:8080/a HTTP/1.1\r\n"), "{body}");
    assert!(body.contains("proxy-authorization: Basic dXNlcjpwYXNz\r\n"), "{body}");
    assert_eq!(answer.details["proxy"], format!("http://{proxy}"));
}

#[tokio::test]
async fn a_proxy_is_no_way_around_the_grants() {
    let proxy = serve(echo).await;
    let permit = OnlyPort(proxy.port(), Mutex::default());
    let request = get("http://cache.invalid:8080/a".into(), &format!("http://{proxy}"));
    let failure = http::send(&request, &permit, &ProxyEnvironment::default()).await.outcome.unwrap_err();
    assert_eq!(failure.kind, "denied");
    assert_eq!(permit.1.into_inner().unwrap(), ["by name cache.invalid 8080"]);
}

#[tokio::test]
async fn https_asks_the_proxy_for_a_tunnel() {
    let refusing = serve(|sent| {
        assert!(sent.starts_with("CONNECT cache.invalid:443 HTTP/1.1\r\n"), "{sent}");
        b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n".to_vec()
    })
    .await;
    let failure = sent(&get("https://cache.invalid/".into(), &format!("http://{refusing}"))).await.unwrap_err();
    assert_eq!((failure.kind.as_str(), failure.stage.as_str()), ("protocol", "proxy"));
    assert_eq!(failure.details["proxy-status"], "407");
}

// --- TLS

struct Authority {
    certificate: rcgen::Certificate,
    key: rcgen::KeyPair,
}

impl Authority {
    fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Harbour Root");
        Self { certificate: params.self_signed(&key).unwrap(), key }
    }

    fn roots(&self) -> Roots {
        let mut store = rustls::RootCertStore::empty();
        store.add(self.certificate.der().clone()).unwrap();
        Roots::Given(std::sync::Arc::new(store))
    }

    /// A server whose certificate is for cache.test and valid in these years.
    async fn server(&self, years: (i32, i32)) -> SocketAddr {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["cache.test".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        let certificate = params.signed_by(&key, &self.certificate, &self.key).unwrap();
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
        let (listener, address) = listener().await;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Refused handshakes are what the tests are about.
                let _ = acceptor.accept(stream).await;
            }
        });
        address
    }
}

async fn shaken(address: SocketAddr, name: &str, roots: Roots) -> Result<tls::Session, Failure> {
    let attempt = tls::Attempt {
        target: address.to_string(),
        server_name: Some(name.into()),
        alpn: vec!["http/1.1".into()],
        roots,
        timeout: Duration::from_secs(3),
    };
    tls::handshake(&attempt, &PermitAll).await.outcome
}

#[tokio::test]
async fn a_trusted_certificate_gives_a_session() {
    let authority = Authority::new();
    let address = authority.server((2020, 2090)).await;
    let session = shaken(address, "cache.test", authority.roots()).await.unwrap();
    assert_eq!(
        (session.version.as_str(), session.alpn.as_deref(), session.remote),
        ("TLSv1_3", Some("http/1.1"), address)
    );
    assert_eq!(session.chain.len(), 1);
    assert!(session.details["issuer"].contains("CN=Harbour Root"), "{:?}", session.details);
    assert!(session.cipher_suite.starts_with("TLS13_"), "{}", session.cipher_suite);
}

#[tokio::test]
async fn each_fault_of_a_certificate_has_its_kind() {
    let authority = Authority::new();
    let good = authority.server((2020, 2090)).await;
    let expired = authority.server((2001, 2002)).await;
    let early = authority.server((2090, 2091)).await;
    let kind = |outcome: Result<tls::Session, Failure>| outcome.unwrap_err().kind;
    assert_eq!(kind(shaken(good, "other.test", authority.roots()).await), "tls-name-mismatch");
    assert_eq!(kind(shaken(expired, "cache.test", authority.roots()).await), "tls-expired");
    assert_eq!(kind(shaken(early, "cache.test", authority.roots()).await), "tls-not-yet-valid");
    let failure = shaken(good, "cache.test", Roots::Bundled).await.unwrap_err();
    assert_eq!((failure.kind.as_str(), failure.stage.as_str()), ("tls-unknown-issuer", "tls"));
    assert!(failure.details["issuer"].contains("Harbour Root"), "{failure:?}");
    // Nobody judges: taken, and recorded.
    assert_eq!(shaken(expired, "other.test", Roots::Nobody).await.unwrap().chain.len(), 1);
}

#[tokio::test]
async fn a_server_that_speaks_something_else_is_not_a_certificate_problem() {
    let address = serve(|_| b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()).await;
    assert_eq!(shaken(address, "cache.test", Roots::Nobody).await.unwrap_err().kind, "tls-handshake");
    let (_wedged, wedged) = listener().await;
    let attempt = tls::Attempt {
        target: wedged.to_string(),
        server_name: None,
        alpn: Vec::new(),
        roots: Roots::Nobody,
        timeout: Duration::from_millis(300),
    };
    let failure = tls::handshake(&attempt, &PermitAll).await.outcome.unwrap_err();
    assert_eq!((failure.kind.as_str(), failure.stage.as_str()), ("timeout", "tls"));
}

#[tokio::test]
async fn an_ip_address_can_be_a_server_name() {
    let authority = Authority::new();
    let address = authority.server((2020, 2090)).await;
    let name: IpAddr = address.ip();
    let failure = shaken(address, &name.to_string(), authority.roots()).await.unwrap_err();
    assert_eq!(failure.kind, "tls-name-mismatch");
}

/// Answers `requests` on each connection, then closes it; counts the connections.
async fn keeping(requests: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let (listener, address) = listener().await;
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                for _ in 0..requests {
                    if stream.read(&mut buffer).await.unwrap_or(0) == 0 {
                        return;
                    }
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
                }
            });
        }
    });
    (address, count)
}

#[tokio::test]
async fn a_connection_serves_again_where_it_is_kept() {
    let (address, count) = keeping(2).await;
    let kept = http::Connections::default();
    let request = get(format!("http://{address}/"), "direct");
    let mut ways = Vec::new();
    for _ in 0..4 {
        let seen = http::send_on(&request, &PermitAll, &ProxyEnvironment::default(), &Roots::Native, Some(&kept)).await;
        let answer = seen.outcome.unwrap();
        assert_eq!(answer.body, b"ok");
        ways.push(answer.details.contains_key("connection"));
        // Lets the connection's task see the end of the answer, or of the connection.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(ways, [false, true, false, true], "one that was closed is replaced");
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_kept_connection_is_no_way_around_the_grants() {
    let (address, _) = keeping(9).await;
    let kept = http::Connections::default();
    let request = get(format!("http://{address}/"), "direct");
    http::send_on(&request, &PermitAll, &ProxyEnvironment::default(), &Roots::Native, Some(&kept))
        .await
        .outcome
        .unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let other = OnlyPort(1, Mutex::default());
    let seen = http::send_on(&request, &other, &ProxyEnvironment::default(), &Roots::Native, Some(&kept)).await;
    assert_eq!(seen.outcome.unwrap_err().kind, "denied");
}
