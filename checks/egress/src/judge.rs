//! What proxies do to requests, and which of them would be sent there. Nothing here asks anybody.

use crate::codes;
use seaworthy_check_sdk::{Code, ip};

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With a status, and who signed for it.
    Status {
        /// The code.
        status: u16,
        /// `Server` and `Via`, and whether the body is a page of HTML.
        server: String,
        /// Where it leads, of a redirection.
        location: String,
        /// The beginning of the body.
        body: String,
    },
    /// Without one: stage and kind.
    Failed {
        /// How far it got.
        stage: String,
        /// How it ended.
        kind: String,
        /// The status by which a proxy refused a tunnel.
        proxy_status: Option<u16>,
        /// In words.
        message: String,
    },
}

impl Ended {
    /// Answered by the service: any status but those of proxies and portals.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::Status { status, .. } if !matches!(status, 407 | 502 | 503 | 504 | 511))
    }

    /// The status of whoever answered, be it to the request or to CONNECT.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::Failed { proxy_status, .. } => *proxy_status,
        }
    }
}

/// Statuses by which proxies refuse what they are not for.
fn is_refusal(status: u16) -> bool {
    matches!(status, 400 | 403 | 405 | 407 | 502 | 503 | 504)
}

/// What the proxy makes of a request that would work without it.
///
/// *Behaviour*: the same refusal of the service itself is none of the proxy's, and what never
/// got to a proxy is none either: there is none for the target, we cannot speak to it, or our
/// own time ran out.
#[must_use]
pub fn in_the_way(through: &Ended, direct: &Ended) -> bool {
    let ours =
        |kind: &str| matches!(kind, "not-found" | "unsupported" | "cancelled" | "exhausted" | "invalid" | "denied");
    let refused = match through {
        Ended::Failed { kind, proxy_status: None, .. } if ours(kind) => false,
        Ended::Failed { .. } => true,
        Ended::Status { status, .. } => is_refusal(*status),
    };
    direct.is_answer() && refused && through.status() != direct.status()
}

/// Whether a host is this machine, its gateway's network or the metadata service: nothing that a proxy can reach for us.
#[must_use]
pub fn is_local(host: &str) -> bool {
    const LOCAL: [&str; 7] =
        ["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128", "fc00::/7"];
    let docker = matches!(host, "host.docker.internal" | "gateway.docker.internal" | "host.containers.internal");
    ip::is_loopback(host)
        || docker
        || ip::parse(host).is_some_and(|ip| LOCAL.iter().any(|block| ip::in_block(block, ip)))
}

/// How asking the proxy itself ended.
#[must_use]
pub fn proxy(ended: &Ended) -> Option<Code> {
    if let Some(status) = ended.status() {
        return match status {
            200..=299 => None,
            407 => Some(codes::PROXY_CREDENTIALS),
            502..=504 => Some(codes::PROXY_CANNOT_REACH),
            _ => Some(codes::PROXY_REFUSES),
        };
    }
    let Ended::Failed { stage, kind, .. } = ended else { return None };
    match kind.as_str() {
        // There is none for this target, or it was not asked.
        "not-found" | "denied" | "cancelled" | "exhausted" => None,
        "unsupported" | "invalid" => Some(codes::PROXY_UNUSABLE),
        "protocol" | "closed" => Some(codes::PROXY_NOT_A_PROXY),
        // Connected, and then silence.
        "timeout" if stage == "proxy" => Some(codes::PROXY_NOT_A_PROXY),
        _ if matches!(stage.as_str(), "dns" | "connect" | "proxy") => Some(codes::PROXY_UNREACHABLE),
        // Reached, and what came of it is not the proxy's alone.
        _ => None,
    }
}

/// How a client reads the variables for one URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// `curl`, `go`, `python`, `node`, `rust`.
    pub client: String,
    /// The proxy, where it uses one.
    pub proxy: Option<String>,
    /// The entry of NO_PROXY that it heeded.
    pub entry: Option<String>,
    /// Entries that it does not understand.
    pub unread: Option<String>,
}

