//! `system/limits`: what every connection and every file needs, and how much of it is left.
//!
//! Nothing is tried but one file in the cache's directory; the rest is read. [`counts`] and
//! [`storage`] decide from plain data, [`telling`] says it.

mod counts;
mod storage;
mod telling;

use counts::Counts;
use seaworthy_check_sdk::env::{system, vars};
use seaworthy_check_sdk::{
    Check, Context, ContextExt, Evidence, Findings, ObservationId, Outcome, argument, query, row_value,
};
use storage::Storage;

seaworthy_check_sdk::descriptor!();

type Row = Vec<(String, String)>;

const DIRECTORIES: [&str; 2] = ["CACHE_DIR", "IPFS_ACCELERATE_CACHE_DIR"];
const DEFAULT_FILES: u64 = 1024;
const DEFAULT_FREE: u64 = 64 << 20;

struct Limits;

impl Check for Limits {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let variables = vars::read(&DIRECTORIES.map(str::to_owned));
        let set = variables.variables.iter().find_map(|variable| variable.value.as_deref()).map(str::trim);
        let directory = context.setting("directory").or(set).filter(|path| path.starts_with('/'));
        let reported = context.vantage("host-report") == Some("true");
        let mut queries: Vec<system::Query> = ["limits", "process", "interfaces"].map(|t| query(t, vec![])).into();
        queries.extend(directory.map(|path| query("directory", vec![argument("path", path)])));
        for topic in ["limits", "interfaces"].into_iter().filter(|_| reported) {
            queries.push(query("host-report", vec![argument("topic", topic)]));
        }
        let seen = system::inspect(&queries);
        // Reports of the host come last, in the order asked.
        let (here, host) = seen.split_at(seen.len() - if reported { 2 } else { 0 });
        let mut run = Run { findings: Findings::new(), evidence: Evidence::one(variables.id), parts: Vec::new() };
        run.evidence = run.evidence.with(seen.iter().map(|s| s.id));
        let limits = first_row(here, "limits").ok_or("the host did not say what the limits are")?;
        run.counts(&Counts::read(limits, host.first().and_then(row)), id_of(here, "limits"), &context);
        let networks = |rows: &[Row]| counts::container_networks(rows);
        let own = networks(all_rows(here, "interfaces"));
        let on_host = host.get(1).and_then(|s| s.outcome.as_deref().ok()).map(networks).unwrap_or_default();
        run.networks(own.max(on_host), &here.iter().chain(host).map(|s| s.id).collect::<Vec<_>>());
        if let Some(path) = directory {
            run.storage(path, here, &context);
        }
        run.end()
    }
}

seaworthy_check_sdk::export_check!(Limits);

fn row(seen: &system::Seen) -> Option<&Row> {
    seen.outcome.as_ref().ok()?.first()
}

fn first_row<'a>(seen: &'a [system::Seen], topic: &str) -> Option<&'a Row> {
    seen.iter().find(|s| s.topic == topic).and_then(row)
}

fn all_rows<'a>(seen: &'a [system::Seen], topic: &str) -> &'a [Row] {
    seen.iter().find(|s| s.topic == topic).and_then(|s| s.outcome.as_deref().ok()).unwrap_or_default()
}

fn id_of(seen: &[system::Seen], topic: &str) -> Option<ObservationId> {
    seen.iter().find(|s| s.topic == topic).map(|s| s.id)
}

struct Run {
    findings: Findings,
    evidence: Evidence,
    parts: Vec<String>,
}

impl Run {
    fn counts(&mut self, counts: &Counts, seen: Option<ObservationId>, context: &Context) {
        let Some(id) = seen else { return };
        let wanted = context.setting("min-files").and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_FILES);
        let verdicts = [counts.conntrack(), counts.ports(), counts.files(wanted), counts.processes()];
        for verdict in verdicts.into_iter().flatten() {
            self.findings.add(telling::count(&verdict).cite_all(&self.evidence));
        }
        let one = Evidence::one(id);
        let facts = [
            (facts::CONNTRACK_PERCENT, counts.conntrack_percent()),
            (facts::SOURCE_PORTS, counts.port_range()),
            (facts::SOURCE_PORTS_PERCENT, counts.ports_percent()),
            (facts::FILES_SOFT, counts.files_soft),
            (facts::FILES_USED, counts.files_used),
            (facts::MEMORY_PERCENT, counts.memory_percent()),
        ];
        for (key, value) in facts {
            if let Some(value) = value {
                self.findings.fact(key, value, &one);
            }
        }
        if let Some(files) = counts.files_soft {
            self.parts.push(format!("{files} file descriptors"));
        }
        if let Some(ports) = counts.port_range() {
            self.parts.push(format!("{ports} source ports"));
        }
        if let Some(percent) = counts.conntrack_percent() {
            self.parts.push(format!("connection tracking {percent} % full"));
        }
    }

    fn networks(&mut self, count: u64, seen: &[ObservationId]) {
        let Ok(evidence) = Evidence::of(seen.iter().copied()) else { return };
        self.findings.fact(facts::CONTAINER_NETWORKS, count, &evidence);
        if let Some(verdict) = counts::pools(count) {
            self.findings.add(telling::count(&verdict).cite_all(&evidence));
        }
    }

    fn storage(&mut self, path: &str, seen: &[system::Seen], context: &Context) {
        let (Some(row), Some(id)) = (first_row(seen, "directory"), id_of(seen, "directory")) else { return };
        let who = first_row(seen, "process").map(storage::Who::read).unwrap_or_default();
        let least = context.setting("min-free-bytes").and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_FREE);
        let found = Storage::read(path, row);
        if let Some(free) = found.free {
            self.findings.fact(facts::FREE_BYTES, free, &Evidence::one(id));
        }
        if let Some(wrong) = found.judge(least) {
            let finding = telling::storage(&found, &wrong, &who, least).cite(id);
            self.findings.add(match id_of(seen, "process") {
                Some(process) => finding.and(process),
                None => finding,
            });
        }
    }

    fn end(self) -> Result<Outcome, String> {
        let summary = self.parts.join(", ");
        Ok(self.findings.conclude(summary, self.evidence))
    }
}

/// A number in a row.
fn number(row: &Row, key: &str) -> Option<u64> {
    row_value(row, key).and_then(|text| text.parse().ok())
}
