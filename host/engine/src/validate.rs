//! Turns what a guest returned into what the host concludes. Nothing a guest says
//! is taken over unseen: ids must be its own, codes and keys declared, levels no
//! worse than declared.

use crate::bindings::check::exports::seaworthy::check::checks as wit;
use crate::scope::Scope;
use data_encoding::HEXLOWER;
use seaworthy_model::{
    CheckDescriptor, CodeDescriptor, Confidence, Disposition, ErrorReason, Fact, Finding, Level, ObservationId,
    Remediation, RemedyStep, Risk, SkipReason, Status, Step,
};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Characters of one message, fact or detail that are kept.
const MAX_TEXT: usize = 4096;

/// What one attempt came to.
#[derive(Debug)]
pub(crate) struct Concluded {
    pub(crate) status: Status,
    pub(crate) skip: Option<SkipReason>,
    pub(crate) error: Option<ErrorReason>,
    pub(crate) message: String,
    pub(crate) findings: Vec<Finding>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) evidence: Vec<ObservationId>,
}

impl Concluded {
    pub(crate) fn error(reason: ErrorReason, message: impl Into<String>) -> Self {
        Self {
            status: Status::Error,
            skip: None,
            error: Some(reason),
            message: message.into(),
            findings: Vec::new(),
            facts: Vec::new(),
            evidence: Vec::new(),
        }
    }
}

/// Judges the outcome of a check.
pub(crate) fn conclude(outcome: wit::Outcome, step: &Step, check: &CheckDescriptor, scope: &Scope) -> Concluded {
    match try_conclude(outcome, step, check, scope) {
        Ok(concluded) => denied(concluded, scope),
        Err((reason, message)) => denied(Concluded::error(reason, message), scope),
    }
}

/// A step during which anything was refused is `error/denied`, whatever its guest made of it.
pub(crate) fn denied(mut concluded: Concluded, scope: &Scope) -> Concluded {
    let denials = scope.step.denials();
    if let Some(first) = denials.first() {
        concluded.status = Status::Error;
        concluded.error = Some(ErrorReason::Denied);
        concluded.skip = None;
        // What was refused was not seen: nothing that was found can rest on it.
        concluded.findings.clear();
        concluded.facts.clear();
        let more = if denials.len() > 1 { format!(" (and {} more)", denials.len() - 1) } else { String::new() };
        concluded.message = format!("`{}` is not granted to it{more}; {}", first.wanted, first.way_out());
    }
    concluded
}

