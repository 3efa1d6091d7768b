use anyhow::{Context, Result};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_memory_is_readable() {
        let memory = Memory::of(std::process::id()).unwrap();
        assert!(memory.resident > 100 && memory.peak >= memory.resident, "{memory:?}");
        assert!(Memory::of(u32::MAX).is_err());
    }
}
