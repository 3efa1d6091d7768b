//! `seaworthy schema` and `seaworthy completions`.

use crate::args::{Arguments, SchemaArgs, SchemaOf};
use crate::error::CliError;
use anyhow::Context as _;
use clap::CommandFactory as _;
use seaworthy_model::{Compared, ComponentDescriptor, ExitCode, Recording};

pub(crate) fn schema(arguments: SchemaArgs) -> Result<ExitCode, CliError> {
    let schema = match arguments.of {
        SchemaOf::Checks => seaworthy_policy::schema(),
        SchemaOf::Report => seaworthy_report::schema(),
        SchemaOf::Comparison => schemars::schema_for!(Compared).to_value(),
        SchemaOf::Descriptor => schemars::schema_for!(ComponentDescriptor).to_value(),
        SchemaOf::Recording => schemars::schema_for!(Recording).to_value(),
    };
    let text = serde_json::to_string_pretty(&schema).context("the schema cannot be printed")?;
    crate::stdout::print(&format!("{text}\n"))?;
    Ok(ExitCode::Passed)
}

pub(crate) fn completions(shell: clap_complete::Shell) -> Result<ExitCode, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "seaworthy", &mut script);
    crate::stdout::print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::Passed)
}
