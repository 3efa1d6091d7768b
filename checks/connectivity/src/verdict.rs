use crate::codes;
use crate::reply::{Icmp, Reply};
use crate::surroundings::Surroundings;
use seaworthy_check_sdk::Code;

/// How sure a verdict is; the words of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sureness {
    Certain,
    Likely,
    Possible,
}

/// What is wrong with a peer, and why that is believed.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) code: Code,
    pub(crate) sureness: Sureness,
    pub(crate) why: &'static str,
}

fn verdict(code: Code, sureness: Sureness, why: &'static str) -> Option<Verdict> {
    Some(Verdict { code, sureness, why })
}

/// From this on, "host unreachable" comes from a link that gave no answer and not from
/// a rule: Linux gives an absent neighbour about 3.07 s, a REJECT comes at once.
const ABSENT_MS: u64 = 1000;

/// Judges a connection that did not come about, from the dial's own answer, a second
/// attempt at the same port (`again`, which knows ICMP from RST), the answers of other
/// ports of the host, and what our own machine knows of the way. `None` when it could
/// not be tried.
pub(crate) fn of_connect(
    first: &Reply,
    again: Option<&Reply>,
    control: &[Reply],
    around: &Surroundings,
) -> Option<Verdict> {
    use Sureness::{Certain, Likely, Possible};
    match informed(first, again) {
        Reply::Untried { .. } | Reply::Connected => None,
        Reply::Icmp(icmp) => of_icmp(icmp),
        Reply::Refused => {
            let why = "the machine is up and answered with a TCP reset: nothing listens on this address and port";
            let sureness = match again {
                _ if around.own => Certain,
                Some(Reply::Refused) => Likely,
                _ => Possible,
            };
            verdict(codes::PEER_REFUSED, sureness, why)
        }
        Reply::Reset => verdict(codes::PEER_RESET, Likely, "the connection was reset while it was being made"),
        Reply::Forbidden => verdict(codes::PEER_REJECTED, Certain, "our own machine's rules forbid to connect there"),
        Reply::NoRoute => verdict(codes::PEER_NO_ROUTE, Certain, "no route leads there"),
        Reply::Unreachable { after_ms } => {
            if around.neighbour_is_dead() || *after_ms >= ABSENT_MS {
                return verdict(codes::PEER_HOST_DOWN, Certain, "nobody answers for this address on the link");
            }
            match again {
                Some(Reply::Unreachable { .. }) => {
                    verdict(codes::PEER_NO_ROUTE, Likely, "our own machine holds the address for unreachable, at once")
                }
                _ => verdict(
                    codes::PEER_REJECTED,
                    Possible,
                    "\"host unreachable\" came at once, as a firewall's answer does",
                ),
            }
        }
        Reply::Silence => of_silence(again, control, around),
    }
}

/// The more telling of two answers of the same port. The first waited longer; only the
/// second knows whether a RST or an ICMP message ended it.
fn informed<'a>(first: &'a Reply, again: Option<&'a Reply>) -> &'a Reply {
    match (first, again) {
        (
            Reply::Refused | Reply::Unreachable { .. } | Reply::NoRoute | Reply::Forbidden,
            Some(icmp @ Reply::Icmp(_)),
        ) => icmp,
        (Reply::Silence, Some(other)) if !matches!(other, Reply::Untried { .. } | Reply::Connected) => other,
        _ => first,
    }
}

/// Codes of RFC 792, RFC 1812 section 5.2.7 (IPv4, type 3) and RFC 4443 (IPv6, type 1).
fn of_icmp(icmp: &Icmp) -> Option<Verdict> {
    use Sureness::{Certain, Likely};
    let no_route = "a router on the way says that no route leads there";
    let rule = "the answer is an ICMP message, which a closed port never sends: a firewall rejects the connection";
    match (icmp.kind.as_str(), icmp.code.as_str()) {
        ("3" | "1", "0") | ("11", _) => verdict(codes::PEER_NO_ROUTE, Likely, no_route),
        ("3", "1") | ("1", "3") if icmp.after_ms >= ABSENT_MS => {
            verdict(codes::PEER_HOST_DOWN, Likely, "the last router says that the machine does not answer")
        }
        ("3", "1") | ("1", "3") => verdict(codes::PEER_REJECTED, Likely, rule),
        _ => verdict(codes::PEER_REJECTED, Certain, rule),
    }
}

