//! `ci/actions`: what a job of GitHub Actions lacks of what its caches need.
//!
//! [`job`], [`event`], [`service`] and [`scope`] decide and do not call the host; [`asking`]
//! asks the cache service, the storage behind it and the API, and the services of the job.

mod asking;
pub mod event;
pub mod job;
pub mod scope;
pub mod service;

use event::{Event, Without};
use job::{Job, Variable};
use seaworthy_check_sdk::env::{files, system, vars};
use seaworthy_check_sdk::{
    Check, Context, ContextExt, Evidence, Findings, ObservationId, Outcome, Target, argument, query, row_value,
};

seaworthy_check_sdk::descriptor!();

/// Enough for any event; the largest are some 100 KiB.
const MOST_EVENT: u32 = 1 << 20;

const NAMES: [&str; 24] = [
    "GITHUB_ACTIONS",
    "GITHUB_ACTOR",
    "GITHUB_BASE_REF",
    "GITHUB_EVENT_NAME",
    "GITHUB_EVENT_PATH",
    "GITHUB_REF",
    "GITHUB_REPOSITORY",
    "GITHUB_SERVER_URL",
    "GITHUB_WORKSPACE",
    "RUNNER_NAME",
    "RUNNER_ENVIRONMENT",
    "ACTIONS_CACHE_URL",
    "ACTIONS_CACHE_SERVICE_V2",
    "ACTIONS_RESULTS_URL",
    "ACTIONS_RUNTIME_TOKEN",
    "SCCACHE_GHA_ENABLED",
    "TURBO_API",
    "TURBO_TEAM",
    "TURBO_TEAMID",
    "TURBO_TOKEN",
    "GITHUB_HEAD_REF",
    "GITHUB_TOKEN",
    "CACHE_BACKENDS",
    "CACHE_BACKEND",
];

/// The check.
pub struct Actions;

impl Check for Actions {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let demanded: Vec<String> = context.settings_all("secrets").map(str::to_owned).collect();
        let names =
            NAMES.into_iter().chain(job::watched(&Job::default())).map(str::to_owned).chain(demanded.iter().cloned());
        let mut asked: Vec<String> = Vec::new();
        for name in names {
            if !asked.contains(&name) {
                asked.push(name);
            }
        }
        let read = vars::read(&asked);
        let job = Job(read.variables.iter().map(variable).collect());
        if !job.is_actions() {
            let reason = "GITHUB_ACTIONS is not `true`: this is no job of GitHub Actions";
            return Ok(Findings::new().not_applicable(reason, Evidence::one(read.id)));
        }
        let mut run = Run {
            budget: context.budget,
            timeout: context
                .setting("timeout-ms")
                .and_then(|text| text.parse().ok())
                .unwrap_or(context.budget / 3)
                .max(1),
            job,
            variables: read.id,
            findings: Findings::new(),
            ids: vec![read.id],
            parts: Vec::new(),
            unknown: Vec::new(),
        };
        run.facts();
        let event = run.event(&context);
        run.secrets(event.as_ref(), &demanded);
        run.turbo(event.as_ref());
        run.services(&context);
        run.cache(&context, event.as_ref());
        run.conclude()
    }
}

seaworthy_check_sdk::export_check!(Actions);

fn variable(seen: &vars::Variable) -> Variable {
    Variable {
        name: seen.name.clone(),
        present: seen.present,
        value: seen.value.clone(),
        length: row_value(&seen.details, "length").and_then(|text| text.parse().ok()),
    }
}

/// What was found so far.
pub(crate) struct Run {
    pub(crate) budget: u32,
    pub(crate) timeout: u32,
    pub(crate) job: Job,
    /// The observation of the variables.
    pub(crate) variables: ObservationId,
    pub(crate) findings: Findings,
    pub(crate) ids: Vec<ObservationId>,
    pub(crate) parts: Vec<String>,
    /// What could not be told.
    pub(crate) unknown: Vec<String>,
}

/// The target that names the cache service.
pub(crate) fn own_target(context: &Context) -> Option<&Target> {
    context.targets.iter().find(|target| target.kind == "actions")
}

/// A detail of that target that is not empty.
pub(crate) fn detail<'a>(context: &'a Context, key: &str) -> Option<&'a str> {
    let text = row_value(&own_target(context)?.details, key)?.trim_ascii();
    (!text.is_empty()).then_some(text)
}

