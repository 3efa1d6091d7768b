//! Remedies: that they fit the scene, lose nothing and open no more than they must.

use crate::record::*;
use seaworthy_diagnose::explain;
use seaworthy_model::{Cause, Confidence, Layer, Report, Risk, RunRecord};
use serde_json::json;

const LOCAL: &str = "/ip4/127.0.0.1/tcp/9100/p2p/A";
const GATEWAY: &str = "/ip4/172.17.0.1/tcp/9100/p2p/A";

fn tcp(code: &str, target: &str) -> F {
    finding(code, Layer::Tcp).at(target)
}

/// The machine's own listeners: address, port, program.
fn listening(mut record: RunRecord, sockets: &[(&str, u16, &str)]) -> RunRecord {
    let row = |(address, port, process): &(&str, u16, &str)| json!({"protocol": "tcp", "address": address, "port": port.to_string(), "process": process});
    let rows: Vec<_> = sockets.iter().map(row).collect();
    record.observations.push(observed("c", "system.inspect", json!({"topic": "listeners"}), json!(rows)));
    record
}

fn causes(record: RunRecord, host: Option<&Report>) -> Vec<Cause> {
    let causes = explain(record, host).causes;
    let open = |text: &str| text.contains("/0.0.0.0/") || text.contains("/ip6/::/");
    for cause in &causes {
        for fix in &cause.remediations {
            let commands: Vec<&str> = fix.steps.iter().filter_map(|step| step.command.as_deref()).collect();
            if commands.iter().any(|command| command.contains("--listen") && open(command)) {
                assert!(fix.risk == Risk::Security && fix.tradeoff.is_some(), "{}: {commands:?}", fix.id);
            }
            assert!(commands.iter().all(|command| !command.contains("\"$IMAGE\"")), "{commands:?} loses other flags");
        }
    }
    causes
}

fn only(record: RunRecord) -> Cause {
    let mut causes = causes(record, None);
    assert_eq!(causes.len(), 1, "{causes:#?}");
    causes.remove(0)
}

fn commands(cause: &Cause) -> Vec<&str> {
    cause.remediations.iter().flat_map(|fix| &fix.steps).filter_map(|step| step.command.as_deref()).collect()
}

fn says(cause: &Cause, text: &str) {
    assert!(commands(cause).iter().any(|command| command.contains(text)), "{text} is not in {:#?}", commands(cause));
}

fn says_not(cause: &Cause, text: &str) {
    assert!(commands(cause).iter().all(|command| !command.contains(text)), "{text} is in {:#?}", commands(cause));
}

#[test]
fn silence_on_this_machine_is_a_full_queue() {
    let silent = |target: &str| suite(MACHINE, vec![], vec![tcp("peer.filtered", target)]);
    for target in [LOCAL, "/ip4/10.0.0.7/tcp/9100/p2p/A", "/ip6/::1/tcp/9100/p2p/A"] {
        let cause = only(silent(target));
        assert_eq!((cause.code.as_str(), cause.confidence), ("libp2p.wedged", Confidence::Likely), "{target}");
        assert!(cause.message.contains("listens but accepts nothing"), "{}", cause.message);
    }
    let cause = only(listening(silent(LOCAL), &[("127.0.0.1", 9100, "peer")]));
    assert_eq!((cause.code.as_str(), cause.confidence), ("libp2p.wedged", Confidence::Likely));
    let cause = only(listening(silent(LOCAL), &[("127.0.0.1", 22, "sshd")]));
    assert_eq!((cause.code.as_str(), cause.confidence), ("libp2p.wedged", Confidence::Possible));
    assert!(cause.message.contains("firewall"), "{}", cause.message);
    // Any address that an interface of this machine has is this machine.
    let mut record = silent("/ip4/172.17.0.1/tcp/9100/p2p/A");
    let rows = json!([{"name": "docker0", "address": "172.17.0.1/16"}]);
    record.observations.push(observed("c", "system.inspect", json!({"topic": "interfaces"}), rows));
    assert_eq!(only(record).code, "libp2p.wedged");
    // In a container a listener of its own is what is silent, not the wrong address.
    let record = suite(BRIDGE, vec![], vec![tcp("peer.filtered", LOCAL)]);
    assert_eq!(only(record.clone()).code, "docker.loopback-in-bridge");
    assert_eq!(only(listening(record, &[("127.0.0.1", 9100, "peer")])).code, "libp2p.wedged");
}

#[test]
fn a_dropping_firewall_is_never_certain() {
    let report = host(&[("0.0.0.0", 9100)]);
    let cause = causes(suite(BRIDGE, vec![], vec![tcp("peer.filtered", GATEWAY)]), Some(&report)).remove(0);
    assert_eq!((cause.code.as_str(), cause.confidence), ("firewall.drop", Confidence::Likely));
    assert!(cause.message.contains("queue full"), "{}", cause.message);
    says(&cause, "ss -ltnp");
}

