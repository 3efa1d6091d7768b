//! Gets and puts, played by the built binary while trouble comes and goes; and what must
//! be seen of them.

use anyhow::{Context, Result, ensure};
use seaworthy_tests::Seaworthy;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The time of one operation, in the policy of every scene.
const BUDGET: Duration = Duration::from_secs(3);
/// What a loaded machine may add to it before it counts.
const SLACK: Duration = Duration::from_millis(750);
/// How long a fault lasts, and how long it is gone.
const SPELL: Duration = Duration::from_millis(900);

/// Operations that a scene is about.
const ENOUGH: u64 = 1_000;
/// How long they are played at first: several spells.
const AT_FIRST: Duration = Duration::from_secs(6);
/// How long on a machine that is slow.
const AT_MOST: Duration = Duration::from_secs(60);

/// Writes a policy with these tiers, and further lines in its `[cache]`, into `folder`.
pub(crate) fn policy(folder: &Path, order: &str, cache: &str) -> Result<PathBuf> {
    let text = format!(
        "version = 1\n[fallback.cache]\norder = {order}\n[cache]\nwrite = \"ignore\"\ntimeout = \"400ms\"\n\
         budget = \"{}ms\"\nretries = {{ count = 1, delay = \"20ms\", max-delay = \"100ms\" }}\n\
         breaker = {{ failures = 2, open = \"200ms\", max-open = \"500ms\" }}\n{cache}\n",
        BUDGET.as_millis()
    );
    let path = folder.join("checks.toml");
    std::fs::write(&path, text)?;
    Ok(path)
}

/// Plays gets and puts of keys that are all there, while `trouble` comes and goes once the
/// tier was `reached`: again and for longer where the machine was too slow for [`ENOUGH`].
/// `command` makes a runner's `seaworthy` of its words.
///
/// *Errors*: somebody was harmed.
pub(crate) fn play(
    command: impl Fn(&[&str]) -> Result<Seaworthy>,
    reached: impl Fn() -> bool + Sync,
    trouble: impl Fn(bool) + Sync,
) -> Result<Value> {
    let mut time = AT_FIRST;
    loop {
        let span = format!("{}ms", time.as_millis());
        let words = ["cache", "bench", "--json", "--keep", "--fill", "--keys", "40", "--read-ratio", "0.5"];
        let load = ["--duration", &span, "--clients", "4", "--sessions", "1", "--warmup", "0s", "--value-size", "1KiB"];
        let seen = during(command(&[&words[..], &load].concat())?, &reached, &trouble)?;
        unharmed(&seen)?;
        let operations = seen["operations"].as_u64().context("no `operations`")?;
        if operations >= ENOUGH {
            return Ok(seen);
        }
        ensure!(time < AT_MOST, "too few to tell: {seen:#}");
        let needed = u64::try_from(time.as_millis())?.saturating_mul(ENOUGH * 5 / 4) / operations.max(1);
        time = Duration::from_millis(needed).clamp(AT_FIRST, AT_MOST);
    }
}

/// Runs it while trouble comes and goes.
fn during(command: Seaworthy, reached: &(impl Fn() -> bool + Sync), trouble: &(impl Fn(bool) + Sync)) -> Result<Value> {
    let ended = AtomicBool::new(false);
    let run = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut on = false;
            // It begins well.
            while !reached() && !ended.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(10));
            }
            std::thread::sleep(SPELL);
            while !ended.load(Ordering::SeqCst) {
                on = !on;
                trouble(on);
                std::thread::sleep(SPELL);
            }
            trouble(false);
        });
        let run = command.run();
        ended.store(true, Ordering::SeqCst);
        run
    })?;
    run.exits(0)?;
    serde_json::from_str(&run.stdout).with_context(|| run.transcript())
}

/// What holds whatever goes wrong below, checked of everything that is played.
fn unharmed(seen: &Value) -> Result<()> {
    let count = |name: &str| seen[name].as_u64().with_context(|| format!("no `{name}` in {seen}"));
    ensure!(count("wrong_values")? == 0, "a wrong value: {seen:#}");
    ensure!(
        count("misses")? == 0 && count("hits")? > count("operations")? / 3,
        "every key is there, and one was missed: {seen:#}"
    );
    ensure!(seen["errors"].as_object().is_some_and(serde_json::Map::is_empty), "a tier could have answered: {seen:#}");
    let rows = seen["latency"].as_array().context("no latencies")?;
    let longest = rows.iter().filter(|row| row["tier"] == "(all)").filter_map(|row| row["max_us"].as_u64()).max();
    let longest = Duration::from_micros(longest.context("nothing was measured")?);
    ensure!(longest <= BUDGET + SLACK, "somebody was held up for {longest:?}: {seen:#}");
    Ok(())
}

/// What the layers around a tier counted.
pub(crate) fn counted(seen: &Value, tier: &str, kinds: &[&str]) -> Result<()> {
    let tier = &seen["layers"][tier];
    let errors = tier["errors"].as_object().context("no errors by kind")?;
    ensure!(kinds.iter().any(|kind| errors.contains_key(*kind)), "none of {kinds:?} was counted: {tier:#}");
    let unknown = errors.keys().find(|kind| !kinds.contains(&kind.as_str()));
    ensure!(unknown.is_none(), "{unknown:?} is not what happened: {tier:#}");
    Ok(())
}

pub(crate) fn opened(seen: &Value, tier: &str) -> Result<()> {
    let breaker = &seen["layers"][tier]["breaker"];
    let count = |name: &str| breaker[name].as_u64().unwrap_or_default();
    ensure!(count("openings") > 0 && count("trials") > 0, "it never opened, or never tried again: {breaker:#}");
    ensure!(count("refused") > 0, "nobody was spared: {breaker:#}");
    Ok(())
}
