use anyhow::{Context, Result, ensure};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Memory of a process, in KiB, as the kernel counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// What it holds now.
    pub resident: u64,
    /// The most that it ever held.
    pub peak: u64,
}

impl Memory {
    /// That of the process `pid`.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn of(pid: u32) -> Result<Self> {
        let path = format!("/proc/{pid}/status");
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            number.with_context(|| format!("no {name} in {path}"))
        };
        Ok(Self { resident: field("VmRSS")?, peak: field("VmHWM")? })
    }
}

/// The numbers that `url` serves, `http://ADDRESS/metrics`.
#[derive(Clone, Debug)]
pub struct Numbers(String);

impl Numbers {
    /// Asks for them.
    ///
    /// # Errors
    /// When nobody answers within 5 s, or not with OpenMetrics.
    pub fn at(url: &str) -> Result<Self> {
        let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).context("not a URL")?;
        let mut stream = TcpStream::connect(host).with_context(|| format!("nobody serves {url}"))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).with_context(|| format!("no answer from {url}"))?;
        ensure!(answer.starts_with("HTTP/1.1 200") && answer.contains("# EOF"), "{url} answered {answer}");
        Ok(Self(answer))
    }

    /// The sum of the samples called `name` whose labels hold each of `labels`,
    /// written as `name="value"`; 0 when there are none.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let samples = self.0.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let (own, value) = rest.rsplit_once(' ')?;
            let matches = (own.is_empty() || own.starts_with('{')) && labels.iter().all(|label| own.contains(label));
            if matches { value.parse::<f64>().ok() } else { None }
        });
        samples.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_memory_is_readable() {
        let memory = Memory::of(std::process::id()).unwrap();
        assert!(memory.resident > 100 && memory.peak >= memory.resident, "{memory:?}");
        assert!(Memory::of(u32::MAX).is_err());
    }

    #[test]
    fn samples_are_summed_by_label() {
        let page =
            "# TYPE a_total counter\na_total{k=\"x\",o=\"1\"} 2\na_total{k=\"y\"} 3\na_total_more 7\nb 1.5\n# EOF";
        let numbers = Numbers(page.into());
        assert_eq!(numbers.sum("a_total", &[]), 5.0);
        assert_eq!(numbers.sum("a_total", &["k=\"x\""]), 2.0);
        assert_eq!((numbers.sum("b", &[]), numbers.sum("c", &[])), (1.5, 0.0));
    }
}
