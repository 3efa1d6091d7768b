use crate::error::{ErrorKind, PolicyError, PolicyErrors};
use crate::file::{
    self, CacheBlock, CheckBlock, FallbackBlock, GateBlock, OutputBlock, PluginBlock, PolicyFile, PricesBlock,
    ProfileBlock, RedactBlock, RunBlock, SignaturesBlock, TargetBlock, TierBlock, Unused, VantageBlock, VarBlock,
    WaiverBlock, WaiversBlock,
};
use crate::lock::Lock;
use crate::origin::{At, Layer};
use crate::overrides::{Given, Overrides};
use crate::source::Source;
use crate::suggestion::hint;
use crate::validate;
use data_encoding::HEXLOWER;
use seaworthy_model::{
    Backoff, ConfigInfo, Environment, ErrorRule, FailOn, GateRules, RetryRules, RunRules, Severity, Status, Waiver,
    WaiverRules,
};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The embedded suite: checks.toml at the root of the repository.
pub const EMBEDDED: &str = include_str!("../../../checks.toml");

/// Name of the embedded suite in places and reports.
pub const EMBEDDED_NAME: &str = "embedded";

/// Name of the profile that is the file itself.
const DEFAULT_PROFILE: &str = "default";

/// What a policy is made from. The caller reads files, clock and environment.
#[derive(Clone, Copy, Debug)]
pub struct LoadRequest<'a> {
    /// Path and text of the policy file; none takes the embedded suite alone.
    pub file: Option<(&'a str, &'a str)>,
    /// Path and text of the lock beside it, where there is one.
    pub lock: Option<(&'a str, &'a str)>,
    /// Version of this tool, for `requires-tool`.
    pub tool_version: &'a str,
    /// The environment of the process.
    pub environment: &'a Environment,
    /// The flags of the command line.
    pub flags: &'a Overrides,
    /// Today, for waivers.
    pub today: jiff::civil::Date,
}

/// Everything that was decided about a run before the machine was looked at:
/// embedded suite, file, profiles, environment and flags, merged. Every value
/// knows where it comes from.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Path of the file, or `embedded`.
    pub path: String,
    /// `sha256:...` of its text.
    pub digest: String,
    /// Profile in use.
    pub profile: At<String>,
    /// Name of the vantage point, where one was given.
    pub vantage_name: Option<At<String>>,
    /// Typed values.
    pub vars: BTreeMap<String, At<VarBlock>>,
    /// What checks look at.
    pub targets: BTreeMap<String, At<TargetBlock>>,
    /// Orders of trying.
    pub fallback: BTreeMap<String, At<FallbackBlock>>,
    /// Cache tiers.
    pub tiers: BTreeMap<String, At<TierBlock>>,
    /// How they are used.
    pub cache: CacheBlock,
    /// What they cost.
    pub prices: BTreeMap<String, At<PricesBlock>>,
    /// Components from elsewhere.
    pub plugins: BTreeMap<String, At<PluginBlock>>,
    /// Who must have signed those that come from a registry.
    pub signatures: SignaturesBlock,
    /// What those are, to the byte.
    pub lock: Lock,
    /// How to run.
    pub run: RunBlock,
    /// What may block a merge.
    pub gate: GateBlock,
    /// The checks, in output order.
    pub checks: Vec<At<CheckBlock>>,
    /// Exceptions.
    pub waivers: Vec<At<WaiverBlock>>,
    /// How they are judged.
    pub waiver_rules: WaiversBlock,
    /// Places.
    pub vantage: BTreeMap<String, At<VantageBlock>>,
    /// What does not leave the machine.
    pub redact: RedactBlock,
    /// Reports to write.
    pub outputs: Vec<At<OutputBlock>>,
    /// `--var`, in the order given.
    pub(crate) set: Vec<(String, String)>,
    pub(crate) sources: Vec<Source>,
    /// What messages call the lock.
    pub(crate) lock_name: String,
    directory: PathBuf,
}

/// A component that the policy names and the caller has to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginFile {
    /// Name in checks.toml: its key in the catalog.
    pub name: String,
    /// Where it is, relative paths already taken from the file's folder.
    pub path: PathBuf,
    /// Digest that it must have.
    pub digest: Option<String>,
}

