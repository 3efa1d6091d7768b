use super::overlay;
use crate::origin::At;
use crate::reader::{Block, Reader};
use crate::scalar::{Choice, choice, count, prose};
use schemars::JsonSchema;

/// One report to write.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OutputBlock {
    /// Its format.
    pub format: At<Format>,
    /// A path relative to this file, `-` for standard output, or `auto` where the format knows its own place.
    pub path: At<String>,
    /// junit: what a warning becomes.
    pub warn_as: Option<At<WarnAs>>,
    /// github: annotations at most, worst first.
    pub annotations: Option<At<u64>>,
}

/// A report format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum Format {
    /// For people.
    Human,
    /// For machines, by the published schema.
    Json,
    /// Jenkins and most other CI systems.
    Junit,
    /// Annotations and the step summary of GitHub Actions.
    Github,
}

/// What a warning becomes in JUnit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum WarnAs {
    /// Passed.
    Pass,
    /// Failed.
    Failure,
    /// Skipped.
    Skipped,
}

/// What does not leave the machine.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RedactBlock {
    /// How a secret is shown.
    pub mode: Option<At<RedactMode>>,
    /// Globs over names of variables whose values are secrets.
    #[schemars(with = "Option<Vec<String>>")]
    pub env: Option<At<Vec<At<String>>>>,
    /// Regular expressions; what they match is hidden, or their first group where they have one.
    #[schemars(with = "Option<Vec<String>>")]
    pub patterns: Option<At<Vec<At<String>>>>,
    /// Names of variables that are never secrets.
    #[schemars(with = "Option<Vec<String>>")]
    pub keep: Option<At<Vec<At<String>>>>,
}

/// How a secret is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub enum RedactMode {
    /// Always the same mark.
    Hide,
    /// The same secret is the same token within one report.
    Token,
}

impl Choice for Format {
    const ALL: &'static [(&'static str, Self)] =
        &[("human", Self::Human), ("json", Self::Json), ("junit", Self::Junit), ("github", Self::Github)];
    const LATER: &'static [&'static str] = &["sarif", "openmetrics", "tap", "markdown", "html"];
}

impl Choice for WarnAs {
    const ALL: &'static [(&'static str, Self)] =
        &[("pass", Self::Pass), ("failure", Self::Failure), ("skipped", Self::Skipped)];
}

impl Choice for RedactMode {
    const ALL: &'static [(&'static str, Self)] = &[("hide", Self::Hide), ("token", Self::Token)];
}

overlay!(RedactBlock { mode, env, patterns, keep });

pub(super) fn read(reader: &mut Reader<'_>, mut block: Block<'_, '_>) -> Option<OutputBlock> {
    let format = block.req(reader, "format", "say which: `format = \"json\"`", choice);
    let path = block.req(reader, "path", "say where to: `path = \"-\"` is standard output", prose);
    let warn_as = block.opt(reader, "warn-as", choice);
    let annotations = block.opt(reader, "annotations", count::<0>);
    block.finish(reader);
    Some(OutputBlock { format: format?, path: path?, warn_as, annotations })
}

pub(super) fn read_redact(reader: &mut Reader<'_>, mut block: Block<'_, '_>) -> RedactBlock {
    let redact = RedactBlock {
        mode: block.opt(reader, "mode", choice),
        env: block.list(reader, "env", prose),
        patterns: block.list(reader, "patterns", prose),
        keep: block.list(reader, "keep", prose),
    };
    block.finish(reader);
    redact
}
