//! What goes wrong at the node or on the way is said, and is never a miss.

use crate::{Here, MISTAKEN, Runner, SILENT, bytes, ended};
use anyhow::{Result, ensure};
use seaworthy_tests::{Behaviour, Kubo, KuboOptions, Relay, Run, Scene, Scripted, Told};
use serde_json::json;
use std::time::Duration;

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    vec![
        Scene::new("a_node_that_is_down_is_unreachable", down),
        Scene::new("a_slow_node_times_out", slow),
        Scene::new("a_lying_node_is_found_out", lying),
        Scene::new("credentials_decide_and_are_never_shown", credentials),
        Scene::new("a_gateway_is_no_rpc", gateway),
        Scene::new("a_full_repository_takes_nothing_more", full),
        Scene::new("content_that_is_gone_is_no_miss", gone),
        Scene::new("an_address_that_cannot_be_used_says_why", addresses),
        Scene::new("an_old_kubo_is_refused", old),
    ]
}

/// What the runner sends, and what must be in no output.
const TOKEN: &str = "hX7-rpc-token-9Qv2Lm4W";
const PASSWORD: &str = "pW3-rpc-password-6Tz8Nc1R";

fn discreet(run: &Run) -> Result<()> {
    for secret in [TOKEN, PASSWORD] {
        ensure!(
            !run.stdout.contains(secret) && !run.stderr.contains(secret),
            "a secret is shown\n{}",
            run.transcript()
        );
    }
    Ok(())
}

fn down(here: &Here) -> Result<()> {
    let relay = Relay::http(here.kubo.rpc())?;
    let runner = Runner::on(&format!("http://{}", relay.address()));
    runner.puts("down/key", b"value")?;
    relay.behave(Behaviour::Refuse)?;
    for words in [&["get", "down/key"][..], &["get", "down/never-stored"], &["stat", "down/key"], &["rm", "down/key"]] {
        ended(&runner.cache(words)?, SILENT, "(unreachable, ")?;
    }
    ended(&runner.put("down/key", b"other", &[])?, SILENT, "(unreachable, ")?;
    relay.behave(Behaviour::Pass)?;
    ensure!(runner.get("down/key")?.as_deref() == Some(b"value".as_slice()), "it is there again");
    Ok(())
}

fn slow(here: &Here) -> Result<()> {
    let relay = Relay::http(here.kubo.rpc())?;
    relay.behave(Behaviour::Delay(Duration::from_secs(20)))?;
    let runner = Runner::on(&format!("http://{}", relay.address())).with("timeout-ms = 400");
    let run = runner.cache(&["get", "slow/never-stored"])?;
    ended(&run, SILENT, "(timed-out, ")?;
    ensure!(run.elapsed < Duration::from_secs(15), "it took {:?}", run.elapsed);
    Ok(())
}

fn lying(here: &Here) -> Result<()> {
    let relay = Relay::http(here.kubo.rpc())?;
    let runner = Runner::on(&format!("http://{}", relay.address()));
    for (key, length) in [("lying/one-block", 9_000), ("lying/many-blocks", 2_600_000)] {
        relay.behave(Behaviour::Pass)?;
        runner.puts(key, &bytes(length))?;
        for behaviour in [Behaviour::Flip, Behaviour::Truncate] {
            relay.behave(behaviour)?;
            ended(&runner.cache(&["get", key])?, SILENT, "(integrity, permanent)")?;
        }
        relay.behave(Behaviour::Pass)?;
        ensure!(runner.get(key)?.as_ref() == Some(&bytes(length)), "the node has it as it was");
    }
    Ok(())
}

