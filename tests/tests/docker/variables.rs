//! Variables that the container was not given.

use crate::bridge::host_report;
use anyhow::{Result, ensure};
use seaworthy_model::Confidence;
use seaworthy_tests::lab::{Container, Lab, SECRET};
use seaworthy_tests::{Reading, Scene};

pub(crate) fn scenes() -> Vec<Scene<Lab>> {
    vec![
        Scene::new("variables_not_passed_are_named_by_the_host_report", not_passed),
        Scene::new("variables_not_passed_are_likely_without_one", not_passed_without_report),
        Scene::new("the_image_runs_as_it_is", image),
    ]
}

fn not_passed(lab: &Lab) -> Result<()> {
    let peer = lab.peer("/ip4/0.0.0.0/tcp/0")?;
    let (folder, path) = host_report(lab, &peer.at(&format!("ip4/{}", lab.gateway("bridge")?))?)?;
    let text = std::fs::read_to_string(&path)?;
    ensure!(!text.contains(SECRET), "the host report holds the secret");
    let container = Container::of(["run", "-f", "json", "--host-report"]).arg(&path.display().to_string());
    let report = lab.run(&container.volume(folder.path()))?.exits(1)?.report()?;
    let cause = report.cause("env.not-propagated")?;
    ensure!(cause.confidence == Confidence::Certain, "the host report proves it, yet it says {:?}", cause.confidence);
    let told = serde_json::to_string(cause)?;
    ensure!(told.contains("CACHE_BOOTSTRAP_PEERS"), "the variable is not named: {told}");
    Ok(())
}

fn not_passed_without_report(lab: &Lab) -> Result<()> {
    let report = lab.run(&Container::of(["run", "-f", "json"]))?.exits(1)?.report()?;
    let cause = report.cause("env.not-propagated")?;
    ensure!(cause.confidence != Confidence::Certain, "nothing proves it, yet it says certain");
    Ok(())
}

fn image(lab: &Lab) -> Result<()> {
    lab.run(&Container::of(["--version"]))?.exits(0)?;
    let run = lab.docker(["image", "inspect", "--format", "{{.Size}} {{len .RootFS.Layers}}", lab.image()]).run()?;
    let size: u64 = run.exits(0)?.stdout.split_whitespace().next().unwrap_or_default().parse()?;
    let binary = seaworthy_tests::binary()?.metadata()?.len();
    ensure!(size < binary + 4096, "the image is {size} bytes and the binary {binary}: something else is in it");
    Ok(())
}
