use crate::ObservationId;
use crate::bindings::exports::seaworthy::check::checks::{Conclusion, Fact, Finding, Outcome};

/// A code declared in `check.toml`; the constants are generated.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// Dotted code.
    pub code: &'static str,
    /// The declared, worst level.
    pub level: &'static str,
}

impl Code {
    /// A finding of this code about nothing in particular.
    #[must_use]
    pub fn found(self) -> FindingBuilder {
        FindingBuilder(Finding {
            code: self.code.into(),
            level: self.level.into(),
            confidence: "certain".into(),
            target: None,
            message: String::new(),
            observed: None,
            expected: None,
            evidence: Vec::new(),
            details: Vec::new(),
        })
    }

    /// A finding of this code about `target`: an address, a variable, a tier.
    #[must_use]
    pub fn at(self, target: impl Into<String>) -> FindingBuilder {
        let mut builder = self.found();
        builder.0.target = Some(target.into());
        builder
    }
}

/// A finding on its way. It only becomes part of a result once it cites something:
/// [`cite`](Self::cite) and [`cite_all`](Self::cite_all) are the only ways to a [`CitedFinding`].
///
/// ```
/// # use seaworthy_check_sdk::{Code, Findings};
/// # const REFUSED: Code = Code { code: "x.refused", level: "fail" };
/// let mut findings = Findings::new();
/// findings.add(REFUSED.at("cache:9100").message("connection refused").cite(1));
/// assert_eq!(findings.count(REFUSED), 1);
/// ```
///
/// What was seen nowhere is no finding:
///
/// ```compile_fail,E0308
/// # use seaworthy_check_sdk::{Code, Findings};
/// # const REFUSED: Code = Code { code: "x.refused", level: "fail" };
/// let mut findings = Findings::new();
/// findings.add(REFUSED.at("cache:9100").message("connection refused"));
/// ```
#[derive(Clone, Debug)]
pub struct FindingBuilder(Finding);

/// A finding that cites at least one observation.
#[derive(Clone, Debug)]
pub struct CitedFinding(Finding);

impl FindingBuilder {
    /// What was found, with the values.
    #[must_use]
    pub fn message(mut self, text: impl Into<String>) -> Self {
        self.0.message = text.into();
        self
    }

    /// What was seen.
    #[must_use]
    pub fn observed(mut self, text: impl Into<String>) -> Self {
        self.0.observed = Some(text.into());
        self
    }

    /// What was wanted.
    #[must_use]
    pub fn expected(mut self, text: impl Into<String>) -> Self {
        self.0.expected = Some(text.into());
        self
    }

    /// A milder level than the declared one: `warn` or `info`.
    #[must_use]
    pub fn level(mut self, level: &str) -> Self {
        self.0.level = level.into();
        self
    }

    /// A contradicting probe ran and passed: not certain, but likely.
    #[must_use]
    pub fn likely(mut self) -> Self {
        self.0.confidence = "likely".into();
        self
    }

    /// No contradicting probe ran.
    #[must_use]
    pub fn possible(mut self) -> Self {
        self.0.confidence = "possible".into();
        self
    }

    /// A detail for rules and machines.
    #[must_use]
    pub fn detail(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.details.push((key.into(), value.into()));
        self
    }

    /// The observation it rests on.
    #[must_use]
    pub fn cite(mut self, id: ObservationId) -> CitedFinding {
        self.0.evidence.push(id);
        CitedFinding(self.0)
    }

    /// The observations it rests on.
    #[must_use]
    pub fn cite_all(mut self, evidence: &Evidence) -> CitedFinding {
        self.0.evidence.extend(evidence.ids());
        CitedFinding(self.0)
    }
}

impl CitedFinding {
    /// A further observation it rests on.
    #[must_use]
    pub fn and(mut self, id: ObservationId) -> Self {
        if !self.0.evidence.contains(&id) {
            self.0.evidence.push(id);
        }
        self
    }
}

