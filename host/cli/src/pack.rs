//! `seaworthy pack`: the packaging step after which a run compiles nothing.

use crate::args::PackArgs;
use crate::configuration::{builtins, on_runtime};
use crate::error::CliError;
use anyhow::Context as _;
use seaworthy_engine::{Catalog, Room};
use seaworthy_model::ExitCode;

pub(crate) fn pack(arguments: &PackArgs) -> Result<ExitCode, CliError> {
    let executable = std::env::current_exe().context("cannot find this program's own file")?;
    on_runtime(async {
        let catalog = Catalog::open(builtins(), &[], None, Room::of(1, 0), None, None)
            .await
            .context("the bundled components are broken")?;
        let count = catalog
            .pack(&executable, &arguments.out)
            .await
            .map_err(|error| CliError::CannotWrite(error.to_string()))?;
        eprintln!("packed {count} components into {}", arguments.out.display());
        Ok(ExitCode::Passed)
    })
}
