//! One case for each cause, and for the look-alikes it must be told from.

use crate::record::{self, *};
use seaworthy_diagnose::{catalogue, explain};
use seaworthy_model::{Confidence, Diagnosis, Layer, Level, Report, RunRecord};
use std::collections::BTreeSet;

const LOOPBACK: &str = "/ip4/127.0.0.1/tcp/9100/p2p/12D3KooWPeer";
const GATEWAY: &str = "/ip4/172.17.0.1/tcp/9100/p2p/12D3KooWPeer";

fn peer(code: &str, target: &str) -> F {
    let layer = match code.split('.').next_back().unwrap() {
        "refused" | "rejected" | "filtered" | "silent" | "reset" | "udp-blocked" | "udp-closed" => Layer::Tcp,
        "dns-not-found" | "dns-failure" => Layer::Dns,
        "wrong-id" | "self" => Layer::Identity,
        "no-cache-protocol" => Layer::Protocol,
        "no-route" | "host-down" => Layer::Interface,
        _ => Layer::Libp2p,
    };
    finding(code, layer).at(target)
}

fn none_reachable() -> F {
    finding("peers.none-reachable", Layer::Tcp)
}

/// What must hold whatever the case: each failure in exactly one cause, and the counts right.
fn whole(diagnosis: &Diagnosis) {
    let mut explained = BTreeSet::new();
    for cause in &diagnosis.causes {
        assert_eq!(cause.would_fix, cause.explains.len() + cause.blocks.len(), "{}", cause.code);
        assert!(!cause.remediations.is_empty(), "{}", cause.code);
        assert!(!cause.supported_by.is_empty(), "{}", cause.code);
        if let Some(page) = catalogue().iter().find(|page| page.code == cause.code) {
            let proofs = cause.remediations.iter().filter_map(|remedy| remedy.verified_by.as_ref());
            assert!(proofs.clone().any(|check| check == page.proof), "{}: {proofs:?}", page.code);
        }
        for remediation in &cause.remediations {
            assert!(!remediation.steps.is_empty(), "{}", remediation.id);
            let proof = remediation.verified_by.as_ref().unwrap();
            assert!(diagnosis.record.steps.iter().any(|step| step.id == *proof), "{proof} is not a check of this run");
        }
        for fingerprint in &cause.explains {
            assert!(explained.insert(fingerprint.clone()), "{fingerprint} has two causes");
        }
    }
    for finding in diagnosis.record.steps.iter().flat_map(|step| &step.findings).filter(|f| f.level == Level::Fail) {
        assert!(explained.contains(&finding.fingerprint), "{} has no cause", finding.fingerprint);
    }
}

pub(crate) fn diagnose(record: RunRecord, host: Option<&Report>) -> Diagnosis {
    let diagnosis = explain(record.clone(), host);
    whole(&diagnosis);
    assert_eq!(explain(record, host), diagnosis, "not deterministic");
    diagnosis
}

/// Codes and confidences of all causes, in order.
pub(crate) fn causes(diagnosis: &Diagnosis) -> Vec<(&str, Confidence)> {
    diagnosis.causes.iter().map(|cause| (cause.code.as_str(), cause.confidence)).collect()
}

fn commands(diagnosis: &Diagnosis) -> Vec<&str> {
    let steps = diagnosis.causes[0].remediations.iter().flat_map(|remedy| &remedy.steps);
    steps.filter_map(|step| step.command.as_deref()).collect()
}

pub(crate) fn says(diagnosis: &Diagnosis, command: &str) {
    assert!(commands(diagnosis).iter().any(|c| c.contains(command)), "{command} is not in {:#?}", commands(diagnosis));
}

use Confidence::{Certain, Likely, Possible};

#[test]
fn loopback_inside_a_bridge() {
    let mut record = suite(
        BRIDGE,
        vec![finding("docker.loopback-peer", Layer::Interface).at(LOOPBACK)],
        vec![peer("peer.refused", LOOPBACK), none_reachable()],
    );
    record.steps.push(blocked("cache.operations", "net.connectivity", Some("peer.refused")));
    let diagnosis = diagnose(with_peers(record, LOOPBACK), None);
    assert_eq!(causes(&diagnosis), [("docker.loopback-in-bridge", Certain)]);
    let cause = &diagnosis.causes[0];
    assert_eq!(cause.blocks, ["cache.operations"]);
    assert_eq!(cause.would_fix, 4);
    assert!(cause.explains[0].contains("docker.loopback-peer"));
    let order: Vec<&str> = cause.remediations.iter().map(|remedy| remedy.id.as_str()).collect();
    assert_eq!(order, ["use-gateway-address", "use-host-gateway-name", "use-shared-network", "use-host-network"]);
    assert_eq!(commands(&diagnosis)[0], format!("export CACHE_BOOTSTRAP_PEERS={GATEWAY}"));
    says(&diagnosis, "--add-host host.docker.internal:host-gateway");
    says(&diagnosis, "docker network create");
    assert!(cause.remediations[3].tradeoff.is_some());
    assert_eq!(cause.remediations[0].verified_by.as_deref(), Some("net.connectivity"));
    let by_cause: Vec<_> = diagnosis.record.steps[1].findings.iter().map(|f| f.caused_by.as_deref()).collect();
    assert_eq!(by_cause, [Some("docker.loopback-in-bridge"); 2]);
}

