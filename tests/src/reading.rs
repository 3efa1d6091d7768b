use anyhow::{Context, Result, ensure};
use seaworthy_model::{Cause, CheckResult, Finding, Report, Status};

/// What scenes ask of a report.
pub trait Reading {
    /// The check with this id.
    ///
    /// # Errors
    /// When the report has none.
    fn check(&self, id: &str) -> Result<&CheckResult>;
    /// The root cause with this code.
    ///
    /// # Errors
    /// When there is none; with the codes there are.
    fn cause(&self, code: &str) -> Result<&Cause>;
    /// The finding with this code, of whichever check.
    ///
    /// # Errors
    /// When there is none; with the codes there are.
    fn finding(&self, code: &str) -> Result<&Finding>;
    /// Fails when any cause's code starts with `prefix`.
    ///
    /// # Errors
    /// When there is such a cause.
    fn no_cause(&self, prefix: &str) -> Result<()>;
    /// Fails when a check has another status than `pass`, or passed and cites nothing.
    ///
    /// # Errors
    /// Names the check.
    fn all_pass_with_evidence(&self) -> Result<()>;
    /// Causes and findings on a few lines, for messages.
    fn digest(&self) -> String;
}

impl Reading for Report {
    fn check(&self, id: &str) -> Result<&CheckResult> {
        self.checks.iter().find(|c| c.id == id).with_context(|| format!("no check {id}\n{}", self.digest()))
    }

    fn cause(&self, code: &str) -> Result<&Cause> {
        self.causes.iter().find(|c| c.code == code).with_context(|| format!("no cause {code}\n{}", self.digest()))
    }

    fn finding(&self, code: &str) -> Result<&Finding> {
        let mut findings = self.checks.iter().flat_map(|c| &c.findings);
        findings.find(|f| f.code == code).with_context(|| format!("no finding {code}\n{}", self.digest()))
    }

    fn no_cause(&self, prefix: &str) -> Result<()> {
        ensure!(
            !self.causes.iter().any(|c| c.code.starts_with(prefix)),
            "a cause {prefix}* that should not be\n{}",
            self.digest()
        );
        Ok(())
    }

    fn all_pass_with_evidence(&self) -> Result<()> {
        for check in &self.checks {
            ensure!(
                check.status == Status::Pass,
                "{} is {}: {}\n{}",
                check.id,
                check.status.word(),
                check.message,
                self.digest()
            );
            ensure!(!check.evidence.is_empty(), "{} passed and cites no observation", check.id);
        }
        Ok(())
    }

    fn digest(&self) -> String {
        let mut lines = vec![format!("gate: {:?} {:?}", self.gate.verdict, self.gate.reasons)];
        lines.extend(
            self.causes.iter().map(|c| format!("cause {} ({:?}) {:?}: {}", c.code, c.confidence, c.target, c.message)),
        );
        for check in &self.checks {
            lines.push(format!("{} {} {}", check.status.word(), check.id, check.message));
            let findings = check.findings.iter();
            lines.extend(
                findings.map(|f| format!("  {:?} {} {:?}: {} {:?}", f.level, f.code, f.target, f.message, f.details)),
            );
        }
        lines.join("\n")
    }
}
