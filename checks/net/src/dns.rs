use crate::{codes, facts};
use seaworthy_check_sdk::net::dns;
use seaworthy_check_sdk::{Context, ContextExt, Evidence, FindingBuilder, Findings, Outcome, endpoint, ip, millis};

/// Looks every target's name up at once.
pub(crate) fn run(context: &Context) -> Result<Outcome, String> {
    let addresses = context.addresses();
    let wanted: Vec<&str> = context.settings_all("expect-addresses").collect();
    let mut names: Vec<&str> = Vec::new();
    for name in addresses.iter().map(|address| endpoint::host(address)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let timeout = context.budget - context.budget / 20;
    let queries: Vec<dns::Query> = names.iter().map(|name| dns::Query { name: (*name).into(), timeout }).collect();
    let seen = dns::resolve(&queries);
    let mut findings = Findings::new();
    let mut resolved = 0_usize;
    let mut slowest = 0;
    for answer in &seen {
        slowest = slowest.max(answer.elapsed);
        match &answer.outcome {
            Ok(found) => {
                resolved += 1;
                if let Some(finding) = unexpected(&answer.name, &found.addresses, &wanted) {
                    findings.add(finding.cite(answer.id));
                }
            }
            Err(failure) => {
                let (code, what) = if failure.kind == "dns-not-found" {
                    (codes::DNS_NOT_FOUND, " does not exist: ")
                } else {
                    (codes::DNS_FAILURE, " could not be resolved: ")
                };
                let finding = code
                    .at(&answer.name)
                    .message(["`", &answer.name, "`", what, &failure.message].concat())
                    .observed(&failure.message)
                    .detail("kind", &failure.kind);
                findings.add(finding.cite(answer.id));
            }
        }
    }
    let evidence = Evidence::of(seen.iter().map(|s| s.id))?;
    let text = millis(slowest);
    findings.fact(facts::RESOLVED, resolved, &evidence);
    findings.fact(facts::RESOLVE_MS, &text, &evidence);
    let (resolved, all) = (resolved.to_string(), names.len().to_string());
    let summary = [resolved.as_str(), " of ", &all, " names resolved, the slowest after ", &text, " ms"];
    Ok(findings.conclude(summary.concat(), evidence))
}

/// A name none of whose addresses is wanted. `wanted` holds addresses and CIDR blocks.
fn unexpected(name: &str, found: &[String], wanted: &[&str]) -> Option<FindingBuilder> {
    if wanted.is_empty() || found.iter().any(|address| matches(address, wanted)) {
        return None;
    }
    let list = found.join(", ");
    let message = ["`", name, "` resolves to ", &list, ", not to ", &wanted.join(" or ")].concat();
    Some(codes::DNS_UNEXPECTED_ADDRESS.at(name).message(message).observed(list).expected(wanted.join(" or ")))
}

fn matches(address: &str, wanted: &[&str]) -> bool {
    let Some(address) = ip::parse(address) else { return false };
    wanted
        .iter()
        .any(|one| if one.contains('/') { ip::in_block(one, address) } else { ip::parse(one) == Some(address) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wanted_address_is_enough() {
        let found = ["10.0.0.7".to_owned(), "192.0.2.1".to_owned()];
        assert!(unexpected("a", &found, &[]).is_none());
        assert!(unexpected("a", &found, &["10.0.0.0/8"]).is_none());
        assert!(unexpected("a", &found, &["192.0.2.1"]).is_none());
        assert!(unexpected("a", &found, &["172.16.0.0/12", "192.0.2.2"]).is_some());
    }
}
