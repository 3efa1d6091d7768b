//! Storacha's service and gateways: the service logic that Storacha published.

use anyhow::Result;
use seaworthy_tests::faults::{Need, Scene, Topology, World};
use seaworthy_tests::rivals::Ask;
use seaworthy_tests::{Storacha, StorachaGrant};
use serde_json::{Value, json};
use std::net::TcpListener;

pub(crate) fn scenes() -> Vec<Scene> {
    let space = |name, faults, causes| Scene {
        needs: &[Need::Storacha],
        setup,
        remedy: granted_well,
        ..Scene::new(name, Topology::Here, faults, causes)
    };
    vec![
        Scene {
            inject: |world| {
                let other = world.kept::<Storacha>("service")?.grant(&json!({}))?;
                world.env("STORACHA_AGENT_KEY", &other.key);
                Ok(())
            },
            ..space("storacha/proof-for-another-agent", &["F100"], &["storacha.proof-useless"])
        },
        Scene {
            inject: |world| granted(world, &json!({ "expires": 1_700_000_000 })),
            ..space("storacha/proof-has-ended", &["F100"], &["storacha.proof-useless"])
        },
        Scene {
            inject: |world| granted(world, &json!({ "can": ["upload/*", "space/info"] })),
            ..space("storacha/proof-allows-too-little", &["F100"], &["storacha.proof-useless"])
        },
        Scene {
            inject: |world| Ok(world.env("STORACHA_AGENT_KEY", "did:key:z6MkHunter2hunter2")),
            ..space("storacha/key-is-none", &[], &["storacha.agent-key-malformed"])
        },
        Scene {
            inject: |world| granted(world, &json!({ "provision": false })),
            ..space("storacha/no-provider", &["F100"], &["storacha.space-not-provisioned"])
        },
        Scene {
            // That uploads are taken is tried with one, which only a run that may write makes.
            setup: |world| {
                world.args(&["--allow-writes"]);
                setup(world)
            },
            inject: |world| world.kept::<Storacha>("service")?.disable(&["space/blob/add"]),
            remedy: |world| {
                // What helps is another tier; that the tier is right again is seen here.
                world.kept::<Storacha>("service")?.disable(&[])
            },
            ..space("storacha/uploads-have-ended", &[], &["storacha.retired"])
        },
        Scene {
            inject: |world| {
                let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
                world.env("STORACHA_SERVICE_URL", &format!("http://{closed}"));
                Ok(())
            },
            ..space("storacha/service-not-there", &[], &["storacha.address"])
        },
        Scene {
            inject: |world| {
                let gateway = world.kept::<Storacha>("service")?.at.gateway.clone();
                world.env("STORACHA_SERVICE_URL", &gateway);
                Ok(())
            },
            ..space("storacha/gateway-in-place-of-service", &["F100"], &["storacha.address"])
        },
        Scene {
            inject: |world| Ok(world.unset("STORACHA_AGENT_KEY")),
            ..space("storacha/no-key", &[], &["storacha.read-only"])
        },
    ]
}

fn setup(world: &mut World) -> Result<()> {
    let service = Storacha::start()?;
    world.set_policy(
        "space",
        "[[check]]\nid = \"storacha.space\"\nuse = \"bundled:storacha/space\"\ntarget = \"storacha\"\n\
         severity = \"critical\"\ntimeout = \"30s\"\n",
    );
    let index = world.folder().join("cache").display().to_string();
    world.env("XDG_CACHE_HOME", &index);
    world.ask(Ask::Http { url: format!("{}/version", service.at.url) });
    world.keep("service", service);
    granted_well(world)
}

fn granted_well(world: &mut World) -> Result<()> {
    granted(world, &json!({}))
}

/// A new space for the runner, with these wishes.
fn granted(world: &mut World, wishes: &Value) -> Result<()> {
    let service = world.kept::<Storacha>("service")?;
    let (at, grant): (_, StorachaGrant) = (service.at.clone(), service.grant(wishes)?);
    for (name, value) in [
        ("CACHE_BACKENDS", "storacha"),
        ("STORACHA_SERVICE_URL", &at.url),
        ("STORACHA_GATEWAY_URL", &at.gateway),
        ("STORACHA_STORAGE_URLS", &at.storage.join(",")),
        ("STORACHA_SPACE", &grant.space),
        ("STORACHA_PROOF", &grant.proof),
        ("STORACHA_AGENT_KEY", &grant.key),
    ] {
        world.env(name, value);
    }
    Ok(())
}