/// Clients that use the proxy since they do not understand the entry by which others do not.
#[must_use]
pub fn misread(choices: &[Choice]) -> Option<(Vec<&Choice>, &str)> {
    let entry = choices.iter().find(|choice| choice.proxy.is_none()).and_then(|choice| choice.entry.as_deref())?;
    let unread = |choice: &&Choice| {
        let entries = choice.unread.as_deref().unwrap_or_default();
        choice.proxy.is_some() && entries.split([',', ' ']).any(|one| one.trim() == entry)
    };
    let clients: Vec<&Choice> = choices.iter().filter(unread).collect();
    (!clients.is_empty()).then_some((clients, entry))
}

/// Whether an answer is the page of a portal or filter, for a request that wanted an API.
///
/// *Behaviour*: with `empty` the URL is one that answers 204 and nothing else.
#[must_use]
pub fn is_portal(ended: &Ended, host: &str, empty: bool) -> bool {
    let Ended::Status { status, location, body, .. } = ended else { return false };
    let page = is_page(body);
    let redirects = matches!(status, 301 | 302 | 303 | 307 | 308);
    if *status == 511 {
        return true;
    }
    if empty {
        return *status != 204 && (page || redirects || *status == 200);
    }
    if redirects {
        // To another host, and to a page of the kind.
        let elsewhere = location.split("://").nth(1).and_then(|rest| rest.split(['/', ':', '?']).next());
        return elsewhere.is_some_and(|to| !to.eq_ignore_ascii_case(host) && !related(to, host))
            && speaks_of_login(location);
    }
    page && matches!(status, 200 | 401 | 403) && speaks_of_login(body)
}

/// Of one domain, by the last two labels.
fn related(a: &str, b: &str) -> bool {
    let tail = |host: &str| host.to_ascii_lowercase().rsplitn(3, '.').take(2).map(str::to_owned).collect::<Vec<_>>();
    tail(a) == tail(b)
}

fn is_page(body: &str) -> bool {
    let start = body.trim_start().as_bytes();
    let begins = |text: &[u8]| start.len() >= text.len() && start[..text.len()].eq_ignore_ascii_case(text);
    begins(b"<!doctype html") || begins(b"<html")
}

