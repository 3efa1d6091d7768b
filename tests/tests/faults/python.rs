//! The Python cache and what it needs.

use anyhow::{Context as _, Result};
use seaworthy_tests::faults::{Scene, Topology, World};
use seaworthy_tests::{PythonClient, Stand, registry_entry};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

pub(crate) fn scenes() -> Vec<Scene> {
    let mut scenes = packages();
    scenes.extend(registry());
    scenes.extend(listeners());
    scenes
}

/// A well-formed id that belongs to nobody.
const NOBODY: &str = "12D3KooWSahP5pFRCEfaziPEba7urXGeif6T1y8jmodzdFUvzBHj";

fn packages() -> Vec<Scene> {
    let client = |name, faults, causes| Scene {
        setup: |world| complete(world, &["p2p.dependencies"]),
        remedy: |world| installed(world, &PythonClient::COMPLETE, PythonClient::WITH_P2P),
        ..Scene::new(name, Topology::Here, faults, causes)
    };
    vec![
        Scene {
            inject: |world| installed(world, &without("libp2p"), PythonClient::WITH_P2P),
            ..client("python/package-missing", &[], &["dependencies.missing"])
        },
        Scene {
            inject: |world| {
                let old = PythonClient::COMPLETE.map(|(n, v)| if n == "libp2p" { (n, "0.4.0") } else { (n, v) });
                installed(world, &old, PythonClient::WITH_P2P)
            },
            ..client("python/package-too-old", &[], &["dependencies.too-old"])
        },
        Scene {
            inject: |world| {
                let mut all = without("multiformats");
                all.push(("py_multiformats_cid", "0.4.4"));
                installed(world, &all, PythonClient::WITH_P2P)
            },
            ..client("python/look-alike-package", &[], &["dependencies.look-alike"])
        },
        Scene {
            inject: |world| {
                let mut all = PythonClient::COMPLETE.to_vec();
                all.push(("pymultihash", "0.8.2"));
                installed(world, &all, PythonClient::WITH_P2P)
            },
            ..client("python/two-multihashes", &[], &["dependencies.conflict"])
        },
        Scene {
            inject: |world| {
                world.env("CACHE_ENABLE_P2P", "true");
                installed(world, &PythonClient::COMPLETE, "# CACHE_ENABLE_P2P is retired\n")
            },
            ..client("python/switch-ignored", &["F96"], &["dependencies.flag-ignored"])
        },
    ]
}

/// A machine whose only Python has everything.
fn complete(world: &mut World, checks: &[&str]) -> Result<()> {
    let client = PythonClient::complete()?;
    world.env("PATH", &client.bin().display().to_string());
    world.env("HOME", &client.home()?.display().to_string());
    world.keep("client", client);
    world.only(checks);
    Ok(())
}

fn installed(world: &mut World, packages: &[(&str, &str)], source: &str) -> Result<()> {
    world.kept::<PythonClient>("client")?.install(packages, source)
}

fn without(name: &str) -> Vec<(&'static str, &'static str)> {
    PythonClient::COMPLETE.into_iter().filter(|(known, _)| *known != name).collect()
}

