//! `ipfs/node`: the node that the cache keeps values on, and what stands beside it.
//!
//! [`judging`] decides and does not call the host. Everything is asked in a way that
//! stores nothing: what an `add` would be called, the removal of a name that is not there.

mod asking;
mod beside;
mod daemon;
mod judging;
mod network;
mod node;

use asking::Scheme;
use ipfs_client::Address;
use seaworthy_check_sdk::kit::progress;
use seaworthy_check_sdk::{Check, Context, ContextExt, Evidence, Findings, ObservationId, Outcome, inspect, row_value};

seaworthy_check_sdk::descriptor!();

/// Milliseconds of the budget that are kept for reporting.
const RESERVE: u32 = 250;
/// Rounds of requests that wait for each other.
const ROUNDS: u32 = 5;

/// The check.
struct Ipfs;

impl Check for Ipfs {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let container = inspect(["container"]);
        let first = container.first().map(|seen| seen.id).ok_or("the host answered nothing")?;
        let Some(text) = context.addresses().into_iter().find(|text| !text.trim().is_empty()) else {
            return Ok(Findings::new().not_configured("no address of an IPFS node is set", Evidence::one(first)));
        };
        let in_container = container.first().is_some_and(|seen| {
            let rows = seen.outcome.as_ref().ok();
            let kind = rows.and_then(|rows| rows.first()).and_then(|row| row_value(row, "kind"));
            kind.is_some_and(|kind| kind != "none")
        });
        let mut run = Run::new(&context, first, text, in_container);
        match Address::parse(&run.target) {
            Ok(address) => {
                run.node(&context, address)?;
                run.daemon(&context);
            }
            Err(error) => {
                let finding = codes::IPFS_ADDRESS_INVALID.at(&run.target).message(error.to_string());
                run.findings.add(finding.cite(first));
            }
        }
        run.gateway(&context)?;
        run.pinning(&context)?;
        run.end()
    }
}

/// One look at a node and what stands beside it.
struct Run {
    findings: Findings,
    ids: Vec<ObservationId>,
    parts: Vec<String>,
    /// What could not be found out, if anything.
    unknown: Option<String>,
    target: String,
    in_container: bool,
    timeout: u32,
    /// The node refused a connection: no daemon listens there.
    refused: bool,
    /// A block that the node has, for its gateway to be asked for.
    block: Option<ipfs_client::Cid>,
}

impl Run {
    fn new(context: &Context, first: ObservationId, target: String, in_container: bool) -> Self {
        let share = progress::remaining_ms().saturating_sub(RESERVE) / ROUNDS;
        let timeout = context.setting("timeout-ms").and_then(|text| text.parse().ok()).unwrap_or(share).max(1);
        Self {
            findings: Findings::new(),
            ids: vec![first],
            parts: Vec::new(),
            unknown: None,
            target,
            in_container,
            timeout,
            refused: false,
            block: None,
        }
    }

    fn end(self) -> Result<Outcome, String> {
        let evidence = Evidence::of(self.ids)?;
        let summary = self.parts.join("; ");
        Ok(match self.unknown {
            Some(reason) => self.findings.inconclusive(reason, evidence),
            None if summary.is_empty() => self.findings.conclude("the node cannot be used", evidence),
            None => self.findings.conclude(summary, evidence),
        })
    }
}

/// A detail of the target, where it is set.
fn detail<'a>(context: &'a Context, key: &str) -> Option<&'a str> {
    let target = context.target()?;
    row_value(&target.details, key).map(str::trim).filter(|text| !text.is_empty())
}

/// The label of a secret that the target names and that is set.
fn secret(context: &Context, role: &str) -> Option<(ObservationId, String)> {
    let label = detail(context, &format!("credentials.{role}"))?.to_owned();
    let status = seaworthy_check_sdk::credentials::inspect(std::slice::from_ref(&label)).into_iter().next()?;
    status.present.then_some((status.id, label))
}

fn schemes(context: &Context) -> &'static [Scheme] {
    Scheme::of(context.setting("authorization-scheme"))
}

seaworthy_check_sdk::export_check!(Ipfs);
