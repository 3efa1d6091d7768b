use super::build::{component, find, seconds};
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

/// `seaworthy plugin watch`: builds at each change, until it is interrupted. One line a
/// round on stdout; what tools say is on stderr.
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

/// Builds, and says what came of it. A project that is broken for now is no end.
fn round(global: &Global, project: &Project, why: &str) -> Result<bool, CliError> {
    let start = Instant::now();
    let outcome = match component(global, project) {
        Ok(Some(built)) => built.told().map(|_| true),
        Ok(None) => Ok(false),
        Err(error) => Err(error),
    };
    let (passed, word) = match outcome {
        Ok(true) => (true, "ok"),
        Ok(false) => (false, "does not build"),
        Err(error) => {
            eprintln!("{}", error.render());
            (false, "cannot be used")
        }
    };
    crate::stdout::print(&format!("{word} in {} ({why})\n", seconds(start.elapsed())))?;
    Ok(passed)
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
