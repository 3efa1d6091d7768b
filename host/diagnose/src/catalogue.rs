use crate::fault::Fault;
use crate::faults;
use seaworthy_model::{Layer, Remediation};
use std::fmt::Write as _;
use std::sync::OnceLock;

/// What is known of a cause: its page for `seaworthy explain CODE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CauseDescriptor {
    /// Dotted code: `docker.loopback-in-bridge`.
    pub code: &'static str,
    /// One line.
    pub title: &'static str,
    /// Its numbers in the knowledge base.
    pub faults: &'static [&'static str],
    /// Where in the stack it sits.
    pub layer: Layer,
    /// What a user sees.
    pub symptom: &'static str,
    /// What it means, and how it is told from its look-alikes. Markdown.
    pub meaning: &'static str,
    /// The rule for its confidence.
    pub confidence: &'static str,
    /// What to do, in a sentence or two.
    pub remedy: &'static str,
    /// Remedies in words that fit any place; none where they depend on what is found.
    pub remedies: Vec<Remediation>,
    /// Default id of the check that proves it.
    pub proof: &'static str,
    /// Where it was read or measured.
    pub sources: &'static [&'static str],
    /// Codes of findings that are this cause; a cause that takes more to be told has none.
    pub findings: &'static [&'static str],
}

impl CauseDescriptor {
    /// All of it, as Markdown below a title.
    #[must_use]
    pub fn page(&self) -> String {
        let mut text = format!(
            "{}\n\n## What it means\n\n{}\n\n## How sure\n\n{}\n\n## What to do\n\n{} Then `seaworthy run {}` shows that it helped.\n",
            self.symptom,
            self.meaning,
            capital(self.confidence),
            self.remedy,
            self.proof
        );
        for remedy in &self.remedies {
            let _ = writeln!(text, "\n{}", paragraph(remedy));
        }
        if !self.sources.is_empty() {
            let lines: String = self.sources.iter().map(|source| format!("- {source}\n")).collect();
            let _ = write!(text, "\n## Sources\n\n{lines}");
        }
        text
    }
}

/// Every cause that can be named, by code. A finding that no record knows is its
/// own cause, under its own code.
#[must_use]
pub fn catalogue() -> &'static [CauseDescriptor] {
    static CATALOGUE: OnceLock<Vec<CauseDescriptor>> = OnceLock::new();
    CATALOGUE.get_or_init(|| {
        let mut pages: Vec<CauseDescriptor> = faults::ALL.iter().copied().map(descriptor).collect();
        pages.sort_by_key(|page| page.code);
        pages
    })
}

/// A remedy with its steps.
fn paragraph(remedy: &Remediation) -> String {
    let mut text = format!("{}. {}\n\n", remedy.title, remedy.why);
    for step in &remedy.steps {
        let _ = writeln!(text, "- {}", step.text);
        let piece = step.command.as_deref().or(step.snippet.as_ref().map(|snippet| snippet.text.trim()));
        if let Some(piece) = piece {
            // Code in a list stands below the text, and four further in.
            let lines: String = piece.lines().map(|line| format!("      {line}\n")).collect();
            let _ = write!(text, "\n{lines}\n");
        }
    }
    if let Some(cost) = &remedy.tradeoff {
        let _ = writeln!(text, "- What it costs: {cost}");
    }
    text.trim_end().to_owned()
}

fn descriptor(fault: &'static Fault) -> CauseDescriptor {
    CauseDescriptor {
        code: fault.code,
        title: fault.title,
        faults: fault.faults,
        layer: fault.layer,
        symptom: fault.symptom,
        meaning: fault.explain,
        confidence: fault.confidence,
        remedy: fault.remedy,
        remedies: crate::words::remedies(fault),
        proof: fault.proof,
        sources: fault.sources,
        findings: fault.findings,
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::catalogue;

    #[test]
    fn codes_are_unique_and_pages_have_all_parts() {
        let pages = catalogue();
        for pair in pages.windows(2) {
            assert_ne!(pair[0].code, pair[1].code);
        }
        for page in pages {
            let text = page.page();
            let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{}: {part} is missing", page.code));
            let order = [page.symptom, "\n## What it means\n", "\n## How sure\n", "\n## What to do\n"].map(at);
            assert!(order.is_sorted(), "{}", page.code);
            assert!(text.contains(&format!(" Then `seaworthy run {}` shows", page.proof)), "{}", page.code);
            assert_eq!(text.contains("\n## Sources\n"), !page.sources.is_empty(), "{}", page.code);
        }
    }
}
