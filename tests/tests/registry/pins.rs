//! A run takes what is pinned and never what a tag has become.

use crate::place::{Place, Stage};
use anyhow::{Context, Result, ensure};
use seaworthy_tests::{Scene, digest};

pub(crate) fn scenes() -> Vec<Scene<Stage>> {
    vec![
        Scene::new("a_digest_in_the_policy_is_a_pin", by_manifest),
        Scene::new("a_tag_that_nothing_pins_does_not_run", unpinned),
        Scene::new("a_moved_tag_changes_no_run_and_is_told_by_add", moved),
        Scene::new("a_moved_tag_is_not_the_pinned_component", moved_component),
        Scene::new("a_lock_for_another_source_is_no_pin", other_source),
        Scene::new("a_lock_that_contradicts_the_policy", contradiction),
        Scene::new("a_lock_that_cannot_be_read", broken_lock),
    ]
}

fn by_manifest(stage: &Stage) -> Result<()> {
    let place = stage.place()?;
    let pinned = place.push(&stage.component, &stage.reference("pinned", "1"), &[])?;
    place.policy(&format!("source = \"{pinned}\""))?;
    ensure!(place.runs(&stage.component, &[])? == pinned, "another source is reported");
    // Without a tag too.
    let (head, manifest) = pinned.split_once(":1@").context("no tag")?;
    let place = stage.place()?;
    place.policy(&format!("source = \"{head}@{manifest}\""))?;
    place.runs(&stage.component, &[])?;
    let place = stage.place()?;
    place.add(&[&pinned])?.exits(0)?;
    place.run(&["validate"])?.exits(0)?;
    Ok(())
}

fn unpinned(stage: &Stage) -> Result<()> {
    let place = stage.place()?;
    let reference = stage.reference("unpinned", "1");
    place.push(&stage.component, &reference, &[])?;
    place.policy(&format!("source = \"{reference}\""))?;
    let said = ["plugin `acme` is named by a tag", "checks.lock does not pin it", "seaworthy plugin add --update acme"];
    for command in ["run", "validate"] {
        place.says(&[command], 3, &said)?;
    }
    let text = place.read("checks.toml")?;
    place.add(&["--update", "acme"])?.exits(0)?;
    ensure!(place.read("checks.toml")? == text, "the policy was touched");
    place.runs(&stage.component, &[])?;
    Ok(())
}

fn moved(stage: &Stage) -> Result<()> {
    let place = stage.place()?;
    let reference = stage.reference("moved", "1");
    let first = place.push(&stage.component, &reference, &[])?;
    place.policy(&format!("source = \"{reference}\""))?;
    place.add(&["--update", "acme"])?.exits(0)?;
    let second = place.push(&stage.other, &reference, &[])?;
    ensure!(first != second, "the tag did not move");

    // With what is cached, and on a machine where nothing is.
    ensure!(place.runs(&stage.component, &[])? == first, "the run followed the tag");
    std::fs::remove_dir_all(place.path("plugins"))?;
    ensure!(place.runs(&stage.component, &[])? == first, "the run followed the tag");

    let lock = place.read("checks.lock")?;
    let digests = [&first, &second].map(|pinned| pinned.rsplit('@').next().unwrap_or_default().to_owned());
    let said = ["was moved", &digests[0], &digests[1], "seaworthy plugin add --update acme"];
    place.says(&["plugin", "add", &reference, "--name", "acme"], 3, &said)?;
    ensure!(place.read("checks.lock")? == lock, "the lock was changed without being asked for");
    let updated = place.add(&["--update", "acme"])?;
    updated.exits(0)?;
    let said = format!("was {}, is {}", digests[0], digests[1]);
    ensure!(updated.stderr.contains(&said), "{}", updated.transcript());
    ensure!(place.runs(&stage.other, &[])? == second, "the update is not what runs");
    Ok(())
}

fn moved_component(stage: &Stage) -> Result<()> {
    let place = stage.place()?;
    let reference = stage.reference("moved-component", "1");
    place.push(&stage.component, &reference, &[])?;
    let (first, second) = (digest(&stage.component)?, digest(&stage.other)?);
    place.policy(&format!("source = \"{reference}\"\ndigest = \"{first}\""))?;
    place.runs(&stage.component, &[])?;
    place.push(&stage.other, &reference, &[])?;
    // It is on this machine, and its registry is not even asked.
    place.runs(&stage.component, &[])?;
    std::fs::remove_dir_all(place.path("plugins"))?;
    place.says(&["run"], 3, &["plugin `acme`", &first, &second, "is pinned"])?;
    Ok(())
}

fn locked(stage: &Stage, repository: &str) -> Result<(Place, String)> {
    let place = stage.place()?;
    let reference = stage.reference(repository, "1");
    place.push(&stage.component, &reference, &[])?;
    place.policy(&format!("source = \"{reference}\""))?;
    place.add(&["--update", "acme"])?.exits(0)?;
    Ok((place, reference))
}

fn other_source(stage: &Stage) -> Result<()> {
    let (place, reference) = locked(stage, "other-source")?;
    let other = stage.reference("other-source", "2");
    place.push(&stage.other, &other, &[])?;
    place.policy(&format!("source = \"{other}\""))?;
    place.says(&["run"], 3, &["checks.lock pins it as", &reference, "plugin add --update acme"])?;
    place.add(&["--update", "acme"])?.exits(0)?;
    place.runs(&stage.other, &[])?;
    Ok(())
}

fn contradiction(stage: &Stage) -> Result<()> {
    let (place, reference) = locked(stage, "contradiction")?;
    let other = digest(&stage.other)?;
    place.policy(&format!("source = \"{reference}\"\ndigest = \"{other}\""))?;
    let text = place.read("checks.lock")?;
    place.says(&["run"], 3, &["checks.toml:5:10", "another than checks.lock says", &digest(&stage.component)?])?;
    // Nor does `add` paper over it.
    place.says(&["plugin", "add", "--update", "acme"], 3, &["pins plugin `acme` by `digest`"])?;
    ensure!(place.read("checks.lock")? == text, "the lock was changed");
    // An entry that was changed by hand leads to a manifest of something else.
    place.policy(&format!("source = \"{reference}\""))?;
    place.write("checks.lock", &text.replace(&digest(&stage.component)?, &other))?;
    place.says(&["run"], 3, &["plugin `acme`", &other, "is pinned"])?;
    Ok(())
}

fn broken_lock(stage: &Stage) -> Result<()> {
    let (place, _) = locked(stage, "broken-lock")?;
    let text = place.read("checks.lock")?;
    place.write("checks.lock", &format!("<<<<<<< HEAD\n{text}"))?;
    place.says(&["run"], 3, &["checks.lock:1:1"])?;
    place.write("checks.lock", &text.replace("version = 1", "version = 2"))?;
    place.says(&["run"], 3, &["format version 2", "use a newer seaworthy"])?;
    Ok(())
}
