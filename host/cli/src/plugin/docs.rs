use super::{alone, name_of};
use crate::configuration::on_runtime;
use crate::error::CliError;
use clap::Args;
use seaworthy_model::ExitCode;
use seaworthy_report::safe;
use std::path::PathBuf;

#[derive(Clone, Debug, Args)]
pub(crate) struct DocsArgs {
    /// The component
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
}

/// `seaworthy plugin docs`: Markdown on stdout.
pub(crate) fn docs(arguments: &DocsArgs) -> Result<ExitCode, CliError> {
    let catalog = on_runtime(alone(&arguments.file))?;
    let pages = catalog.entries().get(&name_of(&arguments.file)).map(|entry| &*entry.descriptor);
    crate::stdout::print(&safe::text(&pages.map(seaworthy_author::page::markdown).unwrap_or_default()))?;
    Ok(ExitCode::Passed)
}
