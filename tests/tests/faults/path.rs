//! The path: forwarding, bridges, MTU, IPv6, silence.

use anyhow::{Context as _, Result, ensure};
use seaworthy_model::Status;
use seaworthy_tests::Reading as _;
use seaworthy_tests::faults::{Bench, Need, Scene, Topology, Trick, World};
use seaworthy_tests::lab::Wire;
use seaworthy_tests::{NameServer, Peer, PeerOptions, Reply};
use socket2::{Domain, Protocol, Socket, Type};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What the suite asks of peers, and the path to them.
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
id = "net.path"
use = "bundled:net/path"
target = "p2p"
severity = "major"
timeout = "20s"
"#;

pub(crate) fn scenes() -> Vec<Scene> {
    let mut scenes = ways_out();
    scenes.extend(sizes());
    scenes.extend(families());
    scenes.extend(quiet());
    scenes
}

fn ways_out() -> Vec<Scene> {
    let two = |name, faults, causes| Scene { setup: two_peers, ..Scene::new(name, Topology::Wire, faults, causes) };
    vec![
        Scene {
            inject: |world| world.wire()?.router.sysctl("net/ipv4/ip_forward", "0"),
            remedy: |world| world.wire()?.router.sysctl("net/ipv4/ip_forward", "1"),
            ..two("path/no-forwarding", &["F15"], &["path.no-egress"])
        },
        Scene {
            inject: |world| world.router_firewall(&["-P", "FORWARD", "DROP"]),
            remedy: |world| world.router_firewall(&["-P", "FORWARD", "ACCEPT"]),
            ..two("path/forward-chain-drops", &["F15"], &["path.no-egress"])
        },
        // One peer, and the machine's own name server is behind the gateway too.
        Scene {
            setup: peer_and_name_server,
            inject: |world| world.wire()?.router.sysctl("net/ipv4/ip_forward", "0"),
            remedy: |world| world.wire()?.router.sysctl("net/ipv4/ip_forward", "1"),
            ..Scene::new("path/no-way-to-the-name-server", Topology::Wire, &["F15"], &["path.no-egress"])
        },
        // The look-alike: the peer's machine is silent, and the name server behind the gateway answers.
        Scene {
            setup: peer_and_name_server,
            inject: |world| {
                world.router_firewall(&["-I", "FORWARD", "-d", &world.address()?.to_string(), "-j", "DROP"])
            },
            remedy: |world| world.router_firewall(&["-F", "FORWARD"]),
            ..Scene::new("path/the-name-server-answers", Topology::Wire, &[], &["net.silent"])
        },
        // The look-alike: one of two machines behind the gateway is silent.
        Scene {
            inject: |world| {
                world.router_firewall(&["-I", "FORWARD", "-d", &world.address()?.to_string(), "-j", "DROP"])
            },
            remedy: |world| world.router_firewall(&["-F", "FORWARD"]),
            ..two("path/one-machine-is-silent", &[], &["net.silent"])
        },
        Scene {
            setup: peer_by_name,
            inject: |world| {
                world.wire()?.runner.ip("link add br-0a1b2c3d4e5f type bridge\n\
                     link set br-0a1b2c3d4e5f up\n\
                     link add veth1 type veth peer name veth2\n\
                     link set veth1 master br-0a1b2c3d4e5f\n\
                     link set veth1 up\n\
                     link set veth2 up\n\
                     address add 10.77.1.1/24 dev br-0a1b2c3d4e5f\n")
            },
            remedy: |world| world.wire()?.runner.ip("link delete br-0a1b2c3d4e5f\n"),
            ..Scene::new("path/bridge-overlap", Topology::Wire, &["F16"], &["path.bridge-overlap"])
        },
        Scene {
            setup: published_here,
            inject: |world| world.router_firewall(&["-t", "nat", "-F", "POSTROUTING"]),
            remedy: turned_around,
            ..Scene::new("path/hairpin", Topology::Wire, &["F21"], &["path.hairpin"])
        },
    ]
}

/// A peer on each of the two machines.
fn two_peers(world: &mut World) -> Result<()> {
    world.policy(CHECKS);
    world.serve_peer()?;
    let listen = format!("/ip4/{}/tcp/0", Wire::machine(1));
    let through = world.wire()?.machines.get(1).context("no second machine")?.prefix();
    let second = Peer::start(&PeerOptions { through, ..PeerOptions::on(&listen) })?;
    let addresses =
        [world.peer()?.at(&format!("ip4/{}", world.address()?))?, second.at(&format!("ip4/{}", Wire::machine(1)))?];
    world.use_peers(&[&addresses[0], &addresses[1]]);
    world.keep("second", second);
    Ok(())
}

/// A peer on the first machine, and the runner's only name server on the second.
fn peer_and_name_server(world: &mut World) -> Result<()> {
    one_peer(world)?;
    let at = SocketAddr::from((Wire::machine(1), 53));
    let machine = world.wire()?.machines.get(1).context("no second machine")?;
    let udp = machine.inside(|| UdpSocket::bind(at))?;
    let tcp = machine.inside(|| TcpListener::bind(at))?;
    world.keep("name-server", NameServer::on(udp, Some(tcp), |_| Reply::NoName)?);
    world.file("/etc/resolv.conf", &format!("nameserver {}\n", at.ip()))
}

