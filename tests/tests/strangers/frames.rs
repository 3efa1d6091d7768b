//! After the handshake: anybody with a libp2p of their own, here py-libp2p.

use crate::{Here, Watched};
use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use seaworthy_tests::{PythonOptions, PythonPeer, Scene};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    let python = || PythonPeer::obstacle(VERSION);
    vec![
        Scene::new("frames_that_are_none_are_answered_with_what_is_wrong", |_| named()).unless(python()),
        Scene::new("oversized_frames_are_refused_and_not_kept", |_| oversized()).unless(python()),
        Scene::new("requests_that_never_end_block_nobody", |_| unfinished()).unless(python()),
        Scene::new("pushes_that_never_end_block_nobody", |_| unfinished_pushes()).unless(python()),
    ]
}

const VERSION: &str = "0.8.1";
const CACHE: &str = "/seaworthy/cache/1.0.0";
const PUSH: &str = "/github-cache/1.0.0";
const REFUSED: &str = "seaworthy_peer_refused_requests_total";

fn stranger(watched: &Watched) -> Result<PythonPeer> {
    let mut stranger = PythonPeer::start(&PythonOptions { secret: None, ..PythonOptions::new(VERSION) })?;
    stranger.dial(&watched.peer.address)?;
    Ok(stranger)
}

/// The answer to `bytes` followed by `pad` zeros; empty when there was none.
fn answer(stranger: &mut PythonPeer, watched: &Watched, protocol: &str, bytes: &[u8], pad: usize) -> Result<Vec<u8>> {
    let raw = STANDARD.encode(bytes);
    let ask = json!({"do": "open", "to": watched.id(), "protocol": protocol, "raw": raw, "pad": pad});
    match stranger.ask(ask)?["reply"].take() {
        Value::String(reply) => STANDARD.decode(reply).context("not base64"),
        _ => Ok(Vec::new()),
    }
}

fn framed(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), body].concat()
}

fn named() -> Result<()> {
    let watched = Watched::start()?;
    let mut stranger = stranger(&watched)?;
    let get = b"\x01\xa1\x63get\xa1\x63key\x61k";
    for (what, frame, kind) in [
        ("an empty frame", framed(b""), "malformed"),
        ("another version", framed(b"\x09\xf6"), "unsupported-version"),
        ("garbage", framed(&[&[1], [0xff; 300].as_slice()].concat()), "malformed"),
        ("nested arrays", framed(&[&[1], [0x81; 4_000].as_slice()].concat()), "malformed"),
        ("a string that claims 2^63 bytes", framed(b"\x01\x7b\x7f\xff\xff\xff\xff\xff\xff\xff"), "malformed"),
        ("a question without agreement", framed(get), "unauthenticated"),
        ("a frame cut short", framed(get)[..9].to_vec(), "malformed"),
    ] {
        let told = answer(&mut stranger, &watched, CACHE, &frame, 0)?;
        ensure!(
            String::from_utf8_lossy(&told).contains(kind),
            "{what}: it was told {:?}",
            told.escape_ascii().to_string()
        );
    }
    watched.counts(REFUSED, &[("reason", "malformed")], 5.0)?;
    watched.counts(REFUSED, &[("reason", "unsupported-version")], 1.0)?;
    watched.counts(REFUSED, &[("reason", "unauthenticated")], 1.0)?;
    watched.serves_within(Duration::from_secs(4))?;
    watched.is_bounded()
}

fn oversized() -> Result<()> {
    let watched = Watched::start()?;
    let mut stranger = stranger(&watched)?;
    // A claim that nothing follows, and one that is kept.
    for (length, pad) in [(u32::MAX, 100), (20 * 1024 * 1024, 20 * 1024 * 1024 - 1)] {
        let frame = [&length.to_be_bytes()[..], &[1]].concat();
        let told = answer(&mut stranger, &watched, CACHE, &frame, pad)?;
        ensure!(String::from_utf8_lossy(&told).contains("too-large"), "{:?}", told.escape_ascii().to_string());
    }
    watched.counts(REFUSED, &[("reason", "too-large")], 2.0)?;
    watched.serves_within(Duration::from_secs(4))?;
    watched.is_bounded()
}

/// Many strangers, each with as many requests as it may have, none of them ever whole.
fn unfinished() -> Result<()> {
    let watched = Watched::start()?;
    let mut strangers = Vec::new();
    let claim = STANDARD.encode([&(8_u32 * 1024 * 1024).to_be_bytes()[..], &[1, 2, 3]].concat());
    for _ in 0..4 {
        let mut stranger = stranger(&watched)?;
        let ask =
            json!({"do": "open", "to": watched.id(), "protocol": CACHE, "raw": claim, "streams": 60, "hold": true});
        let open = stranger.ask(ask)?["open"].as_u64().unwrap_or_default();
        ensure!(open >= 32, "only {open} streams could be opened");
        strangers.push(stranger);
    }
    watched.serves_within(Duration::from_secs(4))?;
    watched.is_bounded()?;
    // They end without another word.
    drop(strangers);
    watched.counts("seaworthy_peer_unfinished_requests_total", &[], 4.0 * 32.0)?;
    watched.serves_within(Duration::from_secs(4))
}

fn unfinished_pushes() -> Result<()> {
    let watched = Watched::start()?;
    let mut stranger = stranger(&watched)?;
    // The beginning of a token. There is no framing, so silence is its end.
    let started = Instant::now();
    let told = answer(&mut stranger, &watched, PUSH, b"gAAAAABlU_EAAAECAwQFBgcICQoL", 0)?;
    ensure!(told == b"ERROR: Decryption failed", "it was told {:?}", told.escape_ascii().to_string());
    ensure!(started.elapsed() < Duration::from_secs(3), "the reply took {:?}", started.elapsed());
    let beginning = STANDARD.encode(b"gAAAAABlU_EA");
    let ask =
        json!({"do": "open", "to": watched.id(), "protocol": PUSH, "raw": beginning, "streams": 60, "hold": true});
    let open = stranger.ask(ask)?["open"].as_u64().unwrap_or_default();
    ensure!(open >= 16, "only {open} streams could be opened");
    watched.serves_within(Duration::from_secs(4))?;
    // More than any token has, at once.
    let told = answer(&mut stranger, &watched, PUSH, b"gAAAAABlU_EA", 4 * 1024 * 1024)?;
    ensure!(told.is_empty() || told.starts_with(b"ERROR"), "it was told {:?}", told.escape_ascii().to_string());
    watched.serves_within(Duration::from_secs(4))?;
    watched.is_bounded()
}
