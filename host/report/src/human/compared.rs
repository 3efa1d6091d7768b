use super::HumanOptions;
use super::page::Page;
use crate::safe;
use seaworthy_model::{Compared, Found, Relation, Status};

/// Facts shown, unless everything is asked for.
const FACTS: usize = 12;

/// Two reports read together, for people: what only one side could do first.
#[must_use]
pub fn compared_human(compared: &Compared, options: &HumanOptions) -> String {
    let mut page = Page::new(options);
    let (first, second) = names(compared);
    let relation = match compared.relation {
        Relation::HostAndContainer => "host and container",
        Relation::BeforeAndAfter => "before and after",
        Relation::TwoPlaces => "two places",
    };
    page.item("", 0, &format!("{first} and {second} ({relation})"));
    page.blank();
    for address in &compared.addresses {
        let (open, closed, how) = match (&address.first, &address.second) {
            (None, Some(how)) => (&first, &second, how),
            (Some(how), None) => (&second, &first, how),
            _ => continue,
        };
        let text = format!("{}: open from {open}; from {closed}: {}", safe::line(&address.address), safe::line(how));
        page.item("  - ", 4, &text);
    }
    if !compared.addresses.is_empty() {
        page.blank();
    }
    for cause in &compared.causes {
        let (word, place) = match (cause.found, compared.relation) {
            (Found::First, Relation::BeforeAndAfter) => (page.word(Status::Pass), "gone".to_owned()),
            (Found::Second, Relation::BeforeAndAfter) => (page.word(Status::Fail), "new".into()),
            (Found::Both, Relation::BeforeAndAfter) => (page.word(Status::Fail), "still there".into()),
            (Found::First, _) => (page.word(Status::Fail), format!("{first} only")),
            (Found::Second, _) => (page.word(Status::Fail), format!("{second} only")),
            (Found::Both, _) => (page.word(Status::Fail), "both".into()),
        };
        let title = page.strong(&safe::line(&cause.title));
        page.line(0, &format!("{word}  {title}"));
        page.line(7, &format!("{} ({place})", safe::line(&cause.code)));
        page.paragraph(7, &safe::text(&cause.message));
        page.blank();
    }
    let shown = |status: Option<Status>| status.map_or("not run", Status::word);
    for check in &compared.checks {
        let text = format!("{}: {} → {}", safe::line(&check.id), shown(check.first), shown(check.second));
        page.item("  - ", 4, &text);
    }
    if !compared.checks.is_empty() {
        page.blank();
    }
    let most = if options.verbose { usize::MAX } else { FACTS };
    for fact in compared.facts.iter().take(most) {
        let value = |value: &Option<String>| value.as_deref().map_or_else(|| "unknown".to_owned(), safe::line);
        let text = format!("{} {}: {} → {}", fact.check, fact.key, value(&fact.first), value(&fact.second));
        page.item("  - ", 4, &text);
    }
    if compared.facts.len() > most {
        page.line(2, &format!("and {} more facts differ (-v)", compared.facts.len() - most));
    }
    if !compared.facts.is_empty() {
        page.blank();
    }
    page.line(0, &verdict(compared, &first, &second));
    page.end()
}

/// How the two are called; with one name twice, by their order.
fn names(compared: &Compared) -> (String, String) {
    let (first, second) = (safe::line(&compared.first.vantage), safe::line(&compared.second.vantage));
    if first == second { (format!("{first} (first)"), format!("{second} (second)")) } else { (first, second) }
}

fn verdict(compared: &Compared, first: &str, second: &str) -> String {
    let gone = compared.causes.iter().filter(|cause| cause.found == Found::First).count();
    let causes = |count: usize| format!("{count} {}", if count == 1 { "cause" } else { "causes" });
    match (compared.worse, compared.relation) {
        (true, _) => format!("{second} is worse than {first}."),
        (false, Relation::BeforeAndAfter) if gone > 0 => format!("Better: {} gone, none new.", causes(gone)),
        (false, Relation::BeforeAndAfter) => "No worse than before.".into(),
        (false, _) => format!("{second} is no worse than {first}."),
    }
}