#[test]
fn the_own_address_is_not_called_loopback() {
    let own = finding("docker.loopback-peer", Layer::Interface)
        .at("/ip4/172.17.0.2/tcp/9100/p2p/A")
        .detail("kind", "own-address");
    let diagnosis = diagnose(suite(BRIDGE, vec![own], vec![]), None);
    assert_eq!(causes(&diagnosis), [("docker.loopback-in-bridge", Certain)]);
    assert!(diagnosis.causes[0].message.contains("is this container's own address"), "{}", diagnosis.causes[0].message);
    says(&diagnosis, "export CACHE_BOOTSTRAP_PEERS=/ip4/172.17.0.1/tcp/9100/p2p/A");
}

#[test]
fn loopback_is_named_even_without_the_network_check() {
    // The facts say bridge; only the connectivity check found something.
    let diagnosis = diagnose(suite(BRIDGE, vec![], vec![peer("peer.refused", LOOPBACK)]), None);
    assert_eq!(causes(&diagnosis), [("docker.loopback-in-bridge", Certain)]);
    // On the machine itself, and on the host's network, loopback is right and the peer is down.
    for site in
        [MACHINE.to_vec(), vec![("in-container", "true"), ("network-mode", "host"), ("container-kind", "docker")]]
    {
        let diagnosis = diagnose(suite(&site, vec![], vec![peer("peer.refused", LOOPBACK)]), None);
        assert_eq!(causes(&diagnosis), [("listener.none-or-loopback", Likely)]);
    }
}

#[test]
fn only_the_wrong_peer_of_a_list_is_replaced() {
    let other = "/dns4/cache.example/tcp/9100/p2p/12D3KooWOther";
    let record = suite(BRIDGE, vec![], vec![peer("peer.refused", LOOPBACK)]);
    let diagnosis = diagnose(with_peers(record, &format!("{LOOPBACK}, {other}")), None);
    assert_eq!(commands(&diagnosis)[0], format!("export CACHE_BOOTSTRAP_PEERS={GATEWAY},{other}"));
}

#[test]
fn a_refused_port_on_the_host_by_what_the_host_shows() {
    let refused = || suite(BRIDGE, vec![], vec![peer("peer.refused", GATEWAY), none_reachable()]);
    for (listeners, code, confidence) in [
        (vec![("127.0.0.1", 9100), ("0.0.0.0", 22)], "listener.loopback-only", Certain),
        (vec![("::1", 9100), ("127.0.0.1", 9100)], "listener.loopback-only", Certain),
        (vec![("0.0.0.0", 22)], "listener.nothing-listening", Certain),
        (vec![("192.168.7.7", 9100)], "listener.other-address", Certain),
        (vec![("127.0.0.1", 9100), ("0.0.0.0", 9100)], "firewall.reset", Likely),
        (vec![("172.17.0.1", 9100)], "firewall.reset", Likely),
    ] {
        let report = host(&listeners);
        let diagnosis = diagnose(refused(), Some(&report));
        assert_eq!(causes(&diagnosis), [(code, confidence)], "{listeners:?}");
        assert_eq!(diagnosis.causes[0].explains.len(), 2, "none-reachable follows");
    }
    let diagnosis = diagnose(refused(), None);
    assert_eq!(causes(&diagnosis), [("listener.none-or-loopback", Likely)]);
    let message = &diagnosis.causes[0].message;
    assert!(message.contains("127.0.0.1 only") && message.contains("no peer is running"), "{message}");
    assert!(message.contains("ss -ltnp 'sport = :9100'"), "{message}");
    says(&diagnosis, "seaworthy peer --listen /ip4/172.17.0.1/tcp/9100");
}

#[test]
fn firewalls_by_how_they_answer() {
    let of = |finding: F, report: Option<&Report>| diagnose(suite(BRIDGE, vec![], vec![finding]), report);
    let rejected = peer("peer.rejected", GATEWAY).detail("icmp-type", "3").detail("icmp-code", "10");
    let diagnosis = of(rejected, None);
    assert_eq!(causes(&diagnosis), [("firewall.reject", Certain)]);
    says(&diagnosis, "iptables -I INPUT -i docker0 -s 172.17.0.0/16 -d 172.17.0.1 -p tcp --dport 9100 -j ACCEPT");
    says(&diagnosis, "ufw allow in on docker0 from 172.17.0.0/16 to any port 9100 proto tcp");
    assert_eq!(causes(&of(peer("peer.filtered", GATEWAY), None)), [("firewall.drop", Likely)]);
    let open = host(&[("0.0.0.0", 9100)]);
    assert_eq!(causes(&of(peer("peer.filtered", GATEWAY), Some(&open))), [("firewall.drop", Likely)]);
    assert_eq!(causes(&of(peer("peer.silent", GATEWAY), None)), [("firewall.drop", Possible)]);
    assert_eq!(causes(&of(peer("peer.host-down", GATEWAY), None)), [("net.host-down", Certain)]);
    assert_eq!(causes(&of(peer("peer.reset", GATEWAY), None)), [("listener.behind-published-port", Likely)]);
}

