//! GitHub Actions: annotations, masks, outputs and the step summary.
//!
//! The runner reads commands out of a job's log. A line is a command when, after
//! leading blanks, it starts with `::name`; the older form `##[name]` counts
//! anywhere in a line. Everything that this module returns for a log is either a
//! command that was meant, with its content escaped, or neutralised.

mod annotations;
mod escape;
mod output;
mod step_summary;

pub use annotations::annotations;
pub use escape::neutralise;
pub use output::outputs;
pub use step_summary::step_summary;

use crate::Redactor;

/// `add-mask` commands for every secret. They must be the first thing that is
/// printed, and only where GitHub Actions reads the log: elsewhere they would show
/// what they are to hide.
#[must_use]
pub fn masks(redactor: &Redactor) -> String {
    let mut lines: Vec<String> = Vec::new();
    for secret in redactor.secrets() {
        // The log is masked line by line, so a secret of several lines is told by line as well.
        for text in std::iter::once(secret).chain(secret.lines()).filter(|text| text.trim().len() >= 4) {
            let line = format!("::add-mask::{}\n", escape::data(text));
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines.concat()
}
