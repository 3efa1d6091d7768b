//! Values go to the node and come back, through both indexes, and stay as long as they should.

use crate::{ABSENT, Here, Runner, bytes, detail};
use anyhow::{Context, Result, ensure};
use seaworthy_tests::{Kubo, KuboOptions, Scene, scratch};
use serde_json::Value;
use std::time::Duration;

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    vec![
        Scene::new("values_go_out_and_come_back_by_mfs", by_mfs),
        Scene::new("values_go_out_and_come_back_by_a_directory", by_directory),
        Scene::new("two_runners_of_one_node_share", two_runners),
        Scene::new("folders_of_mfs_are_caches_of_their_own", folders),
        Scene::new("what_has_expired_is_a_miss", expired),
        Scene::new("values_outlive_the_daemon", restart),
        Scene::new("garbage_collection_keeps_what_lives_and_frees_what_was_removed", garbage),
        Scene::new("a_reader_never_sees_a_gap_while_a_key_is_overwritten", overwritten),
    ]
}

/// Put, get, stat, list and remove, with keys and values of all kinds.
fn round(runner: &Runner, prefix: &str) -> Result<()> {
    // One byte, one block, more than a block, four stretches of a read.
    for (name, length) in [("one", 1), ("plain", 70_000), ("a/b c,d%2F..é", 1_500_000), ("large", 7_000_000)] {
        let (key, value) = (format!("{prefix}{name}"), bytes(length));
        runner.puts(&key, &value)?;
        ensure!(runner.get(&key)?.as_ref() == Some(&value), "{key} came back differently");
        let entry = runner.stat(&key)?;
        ensure!(entry["size"] == length, "{entry}");
        ensure!(detail(&entry, "cid")?.starts_with("baf"), "{entry}");
    }
    let key = format!("{prefix}one");
    runner.puts(&key, b"")?;
    ensure!(runner.get(&key)?.as_deref() == Some(b"".as_slice()), "an empty value is a value");
    let listed = runner.cache(&["list", prefix, "--json"])?;
    listed.exits(0)?;
    let told: Value = serde_json::from_str(&listed.stdout).with_context(|| listed.transcript())?;
    let entries = told["tiers"]["ipfs"]["entries"].as_array().context("no entries")?;
    let keys: Vec<&str> = entries.iter().filter_map(|entry| entry["key"].as_str()).collect();
    let wanted = ["a/b c,d%2F..é", "large", "one", "plain"].map(|name| format!("{prefix}{name}"));
    ensure!(keys == wanted, "{keys:?}");
    runner.cache(&["rm", &key])?.exits(0)?;
    runner.cache(&["rm", &key])?.exits(0)?;
    ensure!(runner.get(&key)?.is_none(), "it was removed");
    runner.cache(&["stat", &key])?.exits(ABSENT)?;
    Ok(())
}

fn by_mfs(here: &Here) -> Result<()> {
    round(&Runner::on(&here.kubo.multiaddr()), "mfs/")
}

fn by_directory(here: &Here) -> Result<()> {
    let folder = scratch()?;
    let settings = format!("index = \"directory\", directory = \"{}\"", folder.path().display());
    let runner = Runner::on(&format!("http://{}", here.kubo.rpc())).with(&settings);
    round(&runner, "directory/")?;
    let entry = runner.stat("directory/plain")?;
    let cid = detail(&entry, "cid")?;
    here.kubo.ipfs(&["pin", "ls", "--type=recursive", cid]).context("what the index names is pinned")?;
    runner.puts("directory/plain", b"another")?;
    ensure!(here.kubo.ipfs(&["pin", "ls", cid]).is_err(), "what was replaced is let go");
    let entry = runner.stat("directory/plain")?;
    let cid = detail(&entry, "cid")?;
    runner.cache(&["rm", "directory/plain"])?.exits(0)?;
    ensure!(here.kubo.ipfs(&["pin", "ls", cid]).is_err(), "what was removed is let go");
    Ok(())
}

fn two_runners(here: &Here) -> Result<()> {
    let (one, other) = (Runner::on(&here.kubo.multiaddr()), Runner::on(&format!("http://{}/api/v0", here.kubo.rpc())));
    ensure!(other.get("shared/key")?.is_none(), "not there yet");
    one.puts("shared/key", b"of one")?;
    ensure!(other.get("shared/key")?.as_deref() == Some(b"of one".as_slice()), "the other does not find it");
    other.puts("shared/key", b"of the other")?;
    ensure!(one.get("shared/key")?.as_deref() == Some(b"of the other".as_slice()), "the newer one counts");
    other.cache(&["rm", "shared/key"])?.exits(0)?;
    ensure!(one.get("shared/key")?.is_none(), "it was removed");
    Ok(())
}

