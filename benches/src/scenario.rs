use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

/// What is measured: the same connections by both programs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scenario {
    /// For the table.
    pub name: &'static str,
    /// Checks in checks.toml.
    pub checks: usize,
    /// Targets of each check.
    pub targets: usize,
    /// Wall time of the fastest run that is promised, in milliseconds.
    pub promised_ms: f64,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Scenario; 3] = [
        Scenario { name: "one live TCP check", checks: 1, targets: 1, promised_ms: 8.0 },
        Scenario { name: "one hundred live checks", checks: 100, targets: 1, promised_ms: 20.0 },
        Scenario { name: "one check of one hundred live targets", checks: 1, targets: 100, promised_ms: 20.0 },
    ];

    /// Connections made in a run.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.checks * self.targets
    }

    /// Writes the policy that makes them.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_policy(&self, addresses: &[SocketAddr], file: &Path) -> Result<()> {
        let mut text = String::from("version = 1\n[run]\nconcurrency = 128\n");
        for (n, chunk) in addresses.chunks(self.targets).take(self.checks).enumerate() {
            let quoted: Vec<String> = chunk.iter().map(|a| format!("\"{a}\"")).collect();
            let list = quoted.join(", ");
            write!(
                text,
                "[targets.t{n}]\nkind = \"tcp\"\naddresses = [{list}]\n[[check]]\nid = \"tcp.t{n}\"\nuse = \"bundled:net/tcp\"\ntarget = \"t{n}\"\ntimeout = \"2s\"\n"
            )?;
        }
        std::fs::write(file, text).with_context(|| file.display().to_string())
    }
}
