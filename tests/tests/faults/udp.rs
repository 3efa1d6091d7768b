//! UDP: what QUIC needs and does not get.

use anyhow::{Context as _, Result};
use seaworthy_tests::PeerOptions;
use seaworthy_tests::faults::{Scene, Topology, World};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

const CHECKS: &str = r#"
[[check]]
id = "docker.network-mode"
use = "bundled:docker/network-mode"
target = "p2p"
severity = "major"

[[check]]
id = "net.connectivity"
use = "bundled:net/connectivity"
target = "p2p"
needs = ["docker.network-mode?"]
severity = "critical"
timeout = "8s"

[[check]]
id = "net.udp"
use = "bundled:net/udp"
target = "p2p"
severity = "major"
timeout = "12s"
"#;

pub(crate) fn scenes() -> Vec<Scene> {
    let quic = |name, faults, causes| Scene { setup: quic_peer, ..Scene::new(name, Topology::Wire, faults, causes) };
    vec![
        Scene {
            inject: |world| {
                let port = quic_port(world)?;
                world.firewall(&["-A", "INPUT", "-p", "udp", "--dport", &port, "-j", "DROP"])
            },
            remedy: |world| world.firewall(&["-F", "INPUT"]),
            ..quic("udp/blocked", &["F50"], &["firewall.udp"])
        },
        // The look-alike: the machine says that nothing takes UDP there.
        Scene {
            inject: |world| {
                let port = quic_port(world)?;
                world.firewall(&["-A", "INPUT", "-p", "udp", "--dport", &port, "-j", "REJECT"])
            },
            remedy: |world| world.firewall(&["-F", "INPUT"]),
            ..quic("udp/port-unreachable", &[], &["listener.no-udp"])
        },
        Scene {
            setup: large_buffers,
            inject: |world| buffers(world, "212992"),
            remedy: |world| buffers(world, "7500000"),
            ..quic("udp/small-buffers", &["F51"], &["udp.small-buffers"])
        },
        Scene {
            setup: published,
            inject: stale,
            remedy: |world| Ok(world.env("CACHE_LISTEN_PORT", "9101")),
            ..Scene::new("udp/stale-conntrack", Topology::Wire, &["F52"], &["udp.stale-conntrack"])
        },
        Scene {
            inject: |world| Ok(world.env("LIBP2P_FORCE_PNET", "1")),
            remedy: |world| Ok(world.unset("LIBP2P_FORCE_PNET")),
            ..quic("udp/quic-in-private-network", &["F32"], &["udp.quic-with-psk"])
        },
    ]
}

/// A peer on TCP and QUIC, of which the runner knows the address of QUIC.
fn quic_peer(world: &mut World) -> Result<()> {
    world.policy(CHECKS);
    let at = world.address()?;
    let quic = format!("/ip4/{at}/udp/0/quic-v1");
    let options = PeerOptions::on(&format!("/ip4/{at}/tcp/0"));
    world.serve_peer_with(PeerOptions { arguments: vec!["--listen".into(), quic.into()], ..options })?;
    let port = quic_port(world)?;
    let address = format!("/ip4/{at}/udp/{port}/quic-v1/p2p/{}", world.peer()?.id());
    world.use_peers(&[&address]);
    buffers(world, "7500000")
}

fn quic_port(world: &World) -> Result<String> {
    let addresses = world.peer()?.addresses();
    let port = addresses.iter().find_map(|address| address.split("/udp/").nth(1)?.split('/').next());
    Ok(port.with_context(|| format!("no QUIC port in {addresses:?}"))?.to_owned())
}

/// Large buffers, and a socket of the runner's that reads nothing: what is sent to it
/// finds its buffer full, now and later.
fn large_buffers(world: &mut World) -> Result<()> {
    quic_peer(world)?;
    let runner = &world.wire()?.runner;
    let deaf = runner.inside(|| UdpSocket::bind("127.0.0.1:0"))?;
    let sender = runner.inside(|| UdpSocket::bind("127.0.0.1:0"))?;
    sender.connect(deaf.local_addr()?)?;
    let alive = Arc::new(deaf);
    let socket = Arc::downgrade(&alive);
    std::thread::spawn(move || {
        while socket.strong_count() > 0 {
            let _ = sender.send(&[0; 8192]);
            std::thread::sleep(Duration::from_micros(100));
        }
    });
    world.keep("deaf", alive);
    buffers(world, "7500000")
}

/// What sockets may ask for; the machine's own limits are as they are.
fn buffers(world: &mut World, bytes: &str) -> Result<()> {
    world.file("/proc/sys/net/core/rmem_max", &format!("{bytes}\n"))?;
    world.file("/proc/sys/net/core/wmem_max", &format!("{bytes}\n"))
}

/// The router's address on the far side, under which it publishes the peer's port.
const PUBLISHED: &str = "10.77.2.1";
/// A container that is gone has this address.
const GONE: &str = "10.77.1.99";
const OWN_PORT: u16 = 9100;

/// The peer behind a port that the router publishes; the runner's own peer sends from 9100.
fn published(world: &mut World) -> Result<()> {
    quic_peer(world)?;
    let port = quic_port(world)?;
    publish(world, &world.address()?.to_string(), &port)?;
    world.env("CACHE_LISTEN_PORT", &OWN_PORT.to_string());
    let address = format!("/ip4/{PUBLISHED}/udp/{port}/quic-v1/p2p/{}", world.peer()?.id());
    world.use_peers(&[&address]);
    Ok(())
}

fn publish(world: &World, to: &str, port: &str) -> Result<()> {
    world.router_firewall(&["-t", "nat", "-F", "PREROUTING"])?;
    let rule = ["-t", "nat", "-A", "PREROUTING", "-d", PUBLISHED, "-p", "udp", "--dport", port, "-j", "DNAT"];
    world.router_firewall(&[&rule[..], &["--to-destination", to]].concat())
}

/// The peer's container was at another address when the runner's port was first seen, and
/// the runner kept sending from that port.
fn stale(world: &mut World) -> Result<()> {
    let port = quic_port(world)?;
    world.wire()?.router.sysctl("net/netfilter/nf_conntrack_udp_timeout", "600")?;
    let own: u16 = 9102;
    publish(world, GONE, &port)?;
    let to: SocketAddr = format!("{PUBLISHED}:{port}").parse()?;
    let socket = world.wire()?.runner.inside(|| UdpSocket::bind(("0.0.0.0", own)))?;
    socket.send_to(b"still there?", to)?;
    world.env("CACHE_LISTEN_PORT", &own.to_string());
    publish(world, &world.address()?.to_string(), &port)
}
