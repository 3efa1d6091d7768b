//! Values that come back as they were put, and go when they should.

use crate::runner::Runner;
use crate::{ABSENT, Here};
use anyhow::{Context, Result, ensure};
use seaworthy_tests::{Scene, Storacha};
use serde_json::json;

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    vec![
        Scene::new("what_is_put_is_there_for_the_next_process", put_and_get),
        Scene::new("values_of_every_size_and_key_come_back", sizes_and_keys),
        Scene::new("a_value_over_the_bound_is_refused_and_the_bound_named", too_large),
        Scene::new("an_overwritten_value_is_the_new_one_and_leaves_no_blob", overwriting),
        Scene::new("a_value_is_gone_after_its_life", expiry),
        Scene::new("a_removed_value_is_gone_and_removing_nothing_succeeds", removal),
        Scene::new("another_machine_finds_it_by_the_list_of_the_space", shared),
        Scene::new("what_another_machine_overwrote_or_removed_is_noticed", changed_elsewhere),
        Scene::new("a_list_names_keys_of_a_prefix", listing),
        Scene::new("without_an_agent_the_index_is_read_and_nothing_written", read_only),
    ]
}

fn put_and_get(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let runner = Runner::new(&service.at, &service.grant(&json!({}))?)?;
    ensure!(runner.get("answer")?.is_none(), "an empty space has no value");
    runner.put("answer", b"forty-two\n", &["--ttl", "5m", "--meta", "origin=scene"])?.exits(0)?;
    ensure!(runner.get("answer")?.as_deref() == Some(b"forty-two\n"), "another value");
    let known = runner.tier(&["stat", "answer", "--json"])?;
    let ttl = known["entry"]["ttl_ms"].as_u64().with_context(|| known.to_string())?;
    ensure!(known["entry"]["size"] == 10 && (200_000..=300_000).contains(&ttl), "{known}");
    Ok(())
}

fn sizes_and_keys(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let runner = Runner::new(&service.at, &service.grant(&json!({}))?)?;
    let noise = |length: u32| (0..length).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<u8>>();
    let long = "k".repeat(300);
    for (key, length) in
        [("empty", 0), ("a/b/../c", 1), ("schlüssel 🔑", 65_536), (long.as_str(), 1_000_000), ("max", 2_080_768)]
    {
        let value = noise(length);
        runner.put(key, &value, &[])?.exits(0)?;
        ensure!(runner.get(key)? == Some(value), "another value of {length} bytes");
    }
    Ok(())
}

fn too_large(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let runner = Runner::new(&service.at, &service.grant(&json!({}))?)?;
    let run = runner.put("large", &vec![7; 2_097_153], &[])?;
    run.exits(2)?;
    ensure!(run.stderr.contains("too-large") && run.stderr.contains("2080768"), "{}", run.transcript());
    ensure!(service.blobs()? == 0 && runner.get("large")?.is_none(), "a part of it is there");
    Ok(())
}

fn overwriting(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let runner = Runner::new(&service.at, &service.grant(&json!({}))?)?;
    for round in 0..7_u8 {
        runner.put("key", &[round; 100], &[])?.exits(0)?;
        ensure!(runner.get("key")? == Some(vec![round; 100]), "the value of round {round}");
    }
    runner.put("key", &[6; 100], &[])?.exits(0)?;
    ensure!(service.blobs()? == 1, "{} blobs are left for one value", service.blobs()?);
    Ok(())
}

fn expiry(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let runner = Runner::new(&service.at, &service.grant(&json!({}))?)?;
    runner.put("short", b"1", &["--ttl", "1ms"])?.exits(0)?;
    std::thread::sleep(std::time::Duration::from_millis(5));
    runner.cache(&["stat", "short"])?.exits(ABSENT)?;
    ensure!(runner.get("short")?.is_none(), "it is over");
    ensure!(service.blobs()? == 0, "its blob is still there");
    Ok(())
}

