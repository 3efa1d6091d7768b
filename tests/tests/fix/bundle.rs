//! Support archives: what they hold, and what they must not.

use crate::Stage;
use anyhow::{Context as _, Result, ensure};
use seaworthy_tests::{Scene, Seaworthy, scratch};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Secrets in the forms in which they get into reports. None may be in an archive.
const SHARED: &str = "bundle-secret-Kq3vTnR4wL2x";
const IN_URL: &str = "url-password-9f8e7d6c";
const IN_HEADER: &str = "header-token-5a4b3c2d";
const IN_FILE: &str = "file-password-1z2y3x4w";

pub(crate) fn scenes() -> Vec<Scene<Stage>> {
    vec![
        Scene::new("an_archive_holds_what_helps_and_no_secret", no_secret),
        Scene::new("nothing_is_written_unseen", unseen),
        Scene::new("the_same_report_makes_the_same_bytes", same_bytes),
    ]
}

/// The files of an archive, by name.
fn unpack(path: &Path) -> Result<BTreeMap<String, String>> {
    let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut files = BTreeMap::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let mut text = String::new();
        entry.read_to_string(&mut text)?;
        let name = entry.path()?.display().to_string();
        files.insert(name.trim_start_matches("seaworthy-bundle/").to_owned(), text);
    }
    Ok(files)
}

fn no_secret(_: &Stage) -> Result<()> {
    let folder = scratch()?;
    let run = Seaworthy::new(["bundle", "--yes", "--out", "help.tar.gz"])?.directory(folder.path());
    std::fs::write(folder.path().join("checks.toml"), policy())?;
    let run = run
        .env("CACHE_ENABLE_P2P", "true")
        .env("CACHE_P2P_SHARED_SECRET", SHARED)
        .env("CACHE_IPFS_API", format!("http://user:{IN_URL}@127.0.0.1:1/"))
        .env("CACHE_BOOTSTRAP_PEERS", format!("http://u:{IN_URL}@127.0.0.1:1/Authorization: Bearer {IN_HEADER}"))
        .env("CACHE_DIR", folder.path().join("entries").display().to_string())
        .run()?;
    run.exits(0)?;
    let path = folder.path().join("help.tar.gz");
    ensure!(std::fs::metadata(&path)?.permissions().mode() & 0o777 == 0o600, "others may read the archive");
    let files = unpack(&path)?;
    for name in [
        "report.json",
        "report.txt",
        "report.evidence.jsonl",
        "policy.txt",
        "versions.json",
        "place.json",
        "manifest.json",
    ] {
        ensure!(files.get(name).is_some_and(|text| !text.is_empty()), "no {name} in {:?}", files.keys());
        ensure!(run.stderr.contains(name), "{name} was not shown before\n{}", run.transcript());
    }
    for (name, text) in &files {
        for secret in [SHARED, IN_URL, IN_HEADER, IN_FILE] {
            ensure!(!text.contains(secret), "{secret} is in {name}:\n{text}");
        }
        if name.ends_with(".json") {
            serde_json::from_str::<Value>(text).with_context(|| format!("{name} is no JSON any more"))?;
        }
    }
    ensure!(
        ![SHARED, IN_URL, IN_HEADER, IN_FILE].iter().any(|secret| run.stderr.contains(secret)),
        "{}",
        run.transcript()
    );
    let report: Value = serde_json::from_str(&files["report.json"])?;
    ensure!(report["checks"].as_array().is_some_and(|checks| !checks.is_empty()));
    let versions: Value = serde_json::from_str(&files["versions.json"])?;
    ensure!(
        versions["libraries"]["wasmtime"]
            .as_str()
            .is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit())),
        "{versions}"
    );
    let digests = versions["components"].as_array().context("no components")?;
    ensure!(
        digests.len() > 5 && digests.iter().all(|one| one["digest"].as_str().is_some_and(|d| d.starts_with("sha256:"))),
        "{versions}"
    );
    let manifest: Value = serde_json::from_str(&files["manifest.json"])?;
    let listed = manifest["files"].as_array().context("no files")?;
    ensure!(listed.len() == files.len() - 1, "{manifest}");
    let hidden = |path: &str, class: &str| {
        let file = listed.iter().find(|file| file["path"] == path);
        file.and_then(|file| file["redacted"][class].as_u64()).unwrap_or(0)
    };
    ensure!(hidden("report.json", "credentials in a URL") > 0, "{manifest}");
    ensure!(run.stderr.contains("credentials in a URL"), "{}", run.transcript());
    // Names of variables help, values are nobody's business.
    let place = &files["place.json"];
    ensure!(place.contains("CACHE_P2P_SHARED_SECRET"), "{place}");
    Ok(())
}

/// A policy whose own text holds what must not go out.
fn policy() -> String {
    format!(
        "version = 1\n[targets.proxy]\nkind = \"http\"\nurl = \"http://ci:{IN_FILE}@127.0.0.1:1/\"\n\
         [[check]]\nid = \"net.connectivity\"\nuse = \"bundled:net/connectivity\"\ntarget = \"p2p\"\n\
         [[check]]\nid = \"env.variables\"\nuse = \"bundled:env/variables\"\n"
    )
}

fn unseen(_: &Stage) -> Result<()> {
    let folder = scratch()?;
    let run = Seaworthy::new(["bundle", "--out", "help.tar.gz"])?.directory(folder.path()).run()?;
    run.exits(2)?;
    ensure!(run.stderr.contains("manifest.json") && run.stderr.contains("--yes"), "{}", run.transcript());
    ensure!(std::fs::read_dir(folder.path())?.count() == 0, "something was written without a yes");
    Ok(())
}

fn same_bytes(_: &Stage) -> Result<()> {
    let folder = scratch()?;
    let run = Seaworthy::new(["run", "--report-only", "-f", "json"])?.run()?;
    std::fs::write(folder.path().join("report.json"), &run.exits(0)?.stdout)?;
    let mut archives = Vec::new();
    for out in ["a.tar.gz", "b.tar.gz"] {
        Seaworthy::new(["bundle", "--yes", "--out", out, "report.json"])?.directory(folder.path()).run()?.exits(0)?;
        archives.push(unpack(&folder.path().join(out))?);
    }
    let stable = |files: &BTreeMap<String, String>| -> BTreeMap<String, String> {
        // Limits and routes are of the moment; everything else is of the report.
        files
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "place.json" | "manifest.json"))
            .map(|(n, t)| (n.clone(), t.clone()))
            .collect()
    };
    ensure!(stable(&archives[0]) == stable(&archives[1]), "equal content differs");
    ensure!(archives[0].contains_key("report-1.json"), "{:?}", archives[0].keys());
    Ok(())
}
