//! What runs out: connection tracking, source ports, descriptors, subnets, room.

use anyhow::Result;
use seaworthy_tests::faults::{Need, Scene, Topology, World};
use std::io::Read as _;
use std::net::{TcpListener, TcpStream};

const CHECKS: &str = r#"
[[check]]
id = "system.limits"
use = "bundled:system/limits"
severity = "major"
"#;

const COUNT: &str = "/proc/sys/net/netfilter/nf_conntrack_count";

pub(crate) fn scenes() -> Vec<Scene> {
    let wire = |name, faults, causes| Scene { setup: limits_only, ..Scene::new(name, Topology::Wire, faults, causes) };
    let here = |name, faults, causes| Scene { setup: limits_only, ..Scene::new(name, Topology::Here, faults, causes) };
    vec![
        Scene {
            // The table is the whole machine's, so what is read of it is what is made.
            setup: |world| {
                limits_only(world)?;
                world.file(COUNT, "120\n")
            },
            inject: |world| {
                let max = std::fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_max")?;
                world.file(COUNT, &max)
            },
            remedy: |world| world.file(COUNT, "120\n"),
            ..wire("limits/conntrack-full", &["F56"], &["limits.conntrack-full"])
        },
        Scene {
            inject: |world| source_ports(world, "40000 40000"),
            remedy: |world| source_ports(world, "32768 60999"),
            ..wire("limits/one-source-port", &["F57"], &["limits.few-ports"])
        },
        Scene {
            inject: |world| {
                source_ports(world, "40000 40199")?;
                wait_in_time_wait(world, 200)
            },
            remedy: |world| source_ports(world, "10240 65535"),
            ..wire("limits/source-ports-used-up", &["F57"], &["limits.ports-exhausted"])
        },
        Scene {
            needs: &[Need::Program("prlimit")],
            setup: |world| {
                limits_only(world)?;
                Ok(world.through(&["prlimit", "--nofile=16384:16384"]))
            },
            inject: |world| Ok(world.through(&["prlimit", "--nofile=512:4096"])),
            remedy: |world| Ok(world.through(&["prlimit", "--nofile=16384:16384"])),
            ..here("limits/few-descriptors", &["F58"], &["limits.files"])
        },
        Scene {
            needs: &[Need::Program("prlimit")],
            inject: |world| Ok(world.through(&["prlimit", "--nproc=20:20"])),
            remedy: |world| Ok(world.through(&[])),
            ..here("limits/few-processes", &[], &["limits.processes"])
        },
        Scene {
            inject: |world| bridges(world, "add"),
            remedy: |world| bridges(world, "delete"),
            ..wire("limits/address-pools-used-up", &["F17"], &["limits.address-pools"])
        },
        Scene {
            needs: &[Need::Namespaces],
            setup: |world| cache_on(world, "size=256m"),
            inject: |world| cache_on(world, "size=256m,nr_inodes=1"),
            remedy: |world| cache_on(world, "size=256m"),
            ..here("limits/no-inodes", &[], &["limits.disk-full"])
        },
        Scene {
            inject: |world| Ok(world.env("CACHE_DIR", "/proc/cache")),
            remedy: |world| {
                let folder = world.folder().join("cache").display().to_string();
                Ok(world.env("CACHE_DIR", &folder))
            },
            ..here("limits/cache-folder-not-writable", &["F101"], &["cache.directory"])
        },
    ]
}

fn limits_only(world: &mut World) -> Result<()> {
    world.policy(CHECKS);
    Ok(())
}

fn source_ports(world: &World, range: &str) -> Result<()> {
    world.wire()?.runner.sysctl("net/ipv4/ip_local_port_range", range)
}

/// Makes connections from the runner and ends them on its side, which then waits.
fn wait_in_time_wait(world: &mut World, count: usize) -> Result<()> {
    let listener: TcpListener = world.listener(8080)?;
    let at = listener.local_addr()?;
    for _ in 0..count {
        let ours = world.wire()?.runner.inside(|| TcpStream::connect(at))?;
        let (mut theirs, _) = listener.accept()?;
        drop(ours);
        // Ours ended first, so ours is the side that waits.
        let _ = theirs.read(&mut [0; 1])?;
    }
    Ok(())
}

/// As many bridges as Docker has subnets: 15 below 172.16.0.0/12, 16 below 192.168.0.0/16.
fn bridges(world: &mut World, what: &str) -> Result<()> {
    let low = (17..32).map(|n| format!("172.{n}.0.1/16"));
    let blocks = low.chain((0..16).map(|n| format!("192.168.{}.1/20", n * 16)));
    let lines: String = (0..)
        .zip(blocks)
        .map(|(n, block)| match what {
            "add" => format!("link add br-{n:012x} type bridge\naddress add {block} dev br-{n:012x}\n"),
            _ => format!("link delete br-{n:012x}\n"),
        })
        .collect();
    world.wire()?.runner.ip(&lines)
}

/// A cache directory on a file system of its own, which ends with the command.
fn cache_on(world: &mut World, options: &str) -> Result<()> {
    limits_only(world)?;
    let folder = world.folder().join("cache");
    std::fs::create_dir_all(&folder)?;
    let folder = folder.display().to_string();
    world.env("CACHE_DIR", &folder);
    let mount = format!("mount -t tmpfs -o {options} tmpfs '{folder}' && exec \"$@\"");
    world.through(&["unshare", "--mount", "--propagation", "private", "sh", "-c", &mount, "sh"]);
    Ok(())
}
