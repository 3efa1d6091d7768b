//! An S3 store that verifies signatures, behind a relay, over a disk: refusing, slow,
//! lying, asking for patience, and by another clock.

use crate::play::{counted, opened, play, policy};
use crate::{Machine, alone};
use anyhow::{Result, ensure};
use seaworthy_tests::{Behaviour, Make, ObjectStore, Relay, Scene, Seaworthy, scratch};
use std::time::Duration;

/// Beyond the time of an attempt.
const LATE: Duration = Duration::from_millis(700);

pub(crate) fn scenes() -> Vec<Scene<Machine>> {
    let scenes = vec![
        Scene::new("a_store_that_is_down", |m| faulty(m, Behaviour::Refuse, "unreachable")),
        Scene::new("a_store_that_is_slow", |m| faulty(m, Behaviour::Delay(LATE), "timed-out")),
        Scene::new("a_store_that_asks_for_patience", |m| faulty(m, Behaviour::RateLimit(1), "rate-limited")),
        Scene::new("a_store_with_another_clock", |m| faulty(m, Behaviour::Skew(3600), "clock")),
        Scene::new("a_store_that_lies", |m| faulty(m, Behaviour::Flip, "integrity")),
    ];
    scenes.into_iter().map(|scene| scene.unless(Make::JuiceFs.obstacle())).collect()
}

fn faulty(machine: &Machine, behaviour: Behaviour, kind: &str) -> Result<()> {
    let _alone = alone(machine);
    let server = ObjectStore::start(Make::JuiceFs)?;
    let relay = Relay::http(server.address())?;
    let folder = scratch()?;
    let policy = policy(folder.path(), r#"["s3", "disk"]"#, "")?;
    let endpoint = format!("http://{}", relay.address());
    let command = |words: &[&str]| {
        let command = Seaworthy::new(words)?.arg("-c").arg(&policy).env("CACHE_DIR", folder.path().join("entries"));
        Ok(command
            .env("CACHE_S3_ENDPOINT", &endpoint)
            .env("CACHE_S3_BUCKET", ObjectStore::BUCKET)
            .env("AWS_REGION", ObjectStore::REGION)
            .env("AWS_ACCESS_KEY_ID", ObjectStore::KEY)
            .env("AWS_SECRET_ACCESS_KEY", ObjectStore::SECRET))
    };
    let trouble = |on| {
        // A port that cannot be had again shows as a store that never worked again.
        let _ = relay.behave(if on { behaviour } else { Behaviour::Pass });
    };
    let seen = play(command, || relay.requests() > 0, trouble)?;
    // Of this store, a read during an overwriting may see an object without its metadata, and
    // on a busy machine one answer or another takes longer than an attempt may.
    counted(&seen, "s3", &[kind, "integrity", "timed-out"])?;
    ensure!(seen["layers"]["s3"]["errors"][kind].as_u64() > Some(0), "no {kind} was counted: {seen:#}");
    ensure!(!seen.to_string().contains(ObjectStore::SECRET), "the secret is shown");
    let layers = &seen["layers"]["s3"];
    ensure!(layers["hits"].as_u64() > Some(0), "it never worked in between: {seen:#}");
    if behaviour == Behaviour::Flip {
        ensure!(layers["breaker"]["openings"] == 0, "one damaged value is no reason to leave the others: {seen:#}");
        return Ok(());
    }
    opened(&seen, "s3")
}
