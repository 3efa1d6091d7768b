//! `seaworthy cache rm`.

use super::args::KeyArgs;
use super::failure;
use super::opened::Opened;
use crate::args::Global;
use crate::error::CliError;
use seaworthy_engine::SessionOptions;
use seaworthy_model::ExitCode;

/// *Behaviour*: done when every tier has confirmed it, also where there was nothing
/// to remove; a value left behind in one would be found again.
pub(crate) async fn rm(global: &Global, arguments: &KeyArgs) -> Result<ExitCode, CliError> {
    let opened = Opened::new(global, &arguments.tiers, SessionOptions::default()).await?;
    let written = opened.session.tiers().invalidate(&arguments.key).await;
    opened.say_tried(&written.tried);
    match written.outcome {
        Ok(()) => Ok(ExitCode::Passed),
        Err(error) => Err(opened.refused(failure::whose(&written.tried, &error), &error)),
    }
}
