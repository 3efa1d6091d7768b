use super::{DayText, DurationText, overlay};
use crate::origin::At;
use crate::reader::{Block, Reader};
use crate::scalar::{Choice, choice, day, duration, prose};
use schemars::JsonSchema;
use seaworthy_model::Severity;
use std::time::Duration;

/// Forgives one finding until a day. The status stays as it is; only the gate forgives.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WaiverBlock {
    /// Check id or glob.
    pub check: At<String>,
    /// Finding code or glob; another finding of the same check still counts.
    pub code: At<String>,
    /// Finding target or glob; any when not given.
    pub target: Option<At<String>>,
    /// Why.
    pub reason: At<String>,
    /// Who answers for it.
    pub owner: At<String>,
    /// Last day on which it holds.
    #[schemars(with = "DayText")]
    pub expires: At<jiff::civil::Date>,
    /// Never forgives more than this.
    pub max_severity: Option<At<Severity>>,
}

/// How waivers are judged.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WaiversBlock {
    /// `expires` may be at most this far ahead.
    #[schemars(with = "Option<DurationText>")]
    pub max_age: Option<At<Duration>>,
    /// What a waiver that forgives nothing any more does.
    pub unused: Option<At<Unused>>,
    /// Say so this long before one ends.
    #[schemars(with = "Option<DurationText>")]
    pub notice: Option<At<Duration>>,
}

/// What a waiver that forgives nothing does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Unused {
    /// Nothing.
    Ignore,
    /// Is said.
    Warn,
    /// Fails the gate.
    Fail,
}

impl Choice for Unused {
    const ALL: &'static [(&'static str, Self)] =
        &[("ignore", Self::Ignore), ("warn", Self::Warn), ("fail", Self::Fail)];
}

overlay!(WaiversBlock { max_age, unused, notice });

pub(super) fn read(reader: &mut Reader<'_>, mut block: Block<'_, '_>) -> Option<WaiverBlock> {
    let check = block.req(reader, "check", "name the check it is for", prose);
    let code = block.req(reader, "code", "name the finding it forgives; `seaworthy list codes` lists them", prose);
    let target = block.opt(reader, "target", prose);
    let reason = block.req(reader, "reason", "say why, so that it can be judged later", prose);
    let owner = block.req(reader, "owner", "say who answers for it", prose);
    let expires = block.req(reader, "expires", "an exception ends by itself: `expires = 2026-12-31`", day);
    let max_severity = block.opt(reader, "max-severity", choice);
    block.finish(reader);
    Some(WaiverBlock {
        check: check?,
        code: code?,
        target,
        reason: reason?,
        owner: owner?,
        expires: expires?,
        max_severity,
    })
}

pub(super) fn read_rules(reader: &mut Reader<'_>, mut block: Block<'_, '_>) -> WaiversBlock {
    let rules = WaiversBlock {
        max_age: block.opt(reader, "max-age", duration),
        unused: block.opt(reader, "unused", choice),
        notice: block.opt(reader, "notice", duration),
    };
    block.finish(reader);
    rules
}
