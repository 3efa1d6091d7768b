use crate::bursts::Large;
use crate::checksums::Grown;
use crate::codes;
use crate::egress::{Beside, NoEgress};
use crate::family::Wrong;
use crate::hairpin::Direct;
use crate::overlap::Overlap;
use crate::probe::Probe;
use crate::surroundings::Surroundings;
use seaworthy_check_sdk::FindingBuilder;

fn yes_or_no(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

pub(crate) fn no_egress(probe: &Probe, found: &NoEgress, beside: &Beside, net: &Surroundings) -> FindingBuilder {
    let gateway = found.gateway.to_string();
    let who = if net.in_container { "the host" } else { "the gateway" };
    let why = match beside.host_forwards {
        Some(false) => format!(": {who} does not forward packets (net.ipv4.ip_forward is 0 in its report)"),
        Some(true) => format!(": {who} forwards (net.ipv4.ip_forward is 1), so its rules drop the packets"),
        None => {
            format!(": most likely {who} does not forward packets (net.ipv4.ip_forward is 0), or its rules drop them")
        }
    };
    let machines = if found.silent == 1 { "machine".to_owned() } else { format!("{} machines", found.silent) };
    let finding = codes::PATH_NO_EGRESS
        .at(&probe.text)
        .message(format!("the gateway {gateway} answers, and none of the {machines} beyond it does{why}"))
        .observed(format!("{} of {} silent beyond {gateway}", found.silent, found.silent))
        .expected("an answer from beyond the gateway")
        .detail("gateway", gateway)
        .detail("silent-machines", found.silent.to_string())
        .detail("ip-forward", beside.host_forwards.map_or("unknown", |on| if on { "1" } else { "0" }));
    match (found.certain, found.likely) {
        (true, _) => finding,
        (false, true) => finding.likely(),
        (false, false) => finding.possible(),
    }
}

pub(crate) fn overlap(probe: &Probe, found: &Overlap) -> FindingBuilder {
    let ip = found.ip.to_string();
    let other = match &found.instead {
        Some(interface) => format!("; {interface} leads there too, and is not used"),
        None if found.likely => String::new(),
        None => {
            "; a container with this address may have been stopped, or the address is of a machine elsewhere".into()
        }
    };
    let finding = codes::PATH_BRIDGE_OVERLAP
        .at(&probe.text)
        .message(format!(
            "{ip} lies in {}, which belongs to the local bridge {}, and nobody on it has the address: packets do not leave this machine{other}",
            found.block, found.interface
        ))
        .observed(format!("route {} dev {}", found.block, found.interface))
        .expected("a route that leads out of this machine")
        .detail("ip", ip)
        .detail("bridge", &found.interface)
        .detail("bridge-subnet", &found.block);
    let finding = match &found.instead {
        Some(interface) => finding.detail("other-interface", interface),
        None => finding,
    };
    if found.likely { finding.likely() } else { finding.possible() }
}

pub(crate) fn hairpin(probe: &Probe, found: &Direct) -> FindingBuilder {
    let direct = found.text.as_str();
    let finding = codes::PATH_HAIRPIN
        .at(&probe.text)
        .message(format!(
            "{} is silent from here, while {direct} answers: packets to the published address are not turned around on the host",
            probe.text
        ))
        .observed("silent at the published address, answered at the direct one")
        .expected("an answer at both")
        .detail("direct", direct);
    if found.likely { finding.likely() } else { finding.possible() }
}

pub(crate) fn family(probe: &Probe, wrong: Wrong) -> FindingBuilder {
    match wrong {
        Wrong::NoIpv6 { address, works_otherwise } => {
            let rest = if works_otherwise {
                "; its IPv4 address works, so only programs that do not try it are hurt"
            } else {
                "; it has no IPv4 address"
            };
            let finding = codes::PATH_NO_IPV6
                .at(&probe.text)
                .message(format!("{} has the IPv6 address {address}, and no route leads there{rest}", probe.hop.host))
                .observed("no IPv6 route")
                .expected("a route, or a name without an IPv6 address")
                .detail("name", &probe.hop.host)
                .detail("ip", address.to_string())
                .detail("ipv4-works", yes_or_no(works_otherwise));
            if works_otherwise { finding.level("info") } else { finding }
        }
        Wrong::Localhost => codes::PATH_LOCALHOST_IPV6
            .at(&probe.text)
            .message(format!(
                "localhost is ::1 first, where port {} is refused; the service answers at 127.0.0.1 only",
                probe.hop.port
            ))
            .observed("::1 refused, 127.0.0.1 connected")
            .expected("an answer at the first address")
            .detail("port", probe.hop.port.to_string()),
    }
}

pub(crate) fn black_hole(
    probe: &Probe,
    lost: &Large,
    carries: Option<u32>,
    interface: Option<(&str, u32)>,
    net: &Surroundings,
) -> FindingBuilder {
    let (path_mtu, again) = match lost {
        Large::Lost { path_mtu, again, .. } => (*path_mtu, *again),
        _ => (None, None),
    };
    let sent = path_mtu.or(interface.map(|(_, mtu)| mtu)).unwrap_or(1500);
    let through = match carries {
        Some(carries) => format!("packets of {carries} bytes arrive"),
        None => "a few bytes arrive".into(),
    };
    let often = again.map(|times| format!(", sent again {times} times")).unwrap_or_default();
    let finding = codes::PATH_MTU_BLACK_HOLE
        .at(&probe.text)
        .message(format!(
            "{through}, and packets of {sent} bytes are never acknowledged{often}: they are too large for the way, and nobody says so"
        ))
        .observed(carries.map_or_else(|| "no full packet acknowledged".to_owned(), |n| format!("{n} bytes at most")))
        .expected(format!("{sent} bytes"))
        .detail("mtu", sent.to_string())
        .detail("job-container", yes_or_no(net.in_container && net.github))
        .detail("suggested-mtu", carries.unwrap_or(1280).to_string());
    let finding = match interface {
        Some((name, _)) => finding.detail("interface", name),
        None => finding,
    };
    match carries {
        Some(carries) => finding.detail("carries", carries.to_string()),
        None => finding.likely(),
    }
}

pub(crate) fn idle_cut(probe: &Probe, seconds: u32) -> FindingBuilder {
    codes::PATH_IDLE_CUT
        .at(&probe.text)
        .message(format!(
            "after {seconds} s of silence nothing that is sent on the connection is acknowledged and no reset comes, while a new connection is made at once"
        ))
        .observed("no acknowledgement after the silence")
        .expected("the connection still there, or an end that is told")
        .detail("idle-s", seconds.to_string())
        .likely()
}

pub(crate) fn checksums(silent: Option<&Probe>, found: &Grown) -> FindingBuilder {
    let grown = found.wrong;
    let finding = match silent {
        Some(probe) => codes::PATH_BAD_CHECKSUMS.at(&probe.text),
        None => codes::PATH_BAD_CHECKSUMS.found().level("warn"),
    };
    let why = if found.serious {
        "a network card or driver computes those of tunnelled packets wrongly"
    } else {
        "a stray sender, damage on a line, or a network card that computes those of tunnelled packets wrongly"
    };
    let finding = finding
        .message(format!("UDP datagrams with wrong checksums that came while this check ran: {grown}; {why}"))
        .observed(format!("udp-checksum-errors grew by {grown}"))
        .expected("0")
        .detail("grown", grown.to_string());
    if found.serious { finding.likely() } else { finding.level("info").possible() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::tests::probe;
    use crate::reply::Reply;
    use crate::surroundings::tests::container;

    #[test]
    fn the_size_that_arrives_is_what_is_suggested() {
        let target = probe("10.0.0.1:9100", &[("10.0.0.1", Reply::Connected)]);
        let lost = Large::Lost { path_mtu: Some(1500), mss: Some(1448), again: Some(4) };
        let text =
            |carries| format!("{:?}", black_hole(&target, &lost, carries, Some(("eth0", 1500)), &container()).cite(1));
        assert!(text(Some(1400)).contains("\"1400\"") && text(Some(1400)).contains("certain"));
        assert!(text(None).contains("likely") && text(None).contains("\"1280\""));
    }

    #[test]
    fn what_hurts_nobody_is_information() {
        let address = seaworthy_check_sdk::ip::parse("2001:db8::1").unwrap();
        let target = probe("a.test:1", &[("2001:db8::1", Reply::NoRoute)]);
        let text =
            |works_otherwise| format!("{:?}", family(&target, Wrong::NoIpv6 { address, works_otherwise }).cite(1));
        assert!(text(true).contains("\"info\"") && text(false).contains("\"fail\""));
        let text = |serious| format!("{:?}", checksums(None, &Grown { wrong: 1, serious }).cite(1));
        assert!(text(false).contains("\"info\"") && text(false).contains("possible"));
        assert!(text(true).contains("\"warn\"") && text(true).contains("likely"));
    }

    #[test]
    fn what_is_not_known_of_forwarding_is_not_claimed() {
        let target = probe("10.1.0.1:9100", &[("10.1.0.1", Reply::Silent)]);
        let found = NoEgress {
            targets: vec![0],
            silent: 2,
            gateway: seaworthy_check_sdk::ip::parse("172.18.0.1").unwrap(),
            certain: false,
            likely: false,
        };
        let text = |forwards| {
            let beside = Beside { host_forwards: forwards, ..Beside::default() };
            format!("{:?}", no_egress(&target, &found, &beside, &container()).cite(1))
        };
        assert!(text(None).contains("most likely") && text(None).contains("\"unknown\""));
        assert!(text(Some(true)).contains("its rules drop") && text(None).contains("possible"));
    }
}
