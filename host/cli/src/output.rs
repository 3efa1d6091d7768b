//! Where reports go: one on stdout, any number in files, each written aside and
//! renamed. Everything that leaves here has been redacted.

use crate::args::{Color, Format, Global, RunArgs};
use crate::error::CliError;
use crate::stdout::print;
use seaworthy_model::{Environment, Report};
use seaworthy_policy::Policy;
use seaworthy_report::{HumanOptions, RedactMode, RedactRules, Redactor, Style, WarnAs, github};
use std::io::IsTerminal as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Annotations of one level that GitHub's runner keeps.
const ANNOTATIONS: usize = 10;

/// Columns where the terminal does not say.
const WIDTH: usize = 100;

/// One report to write.
struct Output {
    format: Format,
    /// None is stdout.
    path: Option<PathBuf>,
    warn_as: WarnAs,
    annotations: usize,
}

/// All reports of a run.
pub(crate) struct Outputs(Vec<Output>);

impl Outputs {
    /// From the policy's `[[output]]` blocks and the flags, which win over them.
    pub(crate) fn decide(policy: &Policy, arguments: &RunArgs) -> Result<Self, CliError> {
        let mut outputs: Vec<Output> = Vec::new();
        for block in policy.outputs.iter().filter(|_| !arguments.only_stdout) {
            let block = &block.value;
            let format = match block.format.value {
                seaworthy_policy::Format::Human => Format::Human,
                seaworthy_policy::Format::Json => Format::Json,
                seaworthy_policy::Format::Junit => Format::Junit,
                seaworthy_policy::Format::Github => Format::Github,
            };
            let path = block.path.value.as_str();
            outputs.push(Output {
                path: (!matches!(path, "-" | "auto")).then(|| policy.relative(path)),
                warn_as: match block.warn_as.as_ref().map(|w| w.value) {
                    Some(seaworthy_policy::WarnAs::Failure) => WarnAs::Failure,
                    Some(seaworthy_policy::WarnAs::Skipped) => WarnAs::Skipped,
                    Some(seaworthy_policy::WarnAs::Pass) | None => WarnAs::Pass,
                },
                annotations: block
                    .annotations
                    .as_ref()
                    .map_or(ANNOTATIONS, |n| usize::try_from(n.value).unwrap_or(ANNOTATIONS)),
                format,
            });
        }
        let plain = |format, path| Output { format, path, warn_as: WarnAs::Pass, annotations: ANNOTATIONS };
        if let Some(format) = arguments.format {
            outputs.retain(|output| output.path.is_some());
            outputs.push(plain(format, None));
        }
        outputs.extend(
            arguments
                .output
                .iter()
                .map(|(format, path)| plain(*format, (path != Path::new("-")).then(|| path.clone()))),
        );
        let stdout = outputs.iter().filter(|output| output.path.is_none()).count();
        if stdout > 1 {
            return Err(CliError::Usage("more than one report is to go to stdout; give the others a path".into()));
        }
        if stdout == 0 {
            outputs.push(plain(Format::Human, None));
        }
        Ok(Self(outputs))
    }

    /// Under GitHub Actions, before anything else is printed: what the log must mask.
    pub(crate) fn announce(&self, redactor: &Redactor, environment: &Environment) -> Result<(), CliError> {
        let github = self.0.iter().any(|output| output.format == Format::Github && output.path.is_none());
        if github && environment.text("GITHUB_ACTIONS") == Some("true") {
            print(&github::masks(redactor))?;
        }
        Ok(())
    }

    /// Writes every report. *Behaviour*: one that cannot be written keeps none of
    /// the others from being written; all that failed are named.
    pub(crate) fn write(&self, report: &Report, global: &Global, environment: &Environment) -> Result<(), CliError> {
        let mut results: Vec<Result<(), CliError>> = self.0.iter().map(|output| output.write(report, global)).collect();
        let github = self.0.iter().any(|output| output.format == Format::Github);
        if github && environment.text("GITHUB_ACTIONS") == Some("true") {
            let json =
                self.0.iter().find(|output| output.format == Format::Json).and_then(|output| output.path.as_deref());
            let json = json.map(|path| path.display().to_string());
            results.push(append(environment, "GITHUB_STEP_SUMMARY", &github::step_summary(report)));
            results.push(append(environment, "GITHUB_OUTPUT", &github::outputs(report, json.as_deref())));
        }
        let errors: Vec<String> = results.into_iter().filter_map(Result::err).map(|error| error.to_string()).collect();
        if errors.is_empty() { Ok(()) } else { Err(CliError::CannotWrite(errors.join("\n"))) }
    }
}

