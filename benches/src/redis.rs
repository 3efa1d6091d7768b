use crate::Row;
use anyhow::{Context, Result, bail, ensure};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A `redis-server` of its own on loopback. Ended when it is dropped.
#[derive(Debug)]
pub struct Redis {
    child: Child,
    port: u16,
}

impl Redis {
    /// Starts one that keeps its files below `place`; none where it is not installed.
    ///
    /// # Errors
    /// When it is there and does not start.
    pub fn start(place: &Path, arguments: &[&str]) -> Result<Option<Self>> {
        let there = |program: &str| Command::new(program).arg("--version").stdout(Stdio::null()).status().is_ok();
        if !there("redis-server") || !there("redis-benchmark") {
            return Ok(None);
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder = place.join(format!("redis-{port}"));
        std::fs::create_dir_all(&folder)?;
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--dir"])
            .arg(&folder)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start redis-server")?;
        let redis = Self { child, port };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            ensure!(started.elapsed() < Duration::from_secs(10), "redis-server does not listen on {port}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(redis))
    }

    /// What `redis-benchmark` says of SET and GET.
    ///
    /// # Errors
    /// When it fails, or prints something else.
    pub fn measure(&self, settings: &str, name: &str, length: usize, clients: usize) -> Result<Vec<Row>> {
        // Enough for some seconds.
        let requests = if length > 10_000 { "30000" } else { "100000" };
        let output = Command::new("redis-benchmark")
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-c", &clients.to_string(), "-d"])
            .args([&length.to_string(), "-r", "2048", "-n", requests, "-t", "set,get", "--csv"])
            .output()?;
        ensure!(output.status.success(), "redis-benchmark: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ["SET", "GET"].iter().map(|test| read(&text, test, settings, name, clients)).collect()
    }
}

/// One line of the CSV: test, rps, then latencies in ms: average, minimum, p50, p95, p99, maximum.
fn read(csv: &str, test: &str, settings: &str, name: &str, clients: usize) -> Result<Row> {
    let line = csv.lines().find(|line| line.starts_with(&format!("\"{test}\"")));
    let line = line.with_context(|| format!("no {test} in what redis-benchmark printed:\n{csv}"))?;
    let numbers: Vec<f64> =
        line.split(',').skip(1).filter_map(|field| field.trim_matches(['"', '\r']).parse().ok()).collect();
    let [per_second, _, _, p50_ms, _, p99_ms, ..] = numbers[..] else { bail!("{line:?} is no line with percentiles") };
    Ok(Row {
        system: format!("Redis, {settings}"),
        value: name.into(),
        clients,
        operation: test.into(),
        per_second,
        p50_ms,
        p99_ms,
    })
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_csv_is_read() {
        let csv =
            "\"test\",\"rps\",\"avg_latency_ms\"\n\"GET\",\"80000.5\",\"0.1\",\"0.05\",\"0.2\",\"0.3\",\"0.4\",\"1\"\n";
        let row = read(csv, "GET", "default", "1 KiB", 32).unwrap();
        assert_eq!((row.per_second, row.p50_ms, row.p99_ms), (80000.5, 0.2, 0.4));
        assert!(read(csv, "SET", "default", "1 KiB", 32).is_err());
    }
}
