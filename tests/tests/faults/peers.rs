//! What answers at a right address: programs, identities, secrets.

use super::settings::peer_with_secret;
use anyhow::Result;
use seaworthy_tests::PeerOptions;
use seaworthy_tests::faults::{Scene, Topology, World};
use seaworthy_tests::lab::SECRET;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

pub(crate) fn scenes() -> Vec<Scene> {
    let mut scenes = on_the_port();
    scenes.extend(identities());
    scenes.extend(secrets());
    scenes
}

fn on_the_port() -> Vec<Scene> {
    let peer = |name, faults, causes| Scene {
        setup: World::serve_peer,
        remedy: |world| {
            world.end("stranger");
            world.serve_peer()
        },
        ..Scene::new(name, Topology::Wire, faults, causes)
    };
    vec![
        Scene {
            inject: |world| stranger(world, "http"),
            ..peer("peer/web-server-on-its-port", &["F30"], &["libp2p.not-libp2p"])
        },
        Scene { inject: |world| stranger(world, "silent"), ..peer("peer/hangs", &[], &["libp2p.wedged"]) },
        Scene { inject: resetting, ..peer("peer/accepts-and-resets", &["F11"], &["listener.behind-published-port"]) },
        Scene { inject: no_noise, ..peer("peer/handshake-fails", &["F31"], &["libp2p.handshake-failed"]) },
    ]
}

/// The peer's port, after the peer has ended.
fn vacated(world: &mut World) -> Result<u16> {
    let port = world.peer()?.port()?;
    world.end_peer();
    Ok(port)
}

fn stranger(world: &mut World, kind: &str) -> Result<()> {
    let port = vacated(world)?;
    let stand = world.stand(kind, port)?;
    world.keep("stranger", stand);
    Ok(())
}

/// Ends with the world: shut down, its thread accepts no more.
struct Closing(TcpListener);

impl Drop for Closing {
    fn drop(&mut self) {
        let _ = socket2::SockRef::from(&self.0).shutdown(std::net::Shutdown::Both);
    }
}

/// Serves each connection on the peer's port on a thread.
fn serving(world: &mut World, serve: fn(std::net::TcpStream) -> Option<()>) -> Result<()> {
    let port = vacated(world)?;
    let listener = world.listener(port)?;
    world.keep("stranger", Closing(listener.try_clone()?));
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || serve(stream));
        }
    });
    Ok(())
}

/// As a published port does whose container does not answer.
fn resetting(world: &mut World) -> Result<()> {
    serving(world, |stream| socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).ok())
}

/// Agrees to everything and hangs up where the encrypted handshake starts, as a peer of
/// another private network may.
fn no_noise(world: &mut World) -> Result<()> {
    serving(world, |mut stream| {
        stream.set_read_timeout(Some(std::time::Duration::from_secs(5))).ok()?;
        // What is agreed to is what was asked for, so it is said back (multistream-select).
        for expected in ["/multistream/1.0.0\n", "/noise\n"] {
            let mut length = [0];
            stream.read_exact(&mut length).ok()?;
            let mut text = vec![0; usize::from(length[0])];
            stream.read_exact(&mut text).ok()?;
            if text != expected.as_bytes() {
                return None;
            }
            stream.write_all(&length).and_then(|()| stream.write_all(&text)).ok()?;
        }
        let mut started = [0; 2];
        stream.read_exact(&mut started).ok()
    })
}

fn identities() -> Vec<Scene> {
    vec![Scene {
        setup: World::serve_peer,
        // Started again without its state: the same port, another identity.
        inject: |world| {
            let listen = format!("/ip4/{}/tcp/{}", world.address()?, vacated(world)?);
            world.serve_peer_with(PeerOptions::on(&listen))
        },
        remedy: World::use_own_peer,
        ..Scene::new("peer/new-identity", Topology::Wire, &["F28"], &["identity.wrong-peer"])
    }]
}

fn secrets() -> Vec<Scene> {
    let peer = |name, faults, causes| Scene {
        setup: World::serve_peer,
        remedy: |world| {
            world.unset("GITHUB_TOKEN");
            world.env("CACHE_P2P_SHARED_SECRET", SECRET);
            world.serve_peer()
        },
        ..Scene::new(name, Topology::Wire, faults, causes)
    };
    vec![
        Scene {
            inject: |world| peer_with_secret(world, "their-secret-Hk5wQz9pXt3mRb7c"),
            ..peer("secret/different", &["F37"], &["secret.different"])
        },
        Scene {
            inject: |world| {
                world.unset("CACHE_P2P_SHARED_SECRET");
                world.env("GITHUB_TOKEN", "ghs_0123456789abcdefghijABCDEFGHIJ012345");
                Ok(())
            },
            ..peer("secret/per-job-token", &["F37"], &["secret.per-job"])
        },
        Scene {
            inject: |world| Ok(world.unset("CACHE_P2P_SHARED_SECRET")),
            ..peer("secret/missing", &[], &["secret.missing"])
        },
        Scene {
            inject: |world| {
                world.env("CACHE_P2P_SHARED_SECRET", "hunter2");
                peer_with_secret(world, "hunter2")
            },
            ..peer("secret/weak", &[], &["secret.weak"])
        },
    ]
}
