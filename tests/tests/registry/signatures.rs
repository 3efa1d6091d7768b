//! Who must have signed a plugin, and what does not count as that.

use crate::place::{Place, Stage};
use anyhow::{Context, Result, ensure};
use data_encoding::HEXLOWER;
use seaworthy_tests::Scene;
use sha2::{Digest, Sha256};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;

pub(crate) fn scenes() -> Vec<Scene<Stage>> {
    vec![
        Scene::new("signed_with_the_key_that_counts", right_key),
        Scene::new("signed_with_another_key", wrong_key),
        Scene::new("not_signed_at_all", unsigned),
        Scene::new("the_signature_of_another_digest", stolen),
        Scene::new("what_was_added_unsigned_does_not_run_signed", demanded_later),
        Scene::new("one_plugin_has_keys_of_its_own", own_keys),
        Scene::new("two_signatures_beside_each_other", two_signers),
        Scene::new("an_encrypted_key", encrypted),
        Scene::new("a_demand_without_a_key", keyless),
        Scene::new("keys_are_written_once_and_for_their_owner", keygen),
    ]
}

/// A place with keys of two people.
fn place(stage: &Stage) -> Result<Place> {
    let place = stage.place()?;
    place.run(&["plugin", "keygen", "acme"])?.exits(0)?;
    place.run(&["plugin", "keygen", "other"])?.exits(0)?;
    Ok(place)
}

/// A policy that demands signatures by a key.
fn demand(place: &Place, key: &str) -> Result<()> {
    place.write("checks.toml", &format!("version = 1\n\n[signatures]\nkeys = [\"{key}\"]\n"))
}

fn fingerprint(place: &Place, key: &str) -> Result<String> {
    let text = place.read(key)?;
    let base64: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = data_encoding::BASE64.decode(base64.as_bytes())?;
    Ok(format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(der))))
}

fn right_key(stage: &Stage) -> Result<()> {
    let place = place(stage)?;
    let reference = stage.reference("signed", "1");
    let pinned = place.push(&stage.component, &reference, &["--sign-key", "acme.key"])?;
    demand(&place, "acme.pub")?;
    place.add(&[&reference, "--name", "acme"])?.exits(0)?;
    let lock = place.read("checks.lock")?;
    ensure!(lock.contains(&format!("signer = \"{}\"", fingerprint(&place, "acme.pub")?)), "{lock}");
    let text = place.read("checks.toml")? + &place.use_of("acme");
    place.write("checks.toml", &text)?;
    ensure!(place.runs(&stage.component, &[])? == pinned, "another source is reported");
    // The signature is kept, and verified each time.
    place.run(&["run", "--offline"])?.exits(0)?;
    place.write("checks.toml", &text.replace("acme.pub", "other.pub"))?;
    let said = ["plugin `acme`", "is not signed as the policy demands", "by none of the keys other.pub"];
    place.says(&["run"], 3, &said)?;
    place.says(&["run", "--offline"], 3, &said)?;
    place.write("checks.toml", &text)?;
    let kept = std::fs::read_dir(place.path("plugins"))?.flatten().map(|entry| entry.path());
    let signatures = kept.filter(|path| path.display().to_string().ends_with(".signatures.json"));
    for path in signatures {
        std::fs::remove_file(path)?;
    }
    place.says(&["run", "--offline"], 3, &["the signature", "this run is offline"])?;
    place.runs(&stage.component, &[])?;
    Ok(())
}

fn wrong_key(stage: &Stage) -> Result<()> {
    let place = place(stage)?;
    let reference = stage.reference("wrong-key", "1");
    place.push(&stage.component, &reference, &["--sign-key", "other.key"])?;
    demand(&place, "acme.pub")?;
    let text = place.read("checks.toml")?;
    place.says(&["plugin", "add", &reference], 3, &[&reference, "its signature is by none of the keys acme.pub"])?;
    ensure!(place.read("checks.toml")? == text && !place.path("checks.lock").exists(), "it was listed");
    Ok(())
}

fn unsigned(stage: &Stage) -> Result<()> {
    let place = place(stage)?;
    let reference = stage.reference("unsigned", "1");
    let pinned = place.push(&stage.component, &reference, &[])?;
    demand(&place, "acme.pub")?;
    let tag = pinned.rsplit('@').next().unwrap_or_default().replace(':', "-") + ".sig";
    place.says(&["plugin", "add", &reference], 3, &["has no signature", &tag])?;
    // Signed later, with the key alone: pushing it again adds what is missing.
    ensure!(place.push(&stage.component, &reference, &["--sign-key", "acme.key"])? == pinned, "another artifact");
    place.add(&[&reference])?.exits(0)?;
    Ok(())
}

/// Somebody who may write to the registry puts the signature of one thing beside another.
fn stolen(stage: &Stage) -> Result<()> {
    let place = place(stage)?;
    let (signed, unsigned) = (stage.reference("stolen", "good"), stage.reference("stolen", "evil"));
    let tag = |pinned: &str| pinned.rsplit('@').next().unwrap_or_default().replace(':', "-") + ".sig";
    let from = tag(&place.push(&stage.component, &signed, &["--sign-key", "acme.key"])?);
    let to = tag(&place.push(&stage.other, &unsigned, &[])?);
    let registry = stage.registry.address();
    let manifest = http(registry, "GET", &format!("/v2/acme/stolen/manifests/{from}"), "")?;
    http(registry, "PUT", &format!("/v2/acme/stolen/manifests/{to}"), &manifest)?;
    demand(&place, "acme.pub")?;
    place.add(&[&signed, "--name", "good"])?.exits(0)?;
    let said = ["the signature by acme.pub is of the manifest", "taken from something else"];
    place.says(&["plugin", "add", &unsigned, "--name", "evil"], 3, &said)?;
    Ok(())
}

