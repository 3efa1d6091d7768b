//! libp2p beyond the first handshake: private networks, identities, what peers tell others;
//! and runners that share a machine.

use anyhow::{Context as _, Result};
use seaworthy_tests::PeerOptions;
use seaworthy_tests::faults::{Scene, Topology, World};
use seaworthy_tests::lab::Wire;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

pub(crate) fn scenes() -> Vec<Scene> {
    let mut scenes = handshakes();
    scenes.extend(told());
    scenes.extend(runners());
    scenes
}

// ---------------------------------------------------------------- handshakes

fn handshakes() -> Vec<Scene> {
    vec![
        Scene {
            setup: |world| {
                world.only(&["net.connectivity"]);
                world.serve_peer()
            },
            inject: |world| {
                let port = world.peer()?.port()?;
                world.end_peer();
                let listener = world.listener(port)?;
                world.keep("stranger", Private::on(listener)?);
                Ok(())
            },
            remedy: |world| {
                world.end("stranger");
                world.serve_peer()
            },
            ..Scene::new("p2p/private-network", Topology::Wire, &["F31"], &["peer.private-network"])
        },
        Scene {
            setup: |world| {
                world.only(&["net.connectivity"]);
                twins(world, false)
            },
            inject: |world| twins(world, true),
            remedy: |world| twins(world, false),
            ..Scene::new("p2p/one-identity-for-two", Topology::Wire, &["F29"], &["identity.shared"])
        },
    ]
}

/// A peer of a private network: a random number first, and then nothing that can be read.
struct Private(TcpListener);

impl Private {
    fn on(listener: TcpListener) -> Result<Self> {
        let accepting = listener.try_clone()?;
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = accepting.accept() {
                std::thread::spawn(move || {
                    // The number has 24 bytes, the greeting that follows 20.
                    let noise: Vec<u8> =
                        (0..6_u64).flat_map(|n| RandomState::new().hash_one(n).to_le_bytes()).take(44).collect();
                    let _ = stream.write_all(&noise);
                    let _ = stream.read_to_end(&mut Vec::new());
                });
            }
        });
        Ok(Self(listener))
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        let _ = socket2::SockRef::from(&self.0).shutdown(std::net::Shutdown::Both);
    }
}

/// Peers on both machines; the second with the identity of the first, or with its own.
fn twins(world: &mut World, alike: bool) -> Result<()> {
    world.end("twin");
    let first = world.folder().join("first");
    let second = world.folder().join(if alike { "copy" } else { "second" });
    for folder in [&first, &second] {
        std::fs::create_dir_all(folder)?;
    }
    let [here, there] = [Wire::machine(0), Wire::machine(1)];
    let options = PeerOptions::on(&format!("/ip4/{here}/tcp/0"));
    world.serve_peer_with(PeerOptions { state: Some(first.clone()), ..options })?;
    if alike {
        for entry in std::fs::read_dir(&first)? {
            let entry = entry?;
            let name = entry.file_name();
            if entry.file_type()?.is_file() && name.to_string_lossy().contains("identity") {
                std::fs::copy(entry.path(), second.join(name))?;
            }
        }
    }
    let mut options = PeerOptions::on(&format!("/ip4/{there}/tcp/0"));
    options.state = Some(second);
    options.through = world.wire()?.machines.get(1).context("a second machine")?.prefix();
    let twin = seaworthy_tests::Peer::start(&options)?;
    let addresses = [world.peer()?.at(&format!("ip4/{here}"))?, twin.at(&format!("ip4/{there}"))?];
    world.keep("twin", twin);
    world.use_peers(&[&addresses[0], &addresses[1]]);
    Ok(())
}

// ---------------------------------------------------------------- what peers tell

/// A peer that announces an address, and the check that climbs further.
fn announcing(world: &mut World, announced: Option<&str>, dial_back: bool) -> Result<()> {
    world.policy(&format!(
        "[[check]]\nid = \"p2p.sharing\"\nuse = \"bundled:p2p/sharing\"\ntarget = \"p2p\"\n\
         severity = \"critical\"\ntimeout = \"20s\"\n\
         with = {{ canary-bytes = 0, propagation-ms = 0, dial-back = {dial_back} }}\n"
    ));
    // What it announces is no way to it: the runner has the address that it listens on.
    let here = format!("/ip4/{}/tcp/{}", world.address()?, world.free_port()?);
    let mut options = PeerOptions::on(&here);
    if let Some(announced) = announced {
        options.arguments = vec!["--announce".into(), announced.into()];
    }
    world.serve_peer_with(options)?;
    let address = format!("{here}/p2p/{}", world.peer()?.id());
    world.use_peers(&[&address]);
    world.without_suite();
    Ok(())
}

