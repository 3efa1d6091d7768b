//! The tier `origin` inside this process.

use anyhow::{Context, Result};
use seaworthy_engine::{Builtin, CacheSession, Catalog, Room, SessionOptions};
use seaworthy_model::{Environment, NoEvents};
use seaworthy_policy::{LoadRequest, Overrides, PlanRequest, Policy};
use seaworthy_tests::{binary, target_directory};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

const POLICY: &str = r#"
version = 1

[fallback.cache]
order = ["origin"]
"#;

/// The bundled components.
static BUILTINS: LazyLock<Vec<Builtin>> = LazyLock::new(|| {
    let builtin = |c: &seaworthy_bundled::Component| Builtin { name: c.name, wasm: c.wasm, digest: c.digest };
    seaworthy_bundled::COMPONENTS.iter().map(builtin).collect()
});

/// A session of the tier `origin` before the API at `url`, made the way `seaworthy cache`
/// makes one.
///
/// *Requires*: a runtime that is entered.
pub(crate) fn of_origin(url: &str) -> Result<CacheSession> {
    let code = target_directory()?.join("tests-cache/code");
    let opened = tokio::runtime::Handle::current().block_on(Catalog::open(
        &BUILTINS,
        &[],
        None,
        Room::MOST,
        binary().ok(),
        Some(&code),
    ));
    let catalog = Arc::new(opened.context("the bundled components cannot be opened")?);
    let environment = Environment::from_pairs([("GITHUB_API_URL".to_owned(), url.to_owned())]);
    let policy = Policy::load(&LoadRequest {
        file: Some(("checks.toml", POLICY)),
        lock: None,
        tool_version: env!("CARGO_PKG_VERSION"),
        environment: &environment,
        flags: &Overrides::default(),
        today: jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date(),
    })?;
    let request = PlanRequest {
        catalog: &catalog.described(),
        environment: &environment,
        vantage: &BTreeMap::new(),
        filters: &Overrides::default().filters(),
        run_id: "proxy",
        cache_dir: &std::env::temp_dir(),
        unusable: catalog.unusable(),
        host_report: None,
    };
    let plan = seaworthy_policy::plan(&policy, &request)?;
    Ok(CacheSession::start(plan, &catalog, Arc::new(NoEvents), SessionOptions::default()))
}
