use super::build::{Component, component, find, seconds};
use super::test::{TestArgs, test};
use crate::args::Global;
use crate::error::CliError;
use clap::Args;
use seaworthy_author::{Changes, Project};
use seaworthy_model::ExitCode;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

#[derive(Clone, Debug, Args)]
pub(crate) struct WatchArgs {
    /// The project
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// End after the first round, with its result
    #[arg(long)]
    once: bool,
}

/// `seaworthy plugin watch`: builds and plays the cases at each change, until it is interrupted.
/// Each round ends with a line of its own; what tools say is on stderr.
pub(crate) fn watch(global: &Global, arguments: &WatchArgs) -> Result<ExitCode, CliError> {
    let project = find(&arguments.folder)?;
    // Before the first round, so that a change during it is not missed.
    let mut changes = Changes::of(&project.folder);
    let mut why = String::from("start");
    loop {
        let passed = round(global, &project, &why)?;
        if arguments.once {
            return Ok(if passed { ExitCode::Passed } else { ExitCode::Failed });
        }
        why = names(&changes.wait());
    }
}

/// Builds, plays the cases where there are any, and says what came of it. A project that is
/// broken for now is no end.
fn round(global: &Global, project: &Project, why: &str) -> Result<bool, CliError> {
    let start = Instant::now();
    let word = match component(global, project) {
        Ok(Some(built)) if project.folder.join("cases").is_dir() => tested(project, built),
        Ok(Some(built)) => built.told().map(|_| "ok"),
        Ok(None) => Ok("does not build"),
        Err(error) => Err(error),
    };
    let word = word.unwrap_or_else(|error| {
        eprintln!("{}", error.render());
        "cannot be used"
    });
    crate::stdout::print(&format!("{word} in {} ({why})\n", seconds(start.elapsed())))?;
    Ok(word == "ok")
}

fn tested(project: &Project, _built: Component) -> Result<&'static str, CliError> {
    let path = project.folder.clone();
    let exit = test(&TestArgs { path, only: Vec::new(), cases: None, update: false, junit: None })?;
    Ok(if matches!(exit, ExitCode::Passed | ExitCode::NothingEvaluated) { "ok" } else { "cases fail" })
}

/// The first few of them.
fn names(changed: &BTreeSet<PathBuf>) -> String {
    const SHOWN: usize = 3;
    let mut names: Vec<String> = changed.iter().take(SHOWN).map(|path| path.display().to_string()).collect();
    if changed.len() > SHOWN {
        names.push(format!("{} more", changed.len() - SHOWN));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_changes_are_one_short_line() {
        let changed = |files: &[&str]| names(&files.iter().map(PathBuf::from).collect());
        assert_eq!(changed(&["b", "a"]), "a, b");
        assert_eq!(changed(&["a", "b", "c", "d", "e"]), "a, b, c, 2 more");
    }
}
