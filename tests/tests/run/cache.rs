//! `seaworthy cache`: the configured cache by hand, from one process to another over
//! a peer, and what is said when that does not work.

use crate::Loopback;
use anyhow::{Context, Result, ensure};
use seaworthy_tests::lab::SECRET;
use seaworthy_tests::{Peer, PeerOptions, Run, Scene, Seaworthy, binary, scratch};
use serde_json::Value;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The exit code of a key that is not there.
const MISS: i32 = 6;

pub(crate) fn scenes() -> Vec<Scene<Loopback>> {
    vec![
        Scene::new("what_one_process_puts_another_gets", put_and_get),
        Scene::new("any_bytes_go_through_pipes_and_files", binary_values),
        Scene::new("a_miss_has_its_own_exit_code", miss),
        Scene::new("a_value_is_gone_after_its_life", expiry),
        Scene::new("a_removed_value_is_gone", removal),
        Scene::new("another_secret_is_an_error_that_says_so", wrong_secret),
        Scene::new("a_dead_peer_is_an_error_and_no_miss", dead_peer),
        Scene::new("a_value_over_the_limit_is_refused_and_the_limit_named", too_large),
        Scene::new("a_tier_lists_or_says_that_it_cannot", listing),
        Scene::new("stats_come_from_peers_and_tiers", stats),
        Scene::new("a_tier_that_is_not_there_is_a_usage_error", unknown_tier),
        Scene::new("a_bench_measures_and_leaves_nothing_behind", bench),
        Scene::new("a_bench_without_adapters_measures_the_protocol", bench_direct),
        Scene::new("a_recorded_workload_is_played_once", bench_trace),
        Scene::new("a_bench_records_what_another_plays", bench_record),
        Scene::new("more_sessions_than_there_is_room_for_wait", crowd),
        Scene::new("a_bench_reads_through_and_compares_tiers", bench_compare),
        Scene::new("a_bench_costs_what_the_policy_says", bench_costs),
    ]
}

/// A peer, and a folder for files and a disk tier.
struct Place {
    peer: Peer,
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Result<Self> {
        Ok(Self { peer: Peer::start(&PeerOptions::on("/ip4/127.0.0.1/tcp/0"))?, folder: scratch()? })
    }

    /// `seaworthy cache WORDS...` as a runner of this peer.
    fn cache(&self, words: &[&str]) -> Result<Seaworthy> {
        let command = Seaworthy::new(["cache"].iter().chain(words))?;
        let command = command.env("CACHE_DIR", self.folder.path().join("entries"));
        Ok(Peer::configure(command, &self.peer.at("ip4/127.0.0.1")?))
    }

    fn run(&self, words: &[&str]) -> Result<Run> {
        self.cache(words)?.run()
    }

    /// A file of this folder with that content.
    fn file(&self, name: &str, content: &[u8]) -> Result<String> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content)?;
        path.into_os_string().into_string().ok().context("a path that is not Unicode")
    }

    /// The bytes of a file of this folder.
    fn read(&self, name: &str) -> Result<Vec<u8>> {
        std::fs::read(self.folder.path().join(name)).with_context(|| format!("no {name}"))
    }

    fn json(&self, words: &[&str]) -> Result<Value> {
        let run = self.run(words)?;
        run.exits(0)?;
        serde_json::from_str(&run.stdout).with_context(|| run.transcript())
    }
}

fn says(run: &Run, what: &str) -> Result<()> {
    ensure!(run.stderr.contains(what), "stderr does not say `{what}`\n{}", run.transcript());
    Ok(())
}

