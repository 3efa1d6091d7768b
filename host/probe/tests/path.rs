//! Sizes, datagrams and proxies against real sockets on loopback.
#![expect(clippy::unwrap_used, reason = "the helpers of these tests fail by panicking")]

use seaworthy_model::{Environment, Failure, Permit, PermitAll};
use seaworthy_probe::flow::{self, Burst};
use seaworthy_probe::tcp::ReadEnd;
use seaworthy_probe::{datagram, proxy_connect};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

const BUDGET: Duration = Duration::from_secs(3);

fn burst(size: u32, read_max: u32) -> Burst {
    Burst { pause: Duration::ZERO, payload: b"GET ".to_vec(), size, timeout: BUDGET, read_max }
}

fn flow(target: SocketAddr, bursts: Vec<Burst>) -> flow::Attempt {
    flow::Attempt { target: target.to_string(), timeout: BUDGET, limit: Duration::from_secs(20), bursts, keep: 1024 }
}

/// Does with every connection what `serve` says.
async fn tcp<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

async fn echo(mut stream: TcpStream) {
    let (mut from, mut to) = stream.split();
    let _ = tokio::io::copy(&mut from, &mut to).await;
}

#[tokio::test]
async fn every_size_is_acknowledged_and_echoed() {
    let address = tcp(echo).await;
    let bursts = vec![burst(16, 16), burst(1300, 1300), burst(64 << 10, 64 << 10), burst(1 << 20, 1 << 20)];
    let flow = flow::exchange(&flow(address, bursts), &PermitAll).await.outcome.unwrap();
    let sizes = [16, 1300, 64 << 10, 1 << 20];
    assert_eq!(flow.bursts.iter().map(|b| b.size).collect::<Vec<_>>(), sizes);
    assert_eq!(flow.bursts.iter().map(|b| b.acknowledged).collect::<Vec<_>>(), sizes);
    assert_eq!(flow.bursts.iter().map(|b| b.received_bytes).collect::<Vec<_>>(), sizes);
    assert!(flow.bursts.iter().all(|b| b.read_end == ReadEnd::Data && b.failure.is_none()), "{flow:?}");
    assert_eq!(flow.bursts[0].received, b"GET             ");
    assert_eq!(flow.bursts[3].received.len(), 1024, "only what was to be kept");
    for key in ["mss", "path-mtu", "retransmits", "rtt-us", "lost"] {
        assert!(flow.bursts[0].details[key].parse::<u32>().is_ok(), "{key}");
    }
    assert_eq!((flow.remote, flow.bursts[0].details["retransmits"].as_str()), (address, "0"));
}

#[tokio::test]
async fn a_service_that_reads_nothing_acknowledges_what_its_kernel_takes() {
    let address = tcp(|stream| async move {
        tokio::time::sleep(Duration::from_secs(30)).await;
        drop(stream);
    })
    .await;
    let mut large = burst(1 << 20, 0);
    large.timeout = Duration::from_millis(700);
    let many = vec![burst(16, 0), large.clone(), large.clone(), large.clone(), large.clone(), large.clone(), large];
    let flow = flow::exchange(&flow(address, many), &PermitAll).await.outcome.unwrap();
    assert_eq!((flow.bursts[0].acknowledged, flow.bursts[0].read_end), (16, ReadEnd::NotAsked));
    let last = flow.bursts.last().unwrap();
    assert!(last.acknowledged < 1 << 20, "its buffers hold less than 6 MiB: {last:?}");
    assert!(flow.bursts.len() < 7, "nothing follows a burst that did not arrive");
}