#[test]
fn udp_is_not_tcp() {
    let quic = "/ip4/172.17.0.1/udp/9100/quic-v1/p2p/A";
    // Sockets that listen on TCP say nothing about UDP.
    for report in [None, Some(host(&[("0.0.0.0", 9100)])), Some(host(&[("127.0.0.1", 9100)]))] {
        let of =
            |code: &str| diagnose(suite(BRIDGE, vec![], vec![peer(code, quic), none_reachable()]), report.as_ref());
        let blocked = of("peer.udp-blocked");
        assert_eq!(causes(&blocked), [("firewall.udp", Likely)]);
        says(&blocked, "iptables -I INPUT -i docker0 -s 172.17.0.0/16 -d 172.17.0.1 -p udp --dport 9100 -j ACCEPT");
        assert_eq!(commands(&blocked)[0], "export CACHE_BOOTSTRAP_PEERS=/ip4/172.17.0.1/tcp/9100/p2p/A");
        let closed = of("peer.udp-closed");
        assert_eq!(causes(&closed), [("listener.no-udp", Certain)]);
        says(&closed, "docker run -p 9100:9100 -p 9100:9100/udp");
        assert_eq!(closed.causes[0].explains.len(), 2, "none-reachable follows");
    }
    let lost = diagnose(suite(BRIDGE, vec![], vec![peer("peer.handshake-failed", quic)]), None);
    assert_eq!(causes(&lost), [("quic.handshake-failed", Certain)]);
    says(&lost, "ping -M do -s 1252 172.17.0.1");
    let wrong = peer("peer.wrong-id", quic).detail("seen-peer-id", "B").detail("expected-peer-id", "A");
    says(&diagnose(suite(BRIDGE, vec![], vec![wrong]), None), "/ip4/172.17.0.1/udp/9100/quic-v1/p2p/B");
}

#[test]
fn a_relay_is_told_by_what_it_answered() {
    let target = "/ip4/10.0.0.5/tcp/9100/p2p/R/p2p-circuit/p2p/A";
    let of = |status: &str| {
        let mut found = peer("peer.relay-failed", target).detail("relay-peer-id", "R");
        if !status.is_empty() {
            found = found.detail("status", status);
        }
        diagnose(suite(BRIDGE, vec![], vec![found, none_reachable()]), None)
    };
    for (status, says_so) in [
        ("NO_RESERVATION", "seaworthy peer --relay /ip4/10.0.0.5/tcp/9100/p2p/R"),
        ("CONNECTION_FAILED", "seaworthy peer --relay /ip4/10.0.0.5/tcp/9100/p2p/R"),
        ("", "seaworthy peer --relay-server"),
    ] {
        let diagnosis = of(status);
        assert_eq!(causes(&diagnosis), [("relay.no-way", Certain)], "{status}");
        says(&diagnosis, says_so);
    }
    let full = of("RESOURCE_LIMIT_EXCEEDED");
    assert_eq!((full.causes[0].remediations[0].id.as_str(), commands(&full).len()), ("spare-relay", 0));
}

#[test]
fn silence_elsewhere() {
    let of = |code: &str, target: &str| causes_of(suite(USER_DEFINED, vec![], vec![peer(code, target)]));
    assert_eq!(of("peer.silent", "/ip4/172.21.0.9/tcp/9100/p2p/A"), [("docker.other-network".into(), Likely)]);
    assert_eq!(of("peer.filtered", "/ip4/172.21.0.9/tcp/9100/p2p/A"), [("docker.other-network".into(), Likely)]);
    assert_eq!(of("peer.no-route", "/ip4/192.168.80.9/tcp/9100/p2p/A"), [("docker.other-network".into(), Possible)]);
    // In our own subnet, or public, it is not another network.
    assert_eq!(of("peer.host-down", "/ip4/172.20.0.9/tcp/9100/p2p/A"), [("net.host-down".into(), Certain)]);
    assert_eq!(of("peer.silent", "/ip4/203.0.113.5/tcp/9100/p2p/A"), [("net.silent".into(), Possible)]);
    assert_eq!(of("peer.no-route", "/ip6/2001:db8::1/tcp/9100/p2p/A"), [("net.no-route".into(), Certain)]);
    let record = suite(USER_DEFINED, vec![], vec![peer("peer.silent", "/ip4/172.21.0.9/tcp/9100/p2p/A")]);
    says(&diagnose(record, None), "docker network connect NETWORK $(hostname)");
    // Without a container there is no other container network.
    let record = suite(MACHINE, vec![], vec![peer("peer.silent", "/ip4/172.21.0.9/tcp/9100/p2p/A")]);
    assert_eq!(causes_of(record), [("net.silent".into(), Possible)]);
}

fn causes_of(record: RunRecord) -> Vec<(String, Confidence)> {
    diagnose(record, None).causes.into_iter().map(|cause| (cause.code, cause.confidence)).collect()
}

#[test]
fn no_network_explains_every_peer() {
    let site = [("container-kind", "docker"), ("in-container", "true"), ("network-mode", "none")];
    let record = suite(
        &site,
        vec![finding("docker.no-network", Layer::Interface)],
        vec![peer("peer.no-route", GATEWAY), peer("peer.dns-failure", "/dns4/cache/tcp/9100/p2p/A"), none_reachable()],
    );
    let diagnosis = diagnose(record, None);
    assert_eq!(causes(&diagnosis), [("docker.no-network", Certain)]);
    assert_eq!(diagnosis.causes[0].explains.len(), 4);
    assert_eq!(diagnosis.causes[0].explains[0], "docker.network-mode/docker.no-network//0");
}