impl Policy {
    /// Reads and merges everything, and checks all that can be checked without
    /// the components.
    ///
    /// # Errors
    /// Everything that is wrong, each with its place.
    pub fn load(request: &LoadRequest<'_>) -> Result<Self, PolicyErrors> {
        let tool = match semver::Version::parse(request.tool_version) {
            Ok(version) => version,
            Err(e) => {
                let message = format!("\"{}\" is not a version of the tool: {e}", request.tool_version);
                return Err(PolicyErrors(vec![PolicyError::new(ErrorKind::BadValue, None, message)]));
            }
        };
        let embedded = Source::new(EMBEDDED_NAME, EMBEDDED);
        let lower = file::read(&embedded, Layer::Embedded, &tool).map_err(|e| PolicyErrors::from(e, &[&embedded]))?;
        let mut sources = vec![embedded];
        let mut merged = Merged { file: lower, profiles: BTreeMap::new() };
        if let Some((path, text)) = request.file {
            let own = Source::new(path, text);
            // A copy of the suite is the suite: what it says about unset variables are still no settings.
            let layer = if text == EMBEDDED { Layer::Embedded } else { Layer::File };
            let upper = file::read(&own, layer, &tool).map_err(|e| PolicyErrors::from(e, &[&own]))?;
            sources.push(own);
            merged = merged.under(upper);
        }
        let (path, text) = request.file.unwrap_or((EMBEDDED_NAME, EMBEDDED));
        let lock = request.lock.map(|(name, text)| Lock::read(name, text)).transpose()?.unwrap_or_default();
        let environment = Overrides::from_environment(request.environment)?;
        let mut errors = Vec::new();
        let mut policy = merged.finish(path, text, &environment, request.flags, sources, &mut errors);
        policy.lock = lock;
        errors.extend(validate::policy(&policy, request.today));
        if errors.is_empty() { Ok(policy) } else { Err(policy.errors(errors)) }
    }

    /// Errors with the lines that they are about.
    pub(crate) fn errors(&self, errors: Vec<PolicyError>) -> PolicyErrors {
        PolicyErrors::from(errors, &self.sources.iter().collect::<Vec<_>>())
    }

    /// How to run, as the engine takes it.
    #[must_use]
    pub fn run_rules(&self) -> RunRules {
        let truth = |at: &Option<At<bool>>| at.as_ref().is_some_and(|a| a.value);
        RunRules {
            concurrency: self.run.concurrency.as_ref().map_or(64, |a| usize::try_from(a.value).unwrap_or(usize::MAX)),
            deadline: self.run.deadline.as_ref().map_or(Duration::from_secs(60), |a| a.value),
            fail_fast: truth(&self.run.fail_fast),
            allow_writes: truth(&self.run.allow_writes),
        }
    }

    /// Whether checks that use the network are skipped.
    #[must_use]
    pub fn offline(&self) -> bool {
        self.run.offline.as_ref().is_some_and(|a| a.value)
    }

    /// Retries of a check: its own values, unless this run was given others.
    pub(crate) fn retries(&self, check: &CheckBlock) -> RetryRules {
        let default = RetryRules::default();
        let run = &self.run.retries;
        let merged = check.retries.clone().over(run.clone());
        let given = run.count.as_ref().filter(|c| c.origin.is_for_this_run());
        let count =
            given.or(merged.count.as_ref()).map_or(default.count, |a| u32::try_from(a.value).unwrap_or(u32::MAX));
        RetryRules {
            count,
            backoff: match merged.backoff.map(|a| a.value) {
                Some(file::BackoffRule::Fixed) => Backoff::Fixed,
                _ => Backoff::Exponential,
            },
            delay: merged.delay.map_or(default.delay, |a| a.value),
            max_delay: merged.max_delay.map_or(default.max_delay, |a| a.value),
            jitter: merged.jitter.map_or(default.jitter, |a| a.value),
            on: merged.on.map_or(default.on, |a| a.value.into_iter().map(|k| k.value).collect()),
        }
    }

    /// Time for one attempt of a check: its own, unless this run was given another.
    pub(crate) fn timeout(&self, check: &CheckBlock) -> Duration {
        let given = self.run.timeout.as_ref().filter(|t| t.origin.is_for_this_run());
        given.or(check.timeout.as_ref()).or(self.run.timeout.as_ref()).map_or(Duration::from_secs(5), |a| a.value)
    }

