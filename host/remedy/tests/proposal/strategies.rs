//! Each strategy where it is right, and where something else is.

use crate::made::{Made, cause, loopback, name_on_bridge, remedy, run, write};
use seaworthy_model::{Layer, Risk, Status};
use seaworthy_remedy::{Around, Fix, Kind, Proposal, Strategy, TextFile, propose};

fn fix(made: &Made) -> Fix {
    fix_among(made, &Around::default())
}

fn fix_among(made: &Made, around: &Around) -> Fix {
    let Proposal { mut fixes, .. } = propose(&made.0, around, None);
    assert_eq!(fixes.len(), 1, "one cause, one fix");
    fixes.remove(0)
}

fn strategy(made: &Made) -> Strategy {
    fix(made).strategy.unwrap()
}

#[test]
fn a_loopback_peer_on_a_bridge_gets_the_hosts_address_before_anything_is_opened() {
    let fix = fix(&Made::on("bridge").cause(loopback()));
    assert_eq!(fix.strategy, Some(Strategy::HostAddress));
    assert!(fix.since.contains("172.17.0.1"), "{}", fix.since);
    let order: Vec<Strategy> = fix.others.iter().map(|other| other.strategy).collect();
    assert_eq!(order, [Strategy::HostName, Strategy::OwnNetwork, Strategy::HostNetwork]);
    assert!(fix.others.iter().all(|other| other.objection.is_none()));
    assert_eq!(fix.risk, Risk::Config);
}

#[test]
fn on_docker_desktop_the_hosts_name_is_right_and_its_address_is_not() {
    let fix = fix(&Made::on("bridge").fact("desktop-vm", "true").cause(loopback()));
    assert_eq!(fix.strategy, Some(Strategy::HostName));
    let last: Vec<Strategy> = fix.others.iter().filter(|o| o.objection.is_some()).map(|other| other.strategy).collect();
    assert_eq!(last, [Strategy::HostAddress, Strategy::HostNetwork]);
}

#[test]
fn the_hosts_network_is_taken_only_where_nothing_else_is_left() {
    let mut cause = loopback();
    cause.remediations.rotate_right(1);
    let fix_first = fix(&Made::on("bridge").cause(cause.clone()));
    assert_eq!(fix_first.strategy, Some(Strategy::HostAddress), "whatever the order of the report");
    cause.remediations.truncate(1);
    let only = fix(&Made::on("bridge").cause(cause));
    assert_eq!((only.strategy, only.risk), (Some(Strategy::HostNetwork), Risk::Security));
    let file = only.changes.iter().find(|change| change.kind == Kind::Docker).unwrap();
    assert_eq!(file.risk, Risk::Security);
}

#[test]
fn a_name_on_the_default_bridge_needs_a_network_and_a_wrong_name_elsewhere_does_not() {
    let bridge = fix(&Made::on("bridge").cause(name_on_bridge()));
    assert_eq!(bridge.strategy, Some(Strategy::OwnNetwork));
    assert!(bridge.changes.iter().any(|change| change.kind == Kind::Compose), "a compose file is the concrete change");
    let mut cause = name_on_bridge();
    cause.remediations.reverse();
    let named = fix(&Made::on("user-defined").cause(cause));
    assert_eq!(named.strategy, Some(Strategy::Commands));
    assert_eq!(named.others[0].strategy, Strategy::OwnNetwork);
    assert!(named.others[0].objection.as_deref().unwrap().contains("already"));
}

#[test]
fn other_tiers_are_for_where_packets_are_filtered_over_both_transports() {
    let both = ["tcp/9100", "udp/9100/quic-v1"];
    let fix_both = fix(&Made::on("bridge").filtered(&both));
    assert_eq!(fix_both.strategy, Some(Strategy::S3Tier), "{:?}", fix_both.others);
    assert_eq!(fix_both.verified_by.as_deref(), Some("cache.initialization"));
    // UDP was not tried: unknown is not filtered.
    let tcp = fix(&Made::on("bridge").filtered(&["tcp/9100"]));
    assert_eq!(tcp.strategy, Some(Strategy::Commands));
    assert_eq!(tcp.remedy, "allow-port");
    assert!(
        tcp.others.iter().any(|o| o.strategy == Strategy::S3Tier && o.objection.as_deref().unwrap().contains("UDP"))
    );
    // A port that refuses shows that packets come through.
    let refuses =
        Made::on("bridge").check("bundled:net/connectivity", Status::Fail, &[("peer.refused", "/ip4/10.0.0.9/tcp/1")]);
    let refused = fix(&refuses.filtered(&both));
    assert!(refused.others.iter().all(|other| other.strategy != Strategy::S3Tier));
    // Somebody answers.
    let answered = fix(&Made::on("bridge").fact("reachable-peers", "1").filtered(&both));
    assert!(answered.others.iter().all(|other| other.strategy != Strategy::S3Tier));
}