#[test]
fn names_that_do_not_resolve() {
    let name = "/dns4/cache/tcp/9100/p2p/A";
    let on_bridge = finding("docker.name-on-default-bridge", Layer::Dns).at(name).warn();
    let diagnosis = diagnose(suite(BRIDGE, vec![on_bridge], vec![peer("peer.dns-not-found", name)]), None);
    assert_eq!(causes(&diagnosis), [("dns.name-not-found", Certain)]);
    assert!(diagnosis.causes[0].message.contains("default bridge"), "{}", diagnosis.causes[0].message);
    says(&diagnosis, "docker network connect --alias cache cache-net");
    let diagnosis = diagnose(suite(USER_DEFINED, vec![], vec![peer("peer.dns-not-found", name)]), None);
    assert!(diagnosis.causes[0].message.contains("misspelt"), "{}", diagnosis.causes[0].message);
    assert_eq!(diagnosis.causes[0].remediations[0].id, "correct-name");
    assert_eq!(
        causes_of(suite(BRIDGE, vec![], vec![peer("peer.dns-failure", name)])),
        [("dns.resolver-failed".into(), Certain)]
    );
    let host = "/dns4/host.docker.internal/tcp/9100/p2p/A";
    let unresolved = finding("docker.host-name-unresolved", Layer::Dns).at(host);
    let diagnosis = diagnose(suite(BRIDGE, vec![unresolved], vec![peer("peer.dns-not-found", host)]), None);
    assert_eq!(causes(&diagnosis), [("docker.host-name-unresolved", Certain)]);
    says(&diagnosis, "export CACHE_BOOTSTRAP_PEERS=/ip4/172.17.0.1/tcp/9100/p2p/A");
}

#[test]
fn a_wrong_gateway_explains_silence_there_only() {
    let host = "/dns4/host.docker.internal/tcp/9100/p2p/A";
    let wrong = || finding("docker.wrong-gateway", Layer::Interface).at(host).warn();
    let mut site = USER_DEFINED.to_vec();
    site.push(("host-internal-address", "172.17.0.1"));
    let diagnosis = diagnose(suite(&site, vec![wrong()], vec![peer("peer.silent", host)]), None);
    assert_eq!(causes(&diagnosis), [("docker.wrong-gateway", Likely)]);
    says(&diagnosis, "/ip4/172.20.0.1/tcp/9100/p2p/A");
    // A refusal came from that very machine, so it was reached.
    let diagnosis = diagnose(suite(&site, vec![wrong()], vec![peer("peer.refused", host)]), None);
    assert_eq!(causes(&diagnosis), [("listener.none-or-loopback", Likely), ("docker.wrong-gateway", Certain)]);
}

#[test]
fn addresses_are_corrected() {
    let id = "12D3KooWSeen";
    for (code, target, seen, cause, written) in [
        ("addr.host-port", "10.0.0.5:9100", Some(id), "address.host-port", "/ip4/10.0.0.5/tcp/9100/p2p/12D3KooWSeen"),
        (
            "addr.host-port",
            "127.0.0.1:9100",
            Some(id),
            "address.host-port",
            "/ip4/172.17.0.1/tcp/9100/p2p/12D3KooWSeen",
        ),
        ("addr.url", "http://cache.example:9100", None, "address.url", "/dns4/cache.example/tcp/9100/p2p/ID"),
        (
            "addr.placeholder-peer-id",
            "/ip4/10.0.0.5/tcp/9100/p2p/YOUR_PEER_ID",
            Some(id),
            "address.placeholder-peer-id",
            "/ip4/10.0.0.5/tcp/9100/p2p/12D3KooWSeen",
        ),
        (
            "addr.bad-peer-id",
            "/ip4/10.0.0.5/tcp/9100/p2p/12D3l0O",
            None,
            "address.bad-peer-id",
            "/ip4/10.0.0.5/tcp/9100/p2p/ID",
        ),
        (
            "addr.missing-peer-id",
            "/ip4/10.0.0.5/tcp/9100",
            Some(id),
            "address.missing-peer-id",
            "/ip4/10.0.0.5/tcp/9100/p2p/12D3KooWSeen",
        ),
        (
            "addr.unspecified",
            "/ip4/0.0.0.0/tcp/9100/p2p/A",
            None,
            "address.unspecified",
            "/ip4/172.17.0.1/tcp/9100/p2p/A",
        ),
        (
            "addr.unsupported-transport",
            "/ip4/10.0.0.5/udp/9100/quic-v1/webtransport/p2p/A",
            None,
            "address.unsupported-transport",
            "/ip4/10.0.0.5/tcp/9100/p2p/A",
        ),
    ] {
        let mut found = finding(code, Layer::Config).at(target);
        if let Some(seen) = seen {
            found = found.detail("seen-peer-id", seen);
        }
        let diagnosis = diagnose(suite(BRIDGE, vec![], vec![found, none_reachable()]), None);
        assert_eq!(causes(&diagnosis), [(cause, Certain)], "{target}");
        assert!(commands(&diagnosis)[0].ends_with(written), "{target}: {:?}", commands(&diagnosis));
    }
    let diagnosis = diagnose(
        suite(BRIDGE, vec![], vec![finding("addr.invalid", Layer::Config).at("/ip4/").detail("position", "5")]),
        None,
    );
    assert_eq!(causes(&diagnosis), [("address.invalid", Certain)]);
    assert!(diagnosis.causes[0].message.contains("at byte 5"));
}

