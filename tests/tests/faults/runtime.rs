//! The container's runtime: rootless networks, Docker Desktop, sockets, iptables, pods.

use anyhow::Result;
use seaworthy_tests::PeerOptions;
use seaworthy_tests::Reply;
use seaworthy_tests::faults::{Need, Scene, Topology, World};
use seaworthy_tests::lab::Wire;
use std::net::IpAddr;
use std::os::unix::net::UnixListener;

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
            remedy: |world| Ok(world.env("PATH", "/nowhere")),
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

fn networks() -> Vec<Scene> {
    vec![Scene {
        setup: pod,
        inject: |world| world.file("/etc/resolv.conf", &format!("nameserver {}\n", Wire::GATEWAY)),
        remedy: cluster_dns,
        ..Scene::new("runtime/pod-without-cluster-dns", Topology::Wire, &[], &["runtime.pod-dns"])
    }]
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