#[test]
fn corrections_are_addresses_or_nothing() {
    let id = "12D3KooWGRUVh9q8iQxLqLLYJrkLBFKjpZGUdpBtwVKsyUoKe8zV";
    let of = |code: &str, target: &str| {
        let found = finding(code, Layer::Config).at(target);
        only(with_peers(suite(MACHINE, vec![], vec![found]), target))
    };
    for (code, target) in [
        ("addr.invalid", "/ip4/999.1.1.1/tcp/9100/p2p/A"),
        ("addr.host-port", "999.1.1.1:9100"),
        ("addr.host-port", "${PEER}:9100"),
        ("addr.invalid", "/ip4/1.2.3.4/tpc/9200/p2p/A"),
        ("addr.unspecified", "/ip4/0.0.0.0/tcp/9100/p2p/A"),
    ] {
        let cause = of(code, target);
        assert!(commands(&cause).is_empty(), "{target}: {:?}", commands(&cause));
        assert!(!cause.message.contains(" Write /"), "{}", cause.message);
    }
    for (code, target) in [
        ("addr.invalid", format!("\"/ip4/10.0.0.5/tcp/9100/p2p/{id}\"")),
        ("addr.host-port", format!("'/ip4/10.0.0.5/tcp/9100/p2p/{id}")),
        ("addr.bad-peer-id", format!("/ip4/10.0.0.5/tcp/9100/p2p/{id}\"")),
    ] {
        let cause = of(code, &target);
        assert_eq!(commands(&cause), [format!("export CACHE_BOOTSTRAP_PEERS=/ip4/10.0.0.5/tcp/9100/p2p/{id}")]);
        assert!(cause.message.contains("quotes are part of the value"), "{}", cause.message);
    }
    // Quotes do not make a damaged id whole.
    let cause = of("addr.bad-peer-id", "\"/ip4/10.0.0.5/tcp/9100/p2p/12D3l0O\"");
    assert_eq!(commands(&cause), ["export CACHE_BOOTSTRAP_PEERS=/ip4/10.0.0.5/tcp/9100/p2p/ID"]);
}

#[test]
fn every_address_cause_sets_the_same_list() {
    let wrong = |code: &str, target: &str| finding(code, Layer::Config).at(target);
    let good = "/dns4/good/tcp/9100/p2p/G";
    let findings = vec![
        wrong("addr.host-port", "10.0.0.5:9100").detail("seen-peer-id", "B"),
        wrong("addr.url", "http://cache:80/p2p/C"),
        wrong("addr.missing-peer-id", "/ip4/10.0.0.5/tcp/9100"),
        wrong("addr.missing-peer-id", "/dns4/good/tcp/9100"),
    ];
    let docker = vec![finding("docker.loopback-peer", Layer::Interface).at(LOCAL)];
    let list = format!("10.0.0.5:9100,http://cache:80/p2p/C,/ip4/10.0.0.5/tcp/9100,{LOCAL},{good},/dns4/good/tcp/9100");
    let causes = causes(with_peers(suite(BRIDGE, docker, findings), &list), None);
    let expected =
        format!("export CACHE_BOOTSTRAP_PEERS=/ip4/10.0.0.5/tcp/9100/p2p/B,/dns4/cache/tcp/80/p2p/C,{GATEWAY},{good}");
    let codes: Vec<&str> = causes.iter().map(|cause| cause.code.as_str()).collect();
    for code in ["address.host-port", "address.url", "address.missing-peer-id", "docker.loopback-in-bridge"] {
        let cause = causes.iter().find(|cause| cause.code == code).unwrap_or_else(|| panic!("{code} not in {codes:?}"));
        assert_eq!(commands(cause)[0], expected, "{code}");
    }
}

#[test]
fn an_id_that_the_list_names_already_is_used() {
    let short = "/ip4/127.0.0.1/tcp/9100";
    let missing = finding("addr.missing-peer-id", Layer::Config).at(short);
    let docker = vec![finding("docker.loopback-peer", Layer::Interface).at(short)];
    let record = with_peers(suite(BRIDGE, docker, vec![missing]), &format!("{short},{GATEWAY}"));
    for cause in causes(record, None) {
        assert_eq!(commands(&cause)[0], format!("export CACHE_BOOTSTRAP_PEERS={GATEWAY}"), "{}", cause.code);
    }
}

