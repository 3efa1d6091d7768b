//! The container's runtime: rootless networks, Docker Desktop, sockets, iptables, pods.

use anyhow::{Context as _, Result};
use seaworthy_tests::PeerOptions;
use seaworthy_tests::Reply;
use seaworthy_tests::faults::{Need, Scene, Topology, World};
use seaworthy_tests::lab::Wire;
use std::net::IpAddr;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

const CHECKS: &str = r#"
[[check]]
id = "docker.runtime"
use = "bundled:docker/runtime"
target = "p2p"
severity = "major"
timeout = "8s"
"#;

const WITH_PEERS: &str = r#"
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
"#;

pub(crate) fn scenes() -> Vec<Scene> {
    let mut scenes = sockets();
    scenes.extend(kernels());
    scenes.extend(networks());
    scenes
}

fn sockets() -> Vec<Scene> {
    let named = |name, faults| Scene {
        setup: with_socket,
        remedy: with_socket,
        ..Scene::new(name, Topology::Here, faults, &["runtime.docker-socket"])
    };
    vec![
        Scene {
            inject: |world| {
                world.end("engine");
                Ok(std::fs::remove_file(world.folder().join("docker.sock"))?)
            },
            ..named("runtime/no-docker-socket", &["F24"])
        },
        // As Docker makes it of a mount whose source is not there.
        Scene {
            inject: |world| {
                world.end("engine");
                let path = world.folder().join("docker.sock");
                std::fs::remove_file(&path)?;
                Ok(std::fs::create_dir(&path)?)
            },
            ..named("runtime/docker-socket-is-a-folder", &["F24"])
        },
    ]
}

/// An engine's socket that DOCKER_HOST names.
fn with_socket(world: &mut World) -> Result<()> {
    world.policy(CHECKS);
    world.end("engine");
    let path = world.folder().join("docker.sock");
    let _ = std::fs::remove_dir(&path);
    let listener = UnixListener::bind(&path)?;
    world.env("DOCKER_HOST", &format!("unix://{}", path.display()));
    world.keep("engine", listener);
    Ok(())
}

fn kernels() -> Vec<Scene> {
    vec![
        Scene {
            setup: |world| {
                world.policy(CHECKS);
                // A container on the host's network, which is a machine of Linux.
                world.env("container", "docker");
                Ok(())
            },
            inject: |world| world.file("/proc/sys/kernel/osrelease", "6.10.14-linuxkit\n"),
            remedy: |world| Ok(world.own_file("/proc/sys/kernel/osrelease")),
            needs: &[Need::Namespaces],
            ..Scene::new("runtime/desktop-host-network", Topology::Here, &["F14"], &["runtime.desktop-host-network"])
        },
        Scene {
            setup: |world| {
                world.policy(&CHECKS.replace("timeout", "with = { need-docker = true }\ntimeout"));
                with_engine_inside(world)
            },
            inject: |world| {
                let rules =
                    ["iptables-legacy", "-t", "nat", "-A", "OUTPUT", "-p", "tcp", "--dport", "1", "-j", "RETURN"];
                world.wire()?.runner.command(&rules).map(drop)
            },
            remedy: one_back_end,
            needs: &[Need::Program("iptables-legacy")],
            ..Scene::new("runtime/iptables-mixed", Topology::Wire, &["F26"], &["runtime.iptables-mixed"])
        },
    ]
}

/// A container that is to run an engine of its own, with its socket at hand.
fn with_engine_inside(world: &mut World) -> Result<()> {
    world.env("container", "docker");
    world.env("PATH", &std::env::var("PATH")?);
    let path = world.folder().join("docker.sock");
    let listener = UnixListener::bind(&path)?;
    world.env("DOCKER_HOST", &format!("unix://{}", path.display()));
    world.keep("engine", listener);
    Ok(())
}

/// As docker:dind does with DOCKER_IPTABLES_LEGACY=1: the iptables that comes first on the
/// path is the legacy one.
fn one_back_end(world: &mut World) -> Result<()> {
    let legacy = std::fs::canonicalize(which("iptables-legacy")?)?;
    let folder = world.folder().join("legacy");
    std::fs::create_dir_all(&folder)?;
    std::os::unix::fs::symlink(legacy, folder.join("iptables"))?;
    world.env("PATH", &format!("{}:{}", folder.display(), std::env::var("PATH")?));
    Ok(())
}

