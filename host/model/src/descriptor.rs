use crate::{Layer, Level, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Version of the descriptor's format.
pub const DESCRIPTOR_SCHEMA_VERSION: u32 = 1;

/// What a component says about itself: the JSON that `describe` returns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ComponentDescriptor {
    /// Format version; 1.
    pub schema_version: u32,
    /// What it exports.
    pub kind: ComponentKind,
    /// Lower-kebab name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// Version of the WIT contract it was built against.
    pub wit: String,
    /// The checks it carries; empty for an adapter.
    #[serde(default)]
    pub checks: Vec<CheckDescriptor>,
    /// For an adapter: one line on what it caches into.
    #[serde(default)]
    pub summary: String,
    /// For an adapter: JSON Schema of its configuration.
    #[serde(default)]
    pub settings: Value,
    /// For an adapter: what it asks to be allowed.
    #[serde(default)]
    pub requests: Vec<CapabilityRequest>,
}

/// What a component exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ComponentKind {
    /// `seaworthy:check/checks`.
    Check,
    /// `seaworthy:cache/adapter`.
    Adapter,
}

/// One check of a component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckDescriptor {
    /// `domain/name`, used after the plugin's name in checks.toml.
    pub id: String,
    /// Name for people: "Network Connectivity".
    pub title: String,
    /// One or two sentences.
    pub summary: String,
    /// JSON Schema of `with`; `{}` takes anything.
    #[serde(default)]
    pub settings: Value,
    /// What it asks to be allowed, each with a reason.
    #[serde(default)]
    pub requests: Vec<CapabilityRequest>,
    /// The facts it may report.
    #[serde(default)]
    pub facts: Vec<FactDescriptor>,
    /// The findings it may report.
    #[serde(default)]
    pub codes: Vec<CodeDescriptor>,
    /// It changes something outside (writes to a cache).
    #[serde(default)]
    pub mutates: bool,
}

/// One capability that a component asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapabilityRequest {
    /// `net`, `dns`, `env`, `system`, `read`, `p2p`, `cache` or `secret`.
    pub capability: String,
    /// As in `grant.*` of checks.toml; for `net` also `{target}` (the addresses of
    /// the step's targets), `{target-host}` (any port of their hosts), `{nameservers}`
    /// (port 53 of the name servers in /etc/resolv.conf) and `{proxies}` (where
    /// HTTP_PROXY, HTTPS_PROXY and ALL_PROXY lead); for `read` also `{target}` (the
    /// files that their details name).
    pub scope: Vec<String>,
    /// Why, for whoever grants it.
    pub reason: String,
}

/// A fact that a check may report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FactDescriptor {
    /// Lower-kebab key, with the unit where there is one: `connect-ms`.
    pub key: String,
    /// What it means.
    pub description: String,
}

/// A finding that a check may report, with its page for `explain`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeDescriptor {
    /// Dotted, lower-kebab parts: `peer.refused`.
    pub code: String,
    /// One line.
    pub title: String,
    /// The worst level it is used with.
    pub level: Level,
    /// How much it matters.
    pub severity: Severity,
    /// Where in the stack.
    pub layer: Layer,
    /// What it means, how it is told from its look-alikes. Markdown.
    pub explain: String,
    /// What to do when nothing more specific is known. Markdown.
    pub remedy: String,
}
