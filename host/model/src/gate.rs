use crate::{ExitCode, Severity, Status};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What may block a merge. The data; the judgement is in the diagnose crate.
#[derive(Clone, Debug, PartialEq)]
pub struct GateRules {
    /// Which findings fail the gate.
    pub fail_on: FailOn,
    /// More warnings than this fail the gate.
    pub max_warnings: Option<usize>,
    /// What a step that ended in error does.
    pub on_error: ErrorRule,
    /// Checks (ids or globs) that must have been evaluated.
    pub require: Vec<String>,
    /// Fewer evaluated than this is "nothing evaluated".
    pub min_evaluated: usize,
    /// Report, but always exit 0 for a failed or indeterminate gate.
    pub report_only: bool,
    /// Waivers and their rules.
    pub waivers: Vec<Waiver>,
    /// How waivers are judged.
    pub waiver_rules: WaiverRules,
}

/// Which statuses, from which severity on, fail the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailOn {
    /// `fail`, and where wanted `warn` or `error`.
    pub status: Vec<Status>,
    /// Findings below this do not count.
    pub severity: Severity,
}

/// What a step that ended in error does to the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorRule {
    /// The gate fails.
    Fail,
    /// The gate is indeterminate: exit 5.
    Indeterminate,
    /// Nothing.
    Ignore,
}

/// Forgives one finding until a day, with a reason and an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// Check id or glob.
    pub check: String,
    /// Finding code or glob.
    pub code: String,
    /// Finding target or glob.
    pub target: String,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Last day on which it holds, `YYYY-MM-DD`.
    pub expires: String,
    /// Never forgives more than this.
    pub max_severity: Option<Severity>,
}

/// How waivers are judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaiverRules {
    /// What a waiver that forgives nothing does.
    pub unused: Status,
    /// Days before its end from which it is said.
    pub notice_days: u32,
}

/// A threshold of `expect`: the fact breaks it when `fact <op> value`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// Comparison.
    pub op: Comparison,
    /// The number compared with.
    pub value: f64,
}

/// How a fact is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

impl Threshold {
    /// Whether `fact` breaks the threshold.
    #[must_use]
    pub fn broken_by(&self, fact: f64) -> bool {
        match self.op {
            Comparison::Less => fact < self.value,
            Comparison::LessOrEqual => fact <= self.value,
            Comparison::Greater => fact > self.value,
            Comparison::GreaterOrEqual => fact >= self.value,
            Comparison::Equal => (fact - self.value).abs() < f64::EPSILON,
            Comparison::NotEqual => (fact - self.value).abs() >= f64::EPSILON,
        }
    }
}

impl std::fmt::Display for Threshold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let op = match self.op {
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
        };
        write!(f, "{op} {}", self.value)
    }
}

/// The word of the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing blocks.
    Pass,
    /// Something blocks.
    Fail,
    /// We could not tell.
    Indeterminate,
}

/// What the gate decided and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// The word.
    pub verdict: Verdict,
    /// What the process exits with.
    pub exit_code: u8,
    /// One line a reason, worst first.
    pub reasons: Vec<String>,
    /// The exit code, typed.
    #[serde(skip, default = "passed")]
    #[schemars(skip)]
    pub exit: ExitCode,
}

fn passed() -> ExitCode {
    ExitCode::Passed
}
