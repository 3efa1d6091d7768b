use crate::fault::Fault;
use crate::faults;
use seaworthy_model::{Layer, Remediation};
use std::fmt::Write as _;
use std::sync::OnceLock;

/// The page of a cause, for `seaworthy explain CODE`.
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
    /// Codes of findings that are this cause; a cause that takes more to be told has none.
    pub findings: &'static [&'static str],
    /// Remedies in words that fit any place; none where they depend on what is found.
    pub remedies: Vec<Remediation>,
    /// What is seen, what it means, how sure a diagnosis is, what to do, which
    /// check proves it, and sources. Markdown.
    pub explain: String,
}

/// Every cause that the rules can name, by code. A finding that no rule knows is
/// its own cause, under its own code.
#[must_use]
pub fn catalogue() -> &'static [CauseDescriptor] {
    static CATALOGUE: OnceLock<Vec<CauseDescriptor>> = OnceLock::new();
    CATALOGUE.get_or_init(|| {
        let mut pages: Vec<CauseDescriptor> = faults::ALL.iter().copied().map(page).collect();
        pages.sort_by_key(|page| page.code);
        pages
    })
}

fn page(fault: &'static Fault) -> CauseDescriptor {
    let mut text = format!(
        "{}\n\n## What it means\n\n{}\n\n## How sure\n\n{}\n\n## What to do\n\n{}",
        fault.symptom,
        fault.explain,
        capital(fault.confidence),
        fault.remedy
    );
    let _ = write!(text, " Then `seaworthy run {}` shows that it helped.", fault.proof);
    if !fault.sources.is_empty() {
        text.push_str("\n\n## Sources\n");
        for source in fault.sources {
            let _ = write!(text, "\n- {source}");
        }
    }
    CauseDescriptor {
        code: fault.code,
        title: fault.title,
        faults: fault.faults,
        layer: fault.layer,
        findings: fault.findings,
        remedies: crate::words::remedies(fault),
        explain: text,
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::catalogue;
    use crate::faults;
    use crate::rules::rules;

    #[test]
    fn codes_are_unique_and_pages_say_something() {
        let pages = catalogue();
        for pair in pages.windows(2) {
            assert_ne!(pair[0].code, pair[1].code);
        }
        for page in pages {
            assert!(page.code.contains('.') && !page.title.ends_with('.'), "{}", page.code);
            let (meaning, advice) = page.explain.split_once("\n\n## What to do\n\n").unwrap();
            assert!(meaning.len() > 60 && meaning.ends_with('.'), "{}", page.code);
            assert!(advice.len() > 60 && advice.contains(". Then `seaworthy run "), "{}", page.code);
        }
    }

    /// A record without a rule would never be a cause, one with two would have two texts.
    #[test]
    fn every_record_has_one_rule() {
        for fault in faults::ALL {
            let of: Vec<_> = rules().filter(|rule| rule.fault.code == fault.code).collect();
            assert_eq!(of.len(), 1, "{} has {} rules", fault.code, of.len());
            assert!(of[0].is_reachable(), "{}: neither its record nor its rule says what it is told by", fault.code);
            assert_eq!(of[0].has_words(), fault.remedies.is_empty(), "{}: its words are in one place", fault.code);
        }
        assert_eq!(rules().count(), faults::ALL.len());
    }

    /// A record that needs no Rust comes first, so it may not take what a rule in Rust
    /// reads: of two records with one finding, only those with conditions are apart.
    #[test]
    fn a_finding_belongs_to_one_record() {
        for (at, fault) in faults::ALL.iter().enumerate() {
            for other in &faults::ALL[at + 1..] {
                let shared = fault.findings.iter().find(|code| other.findings.contains(code));
                let apart = !fault.when.is_empty() || !other.when.is_empty();
                assert!(shared.is_none() || apart, "{} and {} both take {shared:?}", fault.code, other.code);
            }
        }
    }
}