#[test]
fn a_peer_listed_twice_is_listed_once() {
    let twice = finding("addr.duplicate", Layer::Config).at(GATEWAY).warn();
    let diagnosis = diagnose(with_peers(suite(BRIDGE, vec![], vec![twice]), &format!("{GATEWAY},{GATEWAY}")), None);
    assert_eq!(causes(&diagnosis), [("address.duplicate", Certain)]);
    assert_eq!(commands(&diagnosis), [format!("export CACHE_BOOTSTRAP_PEERS={GATEWAY}")]);
}

#[test]
fn an_address_without_an_id_does_not_explain_silence() {
    let target = "/ip4/172.17.0.1/tcp/9100";
    let record = suite(
        BRIDGE,
        vec![],
        vec![finding("addr.missing-peer-id", Layer::Config).at(target), peer("peer.filtered", target)],
    );
    assert_eq!(causes_of(record), [("address.missing-peer-id".into(), Certain), ("firewall.drop".into(), Likely)]);
    let record = suite(
        BRIDGE,
        vec![],
        vec![finding("addr.url", Layer::Config).at("http://x:1"), peer("peer.filtered", "http://x:1")],
    );
    assert_eq!(causes_of(record), [("address.url".into(), Certain)]);
}

#[test]
fn four_peers_with_one_problem_are_one_cause() {
    let targets: Vec<String> = (1..5).map(|n| format!("10.0.0.{n}:9100")).collect();
    let found = targets.iter().map(|target| finding("addr.host-port", Layer::Config).at(target)).collect();
    let diagnosis = diagnose(with_peers(suite(BRIDGE, vec![], found), &targets.join(",")), None);
    assert_eq!(diagnosis.causes.len(), 1);
    assert_eq!(diagnosis.causes[0].explains.len(), 4);
    assert_eq!(commands(&diagnosis)[0].matches("/p2p/ID").count(), 4);
    // Four closed ports of one host are one, of two hosts two.
    let refused = |hosts: &[&str]| {
        let found = hosts
            .iter()
            .zip(9100..)
            .map(|(ip, port)| peer("peer.refused", &format!("/ip4/{ip}/tcp/{port}/p2p/A")))
            .collect();
        diagnose(suite(BRIDGE, vec![], found), None)
    };
    let one = refused(&["172.17.0.1", "172.17.0.1"]);
    assert_eq!(one.causes.len(), 1);
    says(&one, "ss -ltnp 'sport = :9100 or sport = :9101'");
    assert_eq!(refused(&["172.17.0.1", "172.17.0.9"]).causes.len(), 2);
}

#[test]
fn identity() {
    let wrong = peer("peer.wrong-id", GATEWAY)
        .detail("expected-peer-id", "12D3KooWPeer")
        .detail("seen-peer-id", "12D3KooWReal");
    let diagnosis = diagnose(suite(BRIDGE, vec![], vec![wrong, none_reachable()]), None);
    assert_eq!(causes(&diagnosis), [("identity.wrong-peer", Certain)]);
    assert!(diagnosis.causes[0].message.contains("12D3KooWReal"));
    assert_eq!(commands(&diagnosis)[0], "export CACHE_BOOTSTRAP_PEERS=/ip4/172.17.0.1/tcp/9100/p2p/12D3KooWReal");
    let record =
        with_peers(suite(BRIDGE, vec![], vec![peer("peer.self", GATEWAY)]), &format!("{GATEWAY},/dns4/b/tcp/1/p2p/B"));
    let diagnosis = diagnose(record, None);
    assert_eq!(causes(&diagnosis), [("identity.self", Certain)]);
    assert_eq!(commands(&diagnosis)[0], "export CACHE_BOOTSTRAP_PEERS=/dns4/b/tcp/1/p2p/B");
}

#[test]
fn what_answers_without_being_the_cache() {
    for (code, cause) in [
        ("peer.not-libp2p", "libp2p.not-libp2p"),
        ("peer.wedged", "libp2p.wedged"),
        ("peer.handshake-failed", "libp2p.handshake-failed"),
        ("peer.no-cache-protocol", "libp2p.no-cache-protocol"),
    ] {
        let found = peer(code, GATEWAY).detail("protocol", "http");
        assert_eq!(causes_of(suite(BRIDGE, vec![], vec![found, none_reachable()])), [(cause.to_owned(), Certain)]);
    }
}

#[test]
fn secrets() {
    let with = |findings: Vec<F>| {
        let mut record = suite(BRIDGE, vec![], vec![]);
        record.steps.push(step("p2p.encryption", "p2p/encryption", findings));
        record
    };
    let different = || finding("secret.different", Layer::Identity).at(GATEWAY);
    let diagnosis = diagnose(with(vec![different()]), None);
    assert_eq!(causes(&diagnosis), [("secret.different", Certain)]);
    assert_eq!(diagnosis.causes[0].remediations[0].verified_by.as_deref(), Some("p2p.encryption"));
    let per_job = finding("secret.per-job-token", Layer::Identity).warn().detail("source", "GITHUB_TOKEN");
    assert_eq!(causes_of(with(vec![per_job.clone()])), [("secret.per-job".into(), Certain)]);
    assert_eq!(causes_of(with(vec![per_job, different()])), [("secret.per-job".into(), Likely)]);
    assert_eq!(causes_of(with(vec![finding("secret.missing", Layer::Identity)])), [("secret.missing".into(), Certain)]);
    assert_eq!(
        causes_of(with(vec![finding("secret.weak", Layer::Identity).warn()])),
        [("secret.weak".into(), Certain)]
    );
}