fn peer_by_name(world: &mut World) -> Result<()> {
    world.policy(CHECKS);
    world.serve_peer()?;
    let address = world.peer()?.at("dns4/machine0.lab.test")?;
    world.use_peers(&[&address]);
    Ok(())
}

/// The router's address on the far side, under which it publishes a port of the runner's.
const PUBLISHED: &str = "10.77.1.1";

/// A peer beside the runner, published by the router, which turns packets around.
fn published_here(world: &mut World) -> Result<()> {
    world.policy(CHECKS);
    let through = world.wire()?.runner.prefix();
    let peer = Peer::start(&PeerOptions { through, ..PeerOptions::on(&format!("/ip4/{}/tcp/0", Wire::RUNNER)) })?;
    let port = peer.port()?.to_string();
    let to = format!("{}:{port}", Wire::RUNNER);
    let published = ["-t", "nat", "-A", "PREROUTING", "-d", PUBLISHED, "-p", "tcp", "--dport", &port];
    world.router_firewall(&[&published[..], &["-j", "DNAT", "--to-destination", &to]].concat())?;
    turned_around(world)?;
    let addresses = [peer.at(&format!("ip4/{PUBLISHED}"))?, peer.at(&format!("ip4/{}", Wire::RUNNER))?];
    world.use_peers(&[&addresses[0], &addresses[1]]);
    world.keep("beside", peer);
    Ok(())
}

fn turned_around(world: &mut World) -> Result<()> {
    let runner = Wire::RUNNER.to_string();
    world.router_firewall(&["-t", "nat", "-A", "POSTROUTING", "-s", &runner, "-d", &runner, "-j", "MASQUERADE"])
}

fn sizes() -> Vec<Scene> {
    vec![
        Scene {
            setup: one_peer,
            inject: |world| {
                // The narrow link, and the router that may not say so.
                let wire = world.wire()?;
                wire.router.ip("link set far1 mtu 1400\n")?;
                let icmp = ["-A", "OUTPUT", "-p", "icmp", "--icmp-type", "fragmentation-needed", "-j", "DROP"];
                world.router_firewall(&icmp)
            },
            remedy: |world| world.wire()?.runner.ip("link set eth0 mtu 1400\n"),
            ..Scene::new("path/mtu-black-hole", Topology::Wire, &["F53"], &["path.mtu-black-hole"])
        },
        // The look-alike: the same narrow link, and a router that says so.
        Scene {
            setup: |world| {
                one_peer(world)?;
                world.wire()?.router.ip("link set far1 mtu 1400\n")
            },
            inject: |world| Ok(world.end_peer()),
            remedy: |world| {
                world.end_peer();
                one_peer(world)
            },
            ..Scene::new("path/narrow-link-that-is-told", Topology::Wire, &[], &["listener.none-or-loopback"])
        },
        Scene {
            setup: job_container,
            inject: |world| {
                let long = ["-i", "docker0", "-p", "tcp", "-m", "length", "--length", "1401:65535", "-j", "DROP"];
                let rule = world.lab()?.firewall(&long)?;
                Ok(world.keep("narrow", rule))
            },
            remedy: |world| Ok(world.end("narrow")),
            ..Scene::new("path/mtu-of-job-container", Topology::Docker, &["F54"], &["path.mtu-job-container"])
        },
        Scene {
            // A node of a cluster has the tunnel whose packets these are.
            setup: |world| {
                one_peer(world)?;
                world.wire()?.runner.ip("link add flannel.1 type bridge\naddress add 10.42.0.1/32 dev flannel.1\n")
            },
            inject: |world| {
                let wrong = WrongChecksums::send(world)?;
                Ok(world.keep("wrong", wrong))
            },
            remedy: |world| Ok(world.end("wrong")),
            ..Scene::new("path/bad-checksums", Topology::Wire, &["F55"], &["path.bad-checksums"])
        },
    ]
}

fn one_peer(world: &mut World) -> Result<()> {
    world.policy(CHECKS);
    world.serve_peer()
}

/// A job's container of GitHub Actions, with the peer on its host.
fn job_container(world: &mut World) -> Result<()> {
    world.policy(CHECKS);
    world.env("GITHUB_ACTIONS", "true");
    world.serve_peer_with(PeerOptions::on("/ip4/0.0.0.0/tcp/0"))?;
    world.use_own_peer()
}

/// Sends the runner datagrams with wrong checksums until it is dropped, as a card does
/// that computes those of tunnelled packets wrongly.
struct WrongChecksums(Arc<AtomicBool>);