impl Run {
    fn facts(&mut self) {
        let evidence = Evidence::one(self.variables);
        for (key, name) in [(facts::CI_RUNNER, "RUNNER_ENVIRONMENT"), (facts::CI_EVENT, "GITHUB_EVENT_NAME")] {
            if let Some(value) = self.job.text(name) {
                self.findings.fact(key, value, &evidence);
            }
        }
    }

    /// The event, where the target names its file and that can be read.
    fn event(&mut self, context: &Context) -> Option<Event> {
        let path = detail(context, "event").filter(|path| path.starts_with('/'))?.to_owned();
        let seen = files::read(&[path], MOST_EVENT).into_iter().next()?;
        self.ids.push(seen.id);
        let event = match &seen.outcome {
            Ok(bytes) => Event::read(bytes),
            Err(failure) => {
                self.unknown.push(format!("the event cannot be read: {}", failure.message));
                return None;
            }
        };
        if let Some(fork) = event.as_ref().and_then(Event::from_fork) {
            self.findings.fact(facts::CI_FORK, fork, &Evidence::one(seen.id));
        }
        if event.is_none() {
            self.unknown.push("the event's file holds no JSON object".into());
        }
        event
    }

    fn secrets(&mut self, event: Option<&Event>, demanded: &[String]) {
        let Some(why) = event::without_secrets(&self.job, event) else { return };
        let missing = self.job.without_value(&job::watched(&self.job), demanded).join(", ");
        if missing.is_empty() {
            self.parts.push("this run gets no secrets, and none is missed".into());
            return;
        }
        let (code, who) = match why {
            Without::Fork => {
                let head = event.and_then(|event| event.head.as_deref()).unwrap_or("another repository");
                (codes::CI_FORK_WITHOUT_SECRETS, format!("the pull request comes from {head}"))
            }
            Without::Dependabot => {
                (codes::CI_DEPENDABOT_WITHOUT_SECRETS, "the run was started by Dependabot".to_owned())
            }
        };
        let finding = code
            .found()
            .message(format!("{who}, so this run has no secrets: {missing} is without a value"))
            .observed(format!("without a value: {missing}"))
            .expected("a tier that wants no secret")
            .detail("variables", &missing);
        let finding = match event.and_then(|event| event.head.as_deref()) {
            Some(head) => finding.detail("head", head),
            None => finding,
        };
        let evidence = Evidence::one(self.variables).with(self.ids.iter().copied());
        self.findings.add(finding.cite_all(&evidence));
    }

    fn turbo(&mut self, event: Option<&Event>) {
        let workspace = self.job.text("GITHUB_WORKSPACE").filter(|path| path.starts_with('/')).map(str::to_owned);
        let mut cited = vec![self.variables];
        let mut configured = false;
        if let Some(workspace) = workspace.filter(|_| !self.job.has("TURBO_TOKEN")) {
            let path = [workspace.trim_end_matches('/'), "/.turbo/config.json"].concat();
            for seen in system::inspect(&[query("paths", vec![argument("path", path)])]) {
                self.ids.push(seen.id);
                cited.push(seen.id);
                // A host that does not know the topic says nothing about the file.
                let row = seen.outcome.ok().and_then(|rows| rows.into_iter().next()).unwrap_or_default();
                configured = row_value(&row, "exists") == Some("true");
            }
        }
        let Some(by) = job::turbo_without_token(&self.job, configured) else { return };
        if event::without_secrets(&self.job, event).is_some()
            && self.job.variable("TURBO_TOKEN").is_some_and(Variable::is_empty)
        {
            return;
        }
        let finding = codes::CI_REMOTE_CACHE_TOKEN_MISSING
            .at("TURBO_TOKEN")
            .message(format!("Turborepo's remote cache is configured by {by}, and TURBO_TOKEN is not set"))
            .expected("TURBO_TOKEN beside it")
            .detail("configured-by", by);
        let cited = cited.into_iter().skip(1).fold(finding.cite(self.variables), |finding, id| finding.and(id));
        self.findings.add(cited);
    }

    fn conclude(self) -> Result<Outcome, String> {
        let evidence = Evidence::of(self.ids)?;
        if self.findings.is_empty() && !self.unknown.is_empty() {
            return Ok(self.findings.inconclusive(self.unknown.join("; "), evidence));
        }
        let mut parts = self.parts;
        parts.extend(self.unknown);
        let summary =
            if parts.is_empty() { "nothing that was looked at is missing".to_owned() } else { parts.join("; ") };
        Ok(self.findings.conclude(summary, evidence))
    }
}
