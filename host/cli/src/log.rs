//! The structured log on stderr.

use crate::args::{Color, Global, LogFormat};
use crate::error::CliError;
use tracing_subscriber::EnvFilter;

/// Names what is logged in place of the usual; see `EnvFilter` for what it may say.
const VARIABLE: &str = "SEAWORTHY_LOG";

/// Starts the log. A service says what happens to it; a command only warns. With
/// -vv both say more.
pub(crate) fn init(global: &Global, service: bool) {
    let default = match (global.quiet, global.verbose) {
        (true, _) => "error",
        (_, 0 | 1) if service => "warn,seaworthy=info",
        (_, 0 | 1) => "warn",
        (_, 2) => "seaworthy=debug,info",
        _ => "trace",
    };
    let wanted = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
    let (filter, wrong) = match wanted.as_deref().map(EnvFilter::try_new) {
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (EnvFilter::new(default), Some(error)),
        None => (EnvFilter::new(default), None),
    };
    let ansi = match global.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never,
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match global.log_format {
        LogFormat::Json => log.json().flatten_event(true).init(),
        // journald and a CI log have times of their own, a terminal has a reader.
        LogFormat::Text => log.with_ansi(ansi).without_time().init(),
    }
    if let Some(error) = wrong {
        tracing::warn!(%error, "{VARIABLE} cannot be read; the usual is logged");
    }
}

/// Says why a command ended early, in the format of the log.
pub(crate) fn failure(format: LogFormat, error: &CliError) {
    match format {
        LogFormat::Json => tracing::error!(exit_code = error.exit_code().code(), "{error}"),
        LogFormat::Text => anstream::eprintln!("{}", error.render()),
    }
}