fn registry() -> Vec<Scene> {
    let registry = |name, faults, causes| Scene {
        setup: |world| {
            initialization(world, "");
            let folder = registry_folder(world)?;
            world.env("IPFS_ACCELERATE_P2P_CACHE_DIR", &folder.display().to_string());
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let address = format!("/ip4/127.0.0.1/tcp/{}/p2p/{NOBODY}", listener.local_addr()?.port());
            registry_entry(&folder, "peer_a.json", "a", NOBODY, &address)?;
            world.keep("address", address);
            world.keep("listener", listener);
            Ok(())
        },
        ..Scene::new(name, Topology::Here, faults, causes)
    };
    vec![
        Scene {
            inject: |world| Ok(world.end("listener")),
            // Its entry is taken away.
            remedy: |world| Ok(std::fs::remove_file(registry_folder(world)?.join("peer_a.json"))?),
            ..registry("python/registry-names-an-ended-process", &["F28"], &["identity.ended-process"])
        },
        Scene {
            inject: |world| {
                let address = world.kept::<String>("address")?.replace("127.0.0.1", "0.0.0.0");
                registry_entry(&registry_folder(world)?, "peer_a.json", "a", NOBODY, &address)
            },
            remedy: |world| {
                let address = world.kept::<String>("address")?.to_owned();
                registry_entry(&registry_folder(world)?, "peer_a.json", "a", NOBODY, &address)
            },
            ..registry("python/registry-with-0000", &["F05"], &["cache.registry-undialable"])
        },
        Scene {
            inject: |world| {
                let folder = registry_folder(world)?;
                registry_entry(&folder, "peer_b.json", "a", "12D3KooWOther", "/ip4/192.0.2.8/tcp/9100")
            },
            remedy: |world| Ok(std::fs::remove_file(registry_folder(world)?.join("peer_b.json"))?),
            ..registry("python/one-name-for-two-runners", &["F29"], &["cache.runner-name-twice"])
        },
        Scene {
            inject: |world| {
                let temporary = world.folder().display().to_string();
                std::fs::remove_file(registry_folder(world)?.join("peer_a.json"))?;
                world.env("RUNNER_TEMP", &temporary);
                Ok(())
            },
            remedy: |world| Ok(world.env("RUNNER_TEMP", "/nowhere")),
            ..registry("python/registry-of-one-job", &[], &["cache.registry-not-shared"])
        },
    ]
}

fn registry_folder(world: &World) -> Result<PathBuf> {
    let folder = world.folder().join("p2p_peers");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// `cache/initialization` alone, with these settings.
fn initialization(world: &mut World, settings: &str) {
    world.set_policy(
        "initialization",
        &format!(
            "[[check]]\nid = \"cache.initialization\"\nuse = \"bundled:cache/initialization\"\nseverity = \"critical\"\n\
             with = {{ {settings} }}\n[fallback.cache]\norder = [\"memory\"]\n"
        ),
    );
}

fn listeners() -> Vec<Scene> {
    vec![
        Scene {
            setup: |world| {
                let log = world.folder().join("cache.log");
                initialization(world, &format!("log-file = {:?}", log.display().to_string()));
                logging(world)
            },
            inject: |world| Ok(world.end("listener")),
            remedy: logging,
            ..Scene::new("python/says-that-it-listens", Topology::Here, &["F06"], &["cache.no-listener"])
        },
        Scene {
            setup: |world| {
                initialization(world, "");
                let (port, next) = two_ports()?;
                world.env("CACHE_LISTEN_PORT", &port.to_string());
                world.keep("ports", (port, next));
                Ok(())
            },
            inject: |world| {
                let (port, next) = *world.kept::<(u16, u16)>("ports")?;
                let python = world.folder().join("python3");
                if !python.is_symlink() {
                    symlink(world.server(), &python)?;
                }
                let moved = Stand::start(&python, "silent", &format!("127.0.0.1:{next}"), &[])?;
                world.keep("moved", moved);
                world.keep("owner", TcpListener::bind(("127.0.0.1", port))?);
                Ok(())
            },
            remedy: |world| {
                world.end("owner");
                world.end("moved");
                Ok(())
            },
            ..Scene::new("python/moved-to-another-port", Topology::Here, &["F06", "F23"], &["cache.port-moved"])
        },
    ]
}

/// A cache that listens, and a log that says so.
fn logging(world: &mut World) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let text = format!("INFO P2P cache sharing enabled on port {}\n", listener.local_addr()?.port());
    std::fs::write(world.folder().join("cache.log"), text)?;
    world.keep("listener", listener);
    Ok(())
}

/// A port, and one that the cache would move to.
fn two_ports() -> Result<(u16, u16)> {
    (0..20)
        .find_map(|_| {
            let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
            let next = port.checked_add(3)?;
            TcpListener::bind(("127.0.0.1", next)).ok().map(|_| (port, next))
        })
        .context("no two ports near each other are free")
}