#[test]
fn the_host_name_outside_a_container() {
    let name = "/dns4/host.docker.internal/tcp/9100/p2p/A";
    let cause = only(suite(MACHINE, vec![], vec![finding("peer.dns-not-found", Layer::Dns).at(name)]));
    assert_eq!((cause.code.as_str(), cause.confidence), ("docker.host-name-unresolved", Confidence::Likely));
    assert_eq!(commands(&cause), [format!("export CACHE_BOOTSTRAP_PEERS={LOCAL}")]);
    let cause = only(suite(BRIDGE, vec![], vec![finding("peer.dns-not-found", Layer::Dns).at(name)]));
    assert_eq!(cause.confidence, Confidence::Certain);
    assert_eq!(
        commands(&cause),
        ["--add-host host.docker.internal:host-gateway".to_owned(), format!("export CACHE_BOOTSTRAP_PEERS={GATEWAY}")]
    );
}

#[test]
fn a_new_secret_reaches_the_peer_too() {
    let with = |site: &[(&str, &str)], source: &str, found: F| {
        let mut record = suite(site, vec![], vec![]);
        let mut step = step("p2p.encryption", "p2p/encryption", vec![found]);
        facts(&mut step, &[("secret-source", source)]);
        record.steps.push(step);
        only(record)
    };
    let cause = with(MACHINE, "", finding("secret.missing", Layer::Identity));
    let rotate = "S=$(openssl rand -base64 32); printf %s \"$S\" | gh secret set CACHE_P2P_SHARED_SECRET; CACHE_P2P_SHARED_SECRET=\"$S\" seaworthy peer";
    assert_eq!(commands(&cause), [rotate]);
    let cause = with(MACHINE, "GH_TOKEN", finding("secret.different", Layer::Identity).at(GATEWAY));
    let order: Vec<&str> = cause.remediations.iter().map(|fix| fix.id.as_str()).collect();
    assert_eq!(order, ["use-peer-secret", "share-secret"]);
    assert!(cause.remediations[0].title.contains("before GH_TOKEN"), "{}", cause.remediations[0].title);
    assert_eq!(
        commands(&cause),
        ["printf %s \"$GH_TOKEN\" | sha256sum | cut -c1-8", "gh secret set CACHE_P2P_SHARED_SECRET", rotate]
    );
    let cause = with(BRIDGE, "x; rm -rf /", finding("secret.different", Layer::Identity).at(GATEWAY));
    says(&cause, "\"$CACHE_P2P_SHARED_SECRET\" | sha256sum");
    says(&cause, "-e CACHE_P2P_SHARED_SECRET");
    says(&cause, "seaworthy peer");
    says_not(&cause, "rm -rf");
}

#[test]
fn the_other_loopback() {
    let of = |target: &str, bound: &str| {
        only(listening(suite(MACHINE, vec![], vec![tcp("peer.refused", target)]), &[(bound, 9100, "peer")]))
    };
    let cause = of("/ip6/::1/tcp/9100/p2p/A", "127.0.0.1");
    assert_eq!(cause.code, "listener.loopback-only");
    assert!(cause.message.contains("the peer listens on IPv4 loopback only"), "{}", cause.message);
    assert_eq!(commands(&cause)[0], format!("export CACHE_BOOTSTRAP_PEERS={LOCAL}"));
    says(&cause, "seaworthy peer --listen /ip6/::1/tcp/9100");
    says_not(&cause, "0.0.0.0");
    // A socket on 0.0.0.0 takes no IPv6, one on :: takes both.
    let cause = of("/ip6/::1/tcp/9100/p2p/A", "0.0.0.0");
    assert_eq!(cause.code, "listener.other-address");
    assert_eq!(commands(&cause)[0], format!("export CACHE_BOOTSTRAP_PEERS={LOCAL}"));
    assert_eq!(of(LOCAL, "::").code, "firewall.reset");
}

#[test]
fn a_peer_is_started_where_it_is_dialled_and_no_wider() {
    let of = |site: &[(&str, &str)], target: &str| only(suite(site, vec![], vec![tcp("peer.refused", target)]));
    let cause = of(MACHINE, LOCAL);
    says(&cause, "seaworthy peer --listen /ip4/127.0.0.1/tcp/9100");
    says_not(&cause, "0.0.0.0");
    let cause = of(MACHINE, "/dns4/localhost/tcp/9100/p2p/A");
    says(&cause, "seaworthy peer --listen /ip4/127.0.0.1/tcp/9100");
    let start = |cause: &Cause| {
        let fix = cause.remediations.iter().find(|fix| fix.id == "start-peer").unwrap();
        (fix.steps[1].command.clone().unwrap(), fix.risk)
    };
    let cause = of(BRIDGE, GATEWAY);
    assert_eq!(start(&cause), ("seaworthy peer --listen /ip4/172.17.0.1/tcp/9100".into(), Risk::Config));
    let cause = of(BRIDGE, "/ip6/2001:db8::1/tcp/9100/p2p/A");
    says(&cause, "--listen /ip6/2001:db8::1/tcp/9100");
    says(&cause, "--listen /ip6/::/tcp/9100");
    says_not(&cause, "0.0.0.0");
    let cause = of(BRIDGE, "/dns4/cache/tcp/9100/p2p/A");
    assert_eq!(start(&cause), ("seaworthy peer --listen /ip4/0.0.0.0/tcp/9100".into(), Risk::Security));
}