impl Output {
    fn write(&self, report: &Report, global: &Global) -> Result<(), CliError> {
        let text = self.render(report, global)?;
        match &self.path {
            Some(path) => write_file(path, &text),
            None => print(&text),
        }
    }

    fn render(&self, report: &Report, global: &Global) -> Result<String, CliError> {
        let cannot = |error: String| CliError::CannotWrite(error);
        Ok(match self.format {
            // What a probed server said may end up in the log of a job too.
            Format::Human => github::neutralise(&seaworthy_report::human(report, &self.human(global))),
            Format::Json => seaworthy_report::json(report).map_err(|error| cannot(error.to_string()))?,
            Format::Junit => {
                seaworthy_report::junit(report, self.warn_as).map_err(|error| cannot(error.to_string()))?
            }
            Format::Github => {
                let human =
                    seaworthy_report::human(report, &HumanOptions { style: Style::Plain, ..self.human(global) });
                format!("{}{}", github::neutralise(&human), github::annotations(report, self.annotations))
            }
        })
    }

    fn human(&self, global: &Global) -> HumanOptions {
        let options = human_options(global);
        if self.path.is_none() {
            return options;
        }
        // A file is the whole report; only the terminal is spared.
        let style = if global.color == Color::Always { Style::Colour } else { Style::Plain };
        HumanOptions { style, width: WIDTH, quiet: false, ..options }
    }
}

/// How text for people is shown on stdout.
pub(crate) fn human_options(global: &Global) -> HumanOptions {
    let terminal = std::io::stdout().is_terminal();
    let colour = match global.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never,
    };
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok()).filter(|columns| *columns >= 40);
    HumanOptions {
        style: if colour { Style::Colour } else { Style::Plain },
        width: if terminal { columns.unwrap_or(WIDTH) } else { WIDTH },
        verbose: global.verbose > 0,
        quiet: global.quiet,
    }
}

/// How this run's report is redacted.
pub(crate) fn redactor(policy: &Policy, environment: &Environment) -> Result<Redactor, CliError> {
    let texts = |list: &Option<seaworthy_policy::At<Vec<seaworthy_policy::At<String>>>>| -> Vec<String> {
        list.iter().flat_map(|list| &list.value).map(|text| text.value.clone()).collect()
    };
    let rules = RedactRules {
        mode: match policy.redact.mode.as_ref().map(|mode| mode.value) {
            Some(seaworthy_policy::RedactMode::Hide) => RedactMode::Hide,
            Some(seaworthy_policy::RedactMode::Token) | None => RedactMode::Token,
        },
        env: texts(&policy.redact.env),
        patterns: texts(&policy.redact.patterns),
        keep: texts(&policy.redact.keep),
        // Never printed: with it, a token would let a secret be guessed offline.
        salt: format!("{:032x}", rand::random::<u128>()),
    };
    Redactor::new(environment, &rules).map_err(|error| CliError::Config(error.to_string()))
}

/// Aside, then renamed; folders are made.
pub(crate) fn write_file(path: &Path, content: impl AsRef<[u8]>) -> Result<(), CliError> {
    let cannot = |error: std::io::Error| CliError::CannotWrite(format!("cannot write {}: {error}", path.display()));
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(cannot)?;
    }
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}.partial", std::process::id()));
    std::fs::write(&aside, content).and_then(|()| std::fs::rename(&aside, path)).map_err(|error| {
        let _ = std::fs::remove_file(&aside);
        cannot(error)
    })
}

/// To the file that a variable of GitHub's runner names, if it does.
fn append(environment: &Environment, variable: &str, text: &str) -> Result<(), CliError> {
    let Some(path) = environment.text(variable).filter(|path| !path.is_empty()) else { return Ok(()) };
    std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| CliError::CannotWrite(format!("cannot write {path} ({variable}): {error}")))
}