#[tokio::test]
async fn what_ends_a_silent_connection_is_told() {
    let closing = tcp(|mut stream| async move {
        let _ = stream.read(&mut [0; 64]).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    })
    .await;
    let resetting = tcp(|mut stream| async move {
        let _ = stream.read(&mut [0; 64]).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    })
    .await;
    for (address, kind) in [(closing, "closed"), (resetting, "connection-reset")] {
        let later = Burst { pause: Duration::from_secs(5), ..burst(16, 0) };
        let start = Instant::now();
        let flow = flow::exchange(&flow(address, vec![burst(16, 0), later]), &PermitAll).await.outcome.unwrap();
        let failure = flow.bursts[1].failure.as_ref().unwrap();
        assert_eq!((failure.kind.as_str(), failure.stage.as_str()), (kind, "pause"));
        let after: u64 = failure.details["after-ms"].parse().unwrap();
        assert!((150..1500).contains(&after), "{after}");
        assert!(start.elapsed() < Duration::from_secs(3), "it does not wait for the rest of the pause");
    }
    let kept = tcp(echo).await;
    let later = Burst { pause: Duration::from_millis(300), ..burst(16, 16) };
    let flow = flow::exchange(&flow(kept, vec![burst(16, 16), later]), &PermitAll).await.outcome.unwrap();
    assert_eq!(flow.bursts[1].acknowledged, 16);
}

#[tokio::test]
async fn what_is_too_much_is_invalid_and_nothing_is_sent() {
    let nowhere: SocketAddr = "127.0.0.1:9".parse().unwrap();
    for bursts in [vec![burst((1 << 20) + 1, 0)], vec![burst(1, 0); 65]] {
        assert_eq!(flow::exchange(&flow(nowhere, bursts), &PermitAll).await.outcome.unwrap_err().kind, "invalid");
    }
}

fn datagram(target: SocketAddr) -> datagram::Attempt {
    datagram::Attempt {
        target: target.to_string(),
        timeout: Duration::from_millis(600),
        limit: BUDGET,
        payload: b"hello".to_vec(),
        times: 3,
        replies: 1,
        local_port: 0,
    }
}

/// Answers every datagram with all that `answer` makes of it.
async fn udp(answer: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = vec![0; 1 << 16];
        while let Ok((read, from)) = socket.recv_from(&mut buffer).await {
            for packet in answer(&buffer[..read]) {
                let _ = socket.send_to(&packet, from).await;
            }
        }
    });
    address
}

async fn closed() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn answers_are_waited_for() {
    let twice = udp(|packet| vec![packet.to_vec(), vec![b'x'; 5000]]).await;
    let attempt = datagram::Attempt { replies: 2, ..datagram(twice) };
    let exchanged = datagram::send(&attempt, &PermitAll).await.outcome.unwrap();
    assert_eq!((exchanged.remote, exchanged.received[0].as_slice()), (twice, b"hello".as_slice()));
    assert_eq!(exchanged.received[1].len(), 2048);
    // Fewer than were waited for are an answer.
    let attempt = datagram::Attempt { replies: 5, ..datagram(twice) };
    assert_eq!(datagram::send(&attempt, &PermitAll).await.outcome.unwrap().received.len(), 2);
}

#[tokio::test]
async fn a_lost_datagram_is_sent_again_and_silence_is_a_timeout() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let forgetful = udp(move |packet| match count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        0 => Vec::new(),
        _ => vec![packet.to_vec()],
    })
    .await;
    let seen = datagram::send(&datagram(forgetful), &PermitAll).await;
    assert_eq!(seen.outcome.unwrap().received.len(), 1);
    assert!(seen.elapsed >= Duration::from_millis(200), "the second leaves after a third of the time");
    let silent = udp(|_| Vec::new()).await;
    let seen = datagram::send(&datagram(silent), &PermitAll).await;
    assert_eq!(seen.outcome.unwrap_err().kind, "timeout");
    assert!(seen.elapsed >= Duration::from_millis(600) && seen.elapsed < Duration::from_secs(2));
    // Nobody said that it is closed, and nothing more was asked.
    let attempt = datagram::Attempt { replies: 0, ..datagram(silent) };
    assert!(datagram::send(&attempt, &PermitAll).await.outcome.unwrap().received.is_empty());
}

#[tokio::test]
async fn a_closed_port_is_refused_by_icmp() {
    let address = closed().await;
    for replies in [0, 1] {
        let attempt = datagram::Attempt { replies, ..datagram(address) };
        let failure = datagram::send(&attempt, &PermitAll).await.outcome.unwrap_err();
        assert_eq!(failure.kind, "connection-refused", "{failure}");
        let details = ["origin", "icmp-type", "icmp-code", "icmp-from"].map(|key| failure.details[key].as_str());
        assert_eq!(details, ["icmp", "3", "3", "127.0.0.1"]);
    }
}

