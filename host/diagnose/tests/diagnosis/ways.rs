//! The path, UDP, limits and the runtime: what follows from what, and what each cause advises.

use crate::causes::{causes, diagnose, says};
use crate::record::*;
use seaworthy_diagnose::catalogue;
use seaworthy_model::Confidence::Certain;
use seaworthy_model::{Diagnosis, Layer, RunRecord};

const FAR: &str = "/ip4/10.1.0.9/tcp/9100/p2p/12D3KooWPeer";
const OTHER: &str = "/ip4/10.2.0.9/tcp/9100/p2p/12D3KooWOther";
const QUIC: &str = "/ip4/10.1.0.9/udp/9100/quic-v1/p2p/12D3KooWPeer";
const HOST: &str = "/ip4/10.0.2.2/tcp/9100/p2p/12D3KooWPeer";

/// What the suite found about peers, and what one further check found.
fn with(peers: Vec<F>, id: &str, findings: Vec<F>) -> RunRecord {
    let mut record = suite(USER_DEFINED, Vec::new(), peers);
    record.steps.push(step(id, &id.replacen('.', "/", 1), findings));
    record
}

fn tcp(code: &str, target: &str) -> F {
    finding(code, Layer::Tcp).at(target)
}

fn none_reachable() -> F {
    finding("peers.none-reachable", Layer::Tcp)
}

/// The check that proves a cause's remedy.
fn proof(code: &str) -> &'static str {
    catalogue().iter().find(|page| page.code == code).unwrap().proof
}

/// That one cause stands for everything.
fn only(record: RunRecord, code: &str) -> Diagnosis {
    let diagnosis = diagnose(record, None);
    assert_eq!(causes(&diagnosis), [(code, Certain)], "{:#?}", diagnosis.causes);
    diagnosis
}

#[test]
fn a_way_that_is_shut_explains_every_peer_behind_it() {
    let peers = vec![tcp("peer.silent", FAR), tcp("peer.silent", OTHER), none_reachable()];
    let egress = |target: &str| {
        finding("path.no-egress", Layer::Interface).at(target).detail("gateway", "172.20.0.1").detail("ip-forward", "0")
    };
    let diagnosis = only(with(peers, "net.path", vec![egress(FAR), egress(OTHER)]), "path.no-egress");
    says(&diagnosis, "sysctl -w net.ipv4.ip_forward=1");
    says(&diagnosis, "DOCKER-USER -s 172.20.0.0/16 -d 10.1.0.9 -p tcp --dport 9100 -j ACCEPT");
    assert!(diagnosis.causes[0].message.contains("172.20.0.1"));
    // A peer behind a firewall of its own is no matter of the way.
    let peers = vec![tcp("peer.silent", FAR), tcp("peer.rejected", OTHER)];
    let diagnosis = diagnose(with(peers, "net.path", Vec::new()), None);
    assert!(!causes(&diagnosis).iter().any(|(code, _)| code.starts_with("path.")));
}

#[test]
fn no_rule_is_offered_that_opens_more_than_the_target() {
    let record = |site| {
        let mut record = suite(site, Vec::new(), vec![tcp("peer.silent", FAR)]);
        let egress = finding("path.no-egress", Layer::Interface).at(FAR);
        record.steps.push(step("net.path", "net/path", vec![egress]));
        diagnose(record, None)
    };
    let rules = |diagnosis: Diagnosis| {
        let remedies = diagnosis.causes.into_iter().flat_map(|cause| cause.remediations);
        let commands = remedies.flat_map(|remedy| remedy.steps).filter_map(|step| step.command);
        commands.filter(|command| command.contains("DOCKER-USER")).collect::<Vec<_>>()
    };
    assert_eq!(rules(record(&[("in-container", "true")])), Vec::<String>::new());
    assert_eq!(rules(record(USER_DEFINED)).len(), 1);
}

#[test]
fn each_fault_of_the_path_explains_what_connectivity_saw_of_it() {
    let overlap = finding("path.bridge-overlap", Layer::Interface)
        .at(FAR)
        .detail("bridge", "br-0a1b2c3d4e5f")
        .detail("bridge-subnet", "10.1.0.0/16");
    let diagnosis = only(
        with(vec![tcp("peer.host-down", FAR), none_reachable()], "net.path", vec![overlap]),
        "path.bridge-overlap",
    );
    says(&diagnosis, "{{.Name}}");
    says(&diagnosis, "ip route get 10.1.0.9");
    let hairpin = finding("path.hairpin", Layer::Interface).at(FAR).detail("direct", "172.20.0.9:9100");
    only(with(vec![tcp("peer.silent", FAR), none_reachable()], "net.path", vec![hairpin]), "path.hairpin");
    let named = "/dns6/cache.test/tcp/9100";
    let family = finding("path.no-ipv6", Layer::Config).at(named).detail("name", "cache.test");
    let no_route = finding("peer.no-route", Layer::Interface).at(named);
    let diagnosis = only(with(vec![no_route, none_reachable()], "net.path", vec![family]), "path.no-ipv6");
    says(&diagnosis, "getent ahosts cache.test");
}

