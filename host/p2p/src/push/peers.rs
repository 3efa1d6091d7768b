//! The message of the peer exchange, the same both ways:
//! `{"addrs": [own multiaddrs], "peers": [at most 50 multiaddrs, sorted], "ts": unix seconds}`.

use super::json_text::{elements, is_json, members};
use super::message::member;
use super::python_json::{float, quoted};
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use seaworthy_model::Failure;

/// Peers in a message.
const MAX_PEERS: usize = 50;
/// No multiaddr in use comes near it.
const MAX_ADDRESS: usize = 512;
/// The reply to a message that cannot be read.
pub(crate) const REFUSAL: &str = "ERROR";

/// Addresses of a peer, and of the peers it knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PeerList {
    /// Of the peer itself; at most 50 are read.
    pub addrs: Vec<String>,
    /// Of others; at most 50.
    pub peers: Vec<String>,
    /// When the list was made, in seconds since the epoch.
    pub ts: f64,
}

impl PeerList {
    /// The plaintext, as Python writes it: peers sorted, at most 50.
    pub(crate) fn plaintext(&self) -> String {
        let list = |addresses: &[String]| {
            let quoted: Vec<String> = addresses.iter().take(MAX_PEERS).map(|a| quoted(a)).collect();
            quoted.join(", ")
        };
        let mut peers = self.peers.clone();
        peers.sort_unstable();
        peers.dedup();
        format!(r#"{{"addrs": [{}], "peers": [{}], "ts": {}}}"#, list(&self.addrs), list(&peers), float(self.ts))
    }

    /// Reads a plaintext.
    ///
    /// # Errors
    /// Kind `protocol`, stage `answer`: it is no such message.
    pub(crate) fn read(plaintext: &[u8]) -> Result<Self, Failure> {
        Self::take(plaintext).ok_or_else(|| {
            Failure::new("protocol", "answer", "the peer's list of peers is not the JSON that the protocol asks for")
        })
    }

    fn take(plaintext: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(plaintext).ok().filter(|text| is_json(text))?;
        let fields = members(text)?;
        let list = |name: &str| {
            let texts = elements(member(&fields, name).unwrap_or("[]"))?;
            let read = |text: &str| serde_json::from_str::<String>(text).ok().filter(|a| a.len() <= MAX_ADDRESS);
            Some(texts.into_iter().take(MAX_PEERS).filter_map(read).collect::<Vec<_>>())
        };
        let ts = member(&fields, "ts").and_then(|text| text.parse().ok()).unwrap_or_default();
        Some(Self { addrs: list("addrs")?, peers: list("peers")?, ts })
    }
}

/// Whether the Python cache keeps `address`, and somebody else can dial it: an IP
/// address other than the unspecified one, a TCP port, and a peer id.
pub(crate) fn is_worth_telling(address: &Multiaddr) -> bool {
    let parts: Vec<Protocol<'_>> = address.iter().collect();
    let ip_is_good = match parts.first() {
        Some(Protocol::Ip4(ip)) => !ip.is_unspecified(),
        Some(Protocol::Ip6(ip)) => !ip.is_unspecified(),
        _ => false,
    };
    ip_is_good && matches!(parts[1..], [Protocol::Tcp(1..), Protocol::P2p(_)])
}

/// Whether `address` leads nowhere but to the own machine.
pub(crate) fn is_loopback(address: &Multiaddr) -> bool {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => ip.is_loopback(),
        Some(Protocol::Ip6(ip)) => ip.is_loopback(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_comes_back() {
        let list = PeerList {
            addrs: vec!["/ip4/192.0.2.1/tcp/9100/p2p/A".into()],
            peers: vec!["/ip4/192.0.2.3/tcp/1".into(), "/ip4/192.0.2.2/tcp/1".into()],
            ts: 1_700_000_000.5,
        };
        let text = list.plaintext();
        assert_eq!(
            text,
            r#"{"addrs": ["/ip4/192.0.2.1/tcp/9100/p2p/A"], "peers": ["/ip4/192.0.2.2/tcp/1", "/ip4/192.0.2.3/tcp/1"], "ts": 1700000000.5}"#
        );
        let read = PeerList::read(text.as_bytes()).unwrap();
        assert_eq!((&read.addrs, read.peers.len(), read.ts), (&list.addrs, 2, list.ts));
        let many = PeerList { peers: (0..80).map(|n| format!("/ip4/192.0.2.{n}/tcp/1")).collect(), ..list };
        assert_eq!(PeerList::read(many.plaintext().as_bytes()).unwrap().peers.len(), MAX_PEERS);
        let long = format!(r#"{{"addrs": ["{}", 7, "/a"], "peers": null}}"#, "x".repeat(600));
        assert_eq!(PeerList::read(long.as_bytes()).unwrap().addrs, ["/a"]);
        for bad in ["", "[]", "ERROR", r#"{"peers": 7}"#] {
            assert_eq!(PeerList::read(bad.as_bytes()).unwrap_err().kind, "protocol", "{bad}");
        }
    }

    #[test]
    fn only_what_can_be_dialled_is_told() {
        let id = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";
        for (address, good) in [
            ("/ip4/192.0.2.1/tcp/9100/p2p/ID", true),
            ("/ip6/2001:db8::1/tcp/9100/p2p/ID", true),
            ("/ip4/0.0.0.0/tcp/9100/p2p/ID", false),
            ("/ip4/192.0.2.1/tcp/0/p2p/ID", false),
            ("/ip4/192.0.2.1/tcp/9100", false),
            ("/dns4/a.test/tcp/9100/p2p/ID", false),
            ("/ip4/192.0.2.1/udp/9100/quic-v1/p2p/ID", false),
        ] {
            assert_eq!(is_worth_telling(&address.replace("ID", id).parse().unwrap()), good, "{address}");
        }
    }
}
