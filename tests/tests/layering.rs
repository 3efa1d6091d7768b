//! Who may import whom. Cargo forbids most of what is not written here; this says
//! what was meant, so that a new edge is a decision and not an accident.

use anyhow::{Context, Result, ensure};
use seaworthy_tests::workspace_root;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Crates of the host and the crates of the host that each may use. All others
/// are not allowed; only the binary sees everything.
const HOST: [(&str, &[&str]); 15] = [
    ("seaworthy-model", &[]),
    ("seaworthy-policy", &["seaworthy-model"]),
    ("seaworthy-probe", &["seaworthy-model"]),
    ("seaworthy-p2p", &["seaworthy-model"]),
    ("seaworthy-cache", &["seaworthy-model"]),
    ("seaworthy-diagnose", &["seaworthy-model"]),
    ("seaworthy-report", &["seaworthy-model"]),
    ("seaworthy-remedy", &["seaworthy-model"]),
    ("seaworthy-author", &["seaworthy-model", "seaworthy-check-build"]),
    ("seaworthy-engine", &["seaworthy-model", "seaworthy-probe", "seaworthy-p2p", "seaworthy-cache"]),
    ("seaworthy-proxy", &["seaworthy-model", "seaworthy-probe", "seaworthy-cache"]),
    ("seaworthy-registry", &["seaworthy-model", "seaworthy-probe"]),
    ("seaworthy-bundled", &[]),
    (
        "seaworthy",
        &[
            "seaworthy-model",
            "seaworthy-policy",
            "seaworthy-probe",
            "seaworthy-p2p",
            "seaworthy-cache",
            "seaworthy-engine",
            "seaworthy-proxy",
            "seaworthy-bundled",
            "seaworthy-diagnose",
            "seaworthy-report",
            "seaworthy-remedy",
            "seaworthy-author",
            "seaworthy-registry",
        ],
    ),
    // The peers with faults, of which a diagnosis has to be shown, and the client that puts load on one;
    // and what makes the tiers of a policy in this process, for the conformance of the adapters.
    (
        "seaworthy-tests",
        &[
            "seaworthy-model",
            "seaworthy-p2p",
            "seaworthy-policy",
            "seaworthy-cache",
            "seaworthy-engine",
            "seaworthy-bundled",
        ],
    ),
];

/// Libraries that only these crates may name.
const RESERVED: [(&str, &[&str]); 9] = [
    ("wasmtime", &["seaworthy-engine"]),
    ("wasmtime-wasi", &["seaworthy-engine"]),
    ("libp2p", &["seaworthy-p2p"]),
    ("redb", &["seaworthy-p2p"]),
    ("clap", &["seaworthy"]),
    ("clap_complete", &["seaworthy"]),
    ("toml", &["seaworthy-policy", "seaworthy-author", "seaworthy-check-build"]),
    ("anyhow", &["seaworthy", "seaworthy-tests", "seaworthy-benches"]),
    ("wit-bindgen", &["seaworthy-check-sdk", "seaworthy-adapter-sdk"]),
];

/// Libraries that these crates name for their build script and their tests only.
const BUILD: [(&str, &str); 1] = [("toml", "seaworthy-diagnose")];

/// Crates without I/O: no runtime, no sockets.
const PURE: [&str; 5] =
    ["seaworthy-model", "seaworthy-policy", "seaworthy-diagnose", "seaworthy-report", "seaworthy-remedy"];

/// A crate of the workspace: its folder and the crates it names.
struct Crate {
    folder: String,
    names: BTreeSet<String>,
    /// Those of them that end up in what is built.
    links: BTreeSet<String>,
}

