//! `stopwatch PROGRAM ARGS...`: runs a command once, with nothing in its
//! environment but what places it, and prints its time and peak memory as JSON. A
//! process of its own, because the kernel keeps one peak for all children together.

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use seaworthy_benches::Sample;
use std::process::{Command, Stdio};
use std::time::Instant;

fn main() -> Result<()> {
    let mut words = std::env::args_os().skip(1);
    let program = words.next().context("usage: stopwatch PROGRAM ARGS...")?;
    let mut command = Command::new(program);
    command.args(words).env_clear().stdin(Stdio::null()).stdout(Stdio::null());
    for name in ["HOME", "XDG_CACHE_HOME"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    let started = Instant::now();
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    let wall_ms = started.elapsed().as_secs_f64() * 1000.0;
    ensure!(status.success(), "{command:?} ended with {status}");
    let peak_kib = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    println!("{}", serde_json::to_string(&Sample { wall_ms, peak_kib })?);
    Ok(())
}