fn folders(here: &Here) -> Result<()> {
    let plain = Runner::on(&here.kubo.multiaddr());
    let apart = plain.clone().with("folder = \"/team/cache\"");
    apart.puts("folders/key", b"apart")?;
    ensure!(plain.get("folders/key")?.is_none(), "the other folder's key");
    ensure!(apart.get("folders/key")?.as_deref() == Some(b"apart".as_slice()), "its own key");
    here.kubo.ipfs(&["files", "stat", "/team/cache"]).map(|_| ())
}

fn expired(here: &Here) -> Result<()> {
    let runner = Runner::on(&here.kubo.multiaddr());
    runner.put("expiring/key", b"short", &["--ttl", "8s"])?.exits(0)?;
    let entry = runner.stat("expiring/key")?;
    let cid = detail(&entry, "cid")?;
    std::thread::sleep(Duration::from_millis(8_200));
    ensure!(runner.get("expiring/key")?.is_none(), "it has expired");
    let names = here.kubo.ipfs(&["files", "ls", "/seaworthy"])?;
    for shard in names.lines() {
        let left = here.kubo.ipfs(&["files", "ls", &format!("/seaworthy/{shard}")])?;
        ensure!(!left.contains(cid), "its name was left in the index");
    }
    Ok(())
}

fn restart(_: &Here) -> Result<()> {
    let mut kubo = Kubo::start(&KuboOptions::default())?;
    let runner = Runner::on(&kubo.multiaddr());
    runner.puts("restart/small", b"before")?;
    runner.puts("restart/large", &bytes(2_500_000))?;
    kubo.restart()?;
    ensure!(runner.get("restart/small")?.as_deref() == Some(b"before".as_slice()), "lost by a restart");
    runner.puts("restart/small", b"after")?;
    // What was said to be stored is on the disk: the daemon has no chance to write anything more.
    kubo.crash()?;
    crate::ended(&runner.cache(&["get", "restart/small"])?, crate::SILENT, "(unreachable, ")?;
    kubo.run()?;
    ensure!(runner.get("restart/small")?.as_deref() == Some(b"after".as_slice()), "lost by a crash");
    ensure!(runner.get("restart/large")?.as_ref() == Some(&bytes(2_500_000)), "lost by a crash");
    Ok(())
}

fn garbage(_: &Here) -> Result<()> {
    let kubo = Kubo::start(&KuboOptions::default())?;
    let folder = scratch()?;
    let by_mfs = Runner::on(&kubo.multiaddr());
    let by_pin = by_mfs.clone().with(&format!("index = \"directory\", directory = \"{}\"", folder.path().display()));
    for runner in [&by_mfs, &by_pin] {
        runner.puts("gc/kept", &bytes(2_300_000))?;
        runner.puts("gc/removed", &bytes(1_700_000))?;
        runner.puts("gc/replaced", &bytes(90_000))?;
        let old = detail(&runner.stat("gc/replaced")?, "cid")?.to_owned();
        let removed = detail(&runner.stat("gc/removed")?, "cid")?.to_owned();
        runner.puts("gc/replaced", &bytes(80_000))?;
        runner.cache(&["rm", "gc/removed"])?.exits(0)?;
        kubo.ipfs(&["repo", "gc", "--quiet"])?;
        ensure!(runner.get("gc/kept")?.as_ref() == Some(&bytes(2_300_000)), "collected although it lives");
        ensure!(runner.get("gc/replaced")?.as_ref() == Some(&bytes(80_000)), "collected although it lives");
        let kept = detail(&runner.stat("gc/kept")?, "cid")?.to_owned();
        kubo.ipfs(&["--offline", "block", "stat", &kept])?;
        for gone in [old, removed] {
            ensure!(kubo.ipfs(&["--offline", "block", "stat", &gone]).is_err(), "{gone} takes up room for ever");
        }
    }
    Ok(())
}

fn overwritten(here: &Here) -> Result<()> {
    let runner = Runner::on(&here.kubo.multiaddr());
    runner.puts("overwritten/key", &bytes(40_000))?;
    let writer = runner.clone();
    let writing = std::thread::spawn(move || -> Result<()> {
        (1..=8_usize).try_for_each(|n| writer.puts("overwritten/key", &bytes(40_000 + n)))
    });
    let mut reads = 0;
    while !writing.is_finished() || reads < 3 {
        let value = runner.get("overwritten/key")?.context("a gap between two values")?;
        ensure!(value == bytes(value.len()) && value.len() >= 40_000, "a value that nobody stored");
        reads += 1;
    }
    writing.join().map_err(|_| anyhow::anyhow!("the writer panicked"))??;
    ensure!(runner.get("overwritten/key")?.as_ref() == Some(&bytes(40_008)), "the last one counts");
    Ok(())
}
