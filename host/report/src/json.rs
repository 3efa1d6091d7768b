use seaworthy_model::{ExitCode, REPORT_SCHEMA_VERSION, Report};
use serde_json::Value;

/// Why a report cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no JSON, or no report.
    #[error("not a seaworthy report: {0}")]
    NotAReport(#[source] serde_json::Error),
    /// It has no `schema_version`.
    #[error("not a seaworthy report: `schema_version` is missing")]
    NoVersion,
    /// Its format has another major version.
    #[error(
        "the report has format {found}, and this seaworthy reads {REPORT_SCHEMA_VERSION}: use the version that wrote it"
    )]
    Version {
        /// As written in the report.
        found: String,
    },
    /// Its format is of the right version, or a later minor one, and its content is not.
    #[error("the report of format {found} cannot be read (this seaworthy writes {REPORT_SCHEMA_VERSION}): {source}")]
    Content {
        /// As written in the report.
        found: String,
        /// Where reading stopped.
        source: serde_json::Error,
    },
}

/// A report as JSON, indented, fields in the order of the schema, with a line feed at the end.
///
/// # Errors
/// None that a report built by this crate can cause.
pub fn json(report: &Report) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    Ok(text)
}

/// Reads a report back, as recorded on a host.
///
/// # Errors
/// [`ReadError`], when it is no report or of a format that is not known.
pub fn read(text: &str) -> Result<Report, ReadError> {
    let value: Value = serde_json::from_str(text).map_err(ReadError::NotAReport)?;
    let found = value.get("schema_version").and_then(Value::as_str).ok_or(ReadError::NoVersion)?.to_owned();
    let major = |version: &str| version.split('.').next().map(str::to_owned);
    if major(&found) != major(REPORT_SCHEMA_VERSION) {
        return Err(ReadError::Version { found });
    }
    // From the text, not from the value: the error then has a line and a column.
    let mut report: Report = serde_json::from_str(text).map_err(|source| ReadError::Content { found, source })?;
    let code = report.gate.exit_code;
    if let Some(exit) = ExitCode::ALL.into_iter().find(|exit| exit.code() == code) {
        report.gate.exit = exit;
    }
    Ok(report)
}

/// JSON Schema of a report, as published in `schema/report.v1.json`.
#[must_use]
pub fn schema() -> Value {
    schemars::schema_for!(Report).to_value()
}
