use crate::args::Global;
use crate::error::CliError;
use clap::{Args, ValueEnum};
use seaworthy_author::scaffold::{NewProject, PluginName, ScaffoldError};
use seaworthy_author::{Kind, Language};
use seaworthy_model::ExitCode;
use std::path::PathBuf;

#[derive(Clone, Debug, Args)]
pub(crate) struct NewArgs {
    /// What it becomes
    #[arg(value_enum)]
    kind: KindWord,
    /// What it is called: redis-reach, or acme/redis-reach with the domain of its checks' ids
    name: String,
    /// What it is written in
    #[arg(long, value_enum)]
    lang: LanguageWord,
    /// The folder to make; without it, one of that name here
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KindWord {
    /// Looks at something, and reports what is wrong with it
    Check,
    /// Makes something a tier of the cache
    Adapter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LanguageWord {
    Rust,
    Python,
    /// JavaScript, checked as TypeScript
    Js,
}

/// `seaworthy plugin new`: a project that builds, with its tests.
pub(crate) fn new(global: &Global, arguments: &NewArgs) -> Result<ExitCode, CliError> {
    let name = PluginName::parse(&arguments.name).map_err(|error| CliError::Usage(error.to_string()))?;
    let folder = arguments.dir.clone().unwrap_or_else(|| PathBuf::from(name.kebab()));
    let kind = match arguments.kind {
        KindWord::Check => Kind::Check,
        KindWord::Adapter => Kind::Adapter,
    };
    let language = match arguments.lang {
        LanguageWord::Rust => Language::Rust,
        LanguageWord::Python => Language::Python,
        LanguageWord::Js => Language::JavaScript,
    };
    NewProject { name, kind, language }.write(&folder).map_err(|error| match error {
        ScaffoldError::NotEmpty { .. } => CliError::Usage(error.to_string()),
        ScaffoldError::Write { .. } => CliError::CannotWrite(error.to_string()),
        ScaffoldError::Template(_) => CliError::Runtime(error.into()),
    })?;
    if !global.quiet {
        let (folder, article) = (folder.display(), if kind == Kind::Adapter { "an" } else { "a" });
        eprintln!(
            "wrote {article} {kind} in {language} to {folder}; {folder}/README.md has the five steps, of which the next is:"
        );
        eprintln!("  cd {folder} && seaworthy plugin build");
    }
    Ok(ExitCode::Passed)
}
