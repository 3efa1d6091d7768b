//! Entries between a Python peer and ours, both ways.

use crate::{Here, NEW, OLD, SOON, for_each_python, held, peer, put, python};
use anyhow::{Context, Result, ensure};
use seaworthy_tests::{PythonPeer, Scene};
use serde_json::{Value, json};

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    let mut scenes = for_each_python![
        "pushes_to_us_and_runners_read_it" => pushed_to_us,
        "gets_what_runners_put_when_we_dialled_it" => pushed_to_dialled,
        "gets_what_runners_put_when_it_dialled_us" => pushed_to_dialler,
        "content_hashes_are_its_own" => content_hash,
        "values_at_the_limit_pass_and_larger_ones_do_not" => limit,
        "exchanges_peers_with_us" => exchange,
    ];
    let both = PythonPeer::obstacle(NEW).or_else(|| PythonPeer::obstacle(OLD));
    scenes.push(Scene::new("two_releases_of_python_share_one_cache_through_us", |_| shared()).unless(both));
    scenes
}

/// Everything that JSON has, and what Python and Rust might write differently.
fn awkward() -> Value {
    json!({"text": "é ✓ \"q\" \\ \n", "number": 1.0, "large": 9_007_199_254_740_993_i64, "nothing": null,
        "list": [1, [2, {"b": true, "a": []}]], "z": 0, "a": -1.5e-7})
}

fn pushed_to_us(version: &'static str) -> Result<()> {
    let (ours, mut python) = (peer(&[])?, python(version)?);
    let id = python.dial(&ours.at("ip4/127.0.0.1")?)?;
    ensure!(id == ours.id(), "it reached {id}");
    for (key, data) in [("get_repo_info:repo=o/r", awkward()), ("text", json!("plain")), ("empty", json!({}))] {
        let answer = python.ask(json!({"do": "put", "key": key, "data": data, "ttl": 60}))?;
        ensure!(answer["pushed"][0]["reply"] == "OK", "{key}: {answer}");
        ensure!(held(&ours, key)?.as_ref() == Some(&data), "{key} is read as {:?}", held(&ours, key)?);
    }
    // What is newer replaces it.
    python.ask(json!({"do": "put", "key": "text", "data": "newer"}))?;
    ensure!(held(&ours, "text")? == Some(json!("newer")), "the older value stayed");
    Ok(())
}

fn pushed_to_dialled(version: &'static str) -> Result<()> {
    let mut python = python(version)?;
    let ours = peer(&[python.address()?])?;
    arrives(&ours, &mut python)
}

fn pushed_to_dialler(version: &'static str) -> Result<()> {
    let (ours, mut python) = (peer(&[])?, python(version)?);
    python.dial(&ours.at("ip4/127.0.0.1")?)?;
    arrives(&ours, &mut python)
}

fn arrives(ours: &seaworthy_tests::Peer, python: &mut PythonPeer) -> Result<()> {
    for (key, data) in [("repo:o/r", awkward()), ("list", json!([1, 2, 3]))] {
        put(ours, key, &data)?;
        let entry = python.await_entry(key, SOON)?;
        ensure!(entry["data"] == data, "{key} came as {entry}");
        let ttl = entry["ttl"].as_f64().context("no ttl")?;
        ensure!(ttl > 0.0 && entry["timestamp"].as_f64().is_some_and(|t| t > 1.7e9), "{entry}");
    }
    let seen = python.ask(json!({"do": "seen"}))?;
    let seen = seen["seen"].as_array().context("not a list")?;
    ensure!(!seen.is_empty() && seen.iter().all(|push| push["token"] == true), "not everything was sealed: {seen:?}");
    Ok(())
}

fn content_hash(version: &'static str) -> Result<()> {
    let (ours, mut python) = (peer(&[])?, python(version)?);
    python.dial(&ours.at("ip4/127.0.0.1")?)?;
    let fields = json!({"updatedAt": "2025-11-06T10:00:00Z", "né": [1, 2.5, null], "a": {"z": 1, "b": "✓"}});
    let answer = python.ask(json!({"do": "put", "key": "cid", "data": 1, "validation_fields": fields}))?;
    ensure!(answer["pushed"][0]["reply"] == "OK" && held(&ours, "cid")? == Some(json!(1)), "{answer}");
    let entry = python.entry("cid")?.context("it forgot its own entry")?;
    ensure!(entry["content_hash"].as_str().is_some_and(|hash| hash.starts_with("bafkrei")), "{entry}");
    // Without the multiformats package it is the hex digest.
    let vector = json!({"updatedAt": "2025-11-06T10:00:00Z"});
    for (key, hash) in [
        ("by-cid", "bafkreiahosibqxjrziyzqv45g673x6uquths6mpua2scjpwyppwcihykg4"),
        ("by-hex", "077490185d31ca3198579d37bfbbfa90a4cf2f31f406a424bed87bec241f0a37"),
    ] {
        let ask = json!({"do": "put", "key": key, "data": key, "content_hash": hash, "validation_fields": vector});
        let answer = python.ask(ask)?;
        ensure!(answer["pushed"][0]["reply"] == "OK", "{key}: {answer}");
        ensure!(held(&ours, key)? == Some(json!(key)), "{key} was not kept");
    }
    Ok(())
}

