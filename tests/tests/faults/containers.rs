//! What Docker's networks do to a peer's address.

use anyhow::{Context as _, Result};
use seaworthy_tests::PeerOptions;
use seaworthy_tests::faults::{Scene, Topology, World};
use seaworthy_tests::lab::{Container, Network, Running, SECRET};

pub(crate) fn scenes() -> Vec<Scene> {
    let mut scenes = on_the_host();
    scenes.extend(between_containers());
    scenes
}

/// The peer is a process of the containers' host.
fn on_the_host() -> Vec<Scene> {
    let peer = |name, faults, causes| Scene {
        setup: peer_on_host,
        remedy: World::use_own_peer,
        ..Scene::new(name, Topology::Docker, faults, causes)
    };
    vec![
        Scene {
            inject: |world| at(world, "ip4/127.0.0.1"),
            ..peer("docker/loopback-in-bridge", &["F01"], &["docker.loopback-in-bridge"])
        },
        Scene {
            inject: |world| at(world, "dns4/host.docker.internal"),
            ..peer("docker/no-host-name", &["F07"], &["docker.host-name-unresolved"])
        },
        Scene {
            inject: |world| Ok(world.option("--network", &["none"])),
            remedy: |world| Ok(world.option("--network", &["bridge"])),
            ..peer("docker/no-network", &[], &["docker.no-network"])
        },
        Scene {
            inject: |world| {
                world.end_peer();
                Ok(())
            },
            remedy: peer_on_host,
            ..peer("docker/nothing-listens", &["F12"], &["listener.none-or-loopback"])
        },
        Scene {
            inject: |world| on_host(world, "/ip4/127.0.0.1/tcp/0"),
            remedy: peer_on_host,
            ..peer("docker/loopback-listener", &["F12"], &["listener.none-or-loopback"])
        },
        Scene {
            inject: |world| {
                on_host(world, "/ip4/127.0.0.1/tcp/0")?;
                host_report(world)
            },
            remedy: peer_on_host,
            ..peer("docker/loopback-listener-with-host-report", &["F12"], &["listener.loopback-only"])
        },
        Scene {
            inject: |world| {
                world.end_peer();
                host_report(world)
            },
            remedy: peer_on_host,
            ..peer("docker/nothing-listens-with-host-report", &["F12"], &["listener.nothing-listening"])
        },
        Scene {
            inject: |world| closed(world, &["-j", "DROP"]),
            remedy: |world| Ok(world.end("rule")),
            ..peer("docker/ufw-drops", &["F10"], &["firewall.drop"])
        },
        Scene {
            inject: |world| closed(world, &["-j", "REJECT", "--reject-with", "icmp-host-prohibited"]),
            remedy: |world| Ok(world.end("rule")),
            ..peer("docker/firewalld-rejects", &["F09"], &["firewall.reject"])
        },
        Scene {
            inject: |world| {
                closed(world, &["-j", "REJECT", "--reject-with", "tcp-reset"])?;
                host_report(world)
            },
            remedy: |world| Ok(world.end("rule")),
            ..peer("docker/firewall-resets", &[], &["firewall.reset"])
        },
        Scene {
            inject: |world| {
                for name in ["CACHE_ENABLE_P2P", "CACHE_P2P_SHARED_SECRET"] {
                    world.unset(name);
                }
                world.forget_peers();
                Ok(())
            },
            ..peer("docker/variables-not-passed", &[], &["env.not-propagated"])
        },
        Scene {
            setup: by_host_name,
            inject: |world| {
                let network = world.lab()?.network("wrong-gateway")?;
                let elsewhere = world.lab()?.dead_address()?;
                world.option("--network", &[network.name()]);
                world.option("--add-host", &[&format!("host.docker.internal:{elsewhere}")]);
                world.keep("network", network);
                Ok(())
            },
            remedy: |world| {
                world.option("--network", &["bridge"]);
                by_host_name(world)
            },
            ..Scene::new("docker/other-gateway", Topology::Docker, &["F08"], &["docker.wrong-gateway"])
        },
    ]
}

/// A peer on all addresses of the host; the runner is on the default bridge.
fn peer_on_host(world: &mut World) -> Result<()> {
    on_host(world, "/ip4/0.0.0.0/tcp/0")
}

fn on_host(world: &mut World, listen: &str) -> Result<()> {
    world.no_args();
    world.serve_peer_with(PeerOptions::on(listen))?;
    world.use_own_peer()
}

fn at(world: &mut World, host: &str) -> Result<()> {
    let address = world.peer()?.at(host)?;
    world.use_peers(&[&address]);
    Ok(())
}

fn by_host_name(world: &mut World) -> Result<()> {
    let gateway = world.address()?.to_string();
    world.option("--add-host", &[&format!("host.docker.internal:{gateway}")]);
    peer_on_host(world)?;
    at(world, "dns4/host.docker.internal")
}

