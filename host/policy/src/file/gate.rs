use crate::origin::At;
use crate::reader::{Block, Reader};
use crate::scalar::{Choice, boolean, choice, count, prose};
use schemars::JsonSchema;
use seaworthy_model::{ErrorRule, Severity, Status};

/// What may block a merge.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GateBlock {
    /// Which findings fail the gate.
    #[schemars(default)]
    pub fail_on: FailOnBlock,
    /// More warnings than this fail the gate.
    pub max_warnings: Option<At<u64>>,
    /// What a check that ended in error does.
    pub on_error: Option<At<ErrorRule>>,
    /// What a check that passed only when tried again does; only `pass` in this version.
    pub on_flaky: Option<At<FlakyRule>>,
    /// What a skipped check does; only `ignore` in this version, but see `require`.
    pub on_skip: Option<At<SkipRule>>,
    /// Checks (ids or globs) that must have been evaluated; a skipped one fails the gate.
    #[schemars(with = "Option<Vec<String>>")]
    pub require: Option<At<Vec<At<String>>>>,
    /// Fewer evaluated checks than this is exit code 4.
    pub min_evaluated: Option<At<u64>>,
    /// Report, but exit 0.
    pub report_only: Option<At<bool>>,
}

/// Which findings fail the gate.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FailOnBlock {
    /// `fail`, and where wanted `warn` or `error`.
    pub status: Option<At<Vec<Status>>>,
    /// Findings below this do not count.
    pub severity: Option<At<Severity>>,
}

/// What a flaky check does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum FlakyRule {
    /// It passed.
    Pass,
}

/// What a skipped check does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum SkipRule {
    /// Nothing.
    Ignore,
}

impl Choice for FlakyRule {
    const ALL: &'static [(&'static str, Self)] = &[("pass", Self::Pass)];
    const LATER: &'static [&'static str] = &["warn", "fail"];
}

impl Choice for SkipRule {
    const ALL: &'static [(&'static str, Self)] = &[("ignore", Self::Ignore)];
    const LATER: &'static [&'static str] = &["warn", "fail"];
}

impl GateBlock {
    /// Each value that this block sets, else the lower one's.
    pub(crate) fn over(self, lower: Self) -> Self {
        Self {
            fail_on: FailOnBlock {
                status: self.fail_on.status.or(lower.fail_on.status),
                severity: self.fail_on.severity.or(lower.fail_on.severity),
            },
            max_warnings: self.max_warnings.or(lower.max_warnings),
            on_error: self.on_error.or(lower.on_error),
            on_flaky: self.on_flaky.or(lower.on_flaky),
            on_skip: self.on_skip.or(lower.on_skip),
            require: self.require.or(lower.require),
            min_evaluated: self.min_evaluated.or(lower.min_evaluated),
            report_only: self.report_only.or(lower.report_only),
        }
    }
}

pub(super) fn read(reader: &mut Reader<'_>, mut block: Block<'_, '_>) -> GateBlock {
    let gate = GateBlock {
        fail_on: block.block(reader, "fail-on", read_fail_on).unwrap_or_default(),
        max_warnings: block.opt(reader, "max-warnings", count::<0>),
        on_error: block.opt(reader, "on-error", choice),
        on_flaky: block.opt(reader, "on-flaky", choice),
        on_skip: block.opt(reader, "on-skip", choice),
        require: block.list(reader, "require", prose),
        min_evaluated: block.opt(reader, "min-evaluated", count::<0>),
        report_only: block.opt(reader, "report-only", boolean),
    };
    block.finish(reader);
    gate
}

fn read_fail_on(reader: &mut Reader<'_>, mut block: Block<'_, '_>) -> FailOnBlock {
    let status = block.list(reader, "status", choice::<Status>);
    let fail_on = FailOnBlock {
        status: status.map(|at| At { value: at.value.into_iter().map(|s| s.value).collect(), origin: at.origin }),
        severity: block.opt(reader, "severity", choice),
    };
    block.finish(reader);
    fail_on
}