#[test]
fn a_free_port_is_free() {
    let taken = || {
        let mut record = suite(MACHINE, vec![], vec![]);
        let found = finding("cache.port-in-use", Layer::Process).at("9100").detail("port", "9100");
        record.steps.push(step("cache.initialization", "cache/initialization", vec![found]));
        record
    };
    says(&only(taken()), "export CACHE_LISTEN_PORT=PORT");
    let used = [("0.0.0.0", 9100, "a"), ("127.0.0.1", 9101, "b"), ("::", 9102, "c")];
    says(&only(listening(taken(), &used)), "export CACHE_LISTEN_PORT=9103");
    let stranger = |target: &str| {
        let found = finding("peer.not-libp2p", Layer::Libp2p).at(target);
        only(listening(suite(MACHINE, vec![], vec![found]), &used))
    };
    says(&stranger(LOCAL), "--listen /ip4/127.0.0.1/tcp/9103");
    says(&stranger("/ip4/203.0.113.5/tcp/9100/p2p/A"), "--listen /ip4/203.0.113.5/tcp/PORT");
}

#[test]
fn a_reset_by_who_owns_the_port() {
    let reset = || suite(MACHINE, vec![], vec![tcp("peer.reset", LOCAL)]);
    let cause = only(listening(reset(), &[("127.0.0.1", 9100, "nginx")]));
    assert_eq!(cause.confidence, Confidence::Likely);
    assert!(cause.message.contains("the program nginx closes connections"), "{}", cause.message);
    assert!(!cause.message.contains("published port"), "{}", cause.message);
    let cause = only(listening(reset(), &[("0.0.0.0", 9100, "docker-proxy")]));
    assert_eq!(cause.confidence, Confidence::Likely);
    assert!(cause.message.contains("published port"), "{}", cause.message);
    says(&cause, "sudo nsenter -t $(docker inspect -f '{{.State.Pid}}' PEER_CONTAINER) -n ss -ltnp");
    let unknown = [reset(), listening(reset(), &[("0.0.0.0", 9100, "")])];
    for record in unknown {
        assert_eq!(only(record).confidence, Confidence::Possible);
    }
}

#[test]
fn what_decides_between_none_and_loopback() {
    let cause = only(suite(BRIDGE, vec![], vec![tcp("peer.refused", GATEWAY)]));
    assert_eq!(
        commands(&cause)[..3],
        [
            "ss -ltnp 'sport = :9100'",
            "seaworthy run --report-only -o json=host.json",
            "-v \"$PWD/host.json:/host.json:ro\" -e SEAWORTHY_HOST_REPORT=/host.json"
        ]
    );
    let cause = only(suite(BRIDGE, vec![], vec![tcp("peer.refused", "/ip4/172.17.0.9/tcp/9100/p2p/A")]));
    assert!(commands(&cause)[0].starts_with("sudo nsenter -t $(docker inspect"), "{:?}", commands(&cause));
}

#[test]
fn flags_are_added_and_nothing_is_made_in_proc() {
    let cause = only(suite(BRIDGE, vec![finding("docker.loopback-peer", Layer::Interface).at(LOCAL)], vec![]));
    says(
        &cause,
        "--add-host host.docker.internal:host-gateway -e CACHE_BOOTSTRAP_PEERS=/dns4/host.docker.internal/tcp/9100/p2p/A",
    );
    let directory = |path: &str| {
        let mut record = suite(BRIDGE, vec![], vec![]);
        let found = finding("cache.directory-unwritable", Layer::Process).at(path).detail("path", path);
        record.steps.push(step("cache.initialization", "cache/initialization", vec![found]));
        only(record)
    };
    says(&directory("/srv/cache"), "sudo install -d");
    says_not(&directory("/proc/cache"), "/proc");
    says_not(&directory("/sys"), "/sys");
    let misspelt = finding("peer.dns-not-found", Layer::Dns).at("/dns4/cahce/tcp/9100/p2p/A");
    says(&only(suite(USER_DEFINED, vec![], vec![misspelt])), "getent hosts NAME");
    let wrong = finding("peer.wrong-id", Layer::Identity).at(GATEWAY).detail("seen-peer-id", "B");
    says(&only(suite(BRIDGE, vec![], vec![wrong])), "-p 9100:9100 PEER_IMAGE peer");
    let sibling = tcp("peer.silent", "/ip4/172.21.0.9/tcp/9200/p2p/A");
    says(&only(suite(USER_DEFINED, vec![], vec![sibling])), "docker run -p 9200:9200 PEER_IMAGE peer");
}
