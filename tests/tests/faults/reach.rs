//! What stands between a runner and its peer: firewalls, listeners, routes, machines.

use anyhow::Result;
use seaworthy_tests::PeerOptions;
use seaworthy_tests::faults::{Scene, Topology, World};
use seaworthy_tests::lab::Wire;

pub(crate) fn scenes() -> Vec<Scene> {
    let peer = |name, faults, causes| Scene { setup: own_peer, ..Scene::new(name, Topology::Wire, faults, causes) };
    vec![
        Scene {
            inject: |world| closed(world, &["-j", "DROP"]),
            remedy: opened,
            ..peer("firewall/drop", &["F10"], &["firewall.drop"])
        },
        Scene {
            inject: |world| closed(world, &["-j", "REJECT"]),
            remedy: opened,
            ..peer("firewall/reject", &["F09"], &["firewall.reject"])
        },
        Scene {
            inject: |world| closed(world, &["-j", "REJECT", "--reject-with", "icmp-host-prohibited"]),
            remedy: opened,
            ..peer("firewall/prohibit", &["F09"], &["firewall.reject"])
        },
        Scene {
            inject: |world| Ok(world.end_peer()),
            remedy: World::serve_peer,
            ..peer("listener/not-running", &["F12"], &["listener.none-or-loopback"])
        },
        Scene {
            inject: |world| {
                world.serve_peer_with(PeerOptions::on("/ip4/127.0.0.1/tcp/0"))?;
                world.use_own_peer()
            },
            remedy: World::serve_peer,
            ..peer("listener/loopback-only", &["F12"], &["listener.none-or-loopback"])
        },
        Scene {
            inject: |world| {
                let nobody = world.peer()?.at(&format!("ip4/{}", Wire::NOBODY))?;
                Ok(world.use_peers(&[&nobody]))
            },
            remedy: World::use_own_peer,
            ..peer("network/nobody-there", &[], &["net.host-down"])
        },
        Scene {
            inject: |world| world.wire()?.runner.ip("route delete default\n"),
            remedy: |world| world.wire()?.runner.ip(&format!("route add default via {}\n", Wire::GATEWAY)),
            ..peer("network/no-route", &[], &["net.no-route"])
        },
        Scene {
            inject: |world| {
                world.router_firewall(&["-I", "FORWARD", "-d", &world.address()?.to_string(), "-j", "DROP"])
            },
            remedy: |world| {
                world.router_firewall(&["-D", "FORWARD", "-d", &world.address()?.to_string(), "-j", "DROP"])
            },
            ..peer("network/silent", &[], &["net.silent"])
        },
    ]
}

/// A peer on the scene's machine, and the whole suite.
pub(crate) fn own_peer(world: &mut World) -> Result<()> {
    world.serve_peer()
}

/// Closes the peer's port on its machine.
fn closed(world: &mut World, verdict: &[&str]) -> Result<()> {
    let port = world.peer()?.port()?.to_string();
    world.firewall(&[&["-A", "INPUT", "-p", "tcp", "--dport", &port], verdict].concat())
}

/// What the remedy says: this port, for this network.
fn opened(world: &mut World) -> Result<()> {
    let port = world.peer()?.port()?.to_string();
    world.firewall(&["-I", "INPUT", "-p", "tcp", "--dport", &port, "-s", "10.77.0.0/24", "-j", "ACCEPT"])
}