#[test]
fn the_tier_that_is_configured_is_the_one() {
    let both = ["tcp/9100", "udp/9100/quic-v1"];
    let with =
        |names: &[&str]| Around { variables: names.iter().map(|n| (*n).to_owned()).collect(), ..Around::default() };
    let keys = ["CACHE_S3_BUCKET", "AWS_ACCESS_KEY_ID"];
    let s3 = fix_among(&Made::on("bridge").filtered(&both), &with(&keys));
    assert_eq!(s3.strategy, Some(Strategy::S3Tier));
    let env = s3.changes.iter().find(|change| change.kind == Kind::Env).unwrap();
    assert!(env.blockers.is_empty(), "nothing is left to fill in: {:?}", env.blockers);
    let bare = fix(&Made::on("bridge").filtered(&both));
    let env = bare.changes.iter().find(|change| change.kind == Kind::Env).unwrap();
    assert_eq!(env.blockers[0].to_string(), "BUCKET has to be filled in, and only you know it");
    let sound = Made::on("bridge").check("bundled:ipfs/node", Status::Pass, &[]).filtered(&both);
    assert_eq!(strategy(&sound), Strategy::IpfsTier);
    let unsound =
        Made::on("bridge").check("bundled:s3/store", Status::Fail, &[]).check("bundled:ipfs/node", Status::Pass, &[]);
    assert_eq!(strategy(&unsound.filtered(&both)), Strategy::IpfsTier);
    // A node that is not configured has its all-powerful RPC opened: that is no mere configuration.
    let opened = bare.others.iter().find(|other| other.strategy == Strategy::IpfsTier).unwrap();
    assert_eq!(opened.risk, Risk::Security);
}

#[test]
fn storacha_is_offered_only_with_a_proof_and_a_service() {
    let both = ["tcp/9100", "udp/9100/quic-v1"];
    let offered = |names: &[&str]| {
        let around = Around { variables: names.iter().map(|n| (*n).to_owned()).collect(), ..Around::default() };
        let fix = fix_among(&Made::on("bridge").filtered(&both), &around);
        fix.strategy == Some(Strategy::StorachaTier) || fix.others.iter().any(|o| o.strategy == Strategy::StorachaTier)
    };
    assert!(!offered(&[]) && !offered(&["STORACHA_PROOF"]) && !offered(&["STORACHA_SERVICE_URL"]));
    assert!(offered(&["STORACHA_PROOF", "STORACHA_SERVICE_URL"]));
}

#[test]
fn settings_of_daemon_kernel_and_node_are_told_apart() {
    let of = |steps| strategy(&Made::on("bridge").cause(cause("x.y", Layer::Tcp, vec![remedy("r", steps)])));
    assert_eq!(of(vec![write("/etc/docker/daemon.json", "{\"mtu\": 1400}")]), Strategy::DaemonSettings);
    assert_eq!(of(vec![run("sudo sysctl -w net.core.rmem_max=7500000")]), Strategy::KernelSettings);
    assert_eq!(of(vec![run("ipfs config --json Swarm.AddrFilters '[]'")]), Strategy::NodeSettings);
    assert_eq!(of(vec![run("--ulimit nofile=65536:65536")]), Strategy::ContainerOptions);
    assert_eq!(of(vec![run("export CACHE_ENABLE_P2P=true")]), Strategy::Variables);
    assert_eq!(of(vec![run("seaworthy peer")]), Strategy::Commands);
}

#[test]
fn a_cause_without_remedies_has_no_fix_and_says_so() {
    let fix = fix(&Made::on("bridge").cause(cause("x.y", Layer::Tcp, Vec::new())));
    assert_eq!((fix.strategy, fix.changes.len()), (None, 0));
}

#[test]
fn a_kind_that_is_asked_for_may_be_in_another_remedy() {
    let around = Around { only: [Kind::Docker].into(), ..Around::default() };
    let made = Made::on("bridge").cause(cause(
        "x.y",
        Layer::Tcp,
        vec![
            remedy("first", vec![write("/etc/docker/daemon.json", "{\"mtu\": 1400}")]),
            remedy("second", vec![run("--dns 10.0.0.2")]),
        ],
    ));
    let fix = fix_among(&made, &around);
    assert_eq!(fix.remedy, "second");
    assert!(fix.changes.iter().all(|change| change.kind == Kind::Docker));
}

#[test]
fn the_place_decides_how_it_is_carried_out() {
    let kinds = |made: &Made, around: &Around| -> Vec<Kind> {
        let mut kinds: Vec<Kind> = fix_among(made, around).changes.iter().map(|change| change.kind).collect();
        kinds.dedup();
        kinds
    };
    let plain = Made::on("bridge").cause(loopback());
    assert_eq!(kinds(&plain, &Around::default()), [Kind::Env, Kind::Docker, Kind::Command]);
    let compose = TextFile { path: "compose.yaml".into(), text: "services:\n  runner:\n    image: x\n".into() };
    let around = Around { compose: Some(compose), ..Around::default() };
    assert_eq!(kinds(&plain, &around), [Kind::Env, Kind::Docker, Kind::Compose, Kind::Command]);
    let github = Made::on("bridge").fact("ci", "github-actions").cause(loopback());
    assert_eq!(kinds(&github, &Around::default()), [Kind::Env, Kind::Docker, Kind::Workflow, Kind::Command]);
}