fn told() -> Vec<Scene> {
    let announces = |name, faults, causes| Scene {
        setup: |world| announcing(world, None, false),
        remedy: |world| announcing(world, None, false),
        ..Scene::new(name, Topology::Wire, faults, causes)
    };
    vec![
        Scene {
            inject: |world| announcing(world, Some("/ip4/172.17.0.2/tcp/9100"), false),
            ..announces("p2p/announces-its-container-network", &["F03", "F40"], &["peer.advertises-internal"])
        },
        Scene {
            inject: |world| announcing(world, Some("/ip4/203.0.113.5/tcp/9100"), false),
            ..announces("p2p/announces-its-public-address-only", &["F04"], &["peer.advertises-public-only"])
        },
        Scene {
            setup: |world| {
                world.env("CACHE_ADVERTISE_IP", &Wire::RUNNER.to_string());
                world.env("CACHE_LISTEN_PORT", "9100");
                announcing(world, None, true)
            },
            inject: |world| world.router_firewall(&["-I", "FORWARD", "-p", "tcp", "--dport", "9100", "-j", "REJECT"]),
            remedy: |world| {
                world.unset("CACHE_ADVERTISE_IP");
                Ok(())
            },
            ..Scene::new("p2p/announced-and-out-of-reach", Topology::Wire, &["F47"], &["peer.announced-unreachable"])
        },
    ]
}

// ---------------------------------------------------------------- runners

/// A process of another runner that holds a port. Ended when it is dropped.
struct OtherRunner(Child);

impl OtherRunner {
    fn on(world: &World, port: u16) -> Result<Self> {
        let mut child = Command::new(world.server())
            .args(["silent", &format!("0.0.0.0:{port}")])
            .env("RUNNER_NAME", "runner-2")
            .env("CACHE_LISTEN_PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no stdout")?).read_line(&mut line)?;
        Ok(Self(child))
    }
}

impl Drop for OtherRunner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn initialization(world: &mut World, with: &str) {
    world.policy(&format!(
        "[[check]]\nid = \"cache.initialization\"\nuse = \"bundled:cache/initialization\"\nseverity = \"critical\"\n\
         with = {{ {with} }}\n"
    ));
}

fn runners() -> Vec<Scene> {
    vec![
        Scene {
            setup: |world| {
                initialization(world, "need = 1");
                let port = world.free_port()?;
                world.keep("port", port);
                world.serve_peer()?;
                world.without_suite();
                world.env("CACHE_BACKENDS", "p2p");
                world.env("RUNNER_NAME", "runner-1");
                world.env("CACHE_LISTEN_PORT", &port.to_string());
                Ok(())
            },
            inject: |world| {
                let port = *world.kept::<u16>("port")?;
                let other = OtherRunner::on(world, port)?;
                world.keep("other", other);
                Ok(())
            },
            remedy: |world| {
                let port = world.free_port()?;
                world.env("CACHE_LISTEN_PORT", &port.to_string());
                Ok(())
            },
            ..Scene::new("p2p/port-of-another-runner", Topology::Here, &["F23"], &["cache.port-of-other-runner"])
        },
        Scene {
            setup: |world| {
                initialization(world, "need-fallback = true");
                world.serve_peer()?;
                world.without_suite();
                let folder = world.folder().join("cache");
                world.env("CACHE_DIR", &folder.display().to_string());
                world.env("CACHE_BACKENDS", "p2p,disk");
                Ok(())
            },
            inject: |world| {
                world.env("CACHE_BACKENDS", "p2p");
                world.unset("CACHE_DIR");
                Ok(())
            },
            remedy: |world| {
                world.env("CACHE_BACKENDS", "p2p,disk");
                let folder = world.folder().join("cache");
                world.env("CACHE_DIR", &folder.display().to_string());
                Ok(())
            },
            ..Scene::new("p2p/no-other-tier", Topology::Here, &["F78"], &["cache.no-fallback"])
        },
    ]
}
