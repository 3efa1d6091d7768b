//! Components that do not behave. Whatever one does is contained, named and told
//! apart; the other checks finish; and a run that could not tell exits 5.

use anyhow::{Context, Result, ensure};
use seaworthy_model::{CheckResult, ErrorReason, Report, Status};
use seaworthy_tests::{NoStage, Reading, Run, Scene, Seaworthy, build_guests, digest, run_scenes, scratch};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The built components.
struct Guests {
    folder: PathBuf,
}

fn main() -> ExitCode {
    let stage = seaworthy_tests::binary()
        .and_then(|_| Ok(Guests { folder: build_guests("hostile")? }))
        .map_err(NoStage::Broken);
    let scenes = vec![
        Scene::new("every_hostile_check_is_contained_and_named", contained),
        Scene::new("an_endless_loop", |g| alone(g, "endless-loop", ErrorReason::CpuBudget)),
        Scene::new("an_endless_sleep", |g| alone(g, "endless-sleep", ErrorReason::Timeout)),
        Scene::new("a_memory_bomb", |g| alone(g, "memory-bomb", ErrorReason::OutOfMemory)),
        Scene::new("deep_recursion", |g| alone(g, "deep-recursion", ErrorReason::Trap)),
        Scene::new("endless_log", |g| alone(g, "endless-log", ErrorReason::OutputLimit)),
        Scene::new("endless_stdout", |g| alone(g, "endless-stdout", ErrorReason::OutputLimit)),
        Scene::new("forged_observation_ids", |g| alone(g, "forged-evidence", ErrorReason::ForgedEvidence)),
        Scene::new("no_evidence_is_no_pass", |g| alone(g, "no-evidence", ErrorReason::NoEvidence)),
        Scene::new("a_flood_of_host_calls", |g| alone(g, "host-call-flood", ErrorReason::OutputLimit)),
        Scene::new("a_panic_is_told_with_its_words", panic_words),
        Scene::new("an_exit", |g| alone(g, "exit", ErrorReason::Trap)),
        Scene::new("an_oversized_result", |g| alone(g, "oversized-result", ErrorReason::OutputLimit)),
        Scene::new("an_undeclared_code", |g| alone(g, "undeclared-code", ErrorReason::BadOutput)),
        Scene::new("a_panic_in_describe", describe_panics),
        Scene::new("a_component_that_goes_round_the_contract", goes_round),
        Scene::new("a_core_module", core_module),
        Scene::new("a_truncated_component", truncated),
        Scene::new("a_missing_file", missing),
        Scene::new("a_digest_that_does_not_match", wrong_digest),
        Scene::new("without_its_grant_it_is_denied_with_the_line_to_add", denied),
    ];
    run_scenes("hostile", stage, scenes)
}

const CHECKS: [(&str, ErrorReason); 13] = [
    ("endless-loop", ErrorReason::CpuBudget),
    ("endless-sleep", ErrorReason::Timeout),
    ("memory-bomb", ErrorReason::OutOfMemory),
    ("deep-recursion", ErrorReason::Trap),
    ("endless-log", ErrorReason::OutputLimit),
    ("endless-stdout", ErrorReason::OutputLimit),
    ("forged-evidence", ErrorReason::ForgedEvidence),
    ("no-evidence", ErrorReason::NoEvidence),
    ("host-call-flood", ErrorReason::OutputLimit),
    ("panic", ErrorReason::Trap),
    ("exit", ErrorReason::Trap),
    ("oversized-result", ErrorReason::OutputLimit),
    ("undeclared-code", ErrorReason::BadOutput),
];

/// checks.toml with the plugin `hostile` and, after the given checks of it, a
/// bundled check and a well-behaved one that must come through.
struct Policy {
    text: String,
}

impl Policy {
    fn new(plugin: &Path, pin: Option<&str>, grant: bool) -> Self {
        let mut text = format!("version = 1\n\n[plugins.hostile]\nsource = \"file:{}\"\n", plugin.display());
        if let Some(pin) = pin {
            text += &format!("digest = \"{pin}\"\n");
        }
        if grant {
            text += "grant.env = [\"HOSTILE_MARK\"]\n";
        }
        Self { text: text + "\n[[check]]\nid = \"bystander\"\nuse = \"bundled:docker/network-mode\"\n" }
    }

    fn check(mut self, id: &str, used: &str) -> Self {
        let _ = write!(
            self.text,
            "\n[[check]]\nid = \"{id}\"\nuse = \"hostile:{used}\"\ntimeout = \"2s\"\nseverity = \"major\"\n"
        );
        self
    }

    fn run(&self, format: &str) -> Result<Run> {
        self.play("run", &["-f", format])
    }

    fn play(&self, command: &str, flags: &[&str]) -> Result<Run> {
        let folder = scratch()?;
        std::fs::write(folder.path().join("checks.toml"), &self.text)?;
        let words = [command].into_iter().chain(flags.iter().copied());
        Seaworthy::new(words)?.env("HOSTILE_MARK", "seen").directory(folder.path()).run()
    }
}

impl Guests {
    fn policy(&self) -> Result<Policy> {
        let file = self.folder.join("hostile_misbehaving.wasm");
        Ok(Policy::new(&file, Some(&digest(&file)?), true))
    }
}

fn is_error(check: &CheckResult, reason: ErrorReason) -> Result<()> {
    ensure!(check.status == Status::Error, "{} is {}: {}", check.id, check.status.word(), check.message);
    ensure!(
        check.error_reason == Some(reason),
        "{} is error/{:?}, not {reason:?}: {}",
        check.id,
        check.error_reason,
        check.message
    );
    ensure!(!check.message.is_empty(), "{} says nothing", check.id);
    Ok(())
}

