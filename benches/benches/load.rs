//! A cache peer under load, beside Redis on the same machine in the same run. See
//! docs/performance.md for what the two do and do not have in common.
//!
//! ```sh
//! SEAWORTHY_BIN=$PWD/target/seaworthy-packed cargo bench -p seaworthy-benches --bench load
//! ```
//!
//! `SEAWORTHY_BENCH_SECONDS` is the length of the sustained part, 60 if not set; the
//! others take a quarter of it each. `SEAWORTHY_BENCH_STRICT=1` fails on a promise
//! that was not kept.

use anyhow::{Result, ensure};
use seaworthy_benches::{Machine, Redis, Row, print_rows};
use seaworthy_tests::load::{Crowd, Habits, Measured};
use seaworthy_tests::{Peer, PeerOptions, scratch};
use std::time::Duration;

const CLIENTS: usize = 32;
const SIZES: [(&str, usize); 2] = [("1 KiB", 1024), ("64 KiB", 64 * 1024)];
/// What a cached read may take with one client, by the 99th percentile.
const PROMISED_MS: f64 = 10.0;
/// What the peer may take.
const MEMORY_MIB: u64 = 300;

fn main() -> Result<()> {
    // `cargo bench` says that it is one; `cargo test --benches` only asks whether it starts.
    if !std::env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    let seconds = std::env::var("SEAWORTHY_BENCH_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(60.0);
    let place = scratch()?;
    println!("{}\n", Machine::look(place.path())?);
    let mut broken = Vec::new();
    let mut rows = Vec::new();
    for (name, length) in SIZES {
        rows.extend(ours(name, length, Duration::from_secs_f64(seconds), &mut broken)?);
    }
    let redis = [("default", &[][..]), ("appendfsync always", &["--appendonly", "yes", "--appendfsync", "always"])];
    for (settings, arguments) in redis {
        match Redis::start(place.path(), arguments)? {
            Some(redis) => {
                for (name, length) in SIZES {
                    rows.extend(redis.measure(settings, name, length, CLIENTS)?);
                }
            }
            None => println!("skipped redis ({settings}): redis-server or redis-benchmark is not installed\n"),
        }
    }
    print_rows(&rows);
    for promise in &broken {
        println!("not kept: {promise}");
    }
    let strict = std::env::var("SEAWORTHY_BENCH_STRICT").is_ok_and(|v| v == "1");
    ensure!(!strict || broken.is_empty(), "{} promises were not kept", broken.len());
    Ok(())
}

/// Reads by one client; writes, reads and both by all, on one peer with a new store.
fn ours(name: &str, length: usize, sustained: Duration, broken: &mut Vec<String>) -> Result<Vec<Row>> {
    let peer = Peer::start(&PeerOptions::on("/ip4/127.0.0.1/tcp/0"))?;
    let address = peer.at("ip4/127.0.0.1")?;
    let (short, seed) = (sustained / 4, 1);
    let row = |clients: usize, operation: &str, measured: &Measured| {
        let latencies = if operation.starts_with("put") { &measured.puts } else { &measured.gets };
        Row {
            system: "seaworthy peer".into(),
            value: name.into(),
            clients,
            operation: operation.into(),
            per_second: measured.rate(latencies),
            p50_ms: latencies.percentile_ms(50),
            p99_ms: latencies.percentile_ms(99),
        }
    };
    let mut rows = Vec::new();
    let mut one = Crowd::open(&address, 1, Habits::steady(length, 100), seed)?;
    rows.push(row(1, "put", &one.work(short / 4)?));
    one.behave(Habits::steady(length, 0));
    let reads = row(1, "get", &one.work(short / 4)?);
    if reads.p99_ms > PROMISED_MS {
        broken.push(format!("a read of {name}: p99 {:.2} ms, promised {PROMISED_MS} ms", reads.p99_ms));
    }
    rows.push(reads);
    drop(one);
    let mut crowd = Crowd::open(&address, CLIENTS, Habits::steady(length, 100), seed)?;
    rows.push(row(CLIENTS, "put", &crowd.work(short)?));
    println!("{name}: {} MiB at most after puts", peer.peak_mib()?);
    crowd.behave(Habits::steady(length, 0));
    rows.push(row(CLIENTS, "get", &crowd.work(short)?));
    println!("{name}: {} MiB at most after gets", peer.peak_mib()?);
    crowd.behave(Habits::steady(length, 50));
    let both = crowd.work(sustained)?;
    rows.extend([row(CLIENTS, "put, half of all", &both), row(CLIENTS, "get, half of all", &both)]);
    let verified = crowd.verify()?;
    let peak = peer.peak_mib()?;
    println!(
        "{name}: {} puts and {} gets in {:.0?} by {CLIENTS} clients, no error; {} values read back, none lost; the peer took at most {peak} MiB\n",
        both.puts.count(),
        both.gets.count(),
        both.elapsed,
        verified.present
    );
    if peak > MEMORY_MIB {
        broken.push(format!("memory with {name}: {peak} MiB, promised {MEMORY_MIB} MiB"));
    }
    Ok(rows)
}