/// The largest plaintext of which every release of py-libp2p sees the whole token.
const MAX_PLAINTEXT: usize = 49_071;

fn limit(version: &'static str) -> Result<()> {
    let mut python = python(version)?;
    let ours = peer(&[python.address()?])?;
    // Its message holds less than 300 bytes beside the value.
    let (fits, larger) = (json!("x".repeat(MAX_PLAINTEXT - 300)), json!("x".repeat(MAX_PLAINTEXT + 1)));
    put(&ours, "fits", &fits)?;
    ensure!(python.await_entry("fits", SOON)?["data"] == fits, "it came changed");
    // Ours may be larger; there it is kept, and not sent cut short.
    put(&ours, "larger", &larger)?;
    put(&ours, "after", &json!("it"))?;
    python.await_entry("after", SOON)?;
    ensure!(python.entry("larger")?.is_none(), "a value beyond the limit was sent");
    let seen = python.ask(json!({"do": "seen"}))?;
    let refused = seen["seen"].as_array().context("not a list")?.iter().find(|push| push["reply"] != "OK");
    ensure!(refused.is_none(), "it was sent what it does not understand: {refused:?}");
    // And the other way round.
    python.dial(&ours.at("ip4/127.0.0.1")?)?;
    let entry = |data: &Value| json!({"data": data, "timestamp": now(), "ttl": 60});
    let reply = python.push(ours.id(), &json!({"key": "to-us", "entry": entry(&fits)}))?;
    ensure!(reply.as_deref() == Some("OK") && held(&ours, "to-us")? == Some(fits), "{reply:?}");
    let reply = python.push(ours.id(), &json!({"key": "too-large", "entry": entry(&larger)}))?;
    // 0.6 encrypts what is written at once as one message of noise, which holds less: it cannot even send this.
    let unsent = version == OLD && reply.is_none();
    ensure!(unsent || reply.as_ref().is_some_and(|said| said.starts_with("ERROR")), "it was told {reply:?}");
    ensure!(held(&ours, "too-large")?.is_none(), "a value beyond the limit was kept");
    Ok(())
}

fn exchange(version: &'static str) -> Result<()> {
    let mut python = python(version)?;
    let ours = peer(&[])?;
    python.dial(&ours.at("ip4/127.0.0.1")?)?;
    let answer = python.ask(json!({"do": "exchange", "with": ours.id()}))?;
    let addresses: Vec<&str> =
        answer["reply"]["addrs"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    ensure!(!addresses.is_empty() && addresses.iter().all(|a| a.ends_with(ours.id())), "{answer}");
    ensure!(!addresses.iter().any(|a| a.contains("/0.0.0.0/")), "an address that nobody can dial: {answer}");
    let peers = answer["reply"]["peers"].as_array().context("no peers")?;
    ensure!(
        peers.len() <= 50 && answer["reply"]["ts"].as_f64().is_some_and(|ts| (ts - now()).abs() < 60.0),
        "{answer}"
    );
    Ok(())
}

/// Python peers push to those they dialled only; ours passes on to the others.
fn shared() -> Result<()> {
    let (mut new, mut old) = (python(NEW)?, python(OLD)?);
    let ours = peer(&[new.address()?, old.address()?])?;
    for python in [&mut new, &mut old] {
        python.dial(&ours.at("ip4/127.0.0.1")?)?;
    }
    new.ask(json!({"do": "put", "key": "from-new", "data": {"by": "new"}}))?;
    old.ask(json!({"do": "put", "key": "from-old", "data": {"by": "old"}}))?;
    ensure!(old.await_entry("from-new", SOON)?["data"] == json!({"by": "new"}), "it came changed");
    ensure!(new.await_entry("from-old", SOON)?["data"] == json!({"by": "old"}), "it came changed");
    Ok(())
}

/// Seconds since the epoch, as Python counts them.
pub(crate) fn now() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}
