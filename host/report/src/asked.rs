use seaworthy_model::{CheckResult, Report, SkipReason};

/// What was asked for, of all that the policy has.
pub(crate) struct Asked<'a> {
    /// The checks that were asked for, in the policy's order.
    pub(crate) checks: Vec<&'a CheckResult>,
    /// How many of them passed, with warnings or without.
    pub(crate) passed: usize,
    /// How many of them were skipped.
    pub(crate) skipped: usize,
    /// How many checks were left out by a list of ids, `--tag`, `--target` or `--skip`.
    pub(crate) left_out: usize,
}

impl<'a> Asked<'a> {
    pub(crate) fn of(report: &'a Report) -> Self {
        let asked = |check: &&CheckResult| check.skip_reason != Some(SkipReason::Filtered);
        let checks: Vec<&CheckResult> = report.checks.iter().filter(asked).collect();
        let left_out = report.checks.len() - checks.len();
        let counts = &report.summary;
        Self { checks, passed: counts.pass + counts.warn, skipped: counts.skip.saturating_sub(left_out), left_out }
    }

    /// `2/3 checks passed`.
    pub(crate) fn result(&self) -> String {
        format!("{}/{} checks passed", self.passed, self.checks.len())
    }

    /// `5 checks were not asked for`, where some were not.
    pub(crate) fn others(&self) -> Option<String> {
        match self.left_out {
            0 => None,
            1 => Some("1 check was not asked for".into()),
            count => Some(format!("{count} checks were not asked for")),
        }
    }
}
