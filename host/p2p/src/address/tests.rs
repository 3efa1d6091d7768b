use super::parse;
use libp2p::identity::Keypair;

const ID: &str = "12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf";

fn reason(text: &str) -> (String, usize, String) {
    let failure = parse(text).expect_err(text);
    assert_eq!((failure.kind.as_str(), failure.stage.as_str()), ("invalid", "parse"), "{text}");
    assert!(failure.message.contains("/tcp/9100/p2p/"), "{}", failure.message);
    let position = failure.details["position"].parse().unwrap();
    assert!(position <= text.len(), "{text}: {position}");
    (failure.details["reason"].clone(), position, failure.details["component"].clone())
}

#[test]
fn right_addresses() {
    let a = parse(&format!("/ip4/127.0.0.1/tcp/9100/p2p/{ID}")).unwrap();
    assert_eq!(
        (a.host.as_str(), a.port, a.peer_id.as_deref(), a.details["scope"].as_str()),
        ("127.0.0.1", 9100, Some(ID), "loopback")
    );
    let a = parse("/dns4/Cache.Example.com/tcp/443").unwrap();
    assert_eq!((a.canonical.as_str(), a.peer_id), ("/dns4/cache.example.com/tcp/443", None));
    assert_eq!(parse(&format!("/ip6/0:0::1/tcp/1/ipfs/{ID}")).unwrap().canonical, format!("/ip6/::1/tcp/1/p2p/{ID}"));
    assert_eq!(parse("/ip4/0.0.0.0/tcp/1").unwrap().details["scope"], "unspecified");
    assert_eq!(parse("/ip6/::/tcp/1").unwrap().details["scope"], "unspecified");
}

