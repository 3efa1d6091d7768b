use crate::codes;
use seaworthy_check_sdk::p2p::swarm::Parsed;
use seaworthy_check_sdk::{Code, ip, row_value};

/// A configured address and what will be done with it.
#[derive(Debug)]
pub(crate) struct Entry {
    /// As configured; the target of every finding about it.
    pub(crate) text: String,
    /// The observation of having read it.
    pub(crate) parsed_in: u32,
    pub(crate) plan: Plan,
    /// What is wrong with the text itself.
    pub(crate) fault: Option<Fault>,
}

/// Whether and how an address is dialled.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Dialled; `peer_id` is what it should prove.
    Dial(Endpoint),
    /// Not dialled: there is nothing to connect to.
    Leave,
}

/// Where a dial goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// The multiaddr to dial.
    pub(crate) address: String,
    /// The multiaddr without its peer, for the corrected address.
    pub(crate) base: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) peer_id: Option<String>,
}

impl Endpoint {
    /// `host:port` as `net/tcp` takes it.
    pub(crate) fn socket(&self) -> String {
        self.with_port(self.port)
    }

    /// Whether it is reached over UDP, at least as far as its relay.
    pub(crate) fn is_quic(&self) -> bool {
        self.address.contains("/quic-v1")
    }

    pub(crate) fn with_port(&self, port: u16) -> String {
        let port = port.to_string();
        if self.host.contains(':') {
            ["[", &self.host, "]:", &port].concat()
        } else {
            [self.host.as_str(), ":", &port].concat()
        }
    }
}

/// Something wrong with the text of an address.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) details: Vec<(String, String)>,
}

/// Decides what is done with each address.
pub(crate) fn entries(parsed: &[Parsed]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::with_capacity(parsed.len());
    for one in parsed {
        let (plan, mut fault) = match &one.outcome {
            Ok(address) => readable(address),
            Err(failure) => {
                let reason = row_value(&failure.details, "reason").unwrap_or_default();
                let fault =
                    Fault { code: code_of(reason), message: failure.message.clone(), details: failure.details.clone() };
                let repaired = repaired(&one.text, reason, row_value(&failure.details, "suggestion"));
                (repaired.map_or(Plan::Leave, Plan::Dial), Some(fault))
            }
        };
        let twin = match &plan {
            Plan::Dial(endpoint) => {
                entries.iter().find(|e| matches!(&e.plan, Plan::Dial(o) if o.address == endpoint.address))
            }
            Plan::Leave => None,
        };
        let plan = match twin {
            Some(twin) => {
                let message = ["the same address as ", twin.text.as_str(), "; it adds nothing"].concat();
                fault.get_or_insert(Fault { code: codes::ADDR_DUPLICATE, message, details: Vec::new() });
                Plan::Leave
            }
            None => plan,
        };
        entries.push(Entry { text: one.text.clone(), parsed_in: one.id, plan, fault });
    }
    entries
}

fn readable(address: &seaworthy_check_sdk::p2p::swarm::Address) -> (Plan, Option<Fault>) {
    let leave = |code, message: String| (Plan::Leave, Some(Fault { code, message, details: Vec::new() }));
    if ip::parse(&address.host).is_some_and(|ip| ip.is_unspecified()) {
        let message = [
            address.host.as_str(),
            " means \"every address\" to a listener and no address to dial; write the address of the peer's machine",
        ];
        return leave(codes::ADDR_UNSPECIFIED, message.concat());
    }
    if !matches!(address.transport.as_str(), "tcp" | "udp") {
        let message = ["the transport ", &address.transport, " is not supported; the cache speaks TCP and QUIC"];
        return leave(codes::ADDR_UNSUPPORTED_TRANSPORT, message.concat());
    }
    let base = match &address.peer_id {
        Some(id) => address.canonical.strip_suffix(id.as_str()).and_then(|rest| rest.strip_suffix("/p2p/")),
        None => None,
    };
    let base = base.unwrap_or(&address.canonical).to_owned();
    let endpoint = Endpoint {
        address: address.canonical.clone(),
        base,
        host: address.host.clone(),
        port: address.port,
        peer_id: address.peer_id.clone(),
    };
    let fault = address.peer_id.is_none().then(|| Fault {
        code: codes::ADDR_MISSING_PEER_ID,
        message: "the address ends without /p2p/ and the peer's id; clients skip such an entry without a word".into(),
        details: vec![
            ("reason".into(), "missing-peer-id".into()),
            ("position".into(), address.canonical.len().to_string()),
            ("component".into(), String::new()),
        ],
    });
    (Plan::Dial(endpoint), fault)
}

