//! Which proxy which client would use for a URL. Touches no network.
//!
//! There is no standard for HTTP_PROXY and NO_PROXY, and clients of one machine read
//! the same variables differently. Read from their sources:
//!
//! | client | variables, the first that counts | entries of NO_PROXY |
//! |---|---|---|
//! | `curl` (lib/url.c `detect_proxy`, lib/noproxy.c) | `http_proxy` in lower case only; `https_proxy`, `HTTPS_PROXY`; then `all_proxy`, `ALL_PROXY` | `x` and `.x` take `x` and below; CIDR; `*` only alone; no ports; what follows a blank without a comma is not read |
//! | `go` (golang.org/x/net/http/httpproxy) | upper case, then lower; no ALL_PROXY; an HTTP_PROXY under CGI is an error | `x` takes `x` and below, `.x` and `*.x` below only; CIDR; ports; `*` anywhere; loopback is always direct |
//! | `python` (requests: utils.py; urllib.request `getproxies_environment`, `proxy_bypass_environment`) | lower case, then upper; then ALL_PROXY; an empty one in lower case unsets the other; under CGI `http_proxy` in lower case only | `x` takes every name that ends so, `.x` also `x` itself; CIDR of IPv4; ports of names as they stand in the URL; `*` only alone |
//! | `node` (undici `EnvHttpProxyAgent`, which `fetch` uses where NODE_USE_ENV_PROXY is 1) | lower case, then upper, and an empty one in lower case hides the other; https without a proxy of its own takes that of http; no ALL_PROXY | `x`, `.x` and `*.x` take `x` and below; no CIDR; ports; `*` only alone; blanks separate |
//! | `rust` (reqwest: hyper-util `client::proxy::matcher`) | upper case, then lower, and an empty one hides the other; then ALL_PROXY; under CGI none at all | `x` and `.x` take `x` and below; CIDR; no ports; `*` takes names and no addresses |
//!
//! A dot at the end of a URL's host is minded by all but curl and Node.
//! Node without NODE_USE_ENV_PROXY connects by itself, whatever the variables say; the
//! detail `switched-off` names that. `--use-env-proxy`, which does the same, is not seen here.

mod rules;

use crate::no_proxy::split_port;
use rules::{CLIENTS, Client};
use seaworthy_model::{Environment, Failure};
use std::collections::BTreeMap;
use std::net::IpAddr;
use url::Url;

/// What one client does with one URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// As it was asked.
    pub url: String,
    /// `curl`, `go`, `python`, `node`, `rust`.
    pub client: String,
    /// URL of the proxy without credentials; none: it connects itself.
    pub proxy: Option<String>,
    /// `variable` (whose value says so), `entry` (of NO_PROXY that matched; `loopback`
    /// where that is a rule of the client), `unread` (entries that this client does not
    /// understand), `switched-off` (the variable that would make it look), `unusable`.
    pub details: BTreeMap<String, String>,
}

/// What every client does with every URL.
///
/// # Errors
/// `invalid` for what is no http or https URL.
pub fn choose(urls: &[String], environment: &Environment) -> Result<Vec<Choice>, Failure> {
    let mut choices = Vec::new();
    for text in urls {
        let place = Place::read(text)?;
        choices.extend(CLIENTS.iter().map(|client| decided(client, text, &place, environment).choice));
    }
    Ok(choices)
}

/// The value, credentials and all, and the variable that `curl` would use for `https://target/`.
pub(crate) fn curls(target: &str, environment: &Environment) -> Result<Option<(String, String)>, Failure> {
    let url = format!("https://{target}/");
    let place = Place::read(&url)?;
    Ok(CLIENTS
        .iter()
        .find(|client| client.name == "curl")
        .and_then(|curl| decided(curl, &url, &place, environment).setting))
}

/// Where a URL leads, as the rules want it.
pub(crate) struct Place {
    scheme: String,
    /// In lower case, without brackets; a dot at the end stays, as some clients mind it.
    host: String,
    address: Option<IpAddr>,
    port: u16,
    /// The port as it stands in the URL.
    written_port: Option<u16>,
}

impl Place {
    fn read(text: &str) -> Result<Self, Failure> {
        let invalid =
            |why: &str| Failure::new("invalid", "parse", format!("`{text}` is not a URL of http or https: {why}"));
        let url = Url::parse(text).map_err(|e| invalid(&e.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid("it has another scheme"));
        }
        let host = url.host_str().ok_or_else(|| invalid("it has no host"))?;
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        Ok(Self {
            scheme: url.scheme().to_owned(),
            address: host.parse().ok(),
            host,
            port: url.port_or_known_default().unwrap_or_default(),
            written_port: url.port(),
        })
    }
}

struct Decided {
    choice: Choice,
    /// Value and variable of the proxy that is used.
    setting: Option<(String, String)>,
}

fn decided(client: &Client, url: &str, place: &Place, environment: &Environment) -> Decided {
    let mut details = BTreeMap::new();
    let mut note = |key: &str, value: String| {
        details.insert(key.to_owned(), value);
    };
    let mut setting = None;
    let list = client.list(environment);
    if let Some((_, list)) = &list {
        let unread = client.unread(list);
        if !unread.is_empty() {
            note("unread", unread.join(","));
        }
    }
    if let Some(switch) = client.switched_off(environment) {
        note("switched-off", switch.to_owned());
    } else if let Some((variable, value)) = client.proxy(&place.scheme, environment) {
        let taken = list.as_ref().and_then(|(name, list)| Some((name, client.takes(list, place)?)));
        if client.refuses(&place.scheme, environment) {
            note("variable", variable);
            note("unusable", "REQUEST_METHOD is set, as under CGI, where this variable may be the client's".to_owned());
        } else if client.always_direct(place) {
            note("variable", variable);
            note("entry", "loopback".to_owned());
        } else if let Some((name, entry)) = taken {
            note("variable", name.clone());
            note("entry", entry);
        } else {
            note("variable", variable.clone());
            setting = Some((value, variable));
        }
    }
    let proxy = setting.as_ref().map(|(value, _)| without_credentials(value, client.default_port));
    let choice = Choice { url: url.to_owned(), client: client.name.to_owned(), proxy, details };
    Decided { choice, setting }
}

/// `scheme://host:port` of the value of a proxy variable; what cannot be read is not shown,
/// as it may hold a password.
pub(crate) fn without_credentials(value: &str, default_port: u16) -> String {
    let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    if place.is_empty() || place.contains(char::is_whitespace) {
        return format!("{scheme}://(unreadable)");
    }
    if split_port(place).1.is_some() {
        return format!("{scheme}://{place}");
    }
    let port = match scheme {
        "https" => 443,
        "http" => default_port,
        _ => 1080,
    };
    format!("{scheme}://{place}:{port}")
}

#[cfg(test)]
mod tests;
