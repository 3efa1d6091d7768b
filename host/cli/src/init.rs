//! `seaworthy init`: a commented checks.toml.

use crate::args::InitArgs;
use crate::error::CliError;
use crate::{configuration, output, vantage};
use seaworthy_model::ExitCode;
use std::path::Path;

pub(crate) fn init(arguments: &InitArgs) -> Result<ExitCode, CliError> {
    let text = if arguments.detect {
        let environment = configuration::environment();
        seaworthy_policy::init_detect(&vantage::facts(&environment), &environment)
    } else {
        seaworthy_policy::init_template()
    };
    if arguments.path == Path::new("-") {
        crate::stdout::print(&text)?;
        return Ok(ExitCode::Passed);
    }
    if arguments.path.exists() && !arguments.force {
        return Err(CliError::Usage(format!(
            "{} is there already; --force replaces it, `-` prints instead",
            arguments.path.display()
        )));
    }
    output::write_file(&arguments.path, &text)?;
    eprintln!("wrote {}; check it with: seaworthy validate -c {}", arguments.path.display(), arguments.path.display());
    Ok(ExitCode::Passed)
}