/// Judges a QUIC dial that failed with a failure of `kind`. Over UDP nothing but
/// silence comes from a filter, and nothing but ICMP from a closed port; `udp` is
/// what the dial heard beside the handshake, `control` what TCP ports answered.
pub(crate) fn of_quic(
    kind: &str,
    udp: Option<&str>,
    first: &Reply,
    control: &[Reply],
    around: &Surroundings,
    patient: bool,
) -> Option<Verdict> {
    use Sureness::{Certain, Likely};
    match (kind, udp) {
        ("connection-refused", _) => verdict(
            codes::PEER_UDP_CLOSED,
            if around.own { Certain } else { Likely },
            "an ICMP message says that nothing takes UDP on this port; where only TCP is published or listened on, it is so",
        ),
        ("timeout", Some("answered")) => verdict(
            codes::PEER_HANDSHAKE_FAILED,
            Likely,
            "a QUIC listener answers, and the handshake does not come through: it is overloaded, or large packets get \
             lost on the way",
        ),
        ("timeout", _) if control.iter().any(Reply::shows_life) => verdict(
            codes::PEER_UDP_BLOCKED,
            Likely,
            "the machine answers over TCP and never over UDP, where a closed port would be told by ICMP: something on \
             the way drops UDP",
        ),
        ("timeout", _) if !patient => None,
        ("unsupported", _) | ("protocol", Some("foreign")) => {
            verdict(codes::PEER_NOT_LIBP2P, Certain, "the UDP port answers, and what it speaks is not libp2p over QUIC")
        }
        ("timeout" | "host-unreachable" | "network-unreachable" | "permission-denied", _) => {
            of_connect(first, None, control, around)
        }
        _ => of_rung("quic", kind, &Afterwards::default(), patient),
    }
}

fn of_silence(again: Option<&Reply>, control: &[Reply], around: &Surroundings) -> Option<Verdict> {
    use Sureness::{Certain, Likely, Possible};
    if again == Some(&Reply::Connected) {
        let why =
            "the first attempt got no answer, the second one connected: packets are lost or the peer is overloaded";
        return verdict(codes::PEER_SILENT, Likely, why);
    }
    if control.iter().any(Reply::shows_life) {
        // Never certain: a listener whose accept queue is full is just as silent.
        let why = "another port of the same machine answers at once, this one never: a rule drops its packets, or \
                   the listener's accept queue is full";
        return verdict(codes::PEER_FILTERED, Likely, why);
    }
    if around.neighbour_is_dead() {
        return if around.via.is_none() {
            verdict(codes::PEER_HOST_DOWN, Certain, "nobody answers for this address on the link")
        } else {
            verdict(codes::PEER_HOST_DOWN, Likely, "the gateway that leads there does not answer on the link")
        };
    }
    if control.iter().any(|reply| matches!(reply, Reply::Icmp(_))) {
        let why = "other ports are rejected with ICMP messages, this one is dropped: a firewall stands before it";
        return verdict(codes::PEER_FILTERED, Likely, why);
    }
    if around.neighbour_is_alive() || around.own {
        let why = "the machine answers on the link and would refuse a closed port at once: a rule drops its packets, \
                   or the listener's accept queue is full";
        return verdict(codes::PEER_FILTERED, Likely, why);
    }
    if around.has_route == Some(false) {
        return verdict(codes::PEER_NO_ROUTE, Likely, "no route leads there");
    }
    verdict(codes::PEER_SILENT, Possible, "nothing came back, and nothing else is known of the machine")
}

