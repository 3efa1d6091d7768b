use super::args::TierArgs;
use super::failure;
use crate::args::{ConfigArgs, Global};
use crate::configuration::Purpose;
use crate::error::CliError;
use crate::progress::Progress;
use crate::{configuration, output, vantage};
use seaworthy_cache::{CacheError, TierAnswer};
use seaworthy_engine::{CacheSession, Catalog, SessionOptions};
use seaworthy_model::{Environment, Plan, Tier};
use seaworthy_policy::{Overrides, Policy, Prices};
use seaworthy_report::{Redactor, github, safe};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The fallback whose order is the order of the tiers.
const CACHE_FALLBACK: &str = "cache";

/// The policy and its components, before anything is made of them; and how what comes
/// of it may be shown.
pub(crate) struct Configured {
    policy: Policy,
    catalog: Arc<Catalog>,
    environment: Environment,
    flags: Overrides,
    redactor: Arc<Redactor>,
    verbose: u8,
    quiet: bool,
}

/// The configured cache, and how what it says may be shown.
pub(crate) struct Opened {
    pub(crate) session: CacheSession,
    redactor: Arc<Redactor>,
    quiet: bool,
}

impl Configured {
    /// Reads the policy as a run does.
    pub(crate) async fn read(global: &Global, config: &ConfigArgs) -> Result<Self, CliError> {
        let environment = configuration::environment();
        let flags = configuration::only_config(config);
        let policy = configuration::load_policy(config, &environment, &flags)?;
        let catalog = configuration::open_catalog(&policy, Purpose::Cache).await?;
        let redactor = Arc::new(output::redactor(&policy, &environment)?);
        Ok(Self { policy, catalog, environment, flags, redactor, verbose: global.verbose, quiet: global.quiet })
    }

    /// What the tiers cost, by label.
    pub(crate) fn prices(&self) -> BTreeMap<String, Prices> {
        self.policy.tier_prices()
    }

    /// These tiers in this order, whether they are in the configured order or not; the
    /// configured ones when none is named.
    pub(crate) fn set(&self, labels: &[String], options: SessionOptions) -> Result<Opened, CliError> {
        if labels.is_empty() {
            return self.open(self.plan(&self.policy)?, &[], options);
        }
        let mut policy = self.policy.clone();
        match policy.fallback.get_mut(CACHE_FALLBACK) {
            Some(fallback) => fallback.value.order.value = labels.to_vec(),
            None => return Err(CliError::Config("the policy has no [fallback.cache]".into())),
        }
        let plan = self.plan(&policy)?;
        let known: Vec<&str> = self.policy.tiers.keys().map(String::as_str).collect();
        if let Some(tier) = plan.tiers.iter().find(|tier| tier.component.is_none()) {
            let known = known.join(", ");
            return Err(CliError::Usage(format!("there is no tier `{}`; configured: {known}", tier.label)));
        }
        self.open(plan, labels, options)
    }

    fn plan(&self, policy: &Policy) -> Result<Plan, CliError> {
        let facts = vantage::facts(&self.environment);
        configuration::make_plan(policy, &self.catalog, &self.environment, &facts, &self.flags, None)
    }

    /// The tiers of a plan that were asked for. Nothing is dialled yet.
    fn open(&self, mut plan: Plan, asked: &[String], options: SessionOptions) -> Result<Opened, CliError> {
        choose(&mut plan, asked)?;
        // The plan's environment has the defaults of variables as well.
        let redactor = Arc::new(output::redactor(&self.policy, &plan.environment)?);
        let progress = Arc::new(Progress::new(self.verbose, self.quiet, redactor.clone()));
        let session = CacheSession::start(plan, &self.catalog, progress, options);
        Ok(Opened { session, redactor, quiet: self.quiet })
    }

    /// Text from anywhere, as it may stand in a line of a log.
    pub(crate) fn plain(&self, text: &str) -> String {
        github::neutralise(&safe::line(&self.redactor.text(text)))
    }
}

impl Opened {
    /// Reads the policy as a run does and makes its tiers ready. Nothing is dialled yet.
    pub(crate) async fn new(global: &Global, arguments: &TierArgs, options: SessionOptions) -> Result<Self, CliError> {
        Self::with(global, arguments, options, |_| {}).await
    }

    /// The same, with a look at the plan before its tiers are chosen.
    pub(crate) async fn with(
        global: &Global,
        arguments: &TierArgs,
        options: SessionOptions,
        look: impl FnOnce(&mut Plan),
    ) -> Result<Self, CliError> {
        let configured = Configured::read(global, &arguments.config).await?;
        let mut plan = configured.plan(&configured.policy)?;
        look(&mut plan);
        configured.open(plan, &arguments.tier, options)
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

    /// The end of a command that the cache did not let succeed; `label` is the tier's
    /// that the error comes from.
    pub(crate) fn refused(&self, label: Option<&str>, error: &CacheError) -> CliError {
        let tier = self.session.planned().iter().find(|tier| Some(tier.label.as_str()) == label);
        let text = failure::told(error, tier.map(|tier| tier.adapter.as_str()));
        let text = text.lines().map(|line| self.plain(line)).collect::<Vec<_>>().join("\n");
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
