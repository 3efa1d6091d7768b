use crate::error::{ErrorKind, PolicyError, PolicyErrors};
use crate::file::{FailOnBlock, GateBlock, RetryBlock, RunBlock};
use crate::origin::{At, Layer, Origin};
use crate::scalar::{Choice, parse_duration};
use crate::suggestion::hint;
use seaworthy_model::{Environment, Severity, Status};
use std::time::Duration;

/// What is given for one run only: by flags, or by `SEAWORTHY_*` variables.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// `-P`: profile of the policy file.
    pub profile: Option<String>,
    /// Ids or globs of checks to run; all when empty.
    pub select: Vec<String>,
    /// `--target`: only checks that look at one of these targets.
    pub targets: Vec<String>,
    /// `--tag`: only checks with one of these labels.
    pub tags: Vec<String>,
    /// `--skip`: ids or globs of checks not to run.
    pub skip: Vec<String>,
    /// `-j`: steps at once.
    pub jobs: Option<u64>,
    /// `--timeout`: one attempt of one check.
    pub timeout: Option<Duration>,
    /// `--deadline`: the whole run.
    pub deadline: Option<Duration>,
    /// `--retries`: further attempts.
    pub retries: Option<u64>,
    /// `--fail-on`: severities and statuses, comma separated: `minor`, `warn`, `warn,critical`.
    pub fail_on: Option<String>,
    /// `--report-only`: exit 0 whatever the gate says.
    pub report_only: bool,
    /// `--allow-writes`: checks that change something may run.
    pub allow_writes: bool,
    /// `--offline`: checks that use the network are skipped.
    pub offline: bool,
    /// `--vantage`: name of the place.
    pub vantage: Option<String>,
    /// `--var NAME=VALUE`: a variable of the file or of the environment.
    pub vars: Vec<(String, String)>,
}

/// Which steps of a plan are to run. An empty list takes all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// Ids or globs.
    pub select: Vec<String>,
    /// Target names.
    pub targets: Vec<String>,
    /// Labels.
    pub tags: Vec<String>,
    /// Ids or globs not to run.
    pub skip: Vec<String>,
}

impl Overrides {
    /// What the `SEAWORTHY_*` variables say: `PROFILE`, `JOBS`, `TIMEOUT`, `DEADLINE`,
    /// `RETRIES`, `FAIL_ON`, `REPORT_ONLY`, `ALLOW_WRITES`, `OFFLINE`, `VANTAGE`.
    /// *Behaviour*: an empty variable is one that is not set.
    ///
    /// # Errors
    /// Every variable that cannot be read, and what it takes.
    pub fn from_environment(environment: &Environment) -> Result<Self, PolicyErrors> {
        let mut errors = Vec::new();
        let text = |name: &str| environment.text(&format!("SEAWORTHY_{name}")).filter(|t| !t.is_empty());
        let mut read = |name: &str, wanted: &str, good: bool| {
            if !good {
                let message = format!("SEAWORTHY_{name} takes {wanted}, not \"{}\"", text(name).unwrap_or(""));
                errors.push(PolicyError::new(ErrorKind::Flag, None, message));
            }
        };
        let number = |name: &str| text(name).map(|t| t.trim().parse::<u64>().ok());
        let time = |name: &str| text(name).map(|t| parse_duration(t).filter(|d| !d.is_zero()));
        let truth = |name: &str| match text(name) {
            None | Some("false" | "0") => Some(false),
            Some("true" | "1") => Some(true),
            Some(_) => None,
        };
        for name in ["JOBS", "RETRIES"] {
            read(name, "a whole number", number(name) != Some(None));
        }
        for name in ["TIMEOUT", "DEADLINE"] {
            read(name, "a duration with its unit, such as 5s", time(name) != Some(None));
        }
        for name in ["REPORT_ONLY", "ALLOW_WRITES", "OFFLINE"] {
            read(name, "true or false", truth(name).is_some());
        }
        if !errors.is_empty() {
            return Err(PolicyErrors(errors));
        }
        let owned = |name: &str| text(name).map(str::to_owned);
        Ok(Self {
            profile: owned("PROFILE"),
            jobs: number("JOBS").flatten(),
            timeout: time("TIMEOUT").flatten(),
            deadline: time("DEADLINE").flatten(),
            retries: number("RETRIES").flatten(),
            fail_on: owned("FAIL_ON"),
            report_only: truth("REPORT_ONLY") == Some(true),
            allow_writes: truth("ALLOW_WRITES") == Some(true),
            offline: truth("OFFLINE") == Some(true),
            vantage: owned("VANTAGE"),
            ..Self::default()
        })
    }