/// Whether two lists of addresses that peers listen on are of two machines: each has some
/// beyond loopback, and they have none in common. One machine says the same list wherever it
/// is reached.
pub(crate) fn are_two(one: &[String], other: &[String]) -> bool {
    let own = |list: &[String]| -> Vec<String> {
        let named = |address: &&String| {
            let host = address.split('/').nth(2).unwrap_or_default();
            !seaworthy_check_sdk::ip::is_loopback(host) && !matches!(host, "0.0.0.0" | "::" | "")
        };
        let bare = |address: &String| address.split("/p2p/").next().unwrap_or_default().to_owned();
        list.iter().filter(named).map(bare).collect()
    };
    let (one, other) = (own(one), own(other));
    !one.is_empty() && !other.is_empty() && !one.iter().any(|address| other.contains(address))
}

/// What a port that accepted did when it was asked again, without and with an HTTP request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Afterwards {
    /// Something was tried again.
    pub(crate) tried: bool,
    /// What it said, if it said anything that is not libp2p's greeting.
    pub(crate) foreign: bool,
    /// It greeted as libp2p does, after all.
    pub(crate) greeted: bool,
    /// What it says looks enciphered, and is another each time.
    pub(crate) secretive: bool,
    /// It closed or reset the connection without a word.
    pub(crate) hung_up: bool,
}

