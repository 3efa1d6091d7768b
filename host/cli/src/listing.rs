//! `seaworthy list`.

use crate::args::{ListArgs, Listed};
use crate::configuration::{self, Purpose};
use crate::error::CliError;
use crate::vantage;
use seaworthy_model::ExitCode;
use seaworthy_policy::Overrides;

pub(crate) fn list(arguments: &ListArgs) -> Result<ExitCode, CliError> {
    let environment = configuration::environment();
    let config = &arguments.config;
    let flags = Overrides { profile: config.profile.clone(), vars: config.vars.clone(), ..Overrides::default() };
    let policy = configuration::load_policy(config, &environment, &flags)?;
    configuration::on_runtime(async {
        let purpose = match arguments.what {
            Listed::Checks | Listed::Targets => Purpose::Run(&environment),
            Listed::Plugins | Listed::Codes => Purpose::Show,
        };
        let catalog = configuration::open_catalog(&policy, purpose).await?;
        match arguments.what {
            Listed::Checks => {
                let facts = vantage::facts(&environment);
                let plan = configuration::make_plan(&policy, &catalog, &environment, &facts, &flags, None)?;
                let rows = plan.steps.iter().map(|step| {
                    let note = step.skip.as_ref().map_or(String::new(), |(_, why)| format!("(skipped: {why})"));
                    [
                        step.id.clone(),
                        step.used_as.clone(),
                        format!("{:?}", step.severity).to_lowercase(),
                        step.title.clone(),
                        note,
                    ]
                });
                table(["check", "use", "severity", "title", ""], rows)?;
            }
            Listed::Plugins => {
                let rows = catalog.entries().iter().map(|(name, entry)| {
                    let source = entry.source.to_string();
                    let provides: Vec<&str> = entry.descriptor.checks.iter().map(|check| check.id.as_str()).collect();
                    let provides = if provides.is_empty() { "adapter".to_owned() } else { provides.join(" ") };
                    [name.clone(), entry.descriptor.version.clone(), entry.descriptor.wit.clone(), source, provides]
                });
                table(["plugin", "version", "wit", "source", "provides"], rows)?;
            }
            Listed::Codes => {
                let checks = catalog.entries().values().flat_map(|entry| &entry.descriptor.checks);
                let mut rows: Vec<_> = checks
                    .flat_map(|check| check.codes.iter().map(move |code| (check, code)))
                    .map(|(check, code)| {
                        let level = format!("{:?}", code.level).to_lowercase();
                        [code.code.clone(), level, code.layer.as_str().to_owned(), check.id.clone(), code.title.clone()]
                    })
                    .collect();
                rows.extend(seaworthy_diagnose::catalogue().iter().map(|cause| {
                    let layer = cause.layer.as_str().to_owned();
                    [cause.code.to_owned(), "cause".to_owned(), layer, String::new(), cause.title.to_owned()]
                }));
                rows.sort();
                table(["code", "level", "layer", "check", "title"], rows.into_iter())?;
            }
            Listed::Targets => {
                let facts = vantage::facts(&environment);
                let plan = configuration::make_plan(&policy, &catalog, &environment, &facts, &flags, None)?;
                let mut rows: Vec<_> = plan
                    .steps
                    .iter()
                    .flat_map(|step| &step.targets)
                    .map(|target| [target.label.clone(), target.kind.clone(), target.addresses.join(" ")])
                    .collect();
                rows.sort();
                rows.dedup();
                table(["target", "kind", "addresses"], rows.into_iter())?;
            }
        }
        Ok(ExitCode::Passed)
    })
}

/// Columns as wide as their widest cell; the last one is left as it is.
fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> Result<(), CliError> {
    let rows: Vec<[String; N]> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
    let widths: Vec<usize> =
        (0..N).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(&seaworthy_report::safe::line(cells.join("  ").trim_end()));
        text.push('\n');
    }
    crate::stdout::print(&text)
}