    /// What may block a merge, as the gate takes it.
    #[must_use]
    pub fn gate_rules(&self) -> GateRules {
        let gate = &self.gate;
        let days = |span: Duration| u32::try_from(span.as_secs() / 86_400).unwrap_or(u32::MAX);
        GateRules {
            fail_on: FailOn {
                status: gate.fail_on.status.as_ref().map_or_else(|| vec![Status::Fail], |a| a.value.clone()),
                severity: gate.fail_on.severity.as_ref().map_or(Severity::Major, |a| a.value),
            },
            max_warnings: gate.max_warnings.as_ref().map(|a| usize::try_from(a.value).unwrap_or(usize::MAX)),
            on_error: gate.on_error.as_ref().map_or(ErrorRule::Indeterminate, |a| a.value),
            require: gate.require.iter().flat_map(|a| &a.value).map(|a| a.value.clone()).collect(),
            min_evaluated: gate.min_evaluated.as_ref().map_or(1, |a| usize::try_from(a.value).unwrap_or(usize::MAX)),
            report_only: gate.report_only.as_ref().is_some_and(|a| a.value),
            waivers: self.waivers.iter().map(|w| waiver(&w.value)).collect(),
            waiver_rules: WaiverRules {
                unused: match self.waiver_rules.unused.as_ref().map(|a| a.value) {
                    Some(Unused::Ignore) => Status::Pass,
                    Some(Unused::Fail) => Status::Fail,
                    Some(Unused::Warn) | None => Status::Warn,
                },
                notice_days: self.waiver_rules.notice.as_ref().map_or(14, |a| days(a.value)),
            },
        }
    }

    /// Components that the policy names and that are not built in.
    #[must_use]
    pub fn plugin_files(&self) -> Vec<PluginFile> {
        let files = self.plugins.iter().filter_map(|(name, at)| {
            let path = at.value.source.value.strip_prefix("file:")?;
            let digest = at.value.digest.as_ref().map(|d| d.value.clone());
            Some(PluginFile { name: name.clone(), path: self.relative(path), digest })
        });
        files.collect()
    }

    /// A path of the file, taken from the file's folder. `-` and `auto` stay as they are.
    #[must_use]
    pub fn relative(&self, path: &str) -> PathBuf {
        if matches!(path, "-" | "auto") { PathBuf::from(path) } else { self.directory.join(path) }
    }

    /// Where a report recorded on another vantage point is, when the environment names one.
    #[must_use]
    pub fn host_report(&self, environment: &Environment) -> Option<PathBuf> {
        let names = self.vantage.values().filter_map(|v| v.value.report.as_ref()).flat_map(|r| &r.env.value);
        let path = names.filter_map(|name| environment.text(name)).find(|text| !text.is_empty())?;
        // What the environment says is meant from where the tool was started.
        Some(PathBuf::from(path))
    }

    /// What a report says about the policy it was judged by.
    #[must_use]
    pub fn config_info(&self) -> ConfigInfo {
        ConfigInfo { path: self.path.clone(), digest: self.digest.clone(), profile: self.profile.value.clone() }
    }
}

fn waiver(block: &WaiverBlock) -> Waiver {
    Waiver {
        check: block.check.value.clone(),
        code: block.code.value.clone(),
        target: block.target.as_ref().map_or_else(|| "*".to_owned(), |t| t.value.clone()),
        reason: block.reason.value.clone(),
        owner: block.owner.value.clone(),
        expires: block.expires.value.to_string(),
        max_severity: block.max_severity.as_ref().map(|s| s.value),
    }
}

/// The files, merged; profiles not yet applied.
struct Merged {
    file: PolicyFile,
    profiles: BTreeMap<String, At<ProfileBlock>>,
}

impl Merged {
    /// Puts a file over what is there.
    ///
    /// *Behaviour*: `[run]`, `[cache]`, `[gate]`, `[waivers]` and `[redact]` value by value,
    /// named entries by name. A file with checks of its own replaces the suite, one
    /// without keeps it; the same for outputs. That the embedded suite may write is
    /// not inherited: a file says so itself.
    fn under(self, upper: PolicyFile) -> Self {
        fn named<T>(mut lower: BTreeMap<String, T>, upper: BTreeMap<String, T>) -> BTreeMap<String, T> {
            lower.extend(upper);
            lower
        }
        let mut lower = self.file;
        lower.run.allow_writes = None;
        let file = PolicyFile {
            version: upper.version,
            requires_tool: upper.requires_tool,
            vars: named(lower.vars, upper.vars),
            targets: named(lower.targets, upper.targets),
            fallback: named(lower.fallback, upper.fallback),
            tiers: named(lower.tiers, upper.tiers),
            cache: upper.cache.over(lower.cache),
            prices: named(lower.prices, upper.prices),
            plugins: named(lower.plugins, upper.plugins),
            signatures: upper.signatures.over(lower.signatures),
            run: upper.run.over(lower.run),
            gate: upper.gate.over(lower.gate),
            check: if upper.check.is_empty() { lower.check } else { upper.check },
            waiver: upper.waiver,
            waivers: upper.waivers.over(lower.waivers),
            vantage: named(lower.vantage, upper.vantage),
            redact: upper.redact.over(lower.redact),
            output: if upper.output.is_empty() { lower.output } else { upper.output },
            profile: BTreeMap::new(),
        };
        Self { file, profiles: upper.profile }
    }