fn which(program: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
    found.with_context(|| format!("{program} is not installed"))
}

fn networks() -> Vec<Scene> {
    let rootless =
        |name, faults, causes| Scene { needs: &[Need::Namespaces], ..Scene::new(name, Topology::Wire, faults, causes) };
    vec![
        Scene {
            setup: |world| behind_user_space(world, "10.0.2"),
            inject: |world| at(world, "10.0.2.2"),
            // The host's other address, as the remedy has it.
            remedy: World::use_own_peer,
            ..rootless("runtime/rootless-loopback", &["F18"], &["runtime.rootless-loopback"])
        },
        Scene {
            setup: |world| {
                behind_user_space(world, "10.0.5")?;
                world.machine()?.context("no machine of its own")?.ip("address add 10.0.2.15/32 dev eth0\n")?;
                world.wire()?.router.ip("route add 10.0.2.15 via 10.77.1.2\n")?;
                world.wire()?.runner.ip("route add 10.0.2.15 via 10.77.0.1\n")?;
                at(world, "10.0.2.15")
            },
            inject: |world| {
                world.wire()?.runner.ip("route delete 10.0.2.15\n")?;
                user_space(world, "10.0.2")
            },
            remedy: |world| {
                user_space(world, "10.0.5")?;
                world.wire()?.runner.ip("route add 10.0.2.15 via 10.77.0.1\n")
            },
            ..rootless("runtime/slirp-overlap", &["F19"], &["runtime.slirp-overlap"])
        },
        Scene {
            setup: pod,
            inject: |world| world.file("/etc/resolv.conf", &format!("nameserver {}\n", Wire::GATEWAY)),
            remedy: cluster_dns,
            ..Scene::new("runtime/pod-without-cluster-dns", Topology::Wire, &[], &["runtime.pod-dns"])
        },
    ]
}

/// A rootless container: its way out is a tap of a program of user space. What that program
/// does not carry is all that is played here, so nobody is behind the tap; the peer is
/// reached by a cable beside it.
fn behind_user_space(world: &mut World, block: &str) -> Result<()> {
    world.policy(CHECKS);
    world.policy(WITH_PEERS);
    world.env("container", "podman");
    world.serve_peer_with(PeerOptions::on("/ip4/0.0.0.0/tcp/0"))?;
    world.wire()?.runner.ip("route delete default via 10.77.0.1\nroute add 10.77.0.0/16 via 10.77.0.1\n")?;
    user_space(world, block)?;
    world.use_own_peer()
}

fn user_space(world: &World, block: &str) -> Result<()> {
    let runner = &world.wire()?.runner;
    let _ = runner.ip("link delete tap0\n");
    runner.ip(&format!(
        "tuntap add dev tap0 mode tap\nlink set tap0 up\naddress add {block}.100/24 dev tap0\nroute add default via {block}.2\n"
    ))
}

fn at(world: &mut World, ip: &str) -> Result<()> {
    let address = world.peer()?.at(&format!("ip4/{ip}"))?;
    world.use_peers(&[&address]);
    Ok(())
}

/// A pod whose peer is a service of the cluster.
fn pod(world: &mut World) -> Result<()> {
    world.policy(CHECKS);
    world.policy(WITH_PEERS);
    world.env("KUBERNETES_SERVICE_HOST", "10.96.0.1");
    world.serve_peer_with(PeerOptions::on(&format!("/ip4/{}/tcp/0", world.address()?)))?;
    let ip = IpAddr::V4(world.address()?);
    world.name("cache.build.svc.cluster.local", Reply::Addresses(vec![ip]));
    let address = world.peer()?.at("dns4/cache")?;
    world.use_peers(&[&address]);
    cluster_dns(world)
}

fn cluster_dns(world: &mut World) -> Result<()> {
    let text = format!(
        "nameserver {}\nsearch build.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n",
        Wire::GATEWAY
    );
    world.file("/etc/resolv.conf", &text)
}
