use super::args::TierArgs;
use super::failure;
use crate::args::Global;
use crate::error::CliError;
use crate::progress::Progress;
use crate::{configuration, output, vantage};
use seaworthy_cache::{CacheError, TierAnswer};
use seaworthy_engine::{CacheSession, SessionOptions};
use seaworthy_model::{Environment, Plan, Tier};
use seaworthy_report::{Redactor, github, safe};
use std::sync::Arc;

/// The configured cache, and how what it says may be shown.
pub(crate) struct Opened {
    pub(crate) session: CacheSession,
    redactor: Arc<Redactor>,
    quiet: bool,
}

impl Opened {
    /// Reads the policy as a run does and makes its tiers ready. Nothing is dialled yet.
    pub(crate) async fn new(global: &Global, arguments: &TierArgs, options: SessionOptions) -> Result<Self, CliError> {
        Self::with(global, arguments, options, |_| {}).await
    }

    /// The same, with a last look at the plan.
    pub(crate) async fn with(
        global: &Global,
        arguments: &TierArgs,
        options: SessionOptions,
        look: impl FnOnce(&mut Plan),
    ) -> Result<Self, CliError> {
        let environment = configuration::environment();
        let flags = configuration::only_config(&arguments.config);
        let policy = configuration::load_policy(&arguments.config, &environment, &flags)?;
        let catalog = configuration::open_catalog(&policy).await?;
        let facts = vantage::facts(&environment);
        let mut plan = configuration::make_plan(&policy, &catalog, &environment, &facts, &flags, None)?;
        choose(&mut plan, &arguments.tier)?;
        look(&mut plan);
        let redactor = Arc::new(output::redactor(&policy, &plan.environment)?);
        let progress = Arc::new(Progress::new(global.verbose, global.quiet, redactor.clone()));
        let session = CacheSession::start(plan, &catalog, progress, options);
        Ok(Self { session, redactor, quiet: global.quiet })
    }

    /// Text from anywhere, as it may stand in a line of a log: no secret, no escape,
    /// no workflow command.
    pub(crate) fn plain(&self, text: &str) -> String {
        github::neutralise(&safe::line(&self.redactor.text(text)))
    }

    /// A line for people, on stderr.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            eprintln!("{}", self.plain(text));
        }
    }

    /// The end of a command that the cache did not let succeed.
    pub(crate) fn refused(&self, error: &CacheError) -> CliError {
        let text = failure::told(error).lines().map(|line| self.plain(line)).collect::<Vec<_>>().join("\n");
        CliError::Cache { exit: failure::exit_code(error), text }
    }

    /// Says what each tier answered, and how long it took.
    pub(crate) fn say_tried(&self, tried: &[TierAnswer]) {
        for answer in tried {
            self.say(&failure::line(answer));
        }
    }
}

/// Keeps the tiers that were asked for.
fn choose(plan: &mut Plan, asked: &[String]) -> Result<(), CliError> {
    let known: Vec<&str> = plan.tiers.iter().map(|tier: &Tier| tier.label.as_str()).collect();
    if let Some(unknown) = asked.iter().find(|label| !known.contains(&label.as_str())) {
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(CliError::Usage(format!(
            "there is no tier `{unknown}`; configured: {known}{}",
            switched_off(&plan.environment)
        )));
    }
    if known.is_empty() {
        return Err(CliError::Config(format!(
            "no cache tier is configured; set CACHE_BACKENDS or [fallback.cache]{}",
            switched_off(&plan.environment)
        )));
    }
    if !asked.is_empty() {
        plan.tiers.retain(|tier| asked.contains(&tier.label));
    }
    Ok(())
}

/// Why a p2p tier may be missing from the list.
fn switched_off(environment: &Environment) -> String {
    match environment.text("CACHE_ENABLE_P2P") {
        Some(word) if !word.eq_ignore_ascii_case("true") => {
            "\nCACHE_ENABLE_P2P is not the word true, which leaves the p2p tiers out".into()
        }
        _ => String::new(),
    }
}
