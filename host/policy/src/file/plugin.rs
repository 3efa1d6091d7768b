use super::{DurationText, SizeText};
use crate::origin::At;
use crate::reader::{Block, Reader, Wrong};
use crate::scalar::{self, Choice, boolean, count, prose};
use schemars::JsonSchema;
use seaworthy_model::{BadReference, HostPattern, NetRule, RegistryReference, is_digest};
use std::time::Duration;
use toml::Spanned;
use toml::de::DeValue;

/// A component from elsewhere.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PluginBlock {
    /// `builtin`, `file:` and a path relative to this file, or `oci://HOST/REPOSITORY:TAG`, which checks.lock pins;
    /// `oci://HOST/REPOSITORY@sha256:..` pins itself.
    #[schemars(regex(pattern = "^(builtin|file:.+|oci://.+)$"))]
    pub source: At<String>,
    /// `sha256:` and 64 hex digits of the component; another one is refused.
    #[schemars(regex(pattern = "^sha256:[0-9a-f]{64}$"))]
    pub digest: Option<At<String>>,
    /// Public keys in PEM, relative to this file, of which one must have signed it, in the place of those of [signatures].
    #[schemars(with = "Option<Vec<String>>")]
    pub signed_by: Option<At<Vec<At<String>>>>,
    /// Its registry is spoken to without TLS. One on loopback always is.
    pub plain_http: Option<At<bool>>,
    /// What it may do, of what it asks for. Nothing when not given.
    #[schemars(default)]
    pub grant: GrantBlock,
    /// Caps on each of its steps.
    #[schemars(default)]
    pub limits: LimitsBlock,
}

/// What a component may do. The addresses of a check's own target are granted by the check.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GrantBlock {
    /// `host:port`, `*.example.com:443`, `10.0.0.0/8:*`, `{gateway}:*`, `{target-host}`, `{nameservers}`, `{proxies}`.
    #[schemars(with = "Vec<String>", default)]
    pub net: Vec<At<String>>,
    /// Names that may be looked up.
    #[schemars(with = "Vec<String>", default)]
    pub dns: Vec<At<String>>,
    /// Globs over names of environment variables.
    #[schemars(with = "Vec<String>", default)]
    pub env: Vec<At<String>>,
    /// Topics of system information, or `*`.
    #[schemars(with = "Vec<String>", default)]
    pub system: Vec<At<String>>,
    /// Absolute paths that may be read; a trailing `/**` takes a folder.
    #[schemars(with = "Vec<String>", default)]
    pub read: Vec<At<String>>,
    /// `dial`, and names of libp2p protocols that may be requested.
    #[schemars(with = "Vec<String>", default)]
    pub p2p: Vec<At<String>>,
    /// `read`, `write`: operations on the cache tiers.
    #[schemars(with = "Vec<String>", default)]
    pub cache: Vec<At<String>>,
    /// Labels of secrets that may be used, never read.
    #[schemars(with = "Vec<String>", default)]
    pub secret: Vec<At<String>>,
}

/// Caps on each step of a plugin.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LimitsBlock {
    /// Linear memory, e.g. "64MiB".
    #[schemars(with = "Option<SizeText>")]
    pub memory: Option<At<u64>>,
    /// Processor time of the component itself, e.g. "500ms".
    #[schemars(with = "Option<DurationText>")]
    pub cpu: Option<At<Duration>>,
    /// Result, log and stdio together, e.g. "256KiB".
    #[schemars(with = "Option<SizeText>")]
    pub output: Option<At<u64>>,
    /// Calls to the host.
    #[schemars(range(min = 1))]
    pub host_calls: Option<At<u64>>,
    /// Findings and facts.
    #[schemars(range(min = 1))]
    pub findings: Option<At<u64>>,
}

impl GrantBlock {
    /// The grants of one capability, as written.
    pub(crate) fn of(&self, capability: &str) -> Vec<&str> {
        let list = match capability {
            "net" => &self.net,
            "dns" => &self.dns,
            "env" => &self.env,
            "system" => &self.system,
            "read" => &self.read,
            "p2p" => &self.p2p,
            "cache" => &self.cache,
            "secret" => &self.secret,
            _ => return Vec::new(),
        };
        list.iter().map(|at| at.value.as_str()).collect()
    }
}

/// Where a plugin comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Builtin,
    File,
    Registry,
}

impl Choice for Source {
    const ALL: &'static [(&'static str, Self)] =
        &[("builtin", Self::Builtin), ("file:PATH", Self::File), ("oci://HOST/REPOSITORY:TAG", Self::Registry)];
}

