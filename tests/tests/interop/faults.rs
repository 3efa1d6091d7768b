//! Python peers that misbehave as the real ones do, beside others that do not.

use crate::{Here, SOON, for_each_python, held, peer, put, python};
use anyhow::{Result, ensure};
use seaworthy_tests::{PythonOptions, PythonPeer, Scene};
use serde_json::json;
use std::time::{Duration, Instant};

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    for_each_python![
        "never_acknowledging_blocks_nobody" => never_acknowledges,
        "without_a_secret_is_neither_believed_nor_told" => plain_text,
        "at_0_0_0_0_is_not_passed_on" => unspecified,
    ]
}

fn never_acknowledges(version: &'static str) -> Result<()> {
    let mute = PythonPeer::start(&PythonOptions { never_acknowledges: true, ..PythonOptions::new(version) })?;
    let mut python = python(version)?;
    let ours = peer(&[mute.address()?, python.address()?])?;
    let started = Instant::now();
    for n in 0..5 {
        put(&ours, &format!("k{n}"), &json!(n))?;
    }
    ensure!(started.elapsed() < Duration::from_secs(10), "five puts took {:?}", started.elapsed());
    for n in 0..5 {
        ensure!(python.await_entry(&format!("k{n}"), SOON)?["data"] == json!(n), "k{n} came changed");
    }
    Ok(())
}

fn plain_text(version: &'static str) -> Result<()> {
    let mut python = PythonPeer::start(&PythonOptions { secret: None, ..PythonOptions::new(version) })?;
    let ours = peer(&[python.address()?])?;
    python.dial(&ours.at("ip4/127.0.0.1")?)?;
    let answer = python.ask(json!({"do": "put", "key": "plain", "data": 1}))?;
    ensure!(answer["pushed"][0]["reply"] == "ERROR: Decryption failed", "it was told {answer}");
    ensure!(held(&ours, "plain")?.is_none(), "plain text was kept");
    put(&ours, "ours", &json!("sealed"))?;
    std::thread::sleep(Duration::from_secs(2));
    ensure!(python.entry("ours")?.is_none(), "it could read what we sent");
    let seen = python.ask(json!({"do": "seen"}))?;
    let plain = seen["seen"].as_array().into_iter().flatten().find(|push| push["token"] != true);
    ensure!(plain.is_none(), "plain text was sent: {plain:?}");
    Ok(())
}

fn unspecified(version: &'static str) -> Result<()> {
    let mut python = PythonPeer::start(&PythonOptions { host: "0.0.0.0".into(), ..PythonOptions::new(version) })?;
    ensure!(python.address()?.contains("/0.0.0.0/"), "it advertises {}", python.address()?);
    let reachable = python.address()?.replace("/0.0.0.0/", "/127.0.0.1/");
    let ours = peer(&[&reachable])?;
    python.dial(&ours.at("ip4/127.0.0.1")?)?;
    put(&ours, "k", &json!(1))?;
    python.await_entry("k", SOON)?;
    python.ask(json!({"do": "exchange", "with": ours.id()}))?;
    let again = python.ask(json!({"do": "exchange", "with": ours.id()}))?;
    ensure!(!again.to_string().contains("/0.0.0.0/"), "an address that nobody can dial is passed on: {again}");
    Ok(())
}