fn credentials(_: &Here) -> Result<()> {
    let reading = ["/api/v0/version", "/api/v0/cat", "/api/v0/files/ls"];
    let kubo = Kubo::start(&KuboOptions {
        authorizations: Some(json!({
            "ci": { "AuthSecret": format!("bearer:{TOKEN}"), "AllowedPaths": ["/api/v0"] },
            "person": { "AuthSecret": format!("basic:ann:{PASSWORD}"), "AllowedPaths": reading },
        })),
        ..KuboOptions::default()
    })?;
    let nobody = Runner::on(&kubo.multiaddr());
    let (bearer, basic) =
        (nobody.clone().env("IPFS_API_AUTH", TOKEN), nobody.clone().env("IPFS_API_AUTH", &format!("ann:{PASSWORD}")));
    let run = bearer.put("auth/key", b"value", &["-v"])?;
    run.exits(0)?;
    discreet(&run)?;
    // The second scheme is found by itself; it may read alone.
    ensure!(basic.get("auth/key")?.as_deref() == Some(b"value".as_slice()), "credentials for reading read");
    let run = basic.put("auth/key", b"other", &["-v"])?;
    ensure!(run.code() != Some(0), "nothing was stored\n{}", run.transcript());
    discreet(&run)?;
    let stats = basic.cache(&["stats", "--json"])?;
    stats.exits(0)?;
    ensure!(!stats.stdout.contains("\"put\""), "it cannot put\n{}", stats.transcript());
    discreet(&stats)?;
    let wrong = nobody.clone().env("IPFS_API_AUTH", &format!("{TOKEN}x"));
    for runner in [&nobody, &wrong] {
        for key in ["auth/key", "auth/never-stored"] {
            let run = runner.cache(&["get", key])?;
            ended(&run, SILENT, "(unauthenticated, permanent)")?;
            discreet(&run)?;
        }
    }
    ensure!(bearer.get("auth/key")?.as_deref() == Some(b"value".as_slice()), "as it was");
    Ok(())
}

fn gateway(here: &Here) -> Result<()> {
    let run = Runner::on(&format!("http://{}", here.kubo.gateway())).cache(&["get", "gateway/key"])?;
    ended(&run, MISTAKEN, "(configuration, permanent)")?;
    ended(&run, MISTAKEN, "no Kubo RPC answers there")
}

fn full(_: &Here) -> Result<()> {
    let kubo = Kubo::start(&KuboOptions { storage_max: Some("400KB"), ..KuboOptions::default() })?;
    let runner = Runner::on(&kubo.multiaddr());
    runner.puts("full/first", &bytes(200_000))?;
    ended(&runner.put("full/second", &bytes(300_000), &[])?, SILENT, "(no-space, ")?;
    ensure!(runner.get("full/second")?.is_none(), "what was refused is not there");
    ensure!(runner.get("full/first")?.as_ref() == Some(&bytes(200_000)), "what was there stays");
    Ok(())
}

fn gone(here: &Here) -> Result<()> {
    let folder = seaworthy_tests::scratch()?;
    let settings = format!("index = \"directory\", directory = \"{}\"", folder.path().display());
    let runner = Runner::on(&here.kubo.multiaddr()).with(&settings);
    runner.puts("gone/key", &bytes(5_000))?;
    let entry = runner.stat("gone/key")?;
    let cid = crate::detail(&entry, "cid")?;
    here.kubo.ipfs(&["pin", "rm", cid])?;
    here.kubo.ipfs(&["block", "rm", cid])?;
    ended(&runner.cache(&["get", "gone/key"])?, SILENT, "(integrity, permanent)")?;
    runner.puts("gone/key", &bytes(5_000))?;
    ensure!(runner.get("gone/key")?.is_some(), "storing it again mends it");
    Ok(())
}

fn addresses(_: &Here) -> Result<()> {
    for (address, why) in [
        ("/unix/run/ipfs.sock", "Unix socket"),
        ("/ip4/127.0.0.1/udp/5001", "/tcp/PORT"),
        ("ftp://127.0.0.1:5001", "neither http nor https"),
    ] {
        ended(&Runner::on(address).cache(&["get", "key"])?, MISTAKEN, why)?;
    }
    let run = Runner::on(&format!("http://ann:{PASSWORD}@127.0.0.1:5001")).cache(&["get", "key"])?;
    ensure!(run.code() != Some(0) && run.code() != Some(crate::ABSENT), "{}", run.transcript());
    discreet(&run)
}

fn old(_: &Here) -> Result<()> {
    let server = Scripted::start(|_| Told::json(200, &json!({ "Version": "0.18.1", "Repo": "13" })))?;
    ended(&Runner::on(&server.url()).cache(&["get", "key"])?, MISTAKEN, "older than 0.25.0")
}
