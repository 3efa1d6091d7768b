//! The adapters as tiers of a runner; `tests/tests/conformance.rs` has all that a tier has
//! to do.

use crate::Here;
use crate::listed::Listed;
use anyhow::{Result, ensure};
use seaworthy_tests::{BazelRemote, ContainerRegistry, RegistryOptions, Scene, Scripted, Told, scratch};

/// The exit code where there is nothing.
const ABSENT: i32 = 6;

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    let (bazel, registry) = (BazelRemote::obstacle(), ContainerRegistry::obstacle());
    vec![
        Scene::new("a_tier_in_bazel_remote_keeps_values", |_| bazel_remote()).unless(bazel.clone()),
        Scene::new("a_tier_in_bazel_remote_needs_its_password", |_| bazel_password()).unless(bazel),
        Scene::new("a_tier_in_a_registry_keeps_values", |_| container_registry()).unless(registry.clone()),
        Scene::new("a_tier_in_a_registry_needs_its_password", |_| registry_password()).unless(registry),
        Scene::new("a_login_page_is_no_tier", |_| login()),
    ]
}

/// A value is stored, found by another process, removed, and absent.
fn keeps(tier: &Listed) -> Result<()> {
    let folder = scratch()?;
    let (file, back) = (folder.path().join("value"), folder.path().join("back"));
    let value: Vec<u8> = (0..100_000_u32).map(|n| n.wrapping_mul(31).to_le_bytes()[1]).collect();
    std::fs::write(&file, &value)?;
    let (file, back) = (file.to_string_lossy().into_owned(), back.to_string_lossy().into_owned());
    tier.seaworthy(&["cache", "get", "scene/key", "-o", &back])?.exits(ABSENT)?;
    tier.seaworthy(&["cache", "put", "scene/key", &file])?.exits(0)?;
    tier.seaworthy(&["cache", "get", "scene/key", "-o", &back])?.exits(0)?;
    ensure!(std::fs::read(&back)? == value, "another value came back");
    tier.seaworthy(&["cache", "stat", "scene/key"])?.exits(0)?;
    tier.seaworthy(&["cache", "rm", "scene/key"])?.exits(0)?;
    tier.seaworthy(&["cache", "get", "scene/key", "-o", &back])?.exits(ABSENT)?;
    Ok(())
}

/// It says so, and never that there is nothing.
fn refused(tier: &Listed, said: &str) -> Result<()> {
    let run = tier.seaworthy(&["cache", "get", "scene/key"])?;
    ensure!(run.code() != Some(ABSENT) && run.code() != Some(0), "{}", run.transcript());
    ensure!(run.stderr.contains(said), "it does not say {said:?}\n{}", run.transcript());
    Ok(())
}

fn bazel_remote() -> Result<()> {
    let cache = BazelRemote::start()?;
    keeps(&Listed::new("bazel-http").at(format!("http://{}", cache.http())))
}

fn bazel_password() -> Result<()> {
    let cache = BazelRemote::with_password()?;
    let tier = Listed::new("bazel-http").at(format!("http://{}", cache.http()));
    keeps(&tier.clone().env("BAZEL_CACHE_CREDENTIALS", BazelRemote::CREDENTIALS))?;
    refused(&tier.clone().env("BAZEL_CACHE_CREDENTIALS", "cache:another"), "unauthenticated")?;
    refused(&tier, "unauthenticated")
}

fn container_registry() -> Result<()> {
    // Deleting is switched off in most registries.
    for deletes in [false, true] {
        let registry = ContainerRegistry::start(RegistryOptions { deletes, password: false })?;
        keeps(&Listed::new("oci-registry").at(registry.url()))?;
    }
    Ok(())
}

fn registry_password() -> Result<()> {
    let registry = ContainerRegistry::start(RegistryOptions { password: true, deletes: true })?;
    let tier = Listed::new("oci-registry").at(registry.url());
    keeps(&tier.clone().env("REGISTRY_CREDENTIALS", ContainerRegistry::CREDENTIALS))?;
    refused(&tier.clone().env("REGISTRY_CREDENTIALS", "cache:another"), "unauthenticated")?;
    refused(&tier, "unauthenticated")
}

fn login() -> Result<()> {
    let page = Scripted::start(|_| Told::of(200, "text/html", "<html>Sign in"))?;
    for plugin in ["bazel-http", "oci-registry"] {
        let run = Listed::new(plugin).at(page.url()).seaworthy(&["cache", "get", "scene/key"])?;
        ensure!(![Some(0), Some(ABSENT)].contains(&run.code()), "{plugin}: {}", run.transcript());
    }
    Ok(())
}
