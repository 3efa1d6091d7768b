//! A compose file: an override beside the one that is there, or a whole one.

use crate::around::Around;
use crate::change::Kind;
use crate::outline;
use crate::wanted::{Value, Wanted};
use crate::yaml::{self, Page};

/// First words of a file that is ours and may be replaced.
pub(crate) const MARK: &str = "# Written by `seaworthy fix`";

/// Where a whole file goes.
const WHOLE: &str = "docker-compose.yml";

/// What is to be written for a service.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Service {
    /// Its name in the file that is there.
    pub(crate) name: String,
    /// The file that it is put over; none makes a whole file.
    pub(crate) over: Option<String>,
    /// Whether the file that is there gives it networks.
    pub(crate) has_networks: bool,
}

/// The file, and the service in it.
///
/// # Errors
/// When it cannot be told which service is meant.
pub(crate) fn place(around: &Around) -> Result<(String, Service), String> {
    let Some(base) = &around.compose else {
        let name = around.service.clone().unwrap_or_else(|| "runner".into());
        return Ok((around.at(Kind::Compose, WHOLE), Service { name, ..Service::default() }));
    };
    let services = outline::below(&base.text, "services");
    let name = outline::choose(&services, around.service.as_deref(), "runner")
        .map_err(|why| format!("{}: {why}", base.path))?;
    let has_networks = services.iter().any(|(known, lines)| *known == name && outline::sets(lines, "networks"));
    let (stem, extension) = base.path.rsplit_once('.').unwrap_or((&base.path, "yml"));
    let foreign = around.compose_override.as_ref().filter(|file| !file.text.starts_with(MARK));
    let usual = match foreign {
        Some(_) => format!("{stem}.seaworthy.{extension}"),
        None => {
            around.compose_override.as_ref().map_or_else(|| format!("{stem}.override.{extension}"), |f| f.path.clone())
        }
    };
    Ok((around.at(Kind::Compose, &usual), Service { name, over: Some(base.path.clone()), has_networks }))
}

/// The command that uses the file.
pub(crate) fn command(path: &str, service: &Service, around: &Around) -> String {
    let files = match (&service.over, &around.compose_override) {
        (None, _) if path == WHOLE => Vec::new(),
        (None, _) => vec![path],
        (Some(base), Some(theirs)) if theirs.path != path => vec![base.as_str(), theirs.path.as_str(), path],
        (Some(base), _) if path.contains(".override.") && same_folder(base, path) => Vec::new(),
        (Some(base), _) => vec![base.as_str(), path],
    };
    let files: String = files.iter().map(|file| format!("-f {} ", crate::shell::quoted(file))).collect();
    format!("docker compose {files}up -d")
}

fn same_folder(a: &str, b: &str) -> bool {
    let folder = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    folder(a) == folder(b)
}

/// What keeps a wish out of a compose file.
pub(crate) fn obstacle(wanted: &Wanted, service: &Service) -> Option<String> {
    let host = wanted.values("--network").any(|network| network == "host");
    if host && service.has_networks {
        return Some(format!(
            "`network_mode: host` and the `networks` of {} exclude each other: take those away",
            service.name
        ));
    }
    let plain = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    let alias = wanted.aliases.iter().find(|(_, alias)| !plain(alias)).map(|(_, alias)| alias);
    if let Some(alias) = alias.filter(|_| service.over.is_none()) {
        return Some(format!("`{alias}` cannot be the name of a service"));
    }
    let left = wanted.options.iter().find(|option| !KNOWN.contains(&option.name.as_str()));
    left.map(|option| format!("{} has no counterpart that could be written here", option.name))
}

/// The options that [`service`] writes.
const KNOWN: [&str; 17] = [
    "--network",
    "--network-alias",
    "--add-host",
    "--dns",
    "--dns-option",
    "--dns-search",
    "--publish",
    "--volume",
    "--ulimit",
    "--sysctl",
    "--cap-add",
    "--pids-limit",
    "--user",
    "--memory",
    "--hostname",
    "--tmpfs",
    "--group-add",
];

/// The file's text.
pub(crate) fn written(wanted: &Wanted, about: &Service) -> String {
    let mut page = Page::default();
    match &about.over {
        Some(base) => page.line(0, &format!("{MARK}; put over {base}.")),
        None => page.line(0, &format!("{MARK}. RUNNER_IMAGE is the image of your runner.")),
    }
    page.line(0, "services:");
    let whole = about.over.is_none();
    let peer = wanted.aliases.first().filter(|_| whole);
    if let Some((network, name)) = peer {
        peer_service(&mut page, wanted, network, name);
    }
    service(&mut page, wanted, about, peer.map(|(_, name)| name.as_str()));
    networks(&mut page, wanted, peer.is_some());
    if peer.is_some() {
        page.line(0, "volumes:");
        page.line(1, "cache-peer-state:");
    }
    page.end()
}