fn try_conclude(
    outcome: wit::Outcome,
    step: &Step,
    check: &CheckDescriptor,
    scope: &Scope,
) -> Result<Concluded, (ErrorReason, String)> {
    let own: BTreeSet<ObservationId> = scope.step.own_observations().into_iter().collect();
    let cite = |ids: &[u32], what: &str| -> Result<Vec<ObservationId>, (ErrorReason, String)> {
        ids.iter()
            .map(|id| match own.contains(&ObservationId(*id)) {
                true => Ok(ObservationId(*id)),
                false => Err((
                    ErrorReason::ForgedEvidence,
                    format!("{what} cites observation o{id}, which the host did not record for this check"),
                )),
            })
            .collect()
    };
    if outcome.findings.len() + outcome.facts.len() > scope.step.limits.findings {
        return Err((
            ErrorReason::OutputLimit,
            format!("more than {} findings and facts were returned", scope.step.limits.findings),
        ));
    }
    let size = size_of_outcome(&outcome);
    if size > scope.step.limits.output {
        return Err((
            ErrorReason::OutputLimit,
            format!("the result is {} KiB, more than the {} KiB allowed", size >> 10, scope.step.limits.output >> 10),
        ));
    }
    let evidence = cite(&outcome.evidence, "the conclusion")?;
    let mut findings = Vec::with_capacity(outcome.findings.len());
    for finding in outcome.findings {
        let ids = cite(&finding.evidence, &format!("finding `{}`", finding.code))?;
        if ids.is_empty() {
            return Err((ErrorReason::NoEvidence, format!("finding `{}` cites no observation", finding.code)));
        }
        findings.push(accept(finding, ids, step, check).map_err(|message| (ErrorReason::BadOutput, message))?);
    }
    let mut facts = Vec::with_capacity(outcome.facts.len());
    for fact in outcome.facts {
        if !check.facts.iter().any(|declared| declared.key == fact.key) {
            return Err((ErrorReason::BadOutput, format!("fact `{}` is not declared by the check", fact.key)));
        }
        let evidence_ids = cite(&fact.evidence, &format!("fact `{}`", fact.key))?;
        if evidence_ids.is_empty() {
            return Err((ErrorReason::NoEvidence, format!("fact `{}` cites no observation", fact.key)));
        }
        if facts.iter().any(|known: &Fact| known.key == fact.key) {
            return Err((ErrorReason::BadOutput, format!("fact `{}` is reported twice", fact.key)));
        }
        facts.push(Fact { key: fact.key, value: cut(fact.value), evidence_ids });
    }
    findings.extend(broken_thresholds(step, &facts));
    let unknown = unknown_facts(step, &facts);
    let summary = cut(outcome.summary);
    let worst = findings.iter().map(|finding| finding.level).max();
    let (status, skip, error, message) = match outcome.conclusion {
        wit::Conclusion::Inconclusive(reason) if worst == Some(Level::Fail) => (Status::Fail, None, None, cut(reason)),
        wit::Conclusion::Inconclusive(reason) => (Status::Error, None, Some(ErrorReason::Inconclusive), cut(reason)),
        wit::Conclusion::Skip(_) if evidence.is_empty() => {
            return Err((ErrorReason::NoEvidence, "it skipped itself without citing a single observation".into()));
        }
        wit::Conclusion::Skip(reason) => {
            let (kind, text) = reason.split_once(':').unwrap_or(("not-applicable", reason.as_str()));
            let skip = match kind {
                "not-configured" => SkipReason::NotConfigured,
                _ => SkipReason::NotApplicable,
            };
            (Status::Skip, Some(skip), None, cut(text.trim().to_owned()))
        }
        wit::Conclusion::Concluded if worst != Some(Level::Fail) && !unknown.is_empty() => {
            let message = format!("`expect` names {}, which the check did not report as a number", unknown.join(", "));
            (Status::Error, None, Some(ErrorReason::Inconclusive), message)
        }
        wit::Conclusion::Concluded if evidence.is_empty() && findings.is_empty() => {
            return Err((ErrorReason::NoEvidence, "it concluded without citing a single observation".into()));
        }
        wit::Conclusion::Concluded => {
            let status = match worst {
                Some(Level::Fail) => Status::Fail,
                Some(Level::Warn) => Status::Warn,
                Some(Level::Info) | None => Status::Pass,
            };
            (status, None, None, summary)
        }
    };
    Ok(Concluded { status, skip, error, message, findings, facts, evidence })
}

/// A finding as the host keeps it.
fn accept(
    finding: wit::Finding,
    ids: Vec<ObservationId>,
    step: &Step,
    check: &CheckDescriptor,
) -> Result<Finding, String> {
    let Some(declared) = check.codes.iter().find(|code| code.code == finding.code) else {
        return Err(format!("finding `{}` is not declared by the check", finding.code));
    };
    let level = match finding.level.as_str() {
        "fail" => Level::Fail,
        "warn" => Level::Warn,
        "info" => Level::Info,
        other => {
            return Err(format!("finding `{}` has the level `{other}`; it must be fail, warn or info", finding.code));
        }
    };
    if level > declared.level {
        return Err(format!(
            "finding `{}` is declared as at most {:?} but was reported as {level:?}",
            finding.code, declared.level
        ));
    }
    let confidence = match finding.confidence.as_str() {
        "certain" => Confidence::Certain,
        "likely" => Confidence::Likely,
        "possible" => Confidence::Possible,
        other => {
            return Err(format!(
                "finding `{}` has the confidence `{other}`; it must be certain, likely or possible",
                finding.code
            ));
        }
    };
    Ok(Finding {
        fingerprint: fingerprint(&step.id, &finding.code, finding.target.as_deref()),
        code: finding.code,
        title: declared.title.clone(),
        message: cut(finding.message),
        level,
        severity: declared.severity,
        confidence,
        layer: declared.layer,
        target: finding.target.map(cut),
        observed: finding.observed.map(cut),
        expected: finding.expected.map(cut),
        evidence_ids: ids,
        details: finding.details.into_iter().map(|(key, value)| (cut(key), cut(value))).collect::<BTreeMap<_, _>>(),
        remediations: vec![declared_remedy(declared, step)],
        disposition: if level == Level::Info { Disposition::Advisory } else { Disposition::Counted },
        waiver: None,
        caused_by: None,
    })
}

