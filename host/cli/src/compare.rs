//! `seaworthy compare`: two recorded reports, read together.

use crate::args::{CompareArgs, ComparedAs, ComparedFormat, Global};
use crate::error::CliError;
use crate::{configuration, output};
use anyhow::Context as _;
use seaworthy_model::{ExitCode, Relation, Report};
use std::path::Path;

pub(crate) fn compare(global: &Global, arguments: &CompareArgs) -> Result<ExitCode, CliError> {
    let (first, second) = (read(&arguments.first)?, read(&arguments.second)?);
    let relation = match arguments.relation {
        Some(ComparedAs::HostContainer) => Relation::HostAndContainer,
        Some(ComparedAs::BeforeAfter) => Relation::BeforeAndAfter,
        Some(ComparedAs::TwoPlaces) => Relation::TwoPlaces,
        None => seaworthy_report::relation(&first, &second),
    };
    // What the host saw tells more about the container than it could see itself.
    let together = (relation == Relation::HostAndContainer).then(|| seaworthy_diagnose::reread(&second, Some(&first)));
    let causes = together.as_deref().unwrap_or(&second.causes);
    let compared = seaworthy_report::compare(&first, &second, relation, causes);
    let text = match arguments.format {
        ComparedFormat::Human => seaworthy_report::github::neutralise(&seaworthy_report::compared_human(
            &compared,
            &output::human_options(global),
        )),
        ComparedFormat::Json => {
            let text = serde_json::to_string_pretty(&compared).context("the comparison cannot be printed")?;
            format!("{text}\n")
        }
    };
    crate::stdout::print(&text)?;
    Ok(if compared.worse { ExitCode::Failed } else { ExitCode::Passed })
}

/// A recorded report.
pub(crate) fn read(path: &Path) -> Result<Report, CliError> {
    let text = configuration::read_file(path)
        .map_err(|error| CliError::Config(format!("cannot read the report {}: {error}", path.display())))?;
    seaworthy_report::read(&text).map_err(|error| CliError::Config(format!("{}: {error}", path.display())))
}
