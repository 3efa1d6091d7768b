use crate::rule::Rule;
use crate::rules::RULES;
use std::sync::OnceLock;

/// The page of a cause, for `seaworthy explain CODE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CauseDescriptor {
    /// Dotted code: `docker.loopback-in-bridge`.
    pub code: &'static str,
    /// One line.
    pub title: &'static str,
    /// What it means, how it is told from its look-alikes, what to do and which
    /// check proves it. Markdown.
    pub explain: String,
}

/// Every cause that the rules can name, by code. A finding that no rule knows is
/// its own cause, under its own code.
#[must_use]
pub fn catalogue() -> &'static [CauseDescriptor] {
    static CATALOGUE: OnceLock<Vec<CauseDescriptor>> = OnceLock::new();
    CATALOGUE.get_or_init(|| {
        let mut pages: Vec<CauseDescriptor> = RULES.iter().copied().flatten().map(page).collect();
        pages.sort_by_key(|page| page.code);
        pages
    })
}

fn page(rule: &Rule) -> CauseDescriptor {
    let explain = format!(
        "{}\n\n## What to do\n\n{} Then `seaworthy run {}` shows that it helped.",
        rule.explain, rule.remedy, rule.proof
    );
    CauseDescriptor { code: rule.code, title: rule.title, explain }
}

#[cfg(test)]
mod tests {
    use super::catalogue;

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
}