/// The code for a reason of the parser.
fn code_of(reason: &str) -> Code {
    match reason {
        "host-port" => codes::ADDR_HOST_PORT,
        "url" => codes::ADDR_URL,
        "placeholder-peer-id" => codes::ADDR_PLACEHOLDER_PEER_ID,
        "bad-peer-id" => codes::ADDR_BAD_PEER_ID,
        "missing-peer-id" => codes::ADDR_MISSING_PEER_ID,
        "unsupported-transport" => codes::ADDR_UNSUPPORTED_TRANSPORT,
        _ => codes::ADDR_INVALID,
    }
}

/// What can be dialled of an address that is wrong, to learn the id of the peer there:
/// host and port are right, only the peer's id or the notation is not.
fn repaired(text: &str, reason: &str, suggestion: Option<&str>) -> Option<Endpoint> {
    // Who answers there is the relay, and not the peer whose id is wrong.
    if text.contains("/p2p-circuit") {
        return None;
    }
    let base = match reason {
        "placeholder-peer-id" | "bad-peer-id" => base_of(text),
        "missing-value" => text.strip_suffix("/p2p").or_else(|| text.strip_suffix("/ipfs"))?,
        "host-port" | "url" => base_of(suggestion?),
        _ => return None,
    };
    let mut parts = base.strip_prefix('/')?.split('/');
    let (kind, host, transport, port) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let transport = match (transport, parts.next()) {
        ("tcp", None) => true,
        ("udp", Some("quic-v1")) => parts.next().is_none(),
        _ => false,
    };
    let known = matches!(kind, "ip4" | "ip6" | "dns" | "dns4" | "dns6") && transport;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    known.then(|| Endpoint { address: base.into(), base: base.into(), host: host.into(), port, peer_id: None })
}

