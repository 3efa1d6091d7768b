//! `seaworthy init`: a commented checks.toml.

use crate::args::InitArgs;
use crate::error::CliError;
use crate::{configuration, output, vantage};
use seaworthy_model::{Environment, ExitCode};
use std::collections::BTreeMap;
use std::path::Path;

pub(crate) fn init(arguments: &InitArgs) -> Result<ExitCode, CliError> {
    let (environment, facts) = match arguments.detect {
        true => {
            let environment = configuration::environment();
            let facts = vantage::facts(&environment);
            (environment, facts)
        }
        false => (Environment::default(), BTreeMap::new()),
    };
    let text = seaworthy_policy::init_detect(&facts, &environment);
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