#[test]
fn environment() {
    let with = |findings: Vec<F>, peers: Vec<F>| {
        let mut record = suite(BRIDGE, vec![], peers);
        record.steps.insert(0, step("env.variables", "env/variables", findings));
        record
    };
    let not_propagated = finding("env.not-propagated", Layer::Config)
        .detail("variables", "CACHE_BOOTSTRAP_PEERS,CACHE_P2P_SHARED_SECRET,x;rm");
    let mut record = with(vec![not_propagated], vec![]);
    record.steps.push(step("p2p.encryption", "p2p/encryption", vec![finding("secret.missing", Layer::Identity)]));
    let diagnosis = diagnose(record, None);
    assert_eq!(causes(&diagnosis), [("env.not-propagated", Certain)]);
    says(&diagnosis, "docker run -e CACHE_BOOTSTRAP_PEERS -e CACHE_P2P_SHARED_SECRET \"$IMAGE\"");
    let workflow = diagnosis.causes[0].remediations[1].steps[0].snippet.as_ref().unwrap();
    assert!(
        workflow.text.contains("CACHE_P2P_SHARED_SECRET: ${{ secrets.CACHE_P2P_SHARED_SECRET }}"),
        "{}",
        workflow.text
    );

    let look_alike = || finding("env.look-alike", Layer::Config).at("CACHE_ENABLE_P2P").observed("1");
    let disabled = finding("env.p2p-disabled", Layer::Config).at("CACHE_ENABLE_P2P");
    let diagnosis = diagnose(with(vec![look_alike(), disabled], vec![]), None);
    assert_eq!(causes(&diagnosis), [("env.p2p-disabled", Certain)]);
    assert!(diagnosis.causes[0].message.contains("`1`"));
    says(&diagnosis, "export CACHE_ENABLE_P2P=true");

    let port = finding("env.invalid-value", Layer::Config).at("CACHE_LISTEN_PORT").observed("notaport");
    let ttl = finding("env.invalid-value", Layer::Config).at("CACHE_DEFAULT_TTL").expected("seconds");
    assert_eq!(
        causes_of(with(vec![port, ttl], vec![])),
        [("env.invalid".into(), Certain), ("env.invalid".into(), Certain)]
    );
    // The address says it better than the variable that holds it.
    let list = finding("env.invalid-value", Layer::Config).at("CACHE_BOOTSTRAP_PEERS");
    let record = with(vec![list], vec![finding("addr.host-port", Layer::Config).at("h:1")]);
    assert_eq!(causes_of(record), [("address.host-port".into(), Certain)]);
    let unknown = finding("env.unknown-name", Layer::Config)
        .at("CACHE_LISTEN_PROT")
        .warn()
        .detail("suggestion", "CACHE_LISTEN_PORT");
    let diagnosis = diagnose(with(vec![unknown], vec![]), None);
    says(&diagnosis, "export CACHE_LISTEN_PORT=\"$CACHE_LISTEN_PROT\"; unset CACHE_LISTEN_PROT");
}

#[test]
fn cache_and_dependencies() {
    let with = |id: &str, used_as: &str, findings: Vec<F>| {
        let mut record = suite(BRIDGE, vec![], vec![]);
        record.steps.push(step(id, used_as, findings));
        diagnose(record, None)
    };
    let init = |findings| with("cache.initialization", "cache/initialization", findings);
    let diagnosis =
        init(vec![finding("cache.port-in-use", Layer::Process).at("9100").detail("owner-process", "python3")]);
    assert_eq!(causes(&diagnosis), [("cache.port-in-use", Certain)]);
    assert!(diagnosis.causes[0].message.contains("by python3"));
    let directory = finding("cache.directory-unwritable", Layer::Process).at("/srv/my cache");
    let diagnosis = init(vec![
        directory,
        finding("cache.open-failed", Layer::Cache).at("disk"),
        finding("cache.no-usable-backend", Layer::Cache),
    ]);
    assert_eq!(causes(&diagnosis), [("cache.directory", Certain)]);
    assert_eq!(diagnosis.causes[0].explains.len(), 3);
    says(&diagnosis, "'/srv/my cache'");

    let deps = |findings| with("p2p.dependencies", "p2p/dependencies", findings);
    let missing = |name: &str| finding("dep.missing", Layer::Process).at(name);
    let diagnosis = deps(vec![missing("libp2p").expected(">= 0.8"), missing("cryptography")]);
    assert_eq!(causes(&diagnosis), [("dependencies.missing", Certain)]);
    says(&diagnosis, "python3 -m pip install 'libp2p>=0.8' cryptography");
    let of = |name: &str, python: &str| missing(name).detail("interpreter", python).expected(&format!("{name}>=1"));
    let diagnosis = deps(vec![of("a", "/opt/a/python3"), of("b", "/opt/b/python3"), of("c", "/opt/a/python3")]);
    says(&diagnosis, "/opt/a/python3 -m pip install 'a>=1' 'c>=1'\n/opt/b/python3 -m pip install 'b>=1'");
    for (code, cause) in [
        ("dep.too-old", "dependencies.too-old"),
        ("dep.look-alike", "dependencies.look-alike"),
        ("dep.conflict", "dependencies.conflict"),
        ("dep.executable-missing", "dependencies.missing"),
        ("dep.library-missing", "dependencies.missing"),
    ] {
        assert_eq!(causes(&deps(vec![finding(code, Layer::Process).at("x")])), [(cause, Certain)]);
    }
    let diagnosis = deps(vec![missing("libp2p"), finding("dep.no-interpreter", Layer::Process)]);
    assert_eq!(causes(&diagnosis), [("dependencies.no-interpreter", Certain)]);
}