fn speaks_of_login(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    [
        "log in",
        "login",
        "log-in",
        "sign in",
        "signin",
        "captive",
        "portal",
        "type=\"password\"",
        "has been blocked",
        "access denied",
        "web filter",
        "authenticate",
        "terms of use",
    ]
    .iter()
    .any(|word| text.contains(word))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn status(status: u16) -> Ended {
        Ended::Status { status, server: String::new(), location: String::new(), body: String::new() }
    }

    pub(crate) fn failed(stage: &str, kind: &str, proxy_status: Option<u16>) -> Ended {
        Ended::Failed { stage: stage.into(), kind: kind.into(), proxy_status, message: "why".into() }
    }

    fn page(code: u16, location: &str, body: &str) -> Ended {
        Ended::Status { status: code, server: String::new(), location: location.into(), body: body.into() }
    }

    #[test]
    fn a_proxy_is_in_the_way_only_where_it_would_work_without() {
        for (through, direct, expected) in [
            (status(403), status(200), true),
            (status(503), status(404), true),
            (failed("proxy", "timeout", None), status(200), true),
            (failed("proxy", "protocol", Some(403)), status(200), true),
            // Not the proxy's: there is none for this target, or we cannot ask it.
            (failed("proxy", "not-found", None), status(200), false),
            (failed("proxy", "unsupported", None), status(200), false),
            (failed("proxy", "cancelled", None), status(200), false),
            (failed("proxy", "exhausted", None), status(200), false),
            (failed("parse", "invalid", None), status(200), false),
            (status(200), status(200), false),
            (status(403), status(403), false),
            (status(404), status(200), false),
            // Only the proxy leads there, or nothing does.
            (status(200), failed("connect", "timeout", None), false),
            (status(502), failed("connect", "timeout", None), false),
            (status(503), status(503), false),
        ] {
            assert_eq!(in_the_way(&through, &direct), expected, "{through:?} {direct:?}");
        }
    }

    #[test]
    fn how_a_proxy_fails() {
        let code = |ended: Ended| proxy(&ended).map(|code| code.code);
        for (ended, expected) in [
            (status(200), None),
            (status(407), Some("proxy.credentials")),
            (status(403), Some("proxy.refuses")),
            (status(405), Some("proxy.refuses")),
            (status(502), Some("proxy.cannot-reach")),
            (failed("proxy", "protocol", Some(407)), Some("proxy.credentials")),
            (failed("proxy", "protocol", None), Some("proxy.not-a-proxy")),
            (failed("proxy", "timeout", None), Some("proxy.not-a-proxy")),
            (failed("connect", "connection-refused", None), Some("proxy.unreachable")),
            (failed("dns", "dns-not-found", None), Some("proxy.unreachable")),
            (failed("connect", "timeout", None), Some("proxy.unreachable")),
            (failed("proxy", "unsupported", None), Some("proxy.unusable")),
            (failed("proxy", "not-found", None), None),
            (failed("head", "timeout", None), None),
            (failed("tls", "tls-expired", None), None),
        ] {
            assert_eq!(code(ended.clone()), expected, "{ended:?}");
        }
    }

    #[test]
    fn an_entry_that_one_client_does_not_read() {
        let choice = |client: &str, proxy: bool, entry: Option<&str>, unread: Option<&str>| Choice {
            client: client.into(),
            proxy: proxy.then(|| "http://proxy:3128".to_owned()),
            entry: entry.map(str::to_owned),
            unread: unread.map(str::to_owned),
        };
        let go = choice("go", false, Some("10.0.0.0/8"), None);
        let curl = choice("curl", true, None, Some("10.0.0.0/8"));
        let both = [go.clone(), curl];
        let (clients, entry) = misread(&both).unwrap();
        assert_eq!((clients.len(), clients[0].client.as_str(), entry), (1, "curl", "10.0.0.0/8"));
        // Excepted of itself, as Go does with localhost, is not a matter of entries.
        assert!(misread(&[choice("go", false, None, None), choice("curl", true, None, None)]).is_none());
        // An entry that nobody would have used for this URL.
        assert!(misread(&[choice("go", true, None, Some("*.x")), choice("curl", true, None, None)]).is_none());
        assert!(misread(&[go, choice("curl", true, None, Some("*.other"))]).is_none());
    }

    #[test]
    fn portals_and_what_looks_like_them() {
        let login = "<!DOCTYPE html><form>Please log in <input type=\"password\">";
        for (ended, empty, expected) in [
            (page(200, "", login), false, true),
            (page(403, "", "<html>This site has been blocked by the web filter"), false, true),
            (page(302, "http://portal.corp.test/login?to=x", ""), false, true),
            (page(511, "", ""), false, true),
            // A page of the service's own, a redirect within it, and its own 403 in JSON.
            (page(200, "", "<html>Welcome to nginx"), false, false),
            (page(302, "https://www.cache.test/login", ""), false, false),
            (page(403, "", "{\"message\":\"login required\"}"), false, false),
            (page(204, "", ""), true, false),
            (page(200, "", "<html>hello"), true, true),
            (page(302, "http://elsewhere.test/", ""), true, true),
            (page(500, "", ""), true, false),
            (failed("connect", "timeout", None), true, false),
        ] {
            assert_eq!(is_portal(&ended, "api.cache.test", empty), expected, "{ended:?}");
        }
    }

    #[test]
    fn local_has_many_spellings() {
        for host in ["127.0.0.1", "localhost", "::1", "172.17.0.1", "169.254.169.254", "host.docker.internal"] {
            assert!(is_local(host), "{host}");
        }
        assert!(!is_local("api.github.com") && !is_local("140.82.121.6"));
    }
}
