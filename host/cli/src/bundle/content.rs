//! What a support archive holds. Every file passes through the redaction, whatever
//! it was made from.

use crate::configuration::{self, Purpose};
use crate::error::CliError;
use crate::vantage;
use data_encoding::HEXLOWER;
use seaworthy_model::{Environment, Report};
use seaworthy_policy::Policy;
use seaworthy_report::{HumanOptions, Redactions, Redactor, Style};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// Columns of the report for people.
const WIDTH: usize = 100;

/// System information that says how the place is, and nothing of what runs there.
const TOPICS: [&str; 5] = ["container", "interfaces", "routes", "resolver", "limits"];

/// Versions out of the lock file that this program was built with.
const LOCKED: &str = env!("SEAWORTHY_LOCKED");

/// A file of the archive.
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) text: String,
    /// What was hidden in it.
    pub(super) hidden: Redactions,
}

/// Files on their way through the redaction.
pub(super) struct Content<'a> {
    redactor: &'a Redactor,
    pub(super) entries: Vec<Entry>,
}

impl<'a> Content<'a> {
    pub(super) fn new(redactor: &'a Redactor) -> Self {
        Self { redactor, entries: Vec::new() }
    }

    /// Adds a file; `hidden` is what was hidden in it before.
    fn add(&mut self, path: &str, text: &str, hidden: Redactions) {
        let (text, more) = self.redactor.text_counted(text);
        let mut all = hidden;
        all.merge(&more);
        self.entries.push(Entry { path: path.to_owned(), text, hidden: all });
    }

    fn json(&mut self, path: &str, value: &Value) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(value).map_err(|error| CliError::CannotWrite(error.to_string()))?;
        self.add(path, &(text + "\n"), Redactions::default());
        Ok(())
    }

    /// A report: for machines, for people, and what it rests on, one observation a
    /// line. `hidden` is what its redaction hid already.
    pub(super) fn report(&mut self, stem: &str, report: &Report, hidden: &Redactions) -> Result<(), CliError> {
        // One that was recorded elsewhere is redacted once more: it may hold a secret of this place.
        let (report, more) = self.redactor.apply_counted(report.clone());
        let mut all = hidden.clone();
        all.merge(&more);
        let cannot = |error: serde_json::Error| CliError::CannotWrite(error.to_string());
        let text = seaworthy_report::json(&report).map_err(cannot)?;
        self.add(&format!("{stem}.json"), &text, all);
        let options = HumanOptions { style: Style::Plain, width: WIDTH, verbose: true, quiet: false };
        self.add(&format!("{stem}.txt"), &seaworthy_report::human(&report, &options), Redactions::default());
        let mut seen: Vec<_> = report.checks.iter().flat_map(|check| &check.evidence).collect();
        seen.sort_by_key(|observation| observation.id);
        seen.dedup_by_key(|observation| observation.id);
        let mut lines = String::new();
        for observation in seen {
            let _ = writeln!(lines, "{}", serde_json::to_string(observation).map_err(cannot)?);
        }
        self.add(&format!("{stem}.evidence.jsonl"), &lines, Redactions::default());
        Ok(())
    }

    /// The policy, the versions of everything, and the place.
    pub(super) async fn surroundings(&mut self, policy: &Policy, environment: &Environment) -> Result<(), CliError> {
        self.add("policy.txt", &policy.show_config(environment), Redactions::default());
        let versions = versions(policy).await;
        self.json("versions.json", &versions)?;
        self.json("place.json", &place(environment))
    }

    /// The list of everything, with what was hidden where.
    pub(super) fn manifest(&mut self) -> Result<(), CliError> {
        let files: Vec<Value> = self
            .entries
            .iter()
            .map(|entry| {
                json!({
                    "path": entry.path,
                    "bytes": entry.text.len(),
                    "sha256": HEXLOWER.encode(&Sha256::digest(entry.text.as_bytes())),
                    "redacted": entry.hidden,
                })
            })
            .collect();
        let manifest = json!({
            "schema_version": "1.0",
            "tool": { "name": "seaworthy", "version": configuration::VERSION },
            "about": "What was replaced, by class and count, for each file. A secret that was hidden when a report was \
                      recorded is counted in no other place than that report's own run.",
            "files": files,
        });
        self.json("manifest.json", &manifest)
    }
}

/// *Behaviour*: a component that cannot be loaded is no reason to have no archive; it
/// is in the list with the reason.
async fn versions(policy: &Policy) -> Value {
    let locked: serde_json::Map<String, Value> = LOCKED
        .split(',')
        .filter_map(|entry| entry.split_once('='))
        .map(|(name, version)| (name.to_owned(), version.into()))
        .collect();
    let components = match configuration::open_catalog(policy, Purpose::Show).await {
        Ok(catalog) => {
            let entry = |(name, entry): (&String, &seaworthy_engine::Entry)| {
                json!({
                    "name": name,
                    "version": entry.descriptor.version,
                    "wit": entry.descriptor.wit,
                    "source": entry.source.to_string(),
                    "digest": entry.digest,
                })
            };
            let unusable = catalog.unusable().iter().map(|(name, why)| json!({ "name": name, "unusable": why }));
            Value::Array(catalog.entries().iter().map(entry).chain(unusable).collect())
        }
        Err(error) => json!({ "error": error.to_string() }),
    };
    json!({
        "seaworthy": configuration::VERSION,
        "os": std::env::consts::OS,
        "arch": std::env::consts::ARCH,
        "libraries": locked,
        "components": components,
    })
}

/// Of variables only the names, and only of those that have to do with the cache.
fn place(environment: &Environment) -> Value {
    let families = [
        "CACHE_",
        "SEAWORTHY_",
        "AWS_",
        "S3_",
        "IPFS_",
        "KUBO_",
        "STORACHA_",
        "GITHUB_",
        "RUNNER_",
        "ACTIONS_",
        "SSL_",
    ];
    let about =
        |name: &str| families.iter().any(|f| name.starts_with(f)) || name.to_ascii_uppercase().ends_with("_PROXY");
    let names: Vec<&str> = environment.iter().map(|(name, _)| name).filter(|name| about(name)).collect();
    let context = seaworthy_probe::system::Context { environment: environment.clone() };
    let mut system = serde_json::Map::new();
    for topic in TOPICS {
        let rows = match seaworthy_probe::system::inspect(topic, &[], &context) {
            Ok(rows) => {
                let row =
                    |row: Vec<(String, String)>| Value::Object(row.into_iter().map(|(k, v)| (k, v.into())).collect());
                Value::Array(rows.into_iter().map(row).collect())
            }
            Err(failure) => json!({ "error": format!("{failure:?}") }),
        };
        system.insert(topic.to_owned(), rows);
    }
    json!({ "facts": vantage::facts(environment), "variables-that-are-set": names, "system": system })
}