/// The part before the peer: `/KIND/HOST/TRANSPORT/PORT`, with `/quic-v1` where it follows.
fn base_of(text: &str) -> &str {
    let ends = |n| text.match_indices('/').nth(n).map_or(text, |(end, _)| &text[..end]);
    let longer = ends(5);
    if longer.ends_with("/quic-v1") { longer } else { ends(4) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_check_sdk::Failure;
    use seaworthy_check_sdk::p2p::swarm::Address;

    fn good(host: &str, transport: &str, peer: Option<&str>) -> Parsed {
        let mut canonical = format!("/ip4/{host}/{transport}/9100");
        if let Some(peer) = peer {
            canonical += &format!("/p2p/{peer}");
        }
        let outcome = Ok(Address {
            canonical: canonical.clone(),
            host_kind: "ip4".into(),
            host: host.into(),
            transport: transport.into(),
            port: 9100,
            peer_id: peer.map(Into::into),
            details: vec![],
        });
        Parsed { id: 1, text: canonical, outcome }
    }

    fn bad(text: &str, reason: &str, suggestion: Option<&str>) -> Parsed {
        let mut details = vec![("reason".to_owned(), reason.to_owned()), ("position".into(), "0".into())];
        details.extend(suggestion.map(|s| ("suggestion".to_owned(), s.to_owned())));
        let failure =
            Failure { kind: "invalid".into(), stage: "parse".into(), os_code: None, message: "wrong".into(), details };
        Parsed { id: 2, text: text.into(), outcome: Err(failure) }
    }

    fn dialled(entry: &Entry) -> Option<&str> {
        match &entry.plan {
            Plan::Dial(endpoint) => Some(endpoint.address.as_str()),
            Plan::Leave => None,
        }
    }

    #[test]
    fn what_names_a_host_and_a_port_is_dialled_even_when_it_is_wrong() {
        for (one, code, address) in [
            (good("10.0.0.1", "tcp", Some("A")), None, Some("/ip4/10.0.0.1/tcp/9100/p2p/A")),
            (good("10.0.0.1", "tcp", None), Some("addr.missing-peer-id"), Some("/ip4/10.0.0.1/tcp/9100")),
            (good("0.0.0.0", "tcp", Some("A")), Some("addr.unspecified"), None),
            (good("10.0.0.1", "sctp", Some("A")), Some("addr.unsupported-transport"), None),
            (
                bad("/ip4/10.0.0.1/udp/9100/quic-v1/p2p/YOUR_PEER_ID", "placeholder-peer-id", None),
                Some("addr.placeholder-peer-id"),
                Some("/ip4/10.0.0.1/udp/9100/quic-v1"),
            ),
            (
                bad("/ip4/10.0.0.1/tcp/9100/p2p/R/p2p-circuit/p2p/YOUR_PEER_ID", "placeholder-peer-id", None),
                Some("addr.placeholder-peer-id"),
                None,
            ),
            (
                bad("/ip4/10.0.0.1/tcp/9100/p2p/YOUR_PEER_ID", "placeholder-peer-id", None),
                Some("addr.placeholder-peer-id"),
                Some("/ip4/10.0.0.1/tcp/9100"),
            ),
            (bad("/dns4/a/tcp/1/p2p", "missing-value", None), Some("addr.invalid"), Some("/dns4/a/tcp/1")),
            (
                bad("10.0.0.1:9100", "host-port", Some("/ip4/10.0.0.1/tcp/9100/p2p/<peer id>")),
                Some("addr.host-port"),
                Some("/ip4/10.0.0.1/tcp/9100"),
            ),
            (bad("tcp://a", "url", Some("/dns4/a/tcp/<port>/p2p/<peer id>")), Some("addr.url"), None),
            (bad("/ip4/1.2.3.256/tcp/1", "bad-ip", None), Some("addr.invalid"), None),
        ] {
            let entries = entries(&[one]);
            assert_eq!(entries[0].fault.as_ref().map(|f| f.code.code), code);
            assert_eq!(dialled(&entries[0]), address);
        }
    }

    #[test]
    fn the_base_is_all_but_the_peer() {
        for (canonical, transport, base) in [
            ("/ip4/10.0.0.1/tcp/9100/p2p/A", "tcp", "/ip4/10.0.0.1/tcp/9100"),
            ("/ip4/10.0.0.1/udp/9100/quic-v1/p2p/A", "udp", "/ip4/10.0.0.1/udp/9100/quic-v1"),
            ("/ip4/10.0.0.1/tcp/9100/p2p/R/p2p-circuit/p2p/A", "tcp", "/ip4/10.0.0.1/tcp/9100/p2p/R/p2p-circuit"),
        ] {
            let mut parsed = good("10.0.0.1", transport, Some("A"));
            if let Ok(address) = &mut parsed.outcome {
                address.canonical = canonical.into();
            }
            let entries = entries(&[parsed]);
            let Plan::Dial(endpoint) = &entries[0].plan else { panic!("{canonical}") };
            assert_eq!((endpoint.base.as_str(), endpoint.is_quic()), (base, transport == "udp"));
        }
    }

    #[test]
    fn the_second_of_two_is_a_duplicate() {
        let entries = entries(&[good("10.0.0.1", "tcp", Some("A")), good("10.0.0.1", "tcp", Some("A"))]);
        assert!(entries[0].fault.is_none());
        assert_eq!(entries[1].fault.as_ref().map(|f| f.code.code), Some("addr.duplicate"));
        assert_eq!(dialled(&entries[1]), None);
    }

    #[test]
    fn sockets_have_brackets_where_they_need_them() {
        let endpoint = |host: &str| Endpoint {
            address: String::new(),
            base: String::new(),
            host: host.into(),
            port: 7,
            peer_id: None,
        };
        assert_eq!(endpoint("::1").socket(), "[::1]:7");
        assert_eq!(endpoint("a.test").with_port(1), "a.test:1");
    }
}
