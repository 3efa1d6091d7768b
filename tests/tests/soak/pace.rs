//! A short load: nothing fails, nothing is lost, memory stays bounded, and a read is
//! fast. The long one with figures is `cargo bench -p seaworthy-benches --bench load`.

use crate::Machine;
use anyhow::{Result, ensure};
use seaworthy_tests::load::{Crowd, Habits, Latencies, Measured, Random};
use seaworthy_tests::{Peer, PeerOptions, Scene};
use std::time::Duration;

/// What a cached read over libp2p may take, by the 99th percentile.
const PROMISED_MS: f64 = 10.0;
/// What the peer may ever take.
const MEMORY_MIB: u64 = 300;

pub(crate) fn scenes() -> Vec<Scene<Machine>> {
    vec![
        Scene::new("a_cached_read_is_fast", cached_read),
        Scene::new("thirty_two_clients_lose_nothing_and_memory_is_bounded", crowd_of_32),
    ]
}

/// A peer whose store is on disk and under load, and 1 or 32 that read.
fn cached_read(machine: &Machine) -> Result<()> {
    let _alone = machine.alone();
    let peer = Peer::start(&PeerOptions::on("/ip4/127.0.0.1/tcp/0"))?;
    let slack: f64 = std::env::var("SEAWORTHY_TEST_SLACK_MS").ok().and_then(|v| v.parse().ok()).unwrap_or(0.0);
    for clients in [1, 32] {
        let address = peer.at("ip4/127.0.0.1")?;
        let mut crowd = Crowd::open(&address, clients, Habits::steady(1024, 100), Random::seed())?;
        crowd.work(Duration::from_millis(500))?;
        crowd.behave(Habits::steady(1024, 0));
        let measured = crowd.work(Duration::from_secs(2))?;
        say(&format!("{clients} clients, reads of 1 KiB"), &measured, &measured.gets);
        let p99 = measured.gets.percentile_ms(99);
        ensure!(
            clients > 1 || p99 < PROMISED_MS + slack,
            "the 99th percentile of a cached read is {p99:.2} ms, and {PROMISED_MS} ms are promised"
        );
        crowd.verify()?;
    }
    Ok(())
}

fn crowd_of_32(machine: &Machine) -> Result<()> {
    let _alone = machine.alone();
    let peer = Peer::start(&PeerOptions::on("/ip4/127.0.0.1/tcp/0"))?;
    let seed = Random::seed();
    println!("SEAWORTHY_SEED={seed}");
    let habits = Habits { value: (1024, 64 * 1024), ..Habits::steady(1024, 50) };
    let mut crowd = Crowd::open(&peer.at("ip4/127.0.0.1")?, 32, habits, seed)?;
    let measured = crowd.work(Duration::from_secs(5))?;
    say("32 clients, writes of 1 to 64 KiB", &measured, &measured.puts);
    say("32 clients, reads of the same", &measured, &measured.gets);
    let verified = crowd.verify()?;
    ensure!(verified.present > 500 && verified.unacknowledged == 0, "{verified:?}");
    let peak = peer.peak_mib()?;
    println!("the peer took at most {peak} MiB");
    ensure!(peak < MEMORY_MIB, "the peer took {peak} MiB; {MEMORY_MIB} MiB are allowed");
    Ok(())
}

fn say(what: &str, measured: &Measured, latencies: &Latencies) {
    println!(
        "{what}: {:.0} a second, p50 {:.2} ms, p99 {:.2} ms",
        measured.rate(latencies),
        latencies.percentile_ms(50),
        latencies.percentile_ms(99)
    );
}
