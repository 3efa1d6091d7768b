//! Programs of others that read what is written here, and write what is read here: cosign, and
//! wkg where it is installed.

use crate::place::Stage;
use anyhow::{Context, Result, ensure};
use seaworthy_tests::{Scene, server};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

pub(crate) fn scenes() -> Vec<Scene<Stage>> {
    let cosign = server(&["cosign"]).err();
    vec![
        Scene::new("cosign_signs_and_we_verify", cosign_signs).unless(cosign.clone()),
        Scene::new("we_sign_and_cosign_verifies", cosign_verifies).unless(cosign.clone()),
        Scene::new("keys_are_exchanged_with_cosign", keys).unless(cosign),
        Scene::new("wkg_pulls_what_we_push_and_we_add_what_it_pushes", wkg).unless(no_wkg()),
    ]
}

fn cosign(place: &crate::place::Place, words: &[&str]) -> Result<Output> {
    let program = server(&["cosign"]).map_err(anyhow::Error::msg)?.join("cosign");
    run(Command::new(program).args(words).current_dir(place.path(".")).env("HOME", place.path(".")))
}

fn run(command: &mut Command) -> Result<Output> {
    let output = command.env("COSIGN_PASSWORD", "").stdin(Stdio::null()).output()?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output)
}

/// As cosign and wkg name it.
fn bare(reference: &str) -> &str {
    reference.trim_start_matches("oci://")
}

fn cosign_signs(stage: &Stage) -> Result<()> {
    let place = stage.place()?;
    cosign(&place, &["generate-key-pair"])?;
    let pinned = place.push(&stage.component, &stage.reference("cosign-signs", "1"), &[])?;
    place.write("checks.toml", "version = 1\n[signatures]\nkeys = [\"cosign.pub\"]\n")?;
    place.says(&["plugin", "add", &pinned], 3, &["it has no signature"])?;
    let image = bare(&pinned).replace(":1@", "@");
    cosign(&place, &["sign", "--key", "cosign.key", "--tlog-upload=false", "--yes", &image])?;
    place.add(&[&pinned])?.exits(0)?;
    ensure!(place.read("checks.lock")?.contains("signer = "), "nobody has signed it");
    Ok(())
}

fn cosign_verifies(stage: &Stage) -> Result<()> {
    let place = stage.place()?;
    place.run(&["plugin", "keygen"])?.exits(0)?;
    place.run(&["plugin", "keygen", "other"])?.exits(0)?;
    let pinned = place.push(&stage.component, &stage.reference("we-sign", "1"), &["--sign-key", "cosign.key"])?;
    let image = bare(&pinned).replace(":1@", "@");
    let verify =
        |key: &str| cosign(&place, &["verify", "--key", key, "--insecure-ignore-tlog", "--output=json", &image]);
    let said = String::from_utf8(verify("cosign.pub")?.stdout)?;
    let manifest = pinned.rsplit('@').next().unwrap_or_default();
    ensure!(said.contains(manifest) && said.contains("acme/we-sign"), "{said}");
    ensure!(verify("other.pub").is_err(), "cosign takes any key");
    Ok(())
}

/// A private key of cosign's signs here, and one of ours, sealed, signs there.
fn keys(stage: &Stage) -> Result<()> {
    let mut place = stage.place()?;
    place.set("COSIGN_PASSWORD", "");
    cosign(&place, &["generate-key-pair"])?;
    let reference = stage.reference("keys", "1");
    let pinned = place.push(&stage.component, &reference, &["--sign-key", "cosign.key"])?;
    let image = bare(&pinned).replace(":1@", "@");
    cosign(&place, &["verify", "--key", "cosign.pub", "--insecure-ignore-tlog", &image])?;
    place.run(&["plugin", "keygen", "ours"])?.exits(0)?;
    cosign(&place, &["sign", "--key", "ours.key", "--tlog-upload=false", "--yes", &image])?;
    place.write("checks.toml", "version = 1\n[signatures]\nkeys = [\"ours.pub\"]\n")?;
    place.add(&[&reference])?.exits(0)?;
    Ok(())
}

fn wkg_program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("wkg")).find(|program| program.is_file())
}

fn no_wkg() -> Option<String> {
    match wkg_program() {
        Some(_) => None,
        None => Some("wkg is not installed (cargo install wkg)".into()),
    }
}

fn wkg(stage: &Stage) -> Result<()> {
    let place = stage.place()?;
    let program = wkg_program().context("no wkg")?;
    let host = stage.registry.address().to_string();
    let wkg = |words: &[&str]| {
        let mut command = Command::new(&program);
        run(command.args(words).args(["--insecure", &host]).current_dir(place.path(".")).env("HOME", place.path(".")))
    };
    let ours = place.push(&stage.component, &stage.reference("for-wkg", "1"), &[])?;
    wkg(&["oci", "pull", bare(&ours).split('@').next().unwrap_or_default(), "-o", "pulled.wasm"])?;
    ensure!(std::fs::read(place.path("pulled.wasm"))? == std::fs::read(&stage.component)?, "it pulled something else");
    let theirs = stage.reference("by-wkg", "1");
    wkg(&["oci", "push", bare(&theirs), &stage.component.display().to_string()])?;
    place.add(&[&theirs, "--name", "acme"])?.exits(0)?;
    let text = place.read("checks.toml")? + &place.use_of("acme");
    place.write("checks.toml", &text)?;
    place.runs(&stage.component, &[])?;
    Ok(())
}
