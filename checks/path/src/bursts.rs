use crate::probe::Probe;
use seaworthy_check_sdk::path::flows::{Attempt, Burst, Flow, Sent};
use seaworthy_check_sdk::row_value;

/// Packets of sizes that links have: tunnels, PPPoE, overlays, and the smallest of IPv6.
const PACKETS: [u32; 8] = [1200, 1280, 1360, 1400, 1420, 1450, 1480, 1492];
/// Headers of IPv4 and TCP with timestamps, where the kernel does not say.
const HEADERS: u32 = 52;

/// What became of a burst that fills whole packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Large {
    /// At least one full packet arrived.
    Carried,
    /// None did, though it was sent again.
    Lost { path_mtu: Option<u32>, mss: Option<u32>, again: Option<u32> },
    /// The connection ended, or the other side had no room.
    Untold,
}

/// A message that the service waits for the end of, so that it does not hang up.
fn opening(probe: &Probe) -> Vec<u8> {
    match probe.hop.scheme.as_str() {
        "libp2p" => b"\x13/multistream/1.0.0\n".to_vec(),
        "http" | "ws" => b"GET / HTTP/1.1\r\nX-Filled: ".to_vec(),
        // A record of TLS, whose 16,383 bytes are still to come.
        "https" | "wss" => vec![22, 3, 1, 0x3f, 0xff],
        _ => b"    ".to_vec(),
    }
}

/// What follows the opening: of multistream a length that leaves the end open.
fn continuation(probe: &Probe) -> Vec<u8> {
    if probe.hop.scheme == "libp2p" { vec![0xff, 0x7f] } else { Vec::new() }
}

fn burst(payload: Vec<u8>, size: u32, timeout: u32, pause: u32) -> Burst {
    let size = size.max(u32::try_from(payload.len()).unwrap_or(u32::MAX));
    Burst { pause, payload, size, timeout, read_max: 0 }
}

/// A few bytes, then `large` of them.
pub(crate) fn small_and_large(probe: &Probe, large: u32, timeout: u32) -> Attempt {
    let bursts = vec![burst(opening(probe), 0, timeout, 0), burst(continuation(probe), large, timeout, 0)];
    Attempt { target: probe.hop.socket(), timeout, bursts }
}

/// A few bytes, silence, and a few bytes more.
pub(crate) fn small_and_late(probe: &Probe, idle_ms: u32, timeout: u32) -> Attempt {
    let bursts = vec![burst(opening(probe), 0, timeout, 0), burst(continuation(probe), 4, timeout, idle_ms)];
    Attempt { target: probe.hop.socket(), timeout, bursts }
}

/// One packet of each usual size that is smaller than what was lost, each on a connection
/// of its own.
pub(crate) fn single_packets(probe: &Probe, lost: &Large, timeout: u32) -> Vec<(u32, Attempt)> {
    let Large::Lost { path_mtu, mss, .. } = lost else { return Vec::new() };
    let headers = match (path_mtu, mss) {
        (Some(mtu), Some(mss)) if mtu > mss => mtu - mss,
        _ => HEADERS,
    };
    let most = path_mtu.unwrap_or(1500);
    let smaller = PACKETS.into_iter().filter(|packet| *packet < most && *packet > headers);
    smaller.map(|packet| (packet, small_and_large(probe, packet - headers, timeout))).collect()
}

fn number(sent: &Sent, key: &str) -> Option<u32> {
    row_value(&sent.details, key).and_then(|text| text.parse().ok())
}

/// Whether a burst was neither acknowledged nor answered by an end of the connection.
fn unheard(sent: &Sent) -> bool {
    sent.acknowledged == 0 && sent.failure.as_ref().is_none_or(|failure| failure.kind == "timeout")
}

/// Reads the answer to [`small_and_large`]; `None` where the small burst did not arrive.
pub(crate) fn judge(flow: &Flow) -> Option<Large> {
    let [small, large, ..] = flow.bursts.as_slice() else { return None };
    if small.size == 0 || small.acknowledged < small.size {
        return None;
    }
    if large.acknowledged > 0 {
        return Some(Large::Carried);
    }
    let again = number(large, "retransmits");
    if !unheard(large) || again == Some(0) {
        return Some(Large::Untold);
    }
    Some(Large::Lost { path_mtu: number(large, "path-mtu"), mss: number(large, "mss"), again })
}

/// The largest of the single packets that arrived.
pub(crate) fn carries<'f>(tried: impl Iterator<Item = (u32, Option<&'f Flow>)>) -> Option<u32> {
    tried.filter(|(_, flow)| flow.and_then(judge) == Some(Large::Carried)).map(|(packet, _)| packet).max()
}

