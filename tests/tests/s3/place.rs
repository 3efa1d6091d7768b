//! A runner with an S3 tier.

use anyhow::{Context, Result, ensure};
use seaworthy_model::{Finding, Report, Status};
use seaworthy_tests::{ObjectStore, Reading as _, Run, Seaworthy, scratch};
use std::net::SocketAddr;
use tempfile::TempDir;

/// The check on the store, and nothing else.
const POLICY: &str = r#"version = 1

[run]
allow-writes = true

[fallback.cache]
order = ["s3"]

[[check]]
id = "s3.store"
use = "bundled:s3/store"
target = "s3"
timeout = "20s"
"#;

/// Variables and a checks.toml.
pub(crate) struct Place {
    variables: Vec<(String, String)>,
    folder: TempDir,
}

impl Place {
    /// A runner that is configured right for a store at `address`.
    pub(crate) fn at(address: SocketAddr) -> Result<Self> {
        let folder = scratch()?;
        std::fs::write(folder.path().join("checks.toml"), POLICY)?;
        let place = Self { variables: Vec::new(), folder };
        Ok(place
            .with("CACHE_S3_ENDPOINT", &format!("http://{address}"))
            .with("CACHE_S3_BUCKET", ObjectStore::BUCKET)
            .with("AWS_REGION", ObjectStore::REGION)
            .with("AWS_ACCESS_KEY_ID", ObjectStore::KEY)
            .with("AWS_SECRET_ACCESS_KEY", ObjectStore::SECRET))
    }

    /// With another value of a variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(other, _)| other != name);
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Without a variable.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.variables.retain(|(other, _)| other != name);
        self
    }

    /// With this at the end of its checks.toml.
    pub(crate) fn policy(self, more: &str) -> Result<Self> {
        std::fs::write(self.folder.path().join("checks.toml"), format!("{POLICY}{more}"))?;
        Ok(self)
    }

    /// With a policy that lets no check write.
    pub(crate) fn reading_only(self) -> Result<Self> {
        let policy = POLICY.replace("allow-writes = true", "allow-writes = false");
        std::fs::write(self.folder.path().join("checks.toml"), policy)?;
        Ok(self)
    }

    /// The program, there.
    pub(crate) fn seaworthy(&self, words: &[&str]) -> Result<Seaworthy> {
        let run = Seaworthy::new(words)?.directory(self.folder.path());
        Ok(self.variables.iter().fold(run, |run, (name, value)| run.env(name, value)))
    }

    /// `seaworthy cache WORDS`.
    pub(crate) fn cache(&self, words: &[&str]) -> Result<Run> {
        let all: Vec<&str> = ["cache"].iter().chain(words).copied().collect();
        self.seaworthy(&all)?.run()
    }

    /// Stores a text.
    pub(crate) fn put(&self, key: &str, value: &str, more: &[&str]) -> Result<Run> {
        let file = self.folder.path().join("value");
        std::fs::write(&file, value)?;
        let file = file.to_str().context("a path that is not UTF-8")?;
        let words: Vec<&str> = ["put", key, file].iter().chain(more).copied().collect();
        self.cache(&words)
    }

    /// The report of the check.
    pub(crate) fn report(&self) -> Result<Report> {
        self.seaworthy(&["run", "-f", "json", "--retries", "0"])?.run()?.report()
    }

    /// Checks that the check has one finding, of this code.
    pub(crate) fn finds(&self, code: &str) -> Result<Finding> {
        let report = self.report()?;
        let step = report.check("s3.store")?;
        let codes: Vec<&str> = step.findings.iter().map(|finding| finding.code.as_str()).collect();
        ensure!(codes == [code], "expected {code}, found {codes:?}: {} ({:?})", step.message, step.status);
        Ok(step.findings[0].clone())
    }

    /// Checks that the check passes; its facts.
    pub(crate) fn passes(&self) -> Result<Vec<(String, String)>> {
        let report = self.report()?;
        let step = report.check("s3.store")?;
        ensure!(step.status == Status::Pass, "{:?}: {} {:?}", step.status, step.message, step.findings);
        Ok(step.facts.iter().map(|fact| (fact.key.clone(), fact.value.clone())).collect())
    }
}

/// The value of a fact.
pub(crate) fn fact<'a>(facts: &'a [(String, String)], key: &str) -> Result<&'a str> {
    let found = facts.iter().find(|(other, _)| other == key);
    found.map(|(_, value)| value.as_str()).with_context(|| format!("no fact {key} in {facts:?}"))
}
