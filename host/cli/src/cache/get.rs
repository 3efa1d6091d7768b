//! `seaworthy cache get`.

use super::args::GetArgs;
use super::counted;
use super::failure;
use super::opened::Opened;
use crate::args::Global;
use crate::error::CliError;
use crate::{output, stdout};
use seaworthy_cache::Answer;
use seaworthy_engine::SessionOptions;
use seaworthy_model::ExitCode;
use std::io::IsTerminal as _;
use std::path::Path;

/// *Behaviour*: "not there" is only said when every tier that can read has said so;
/// one that could not be asked might have it, and makes this an error.
pub(crate) async fn get(global: &Global, arguments: &GetArgs) -> Result<ExitCode, CliError> {
    let opened = Opened::new(global, &arguments.tiers, SessionOptions::default()).await?;
    let lookup = opened.session.tiers().get(&arguments.key).await;
    if global.verbose > 0 {
        opened.say_tried(&lookup.tried);
    } else if lookup.outcome.is_ok() {
        let failed = lookup.tried.iter().filter(|tier| matches!(tier.answer, Answer::Failed(_)));
        failed.for_each(|tier| opened.say(&failure::line(tier)));
    }
    let exit = match lookup.outcome {
        Ok(Some(hit)) => {
            deliver(&hit.blob.bytes, arguments.output.as_deref())?;
            ExitCode::Passed
        }
        Ok(None) => match failure::first(&lookup.tried) {
            Some(error) => return Err(opened.refused(failure::whose(&lookup.tried, error), error)),
            None => {
                opened.say(&format!("`{}` is not in the cache", arguments.key));
                ExitCode::Missing
            }
        },
        Err(error) => return Err(opened.refused(failure::whose(&lookup.tried, &error), &error)),
    };
    // The tiers above get what was found below; nobody waits for that but this process.
    let settled = opened.session.tiers().settle().await;
    if settled.left > 0 {
        opened.say(&format!("note: not waited for {} tiers above to store it", settled.left));
    }
    if global.verbose > 0 {
        say_counted(&opened);
    }
    Ok(exit)
}

/// What it took, by tier.
fn say_counted(opened: &Opened) {
    for tier in opened.session.planned() {
        let counted = opened.session.counts(&tier.label).map(|seen| counted::lines(&seen)).unwrap_or_default();
        counted.iter().for_each(|line| opened.say(&format!("{}: {line}", tier.label)));
    }
    counted::together(&opened.session.tiers().snapshot())
        .iter()
        .for_each(|line| opened.say(&format!("together: {line}")));
}

fn deliver(value: &[u8], to: Option<&Path>) -> Result<(), CliError> {
    match to {
        Some(path) if path != Path::new("-") => output::write_file(path, value),
        None if std::io::stdout().is_terminal() && !is_text(value) => Err(CliError::Usage(
            "the value is binary and could confuse the terminal; write it to a file with -o FILE, or force it with -o -"
                .into(),
        )),
        _ => stdout::print_bytes(value),
    }
}

/// Whether a terminal shows it as it is: UTF-8 without control characters, of which
/// escape sequences are made.
fn is_text(value: &[u8]) -> bool {
    std::str::from_utf8(value)
        .is_ok_and(|text| text.chars().all(|c| matches!(c, '\n' | '\t' | '\r') || !c.is_control()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_a_cursor_is_no_text() {
        assert!(is_text("plain, ümläute\n\ttoo\r\n".as_bytes()) && is_text(b""));
        for binary in [&b"\x1b[2J"[..], b"a\0b", b"\xff\xfe", "\u{9b}2J".as_bytes()] {
            assert!(!is_text(binary), "{binary:?}");
        }
    }
}