fn put_and_get(_: &Loopback) -> Result<()> {
    let place = Place::new()?;
    let file = place.file("value", b"forty-two\n")?;
    let put = place.run(&["put", "answer", &file, "--ttl", "5m", "--meta", "origin=scene"])?;
    put.exits(0)?;
    says(&put, "p2p: done")?;
    ensure!(put.stdout.is_empty(), "put has nothing to say on stdout\n{}", put.transcript());
    let got = place.run(&["get", "answer", "-v"])?;
    ensure!(got.exits(0)?.stdout == "forty-two\n", "another value\n{}", got.transcript());
    says(&got, "p2p: found (")?;
    let known = place.run(&["stat", "answer"])?;
    let shown = &known.exits(0)?.stdout;
    ensure!(shown.contains("p2p: ") && shown.contains("made 20") && shown.contains("lives "), "{}", known.transcript());
    let known = place.json(&["stat", "answer", "--json"])?;
    let ttl = known["tiers"]["p2p"]["entry"]["ttl_ms"].as_u64().with_context(|| known.to_string())?;
    ensure!((200_000..=300_000).contains(&ttl), "it was to live for five minutes, and has {ttl} ms");
    Ok(())
}

fn binary_values(_: &Loopback) -> Result<()> {
    let place = Place::new()?;
    let value: Vec<u8> = (0..100_000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()).collect();
    let piped = |words: &[&str], input: &[u8]| -> Result<Vec<u8>> {
        let mut child = Command::new(binary()?)
            .arg("cache")
            .args(words)
            .env_clear()
            .env("XDG_CACHE_HOME", place.folder.path())
            .env("CACHE_ENABLE_P2P", "true")
            .env("CACHE_BOOTSTRAP_PEERS", place.peer.at("ip4/127.0.0.1")?)
            .env("CACHE_P2P_SHARED_SECRET", SECRET)
            .current_dir(place.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        child.stdin.take().context("no stdin")?.write_all(input)?;
        let output = child.wait_with_output()?;
        ensure!(output.status.success(), "{words:?} ended with {}", output.status);
        Ok(output.stdout)
    };
    piped(&["put", "bytes", "-q"], &value)?;
    ensure!(piped(&["get", "bytes"], b"")? == value, "stdout has other bytes");
    place.run(&["get", "bytes", "-o", &format!("{}/got", place.folder.path().display())])?.exits(0)?;
    ensure!(place.read("got")? == value, "the file has other bytes");
    let empty = place.file("empty", b"")?;
    place.run(&["put", "nothing", &empty])?.exits(0)?;
    ensure!(piped(&["get", "nothing"], b"")?.is_empty(), "an empty value is a value");
    Ok(())
}

fn miss(_: &Loopback) -> Result<()> {
    let place = Place::new()?;
    let run = place.run(&["get", "nobody-put-this"])?;
    run.exits(MISS)?;
    ensure!(run.stdout.is_empty(), "a miss has no value\n{}", run.transcript());
    says(&run, "is not in the cache")?;
    let quiet = place.run(&["get", "nobody-put-this", "-q"])?;
    ensure!(quiet.exits(MISS)?.stderr.is_empty(), "-q is quiet\n{}", quiet.transcript());
    place.run(&["stat", "nobody-put-this"])?.exits(MISS)?;
    let explained = Seaworthy::new(["explain", "exit-codes"])?.run()?;
    ensure!(explained.stdout.contains("  6  the cache looked"), "{}", explained.transcript());
    Ok(())
}

fn expiry(_: &Loopback) -> Result<()> {
    let place = Place::new()?;
    let file = place.file("value", b"short")?;
    for tiers in ["p2p", "disk"] {
        let run = |words: &[&str]| place.cache(words)?.env("CACHE_BACKENDS", tiers).run();
        run(&["put", "brief", &file, "--ttl", "2s"])?.exits(0)?;
        run(&["get", "brief"])?.exits(0).with_context(|| format!("{tiers}: it is gone too early"))?;
        std::thread::sleep(Duration::from_millis(2_100));
        run(&["get", "brief"])?.exits(MISS).with_context(|| format!("{tiers}: it outlived its time"))?;
    }
    Ok(())
}

fn removal(_: &Loopback) -> Result<()> {
    let place = Place::new()?;
    let file = place.file("value", b"v")?;
    let run = |words: &[&str]| place.cache(words)?.env("CACHE_BACKENDS", "disk,p2p").run();
    let put = run(&["put", "k", &file])?;
    put.exits(0)?;
    says(&put, "disk: done")?;
    says(&put, "p2p: done")?;
    run(&["rm", "k"])?.exits(0)?;
    run(&["get", "k"])?.exits(MISS)?;
    run(&["rm", "k"])?.exits(0).context("nothing to remove is no failure")?;
    Ok(())
}

fn wrong_secret(_: &Loopback) -> Result<()> {
    const OTHER: &str = "another-secret-7Qm2vTzLxW4p";
    let place = Place::new()?;
    let file = place.file("value", b"v")?;
    for words in [&["get", "k"][..], &["put", "k", &file], &["rm", "k"], &["stat", "k"], &["stats"]] {
        let run = place.cache(words)?.env("CACHE_P2P_SHARED_SECRET", OTHER).run()?;
        run.exits(5)?;
        says(&run, "another shared secret")?;
        says(&run, "unauthenticated")?;
        ensure!(!run.stderr.contains(OTHER), "the secret is shown\n{}", run.transcript());
    }
    Ok(())
}

fn dead_peer(_: &Loopback) -> Result<()> {
    let place = Place::new()?;
    let file = place.file("value", b"from the disk")?;
    let address = place.peer.at("ip4/127.0.0.1")?;
    place.peer.terminate()?;
    let folder = place.folder;
    let run = |backends: &str, words: &[&str]| {
        let command = Seaworthy::new(["cache"].iter().chain(words))?.env("CACHE_BACKENDS", backends);
        Peer::configure(command.env("CACHE_DIR", folder.path().join("entries")), &address).run()
    };
    for words in [&["get", "k"][..], &["put", "k", &file], &["rm", "k"], &["stat", "k"]] {
        let failed = run("p2p", words)?;
        failed.exits(5)?;
        says(&failed, "unreachable")?;
    }
    let unknown = run("disk,p2p", &["get", "k"])?;
    unknown.exits(5).context("the disk has it not, and the peer might")?;
    run("disk", &["put", "k", &file])?.exits(0)?;
    let found = run("p2p,disk", &["get", "k"])?;
    ensure!(found.exits(0)?.stdout == "from the disk", "{}", found.transcript());
    says(&found, "p2p: cache open failed (unreachable")?;
    let put = run("disk,p2p", &["put", "k", &file])?;
    put.exits(0).context("the first tier took it")?;
    says(&put, "not every tier took it")
}

fn too_large(_: &Loopback) -> Result<()> {
    let place = Place::new()?;
    for (tier, size, limit) in [("p2p", 9 << 20, "8323072"), ("disk", (32 << 20) + 1, "33554432")] {
        let file = place.file("large", &vec![7; size])?;
        let run = place.cache(&["put", "k", &file])?.env("CACHE_BACKENDS", tier).run()?;
        run.exits(2).with_context(|| format!("{tier} took {size} bytes"))?;
        says(&run, "too-large")?;
        says(&run, limit)?;
        place.cache(&["get", "k"])?.env("CACHE_BACKENDS", tier).run()?.exits(MISS)?;
    }
    let endless = place.run(&["put", "k", "/dev/zero"])?;
    endless.exits(2)?;
    says(&endless, "longer than 64 MiB")
}

fn listing(_: &Loopback) -> Result<()> {
    let place = Place::new()?;
    let file = place.file("value", b"v")?;
    let run = |words: &[&str]| place.cache(words)?.env("CACHE_BACKENDS", "p2p,disk").run();
    for key in ["job/1", "job/2", "other\x1b[2J"] {
        run(&["put", key, &file])?.exits(0)?;
    }
    let jobs = run(&["list", "job/"])?;
    jobs.exits(0)?;
    let keys: Vec<&str> = jobs.stdout.lines().filter_map(|line| line.strip_prefix("disk: ")).collect();
    ensure!(keys.len() == 2 && keys[0].starts_with("job/1: 1 B"), "{}", jobs.transcript());
    says(&jobs, "p2p: cache list failed (unsupported")?;
    let all = run(&["list"])?;
    ensure!(!all.stdout.contains('\x1b') && all.stdout.contains("other"), "a key moves the cursor");
    let limited = run(&["list", "--limit", "1"])?;
    ensure!(limited.exits(0)?.stdout.lines().count() == 1, "{}", limited.transcript());
    says(&limited, "there may be more")?;
    run(&["list", "--tier", "p2p"])?.exits(5).context("an empty list would be a lie")?;
    Ok(())
}

fn stats(_: &Loopback) -> Result<()> {
    let place = Place::new()?;
    let file = place.file("value", &[1; 1000])?;
    let json = |words: &[&str]| -> Result<Value> {
        let run = place.cache(words)?.env("CACHE_BACKENDS", "p2p,disk,memory").run()?;
        serde_json::from_str(&run.exits(0)?.stdout).with_context(|| run.transcript())
    };
    place.cache(&["put", "k", &file])?.env("CACHE_BACKENDS", "p2p,disk").run()?.exits(0)?;
    place.run(&["get", "k"])?.exits(0)?;
    place.run(&["get", "absent"])?.exits(MISS)?;
    let all = json(&["stats", "--json"])?;
    let peers = all["tiers"]["p2p"]["peers"].as_object().with_context(|| all.to_string())?;
    let (address, counts) = peers.iter().next().context("no peer")?;
    ensure!(address.contains(place.peer.id()), "{address} is not the peer");
    ensure!(counts["entries"] == 1 && counts["hits"] == 1 && counts["misses"] == 1, "{counts}");
    ensure!(counts["bytes"].as_u64().is_some_and(|bytes| bytes > 1000), "{counts}");
    let disk = &all["tiers"]["disk"];
    ensure!(disk["holds"]["entries"] == 1 && disk["holds"]["bytes"] == 1000, "{disk}");
    let durable = disk["capability"]["properties"].as_array().is_some_and(|all| all.contains(&"durable".into()));
    ensure!(disk["peers"].is_null() && durable, "{disk}");
    let text = place.run(&["stats"])?;
    ensure!(text.exits(0)?.stdout.contains("1 entries"), "{}", text.transcript());
    Ok(())
}

fn unknown_tier(_: &Loopback) -> Result<()> {
    let place = Place::new()?;
    let run = place.run(&["get", "k", "--tier", "s3"])?;
    run.exits(2)?;
    says(&run, "no tier `s3`; configured: p2p")?;
    let off = place.cache(&["get", "k"])?.env("CACHE_ENABLE_P2P", "1").run()?;
    off.exits(3)?;
    says(&off, "CACHE_ENABLE_P2P")?;
    let unknown = place.cache(&["get", "k"])?.env("CACHE_BACKENDS", "carrier-pigeon").run()?;
    unknown.exits(3)?;
    says(&unknown, "carrier-pigeon")
}

fn bench(_: &Loopback) -> Result<()> {
    let place = Place::new()?;
    let words = [
        "bench",
        "--json",
        "--clients",
        "4",
        "--duration",
        "2s",
        "--warmup",
        "200ms",
        "--keys",
        "50",
        "--fill",
        "--value-size",
        "64B-4KiB",
        "--read-ratio",
        "0.8",
        "--seed",
        "7",
    ];
    let report = place.json(&words)?;
    let number = |name: &str| report[name].as_u64().with_context(|| format!("no {name} in {report}"));
    ensure!(number("operations")? > 100, "hardly anything was done: {report}");
    ensure!(number("operations")? == number("hits")? + number("misses")? + number("puts")?, "{report}");
    ensure!(number("misses")? == 0, "every key was stored first: {report}");
    ensure!(number("wrong_values")? == 0 && report["errors"] == serde_json::json!({}), "{report}");
    ensure!(number("bytes_read")? > 0 && number("bytes_written")? > 0, "{report}");
    let elapsed = report["elapsed_s"].as_f64().context("no elapsed_s")?;
    ensure!((1.9..4.0).contains(&elapsed), "two seconds were asked for, and it measured {elapsed}");
    let reads = report["hits"].as_f64().context("no hits")? / report["operations"].as_f64().context("none")?;
    ensure!((0.7..0.9).contains(&reads), "eight of ten were to read: {reads}");
    for (tier, operation) in [("(all)", "get"), ("(all)", "put"), ("p2p", "get"), ("p2p", "put")] {
        let rows = report["latency"].as_array().context("no latency")?;
        let row = rows.iter().find(|row| row["tier"] == tier && row["operation"] == operation);
        let row = row.with_context(|| format!("no {operation} of {tier}: {report}"))?;
        let times: Vec<u64> = ["p50_us", "p95_us", "p99_us", "max_us"].iter().filter_map(|t| row[t].as_u64()).collect();
        ensure!(times.len() == 4 && times.is_sorted() && times[0] > 0, "{row}");
    }
    ensure!(number("left_behind")? == 0, "{report}");
    let after = place.json(&["stats", "--json"])?;
    let left: Vec<&Value> =
        after["tiers"]["p2p"]["peers"].as_object().context("no peers")?.values().map(|p| &p["entries"]).collect();
    ensure!(left == [0], "the peer still holds {left:?}");
    Ok(())
}

fn bench_direct(_: &Loopback) -> Result<()> {
    let place = Place::new()?;
    let report =
        place.json(&["bench", "--direct", "--json", "--clients", "2", "--duration", "1s", "--fill", "--keys", "20"])?;
    ensure!(report["operations"].as_u64() > Some(50) && report["wrong_values"] == 0, "{report}");
    let disk = place.cache(&["bench", "--direct", "--duration", "1s"])?.env("CACHE_BACKENDS", "disk").run()?;
    disk.exits(2)?;
    says(&disk, "has no peers")?;
    let text = place.run(&["bench", "--duration", "1s", "--clients", "2", "--sessions", "1"])?;
    ensure!(text.exits(0)?.stdout.contains("over 1 sessions"), "{}", text.transcript());
    Ok(())
}

fn bench_trace(_: &Loopback) -> Result<()> {
    let place = Place::new()?;
    let trace = place
        .file("trace", b"# one job\nget lockfile\nput lockfile 2KiB\nget lockfile\nrm lockfile\nget lockfile\n")?;
    let report = place.json(&["bench", "--json", "--clients", "1", "--trace", &trace])?;
    for (name, expected) in [("operations", 5), ("hits", 1), ("misses", 2), ("puts", 1), ("removals", 1)] {
        ensure!(report[name] == expected, "{name} is not {expected}: {report}");
    }
    ensure!(report["bytes_read"] == 2048, "{report}");
    let wrong = place.file("wrong", b"get a\nfetch b\n")?;
    let refused = place.run(&["bench", "--trace", &wrong])?;
    refused.exits(2)?;
    says(&refused, "line 2")
}

fn bench_record(_: &Loopback) -> Result<()> {
    let place = Place::new()?;
    let path = place.folder.path().join("recorded");
    let file = path.to_str().context("a path that is not UTF-8")?;
    let words = ["bench", "--json", "--clients", "2", "--sessions", "1", "--tier", "disk"];
    let more = ["--operations", "300", "--keys", "20", "--fill", "--read-ratio", "0.7", "--value-size", "64B-2KiB"];
    let first = place.json(&[&words[..], &more, &["--record", file]].concat())?;
    let text = std::fs::read_to_string(&path)?;
    ensure!(!text.contains("seaworthy-bench"), "a key stands in the recording:\n{text}");
    let lines = |word: &str| text.lines().filter(|line| line.starts_with(word)).count();
    ensure!(lines("get ") + lines("put ") == 300, "filling and clearing are no part of it:\n{text}");
    ensure!(first["puts"] == lines("put "), "{first}");
    let played = place.json(&[&words[..], &["--workload", file]].concat())?;
    ensure!(played["operations"] == 300 && played["puts"] == first["puts"], "{first} {played}");
    ensure!(played["wrong_values"] == 0 && played["left_behind"] == 0, "{played}");
    let again = place.run(&[&words[..], &["--operations", "1", "--record", file]].concat())?;
    again.exits(2)?;
    says(&again, "not there yet")
}

/// Each session opens an instance of its own, and there are places for 192.
fn crowd(_: &Loopback) -> Result<()> {
    let place = Place::new()?;
    let words = ["bench", "--json", "--tier", "disk", "--clients", "256", "--operations", "1024", "--keys", "64"];
    let report = place.json(&[&words[..], &["--value-size", "64"]].concat())?;
    ensure!(report["operations"] == 1024 && report["errors"] == serde_json::json!({}), "{report}");
    ensure!(report["wrong_values"] == 0 && report["left_behind"] == 0, "{report}");
    // What keeps values in itself keeps its place: who comes too late is told so.
    let kept = place.run(&["bench", "--tier", "memory", "--clients", "256", "--operations", "256"])?;
    ensure!(kept.code() != Some(0), "{}", kept.transcript());
    says(&kept, "timed-out")
}

fn bench_compare(_: &Loopback) -> Result<()> {
    let place = Place::new()?;
    let words = ["bench", "--json", "--clients", "2", "--sessions", "1", "--operations", "101", "--keys", "20"];
    // Neither is in the configured order, which is p2p.
    let sets = ["--miss-cost", "5ms", "--compare", "memory", "--compare", "disk,memory"];
    let report = place.json(&[&words[..], &sets].concat())?;
    let sets = report["sets"].as_array().with_context(|| report.to_string())?;
    ensure!(sets.len() == 2 && sets[0]["label"] == "memory" && sets[1]["label"] == "disk,memory", "{report}");
    for set in sets {
        let result = &set["result"];
        let number = |name: &str| result[name].as_u64().with_context(|| format!("no {name} in {result}"));
        ensure!(number("operations")? == 101 && number("hits")? + number("misses")? == 101, "{result}");
        ensure!(
            (1..=40).contains(&number("origin_calls")?),
            "20 keys, and two clients that may miss one each: {result}"
        );
        ensure!(number("origin_calls")? == number("misses")? && number("filled")? == number("misses")?, "{result}");
        let saved = result["origin_calls_saved"].as_f64().context("nothing saved")?;
        ensure!(saved > 0.5 && result["hit_rate"] == result["effective_rate"], "{result}");
        ensure!(number("wrong_values")? == 0 && number("left_behind")? == 0, "{result}");
    }
    ensure!(report["ratios"]["read p50"][0] == 1.0 && report["ratios"]["read p50"][1].is_f64(), "{report}");
    let unknown = place.run(&["bench", "--tier", "carrier-pigeon"])?;
    unknown.exits(2)?;
    says(&unknown, "carrier-pigeon")
}

fn bench_costs(_: &Loopback) -> Result<()> {
    let place = Place::new()?;
    let prices = "version = 1\n[prices.disk]\ncurrency = \"EUR\"\nas-of = 2026-05-01\nput-per-1000 = 500\n";
    let policy = place.file("checks.toml", prices.as_bytes())?;
    let trace = place.file("trace", b"put a 100\nput b 100\nget a\nget b\n")?;
    let words = ["bench", "-c", &policy, "--tier", "disk", "--clients", "1", "--trace", &trace];
    let report = place.json(&[&words[..], &["--json"]].concat())?;
    let cost = &report["tiers"][0]["cost"];
    ensure!(cost["requests"] == 1.0 && cost["traffic"] == 0.0 && cost["currency"] == "EUR", "{report}");
    ensure!(report["tiers"][0]["bytes_kept"] == 200 && report["cost_of_a_million_reads"] == 500_000.0, "{report}");
    let text = place.run(&words)?;
    let shown = &text.exits(0)?.stdout;
    ensure!(
        shown.contains("cost of disk: 1.00 EUR") && shown.contains("prices of 2026-05-01"),
        "{}",
        text.transcript()
    );
    Ok(())
}