fn bystander_finished(report: &Report) -> Result<()> {
    let bystander = report.check("bystander")?;
    ensure!(
        matches!(bystander.status, Status::Pass | Status::Warn) && !bystander.evidence.is_empty(),
        "{}",
        report.digest()
    );
    Ok(())
}

fn alone(guests: &Guests, name: &str, reason: ErrorReason) -> Result<()> {
    let policy = guests.policy()?.check("hostile", &format!("hostile/{name}")).check("sibling", "hostile/well-behaved");
    let run = policy.run("json")?;
    let report = run.exits(5)?.report()?;
    is_error(report.check("hostile")?, reason)?;
    bystander_finished(&report)?;
    let sibling = report.check("sibling")?;
    ensure!(sibling.status == Status::Pass, "the sibling in the same component suffers: {}", report.digest());
    ensure!(run.elapsed < Duration::from_secs(8), "it took {:?}", run.elapsed);
    ensure!(run.stdout.len() < 4 << 20, "the report has grown to {} bytes", run.stdout.len());
    ensure!(run.stderr.len() < 1 << 20, "stderr has grown to {} bytes", run.stderr.len());
    Ok(())
}

fn contained(guests: &Guests) -> Result<()> {
    let policy = CHECKS
        .iter()
        .try_fold(guests.policy()?, |policy, (name, _)| anyhow::Ok(policy.check(name, &format!("hostile/{name}"))))?;
    let policy = policy.check("well-behaved", "hostile/well-behaved");
    let report = policy.run("json")?.exits(5)?.report()?;
    for (name, reason) in CHECKS {
        is_error(report.check(name)?, reason)?;
    }
    bystander_finished(&report)?;
    let good = report.check("well-behaved")?;
    let mark = good.facts.iter().find(|f| f.key == "mark").context("the well-behaved check has lost its fact")?;
    ensure!(good.status == Status::Pass && mark.value == "seen", "{good:?}");
    let told = policy.run("human")?;
    for (name, _) in CHECKS {
        ensure!(told.stdout.contains(name), "{name} is not named to people\n{}", told.transcript());
    }
    Ok(())
}

fn panic_words(guests: &Guests) -> Result<()> {
    alone(guests, "panic", ErrorReason::Trap)?;
    let report = guests.policy()?.check("hostile", "hostile/panic").run("json")?.report()?;
    let message = &report.check("hostile")?.message;
    ensure!(message.contains("panics on purpose"), "the panic's own words are lost: {message}");
    Ok(())
}

/// What its author could not say of it is unknown, and the rest of the run goes on.
fn describe_panics(guests: &Guests) -> Result<()> {
    let file = guests.folder.join("hostile_describe_panic.wasm");
    let policy = Policy::new(&file, Some(&digest(&file)?), false).check("hostile", "hostile/anything");
    let report = policy.run("json")?.exits(5)?.report()?;
    let check = report.check("hostile")?;
    is_error(check, ErrorReason::Load)?;
    ensure!(check.message.contains("describe panics on purpose"), "the panic's own words are lost: {}", check.message);
    bystander_finished(&report)
}

/// A file that is no component for this host is a fault of the policy: nothing is run.
fn refused(what: &str, file: &Path, told: &str) -> Result<()> {
    for command in ["run", "validate"] {
        let run = Policy::new(file, None, false).check("hostile", "hostile/x").play(command, &[])?;
        run.exits(3).with_context(|| format!("{command} with a {what}"))?;
        ensure!(
            run.stderr.contains("`hostile`") && run.stderr.contains(told),
            "{what}: not named\n{}",
            run.transcript()
        );
    }
    Ok(())
}

/// Imports of WASI sockets are not linked, so nothing reaches the network unrecorded.
fn goes_round(guests: &Guests) -> Result<()> {
    refused("component that imports WASI sockets", &guests.folder.join("hostile_wasi_reach.wasm"), "wasi:sockets/tcp")
}

fn core_module(_: &Guests) -> Result<()> {
    let folder = scratch()?;
    let file = folder.path().join("module.wasm");
    // Magic and version of an empty core module.
    std::fs::write(&file, b"\0asm\x01\0\0\0")?;
    refused("core module", &file, "core module")
}

fn truncated(guests: &Guests) -> Result<()> {
    let folder = scratch()?;
    let file = folder.path().join("half.wasm");
    let whole = std::fs::read(guests.folder.join("hostile_misbehaving.wasm"))?;
    std::fs::write(&file, &whole[..whole.len() / 2])?;
    refused("truncated component", &file, "not a valid component")
}

fn missing(_: &Guests) -> Result<()> {
    refused("missing file", Path::new("/nonexistent/plugin.wasm"), "/nonexistent/plugin.wasm")
}

fn wrong_digest(guests: &Guests) -> Result<()> {
    let file = guests.folder.join("hostile_misbehaving.wasm");
    let pin = format!("sha256:{}", "0".repeat(64));
    let run = Policy::new(&file, Some(&pin), true).check("hostile", "hostile/well-behaved").run("json")?;
    run.exits(3)?;
    ensure!(run.stderr.contains(&digest(&file)?), "the real digest is not told\n{}", run.transcript());
    Ok(())
}

fn denied(guests: &Guests) -> Result<()> {
    let file = guests.folder.join("hostile_misbehaving.wasm");
    let run = Policy::new(&file, Some(&digest(&file)?), false).check("hostile", "hostile/well-behaved").run("json")?;
    let report = run.exits(5)?.report()?;
    let check = report.check("hostile")?;
    is_error(check, ErrorReason::Denied)?;
    let told = serde_json::to_string(check)? + &run.stderr;
    ensure!(told.contains("grant.env") && told.contains("HOSTILE_MARK"), "the line to add is not told: {told}");
    bystander_finished(&report)
}