/// At least one observation.
///
/// ```
/// # use seaworthy_check_sdk::Evidence;
/// assert_eq!(Evidence::of([3, 1, 3])?.ids().collect::<Vec<_>>(), [3, 1]);
/// assert_eq!(Evidence::of([]).unwrap_err(), "nothing was observed");
/// # Ok::<(), String>(())
/// ```
///
/// There is no evidence of nothing, and no conclusion without evidence, so nothing passes
/// that was not looked at:
///
/// ```compile_fail,E0599
/// # use seaworthy_check_sdk::Evidence;
/// let none = Evidence::default();
/// ```
///
/// ```compile_fail,E0308
/// # use seaworthy_check_sdk::Findings;
/// Findings::new().conclude("all is well", Vec::new());
/// ```
#[derive(Clone, Debug)]
pub struct Evidence(Vec<ObservationId>);

impl Evidence {
    /// From the ids of what was seen. The error, when there is none, is ready to
    /// be returned from a check.
    pub fn of(ids: impl IntoIterator<Item = ObservationId>) -> Result<Self, String> {
        // A linear look for duplicates: sorting would cost every guest some 4 KB.
        let evidence = Self(Vec::new()).with(ids);
        if evidence.0.is_empty() { Err("nothing was observed".into()) } else { Ok(evidence) }
    }

    /// From one id.
    #[must_use]
    pub fn one(id: ObservationId) -> Self {
        Self(vec![id])
    }

    /// These and one more.
    #[must_use]
    pub fn and(mut self, id: ObservationId) -> Self {
        if !self.0.contains(&id) {
            self.0.push(id);
        }
        self
    }

    /// These and those.
    #[must_use]
    pub fn with(mut self, ids: impl IntoIterator<Item = ObservationId>) -> Self {
        for id in ids {
            self = self.and(id);
        }
        self
    }

    /// The ids.
    pub fn ids(&self) -> impl Iterator<Item = ObservationId> + '_ {
        self.0.iter().copied()
    }
}

/// The findings and facts of a check, until it concludes.
#[derive(Debug, Default)]
pub struct Findings {
    findings: Vec<Finding>,
    facts: Vec<Fact>,
}

impl Findings {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding.
    pub fn add(&mut self, finding: CitedFinding) {
        self.findings.push(finding.0);
    }

    /// Adds a fact under a declared key.
    pub fn fact(&mut self, key: &str, value: impl ToString, evidence: &Evidence) {
        self.facts.push(Fact { key: key.into(), value: value.to_string(), evidence: evidence.ids().collect() });
    }

    /// Whether nothing was found so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether anything found so far is more than information.
    #[must_use]
    pub fn any_wrong(&self) -> bool {
        self.findings.iter().any(|finding| finding.level != "info")
    }

    /// How many findings of a code there are.
    #[must_use]
    pub fn count(&self, code: Code) -> usize {
        self.findings.iter().filter(|f| f.code == code.code).count()
    }

    /// Looked at everything it is for. The host computes the status.
    #[must_use]
    pub fn conclude(self, summary: impl Into<String>, evidence: Evidence) -> Outcome {
        self.end(summary, evidence, Conclusion::Concluded)
    }

    /// Could not tell; what was found is kept.
    #[must_use]
    pub fn inconclusive(self, reason: impl Into<String>, evidence: Evidence) -> Outcome {
        let reason = reason.into();
        self.end(reason.clone(), evidence, Conclusion::Inconclusive(reason))
    }

    /// What it would look at is not configured.
    #[must_use]
    pub fn not_configured(self, reason: impl Into<String>, evidence: Evidence) -> Outcome {
        let reason = reason.into();
        self.end(reason.clone(), evidence, Conclusion::Skip(format!("not-configured: {reason}")))
    }

    /// Does not apply here.
    #[must_use]
    pub fn not_applicable(self, reason: impl Into<String>, evidence: Evidence) -> Outcome {
        let reason = reason.into();
        self.end(reason.clone(), evidence, Conclusion::Skip(format!("not-applicable: {reason}")))
    }

    fn end(self, summary: impl Into<String>, evidence: Evidence, conclusion: Conclusion) -> Outcome {
        Outcome {
            summary: summary.into(),
            findings: self.findings,
            facts: self.facts,
            conclusion,
            evidence: evidence.ids().collect(),
        }
    }
}
