//! A proposal, for people.

use super::files::{Outcome, State};
use super::proof::{Proof, Verdict};
use seaworthy_model::{Confidence, Risk};
use seaworthy_remedy::{Change, Content, Fix, Kind, Proposal};
use std::fmt::Write as _;

/// *Behaviour*: what a probed server may have said is in here, so the caller makes it
/// safe to show.
pub(super) fn human(proposal: &Proposal, outcomes: &[Outcome], proofs: Option<&[Proof]>) -> String {
    let mut page = String::new();
    if proposal.fixes.is_empty() {
        page.push_str("Nothing to mend: the run names no cause.\n");
        return page;
    }
    for fix in &proposal.fixes {
        cause(&mut page, fix, outcomes);
    }
    for outcome in outcomes {
        file(&mut page, outcome);
    }
    if let Some(proofs) = proofs {
        for proof in proofs {
            let word = match proof.verdict {
                Verdict::Gone => "GONE   ",
                Verdict::Remains => "REMAINS",
                Verdict::Unknown => "UNKNOWN",
                Verdict::Elsewhere => "LATER  ",
                Verdict::Left => "LEFT   ",
            };
            line(&mut page, 0, &format!("{word}  {}: {}", proof.cause, proof.text));
        }
    } else if outcomes.iter().any(|outcome| outcome.state == State::WouldWrite) {
        page.push_str("Nothing was written. `--apply` writes the files that say so, with a backup of each; commands are never run.\n");
    } else {
        page.push_str("Nothing was written, and `--apply` would write nothing.\n");
    }
    page
}

fn cause(page: &mut String, fix: &Fix, outcomes: &[Outcome]) {
    let sure = match fix.confidence {
        Confidence::Certain => "certain",
        Confidence::Likely => "likely",
        Confidence::Possible => "possible",
    };
    line(page, 0, &format!("{} ({sure}): {}", fix.cause, fix.title));
    line(page, 2, &fix.message);
    let Some(strategy) = fix.strategy else {
        line(page, 2, "no remedy is known for it");
        page.push('\n');
        return;
    };
    line(page, 2, &format!("fix: {} ({}, {})", fix.what, strategy.as_str(), risk(fix.risk)));
    line(page, 7, &format!("since {}", fix.since));
    if let Some(cost) = &fix.tradeoff {
        line(page, 7, &format!("cost: {cost}"));
    }
    for change in &fix.changes {
        one(page, change, outcomes);
    }
    if fix.changes.is_empty() {
        line(page, 4, "nothing of the kinds that were asked for");
    }
    for waits in &fix.waits {
        line(page, 2, waits);
    }
    for other in &fix.others {
        let objection = other.objection.as_ref().map(|why| format!("; not here: {why}")).unwrap_or_default();
        line(page, 2, &format!("or:  {} ({}, {}{objection})", other.title, other.strategy.as_str(), risk(other.risk)));
    }
    page.push('\n');
}

fn one(page: &mut String, change: &Change, outcomes: &[Outcome]) {
    let kind = change.kind.as_str();
    match &change.content {
        Content::File(file) => {
            let outcome = outcomes
                .iter()
                .find(|outcome| outcome.change.path == file.path && outcome.change.blockers == change.blockers);
            let state = outcome.map_or("", |outcome| match outcome.state {
                State::WouldWrite => "would be written",
                State::Unchanged => "is right already",
                State::Written { .. } => "written",
                State::Left { .. } => "left to you",
            });
            line(page, 4, &format!("{kind:9} {} ({state}): {}", file.path, change.text));
        }
        Content::Command(command) => {
            let note = if change.kind == Kind::Docker { "" } else { " (not run)" };
            line(page, 4, &format!("{kind:9} {}{note}", change.text));
            line(page, 14, command);
        }
        Content::Piece(piece) => {
            let file = piece.file.as_deref().unwrap_or("a file of yours");
            line(page, 4, &format!("{kind:9} {} (a piece for {file}; not written)", change.text));
            line(page, 14, &piece.text);
        }
        Content::Words => line(page, 4, &format!("{kind:9} {}", change.text)),
    }
}

fn file(page: &mut String, outcome: &Outcome) {
    let target = outcome.target.display();
    match &outcome.state {
        State::WouldWrite => line(page, 0, &format!("would write {target}:")),
        State::Unchanged => return line(page, 0, &format!("{target} is right already\n")),
        State::Written { backup: Some(backup) } => {
            line(page, 0, &format!("wrote {target}, what was there is in {backup}:"))
        }
        State::Written { backup: None } => line(page, 0, &format!("wrote {target}:")),
        State::Left { because } => {
            line(page, 0, &format!("left to you: {target}"));
            for why in because {
                line(page, 2, &format!("since {why}"));
            }
        }
    }
    line(page, 0, &outcome.change.diff());
    page.push('\n');
}

fn risk(risk: Risk) -> &'static str {
    match risk {
        Risk::None => "changes nothing",
        Risk::Config => "changes configuration",
        Risk::Security => "opens access",
        Risk::Data => "may lose data",
    }
}

/// Every line of a text, so far in.
fn line(page: &mut String, indent: usize, text: &str) {
    for line in text.lines() {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "{:indent$}{line}", "");
    }
}
