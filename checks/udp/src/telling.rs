use crate::codes;
use crate::judge::{Buffers, Target, Why};
use seaworthy_check_sdk::FindingBuilder;

pub(crate) fn blocked(target: &Target) -> FindingBuilder {
    codes::PEER_UDP_BLOCKED
        .at(&target.text)
        .message(format!(
            "{} never answers over UDP, while the same machine answers over TCP: UDP is dropped on the way",
            target.hop.socket()
        ))
        .observed("silent over UDP, alive over TCP")
        .expected("the versions of QUIC that it speaks")
        .detail("transport", "quic")
        .likely()
}

pub(crate) fn closed(target: &Target, from: Option<&str>) -> FindingBuilder {
    let finding = codes::PEER_UDP_CLOSED
        .at(&target.text)
        .message(format!(
            "{} is answered with \"port unreachable\": nothing takes UDP there, or a firewall says so in its place",
            target.hop.socket()
        ))
        .observed("ICMP port unreachable")
        .expected("the versions of QUIC that it speaks")
        .detail("transport", "quic")
        .likely();
    match from {
        Some(from) => finding.detail("icmp-from", from),
        None => finding,
    }
}

pub(crate) fn stale(target: &Target, port: u16) -> FindingBuilder {
    codes::UDP_STALE_CONNTRACK
        .at(&target.text)
        .message(format!(
            "{} answers a new UDP port and not port {port}, which this runner's peer sends from: an old connection tracking entry leads its packets elsewhere",
            target.hop.socket()
        ))
        .observed(format!("no answer to port {port}, one to another"))
        .expected("the same answer to every source port")
        .detail("local-port", port.to_string())
        .detail("port", target.hop.port.to_string())
        .likely()
}

pub(crate) fn buffers(buffers: &Buffers) -> FindingBuilder {
    let send = buffers.send.map(|bytes| format!(", net.core.wmem_max {bytes}")).unwrap_or_default();
    let dropped = buffers.dropped.filter(|_| buffers.hurt());
    let lost = dropped.map(|n| format!("; {n} datagrams found a buffer full while this check ran")).unwrap_or_default();
    let finding = codes::UDP_SMALL_BUFFERS
        .found()
        .message(format!(
            "a socket may have {} bytes of receive buffer at most (net.core.rmem_max{send}); QUIC wants {}{lost}",
            buffers.receive, buffers.wanted
        ))
        .observed(buffers.receive.to_string())
        .expected(format!("at least {}", buffers.wanted))
        .detail("rmem-max", buffers.receive.to_string())
        .detail("wanted", buffers.wanted.to_string());
    match dropped {
        Some(dropped) => finding.detail("dropped", dropped.to_string()),
        None => finding.level("info"),
    }
}

pub(crate) fn private(target: &Target, why: &Why, tcp_too: bool) -> FindingBuilder {
    let finding = codes::UDP_QUIC_WITH_PSK
        .at(&target.text)
        .message(format!(
            "{}, and libp2p has no private networks over QUIC: {} is never dialled",
            why.text, target.text
        ))
        .observed(&why.text)
        .expected("a TCP address, or no private network")
        .detail("tcp-too", if tcp_too { "true" } else { "false" });
    match (why.sure, tcp_too) {
        (false, _) => finding.level("info").possible(),
        (true, true) => finding.level("warn"),
        (true, false) => finding,
    }
}
