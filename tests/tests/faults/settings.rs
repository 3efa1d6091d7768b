//! Variables and addresses that are wrong in themselves, with a live peer behind them.

use anyhow::Result;
use seaworthy_tests::PeerOptions;
use seaworthy_tests::faults::{Scene, Topology, World};

pub(crate) fn scenes() -> Vec<Scene> {
    let mut scenes = variables();
    scenes.extend(addresses());
    scenes.extend(own_port());
    scenes
}

fn variables() -> Vec<Scene> {
    let peer =
        |name, faults, causes| Scene { setup: World::serve_peer, ..Scene::new(name, Topology::Here, faults, causes) };
    vec![
        Scene {
            inject: |world| Ok(world.env("CACHE_LISTEN_PORT", "91OO")),
            remedy: |world| Ok(world.unset("CACHE_LISTEN_PORT")),
            ..peer("settings/port-is-no-number", &[], &["env.invalid"])
        },
        Scene {
            inject: |world| Ok(world.env("CACHE_ENABLE_P2P", "1")),
            remedy: switched_on,
            ..peer("settings/switch-says-one", &["F96"], &["env.p2p-disabled"])
        },
        Scene {
            inject: |world| Ok(world.env("CACHE_ENABLE_P2P", "false")),
            remedy: switched_on,
            ..peer("settings/p2p-switched-off", &["F96"], &["env.p2p-disabled"])
        },
        Scene {
            inject: |world| Ok(world.env("CACHE_BOOTSTRAP_PEER", "/ip4/127.0.0.1/tcp/9100")),
            remedy: |world| Ok(world.unset("CACHE_BOOTSTRAP_PEER")),
            ..peer("settings/misspelt-name", &[], &["env.unknown-name"])
        },
        Scene {
            inject: |world| Ok(world.use_peers(&[])),
            remedy: World::use_own_peer,
            ..peer("settings/no-peers", &["F27"], &["env.no-peers"])
        },
        Scene {
            inject: |world| Ok(world.env("CACHE_S3_BUCKET", "builds")),
            remedy: |world| Ok(world.unset("CACHE_S3_BUCKET")),
            ..peer("settings/without-effect", &["F96"], &["env.no-effect"])
        },
    ]
}

fn switched_on(world: &mut World) -> Result<()> {
    world.env("CACHE_ENABLE_P2P", "true");
    Ok(())
}

fn addresses() -> Vec<Scene> {
    let peer = |name, faults, causes| Scene {
        setup: World::serve_peer,
        remedy: World::use_own_peer,
        ..Scene::new(name, Topology::Here, faults, causes)
    };
    vec![
        Scene {
            inject: |world| rewritten(world, |ip, port, _| format!("{ip}:{port}")),
            ..peer("address/host-and-port", &["F27"], &["address.host-port"])
        },
        Scene {
            inject: |world| rewritten(world, |ip, port, _| format!("http://{ip}:{port}")),
            ..peer("address/url", &["F27"], &["address.url"])
        },
        Scene {
            inject: |world| rewritten(world, |ip, port, _| format!("/ip4/{ip}/tcp/{port}/p2p/YOUR_PEER_ID")),
            ..peer("address/placeholder", &["F27"], &["address.placeholder-peer-id"])
        },
        Scene {
            inject: |world| {
                rewritten(world, |ip, port, id| format!("/ip4/{ip}/tcp/{port}/p2p/{}", &id[..id.len() - 6]))
            },
            ..peer("address/cut-peer-id", &["F27"], &["address.bad-peer-id"])
        },
        Scene {
            inject: |world| rewritten(world, |ip, port, _| format!("/ip4/{ip}/tcp/{port}")),
            ..peer("address/no-peer-id", &["F27"], &["address.missing-peer-id"])
        },
        Scene {
            inject: |world| rewritten(world, |_, port, id| format!("/ip4/0.0.0.0/tcp/{port}/p2p/{id}")),
            ..peer("address/unspecified", &["F05"], &["address.unspecified"])
        },
        Scene {
            inject: |world| rewritten(world, |ip, port, id| format!("/ip4/{ip}/tcp/{port}/ws/p2p/{id}")),
            ..peer("address/websocket", &[], &["address.unsupported-transport"])
        },
        Scene {
            inject: |world| rewritten(world, |ip, port, id| format!("/ip4/{ip}/tpc/{port}/p2p/{id}")),
            ..peer("address/misspelt-protocol", &[], &["address.invalid"])
        },
        Scene {
            inject: |world| {
                let once = world.peer()?.at(&format!("ip4/{}", world.address()?))?;
                Ok(world.use_peers(&[&once, &once]))
            },
            ..peer("address/twice", &[], &["address.duplicate"])
        },
    ]
}

/// Writes the address of the scene's peer in another way.
fn rewritten(world: &mut World, write: fn(&str, u16, &str) -> String) -> Result<()> {
    let (ip, peer) = (world.address()?.to_string(), world.peer()?);
    let address = write(&ip, peer.port()?, peer.id());
    world.use_peers(&[&address]);
    Ok(())
}

fn own_port() -> Vec<Scene> {
    vec![
        Scene {
            setup: listen_port,
            inject: |world| {
                let port = world.kept::<u16>("port")?.to_owned();
                world.keep("owner", std::net::TcpListener::bind(("0.0.0.0", port))?);
                Ok(())
            },
            remedy: |world| Ok(world.end("owner")),
            ..Scene::new("runner/port-in-use", Topology::Here, &["F23"], &["cache.port-in-use"])
        },
        Scene {
            setup: World::serve_peer,
            inject: |world| {
                world.env("CACHE_BACKENDS", "p2p,disk");
                Ok(world.env("CACHE_DIR", "/proc/cache"))
            },
            remedy: |world| {
                let folder = world.folder().join("cache").display().to_string();
                Ok(world.env("CACHE_DIR", &folder))
            },
            ..Scene::new("runner/cache-folder-not-writable", Topology::Here, &["F101"], &["cache.directory"])
        },
        Scene {
            setup: World::serve_peer,
            inject: |world| {
                // The variable of the Python cache.
                world.env("IPFS_ACCELERATE_CACHE_DIR", "/proc/cache");
                Ok(())
            },
            remedy: |world| {
                let folder = world.folder().join("cache").display().to_string();
                Ok(world.env("IPFS_ACCELERATE_CACHE_DIR", &folder))
            },
            ..Scene::new("runner/python-folder-not-writable", Topology::Here, &["F101"], &["cache.directory"])
        },
    ]
}

/// A runner with a port of its own, which nobody has.
fn listen_port(world: &mut World) -> Result<()> {
    world.serve_peer()?;
    let port = std::net::TcpListener::bind("0.0.0.0:0")?.local_addr()?.port();
    world.env("CACHE_LISTEN_PORT", &port.to_string());
    world.keep("port", port);
    Ok(())
}

/// For scenes of other files: a peer at a fixed address with a secret of its own.
pub(crate) fn peer_with_secret(world: &mut World, secret: &str) -> Result<()> {
    let listen = format!("/ip4/{}/tcp/0", world.address()?);
    world.serve_peer_with(PeerOptions { secret: secret.into(), ..PeerOptions::on(&listen) })?;
    world.use_own_peer()
}