/// Whether what was sent after the silence was heard of; `None` where it cannot be said.
pub(crate) fn survived(flow: &Flow) -> Option<bool> {
    let [first, late, ..] = flow.bursts.as_slice() else { return None };
    if first.size == 0 || first.acknowledged < first.size {
        return None;
    }
    if late.acknowledged >= late.size && late.size > 0 {
        return Some(true);
    }
    unheard(late).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::tests::probe;
    use crate::reply::Reply;
    use seaworthy_check_sdk::Failure;

    fn sent(size: u32, acknowledged: u32, details: &[(&str, &str)]) -> Sent {
        Sent {
            size,
            acknowledged,
            elapsed: 1,
            received: Vec::new(),
            received_bytes: 0,
            read_end: "not-asked".into(),
            failure: None,
            details: details.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        }
    }

    fn flow(bursts: Vec<Sent>) -> Flow {
        Flow { remote: "10.0.0.1:9100".into(), local: String::new(), connect_elapsed: 1, bursts }
    }

    const DETAILS: &[(&str, &str)] = &[("mss", "1448"), ("path-mtu", "1500"), ("retransmits", "4")];

    fn ended(kind: &str) -> Sent {
        let failure = Failure {
            kind: kind.into(),
            stage: "send".into(),
            os_code: None,
            message: String::new(),
            details: Vec::new(),
        };
        Sent { failure: Some(failure), ..sent(16384, 0, DETAILS) }
    }

    #[test]
    fn a_burst_that_nobody_acknowledges_is_lost() {
        let lost = Large::Lost { path_mtu: Some(1500), mss: Some(1448), again: Some(4) };
        assert_eq!(judge(&flow(vec![sent(20, 20, &[]), sent(16384, 0, DETAILS)])), Some(lost.clone()));
        assert_eq!(judge(&flow(vec![sent(20, 20, &[]), ended("timeout")])), Some(lost));
    }

    #[test]
    fn look_alikes_of_a_lost_burst() {
        // One packet arrived, then the window was full; the peer hung up; it had no room at all.
        assert_eq!(judge(&flow(vec![sent(20, 20, &[]), sent(16384, 1448, DETAILS)])), Some(Large::Carried));
        assert_eq!(judge(&flow(vec![sent(20, 20, &[]), ended("connection-reset")])), Some(Large::Untold));
        let no_room = sent(16384, 0, &[("retransmits", "0")]);
        assert_eq!(judge(&flow(vec![sent(20, 20, &[]), no_room])), Some(Large::Untold));
        // Nothing arrives at all: that is another fault.
        assert_eq!(judge(&flow(vec![sent(20, 0, &[]), sent(16384, 0, DETAILS)])), None);
        assert_eq!(judge(&flow(vec![sent(20, 20, &[])])), None);
    }

    #[test]
    fn single_packets_have_the_size_on_the_wire() {
        let lost = Large::Lost { path_mtu: Some(1450), mss: Some(1398), again: None };
        let probe = probe("/ip4/10.0.0.1/tcp/9100/p2p/A", &[("10.0.0.1", Reply::Connected)]);
        let packets = single_packets(&probe, &lost, 1000);
        assert_eq!(packets.iter().map(|(packet, _)| *packet).collect::<Vec<_>>(), [1200, 1280, 1360, 1400, 1420]);
        assert_eq!(packets[0].1.bursts[1].size, 1148);
        let through = flow(vec![sent(20, 20, &[]), sent(1148, 1148, &[])]);
        let stuck = flow(vec![sent(20, 20, &[]), sent(1348, 0, DETAILS)]);
        let tried = [(1200, Some(&through)), (1280, Some(&through)), (1400, Some(&stuck)), (1420, None)];
        assert_eq!(carries(tried.into_iter()), Some(1280));
    }

    #[test]
    fn silence_after_silence_is_no_end() {
        assert_eq!(survived(&flow(vec![sent(20, 20, &[]), sent(4, 4, &[])])), Some(true));
        assert_eq!(survived(&flow(vec![sent(20, 20, &[]), sent(4, 0, &[])])), Some(false));
        assert_eq!(survived(&flow(vec![sent(20, 20, &[]), ended("connection-reset")])), None);
    }

    #[test]
    fn each_service_is_given_a_beginning_that_it_waits_on() {
        let of = |text: &str| opening(&probe(text, &[]));
        assert!(of("/ip4/10.0.0.1/tcp/1").starts_with(b"\x13/multistream"));
        assert_eq!(of("https://a.test")[0], 22);
        assert!(of("http://a.test").starts_with(b"GET "));
        assert_eq!(of("a.test:1"), b"    ");
    }
}