/// The cache peer, with the name by which the runner looks for it.
fn peer_service(page: &mut Page, wanted: &Wanted, network: &str, name: &str) {
    page.line(1, &format!("{}:", yaml::key(name)));
    page.line(2, "image: \"${SEAWORTHY_IMAGE:-seaworthy}\"");
    let port = wanted.text("CACHE_BOOTSTRAP_PEERS").and_then(|peers| port_of(peers, name)).unwrap_or(9100);
    let listen = format!("/ip4/0.0.0.0/tcp/{port}");
    let command = ["peer", "--state", "/var/lib/seaworthy", "--listen", &listen];
    page.line(2, &format!("command: [{}]", command.map(yaml::quoted).join(", ")));
    page.line(2, "environment:");
    page.line(3, "CACHE_P2P_SHARED_SECRET:");
    page.line(2, "volumes:");
    page.line(3, "# Its identity: with a new one, every address that names the old one is stale.");
    page.line(3, "- \"cache-peer-state:/var/lib/seaworthy\"");
    page.list(2, "networks", [network]);
}

/// The port of the peer that is called `name` in a list of addresses.
fn port_of(peers: &str, name: &str) -> Option<u16> {
    let parts: Vec<&str> = peers.split(['/', ',']).collect();
    let at = parts.iter().position(|part| *part == name)?;
    parts.get(at + 2)?.parse().ok()
}

/// Compose puts variables into texts; a doubled dollar is one that stays.
fn literal(text: &str) -> String {
    text.replace('$', "$$")
}

fn service(page: &mut Page, wanted: &Wanted, about: &Service, peer: Option<&str>) {
    page.line(1, &format!("{}:", yaml::key(&about.name)));
    if about.over.is_none() {
        page.line(2, "image: \"${RUNNER_IMAGE:-seaworthy}\"");
    }
    let mut variables: Vec<(String, Value)> = wanted.variables.clone();
    if peer.is_some() {
        for (name, value) in [
            ("CACHE_ENABLE_P2P", Value::Text("true".into())),
            ("CACHE_BOOTSTRAP_PEERS", Value::Caller),
            ("CACHE_P2P_SHARED_SECRET", Value::Caller),
        ] {
            if !variables.iter().any(|(known, _)| known == name) {
                variables.push((name.to_owned(), value));
            }
        }
    }
    variables.retain(|(_, value)| *value != Value::Unset);
    if !variables.is_empty() {
        page.line(2, "environment:");
        for (name, value) in &variables {
            match value {
                Value::Text(text) => page.pair(3, name, &literal(text)),
                Value::Caller | Value::Unset => page.line(3, &format!("{}:", yaml::key(name))),
            }
        }
    }
    let all = |name| wanted.values(name).map(literal).collect::<Vec<_>>();
    for (option, key) in [
        ("--add-host", "extra_hosts"),
        ("--dns", "dns"),
        ("--dns-option", "dns_opt"),
        ("--dns-search", "dns_search"),
        ("--publish", "ports"),
        ("--volume", "volumes"),
        ("--tmpfs", "tmpfs"),
        ("--cap-add", "cap_add"),
        ("--group-add", "group_add"),
        ("--sysctl", "sysctls"),
    ] {
        page.list(2, key, all(option).iter().map(String::as_str));
    }
    for (option, key) in [("--user", "user"), ("--memory", "mem_limit"), ("--hostname", "hostname")] {
        if let Some(value) = all(option).first() {
            page.pair(2, key, value);
        }
    }
    if let Some(limit) = wanted.values("--pids-limit").next().and_then(|value| value.parse::<i64>().ok()) {
        page.line(2, &format!("pids_limit: {limit}"));
    }
    limits(page, wanted);
    let network = wanted.values("--network").next().or(wanted.aliases.first().map(|(network, _)| network.as_str()));
    match network {
        Some("host") => page.pair(2, "network_mode", "host"),
        Some(network) if about.over.is_some() && !about.has_networks => page.list(2, "networks", ["default", network]),
        Some(network) => page.list(2, "networks", [network]),
        None => {}
    }
    page.list(2, "depends_on", peer);
}

/// `nofile=65536:65536` and `nproc=1024`.
fn limits(page: &mut Page, wanted: &Wanted) {
    let read = |text: &str| -> Option<(String, i64, i64)> {
        let (name, range) = text.split_once('=')?;
        let (soft, hard) = range.split_once(':').unwrap_or((range, range));
        Some((name.to_owned(), soft.parse().ok()?, hard.parse().ok()?))
    };
    let all: Vec<_> = wanted.values("--ulimit").filter_map(read).collect();
    if !all.is_empty() {
        page.line(2, "ulimits:");
        for (name, soft, hard) in all {
            page.line(3, &format!("{}:", yaml::key(&name)));
            page.line(4, &format!("soft: {soft}"));
            page.line(4, &format!("hard: {hard}"));
        }
    }
}

/// The networks that are named: made by compose where both ends are in the file,
/// else by the commands beside it.
fn networks(page: &mut Page, wanted: &Wanted, both: bool) {
    let mut names: Vec<&str> = wanted.values("--network").filter(|name| *name != "host").collect();
    names.extend(wanted.aliases.iter().map(|(network, _)| network.as_str()));
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return;
    }
    page.line(0, "networks:");
    for name in names {
        page.line(1, &format!("{}:", yaml::key(name)));
        let driver = wanted.networks.iter().find(|(known, _)| known == name).map(|(_, driver)| driver);
        if both {
            let driver = driver.filter(|driver| !driver.is_empty());
            if let Some(driver) = driver {
                page.line(2, "driver_opts:");
                driver.iter().for_each(|(key, value)| page.pair(3, key, value));
            }
        } else {
            page.line(2, "external: true");
        }
    }
}
