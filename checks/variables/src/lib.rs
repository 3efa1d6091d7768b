//! `env/variables`: every variable that configures the cache, typed and judged.
//!
//! [`known`] is the table, [`value`] judges one value, [`spelling`] finds the
//! name that was meant, [`judge`] looks at all of them together, and
//! [`propagation`] decides what an empty environment means. None of them calls
//! the host; [`Variables`] does.

pub mod judge;
pub mod known;
pub mod propagation;
pub mod spelling;
pub mod value;

use known::{KNOWN, Setting, Settings};
use propagation::Where;
use seaworthy_check_sdk::env::{system, vars};
use seaworthy_check_sdk::{Check, Context, ContextExt, Evidence, Findings, Outcome, argument, query, row_value};

seaworthy_check_sdk::descriptor!();

/// Spellings that are mistaken for ours; what matches and is not known is judged.
const GLOBS: &[&str] =
    &["CACHE_*", "cache_*", "IPFS_ACCELERATE_*", "*_ENABLE_P2P", "*LISTEN_PORT", "*BOOTSTRAP_PEER*", "*_SHARED_SECRET"];

/// The check.
pub struct Variables;

impl Check for Variables {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let names: Vec<String> =
            KNOWN.iter().map(|known| known.name.to_owned()).chain(["GITHUB_ACTIONS".to_owned()]).collect();
        let read = vars::read(&names);
        let matched = vars::matching(&GLOBS.iter().map(|glob| (*glob).to_owned()).collect::<Vec<_>>());
        let all: Vec<Setting> = read.variables.iter().map(setting).collect();
        let settings = Settings(&all);
        let ignored = |name: &str| context.settings_all("ignore").any(|other| other == name);
        let others: Vec<String> = matched
            .variables
            .iter()
            .filter(|variable| variable.present && KNOWN.iter().all(|known| known.name != variable.name))
            .map(|variable| variable.name.clone())
            .collect();
        let evidence = Evidence::of([read.id, matched.id])?;
        let mut findings = Findings::new();
        let mut wrong = 0_usize;
        for problem in judge::problems(settings, &others).into_iter().filter(|problem| !ignored(&problem.name)) {
            let cited = if others.contains(&problem.name) { matched.id } else { read.id };
            wrong += 1;
            let mut finding = problem.code.at(problem.name).message(problem.message);
            finding = problem.level.into_iter().fold(finding, |finding, level| finding.level(level));
            finding = problem.observed.into_iter().fold(finding, |finding, text| finding.observed(text));
            finding = problem.expected.into_iter().fold(finding, |finding, text| finding.expected(text));
            findings.add(finding.cite(cited));
        }
        let reading = judge::read(settings);
        facts(&mut findings, &reading, &Evidence::one(read.id));
        if reading.any || context.vantage("embedded") == Some("true") {
            let set = all.iter().filter(|setting| setting.present && setting.name != "GITHUB_ACTIONS").count();
            let verdict = match wrong {
                0 if set == 1 => "it is right".to_owned(),
                0 => "each is right".to_owned(),
                1 => "one problem".to_owned(),
                several => format!("{several} problems"),
            };
            return Ok(findings.conclude([&counted(set), "; ", &verdict].concat(), evidence));
        }
        nothing_set(findings, evidence, settings.value("GITHUB_ACTIONS") == Some("true"))
    }
}

fn counted(set: usize) -> String {
    match set {
        1 => "1 variable of the cache is set".into(),
        several => format!("{several} variables of the cache are set"),
    }
}

/// The cache's variables that the host's report shows as set, each once.
fn names_on_host(rows: &[Vec<(String, String)>]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for name in
        rows.iter().filter(|row| row_value(row, "present") == Some("true")).filter_map(|row| row_value(row, "name"))
    {
        if !names.contains(&name) && KNOWN.iter().any(|known| known.ours && known.name == name) {
            names.push(name);
        }
    }
    names
}

/// No variable of the cache is set: what that means depends on where we are.
fn nothing_set(mut findings: Findings, evidence: Evidence, actions: bool) -> Result<Outcome, String> {
    let seen =
        system::inspect(&[query("container", vec![]), query("host-report", vec![argument("topic", "variables")])]);
    let [container, host] = seen.as_slice() else { return Err("the host answered another number of topics".into()) };
    let evidence = evidence.and(container.id).and(host.id);
    let kind = container.outcome.as_ref().ok().and_then(|rows| rows.first()).and_then(|row| row_value(row, "kind"));
    let on_host: Option<Vec<&str>> = host.outcome.as_ref().ok().map(|rows| names_on_host(rows));
    match propagation::judge(kind, on_host.as_deref(), actions) {
        Where::Outside => {
            Ok(findings.conclude("no cache variables are set; the defaults apply (P2P on, port 9100)", evidence))
        }
        Where::SetOnNeither => Ok(findings.conclude(
            "no cache variables are set, here or on the host; the defaults apply (P2P on, port 9100)",
            evidence,
        )),
        Where::Unknown => Ok(findings.inconclusive(
            "no cache variables are set, and whether this is a container could not be found out",
            evidence,
        )),
        Where::Lost { message, certain, names } => {
            let finding = codes::ENV_NOT_PROPAGATED
                .found()
                .message(message.clone())
                .observed("no CACHE_ variable is set")
                .expected("at least CACHE_BOOTSTRAP_PEERS")
                .detail("names", names);
            findings.add(if certain { finding } else { finding.likely() }.cite_all(&evidence));
            Ok(findings.conclude(message, evidence))
        }
    }
}

fn facts(findings: &mut Findings, reading: &judge::Reading, evidence: &Evidence) {
    findings.fact(facts::P2P_ENABLED, reading.p2p, evidence);
    findings.fact(facts::BACKENDS, &reading.backends, evidence);
    findings.fact(facts::BOOTSTRAP_COUNT, reading.peers, evidence);
    if let Some(port) = reading.listen_port {
        findings.fact(facts::LISTEN_PORT, port, evidence);
    }
}

fn setting(variable: &vars::Variable) -> Setting {
    Setting {
        name: variable.name.clone(),
        value: variable.value.clone(),
        present: variable.present,
        default: variable.origin == "checks.toml",
        length: row_value(&variable.details, "length").and_then(|text| text.parse().ok()),
    }
}

seaworthy_check_sdk::export_check!(Variables);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_host_counts_once() {
        let row = |name: &str, present: &str| vec![argument("name", name), argument("present", present)];
        let rows = [
            row("CACHE_DIR", "true"),
            row("CACHE_DIR", "true"),
            row("CACHE_BACKENDS", "false"),
            row("PATH", "true"),
            row("CACHE_LISTEN_PORT", "true"),
        ];
        assert_eq!(names_on_host(&rows), ["CACHE_DIR", "CACHE_LISTEN_PORT"]);
    }

    #[test]
    fn one_variable_is_set_and_several_are() {
        assert_eq!(counted(1), "1 variable of the cache is set");
        assert_eq!(counted(2), "2 variables of the cache are set");
    }
}
