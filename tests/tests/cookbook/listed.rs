//! A plugin of the cookbook, built, and listed as its README says.

use anyhow::{Context, Result, bail, ensure};
use seaworthy_model::{CheckResult, ErrorReason, Report, Status};
use seaworthy_tests::{
    Reading, Run, Seaworthy, build_cookbook, digest, guest_target, installed, scratch, workspace_root,
};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// What a project needs is fetched, and interpreters are compiled, on machines with other work.
const PATIENCE: Duration = Duration::from_secs(540);

/// How a plugin is listed: the policy of its README, with the component that was built, and
/// other addresses and settings.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    plugin: &'static str,
    address: String,
    with: String,
    granted: bool,
    only: Option<&'static str>,
    env: Vec<(String, String)>,
    through: Vec<OsString>,
}

impl Listed {
    /// As the README has it, without settings.
    pub(crate) fn new(plugin: &'static str) -> Self {
        Self {
            plugin,
            address: String::new(),
            with: String::new(),
            granted: true,
            only: None,
            env: Vec::new(),
            through: Vec::new(),
        }
    }

    /// With its targets at this address.
    pub(crate) fn at(mut self, address: impl ToString) -> Self {
        self.address = address.to_string();
        self
    }

    /// With these settings, as the inside of a TOML table.
    pub(crate) fn with(mut self, settings: &str) -> Self {
        self.with = settings.into();
        self
    }

    /// Without any of the grants.
    pub(crate) fn denied(mut self) -> Self {
        self.granted = false;
        self
    }

    /// Only this one of its checks.
    pub(crate) fn only(mut self, id: &'static str) -> Self {
        self.only = Some(id);
        self
    }

    /// In an environment with this variable.
    pub(crate) fn env(mut self, name: &str, value: impl ToString) -> Self {
        self.env.push((name.into(), value.to_string()));
        self
    }

    /// Run by another command, such as one that makes a place for it.
    pub(crate) fn through(mut self, command: &[&OsStr]) -> Self {
        self.through = command.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// The policy.
    fn policy(&self) -> Result<String> {
        let component = component(self.plugin)?;
        let readme = workspace_root().join("plugins/cookbook").join(self.plugin).join("README.md");
        let readme = std::fs::read_to_string(&readme).with_context(|| readme.display().to_string())?;
        let listed = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
        let listed = listed.with_context(|| format!("the README of {} lists no policy", self.plugin))?;
        let mut policy = String::new();
        let mut checks = false;
        for line in listed.lines() {
            let line = match line.split_once(' ').map_or(line, |(key, _)| key) {
                "source" => format!("source = \"file:{}\"\ndigest = \"{}\"", component.display(), digest(&component)?),
                key if key.starts_with("grant.") && !self.granted => continue,
                "url" if !self.address.is_empty() => format!("url = \"{}\"", self.address),
                "addresses" if !self.address.is_empty() => format!("addresses = [\"{}\"]", self.address),
                // In [tiers] they belong to the adapter.
                "with" if checks => continue,
                "use" => {
                    checks = true;
                    format!("{line}\nwith = {{ {} }}", self.with)
                }
                _ => line.to_owned(),
            };
            policy.push_str(&line);
            policy.push('\n');
        }
        Ok(policy)
    }

    /// Runs `seaworthy WORDS...` with that policy.
    pub(crate) fn seaworthy(&self, words: &[&str]) -> Result<Run> {
        let folder = scratch()?;
        std::fs::write(folder.path().join("checks.toml"), self.policy()?)?;
        let command = Seaworthy::new(words)?.directory(folder.path()).through(&self.through);
        self.env.iter().fold(command, |command, (name, value)| command.env(name, value)).run()
    }

    /// A report of its checks.
    pub(crate) fn report(&self) -> Result<Report> {
        let words: Vec<&str> = ["run", "-f", "json"].into_iter().chain(self.only).collect();
        self.seaworthy(&words)?.report()
    }

    /// The one check of a report that it makes.
    fn check(&self) -> Result<(Report, CheckResult)> {
        let report = self.report()?;
        let found = report.checks.iter().find(|check| self.only.is_none_or(|id| check.id == id)).cloned();
        let check = found.with_context(|| format!("no check in the report\n{}", report.digest()))?;
        Ok((report, check))
    }

    /// That it passes, and looked; the facts.
    pub(crate) fn passes(&self) -> Result<BTreeMap<String, String>> {
        let (report, check) = self.check()?;
        ensure!(check.status == Status::Pass, "it is no pass\n{}", report.digest());
        ensure!(!check.evidence.is_empty(), "it passed and cites no observation");
        Ok(facts(&check))
    }

    /// That it finds this code first, and says on what that rests; the facts.
    pub(crate) fn finds(&self, code: &str) -> Result<BTreeMap<String, String>> {
        let (report, check) = self.check()?;
        let first = check.findings.iter().find(|finding| finding.level != seaworthy_model::Level::Info);
        let first = first.with_context(|| format!("nothing was found\n{}", report.digest()))?;
        ensure!(first.code == code, "expected {code}, found {}\n{}", first.code, report.digest());
        ensure!(!first.evidence_ids.is_empty(), "{code} cites no observation");
        Ok(facts(&check))
    }

    /// That it says that it cannot tell.
    pub(crate) fn cannot_tell(&self) -> Result<()> {
        let (report, check) = self.check()?;
        let told = (check.status, check.error_reason) == (Status::Error, Some(ErrorReason::Inconclusive));
        ensure!(told, "it claims to know: {:?}\n{}", check.error_reason, report.digest());
        Ok(())
    }

    /// That without its grants it is denied, and that this grant is what to add.
    pub(crate) fn ends_denied(self, grant: &str) -> Result<()> {
        let (report, check) = self.denied().check()?;
        let denied = (check.status, check.error_reason) == (Status::Error, Some(ErrorReason::Denied));
        ensure!(denied && check.findings.is_empty(), "it was not denied\n{}", report.digest());
        let told = serde_json::to_string(&check)?;
        ensure!(told.contains(grant), "the grant to add is not told: {told}");
        Ok(())
    }
}

fn facts(check: &CheckResult) -> BTreeMap<String, String> {
    check.facts.iter().map(|fact| (fact.key.clone(), fact.value.clone())).collect()
}

/// The value of a fact.
pub(crate) fn fact<'a>(facts: &'a BTreeMap<String, String>, key: &str) -> Result<&'a str> {
    facts.get(key).map(String::as_str).with_context(|| format!("no fact {key} in {facts:?}"))
}