    /// Which steps are to run.
    #[must_use]
    pub fn filters(&self) -> Filters {
        Filters {
            select: self.select.clone(),
            targets: self.targets.clone(),
            tags: self.tags.clone(),
            skip: self.skip.clone(),
        }
    }

    /// As the uppermost blocks of a policy.
    pub(crate) fn blocks(&self, from: Given, errors: &mut Vec<PolicyError>) -> (RunBlock, GateBlock) {
        fn at<T>(from: Given, name: &str, value: Option<T>) -> Option<At<T>> {
            value.map(|value| At { value, origin: from.origin(name) })
        }
        let set = |on: bool| on.then_some(true);
        if self.jobs == Some(0) {
            let message = format!("{} takes a number from 1 on", from.origin("jobs"));
            errors.push(PolicyError::new(ErrorKind::Flag, None, message));
        }
        let run = RunBlock {
            concurrency: at(from, "jobs", self.jobs),
            timeout: at(from, "timeout", self.timeout),
            deadline: at(from, "deadline", self.deadline),
            retries: RetryBlock { count: at(from, "retries", self.retries), ..RetryBlock::default() },
            allow_writes: at(from, "allow-writes", set(self.allow_writes)),
            offline: at(from, "offline", set(self.offline)),
            ..RunBlock::default()
        };
        let gate = GateBlock {
            fail_on: self.fail_on.as_deref().map(|text| fail_on(text, from, errors)).unwrap_or_default(),
            report_only: at(from, "report-only", set(self.report_only)),
            ..GateBlock::default()
        };
        (run, gate)
    }
}

/// How an override was given.
#[derive(Clone, Copy)]
pub(crate) enum Given {
    Environment,
    Flag,
}

impl Given {
    pub(crate) fn origin(self, name: &str) -> Origin {
        match self {
            Given::Flag => Origin::flag(&format!("--{name}")),
            Given::Environment => {
                let name = format!("SEAWORTHY_{}", name.to_ascii_uppercase().replace('-', "_"));
                Origin { layer: Layer::Environment(name), place: None }
            }
        }
    }
}

/// *Behaviour*: naming a status adds it to `fail`; naming a severity sets it.
fn fail_on(text: &str, from: Given, errors: &mut Vec<PolicyError>) -> FailOnBlock {
    let origin = from.origin("fail-on");
    let mut block = FailOnBlock::default();
    for word in text.split(',').map(str::trim).filter(|w| !w.is_empty()) {
        if let Some((_, severity)) = Severity::ALL.iter().find(|(w, _)| *w == word) {
            block.severity = Some(At { value: *severity, origin: origin.clone() });
        } else if let Some(status) =
            [Status::Fail, Status::Warn, Status::Error].into_iter().find(|s| s.as_str() == word)
        {
            let statuses = block.status.get_or_insert_with(|| At { value: vec![Status::Fail], origin: origin.clone() });
            if !statuses.value.contains(&status) {
                statuses.value.push(status);
            }
        } else {
            let known = ["critical", "major", "minor", "info", "fail", "warn", "error"];
            let error = PolicyError::new(ErrorKind::Flag, None, format!("{origin} does not know \"{word}\""));
            errors.push(error.maybe_help(hint(word, known)));
        }
    }
    block
}