#[tokio::test]
async fn what_does_not_fit_says_what_would() {
    let address = udp(|_| Vec::new()).await;
    let attempt = datagram::Attempt { payload: vec![0; 65_507], ..datagram(address) };
    // The MTU of loopback is 65,536 here and 16,436 on old kernels: make it a datagram that fits nowhere.
    let attempt = datagram::Attempt { payload: [attempt.payload.clone(), vec![0; 1000]].concat(), ..attempt };
    let failure = datagram::send(&attempt, &PermitAll).await.outcome.unwrap_err();
    assert_eq!((failure.kind.as_str(), failure.stage.as_str()), ("message-too-long", "send"));
    assert!(failure.details["path-mtu"].parse::<u32>().unwrap() > 1000);
}

#[tokio::test]
async fn a_local_port_is_used_and_a_taken_one_is_said() {
    let taken = UdpSocket::bind("0.0.0.0:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let echoing = udp(|packet| vec![packet.to_vec()]).await;
    let attempt = datagram::Attempt { local_port: port, ..datagram(echoing) };
    let failure = datagram::send(&attempt, &PermitAll).await.outcome.unwrap_err();
    assert_eq!((failure.kind.as_str(), failure.stage.as_str()), ("address-in-use", "bind"));
    drop(taken);
    assert_eq!(datagram::send(&attempt, &PermitAll).await.outcome.unwrap().local.port(), port);
}

/// The version negotiation that a QUIC server answers `packet` with (RFC 8999, section 6).
fn negotiation(packet: &[u8]) -> Vec<u8> {
    let (theirs, ours) = (&packet[6..14], &packet[15..23]);
    [&[0x80, 0, 0, 0, 0, 8][..], ours, &[8], theirs, &[0, 0, 0, 1], &[0xff, 0, 0, 0x1d]].concat()
}

#[tokio::test]
async fn quic_is_told_from_other_udp() {
    let quic = udp(|packet| if packet.len() < 1200 { Vec::new() } else { vec![negotiation(packet)] }).await;
    let other = udp(|_| vec![b"who are you?".to_vec()]).await;
    let silent = udp(|_| Vec::new()).await;
    let closed = closed().await;
    let targets = [quic, other, silent, closed].map(|address| address.to_string());
    let asked = targets.iter().map(|target| datagram::quic_versions(target, Duration::from_millis(600), &PermitAll));
    let seen = futures::future::join_all(asked).await;
    assert_eq!(seen[0].outcome.as_ref().unwrap().received, [b"00000001".to_vec(), b"ff00001d".to_vec()]);
    let kinds: Vec<&str> = seen[1..].iter().map(|s| s.outcome.as_ref().unwrap_err().kind.as_str()).collect();
    assert_eq!(kinds, ["protocol", "timeout", "connection-refused"]);
}

struct Nothing;
impl Permit for Nothing {
    fn lookup(&self, host: &str) -> Result<(), Failure> {
        Err(Failure::new("denied", "grant", host))
    }
    fn connect(&self, host: &str, _: SocketAddr) -> Result<(), Failure> {
        Err(Failure::new("denied", "grant", host))
    }
}

#[tokio::test]
async fn nothing_is_sent_without_permission() {
    let address = udp(|packet| vec![packet.to_vec()]).await;
    assert_eq!(datagram::send(&datagram(address), &Nothing).await.outcome.unwrap_err().kind, "denied");
    let listening = tcp(echo).await;
    let denied = flow::exchange(&flow(listening, vec![burst(16, 0)]), &Nothing).await.outcome.unwrap_err();
    assert_eq!(denied.kind, "denied");
    let attempt = proxied(&format!("http://{listening}"));
    assert_eq!(proxy_connect::connect(&attempt, &nowhere(), &Nothing).await.outcome.unwrap_err().kind, "denied");
}

fn nowhere() -> Environment {
    Environment::default()
}

fn proxied(proxy: &str) -> proxy_connect::Attempt {
    proxy_connect::Attempt {
        proxy: proxy.to_owned(),
        target: "cache.example.com:443".to_owned(),
        timeout: BUDGET,
        idle: Duration::ZERO,
        limit: BUDGET,
    }
}

/// A proxy that answers CONNECT with `answer`, and keeps a tunnel for `kept`.
async fn proxy(answer: &'static str, kept: Duration) -> SocketAddr {
    tcp(move |mut stream| async move {
        let mut asked = vec![0; 4096];
        let read = stream.read(&mut asked).await.unwrap();
        let asked = String::from_utf8_lossy(&asked[..read]).into_owned();
        assert!(asked.starts_with("CONNECT cache.example.com:443 HTTP/1.1\r\n"), "{asked}");
        stream.write_all(answer.as_bytes()).await.unwrap();
        tokio::time::sleep(kept).await;
    })
    .await
}

#[tokio::test]
async fn whatever_a_proxy_answers_is_an_answer() {
    let open = proxy("HTTP/1.1 200 OK\r\nVia: 1.1 squid\r\n\r\n", BUDGET).await;
    let facts = proxy_connect::connect(&proxied(&format!("http://u:p@{open}")), &nowhere(), &PermitAll).await.outcome;
    let facts = facts.unwrap();
    assert_eq!((facts["status"].as_str(), facts["via"].as_str()), ("200", "1.1 squid"));
    assert_eq!(facts["proxy"], format!("http://{open}"));
    assert!(!facts.contains_key("idle-end"));
    let asking = "HTTP/1.1 407 Proxy Authentication Required\r\nServer: squid\r\nProxy-Authenticate: Basic realm=\"secret\"\r\nContent-Length: 0\r\n\r\n";
    let asking = proxy(asking, BUDGET).await;
    let attempt = proxy_connect::Attempt { idle: BUDGET, ..proxied(&format!("http://{asking}")) };
    let facts = proxy_connect::connect(&attempt, &nowhere(), &PermitAll).await.outcome.unwrap();
    let shown = ["status", "server", "authenticate"].map(|key| facts[key].as_str());
    assert_eq!(shown, ["407", "squid", "Basic"]);
    assert!(!facts.contains_key("idle-end"), "there is no tunnel to idle in");
}

#[tokio::test]
async fn a_silent_tunnel_is_watched() {
    for (kept, end) in [(Duration::from_millis(200), "closed"), (BUDGET, "open")] {
        let address = proxy("HTTP/1.1 200 Connection established\r\n\r\n", kept).await;
        let attempt =
            proxy_connect::Attempt { idle: Duration::from_millis(700), ..proxied(&format!("http://{address}")) };
        let facts = proxy_connect::connect(&attempt, &nowhere(), &PermitAll).await.outcome.unwrap();
        assert_eq!(facts["idle-end"], end);
        let idle: u64 = facts["idle-ms"].parse().unwrap();
        assert_eq!(idle >= 700, end == "open", "{idle}");
    }
}

#[tokio::test]
async fn the_proxys_own_faults_are_at_its_stage() {
    let refused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let no_proxy = tcp(|mut stream| async move {
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").await;
    })
    .await;
    for (address, kind) in [(refused, "connection-refused"), (no_proxy, "protocol")] {
        let attempt = proxied(&format!("http://{address}"));
        let failure = proxy_connect::connect(&attempt, &nowhere(), &PermitAll).await.outcome.unwrap_err();
        assert_eq!((failure.kind.as_str(), failure.stage.as_str()), (kind, "proxy"), "{failure}");
        assert_eq!(failure.details["proxy"], format!("http://{address}"));
    }
}

#[tokio::test]
async fn the_environments_proxy_is_the_one_that_curl_takes() {
    let address = proxy("HTTP/1.1 200 OK\r\n\r\n", BUDGET).await;
    let set = |pairs: &[(&str, String)]| {
        Environment::from_pairs(pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())))
    };
    let environment = set(&[("HTTPS_PROXY", format!("http://{address}"))]);
    let facts = proxy_connect::connect(&proxied("environment"), &environment, &PermitAll).await.outcome.unwrap();
    assert_eq!(facts["proxy"], format!("http://{address}"));
    for environment in
        [nowhere(), set(&[("HTTPS_PROXY", format!("http://{address}")), ("NO_PROXY", "example.com".to_owned())])]
    {
        let failure =
            proxy_connect::connect(&proxied("environment"), &environment, &PermitAll).await.outcome.unwrap_err();
        assert_eq!((failure.kind.as_str(), failure.stage.as_str()), ("not-found", "proxy"));
    }
}