#[test]
fn a_job_container_of_actions_has_another_remedy_for_lost_packets() {
    let lost = |job: &str| {
        tcp("path.mtu-black-hole", FAR)
            .detail("mtu", "1500")
            .detail("suggested-mtu", "1400")
            .detail("job-container", job)
            .detail("interface", "eth0")
    };
    let handshake = || finding("peer.handshake-failed", Layer::Libp2p).at(FAR);
    let job = only(with(vec![handshake()], "net.path", vec![lost("true")]), "path.mtu-job-container");
    says(&job, "--default-network-opt=bridge=com.docker.network.driver.mtu=1400");
    let machine = only(with(vec![handshake()], "net.path", vec![lost("false")]), "path.mtu-black-hole");
    says(&machine, "docker network create --opt com.docker.network.driver.mtu=1400");
}

#[test]
fn udp_that_is_blocked_stays_the_cause_that_it_was() {
    let both = |code: &str| with(vec![tcp(code, QUIC)], "net.udp", vec![tcp(code, QUIC)]);
    let found = |code: &str| diagnose(both(code), None).causes.into_iter().map(|cause| cause.code).collect::<Vec<_>>();
    assert_eq!(found("peer.udp-blocked"), ["firewall.udp"]);
    assert_eq!(found("peer.udp-closed"), ["listener.no-udp"]);
    let stale = tcp("udp.stale-conntrack", QUIC).detail("local-port", "9100");
    says(&only(with(Vec::new(), "net.udp", vec![stale]), "udp.stale-conntrack"), "conntrack -D -p udp --dport 9100");
    let private = finding("udp.quic-with-psk", Layer::Config).at(QUIC);
    only(with(vec![tcp("peer.udp-blocked", QUIC)], "net.udp", vec![private]), "udp.quic-with-psk");
}

#[test]
fn a_full_table_explains_silence_and_not_refusal() {
    let full = || {
        finding("limits.conntrack-full", Layer::Process)
            .detail("used", "262144")
            .detail("limit", "262144")
            .detail("suggested", "524288")
    };
    let silent = vec![tcp("peer.silent", FAR), none_reachable()];
    let diagnosis = only(with(silent, "system.limits", vec![full()]), "limits.conntrack-full");
    says(&diagnosis, "nf_conntrack_max=524288");
    let refused = with(vec![tcp("peer.refused", FAR)], "system.limits", vec![full()]);
    assert_eq!(diagnose(refused, None).causes.len(), 2);
}

#[test]
fn a_table_that_is_nearly_full_drops_nothing_yet() {
    let nearly = finding("limits.conntrack-nearly-full", Layer::Process).warn().detail("used", "96");
    let record = with(vec![tcp("peer.silent", FAR)], "system.limits", vec![nearly]);
    let codes: Vec<String> = diagnose(record, None).causes.into_iter().map(|cause| cause.code).collect();
    assert_eq!(codes.len(), 2, "{codes:?}");
    assert!(codes.iter().any(|code| code == "limits.conntrack-nearly-full"), "{codes:?}");
}

#[test]
fn limits_and_runtime_have_remedies_with_their_numbers() {
    let path = "/var/run/docker.sock";
    for (code, layer, target, detail, command) in [
        ("limits.ports-exhausted", Layer::Process, None, ("range", "28232"), "tcp_tw_reuse=1"),
        ("limits.few-ports", Layer::Process, None, ("range", "1"), "32768 60999"),
        ("limits.files", Layer::Process, None, ("hard", "4096"), "ulimit -n 4096"),
        ("limits.processes", Layer::Process, None, ("limit", "20"), "--pids-limit 512"),
        ("limits.address-pools", Layer::Process, None, ("networks", "31"), "docker network prune"),
        ("limits.disk-full", Layer::Process, Some("/cache"), ("what", "inodes"), "df -i /cache"),
        ("udp.small-buffers", Layer::Process, None, ("wanted", "7500000"), "net.core.rmem_max=7500000"),
        ("runtime.slirp-overlap", Layer::Interface, Some(HOST), ("subnet", "10.0.2.0/24"), "cidr=10.0.5.0/24"),
        ("runtime.docker-socket", Layer::Process, Some(path), ("socket-gid", "999"), "--group-add 999"),
        ("runtime.no-ip-tables", Layer::Process, None, ("module", "ip_tables"), "modprobe -a ip_tables"),
    ] {
        let mut found = finding(code, layer).detail(detail.0, detail.1);
        if let Some(target) = target {
            found = found.at(target);
        }
        says(&only(with(Vec::new(), proof(code), vec![found]), code), command);
    }
}

#[test]
fn a_rootless_network_explains_the_refusal_of_the_host() {
    let loopback =
        finding("runtime.rootless-loopback", Layer::Interface).at(HOST).detail("network-mode", "slirp4netns");
    let record = with(vec![tcp("peer.refused", HOST), none_reachable()], "docker.runtime", vec![loopback]);
    says(&only(record, "runtime.rootless-loopback"), "allow_host_loopback=true");
    let directory = finding("cache.directory-unwritable", Layer::Process).at("/cache").detail("path", "/cache");
    only(with(Vec::new(), proof("cache.directory"), vec![directory]), "cache.directory");
}
