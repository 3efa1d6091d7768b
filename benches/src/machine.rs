use anyhow::{Context, Result};
use std::fmt;
use std::fs::{File, read_to_string};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::Instant;

/// What the figures were measured on.
#[derive(Clone, Debug)]
pub struct Machine {
    processor: String,
    cores: usize,
    memory_gib: f64,
    kernel: String,
    sync_ms: f64,
    build: &'static str,
}

impl Machine {
    /// Looks at it, and measures what a sync to the disk of `place` costs.
    ///
    /// # Errors
    /// When /proc or `place` cannot be used.
    pub fn look(place: &Path) -> Result<Self> {
        let field = |file: &str, name: &str| -> Result<String> {
            let text = read_to_string(file).with_context(|| file.to_owned())?;
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            Ok(line.split(':').nth(1).unwrap_or("unknown").trim().to_owned())
        };
        let kib: f64 = field("/proc/meminfo", "MemTotal")?.trim_end_matches("kB").trim().parse().unwrap_or(0.0);
        Ok(Self {
            processor: field("/proc/cpuinfo", "model name")?,
            cores: std::thread::available_parallelism()?.get(),
            memory_gib: kib / 1024.0 / 1024.0,
            kernel: read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            sync_ms: sync_ms(&place.join("sync"))?,
            build: if cfg!(debug_assertions) { "development (dependencies optimised)" } else { "release" },
        })
    }
}

/// Median of 4 KiB written and synced in place.
fn sync_ms(path: &Path) -> Result<f64> {
    let mut file = File::create(path)?;
    let mut times = Vec::new();
    for _ in 0..100 {
        let started = Instant::now();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, {} cores, {:.0} GiB, Linux {}; 4 KiB written and synced in {:.2} ms (median); clients and peer share the machine; build: {}",
            self.processor, self.cores, self.memory_gib, self.kernel, self.sync_ms, self.build
        )
    }
}