/// Why a plugin cannot be built here, if so.
pub(crate) fn obstacle(plugin: &str) -> Option<String> {
    let programs: &[(&str, &str)] = match language(plugin) {
        Language::Rust => &[],
        Language::Python => &[("python3", "python3")],
        Language::JavaScript => &[("node", "nodejs"), ("npm", "npm")],
    };
    programs.iter().find_map(|(program, package)| installed(program, package).err())
}

enum Language {
    Rust,
    Python,
    JavaScript,
}

fn language(plugin: &str) -> Language {
    let has = |file: &str| workspace_root().join("plugins/cookbook").join(plugin).join(file).is_file();
    if has("pyproject.toml") {
        Language::Python
    } else if has("package.json") {
        Language::JavaScript
    } else {
        Language::Rust
    }
}

/// The component of a plugin, built once.
fn component(plugin: &'static str) -> Result<PathBuf> {
    static RUST: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    static OTHERS: Mutex<BTreeMap<&str, PathBuf>> = Mutex::new(BTreeMap::new());
    if let Language::Rust = language(plugin) {
        let built = RUST.get_or_init(|| build_cookbook().map_err(|error| format!("{error:#}")));
        let folder = built.as_ref().map_err(|message| anyhow::Error::msg(message.clone()))?;
        return Ok(folder.join(format!("{}.wasm", plugin.replace('-', "_"))));
    }
    let mut others = OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(built) = others.get(plugin) {
        return Ok(built.clone());
    }
    let built = build(plugin)?;
    others.insert(plugin, built.clone());
    Ok(built)
}

/// Builds a project in Python or JavaScript, as a copy in which the links to the SDK and the
/// contract are the folders that `plugin new` vendors.
fn build(plugin: &str) -> Result<PathBuf> {
    let source = workspace_root().join("plugins/cookbook").join(plugin);
    let project = guest_target()?.join("cookbook").join(plugin);
    std::fs::create_dir_all(&project)?;
    for entry in std::fs::read_dir(&source)? {
        let name = entry?.file_name();
        if ["node_modules", ".venv", "dist", ".npmrc", "package-lock.json"].iter().any(|own| name == **own) {
            continue;
        }
        let status = Command::new("cp").arg("-rLT").arg(source.join(&name)).arg(project.join(&name)).status()?;
        ensure!(status.success(), "cannot copy {}", source.join(&name).display());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let home = std::env::var_os("HOME").unwrap_or_default();
    let folder = project.to_string_lossy().into_owned();
    let run = Seaworthy::new(["plugin", "build", &folder])?.env("PATH", path).env("HOME", home);
    let run = run.patience(PATIENCE).run()?;
    run.exits(0)?;
    only_component(&project.join("dist"))
}

fn only_component(dist: &Path) -> Result<PathBuf> {
    for entry in std::fs::read_dir(dist).with_context(|| dist.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            return Ok(path);
        }
    }
    bail!("{} holds no component", dist.display())
}