fn removal(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let runner = Runner::new(&service.at, &service.grant(&json!({}))?)?;
    runner.put("key", b"value", &[])?.exits(0)?;
    for _ in 0..2 {
        runner.cache(&["rm", "key"])?.exits(0)?;
        runner.cache(&["stat", "key"])?.exits(ABSENT)?;
        ensure!(runner.get("key")?.is_none() && service.blobs()? == 0, "it is still there");
    }
    Ok(())
}

fn shared(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let granted = service.grant(&json!({}))?;
    // Another machine, with another agent that the space delegated to.
    let other = service.grant(&json!({ "space": granted.space }))?;
    ensure!(other.space == granted.space && other.agent != granted.agent, "one space, two agents");
    let (here, there) = (Runner::new(&service.at, &granted)?, Runner::new(&service.at, &other)?);
    let long = "long/".repeat(40);
    for key in ["short", &long] {
        here.put(key, key.as_bytes(), &["--ttl", "1h"])?.exits(0)?;
        let known = there.tier(&["stat", key, "--json"])?;
        ensure!(known["entry"]["size"] == key.len(), "{known}");
        ensure!(there.get(key)?.as_deref() == Some(key.as_bytes()), "{key}");
    }
    Ok(())
}

fn changed_elsewhere(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let granted = service.grant(&json!({}))?;
    let (here, there) = (Runner::new(&service.at, &granted)?, Runner::new(&service.at, &granted)?);
    here.put("key", b"old", &[])?.exits(0)?;
    ensure!(there.get("key")?.as_deref() == Some(b"old"), "found by the list");
    here.put("key", b"new", &[])?.exits(0)?;
    // The index there still names the blob that is gone.
    ensure!(there.get("key")?.as_deref() == Some(b"new"), "the old blob is gone, and the new one is found");
    here.cache(&["rm", "key"])?.exits(0)?;
    ensure!(there.get("key")?.is_none(), "it was removed");
    Ok(())
}

fn listing(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let granted = service.grant(&json!({}))?;
    let (here, there) = (Runner::new(&service.at, &granted)?, Runner::new(&service.at, &granted)?);
    let long = format!("a/{}", "x".repeat(100));
    for key in ["a/1", "a/2", "b", &long] {
        here.put(key, b"value", &[])?.exits(0)?;
    }
    here.put("a/over", b"value", &["--ttl", "1ms"])?.exits(0)?;
    for runner in [&here, &there] {
        let listed = runner.tier(&["list", "a/", "--json"])?;
        let keys: Vec<&str> =
            listed["entries"].as_array().into_iter().flatten().filter_map(|e| e["key"].as_str()).collect();
        ensure!(keys == ["a/1", "a/2", &long], "{listed}");
        ensure!(listed["entries"][0]["size"] == 5, "{listed}");
    }
    let some = here.tier(&["list", "a/", "--limit", "2", "--json"])?;
    ensure!(some["entries"].as_array().map(Vec::len) == Some(2), "{some}");
    Ok(())
}

fn read_only(_: &Here) -> Result<()> {
    let service = Storacha::start()?;
    let runner = Runner::new(&service.at, &service.grant(&json!({}))?)?;
    runner.put("key", b"value", &[])?.exits(0)?;
    let reader = runner.with("STORACHA_AGENT_KEY", "").with("STORACHA_PROOF", "");
    ensure!(reader.get("key")?.as_deref() == Some(b"value"), "the index names it");
    ensure!(reader.get("other")?.is_none(), "and nothing else");
    let listed = reader.tier(&["list", "--json"])?;
    ensure!(listed["entries"][0]["key"] == "key", "{listed}");
    let put = reader.put("key", b"another", &[])?;
    ensure!(put.code() != Some(0), "nothing can be written\n{}", put.transcript());
    ensure!(reader.get("key")?.as_deref() == Some(b"value") && service.blobs()? == 1, "and nothing was");
    // A gateway that does not find a blob proves nothing, and nobody can be asked.
    service.gateway("missing")?;
    reader.fails(&["get", "key"], "unreachable", crate::UNCLEAR)?;
    Ok(())
}
