//! Does a service greet as it should?

mod greeting;

use greeting::Greeting;
use seaworthy_check_sdk::net::tcp;
use seaworthy_check_sdk::{Check, Context, ContextExt, Evidence, Findings, Outcome, millis};

// `DESCRIPTOR`, `codes` and `facts`, made from check.toml.
seaworthy_check_sdk::descriptor!();

struct Greets;

impl Check for Greets {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let wanted = context.setting("greeting").ok_or("the setting `greeting` is missing")?;
        // ANCHOR: limit
        let limit = 1000 * context.setting("slow-ms").and_then(|text| text.parse().ok()).unwrap_or(1000);
        // ANCHOR_END: limit
        // All targets at once; a little earlier than the host, so that what was seen is told.
        let seen = tcp::connect(&attempts(&context, wanted));
        let evidence = Evidence::of(seen.iter().map(|answer| answer.id))?;

        let mut findings = Findings::new();
        let mut silent = Vec::new();
        let mut slowest = None;
        for answer in &seen {
            let target = answer.target.as_str();
            let connection = match &answer.outcome {
                Ok(connection) => connection,
                Err(failure) => {
                    let finding = codes::GREETING_UNREACHABLE.at(target).message(format!("{target}: {}", failure.message));
                    findings.add(finding.detail("kind", &failure.kind).cite(answer.id));
                    continue;
                }
            };
            match greeting::judge(&connection.received, wanted, connection.read_end == "timeout") {
                // ANCHOR: slow
                Greeting::AsWanted => {
                    slowest = slowest.max(Some(answer.elapsed));
                    if answer.elapsed > limit {
                        let finding = codes::GREETING_SLOW.at(target).message(format!("{target} greets late"));
                        let took = format!("{} ms", millis(answer.elapsed));
                        findings.add(finding.observed(took).cite(answer.id));
                    }
                }
                // ANCHOR_END: slow
                Greeting::Silent => silent.push(target),
                Greeting::Other(said) => {
                    let message = format!("{target} says `{said}`, not `{wanted}`");
                    let finding = codes::GREETING_DIFFERS.at(target).message(message);
                    findings.add(finding.observed(said).expected(wanted).cite(answer.id));
                }
            }
        }
        if let Some(micros) = slowest {
            findings.fact(facts::GREETING_MS, millis(micros), &evidence);
        }
        if !silent.is_empty() {
            return Ok(findings.inconclusive(format!("no greeting in time from {}", silent.join(", ")), evidence));
        }
        Ok(findings.conclude(format!("{} targets asked for their greeting", seen.len()), evidence))
    }
}

fn attempts(context: &Context, wanted: &str) -> Vec<tcp::Attempt> {
    let attempt = |target| tcp::Attempt {
        target,
        timeout: context.budget - context.budget / 20,
        payload: Vec::new(),
        // No more than is compared: a service that waits after its greeting costs no time.
        read_max: u32::try_from(wanted.len()).unwrap_or(u32::MAX),
    };
    context.addresses().into_iter().map(attempt).collect()
}

seaworthy_check_sdk::export_check!(Greets);
