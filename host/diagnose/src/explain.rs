use crate::group::{Group, groups};
use crate::remedy::remedy;
use crate::rule::{Told, targets};
use crate::scene::{Scene, Symptom};
use seaworthy_model::{Cause, Diagnosis, Level, ObservationId, Remediation, Report, Risk, RunRecord, SkipReason};
use std::collections::BTreeSet;

/// Reads a record: its root causes, and the same steps with findings that name
/// what caused them. `host_report` is a report recorded on the container's host.
///
/// *Behaviour*: every finding of level `fail` or `warn` belongs to exactly one
/// cause; a cause whose roots are all warnings ranks below those with a failure.
/// Then what explains most comes first, then the lower layer, then the code. The
/// same record gives the same diagnosis.
#[must_use]
pub fn explain(record: RunRecord, host_report: Option<&Report>) -> Diagnosis {
    let (mut causes, named) = {
        let scene = Scene::of(&record, host_report);
        let groups = groups(&scene);
        let named: Vec<(usize, String)> =
            groups.iter().flat_map(|group| group.all().map(|index| (index, group.code(&scene).to_owned()))).collect();
        let blocks = blocks(&scene, &groups);
        let causes: Vec<(Level, Cause)> = groups
            .iter()
            .zip(blocks)
            .map(|(group, blocks)| (group.level(&scene), cause(&scene, group, blocks)))
            .collect();
        (causes, named)
    };
    causes.sort_by(|(a_level, a), (b_level, b)| {
        let rank =
            |cause: &Cause| (std::cmp::Reverse(cause.would_fix), cause.layer, cause.code.clone(), cause.target.clone());
        b_level.cmp(a_level).then_with(|| rank(a).cmp(&rank(b)))
    });
    let mut record = record;
    let symptoms = record.steps.iter_mut().flat_map(|step| &mut step.findings).filter(|f| f.level >= Level::Warn);
    for (index, finding) in symptoms.enumerate() {
        // A finding that is its own cause is not caused by itself.
        finding.caused_by =
            named.iter().find(|(at, code)| *at == index && *code != finding.code).map(|(_, code)| code.clone());
    }
    Diagnosis { record, causes: causes.into_iter().map(|(_, cause)| cause).collect() }
}

fn cause(scene: &Scene<'_>, group: &Group, blocks: Vec<String>) -> Cause {
    let roots: Vec<&Symptom<'_>> = group.roots.iter().map(|index| &scene.symptoms[*index]).collect();
    let all: Vec<&Symptom<'_>> = group.all().map(|index| &scene.symptoms[index]).collect();
    let mut told = match group.rule {
        Some(rule) => rule.told(scene, &roots),
        None => own_words(&roots),
    };
    let proof = group.rule.map_or_else(|| roots[0].step.id.clone(), |rule| scene.proof_of(rule.fault, roots[0]));
    for remediation in &mut told.remediations {
        remediation.verified_by.get_or_insert_with(|| proof.clone());
    }
    let title = group.rule.map_or_else(|| roots[0].finding.title.clone(), |rule| rule.fault.title.to_owned());
    let about = targets(&roots);
    let evidence: BTreeSet<ObservationId> = roots.iter().flat_map(|s| s.finding.evidence_ids.iter().copied()).collect();
    // Findings of one check, code and target share a fingerprint.
    let mut explains: Vec<String> = Vec::new();
    for symptom in &all {
        if !explains.contains(&symptom.finding.fingerprint) {
            explains.push(symptom.finding.fingerprint.clone());
        }
    }
    Cause {
        code: group.code(scene).to_owned(),
        title,
        message: told.message,
        confidence: group.confidence,
        layer: group.layer,
        target: (about.len() == 1 && roots[0].finding.target.is_some()).then(|| about[0].clone()),
        would_fix: explains.len() + blocks.len(),
        explains,
        blocks,
        supported_by: evidence.into_iter().collect(),
        contradicted_by: Vec::new(),
        remediations: told.remediations,
    }
}

/// No rule knows it: the finding speaks for itself, with the remedy that its
/// component declared.
fn own_words(roots: &[&Symptom<'_>]) -> Told {
    let mut remediations: Vec<Remediation> =
        roots.iter().flat_map(|s| s.finding.remediations.iter().cloned()).collect();
    remediations.dedup();
    if roots[0].code().starts_with("expect.") {
        remediations = vec![limit(roots[0])];
    } else if remediations.is_empty() {
        let code = roots[0].code();
        let page = remedy(
            "read-explanation",
            format!("Read what {code} means"),
            "Its page says what was looked at and what helps.",
        )
        .run("Open the page of this code.", format!("seaworthy explain {}", crate::remedy::shell(code)))
        .risk(Risk::None);
        remediations.push(page.done());
    }
    Told::found(roots, remediations)
}

/// A limit of the policy was broken: where it is written.
fn limit(symptom: &Symptom<'_>) -> Remediation {
    let (code, check) = (symptom.code(), &symptom.step.id);
    let place = match &symptom.step.source {
        Some(source) if source.file == "embedded" => " in the embedded suite".to_owned(),
        Some(source) => format!(", {}:{}", source.file, source.line),
        None => String::new(),
    };
    remedy(
        "meet-limit",
        "Meet the limit, or change it where it is written",
        "Limits under `expect` are the policy's own.",
    )
    .step(format!("The limit is `{code}` of the check {check}{place}."))
    .done()
}

/// For each group, the checks that were skipped because of it.
fn blocks(scene: &Scene<'_>, groups: &[Group]) -> Vec<Vec<String>> {
    let mut blocks = vec![Vec::new(); groups.len()];
    for step in scene.record.steps.iter().filter(|step| step.skip == Some(SkipReason::DependencyFailed)) {
        let mut blocker = step.blocked_by.as_ref();
        // A check may be blocked by one that was itself blocked; a cycle cannot be
        // planned, but a record read from a file is not trusted to hold none.
        for _ in 0..scene.record.steps.len() {
            let Some((id, code)) = blocker else { break };
            if let Some(group) = group_of(scene, groups, id, code.as_deref()) {
                blocks[group].push(step.id.clone());
                break;
            }
            blocker =
                scene.record.steps.iter().find(|other| other.id == *id).and_then(|other| other.blocked_by.as_ref());
        }
    }
    blocks
}

/// The group that holds a check's finding of `code`, else its worst finding.
fn group_of(scene: &Scene<'_>, groups: &[Group], id: &str, code: Option<&str>) -> Option<usize> {
    let of_check =
        |index: &usize| scene.symptoms[*index].step.id == id && scene.symptoms[*index].finding.level == Level::Fail;
    let holding = |wanted: &dyn Fn(usize) -> bool| {
        (0..groups.len())
            .filter(|at| groups[*at].all().filter(of_check).any(wanted))
            .max_by_key(|at| (groups[*at].all().count(), std::cmp::Reverse(*at)))
    };
    code.and_then(|code| holding(&|index| scene.symptoms[index].code() == code)).or_else(|| holding(&|_| true))
}
