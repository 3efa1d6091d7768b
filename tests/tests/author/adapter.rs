//! The adapter of the template, a cache behind plain HTTP, from nothing to values in a store.

use crate::store::serve;
use crate::workshop::{Workshop, javascript, python};
use anyhow::{Result, ensure};
use seaworthy_tests::Scene;

pub(crate) fn scenes() -> Vec<Scene<Workshop>> {
    vec![
        Scene::new("an_adapter_in_rust_from_nothing_to_a_tier", |shop| whole(shop, "rust")),
        Scene::new("an_adapter_in_python_from_nothing_to_a_tier", |shop| whole(shop, "python")).unless(python()),
        Scene::new("an_adapter_in_javascript_from_nothing_to_a_tier", |shop| whole(shop, "js")).unless(javascript()),
    ]
}

fn whole(shop: &Workshop, language: &'static str) -> Result<()> {
    let made = shop.make("adapter", "acme/web-store", language)?;
    shop.own_tests(&made)?;
    let built = shop.build(&made)?;
    ensure!(built.stdout.contains("adapter web-store (WIT 0.1.0)"), "{}", built.transcript());

    let address = serve()?;
    let policy = made.read("checks.toml")?;
    let at = |url: &str| -> Result<()> {
        let text = policy.replace("http://127.0.0.1:8080/cache", url);
        Ok(std::fs::write(made.folder.path().join("checks.toml"), text)?)
    };
    let cache = |arguments: &[&str]| {
        let arguments: Vec<&str> = ["cache"].iter().chain(arguments).copied().collect();
        shop.seaworthy(&arguments)?.directory(made.folder.path()).run()
    };
    // Bytes that are no text, more than one buffer holds.
    let value: Vec<u8> = (0..100_000_u32).map(|at| at.to_le_bytes()[at as usize % 3]).collect();
    std::fs::write(made.folder.path().join("value"), &value)?;

    at(&format!("http://{address}/builds"))?;
    cache(&["get", "a/b c", "-o", "got"])?.exits(6)?;
    cache(&["put", "a/b c", "value"])?.exits(0)?;
    cache(&["get", "a/b c", "-o", "got"])?.exits(0)?;
    ensure!(std::fs::read(made.folder.path().join("got"))? == value, "another value came back");
    let stat = cache(&["stat", "a/b c", "--json"])?;
    stat.exits(0)?;
    ensure!(stat.stdout.contains("100000"), "{}", stat.transcript());
    cache(&["rm", "a/b c"])?.exits(0)?;
    cache(&["rm", "a/b c"])?.exits(0)?;
    cache(&["stat", "a/b c"])?.exits(6)?;

    at(&format!("http://{address}/forbidden"))?;
    let refused = cache(&["get", "k"])?;
    refused.exits(5)?;
    ensure!(refused.stderr.contains("403"), "{}", refused.transcript());
    at("http://127.0.0.1:1")?;
    cache(&["get", "k"])?.exits(5)?;

    // A store that is in the settings and no target of the tier is not granted.
    let elsewhere = format!("adapter = \"acme\"\nwith = {{ url = \"http://{address}/builds\" }}");
    let text = policy.replace("adapter = \"acme\"\ntarget = \"store\"", &elsewhere);
    std::fs::write(made.folder.path().join("checks.toml"), text)?;
    let denied = cache(&["get", "k"])?;
    denied.exits(3)?;
    ensure!(denied.stderr.contains("grant.net"), "the line to add is not told\n{}", denied.transcript());
    Ok(())
}