#[test]
fn what_keeps_a_reached_peer_from_sharing() {
    let with = |findings: Vec<F>| {
        let mut record = suite(BRIDGE, vec![], vec![]);
        record.steps.push(step("p2p.sharing", "p2p/sharing", findings));
        record
    };
    let skew = finding("clock.skew", Layer::Protocol).at(GATEWAY);
    let mut record = with(vec![skew, finding("cache.canary-refused", Layer::Cache).at(GATEWAY)]);
    let refused = finding("cache.put-failed", Layer::Cache).at("p2p").detail("error-kind", "clock");
    record.steps.push(step("cache.operations", "cache/operations", vec![refused]));
    let diagnosis = diagnose(record, None);
    assert_eq!(causes(&diagnosis), [("clock.skew", Certain)]);
    assert_eq!(diagnosis.causes[0].explains.len(), 3);
    says(&diagnosis, "sudo timedatectl set-ntp true");
    assert_eq!(diagnosis.causes[0].remediations[0].verified_by.as_deref(), Some("p2p.sharing"));

    let silent = || finding("peer.never-acknowledges", Layer::Protocol).at(GATEWAY);
    let mut record = with(vec![silent()]);
    record.steps.push(step("p2p.encryption", "p2p/encryption", vec![silent()]));
    let diagnosis = diagnose(record, None);
    assert_eq!(causes(&diagnosis), [("peer.never-acknowledges", Certain)], "found by two checks, and one cause");
    says(&diagnosis, "python3 -m pip install --upgrade 'libp2p>=0.8'");

    let offered = || finding("peer.plaintext-offered", Layer::Protocol).at(GATEWAY).warn();
    let diagnosis = diagnose(with(vec![offered()]), None);
    assert_eq!(causes(&diagnosis), [("peer.plaintext", Certain)]);
    assert_eq!(diagnosis.causes[0].remediations.len(), 1);
    let accepted = finding("peer.plaintext-accepted", Layer::Protocol).at(GATEWAY);
    let diagnosis = diagnose(with(vec![offered(), accepted]), None);
    assert_eq!(causes(&diagnosis), [("peer.plaintext", Certain)]);
    says(&diagnosis, "read -rs CACHE_P2P_SHARED_SECRET");
    // One that only offers does not explain what is lost.
    let lost = finding("cache.canary-lost", Layer::Cache).at(GATEWAY);
    let found = causes_of(with(vec![offered(), lost]));
    assert_eq!(found, [("cache.canary-lost".into(), Certain), ("peer.plaintext".into(), Certain)]);

    let size = |kind: &str| finding("cache.size-limited", Layer::Cache).at(GATEWAY).detail("kind", kind);
    let diagnosis = diagnose(with(vec![size("timeout")]), None);
    assert_eq!(causes(&diagnosis), [("cache.size-limited", Certain)]);
    says(&diagnosis, "ping -M do -c 2 -s 1472 172.17.0.1");
    let diagnosis = diagnose(with(vec![size("too-large").detail("max-value-bytes", "1000")]), None);
    assert!(diagnosis.causes[0].message.contains("1000 bytes at most"), "{}", diagnosis.causes[0].message);
}

#[test]
fn a_tier_on_the_peers_follows_from_the_peers() {
    let mut record = suite(BRIDGE, vec![], vec![peer("peer.rejected", GATEWAY), none_reachable()]);
    let failed =
        vec![finding("cache.open-failed", Layer::Cache).at("p2p"), finding("cache.no-usable-backend", Layer::Cache)];
    record.steps.push(step("cache.initialization", "cache/initialization", failed));
    record.steps.push(step(
        "cache.operations",
        "cache/operations",
        vec![finding("cache.put-failed", Layer::Cache).at("p2p")],
    ));
    let diagnosis = diagnose(record, None);
    assert_eq!(causes(&diagnosis), [("firewall.reject", Certain)]);
    assert_eq!(diagnosis.causes[0].explains.len(), 5);
    // Another tier is another matter, and without a bad peer the tier is its own cause.
    let record = record::record(vec![step(
        "cache.operations",
        "cache/operations",
        vec![finding("cache.put-failed", Layer::Cache).at("p2p")],
    )]);
    assert_eq!(causes_of(record), [("cache.put-failed".into(), Certain)]);
}