#[test]
fn wrong_addresses_have_a_reason_and_a_place() {
    for (text, expected, at, component) in [
        ("", "empty", 0, ""),
        (" /ip4/1.2.3.4/tcp/1", "whitespace", 0, " "),
        ("/ip4/1.2.3.4/tcp/1\n", "whitespace", 18, "\\n"),
        ("10.0.0.1:9100", "host-port", 0, "10.0.0.1:9100"),
        ("[::1]:9100", "host-port", 0, "[::1]:9100"),
        ("http://cache:9100/x", "url", 0, "http"),
        ("ip4/1.2.3.4/tcp/1", "not-multiaddr", 0, "ip4"),
        ("cache.example.com", "not-multiaddr", 0, "cache.example.com"),
        (ID, "bare-peer-id", 0, ID),
        ("\"/ip4/1.2.3.4/tcp/1\"", "quoted", 0, "\""),
        ("/ip4/1.2.3.4/tcp/1,/ip4/1.2.3.5/tcp/1", "list", 18, ","),
        ("/ip4/1.2.3.4/tcp/1/p2p/YOUR_PEER_ID", "placeholder-peer-id", 23, "YOUR_PEER_ID"),
        ("/ip4/1.2.3.4/tcp/1/p2p/<PEER_ID>", "placeholder-peer-id", 23, "<PEER_ID>"),
        ("/ip4/1.2.3.4/tcp/1/p2p/ID", "placeholder-peer-id", 23, "ID"),
        ("/ip4/1.2.3.4/tcp/1/p2p/QmPeerID", "placeholder-peer-id", 23, "QmPeerID"),
        ("/ip4/1.2.3.4/tcp/1/p2p/12D3KooW...", "placeholder-peer-id", 23, "12D3KooW..."),
        ("/ip4/1.2.3.4/tcp/1/p2p/$PEER_ID", "placeholder-peer-id", 23, "$PEER_ID"),
        ("/ip4/1.2.3.4/tcp/1/p2p/12D3KooWGzxz", "bad-peer-id", 23, "12D3KooWGzxz"),
        ("/ip4/1.2.3.4/tcp/1/p2p", "missing-value", 22, "p2p"),
        ("/ip4/1.2.3.4/tcp/1/", "trailing", 18, "/"),
        ("/ip4//tcp/1", "empty-component", 5, ""),
        ("/", "empty-component", 1, ""),
        ("/ip4/1.2.3.256/tcp/1", "bad-ip", 5, "1.2.3.256"),
        ("/ip4/cache.example.com/tcp/1", "bad-ip", 5, "cache.example.com"),
        ("/ip4/<HOST>/tcp/1", "placeholder-host", 5, "<HOST>"),
        ("/ip6/[::1]/tcp/1", "bad-ip", 5, "[::1]"),
        ("/dns4/a_b..c/tcp/1", "bad-name", 6, "a_b..c"),
        ("/ip4/1.2.3.4/tcp/0", "bad-port", 17, "0"),
        ("/ip4/1.2.3.4/tcp/65536", "bad-port", 17, "65536"),
        ("/ip4/1.2.3.4/tcp/+1", "bad-port", 17, "+1"),
        ("/ip4/1.2.3.4", "missing-transport", 12, ""),
        ("/ip4/1.2.3.4/9100", "unknown-protocol", 13, "9100"),
        ("/ipv4/1.2.3.4/tcp/1", "unknown-protocol", 1, "ipv4"),
        ("/tcp/1", "missing-host", 1, "tcp"),
        ("/ip4/1.2.3.4/udp/1", "missing-transport", 18, ""),
        ("/ip4/1.2.3.4/udp/0/quic-v1", "bad-port", 17, "0"),
        ("/ip4/1.2.3.4/udp/1/quic", "unsupported-transport", 19, "quic"),
        ("/ip4/1.2.3.4/udp/1/utp", "unknown-protocol", 19, "utp"),
        ("/ip4/1.2.3.4/udp/1/p2p/x", "missing-transport", 19, "p2p"),
        ("/ip4/1.2.3.4/udp/1/quic-v1/webtransport", "unsupported-transport", 27, "webtransport"),
        ("/ip4/1.2.3.4/tcp/1/quic-v1", "unknown-protocol", 19, "quic-v1"),
        ("/ip4/1.2.3.4/tcp/1/p2p-circuit", "missing-relay-id", 19, "p2p-circuit"),
        ("/ip4/1.2.3.4/tcp/443/wss", "unsupported-transport", 21, "wss"),
        ("/dnsaddr/bootstrap.libp2p.io", "unsupported-transport", 1, "dnsaddr"),
    ] {
        assert_eq!(reason(text), (expected.to_owned(), at, component.to_owned()), "{text}");
    }
    assert_eq!(reason(&format!("/ip4/1.2.3.4/tcp/1/p2p/{ID}/x")).0, "trailing");
    let relay = format!("/ip4/1.2.3.4/tcp/1/p2p/{ID}/p2p-circuit");
    assert_eq!(reason(&relay), ("missing-peer-id".to_owned(), relay.len(), "p2p-circuit".to_owned()));
    assert_eq!(reason(&format!("{relay}/p2p/{ID}")).0, "bad-peer-id");
    assert_eq!(reason(&format!("{relay}/tcp/1")).0, "missing-peer-id");
    assert_eq!(reason(&format!("{relay}/p2p/YOUR_PEER_ID")).0, "placeholder-peer-id");
}

#[test]
fn quic_and_relayed_addresses() {
    let a = parse(&format!("/ip4/10.0.0.1/udp/9100/quic-v1/p2p/{ID}")).unwrap();
    assert_eq!((a.transport.as_str(), a.port, a.peer_id.as_deref(), a.relay.as_deref()), ("udp", 9100, Some(ID), None));
    assert!(a.is_quic());
    assert_eq!(parse(&a.canonical).unwrap(), a);
    assert_eq!(parse("/dns4/A.test/udp/1/quic-v1").unwrap().canonical, "/dns4/a.test/udp/1/quic-v1");
    let other = Keypair::generate_ed25519().public().to_peer_id().to_base58();
    for way in ["tcp/1", "udp/1/quic-v1"] {
        let text = format!("/ip4/10.0.0.1/{way}/p2p/{other}/p2p-circuit/p2p/{ID}");
        let a = parse(&text).unwrap();
        assert_eq!((a.peer_id.as_deref(), a.relay.as_deref()), (Some(ID), Some(other.as_str())));
        assert_eq!((a.canonical.as_str(), a.details["relay-peer-id"].as_str()), (text.as_str(), other.as_str()));
        assert_eq!(a.proving_rung(), "noise");
    }
}