pub(super) fn read(reader: &mut Reader<'_>, name: &str, value: &Spanned<DeValue<'_>>) -> Option<PluginBlock> {
    let mut block = Block::of(format!("[plugins.{name}]"), value, reader)?;
    let source = block.req(reader, "source", "say where it is: `source = \"file:plugins/name.wasm\"`", |v| {
        let text = prose(v)?;
        if RegistryReference::is_meant(&text) {
            let wrong = |error: BadReference| Wrong::value(format!("cannot be read: {error}"));
            return text.parse::<RegistryReference>().map(|_| text).map_err(wrong);
        }
        match text.strip_prefix("file:") {
            Some("") => Err(Wrong::value("names no file").help("write \"file:plugins/name.wasm\"")),
            Some(_) => Ok(text),
            None if text == "builtin" && name == "bundled" => Ok(text),
            None if text == "builtin" => {
                Err(Wrong::value("\"builtin\" is the plugin `bundled`, which is always there")
                    .help("write \"file:PATH\""))
            }
            None => scalar::choice::<Source>(v).map(|_| text),
        }
    });
    let digest = block.opt(reader, "digest", digest);
    let signed_by = block.list(reader, "signed-by", prose);
    let plain_http = block.opt(reader, "plain-http", boolean);
    let grant = block.block(reader, "grant", read_grant).unwrap_or_default();
    let limits = block.block(reader, "limits", read_limits).unwrap_or_default();
    block.finish(reader);
    Some(PluginBlock { source: source?, digest, signed_by, plain_http, grant, limits })
}

pub(crate) fn digest(value: &DeValue<'_>) -> Result<String, Wrong> {
    let text = prose(value)?;
    if is_digest(&text) {
        Ok(text)
    } else {
        Err(Wrong::value(format!("takes \"sha256:\" and 64 lower-case hex digits, not \"{text}\""))
            .help("`sha256sum FILE` prints them"))
    }
}

fn read_grant(reader: &mut Reader<'_>, mut block: Block<'_, '_>) -> GrantBlock {
    let net = |v: &DeValue<'_>| {
        let text = prose(v)?;
        if !matches!(text.as_str(), "{target}" | "{target-host}" | "{proxies}") {
            text.parse::<NetRule>().map_err(|e| Wrong::value(format!("holds a bad grant: {e}")))?;
        }
        Ok(text)
    };
    let dns = |v: &DeValue<'_>| {
        let text = prose(v)?;
        text.parse::<HostPattern>().map_err(|_| {
            Wrong::value(format!("holds \"{text}\", which is not a name")).help("write `name`, `*.example.com` or `*`")
        })?;
        Ok(text)
    };
    let read = |v: &DeValue<'_>| {
        let text = prose(v)?;
        if text.starts_with('/') && !text.split('/').any(|part| part == "..") {
            Ok(text)
        } else {
            Err(Wrong::value(format!("takes absolute paths without `..`, not \"{text}\"")))
        }
    };
    let cache = |v: &DeValue<'_>| {
        let text = prose(v)?;
        if matches!(text.as_str(), "read" | "write") {
            Ok(text)
        } else {
            Err(Wrong::value(format!("takes \"read\" and \"write\", not \"{text}\"")))
        }
    };
    let mut list = |key, parse: &dyn Fn(&DeValue<'_>) -> Result<String, Wrong>| {
        block.list(reader, key, parse).map(|at| at.value).unwrap_or_default()
    };
    let grant = GrantBlock {
        net: list("net", &net),
        dns: list("dns", &dns),
        env: list("env", &prose),
        system: list("system", &prose),
        read: list("read", &read),
        p2p: list("p2p", &prose),
        cache: list("cache", &cache),
        secret: list("secret", &prose),
    };
    block.finish(reader);
    grant
}

fn read_limits(reader: &mut Reader<'_>, mut block: Block<'_, '_>) -> LimitsBlock {
    let limits = LimitsBlock {
        memory: block.opt(reader, "memory", scalar::size),
        cpu: block.opt(reader, "cpu", scalar::budget),
        output: block.opt(reader, "output", scalar::size),
        host_calls: block.opt(reader, "host-calls", count::<1>),
        findings: block.opt(reader, "findings", count::<1>),
    };
    block.unsupported(reader, "fuel", "limit processor time instead: `cpu = \"500ms\"`");
    block.finish(reader);
    limits
}