/// One request, on a connection of its own; the body of the answer.
fn http(address: SocketAddr, method: &str, path: &str, body: &str) -> Result<String> {
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAccept: {MANIFEST}\r\nContent-Type: {MANIFEST}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").with_context(|| answer.clone())?;
    ensure!(head.starts_with("HTTP/1.1 20"), "{method} {path}: {answer}");
    Ok(body.to_owned())
}

fn demanded_later(stage: &Stage) -> Result<()> {
    let place = place(stage)?;
    let reference = stage.reference("later", "1");
    place.push(&stage.component, &reference, &[])?;
    place.policy(&format!("source = \"{reference}\""))?;
    place.add(&["--update", "acme"])?.exits(0)?;
    place.runs(&stage.component, &[])?;
    let text = place.read("checks.toml")?;
    place.write("checks.toml", &format!("{text}\n[signatures]\nkeys = [\"acme.pub\"]\n"))?;
    place.says(&["run"], 3, &["plugin `acme`", "it has no signature"])?;
    place.write("checks.toml", &format!("{text}\n[signatures]\nkeys = [\"acme.pub\"]\nrequire = false\n"))?;
    place.runs(&stage.component, &[])?;
    Ok(())
}

fn own_keys(stage: &Stage) -> Result<()> {
    let place = place(stage)?;
    let reference = stage.reference("own-keys", "1");
    place.push(&stage.component, &reference, &["--sign-key", "other.key"])?;
    demand(&place, "acme.pub")?;
    place.add(&[&reference, "--name", "acme", "--signed-by", "other.pub"])?.exits(0)?;
    let text = place.read("checks.toml")?;
    ensure!(text.contains("signed-by = [\"other.pub\"]\n"), "{text}");
    place.run(&["validate"])?.exits(0)?;
    place.write("checks.toml", &text.replace("signed-by = [\"other.pub\"]\n", ""))?;
    place.says(&["validate"], 3, &["by none of the keys acme.pub"])?;
    Ok(())
}

fn two_signers(stage: &Stage) -> Result<()> {
    let place = place(stage)?;
    let reference = stage.reference("two", "1");
    for key in ["acme.key", "other.key", "acme.key"] {
        place.push(&stage.component, &reference, &["--sign-key", key])?;
    }
    for key in ["acme.pub", "other.pub"] {
        let other = stage.place()?;
        other.write(key, &place.read(key)?)?;
        demand(&other, key)?;
        other.add(&[&reference])?.exits(0)?;
    }
    Ok(())
}

fn encrypted(stage: &Stage) -> Result<()> {
    let mut place = stage.place()?;
    place.set("COSIGN_PASSWORD", "correct horse");
    place.run(&["plugin", "keygen"])?.exits(0)?;
    ensure!(place.read("cosign.key")?.contains("ENCRYPTED SIGSTORE PRIVATE KEY"), "it lies there open");
    let (file, reference) = (stage.component.display().to_string(), stage.reference("encrypted", "1"));
    place.push(&stage.component, &reference, &["--sign-key", "cosign.key"])?;
    demand(&place, "cosign.pub")?;
    place.add(&[&reference])?.exits(0)?;
    place.set("COSIGN_PASSWORD", "wrong");
    let push = ["plugin", "push", &file, &reference, "--sign-key", "cosign.key"];
    let run = place.says(&push, 3, &["the key cosign.key", "the password is wrong"])?;
    ensure!(!run.stderr.contains("correct horse"), "{}", run.transcript());
    place.says(&[&push[..5], &["cosign.pub"]].concat(), 3, &["it is a public key"])?;
    Ok(())
}

fn keyless(stage: &Stage) -> Result<()> {
    let place = place(stage)?;
    let block = format!("source = \"{}@sha256:{}\"", stage.reference("keyless", "1"), "a".repeat(64));
    place.policy(&block)?;
    let text = place.read("checks.toml")?;
    place.write("checks.toml", &format!("{text}\n[signatures]\nrequire = true\n"))?;
    place.says(&["validate"], 3, &["plugin `acme` must be signed, and nothing says by whom", "signed-by"])?;
    place.write("checks.toml", &format!("{text}\n[signatures]\nkeys = [\"nowhere.pub\"]\n"))?;
    place.says(&["validate"], 3, &["cannot read the key nowhere.pub"])?;
    place.write("checks.toml", &format!("{text}\n[signatures]\nkeys = [\"acme.key\"]\n"))?;
    place.says(&["validate"], 3, &["it is a private key"])?;
    Ok(())
}

fn keygen(stage: &Stage) -> Result<()> {
    let place = place(stage)?;
    let mode = std::fs::metadata(place.path("acme.key"))?.permissions().mode() & 0o777;
    ensure!(mode == 0o600, "{mode:o}");
    let before = place.read("acme.key")?;
    place.says(&["plugin", "keygen", "acme"], 2, &["acme.key"])?;
    ensure!(place.read("acme.key")? == before, "a key was written over");
    Ok(())
}
