//! What is handed out to run a peer with: it has to go with the binary.

use crate::Loopback;
use anyhow::{Context, Result, ensure};
use seaworthy_tests::{Scene, Seaworthy, binary, scratch, workspace_root};
use std::path::Path;
use std::process::Command;

pub(crate) fn scenes() -> Vec<Scene<Loopback>> {
    vec![
        Scene::new("the_systemd_unit_verifies", unit).unless(no_systemd()),
        Scene::new("packaged_flags_and_variables_exist", arguments),
        Scene::new("the_kubernetes_manifest_is_yaml_of_known_kinds", manifest).unless(no_yaml()),
    ]
}

fn fails(program: &str, args: &[&str]) -> bool {
    !Command::new(program).args(args).output().is_ok_and(|output| output.status.success())
}

fn no_systemd() -> Option<String> {
    fails("systemd-analyze", &["--version"]).then(|| "systemd-analyze is not installed".into())
}

fn no_yaml() -> Option<String> {
    fails("python3", &["-c", "import yaml"]).then(|| "python3 with PyYAML is not installed".into())
}

fn read(path: &str) -> Result<String> {
    std::fs::read_to_string(workspace_root().join(path)).with_context(|| path.to_owned())
}

fn unit(_: &Loopback) -> Result<()> {
    let text = read("packaging/systemd/seaworthy-peer.service")?;
    let installed = "/usr/local/bin/seaworthy";
    ensure!(text.contains(installed), "the unit starts something else");
    let folder = scratch()?;
    let file = folder.path().join("seaworthy-peer.service");
    std::fs::write(&file, text.replace(installed, &binary()?.display().to_string()))?;
    let output = Command::new("systemd-analyze").arg("verify").arg("--man=no").arg(&file).output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success() && !said.contains("seaworthy-peer.service:"), "{said}");
    // 0 is safe, 10 is not; 2.0 leaves room for other versions of systemd to judge.
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=yes", "--threshold=20"]).arg(&file);
    let output = security.output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{}", said.lines().last().unwrap_or_default());
    Ok(())
}

/// Every word that starts with `--`, as `peer` has to take it.
fn flags(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let words = lines.flat_map(|line| line.split([' ', ',', '"', '[', ']']));
    let words = words.filter(|word| word.starts_with("--") && *word != "---");
    words.map(|word| word.split('=').next().unwrap_or(word).to_owned()).collect()
}

fn variables(text: &str) -> impl Iterator<Item = String> + '_ {
    let words = text.split(|c: char| !(c.is_ascii_uppercase() || c == '_'));
    words.filter(|word| word.starts_with("SEAWORTHY_") && *word != "SEAWORTHY_IMAGE").map(str::to_owned)
}

fn arguments(_: &Loopback) -> Result<()> {
    let help = Seaworthy::new(["peer", "--help"])?.run()?;
    help.exits(0)?;
    let unit = read("packaging/systemd/seaworthy-peer.service")?;
    let unit_flags = unit.lines().find(|line| line.starts_with("ExecStart=")).context("the unit starts nothing")?;
    let kubernetes = read("packaging/kubernetes/peer.yaml")?;
    let compose = read("docker-compose.yml")?;
    let peer = compose.split("\n  runner:").next().context("no peer in the compose file")?;
    let used = [unit_flags, &kubernetes, peer].map(flags).concat();
    ensure!(used.len() >= 6, "{used:?}");
    for flag in used {
        ensure!(help.stdout.contains(&format!("{flag} ")), "`peer` has no {flag}");
    }
    let texts = [unit, read("packaging/systemd/peer.env")?, kubernetes, compose.clone()].join("\n");
    for variable in variables(&texts) {
        ensure!(help.stdout.contains(&variable), "`peer` does not read {variable}");
    }
    for (file, text) in [("docker-compose.yml", compose), ("docker/Dockerfile", read("docker/Dockerfile")?)] {
        let asks =
            text.contains("[CMD, /seaworthy, peer, health]") || text.contains(r#"["/seaworthy", "peer", "health"]"#);
        ensure!(asks, "{file} has no health check");
    }
    Ok(())
}

fn manifest(_: &Loopback) -> Result<()> {
    const SCRIPT: &str = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let file = workspace_root().join(Path::new("packaging/kubernetes/peer.yaml"));
    let output = Command::new("python3").args(["-c", SCRIPT]).arg(&file).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let documents: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout)?;
    let kinds: Vec<_> = documents.iter().filter_map(|document| document["kind"].as_str()).collect();
    ensure!(kinds == ["PersistentVolumeClaim", "Deployment", "Service"], "{kinds:?}");
    let pod = &documents[1]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    for (probe, path) in [("startupProbe", "/readyz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")] {
        ensure!(container[probe]["httpGet"]["path"] == path, "{probe}");
    }
    let secret = &container["env"][1]["valueFrom"]["secretKeyRef"]["name"];
    ensure!(secret == "seaworthy-peer" && pod["securityContext"]["runAsNonRoot"] == true);
    Ok(())
}
