use crate::policy::EMBEDDED;
use seaworthy_model::Environment;
use std::collections::BTreeMap;

/// A commented checks.toml from what was seen: `seaworthy init --detect`.
///
/// *Behaviour*: `facts` are those of the place (`kind`, `network-mode`, `gateway`,
/// `ci` ...). Peers of the environment become the default, so that the file works
/// where the variable is not set; secrets are only named. The checks are those of
/// the embedded suite, to be changed at will.
#[must_use]
pub fn init_detect(facts: &BTreeMap<String, String>, environment: &Environment) -> String {
    written(Some(facts), environment)
}

/// The same of a place that was not looked at: `seaworthy init`. The file says so, and
/// assumes nothing of where it will be used.
#[must_use]
pub fn init_template() -> String {
    written(None, &Environment::default())
}

/// `facts` are none where nobody looked.
fn written(facts: Option<&BTreeMap<String, String>>, environment: &Environment) -> String {
    let seen = facts.is_some();
    let fact = |key: &str| facts?.get(key).map(String::as_str).filter(|v| !matches!(*v, "" | "none" | "unknown"));
    let list = |name: &str| environment.text(name).map_or_else(Vec::new, split);
    let peers = list("CACHE_BOOTSTRAP_PEERS");
    let backends = list("CACHE_BACKENDS");
    let github = environment.text("GITHUB_ACTIONS") == Some("true");

    let mut text = String::from("# What must be reachable from this runner, and what may block a merge.\n");
    text.push_str("# `seaworthy validate` checks it, `seaworthy show-config` prints what comes of it.\n#\n");
    text.push_str(if seen {
        "# Seen when this file was made:\n"
    } else {
        "# This place was not looked at; `seaworthy init --detect` fills in what is found.\n"
    });
    let place = match (fact("kind"), fact("network-mode"), fact("gateway")) {
        (None, _, _) => "not a container".to_owned(),
        (Some(kind), mode, gateway) => {
            let mode = mode.map(|m| format!(", network mode {m}")).unwrap_or_default();
            format!("a container ({kind}{mode}{})", gateway.map(|g| format!(", gateway {g}")).unwrap_or_default())
        }
    };
    if seen {
        comment(&mut text, &format!("  {place}"));
        let count = match peers.len() {
            0 => "  no peers: CACHE_BOOTSTRAP_PEERS is not set".to_owned(),
            n => format!("  {n} peer{} in CACHE_BOOTSTRAP_PEERS", if n == 1 { "" } else { "s" }),
        };
        comment(&mut text, &count);
        comment(&mut text, "  no plugins");
    }
    text.push_str("version = 1\n\n[vars]\n");
    text.push_str("# The default holds where the variable is not set.\n");
    text.push_str(&format!(
        "peers = {{ env = \"CACHE_BOOTSTRAP_PEERS\", type = \"multiaddr-list\", separator = \",\", default = {} }}\n",
        quoted(&peers)
    ));
    if !backends.is_empty() {
        text.push_str(&format!(
            "backends = {{ env = [\"CACHE_BACKENDS\", \"CACHE_BACKEND\"], type = \"list\", default = {} }}\n",
            quoted(&backends)
        ));
    }
    text.push('\n');
    text.push_str("[targets.p2p]\nkind = \"libp2p\"\naddresses = \"${peers}\"\n\n");
    text.push_str("# Which tiers of the cache are needed and preferred, and how patient one is with them.\n");
    text.push_str(
        "# [fallback.cache]\n# order = [\"p2p\", \"disk\"]\n# prefer = \"p2p\"\n# [cache]\n# hedge = \"200ms\"\n\n",
    );
    text.push_str("# Checks of your own: name the component and grant what it may do.\n# [plugins.my-check]\n");
    text.push_str("# source = \"file:plugins/my_check.wasm\"\n# grant.net = [\"proxy.example.com:3128\"]\n");
    text.push_str(
        "# `seaworthy plugin add oci://HOST/REPOSITORY:TAG` adds one from a registry, pinned in checks.lock.\n",
    );
    text.push_str("# [signatures]\n# keys = [\"cosign.pub\"]\n\n");
    text.push_str("[run]\ndeadline = \"60s\"\n# cache.operations writes keys of its own and removes them; it is skipped unless this is true.\n");
    text.push_str("allow-writes = false\n\n[gate]\nfail-on = { status = [\"fail\"], severity = \"major\" }\n");
    text.push_str("# These must have been looked at: a skipped one fails the gate.\n");
    text.push_str(if peers.is_empty() {
        "# require = [\"net.connectivity\"]\n\n"
    } else {
        "require = [\"net.connectivity\"]\n\n"
    });
    text.push_str(suite());
    text.push_str("\n[[output]]\nformat = \"human\"\npath = \"-\"\n\n");
    if github {
        text.push_str("# Annotations and the step summary.\n[[output]]\nformat = \"github\"\npath = \"auto\"\n\n");
    }
    text.push_str(
        "# `seaworthy -P ci`: only what differs.\n[profile.ci]\nallow-writes = true\ngate.on-error = \"fail\"\n",
    );
    text
}

/// The checks of the embedded suite, as they are written there.
fn suite() -> &'static str {
    let start = EMBEDDED.find("\n[[check]]\n").map_or(EMBEDDED.len(), |i| i + 1);
    let length = EMBEDDED[start..].find("\n# ----").unwrap_or(EMBEDDED.len() - start);
    &EMBEDDED[start..start + length]
}

fn split(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect()
}

fn quoted(texts: &[String]) -> String {
    toml::Value::Array(texts.iter().map(|t| toml::Value::String(t.clone())).collect()).to_string()
}

/// A comment of one line, whatever the text holds.
fn comment(into: &mut String, text: &str) {
    into.push('#');
    into.extend(text.chars().map(|c| if c.is_control() { ' ' } else { c }));
    into.push('\n');
}
