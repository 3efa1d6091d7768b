//! A plugin written into checks.toml, without touching what is there already.

use seaworthy_model::{CapabilityRequest, ComponentDescriptor, ComponentKind};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Requests that a check's own target grants, so that there is nothing to write.
const OWN: [&str; 2] = ["{target}", "{directory}"];

/// A plugin to be listed. *Behaviour*: what a component says of itself is text of a stranger;
/// it stays within its comments and its quotes.
#[derive(Clone, Copy, Debug)]
pub struct Listing<'a> {
    /// Name in checks.toml.
    pub name: &'a str,
    /// `oci://...` or `file:...`.
    pub source: &'a str,
    /// Digest of a file, offered as a comment.
    pub digest: Option<&'a str>,
    /// Files of keys of which one must have signed it.
    pub signed_by: &'a [String],
    /// Its registry is spoken to without TLS.
    pub plain_http: bool,
    /// What it says about itself.
    pub descriptor: &'a ComponentDescriptor,
}

impl Listing<'_> {
    /// `text` with the plugin at its end; everything before is as it was.
    #[must_use]
    pub fn appended_to(&self, text: &str) -> String {
        let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let gap = match text {
            "" => "",
            text if text.ends_with('\n') => end,
            _ => &end.repeat(2),
        };
        format!("{text}{gap}{}", self.block().replace('\n', end))
    }

    /// `[plugins.NAME]`, with everything that it asks for and nothing granted.
    fn block(&self) -> String {
        let mut text = format!("[plugins.{}]\n", crate::show::key(self.name));
        let _ = writeln!(text, "source = {}", quoted(self.source));
        if let Some(digest) = self.digest {
            let _ = writeln!(text, "# digest = {}  # refuses another file", quoted(digest));
        }
        if !self.signed_by.is_empty() {
            let _ = writeln!(text, "signed-by = {}", list(self.signed_by.iter().map(String::as_str)));
        }
        if self.plain_http {
            text.push_str("plain-http = true\n");
        }
        let requests = self.requests();
        let says = one_line(&format!("{} {}", self.descriptor.name, self.descriptor.version));
        if requests.is_empty() {
            let _ = writeln!(text, "# {says} asks for nothing.");
            return text;
        }
        let _ = writeln!(
            text,
            "# {says} asks to be allowed what follows. Nothing is, before a line is uncommented; narrow it where you can."
        );
        for (capability, (scopes, reasons)) in requests {
            let own = scopes.is_empty();
            for reason in reasons {
                let _ = match own {
                    true => writeln!(text, "# {capability}, of its own targets, which their checks grant: {reason}"),
                    false => writeln!(text, "# {capability}: {reason}"),
                };
            }
            if !own {
                let _ = writeln!(text, "# grant.{capability} = {}", list(scopes.iter().map(String::as_str)));
            }
        }
        text
    }

    /// What each capability is asked for: scopes to grant, and reasons.
    fn requests(&self) -> BTreeMap<String, (Vec<String>, Vec<String>)> {
        let mut all: BTreeMap<String, (Vec<String>, Vec<String>)> = BTreeMap::new();
        let checks = self.descriptor.checks.iter().flat_map(|check| &check.requests);
        for CapabilityRequest { capability, scope, reason } in checks.chain(&self.descriptor.requests) {
            let (scopes, reasons) = all.entry(one_line(capability)).or_default();
            for scope in scope.iter().map(|scope| one_line(scope)).filter(|scope| !OWN.contains(&scope.as_str())) {
                if !scopes.contains(&scope) {
                    scopes.push(scope);
                }
            }
            let reason = one_line(reason);
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        all
    }

    /// How it is used: a `[[check]]` for each of its checks, or a tier.
    #[must_use]
    pub fn usage(&self) -> String {
        let mut text = String::new();
        if self.descriptor.kind == ComponentKind::Adapter {
            let _ = writeln!(text, "[tiers.{}]\nadapter = {}", crate::show::key(self.name), quoted(self.name));
            settings(&mut text, &self.descriptor.settings);
            return text;
        }
        for check in &self.descriptor.checks {
            let id = one_line(&check.id);
            let last = id.rsplit('/').next().unwrap_or_default();
            let gap = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}[[check]]  # {}", one_line(&check.title));
            let _ = writeln!(text, "id = {}", quoted(&format!("{}.{last}", self.name)));
            let _ = writeln!(text, "use = {}", quoted(&format!("{}:{id}", self.name)));
            if check.requests.iter().any(|request| request.scope.iter().any(|scope| scope.starts_with("{target"))) {
                text.push_str("target = \"NAME\"  # of a [targets.NAME]: what it looks at\n");
            }
            settings(&mut text, &check.settings);
        }
        text
    }
}

/// `text` with another `source` of a plugin that it lists; everything else is as it was.
/// None where it lists no such plugin.
#[must_use]
pub fn with_source(text: &str, plugin: &str, source: &str) -> Option<String> {
    let document = DeTable::parse(text).ok()?;
    let plugins = below(document.get_ref(), "plugins")?;
    let block = below(plugins.get_ref().as_table()?, plugin)?;
    let span = below(block.get_ref().as_table()?, "source")?.span();
    Some(format!("{}{}{}", text.get(..span.start)?, quoted(source), text.get(span.end..)?))
}

fn below<'t, 'i>(table: &'t DeTable<'i>, key: &str) -> Option<&'t Spanned<DeValue<'i>>> {
    table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
}

