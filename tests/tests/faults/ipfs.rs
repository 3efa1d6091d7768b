//! IPFS nodes, gateways and pinning services. What a real node says comes from a real node.

use anyhow::Result;
use seaworthy_tests::faults::{Need, Scene, Topology, World};
use seaworthy_tests::rivals::Ask;
use seaworthy_tests::{Behaviour, Kubo, KuboOptions, Relay, Scripted, SilentPorts, Told};
use serde_json::json;

/// A token of the node; no report may hold it.
const TOKEN: &str = "lK5-node-token-2Rd7Yb9S";

pub(crate) fn scenes() -> Vec<Scene> {
    let node = |name, faults, causes| Scene {
        needs: &[Need::Kubo],
        setup: |world| start(world, &KuboOptions::default(), ""),
        remedy: back,
        ..Scene::new(name, Topology::Here, faults, causes)
    };
    vec![
        Scene {
            inject: |world| world.kept::<Relay>("relay")?.behave(Behaviour::Refuse),
            remedy: |world| world.kept::<Relay>("relay")?.behave(Behaviour::Pass),
            ..node("ipfs/not-running", &[], &["ipfs.not-listening"])
        },
        Scene {
            inject: |world| {
                let silent = SilentPorts::open(1)?;
                at(world, &format!("http://{}", silent.addresses[0]), "timeout-ms = 700");
                world.keep("silent", silent);
                Ok(())
            },
            ..node("ipfs/does-not-answer", &[], &["ipfs.silent"])
        },
        Scene {
            inject: |world| {
                let gateway = world.kept::<Kubo>("kubo")?.gateway();
                at(world, &format!("http://{gateway}"), "");
                Ok(())
            },
            ..node("ipfs/gateway-in-place-of-rpc", &[], &["ipfs.wrong-port"])
        },
        Scene {
            inject: |world| answered(world, |_| Told::text(403, "403 - Forbidden")),
            ..node("ipfs/taken-for-a-browser", &["F69"], &["ipfs.forged-by-proxy"])
        },
        Scene {
            inject: |world| answered(world, |_| Told::json(200, &json!({ "Version": "0.18.1", "Repo": "13" }))),
            ..node("ipfs/old-node", &["F99"], &["ipfs.old-kubo"])
        },
        Scene {
            setup: |world| {
                let authorizations =
                    json!({ "ci": { "AuthSecret": format!("bearer:{TOKEN}"), "AllowedPaths": ["/api/v0"] } });
                world.env("IPFS_API_AUTH", TOKEN);
                start(world, &KuboOptions { authorizations: Some(authorizations), ..KuboOptions::default() }, "")
            },
            inject: |world| Ok(world.env("IPFS_API_AUTH", "another-token-of-some-length")),
            remedy: |world| Ok(world.env("IPFS_API_AUTH", TOKEN)),
            ..node("ipfs/wrong-token", &[], &["ipfs.credentials"])
        },
        Scene {
            inject: |world| {
                let full = KuboOptions { storage_max: Some("1KB"), ..KuboOptions::default() };
                start(world, &full, "")
            },
            remedy: |world| start(world, &KuboOptions::default(), ""),
            ..node("ipfs/repository-full", &[], &["ipfs.no-room"])
        },
        Scene {
            setup: |world| {
                world.only(&[]);
                start(world, &KuboOptions::default(), "")
            },
            inject: |world| start(world, &KuboOptions { offline: true, ..KuboOptions::default() }, "need-peers = true"),
            remedy: |world| start(world, &KuboOptions::default(), ""),
            ..node("ipfs/offline", &["F48"], &["ipfs.alone"])
        },
        Scene {
            setup: |world| {
                start(world, &KuboOptions::default(), "")?;
                let gateway = world.kept::<Kubo>("kubo")?.gateway();
                world.env("IPFS_GATEWAY", &format!("http://{gateway}"));
                Ok(())
            },
            inject: |world| {
                let page = Scripted::start(|_| Told::text(200, "<html>log in</html>"))?;
                world.env("IPFS_GATEWAY", &page.url());
                world.keep("page", page);
                Ok(())
            },
            remedy: |world| {
                let gateway = world.kept::<Kubo>("kubo")?.gateway();
                world.env("IPFS_GATEWAY", &format!("http://{gateway}"));
                Ok(())
            },
            ..node("ipfs/log-in-page-for-a-gateway", &["F63"], &["ipfs.bad-gateway"])
        },
    ]
}

/// A node behind a relay, and the check on it.
fn start(world: &mut World, options: &KuboOptions, settings: &str) -> Result<()> {
    let kubo = Kubo::start(options)?;
    let relay = Relay::http(kubo.rpc())?;
    world.keep("relay", relay);
    world.keep("kubo", kubo);
    let url = url(world)?;
    at(world, &url, settings);
    world.ask(Ask::Http { url: format!("{url}/api/v0/version") });
    let port = world.kept::<Relay>("relay")?.address().port();
    world.ask(Ask::Tcp { host: "127.0.0.1".into(), port });
    Ok(())
}

fn url(world: &mut World) -> Result<String> {
    Ok(format!("http://{}", world.kept::<Relay>("relay")?.address()))
}

fn at(world: &mut World, url: &str, settings: &str) {
    world.env("CACHE_IPFS_API", url);
    world.set_policy(
        "node",
        &format!(
            "[[check]]\nid = \"ipfs.node\"\nuse = \"bundled:ipfs/node\"\ntarget = \"ipfs\"\nseverity = \"critical\"\n\
             timeout = \"20s\"\nwith = {{ {settings} }}\n"
        ),
    );
}

fn back(world: &mut World) -> Result<()> {
    let url = url(world)?;
    at(world, &url, "");
    Ok(())
}

/// Something else at the node's address.
fn answered(world: &mut World, answer: fn(&seaworthy_tests::Asked) -> Told) -> Result<()> {
    let other = Scripted::start(answer)?;
    at(world, &other.url(), "");
    world.keep("other", other);
    Ok(())
}
