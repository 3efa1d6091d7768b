//! `dns/resolver`: the name servers that this place uses, one by one.
//!
//! [`world`] holds what was seen, `gathering` sees it, and the other files judge and ask
//! nobody: [`configuration`] resolv.conf, [`servers`] the servers, [`names`] each name.

pub mod configuration;
mod gathering;
pub mod names;
pub mod servers;
pub mod world;

use seaworthy_check_sdk::env::vars;
use seaworthy_check_sdk::{Check, CitedFinding, Context, ContextExt, Evidence, Findings, Outcome, millis};
use world::World;

seaworthy_check_sdk::descriptor!();

/// The check.
pub struct Resolver;

impl Check for Resolver {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        if context.addresses().is_empty() && context.setting("names").is_none() {
            // Asking for nothing is an observation too: the check ran and had no target.
            let seen = vars::read(&[]);
            return Ok(Findings::new().not_configured("neither targets nor names are given", Evidence::one(seen.id)));
        }
        let world = gathering::gather(&context);
        let evidence = Evidence::of(world.configuration.ids.iter().copied())?
            .with(world.asked.iter().map(|one| one.id))
            .with(world.names.iter().flat_map(|name| name.written.iter().chain(&name.dotted)).map(|one| one.id));
        Ok(report(&world, evidence))
    }
}

seaworthy_check_sdk::export_check!(Resolver);

/// Judges everything, lowest first: what is found of the file is not found again of the names.
#[must_use]
pub fn judge(world: &World) -> Vec<CitedFinding> {
    let mut found = configuration::judge(world);
    let blind = !found.is_empty() && world.names.iter().any(world::Name::fails);
    found.extend(configuration::outdated(world));
    let servers = servers::judge(world);
    let dark = servers.dark;
    found.extend(servers.found);
    if !blind && !dark {
        found.extend(names::judge(world));
    }
    found
}

fn report(world: &World, evidence: Evidence) -> Outcome {
    let mut findings = Findings::new();
    for finding in judge(world) {
        findings.add(finding);
    }
    let configured: Vec<usize> = world.configured().collect();
    let answering = configured.iter().filter(|at| world.answers(**at)).count();
    findings.fact(facts::NAME_SERVERS, world.configuration.servers.join(","), &evidence);
    findings.fact(facts::NAME_SERVERS_ANSWERING, answering, &evidence);
    findings.fact(facts::SEARCH_DOMAINS, world.configuration.search.join(","), &evidence);
    let slowest = world.names.iter().flat_map(|name| &name.written).map(|one| one.elapsed).max();
    let resolved = world.names.iter().filter(|name| !name.fails()).count();
    findings.fact(facts::NAMES_RESOLVED, resolved, &evidence);
    let mut summary = format!("{resolved} of {} names resolve", world.names.len());
    if let Some(micros) = slowest {
        findings.fact(facts::LOOKUP_MS, millis(micros), &evidence);
        summary.push_str(&format!(", the slowest after {} ms", millis(micros)));
    }
    summary.push_str(&format!("; {answering} of {} name servers answer", configured.len()));
    let unreached: Vec<String> = world.unreached().map(|(server, kind)| format!("{server} ({kind})")).collect();
    let unreached = unreached.join(", ");
    if !unreached.is_empty() {
        summary.push_str(&format!("; not asked from here: {unreached}"));
    }
    let unexplained: Vec<&str> = if findings.is_empty() {
        world.names.iter().filter(|name| name.fails()).map(|name| name.text.as_str()).collect()
    } else {
        Vec::new()
    };
    if unexplained.is_empty() {
        return findings.conclude(summary, evidence);
    }
    let mut reason =
        format!("the C library finds no address for {}, and nothing that was asked says why", unexplained.join(", "));
    if !unreached.is_empty() {
        reason.push_str(&format!("; not asked from here: {unreached}"));
    }
    findings.inconclusive(reason, evidence)
}