/// What the check itself declares to be done about a code.
fn declared_remedy(code: &CodeDescriptor, step: &Step) -> Remediation {
    Remediation {
        id: code.code.clone(),
        title: code.title.clone(),
        why: String::new(),
        steps: vec![RemedyStep { text: code.remedy.trim().to_owned(), command: None, snippet: None }],
        tradeoff: None,
        risk: Risk::Config,
        docs: step.docs.clone(),
        verified_by: Some(step.id.clone()),
    }
}

/// The keys of `expect` of which no number is known: unknown is not "within limits".
fn unknown_facts<'a>(step: &'a Step, facts: &[Fact]) -> Vec<&'a str> {
    let known = |key: &str| {
        let fact = facts.iter().find(|fact| fact.key == key);
        fact.and_then(|fact| fact.value.parse::<f64>().ok()).is_some_and(f64::is_finite)
    };
    let mut keys: Vec<&str> = step.expect.iter().map(|(key, _, _)| key.as_str()).filter(|key| !known(key)).collect();
    keys.dedup();
    keys
}

/// A finding for each `expect` threshold that a fact breaks; of warn and fail only the worse.
fn broken_thresholds(step: &Step, facts: &[Fact]) -> Vec<Finding> {
    let mut broken: BTreeMap<&str, Finding> = BTreeMap::new();
    for (key, status, threshold) in &step.expect {
        let Some(fact) = facts.iter().find(|fact| fact.key == *key) else { continue };
        let Ok(value) = fact.value.parse::<f64>() else { continue };
        if !threshold.broken_by(value) {
            continue;
        }
        let level = if *status == Status::Fail { Level::Fail } else { Level::Warn };
        if broken.get(key.as_str()).is_some_and(|other| other.level >= level) {
            continue;
        }
        let code = format!("expect.{key}");
        broken.insert(
            key,
            Finding {
                fingerprint: fingerprint(&step.id, &code, None),
                title: format!("{key} is out of the expected range"),
                message: format!(
                    "{key} is {}; `expect` of {} calls {} a {}",
                    fact.value,
                    step.id,
                    threshold,
                    status.as_str()
                ),
                code,
                level,
                severity: step.severity,
                confidence: Confidence::Certain,
                layer: seaworthy_model::Layer::Cache,
                target: None,
                observed: Some(fact.value.clone()),
                expected: Some(format!("not {threshold}")),
                evidence_ids: fact.evidence_ids.clone(),
                details: BTreeMap::new(),
                remediations: Vec::new(),
                disposition: Disposition::Counted,
                waiver: None,
                caused_by: None,
            },
        );
    }
    broken.into_values().collect()
}

/// Stable over runs: which check found what about what.
fn fingerprint(check: &str, code: &str, target: Option<&str>) -> String {
    let digest = Sha256::digest(format!("{check}\0{code}\0{}", target.unwrap_or_default()));
    HEXLOWER.encode(&digest[..8])
}

pub(crate) fn cut(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

fn size_of_outcome(outcome: &wit::Outcome) -> usize {
    let pairs = |pairs: &[(String, String)]| pairs.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
    let findings: usize = outcome
        .findings
        .iter()
        .map(|f| {
            f.code.len()
                + f.level.len()
                + f.confidence.len()
                + f.message.len()
                + f.evidence.len() * 4
                + [&f.target, &f.observed, &f.expected].into_iter().flatten().map(String::len).sum::<usize>()
                + pairs(&f.details)
        })
        .sum();
    let facts: usize = outcome.facts.iter().map(|f| f.key.len() + f.value.len() + f.evidence.len() * 4).sum();
    outcome.summary.len() + findings + facts + outcome.evidence.len() * 4
}
