use crate::rules::RULES;
use std::sync::OnceLock;

/// The page of a cause, for `seaworthy explain CODE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CauseDescriptor {
    /// Dotted code: `docker.loopback-in-bridge`.
    pub code: &'static str,
    /// One line.
    pub title: &'static str,
    /// What it means, and how it is told from its look-alikes.
    pub explain: &'static str,
}

/// Every cause that the rules can name, by code. A finding that no rule knows is
/// its own cause, under its own code.
#[must_use]
pub fn catalogue() -> &'static [CauseDescriptor] {
    static CATALOGUE: OnceLock<Vec<CauseDescriptor>> = OnceLock::new();
    CATALOGUE.get_or_init(|| {
        let rules = RULES.iter().copied().flatten();
        let mut pages: Vec<CauseDescriptor> =
            rules.map(|rule| CauseDescriptor { code: rule.code, title: rule.title, explain: rule.explain }).collect();
        pages.sort_by_key(|page| page.code);
        pages
    })
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
            assert!(page.explain.len() > 60 && page.explain.ends_with('.'), "{}", page.code);
        }
    }
}