impl WrongChecksums {
    fn send(world: &World) -> Result<Self> {
        let machine = world.machine()?.context("no machine of its own")?;
        let socket = machine.inside(|| Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP)))?;
        let to = SocketAddr::from((Wire::RUNNER, 0)).into();
        let ended = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&ended);
        std::thread::spawn(move || {
            // Source and destination port, length, a checksum that fits nothing, a payload.
            let packet = [0x12, 0xb5, 0x12, 0xb5, 0, 12, 0x0b, 0xad, b'l', b'o', b's', b't'];
            while !until.load(Ordering::SeqCst) {
                let _ = socket.send_to(&packet, &to);
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Ok(Self(ended))
    }
}

impl Drop for WrongChecksums {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn families() -> Vec<Scene> {
    vec![
        Scene {
            setup: |world| {
                world.policy(CHECKS);
                let six = Ipv6Addr::new(0xfd77, 1, 0, 0, 0, 0, 0, 2);
                world.serve_peer_with(PeerOptions::on(&format!("/ip6/{six}/tcp/0")))?;
                world.name("six.lab.test", Reply::Addresses(vec![IpAddr::V6(six)]));
                let address = world.peer()?.at("dns/six.lab.test")?;
                Ok(world.use_peers(&[&address]))
            },
            inject: |world| world.wire()?.runner.ip("route delete default via fd77::1\n"),
            remedy: |world| world.wire()?.runner.ip("route add default via fd77::1\n"),
            ..Scene::new("path/no-ipv6", Topology::Wire, &["F59"], &["path.no-ipv6"])
        },
        Scene {
            setup: |world| localhost(world, true),
            inject: |world| localhost(world, false),
            remedy: |world| localhost(world, true),
            ..Scene::new("path/localhost-is-ipv6", Topology::Wire, &["F60"], &["path.localhost-ipv6"])
        },
    ]
}

/// A service of the runner's own machine, on both loopback addresses or on IPv4 alone.
fn localhost(world: &mut World, both: bool) -> Result<()> {
    const PORT: u16 = 8080;
    world.end("services");
    let mut at: Vec<IpAddr> = vec![Ipv4Addr::LOCALHOST.into()];
    at.extend(both.then_some(IpAddr::V6(Ipv6Addr::LOCALHOST)));
    let bind = |ip: &IpAddr| world.wire()?.runner.inside(|| TcpListener::bind((*ip, PORT)));
    let services = at.iter().map(bind).collect::<Result<Vec<_>>>()?;
    world.keep("services", services);
    world.policy(&target(&format!("localhost:{PORT}"), ""));
    Ok(())
}

/// A policy that looks at the path to one address that is no peer's.
fn target(address: &str, with: &str) -> String {
    format!(
        "[targets.service]\nkind = \"tcp\"\naddresses = [\"{address}\"]\n\n[[check]]\nid = \"net.path\"\n\
         use = \"bundled:net/path\"\ntarget = \"service\"\nseverity = \"major\"\ntimeout = \"30s\"\n{with}"
    )
}

fn quiet() -> Vec<Scene> {
    vec![Scene {
        needs: &[Need::Namespaces],
        setup: |world| {
            let stand = world.stand("silent", 8080)?;
            world.keep("service", stand);
            world.policy(&target(&format!("{}:8080", world.address()?), "with = { idle = 4 }\n"));
            // A router that knows its connections, as every one that translates addresses does.
            world.router_firewall(&["-A", "FORWARD", "-m", "conntrack", "--ctstate", "INVALID", "-j", "DROP"])?;
            world.wire()?.router.sysctl("net/netfilter/nf_conntrack_tcp_loose", "0")
        },
        inject: |world| forgets_after(world, 2),
        remedy: |world| forgets_after(world, 600),
        ..Scene::new("path/idle-connection-forgotten", Topology::Wire, &["F61"], &["path.idle-cut"])
    }]
}

/// For how many seconds the router remembers a connection on which nothing is sent.
fn forgets_after(world: &mut World, seconds: u32) -> Result<()> {
    let router = &world.wire()?.router;
    // After data that is not answered another clock runs.
    for name in ["established", "unacknowledged"] {
        router.sysctl(&format!("net/netfilter/nf_conntrack_tcp_timeout_{name}"), &seconds.to_string())?;
    }
    Ok(())
}

pub(crate) fn tricks() -> Vec<Trick> {
    vec![Trick { name: "path/ping-is-forbidden", topology: Topology::Wire, play: without_icmp }]
}

/// F62: a network that drops ICMP, as those of hosted runners do, is as good as any other.
/// Nothing here sends an echo, so nothing is named.
fn without_icmp(bench: &Arc<Bench>) -> Result<()> {
    let mut world = World::build(bench, Topology::Wire)?;
    one_peer(&mut world)?;
    let wire = world.wire()?;
    for namespace in wire.machines.iter().chain([&wire.runner, &wire.router]) {
        for chain in ["INPUT", "OUTPUT", "FORWARD"] {
            namespace.command(&["iptables", "--wait", "10", "-I", chain, "-p", "icmp", "-j", "DROP"])?;
        }
    }
    let run = world.run()?;
    let report = run.report()?;
    ensure!(report.causes.is_empty(), "a cause is named\n{}", report.digest());
    let path = report.check("net.path").context("net.path was not run")?;
    ensure!(path.status == Status::Pass, "net.path is {}", path.status.word());
    run.exits(0).map(drop)
}