#[test]
fn a_container_without_a_network_is_one_cause() {
    let site = [("container-kind", "docker"), ("in-container", "true"), ("network-mode", "none")];
    let store = |code: &str| finding(code, Layer::Tls).at("https://s3.example.test");
    let mut record = suite(
        &site,
        vec![finding("docker.no-network", Layer::Interface)],
        vec![peer("peer.no-route", GATEWAY), peer("peer.dns-failure", "/dns4/cache/tcp/1"), none_reachable()],
    );
    let tier = finding("cache.open-failed", Layer::Cache).at("s3").detail("adapter", "s3");
    record.steps.push(step("s3.store", "s3/store", vec![store("s3.proxy")]));
    record.steps.push(step("cache.initialization", "cache/initialization", vec![tier]));
    let elsewhere =
        ["dns.silent", "proxy.unreachable", "api.unreachable"].map(|code| finding(code, Layer::Tcp).at(code));
    record.steps.push(step("net.more", "net/more", elsewhere.to_vec()));
    let diagnosis = diagnose(record.clone(), None);
    assert_eq!(causes(&diagnosis), [("docker.no-network", Certain)], "{:#?}", diagnosis.causes);
    assert_eq!(diagnosis.causes[0].explains.len(), 9);
    // What fails on loopback, or by itself, is another matter.
    let node = finding("node.refused", Layer::Tcp).at("http://127.0.0.1:5001");
    record.steps.push(step("other", "x/y", vec![node]));
    let secret = finding("secret.missing", Layer::Identity);
    record.steps.push(step("p2p.encryption", "p2p/encryption", vec![secret]));
    let codes: Vec<String> = diagnose(record, None).causes.into_iter().map(|cause| cause.code).collect();
    assert_eq!(codes, ["docker.no-network", "node.refused", "secret.missing"]);
}

#[test]
fn what_no_rule_knows_is_its_own_cause() {
    let acme = || finding("acme.bad", Layer::Tls).at("proxy");
    let mut record = record::record(vec![
        step("acme.proxy", "acme/egress", vec![acme(), acme().at("other")]),
        blocked("later", "acme.proxy", None),
    ]);
    record.steps.push(blocked("much-later", "later", None));
    let diagnosis = diagnose(record, None);
    assert_eq!(causes(&diagnosis), [("acme.bad", Certain), ("acme.bad", Certain)]);
    assert_eq!(diagnosis.causes[0].blocks, ["later", "much-later"]);
    assert_eq!(diagnosis.causes[0].remediations[0].verified_by.as_deref(), Some("acme.proxy"));
    assert!(diagnosis.record.steps[0].findings.iter().all(|finding| finding.caused_by.is_none()));
    says(&diagnosis, "seaworthy explain acme.bad");
}

#[test]
fn layers_of_one_target_and_order_of_causes() {
    let findings = vec![
        finding("x.cache", Layer::Cache).at("a"),
        finding("x.tcp", Layer::Tcp).at("a"),
        finding("y.tcp", Layer::Tcp).at("a"),
        finding("x.tls", Layer::Tls).at("b"),
        finding("x.warned", Layer::Config).at("a").warn(),
    ];
    let diagnosis = diagnose(record::record(vec![step("s", "x/y", findings)]), None);
    let order: Vec<(&str, usize)> =
        diagnosis.causes.iter().map(|cause| (cause.code.as_str(), cause.would_fix)).collect();
    assert_eq!(order, [("x.tcp", 2), ("y.tcp", 1), ("x.tls", 1), ("x.warned", 1)], "siblings stay, warnings come last");
    assert_eq!(diagnosis.record.steps[0].findings[0].caused_by.as_deref(), Some("x.tcp"));
    assert_eq!(diagnosis.record.steps[0].findings[1].caused_by, None);
}

#[test]
fn every_rule_has_a_case_here() {
    let source = [
        include_str!("causes.rs"),
        include_str!("ipfs.rs"),
        include_str!("origin.rs"),
        include_str!("python.rs"),
        include_str!("reread.rs"),
        include_str!("s3.rs"),
        include_str!("storacha.rs"),
        include_str!("tiers.rs"),
    ]
    .concat();
    // A record that needs no Rust is tried by itself, beside the rules.
    for page in catalogue().iter().filter(|page| page.findings.is_empty() || page.remedies.is_empty()) {
        assert!(source.contains(&format!("\"{}\"", page.code)), "{} has no case", page.code);
    }
}

#[test]
fn a_place_that_nothing_answers_is_one_cause() {
    use crate::record::{BRIDGE, finding, suite};
    use seaworthy_diagnose::explain;
    use seaworthy_model::Layer;
    let silent = |n: u8| finding("peer.silent", Layer::Tcp).at(&format!("/ip4/192.0.2.{n}/tcp/9100"));
    let name = || finding("peer.dns-failure", Layer::Dns).at("/dns4/cache.example/tcp/9100");
    let told = |peers| {
        let causes = explain(suite(BRIDGE, vec![], peers), None).causes;
        causes.into_iter().map(|cause| cause.code).collect::<Vec<_>>()
    };
    assert_eq!(told(vec![silent(1), silent(2), name()]), ["net.cut-off"]);
    // One that refuses is there, and so is the way to it.
    let refused = finding("peer.refused", Layer::Tcp).at("/ip4/192.0.2.3/tcp/9100");
    assert!(!told(vec![silent(1), silent(2), name(), refused]).contains(&"net.cut-off".to_owned()));
    // Two are not many, and without names nothing is known of the resolver.
    assert!(!told(vec![silent(1), name()]).contains(&"net.cut-off".to_owned()));
    assert!(!told(vec![silent(1), silent(2), silent(3)]).contains(&"net.cut-off".to_owned()));
}