/// Lets the container read a report that was recorded on its host just now.
fn host_report(world: &mut World) -> Result<()> {
    let file = world.folder().join("host.json");
    let output = format!("json={}", file.display());
    let peers = world.peers_text();
    let run = world.lab()?.on_host(["run", "--vantage", "host", "-o", &output])?;
    let run = run.env("CACHE_ENABLE_P2P", "true").env("CACHE_BOOTSTRAP_PEERS", peers);
    run.env("CACHE_P2P_SHARED_SECRET", SECRET).run()?;
    anyhow::ensure!(file.is_file(), "no host report was written");
    world.args(&["--host-report", &file.display().to_string()]);
    Ok(())
}

fn closed(world: &mut World, verdict: &[&str]) -> Result<()> {
    let port = world.peer()?.port()?.to_string();
    let rule = [&["-i", "docker0", "-p", "tcp", "--dport", &port], verdict].concat();
    let rule = world.lab()?.firewall(&rule)?;
    world.keep("rule", rule);
    Ok(())
}

/// The peer is a container too.
fn between_containers() -> Vec<Scene> {
    vec![
        Scene {
            setup: peer_by_name,
            inject: |world| {
                let address = address_of(world, "dns4/no-such-peer")?;
                Ok(world.use_peers(&[&address]))
            },
            remedy: peer_by_name,
            ..Scene::new("docker/wrong-name", Topology::Docker, &[], &["dns.name-not-found"])
        },
        Scene {
            setup: peer_by_name,
            inject: |world| Ok(world.option("--network", &["bridge"])),
            remedy: back_on_network,
            ..Scene::new("docker/name-on-default-bridge", Topology::Docker, &["F13"], &["dns.name-not-found"])
        },
        Scene {
            setup: peer_by_address,
            inject: |world| {
                let ours = world.lab()?.network("ours")?;
                world.option("--network", &[ours.name()]);
                world.keep("ours", ours);
                Ok(())
            },
            remedy: back_on_network,
            ..Scene::new("docker/other-network", Topology::Docker, &[], &["docker.other-network"])
        },
        Scene {
            setup: |world| published(world, "0.0.0.0"),
            inject: |world| published(world, "127.0.0.1"),
            remedy: |world| published(world, "0.0.0.0"),
            ..Scene::new(
                "docker/published-port-on-loopback",
                Topology::Docker,
                &["F11"],
                &["listener.behind-published-port"],
            )
        },
    ]
}

/// A peer in a container of a network of its own.
fn peer_in_network(world: &mut World) -> Result<()> {
    let network = world.lab()?.network("theirs")?;
    let args = ["peer", "--json", "--listen", "/ip4/0.0.0.0/tcp/9100", "--state", "/var/lib/seaworthy"];
    let container = Container::of(args).network(network.name()).env("CACHE_P2P_SHARED_SECRET", SECRET);
    let running = world.lab()?.start(&container)?;
    running.peer_id()?;
    world.option("--network", &[network.name()]);
    // The container goes before its network.
    world.end("peer");
    world.keep("peer", (running, network));
    Ok(())
}

fn address_of(world: &mut World, host: &str) -> Result<String> {
    let (running, _) = world.kept::<(Running, Network)>("peer")?;
    Ok(format!("/{host}/tcp/9100/p2p/{}", running.peer_id()?))
}

fn peer_by_name(world: &mut World) -> Result<()> {
    peer_in_network(world)?;
    let name = world.kept::<(Running, Network)>("peer")?.0.name().to_owned();
    let address = address_of(world, &format!("dns4/{name}"))?;
    world.use_peers(&[&address]);
    Ok(())
}

fn peer_by_address(world: &mut World) -> Result<()> {
    peer_in_network(world)?;
    let at = world.kept::<(Running, Network)>("peer")?.0.address.context("the peer has no address")?;
    let address = address_of(world, &format!("ip4/{at}"))?;
    world.use_peers(&[&address]);
    Ok(())
}

fn back_on_network(world: &mut World) -> Result<()> {
    let name = world.kept::<(Running, Network)>("peer")?.1.name().to_owned();
    world.option("--network", &[&name]);
    Ok(())
}

/// A peer in a container whose port is published; inside it listens on `inside`.
fn published(world: &mut World, inside: &str) -> Result<()> {
    world.end("peer");
    let listen = format!("/ip4/{inside}/tcp/9100");
    let args = ["peer", "--json", "--listen", &listen, "--state", "/var/lib/seaworthy"];
    let container = Container::of(args).env("CACHE_P2P_SHARED_SECRET", SECRET);
    let container = container.option("--publish").option("9100:9100");
    let running = world.lab()?.start(&container)?;
    let address = format!("/ip4/{}/tcp/9100/p2p/{}", world.address()?, running.peer_id()?);
    world.keep("peer", running);
    world.use_peers(&[&address]);
    Ok(())
}
