use super::{Bench, Scene, Topology, World};
use crate::rivals::{Opinion, opinions};
use crate::{Reading as _, Run};
use anyhow::{Context as _, Result, ensure};
use seaworthy_model::{Report, Status};
use serde::Serialize;
use std::sync::Arc;

/// How a scene went.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Of the scene; of both, joined by ` + `, for a pair.
    pub scene: String,
    /// Numbers in the knowledge base.
    pub faults: Vec<String>,
    /// The causes that had to be named, the first one first.
    pub expected: Vec<String>,
    /// The causes that were named, in order.
    pub named: Vec<String>,
    /// How sure the first one is.
    pub confidence: Option<String>,
    /// Failing or warning findings that were folded into the causes.
    pub folded: usize,
    /// Seconds of the three runs.
    pub seconds: [f64; 3],
    /// What else would have told, by name of the tool.
    pub rivals: Vec<Opinion>,
    /// Why the miss is known, where it is.
    pub known_miss: Option<String>,
}

impl Outcome {
    /// Whether the first cause is the right one; for a pair, whether both are there.
    #[must_use]
    pub fn is_right(&self) -> bool {
        if self.scene.contains(" + ") {
            return self.expected.iter().all(|code| self.named.contains(code));
        }
        !self.named.is_empty() && self.named.first() == self.expected.first()
    }
}

/// One of the functions of a scene.
type Act = fn(&mut World) -> Result<()>;

/// Plays a scene: healthy, injected, remedied.
///
/// # Errors
/// Whatever is not as [`Scene`] says, but for the name of the first cause: that is in
/// the outcome, for the caller to judge.
pub fn play(bench: &Arc<Bench>, scene: &Scene) -> Result<Outcome> {
    let mut world = World::build(bench, scene.topology).context("the topology cannot be built")?;
    (scene.setup)(&mut world).context("the setup fails")?;
    let before = healthy(&world, "healthy")?;
    let sound = opinions(&world).context("other tools, healthy")?;
    (scene.inject)(&mut world).context("the fault cannot be made")?;
    let run = world.run().context("the injected run")?;
    let report = run.report()?;
    let ill = opinions(&world).context("other tools, injected")?;
    let outcome = Outcome {
        scene: scene.name.to_owned(),
        faults: scene.faults.iter().map(|&f| f.to_owned()).collect(),
        expected: scene.causes.iter().map(|&c| c.to_owned()).collect(),
        named: report.causes.iter().map(|cause| cause.code.clone()).collect(),
        confidence: report.causes.first().map(|cause| format!("{:?}", cause.confidence).to_lowercase()),
        folded: report
            .causes
            .iter()
            .map(|cause| cause.explains.len())
            .sum::<usize>()
            .saturating_sub(report.causes.len()),
        seconds: [before, run.elapsed.as_secs_f64(), 0.0],
        rivals: Opinion::compare(&sound, &ill, scene.causes),
        known_miss: scene.known_miss.map(str::to_owned),
    };
    if outcome.is_right() {
        let proof = judge(scene, &report, &run)?;
        (scene.remedy)(&mut world).context("the remedy cannot be applied")?;
        let after = proven(&world, proof.as_deref())?;
        let seconds = [outcome.seconds[0], outcome.seconds[1], after];
        return Ok(Outcome { seconds, ..outcome });
    }
    if scene.known_miss.is_none() {
        println!(
            "{}: {:?} is expected and {:?} named\n{}",
            scene.name,
            outcome.expected,
            outcome.named,
            report.digest()
        );
    }
    Ok(outcome)
}