#[test]
fn host_port_suggests_the_multiaddr() {
    assert_eq!(parse("10.0.0.1:9100").unwrap_err().details["suggestion"], "/ip4/10.0.0.1/tcp/9100/p2p/<peer id>");
    assert_eq!(
        parse("https://cache.test").unwrap_err().details["suggestion"],
        "/dns4/cache.test/tcp/443/p2p/<peer id>"
    );
    assert_eq!(parse("[::1]:7").unwrap_err().details["suggestion"], "/ip6/::1/tcp/7/p2p/<peer id>");
    assert_eq!(parse("dns4/a.test/tcp/1").unwrap_err().details["suggestion"], "/dns4/a.test/tcp/1");
}

#[test]
fn the_cid_form_is_the_same_peer() {
    // From the libp2p peer-ids specification.
    let cid = "bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe";
    let a = parse(&format!("/ip4/1.2.3.4/tcp/1/p2p/{cid}")).unwrap();
    assert_eq!(a.peer_id.as_deref(), Some("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"));
}

/// Half of all mistyped Ed25519 ids are no point of the curve.
#[test]
fn most_mistyped_ids_are_noticed() {
    let wrong = (8..52).filter(|at| {
        let mut id = ID.to_owned();
        let other = if id.as_bytes()[*at] == b'a' { "b" } else { "a" };
        id.replace_range(*at..=*at, other);
        parse(&format!("/ip4/1.2.3.4/tcp/1/p2p/{id}")).is_err()
    });
    assert!(wrong.count() > 10);
    // A cut one always.
    assert!((1..52).all(|end| parse(&format!("/ip4/1.2.3.4/tcp/1/p2p/{}", &ID[..end])).is_err()));
}

/// What is read is written canonically, and reads back as itself; a changed
/// character never makes a panic, and never the same address.
#[test]
fn canonical_is_a_fixed_point_and_nothing_panics() {
    for round in 0_u32..200 {
        let id = Keypair::generate_ed25519().public().to_peer_id();
        let [a, b, c, d] = round.wrapping_mul(2_654_435_761).to_be_bytes();
        let port = 1 + round * 327;
        let host = match round % 3 {
            0 => format!("/ip4/{a}.{b}.{c}.{d}"),
            1 => format!("/ip6/2001:db8::{a:x}:{b:x}"),
            _ => format!("/dns4/h{a}.n{b}.test"),
        };
        let text = format!("{host}/tcp/{port}/p2p/{id}");
        let address = parse(&text).unwrap();
        assert_eq!(parse(&address.canonical).unwrap(), address);
        assert_eq!(address.expected(), Some(id));
        for (at, _) in text.char_indices() {
            for other in ["", "/", ":", "é", "0", " "] {
                let mut changed = text.clone();
                changed.replace_range(at..=at, other);
                match parse(&changed) {
                    Ok(read) => assert!(
                        changed == text || read.canonical != address.canonical || changed.len() != text.len(),
                        "{changed}"
                    ),
                    Err(failure) => {
                        assert!(failure.details["position"].parse::<usize>().unwrap() <= changed.len(), "{changed}")
                    }
                }
            }
            // A prefix is never read as the whole.
            assert!(parse(&text[..at]).map(|read| read.canonical != address.canonical).unwrap_or(true));
        }
    }
}
