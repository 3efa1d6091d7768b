use anyhow::{Context, Result, ensure};
use seaworthy_engine::{Builtin, CacheSession, Catalog, PluginSource, Room, SessionOptions};
use seaworthy_model::{Environment, Grants, NoEvents, TierRules};
use seaworthy_policy::{LoadRequest, Overrides, PlanRequest, Policy};
use seaworthy_tests::{binary, target_directory};
use std::any::Any;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

/// One tier of a checks.toml, in a given environment: what a runner would have.
pub(crate) struct Place {
    tier: String,
    policy: String,
    environment: Vec<(String, String)>,
    granted: bool,
    /// With the plugins, where its adapter is one.
    catalog: Option<Arc<Catalog>>,
    keep: Vec<Box<dyn Any + Send + Sync>>,
}

impl Place {
    /// The tier called `tier` of a policy. `version = 1` and the order are written by
    /// themselves.
    pub(crate) fn new(tier: &str, policy: &str, environment: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            tier: tier.into(),
            policy: format!("version = 1\n[fallback.cache]\norder = [\"{tier}\"]\n{policy}"),
            environment: environment.iter().map(owned).collect(),
            granted: true,
            catalog: None,
            keep: Vec::new(),
        }
    }

    /// The same, with a component from elsewhere, which the policy lists under that name.
    pub(crate) fn plugin(mut self, name: &str, component: &Path) -> Result<Self> {
        let source = PluginSource { name: name.into(), path: component.to_owned(), digest: None };
        self.policy.push_str(&format!("[plugins.{name}]\nsource = \"file:{}\"\n", component.display()));
        self.catalog = Some(open(&[source]).map_err(anyhow::Error::msg)?);
        Ok(self)
    }

    /// The same, with something that must live as long.
    pub(crate) fn keeping(mut self, what: impl Any + Send + Sync) -> Self {
        self.keep.push(Box::new(what));
        self
    }

    /// The same tier of a policy that grants it nothing.
    pub(crate) fn without_grants(&self) -> Self {
        Self {
            tier: self.tier.clone(),
            policy: self.policy.clone(),
            environment: self.environment.clone(),
            granted: false,
            catalog: self.catalog.clone(),
            keep: Vec::new(),
        }
    }

    /// Label of the tier.
    pub(crate) fn tier(&self) -> &str {
        &self.tier
    }

    /// A session of this tier alone, made the way `seaworthy cache` makes one.
    pub(crate) fn session(&self) -> Result<CacheSession> {
        let catalog = self.catalog.clone().map_or_else(bundled, Ok)?;
        let environment = Environment::from_pairs(self.environment.iter().cloned());
        let request = LoadRequest {
            file: Some(("checks.toml", &self.policy)),
            lock: None,
            tool_version: env!("CARGO_PKG_VERSION"),
            environment: &environment,
            flags: &Overrides::default(),
            today: jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date(),
        };
        let policy = Policy::load(&request).with_context(|| self.policy.clone())?;
        let request = PlanRequest {
            catalog: &catalog.described(),
            environment: &environment,
            vantage: &BTreeMap::new(),
            filters: &Overrides::default().filters(),
            run_id: "conformance",
            cache_dir: &std::env::temp_dir(),
            unusable: catalog.unusable(),
            host_report: None,
        };
        let mut plan = seaworthy_policy::plan(&policy, &request).with_context(|| self.policy.clone())?;
        plan.tiers.retain(|tier| tier.label == self.tier);
        ensure!(plan.tiers.len() == 1, "the policy has no tier `{}`\n{}", self.tier, self.policy);
        // What is asked about is the adapter, not the layers that make up for it.
        for rules in plan.tiers.iter_mut().map(|tier| &mut tier.rules) {
            let (open, max_open) = (Duration::ZERO, Duration::ZERO);
            *rules = TierRules { retries: 0, failures: u32::MAX, open, max_open, hedge: None, ..*rules };
        }
        if !self.granted {
            plan.tiers.iter_mut().for_each(|tier| tier.grants = Grants::default());
        }
        Ok(CacheSession::start(plan, &catalog, Arc::new(NoEvents), SessionOptions::default()))
    }
}

/// The bundled components, opened once.
fn bundled() -> Result<Arc<Catalog>> {
    static OPENED: OnceLock<Result<Arc<Catalog>, String>> = OnceLock::new();
    OPENED.get_or_init(|| open(&[])).clone().map_err(anyhow::Error::msg)
}

/// The bundled components and these. Their code comes from the packed binary where there is
/// one, else it is compiled and kept with the other things of the tests.
fn open(plugins: &[PluginSource]) -> Result<Arc<Catalog>, String> {
    static BUILTINS: LazyLock<Vec<Builtin>> = LazyLock::new(|| {
        let builtin = |c: &seaworthy_bundled::Component| Builtin { name: c.name, wasm: c.wasm, digest: c.digest };
        seaworthy_bundled::COMPONENTS.iter().map(builtin).collect()
    });
    let open = || -> Result<Arc<Catalog>> {
        let cache = target_directory()?.join("tests-cache/code");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let opened = Catalog::open(&BUILTINS, plugins, None, Room::MOST, binary().ok(), Some(&cache));
        runtime.block_on(opened).map(Arc::new).context("the components cannot be opened")
    };
    // On a thread of its own: whoever asks may be inside a runtime already.
    let opened = std::thread::scope(|scope| scope.spawn(|| open().map_err(|e| format!("{e:#}"))).join());
    opened.unwrap_or_else(|_| Err("opening the components panicked".into()))
}