/// Plays two scenes of one topology at once, each on a machine of its own.
///
/// # Errors
/// As for [`play`].
pub fn play_pair(bench: &Arc<Bench>, pair: [&Scene; 2]) -> Result<Outcome> {
    ensure!(pair[0].topology == pair[1].topology && pair[0].topology != Topology::Docker, "a pair shares one topology");
    let mut world = World::build(bench, pair[0].topology)?;
    let each = |world: &mut World, which: fn(&Scene) -> Act| {
        pair.iter().enumerate().try_for_each(|(machine, scene)| {
            world.go_to(machine);
            which(scene)(world).with_context(|| scene.name)
        })
    };
    each(&mut world, |scene| scene.setup).context("the setup fails")?;
    let before = healthy(&world, "healthy")?;
    each(&mut world, |scene| scene.inject).context("the faults cannot be made")?;
    let run = world.run()?;
    let report = run.report()?;
    let of =
        |list: fn(&Scene) -> &'static [&'static str]| pair.iter().flat_map(move |s| list(s)).map(|&x| x.to_owned());
    let mut outcome = Outcome {
        scene: format!("{} + {}", pair[0].name, pair[1].name),
        faults: of(|scene| scene.faults).collect(),
        expected: of(|scene| scene.causes).collect(),
        named: report.causes.iter().map(|cause| cause.code.clone()).collect(),
        confidence: None,
        folded: report
            .causes
            .iter()
            .map(|cause| cause.explains.len())
            .sum::<usize>()
            .saturating_sub(report.causes.len()),
        seconds: [before, run.elapsed.as_secs_f64(), 0.0],
        rivals: Vec::new(),
        known_miss: None,
    };
    for code in &outcome.named {
        let allowed = pair.iter().any(|s| s.causes.contains(&code.as_str()) || s.allows.iter().any(|(c, _)| c == code));
        ensure!(allowed, "{code} is a cause of neither\n{}", report.digest());
    }
    ensure!(
        outcome.is_right(),
        "{:?} are expected and {:?} named\n{}",
        outcome.expected,
        outcome.named,
        report.digest()
    );
    each(&mut world, |scene| scene.remedy).context("the remedies cannot be applied")?;
    outcome.seconds[2] = healthy(&world, "remedied")?;
    Ok(outcome)
}

/// A run in which nothing is wrong; answers its seconds.
fn healthy(world: &World, what: &str) -> Result<f64> {
    let run = world.run().with_context(|| format!("the {what} run"))?;
    let report = run.report()?;
    ensure!(report.causes.is_empty(), "{what}, and a cause is named\n{}", report.digest());
    run.exits(0).with_context(|| format!("{what}, and the gate does not pass\n{}", report.digest()))?;
    Ok(run.elapsed.as_secs_f64())
}

/// The run after the remedy; the check that is to prove it must pass.
fn proven(world: &World, proof: Option<&str>) -> Result<f64> {
    let run = world.run().context("the remedied run")?;
    let report = run.report()?;
    ensure!(report.causes.is_empty(), "remedied, and a cause is named\n{}", report.digest());
    run.exits(0).with_context(|| format!("remedied, and the gate does not pass\n{}", report.digest()))?;
    if let Some(proof) = proof {
        let check = report.check(proof).context("the check that proves the remedy is not in the policy")?;
        ensure!(check.status == Status::Pass, "{proof} proves the remedy, and is {}", check.status.word());
    }
    Ok(run.elapsed.as_secs_f64())
}

/// What a right first cause must have beside its name. Answers the check that proves its
/// first remedy.
fn judge(scene: &Scene, report: &Report, run: &Run) -> Result<Option<String>> {
    let code = run.code().context("it was ended by a signal")?;
    ensure!(matches!(code, 0 | 1 | 5), "exit code {code}\n{}", run.transcript());
    for code in scene.causes {
        report.cause(code)?;
    }
    for cause in &report.causes {
        let code = cause.code.as_str();
        let allowed = scene.causes.contains(&code) || scene.allows.iter().any(|(allowed, _)| *allowed == code);
        ensure!(allowed, "{code} is named beside, and nothing allows that\n{}", report.digest());
        ensure!(!cause.remediations.is_empty(), "{code} has no remedy\n{}", report.digest());
    }
    let first = report.causes.first().context("no cause")?;
    Ok(first.remediations.first().and_then(|remedy| remedy.verified_by.clone()))
}
