//! The cache of plugins: private, verified, and enough where there is no network.

use crate::place::{Place, Stage};
use anyhow::{Context, Result, ensure};
use seaworthy_model::{SkipReason, Status};
use seaworthy_tests::{ContainerRegistry, Reading, RegistryOptions, Scene, digest};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

pub(crate) fn scenes() -> Vec<Scene<Stage>> {
    vec![
        Scene::new("without_its_registry_what_was_added_runs", registry_gone),
        Scene::new("offline_takes_the_cache_alone", offline),
        Scene::new("offline_without_a_cache_says_what_to_do", nothing_kept),
        Scene::new("what_was_changed_in_the_cache_is_not_run", tampered),
        Scene::new("the_cache_is_for_its_user_alone", private),
        Scene::new("a_cache_that_cannot_be_written_costs_time_only", read_only),
    ]
}

/// A place with `acme` added from a registry of its own, which is gone then.
fn added(stage: &Stage, keep: bool) -> Result<(Place, Option<ContainerRegistry>)> {
    let registry = ContainerRegistry::start(RegistryOptions::default())?;
    let place = stage.place()?;
    let reference = format!("oci://{}/acme/banner:1", registry.address());
    place.push(&stage.component, &reference, &[])?;
    place.policy(&format!("source = \"{reference}\""))?;
    place.add(&["--update", "acme"])?.exits(0)?;
    Ok((place, keep.then_some(registry)))
}

fn component(stage: &Stage, place: &Place) -> Result<PathBuf> {
    let digest = digest(&stage.component)?;
    Ok(place.path("plugins").join(format!("{}.wasm", digest.replace(':', "-"))))
}

fn registry_gone(stage: &Stage) -> Result<()> {
    let (place, _) = added(stage, false)?;
    place.runs(&stage.component, &[])?;
    place.run(&["validate"])?.exits(0)?;
    std::fs::remove_dir_all(place.path("plugins"))?;
    // That is no fault of the policy: it could not be told.
    place.says(&["run"], 5, &["plugin `acme`", "cannot reach http://127.0.0.1:"])?;
    Ok(())
}

fn offline(stage: &Stage) -> Result<()> {
    let (place, _) = added(stage, false)?;
    let report = place.run(&["run", "-f", "json", "--offline"])?.exits(0)?.report()?;
    let check = report.check("greeting")?;
    ensure!(check.skip_reason == Some(SkipReason::Offline), "{}", report.digest());
    ensure!(report.check("bystander")?.status == Status::Pass, "{}", report.digest());
    ensure!(
        report
            .plugins
            .iter()
            .all(|plugin| plugin.id != "acme" || plugin.digest == digest(&stage.component).unwrap_or_default()),
        "{:?}",
        report.plugins
    );
    Ok(())
}

fn nothing_kept(stage: &Stage) -> Result<()> {
    let (place, _registry) = added(stage, true)?;
    std::fs::remove_dir_all(place.path("plugins"))?;
    let folder = place.path("plugins").display().to_string();
    place.says(&["run", "--offline"], 3, &["plugin `acme`", &folder, "this run is offline", "seaworthy validate"])?;
    ensure!(!place.path("plugins").exists(), "the network was asked");
    place.run(&["validate"])?.exits(0)?;
    place.run(&["run", "--offline"])?.exits(0)?;
    Ok(())
}

fn tampered(stage: &Stage) -> Result<()> {
    let (place, registry) = added(stage, true)?;
    let path = component(stage, &place)?;
    let whole = std::fs::read(&path)?;
    std::fs::copy(&stage.other, &path)?;
    let said = [&*path.display().to_string(), "not what its name says", &digest(&stage.other)?, "offline"];
    place.says(&["run", "--offline"], 3, &said)?;
    // With its registry it is pulled anew.
    place.runs(&stage.component, &[])?;
    ensure!(std::fs::read(&path)? == whole, "it is still there");
    drop(registry);
    // A manifest that was changed leads nowhere either.
    let mut manifests = std::fs::read_dir(place.path("plugins"))?.flatten().map(|entry| entry.path());
    let manifest =
        manifests.find(|path| path.display().to_string().ends_with(".manifest.json")).context("no manifest")?;
    let text = std::fs::read_to_string(&manifest)?;
    std::fs::write(&manifest, text.replace(&digest(&stage.component)?, &digest(&stage.other)?))?;
    place.says(&["run"], 5, &["cannot reach"])?;
    Ok(())
}

fn private(stage: &Stage) -> Result<()> {
    let (place, _) = added(stage, true)?;
    let mode = |path: PathBuf| std::fs::metadata(path).map(|found| found.permissions().mode() & 0o777);
    ensure!(mode(place.path("plugins"))? == 0o700, "{:o}", mode(place.path("plugins"))?);
    for entry in std::fs::read_dir(place.path("plugins"))?.flatten() {
        ensure!(mode(entry.path())? & 0o077 == 0, "{} is readable for others", entry.path().display());
    }
    Ok(())
}

fn read_only(stage: &Stage) -> Result<()> {
    let (mut place, _registry) = added(stage, true)?;
    place.set("SEAWORTHY_PLUGIN_CACHE", "/proc/nowhere");
    place.runs(&stage.component, &[])?;
    Ok(())
}
