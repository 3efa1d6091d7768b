//! Precompiled code in the binary: used when it fits, replaced when it does not.

use crate::Loopback;
use anyhow::{Context, Result, ensure};
use seaworthy_model::Report;
use seaworthy_tests::{Reading, Scene, Seaworthy, binary, scratch};
use std::os::unix::fs::PermissionsExt as _;

pub(crate) fn scenes() -> Vec<Scene<Loopback>> {
    vec![
        Scene::new("a_packed_binary_compiles_nothing", packed),
        Scene::new("code_of_another_machine_is_compiled_again", refused),
    ]
}

/// The word for how each component's code got ready, without repetition.
fn ways(report: &Report) -> Vec<&str> {
    let mut ways: Vec<&str> = report.plugins.iter().map(|plugin| plugin.loaded.as_str()).collect();
    ways.sort_unstable();
    ways.dedup();
    ways
}

fn packed(_: &Loopback) -> Result<()> {
    let run = Seaworthy::new(["run", "--embedded", "-f", "json"])?.run()?;
    let report = run.exits(0)?.report()?;
    ensure!(ways(&report) == ["embedded"], "components were not all embedded: {:?}", ways(&report));
    Ok(())
}

/// The processor that wasmtime writes into compiled code is changed, so that it
/// refuses the code as another machine's.
fn refused(_: &Loopback) -> Result<()> {
    let original = std::fs::read(binary()?)?;
    let index_length = original.len().checked_sub(24).context("the binary is too short")?;
    let length = u64::from_le_bytes(original[index_length..index_length + 8].try_into()?);
    let index_at = index_length - usize::try_from(length)?;
    let index: serde_json::Value = serde_json::from_slice(&original[index_at..index_length])?;
    let mut changed = original.clone();
    for entry in index.as_object().context("the index is no object")?.values() {
        let code = &entry["code"];
        let at = usize::try_from(code["offset"].as_u64().context("no offset")?)?;
        let end = at + usize::try_from(code["length"].as_u64().context("no length")?)?;
        let triple = format!("{}-unknown-linux", std::env::consts::ARCH);
        let found = changed[at..end].windows(triple.len()).position(|window| window == triple.as_bytes());
        let found = at + found.context("the compiled code names no processor")?;
        let other: &[u8] = if std::env::consts::ARCH.len() == 6 { b"mipsel" } else { b"powerpc" };
        changed[found..found + other.len()].copy_from_slice(other);
    }
    let folder = scratch()?;
    let copy = folder.path().join("seaworthy");
    std::fs::write(&copy, changed)?;
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755))?;
    let first = Seaworthy::program([copy.as_os_str()]).arg("run").arg("--embedded").arg("-f").arg("json");
    let first = first.env("HOME", folder.path()).run()?;
    let report = first.exits(0)?.report()?;
    report.all_pass_with_evidence()?;
    ensure!(ways(&report) == ["compiled"], "refused code was not compiled: {:?}", ways(&report));
    let again = Seaworthy::program([copy.as_os_str()]).arg("run").arg("--embedded").arg("-f").arg("json");
    let report = again.env("HOME", folder.path()).run()?.exits(0)?.report()?;
    ensure!(ways(&report) == ["cached"], "compiled code was not kept: {:?}", ways(&report));
    Ok(())
}
