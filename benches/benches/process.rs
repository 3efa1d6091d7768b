//! See the crate's page for how to run it. Prints one table; a promise that was not
//! kept is said, and with `SEAWORTHY_BENCH_STRICT=1` fails.

use anyhow::{Context, Result, ensure};
use seaworthy_benches::{Listeners, Sample, Samples, Scenario};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

/// Runs of each program in each scenario.
const RUNS: usize = 30;

fn main() -> Result<()> {
    // `cargo bench` says that it is one; `cargo test --benches` only asks whether it starts.
    if !std::env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    let binary = PathBuf::from(
        std::env::var_os("SEAWORTHY_BIN")
            .context("SEAWORTHY_BIN must name a packed binary (`seaworthy pack --out FILE`)")?,
    );
    let place = tempfile::tempdir()?;
    let listeners = Listeners::open(100)?;
    let mut broken = Vec::new();
    println!(
        "{} ({} runs each, taking turns; milliseconds of wall time, MiB of peak memory)\n",
        binary.display(),
        RUNS
    );
    println!(
        "| scenario | native min | native median | seaworthy min | seaworthy median | ratio of minima | native peak | seaworthy peak | promised |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for scenario in Scenario::ALL {
        let addresses = &listeners.addresses[..scenario.connections()];
        let policy = place.path().join("checks.toml");
        scenario.write_policy(addresses, &policy)?;
        let native: Vec<OsString> = std::iter::once(env!("CARGO_BIN_EXE_native-connect").into())
            .chain(addresses.iter().map(|a| a.to_string().into()))
            .collect();
        let ours: Vec<OsString> =
            vec![binary.clone().into(), "run".into(), "-c".into(), policy.into(), "-f".into(), "json".into()];
        let (mut plain, mut measured) = (Samples::default(), Samples::default());
        // One round to warm the page cache, not counted.
        for round in 0..=RUNS {
            let pair = (run(&native, place.path())?, run(&ours, place.path())?);
            if round > 0 {
                plain.0.push(pair.0);
                measured.0.push(pair.1);
            }
        }
        println!(
            "| {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.1} | {:.1} | {:.1} | {:.0} |",
            scenario.name,
            plain.min_ms(),
            plain.median_ms(),
            measured.min_ms(),
            measured.median_ms(),
            measured.min_ms() / plain.min_ms(),
            mib(plain.peak_kib()),
            mib(measured.peak_kib()),
            scenario.promised_ms
        );
        if measured.min_ms() > scenario.promised_ms {
            broken.push(format!(
                "{}: {:.2} ms, promised {:.0} ms",
                scenario.name,
                measured.min_ms(),
                scenario.promised_ms
            ));
        }
    }
    for promise in &broken {
        println!("not kept: {promise}");
    }
    let strict = std::env::var("SEAWORTHY_BENCH_STRICT").is_ok_and(|v| v == "1");
    ensure!(!strict || broken.is_empty(), "{} promises were not kept", broken.len());
    Ok(())
}

fn run(words: &[OsString], place: &std::path::Path) -> Result<Sample> {
    let output = Command::new(env!("CARGO_BIN_EXE_stopwatch"))
        .args(words)
        .env("HOME", place)
        .env("XDG_CACHE_HOME", place)
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("the stopwatch printed no sample")
}

/// KiB in MiB, for people.
fn mib(kib: i64) -> f64 {
    f64::from(i32::try_from(kib).unwrap_or(i32::MAX)) / 1024.0
}