fn workspace() -> Result<BTreeMap<String, Crate>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--format-version", "1", "--no-deps"]).current_dir(workspace_root());
    let output = command.output().context("cannot start cargo")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let root = workspace_root();
    let text = |value: &Value| value.as_str().map(str::to_owned).context("not a string");
    let mut crates = BTreeMap::new();
    for package in metadata["packages"].as_array().context("no packages")? {
        let manifest = text(&package["manifest_path"])?;
        let folder = std::path::Path::new(&manifest).parent().and_then(|p| p.strip_prefix(&root).ok());
        let folder = folder.with_context(|| format!("{manifest} lies outside the workspace"))?;
        let dependencies = package["dependencies"].as_array().context("no dependencies")?;
        let names = dependencies.iter().map(|d| text(&d["name"])).collect::<Result<_>>()?;
        // cargo gives build and test dependencies a kind, and others none.
        let links = dependencies.iter().filter(|d| d["kind"].is_null()).map(|d| text(&d["name"]));
        let links = links.collect::<Result<_>>()?;
        crates.insert(text(&package["name"])?, Crate { folder: folder.display().to_string(), names, links });
    }
    Ok(crates)
}

fn is_guest(krate: &Crate) -> bool {
    krate.folder.starts_with("checks/") || krate.folder.starts_with("plugins/")
}

#[test]
fn host_crates_use_only_what_lies_below_them() -> Result<()> {
    let crates = workspace()?;
    for (name, allowed) in HOST {
        let krate = crates.get(name).with_context(|| format!("no crate is called {name}"))?;
        for used in krate.names.iter().filter(|used| crates.contains_key(*used)) {
            ensure!(allowed.contains(&used.as_str()), "{name} may not use {used}");
        }
    }
    let host = crates.iter().filter(|(_, krate)| krate.folder.starts_with("host/"));
    for (name, _) in host {
        ensure!(HOST.iter().any(|(known, _)| known == name), "{name} is new: say here what it may use");
    }
    Ok(())
}

#[test]
fn reserved_libraries_have_one_home() -> Result<()> {
    let crates = workspace()?;
    for (library, homes) in RESERVED {
        for (name, krate) in &crates {
            let builds = BUILD.contains(&(library, name));
            let named = if builds { &krate.links } else { &krate.names };
            ensure!(!named.contains(library) || homes.contains(&name.as_str()), "{name} may not name {library}");
        }
        ensure!(
            homes.iter().any(|home| crates.get(*home).is_some_and(|k| k.names.contains(library))),
            "nobody uses {library}"
        );
    }
    Ok(())
}

#[test]
fn guests_share_only_the_contract_with_the_host() -> Result<()> {
    const KITS: [&str; 3] = ["seaworthy-check-sdk", "seaworthy-adapter-sdk", "seaworthy-check-build"];
    let crates = workspace()?;
    // The client of a service, for its adapter and its check.
    let is_client =
        |name: &str| crates[name].folder.starts_with("plugins/") && crates[name].folder.ends_with("/client");
    for (name, krate) in &crates {
        let guest = is_guest(krate);
        for used in krate.names.iter().filter(|used| crates.contains_key(*used)) {
            if guest {
                let kit = KITS.contains(&used.as_str()) && !KITS.contains(&name.as_str());
                let shared = is_client(used);
                let pure = is_client(name);
                ensure!(!pure, "{name} is a client without I/O and may not use {used}");
                ensure!(kit || shared, "the guest {name} may not use {used}");
            } else {
                // Its tools read the manifests of plugins, as the build script of one does.
                let manifests = name == "seaworthy-author" && used == "seaworthy-check-build";
                ensure!(
                    manifests || !is_guest(&crates[used]),
                    "{name} uses the guest {used}: the host knows components, not crates"
                );
            }
        }
    }
    ensure!(crates.values().filter(|krate| is_guest(krate)).count() > 10, "where are the guests?");
    Ok(())
}

#[test]
fn pure_crates_have_no_runtime() -> Result<()> {
    let crates = workspace()?;
    for name in PURE {
        let krate = crates.get(name).with_context(|| format!("no crate is called {name}"))?;
        for library in ["tokio", "futures", "async-trait", "socket2", "nix", "rand"] {
            ensure!(!krate.names.contains(library), "{name} is pure and may not name {library}");
        }
    }
    Ok(())
}