/// Judges a dial that failed at `rung` with a failure of `kind`, once TCP was connected
/// (or, for `resolve`, before it was tried). `None` when it could not be tried, or ended
/// by our own time limit before a healthy peer had to answer (`patient` is false).
pub(crate) fn of_rung(rung: &str, kind: &str, after: &Afterwards, patient: bool) -> Option<Verdict> {
    use Sureness::{Certain, Likely, Possible};
    if matches!(kind, "denied" | "cancelled" | "exhausted" | "too-many-open-files" | "invalid") {
        return None;
    }
    if kind == "timeout" && !patient && !after.foreign {
        return None;
    }
    let not_libp2p = "the port is open, and what it says is not libp2p";
    match (rung, kind) {
        ("relay", "relay-refused") => {
            verdict(codes::PEER_RELAY_FAILED, Certain, "the relay answers and does not connect to the peer")
        }
        ("relay", "unsupported") => {
            verdict(codes::PEER_RELAY_FAILED, Certain, "what answers is a libp2p peer, and no relay")
        }
        ("relay", "wrong-peer-id") => {
            verdict(codes::PEER_RELAY_FAILED, Certain, "the relay has another identity than the address names")
        }
        ("relay", _) => {
            verdict(codes::PEER_RELAY_FAILED, Likely, "the way ends at the relay, which did not do its part")
        }
        (_, "wrong-peer-id") => {
            verdict(codes::PEER_WRONG_ID, Certain, "the peer proved another key in the encrypted handshake")
        }
        (_, "self-dial") => verdict(codes::PEER_SELF, Certain, "the address leads back to this very process"),
        ("resolve" | "dns", "dns-not-found") => {
            verdict(codes::PEER_DNS_NOT_FOUND, Certain, "the resolver says that the name does not exist")
        }
        ("resolve" | "dns", _) => verdict(codes::PEER_DNS_FAILURE, Likely, "the resolver gave no answer, or a bad one"),
        ("multistream", "protocol") if after.secretive => verdict(
            codes::PEER_PRIVATE_NETWORK,
            Likely,
            "the port answers with enciphered bytes, others each time, as peers of a private network do to who has not \
             their key",
        ),
        ("multistream", "protocol") => verdict(codes::PEER_NOT_LIBP2P, Certain, not_libp2p),
        ("multistream", _) if after.foreign => verdict(codes::PEER_NOT_LIBP2P, Certain, not_libp2p),
        ("multistream", _) if after.greeted => verdict(
            codes::PEER_HANDSHAKE_FAILED,
            Likely,
            "the first attempt failed, a second one was greeted by libp2p",
        ),
        ("multistream", "closed" | "connection-reset") => verdict(
            codes::PEER_RESET,
            if after.hung_up { Certain } else { Likely },
            "the connection was accepted and closed again without a word, as a proxy does whose backend refuses",
        ),
        ("multistream", "timeout") if after.hung_up => verdict(
            codes::PEER_NOT_LIBP2P,
            Likely,
            "the port accepts, says nothing to libp2p and hangs up on anything else",
        ),
        ("multistream", "timeout") => verdict(
            codes::PEER_WEDGED,
            if after.tried { Likely } else { Possible },
            "the port accepts connections and says nothing: the process behind it does not run its loop",
        ),
        ("identify" | "ping", _) => verdict(
            codes::PEER_IDENTIFY_FAILED,
            Certain,
            "the encrypted connection stands, and the peer does not say who it is",
        ),
        (_, "timeout") => verdict(
            codes::PEER_HANDSHAKE_FAILED,
            Likely,
            "the peer greeted as libp2p and fell silent during the handshake: it is stopped or overloaded, or large \
             packets get lost on the way",
        ),
        ("noise", "closed" | "connection-reset") => verdict(
            codes::PEER_HANDSHAKE_FAILED,
            Likely,
            "the peer speaks libp2p and broke off during the handshake: another private-network key, or no common version",
        ),
        _ => verdict(
            codes::PEER_HANDSHAKE_FAILED,
            Certain,
            "the peer speaks libp2p, and no common way to go on was found",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Sureness::{Certain, Likely, Possible};

    fn icmp(kind: &str, code: &str, after_ms: u64) -> Reply {
        Reply::Icmp(Icmp { kind: kind.into(), code: code.into(), from: None, after_ms })
    }

    fn neighbour(state: &str) -> Surroundings {
        Surroundings { on_link: true, has_route: Some(true), neighbour: Some(state.into()), ..Surroundings::default() }
    }

    /// The signatures of what answers and what does not, one case a line.
    #[test]
    fn every_signature_has_its_own_verdict() {
        let far = Surroundings { has_route: Some(true), ..Surroundings::default() };
        let own = Surroundings { own: true, ..Surroundings::default() };
        for (name, first, again, control, around, code, sureness) in [
            (
                "nothing listens",
                Reply::Refused,
                Some(Reply::Refused),
                vec![Reply::Refused],
                far.clone(),
                "peer.refused",
                Likely,
            ),
            ("nothing listens here", Reply::Refused, None, vec![], own, "peer.refused", Certain),
            ("refused, not confirmed", Reply::Refused, None, vec![], far.clone(), "peer.refused", Possible),
            (
                "REJECT",
                Reply::Refused,
                Some(icmp("3", "3", 0)),
                vec![Reply::Refused],
                far.clone(),
                "peer.rejected",
                Certain,
            ),
            (
                "host-prohibited",
                Reply::Unreachable { after_ms: 0 },
                Some(icmp("3", "10", 0)),
                vec![],
                far.clone(),
                "peer.rejected",
                Certain,
            ),
            (
                "reject-with host-unreachable",
                Reply::Unreachable { after_ms: 0 },
                Some(icmp("3", "1", 0)),
                vec![],
                far.clone(),
                "peer.rejected",
                Likely,
            ),
            (
                "DROP, port 1 refused",
                Reply::Silence,
                Some(Reply::Silence),
                vec![Reply::Silence, Reply::Refused],
                far.clone(),
                "peer.filtered",
                Likely,
            ),
            (
                "DROP of everything on the link",
                Reply::Silence,
                Some(Reply::Silence),
                vec![Reply::Silence],
                neighbour("reachable"),
                "peer.filtered",
                Likely,
            ),
            (
                "absent neighbour",
                Reply::Unreachable { after_ms: 3066 },
                Some(Reply::Silence),
                vec![],
                far.clone(),
                "peer.host-down",
                Certain,
            ),
            (
                "absent neighbour, short budget",
                Reply::Silence,
                Some(Reply::Silence),
                vec![Reply::Silence],
                neighbour("incomplete"),
                "peer.host-down",
                Certain,
            ),
            (
                "router says absent",
                Reply::Unreachable { after_ms: 3066 },
                Some(icmp("3", "1", 3010)),
                vec![],
                far.clone(),
                "peer.host-down",
                Likely,
            ),
            ("no route", Reply::NoRoute, Some(Reply::NoRoute), vec![], far.clone(), "peer.no-route", Certain),
            (
                "router has no route",
                Reply::NoRoute,
                Some(icmp("3", "0", 1)),
                vec![],
                far.clone(),
                "peer.no-route",
                Likely,
            ),
            (
                "silence",
                Reply::Silence,
                Some(Reply::Silence),
                vec![Reply::Silence],
                far.clone(),
                "peer.silent",
                Possible,
            ),
            ("lossy", Reply::Silence, Some(Reply::Connected), vec![], far.clone(), "peer.silent", Likely),
            ("reset", Reply::Reset, None, vec![], far, "peer.reset", Likely),
        ] {
            let verdict = of_connect(&first, again.as_ref(), &control, &around).expect(name);
            assert_eq!((verdict.code.code, verdict.sureness), (code, sureness), "{name}");
        }
        let untried = Reply::Untried { kind: "too-many-open-files".into(), message: String::new() };
        assert!(of_connect(&untried, None, &[], &Surroundings::default()).is_none());
    }

    #[test]
    fn a_dead_gateway_is_not_a_dead_peer_for_certain() {
        let around = Surroundings { on_link: false, via: "10.0.0.1".parse().ok(), ..neighbour("failed") };
        let verdict = of_connect(&Reply::Silence, None, &[], &around).unwrap();
        assert_eq!((verdict.code.code, verdict.sureness), ("peer.host-down", Likely));
    }

    #[test]
    fn every_rung_has_its_own_verdict() {
        let said =
            |foreign, greeted, hung_up| Afterwards { tried: true, foreign, greeted, hung_up, ..Afterwards::default() };
        for (rung, kind, after, code) in [
            ("resolve", "dns-not-found", Afterwards::default(), "peer.dns-not-found"),
            ("resolve", "timeout", Afterwards::default(), "peer.dns-failure"),
            ("multistream", "protocol", Afterwards::default(), "peer.not-libp2p"),
            ("multistream", "timeout", said(true, false, false), "peer.not-libp2p"),
            ("multistream", "timeout", said(false, false, false), "peer.wedged"),
            ("multistream", "timeout", said(false, true, false), "peer.handshake-failed"),
            ("multistream", "closed", said(false, false, true), "peer.reset"),
            ("noise", "wrong-peer-id", Afterwards::default(), "peer.wrong-id"),
            ("noise", "self-dial", Afterwards::default(), "peer.self"),
            ("noise", "unsupported", Afterwards::default(), "peer.handshake-failed"),
            ("yamux", "timeout", Afterwards::default(), "peer.handshake-failed"),
            ("identify", "timeout", Afterwards::default(), "peer.identify-failed"),
        ] {
            assert_eq!(of_rung(rung, kind, &after, true).unwrap().code.code, code, "{rung} {kind}");
        }
        assert!(of_rung("resolve", "denied", &Afterwards::default(), true).is_none());
    }

    #[test]
    fn over_udp_silence_and_icmp_have_verdicts_of_their_own() {
        let far = Surroundings { has_route: Some(true), ..Surroundings::default() };
        let refused = [Reply::Silence, Reply::Refused];
        let silent = [Reply::Silence];
        let icmp = icmp("3", "3", 0);
        for (kind, udp, first, control, around, code, sureness) in [
            ("timeout", Some("silent"), &Reply::Silence, &refused[..], &far, "peer.udp-blocked", Likely),
            ("timeout", Some("silent"), &Reply::Silence, &silent, &far, "peer.silent", Possible),
            ("timeout", None, &Reply::Silence, &silent, &neighbour("reachable"), "peer.filtered", Likely),
            ("timeout", Some("silent"), &Reply::Silence, &[], &neighbour("incomplete"), "peer.host-down", Certain),
            ("timeout", Some("answered"), &Reply::Silence, &refused, &far, "peer.handshake-failed", Likely),
            ("connection-refused", None, &icmp, &[], &far, "peer.udp-closed", Likely),
            ("unsupported", None, &icmp, &[], &far, "peer.not-libp2p", Certain),
            ("protocol", Some("foreign"), &icmp, &[], &far, "peer.not-libp2p", Certain),
            ("protocol", None, &icmp, &[], &far, "peer.handshake-failed", Certain),
            ("network-unreachable", None, &Reply::NoRoute, &[], &far, "peer.no-route", Certain),
            ("self-dial", None, &Reply::Silence, &[], &far, "peer.self", Certain),
        ] {
            let verdict = of_quic(kind, udp, first, control, around, true).expect(kind);
            assert_eq!((verdict.code.code, verdict.sureness), (code, sureness), "{kind} {udp:?}");
        }
        assert!(of_quic("timeout", Some("silent"), &Reply::Silence, &silent, &far, false).is_none());
        assert!(of_quic("denied", None, &Reply::Silence, &[], &far, true).is_none());
    }

    #[test]
    fn one_machine_says_the_same_wherever_it_is_reached() {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let (a, b) = (list(&["/ip4/10.0.0.2/tcp/9100", "/ip4/127.0.0.1/tcp/9100"]), list(&["/ip4/10.0.0.3/tcp/9100"]));
        assert!(are_two(&a, &b));
        assert!(!are_two(&a, &list(&["/ip4/10.0.0.2/tcp/9100/p2p/12D3", "/ip4/10.0.0.9/tcp/1"])));
        assert!(!are_two(&a, &[]) && !are_two(&a, &list(&["/ip4/127.0.0.1/tcp/9100", "/ip4/0.0.0.0/tcp/9100"])));
    }

    #[test]
    fn a_private_network_is_told_from_another_protocol() {
        let code = |secretive, kind: &str| {
            let after = Afterwards { tried: true, secretive, foreign: true, ..Afterwards::default() };
            of_rung("multistream", kind, &after, true).unwrap().code.code
        };
        assert_eq!(code(true, "protocol"), "peer.private-network");
        assert_eq!((code(false, "protocol"), code(true, "timeout")), ("peer.not-libp2p", "peer.not-libp2p"));
    }

    #[test]
    fn what_a_relay_does_is_no_fault_of_the_handshake() {
        for kind in ["relay-refused", "unsupported", "wrong-peer-id", "closed", "timeout"] {
            let verdict = of_rung("relay", kind, &Afterwards::default(), true).unwrap();
            assert_eq!(verdict.code.code, "peer.relay-failed", "{kind}");
        }
        assert!(of_rung("relay", "timeout", &Afterwards::default(), false).is_none());
    }

    #[test]
    fn our_own_short_time_limit_is_no_fault_of_the_peer() {
        let hung_up = Afterwards { tried: true, hung_up: true, ..Afterwards::default() };
        for rung in ["resolve", "multistream", "noise", "yamux", "identify", "ping"] {
            assert!(of_rung(rung, "timeout", &hung_up, false).is_none(), "{rung}");
            assert!(of_rung(rung, "timeout", &hung_up, true).is_some(), "{rung}");
        }
        // What the peer did say needs no more time.
        let foreign = Afterwards { tried: true, foreign: true, ..Afterwards::default() };
        assert_eq!(of_rung("multistream", "timeout", &foreign, false).unwrap().code.code, "peer.not-libp2p");
        assert_eq!(of_rung("noise", "wrong-peer-id", &hung_up, false).unwrap().code.code, "peer.wrong-id");
        assert!(of_rung("noise", "closed", &hung_up, false).is_some());
    }

    #[test]
    fn a_time_out_in_the_handshake_speaks_of_no_key_and_no_version() {
        for rung in ["noise", "yamux"] {
            let verdict = of_rung(rung, "timeout", &Afterwards::default(), true).unwrap();
            assert_eq!(verdict.sureness, Likely);
            assert!(verdict.why.contains("silent") && !verdict.why.contains("key"), "{}", verdict.why);
        }
    }
}