/// The settings of a schema, each as a comment.
fn settings(text: &mut String, schema: &Value) {
    let required =
        |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one.as_str() == Some(name)));
    let properties = schema["properties"].as_object();
    let mut any = false;
    for (name, property) in properties.into_iter().flatten().filter(|(_, p)| p.get("x-policy").is_none()) {
        let needed = if required(name) { " (needed)" } else { "" };
        let what = property["description"].as_str().map(|what| format!(": {}", one_line(what))).unwrap_or_default();
        let kind = property["type"].as_str().map(|kind| format!(", a {}", one_line(kind))).unwrap_or_default();
        if !any {
            text.push_str("# with = { .. }, of\n");
        }
        any = true;
        let _ = writeln!(text, "#   {}{needed}{kind}{what}", one_line(name));
    }
}

fn quoted(text: &str) -> String {
    Value::from(one_line(text)).to_string()
}

fn list<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    format!("[{}]", texts.map(quoted).collect::<Vec<_>>().join(", "))
}

/// Without what would end a comment or a line of TOML.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_model::CheckDescriptor;
    use serde_json::json;

    fn request(capability: &str, scope: &[&str], reason: &str) -> CapabilityRequest {
        let scope = scope.iter().map(|s| (*s).to_owned()).collect();
        CapabilityRequest { capability: capability.into(), scope, reason: reason.into() }
    }

    fn descriptor(requests: Vec<CapabilityRequest>) -> ComponentDescriptor {
        ComponentDescriptor {
            schema_version: 1,
            kind: ComponentKind::Check,
            name: "tcp-banner".into(),
            version: "0.1.0".into(),
            wit: "0.1.0".into(),
            checks: vec![CheckDescriptor {
                id: "acme/tcp-banner".into(),
                title: "TCP Greeting".into(),
                summary: String::new(),
                settings: json!({ "required": ["greeting"], "properties": { "greeting": { "type": "string", "description": "What it says" } } }),
                requests,
                facts: vec![],
                codes: vec![],
                mutates: false,
            }],
            summary: String::new(),
            settings: Value::Null,
            requests: vec![],
        }
    }

    fn listing(descriptor: &ComponentDescriptor) -> Listing<'_> {
        Listing {
            name: "acme",
            source: "oci://ghcr.io/acme/tcp-banner:1.0",
            digest: None,
            signed_by: &[],
            plain_http: false,
            descriptor,
        }
    }

    #[test]
    fn nothing_is_granted_and_everything_can_be_uncommented() {
        let descriptor = descriptor(vec![
            request("net", &["{target}"], "connect to the target"),
            request("env", &["HTTPS_PROXY", "NO_PROXY"], "say that a proxy is there"),
            request("env", &["NO_PROXY"], "and for whom it is not"),
        ]);
        let before = "version = 1\n# mine\n[run]\n";
        let text = listing(&descriptor).appended_to(before);
        assert_eq!(
            text.strip_prefix(before).unwrap(),
            r#"
[plugins.acme]
source = "oci://ghcr.io/acme/tcp-banner:1.0"
# tcp-banner 0.1.0 asks to be allowed what follows. Nothing is, before a line is uncommented; narrow it where you can.
# env: say that a proxy is there
# env: and for whom it is not
# grant.env = ["HTTPS_PROXY", "NO_PROXY"]
# net, of its own targets, which their checks grant: connect to the target
"#
        );
        let read = |text: &str| text.parse::<toml::Table>().unwrap()["plugins"]["acme"].clone();
        assert!(read(&text).get("grant").is_none());
        assert_eq!(read(&text.replace("# grant.env", "grant.env"))["grant"]["env"].as_array().unwrap().len(), 2);
        assert_eq!(
            listing(&descriptor).usage(),
            r#"[[check]]  # TCP Greeting
id = "acme.tcp-banner"
use = "acme:acme/tcp-banner"
target = "NAME"  # of a [targets.NAME]: what it looks at
# with = { .. }, of
#   greeting (needed), a string: What it says
"#
        );
    }

    #[test]
    fn a_component_cannot_write_what_it_likes() {
        let mut descriptor = descriptor(vec![
            request("env", &["A\"]\ngrant.net = [\"*:*"], "x\ngrant.net = [\"*:*\"]\n[gate]"),
            request("net\n[x]", &["y"], "z"),
        ]);
        descriptor.version = "1\n[plugins.bundled]".into();
        let text = listing(&descriptor).appended_to("version = 1");
        let read = text.parse::<toml::Table>().unwrap();
        assert_eq!(read.keys().collect::<Vec<_>>(), ["plugins", "version"], "{text}");
        assert_eq!(read["plugins"]["acme"].as_table().unwrap().len(), 1, "{text}");
    }

    #[test]
    fn ends_of_lines_stay_as_they_are() {
        let descriptor = descriptor(vec![]);
        let text = listing(&descriptor).appended_to("version = 1\r\n");
        assert!(!text.replace("\r\n", "").contains('\n'), "{text:?}");
        assert!(listing(&descriptor).appended_to("").starts_with("[plugins.acme]\n"));
        assert!(listing(&descriptor).appended_to("a = 1").starts_with("a = 1\n\n[plugins.acme]\n"));
    }

    #[test]
    fn a_source_is_replaced_in_its_place() {
        let text = "version = 1 # one\n[plugins.b]\nsource = \"oci://b/b:1\"\n[plugins]\na = { source = 'oci://a/a:1', plain-http = true } # a\n";
        assert_eq!(with_source(text, "a", "oci://a/a:2").unwrap(), text.replace("'oci://a/a:1'", "\"oci://a/a:2\""));
        assert_eq!(with_source(text, "b", "oci://b/b:2").unwrap(), text.replace("b:1", "b:2"));
        assert_eq!(with_source(text, "c", "oci://c/c:1"), None);
        assert_eq!(with_source("version = 1", "a", "x"), None);
    }
}