    /// Applies profile, environment and flags.
    fn finish(
        self,
        path: &str,
        text: &str,
        environment: &Overrides,
        flags: &Overrides,
        sources: Vec<Source>,
        errors: &mut Vec<PolicyError>,
    ) -> Policy {
        let file = self.file;
        let named = |pick: fn(&Overrides) -> Option<&String>, name: &str| {
            let given = [(flags, Given::Flag), (environment, Given::Environment)];
            given.into_iter().find_map(|(o, from)| Some(At { value: pick(o)?.clone(), origin: from.origin(name) }))
        };
        let profile = named(|o| o.profile.as_ref(), "profile").unwrap_or_else(|| At::built_in(DEFAULT_PROFILE.into()));
        let (mut run, mut cache, mut gate, mut waiver_rules) = (file.run, file.cache, file.gate, file.waivers);
        for block in chain(&profile, &self.profiles, errors) {
            run = block.run.clone().over(run);
            cache = block.cache.clone().over(cache);
            gate = block.gate.clone().over(gate);
            waiver_rules = block.waivers.clone().over(waiver_rules);
        }
        for (overrides, from) in [(environment, Given::Environment), (flags, Given::Flag)] {
            let (upper_run, upper_gate) = overrides.blocks(from, errors);
            run = upper_run.over(run);
            gate = upper_gate.over(gate);
        }
        let directory =
            if path == EMBEDDED_NAME { Path::new("") } else { Path::new(path).parent().unwrap_or(Path::new("")) };
        let hex = HEXLOWER.encode(&Sha256::digest(text.as_bytes()));
        Policy {
            path: path.into(),
            digest: format!("sha256:{hex}"),
            profile,
            vantage_name: named(|o| o.vantage.as_ref(), "vantage"),
            vars: file.vars,
            targets: file.targets,
            fallback: file.fallback,
            tiers: file.tiers,
            cache,
            prices: file.prices,
            plugins: file.plugins,
            signatures: file.signatures,
            lock: Lock::default(),
            run,
            gate,
            checks: file.check,
            waivers: file.waiver,
            waiver_rules,
            vantage: file.vantage,
            redact: file.redact,
            outputs: file.output,
            set: flags.vars.clone(),
            sources,
            lock_name: Lock::path(Path::new(path)).display().to_string(),
            directory: directory.to_owned(),
        }
    }
}

/// The profiles to apply, lowest first. Every profile of the file is checked,
/// not only the one in use.
fn chain<'a>(
    wanted: &At<String>,
    profiles: &'a BTreeMap<String, At<ProfileBlock>>,
    errors: &mut Vec<PolicyError>,
) -> Vec<&'a ProfileBlock> {
    let known = || profiles.keys().map(String::as_str).chain([DEFAULT_PROFILE]);
    for at in profiles.values() {
        let Some(below) = &at.value.inherits else { continue };
        if below.value != DEFAULT_PROFILE && !profiles.contains_key(&below.value) {
            let error = PolicyError::new(ErrorKind::Reference, below.place(), format!("no profile `{}`", below.value));
            errors.push(error.maybe_help(hint(&below.value, known())));
        }
    }
    if wanted.value != DEFAULT_PROFILE && !profiles.contains_key(&wanted.value) {
        let message = format!("no profile `{}`, asked for by {}", wanted.value, wanted.origin);
        errors.push(PolicyError::new(ErrorKind::Flag, None, message).maybe_help(hint(&wanted.value, known())));
    }
    let lineage = |start: &str| {
        let mut names = vec![start.to_owned()];
        while let Some(below) = names.last().and_then(|n| profiles.get(n)).and_then(|p| p.value.inherits.as_ref()) {
            if names.contains(&below.value) {
                names.push(below.value.clone());
                return Err(names);
            }
            names.push(below.value.clone());
        }
        Ok(names)
    };
    let mut told = false;
    for (name, at) in profiles {
        if let (false, Err(circle)) = (told, lineage(name)) {
            told = true;
            let message = format!("profiles inherit in a circle: {}", circle.join(" -> "));
            errors.push(PolicyError::new(ErrorKind::Cycle, at.place(), message));
        }
    }
    let mut names = lineage(&wanted.value).unwrap_or_default();
    if !names.iter().any(|n| n == DEFAULT_PROFILE) {
        names.push(DEFAULT_PROFILE.into());
    }
    names.iter().rev().filter_map(|n| profiles.get(n)).map(|at| &at.value).collect()
}

impl Policy {
    /// The severity of a check.
    pub(crate) fn severity(check: &CheckBlock) -> Severity {
        check.severity.as_ref().map_or(Severity::Major, |s| s.value)
    }
}
