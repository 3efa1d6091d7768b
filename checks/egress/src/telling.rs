//! What is found, in words.

use crate::codes;
use crate::judge::{self, Choice, Ended};
use seaworthy_check_sdk::{CitedFinding, Code, Evidence, FindingBuilder};

/// A target, and every way to it that was tried.
#[derive(Clone, Debug)]
pub struct Looked {
    /// As it is written.
    pub address: String,
    /// The same as a URL.
    pub url: String,
    /// Its host.
    pub host: String,
    /// What each client would do.
    pub choices: Vec<Choice>,
    /// Observations.
    pub ids: Vec<u32>,
    /// As the environment says, where that leads through a proxy.
    pub through: Option<Ended>,
    /// Without a proxy.
    pub direct: Ended,
    /// What the proxy said to CONNECT.
    pub tunnel: Option<Ended>,
    /// How a silent tunnel ended, and after how many milliseconds.
    pub idle_end: Option<String>,
    /// Milliseconds until then.
    pub idle_ms: Option<String>,
    /// How a direct connection ended that was silent for longer than that.
    pub control: Option<String>,
    /// What the proxy of the other scheme's variable said, where there is none for this one.
    pub other: Option<Ended>,
    /// Proxy variables that are set.
    pub set: Vec<String>,
}

impl Looked {
    /// The proxy that some client uses.
    #[must_use]
    pub fn proxy(&self) -> Option<&str> {
        self.choices.iter().find_map(|choice| choice.proxy.as_deref())
    }

    /// What programs get that do as the environment says.
    #[must_use]
    pub fn way_out(&self) -> &Ended {
        self.through.as_ref().unwrap_or(&self.direct)
    }

    /// The SOCKS proxy that some client uses; nothing here speaks SOCKS.
    #[must_use]
    pub fn socks(&self) -> Option<&str> {
        self.choices.iter().filter_map(|choice| choice.proxy.as_deref()).find(|proxy| proxy.starts_with("socks"))
    }

    fn clients(&self) -> String {
        let using = self.choices.iter().filter(|choice| choice.proxy.is_some()).map(|choice| choice.client.as_str());
        using.collect::<Vec<_>>().join(", ")
    }
}

/// Everything that is found, target by target. `chosen` is the observation of the choices,
/// `probe` how the URL ended that answers 204 and nothing else.
#[must_use]
pub fn all(looked: &[Looked], chosen: u32, probe: Option<&Ended>) -> Vec<CitedFinding> {
    let mut found = Vec::new();
    for one in looked {
        let Ok(evidence) = Evidence::of(one.ids.iter().copied().chain([chosen])) else { continue };
        let told = in_the_way(one).or_else(|| broken(one)).or_else(|| missing(one)).or_else(|| portal(one, probe));
        let misread = misread(one).filter(|_| told.is_none());
        found.extend([told, misread, idle(one)].into_iter().flatten().map(|finding| finding.cite_all(&evidence)));
    }
    found
}

/// Works without the proxy, and not with it.
fn in_the_way(one: &Looked) -> Option<FindingBuilder> {
    let (proxy, through) = (one.proxy()?, one.through.as_ref().or(one.tunnel.as_ref())?);
    if !judge::in_the_way(through, &one.direct) {
        return None;
    }
    let what = words(through);
    if let Some((clients, entry)) = judge::misread(&one.choices) {
        return Some(unread(one, &clients, entry, "fail").detail("status", what));
    }
    let finding = if judge::is_local(&one.host) {
        codes::PROXY_CATCHES_LOCAL.at(&one.address).message(format!(
            "requests to {} go to the proxy {proxy}, which cannot reach it ({what}); without the proxy it answers",
            one.host
        ))
    } else {
        // The proxy itself may be broken: that is its own fault, not one of the exceptions.
        if let Some(finding) = broken(one) {
            return Some(finding);
        }
        codes::PROXY_REFUSES
            .at(&one.address)
            .message(format!(
                "the proxy {proxy} does not let {} through ({what}); without the proxy it answers",
                one.host
            ))
            .detail("direct", "answers")
    };
    Some(with(finding, one, proxy).observed(what))
}

/// The proxy itself is at fault, for whatever is asked of it.
fn broken(one: &Looked) -> Option<FindingBuilder> {
    let proxy = one.proxy()?;
    // Beyond a tunnel that stands it is the target that fails, not the proxy.
    let stands = one.tunnel.as_ref().and_then(Ended::status).is_some_and(|status| (200..300).contains(&status));
    let through = one.through.as_ref().filter(|_| !stands);
    let (ended, code) =
        [one.tunnel.as_ref(), through].into_iter().flatten().find_map(|ended| Some((ended, of_proxy(ended, one)?)))?;
    let what = words(ended);
    let message = match code.code {
        "proxy.credentials" => format!("the proxy {proxy} wants credentials before it lets anybody to {}", one.host),
        "proxy.refuses" => format!("the proxy {proxy} refuses to lead to {} ({what})", one.host),
        "proxy.cannot-reach" => format!("the proxy {proxy} cannot reach {} itself ({what})", one.host),
        "proxy.not-a-proxy" => format!("what listens at {proxy} does not answer as a proxy: {what}"),
        "proxy.unusable" => format!("the proxy {proxy} cannot be used: {what}"),
        _ => format!("the proxy {proxy} is not reached: {what}"),
    };
    let finding = with(code.at(&one.address).message(message).observed(what), one, proxy);
    Some(if one.direct.is_answer() { finding.detail("direct", "answers") } else { finding })
}

/// A status that came through the proxy may be the service's own; only what proxies say counts.
fn of_proxy(ended: &Ended, one: &Looked) -> Option<Code> {
    let own = one.tunnel.as_ref() == Some(ended);
    match ended {
        Ended::Status { status, .. } if !own && !matches!(status, 407 | 502..=504) => None,
        // Of a request, 502 to 504 may be the service's. It is the proxy's where it signs for it.
        Ended::Status { status: 502..=504, server, .. } if !own && server.is_empty() => None,
        // Some clients use it, and we cannot ask it.
        Ended::Failed { kind, .. } if kind == "unsupported" && one.socks().is_some() => None,
        _ => judge::proxy(ended),
    }
}

/// Reached by the proxy of the other scheme only: one of the two variables is missing.
fn missing(one: &Looked) -> Option<FindingBuilder> {
    let Some(Ended::Status { status: 200..=299, .. }) = &one.other else { return None };
    let (wanted, there) =
        if one.url.starts_with("https") { ("HTTPS_PROXY", "HTTP_PROXY") } else { ("HTTP_PROXY", "HTTPS_PROXY") };
    Some(
        codes::PROXY_SCHEME_MISSING
            .at(&one.address)
            .message(format!(
                "{wanted} is not set, so {} is asked directly and not reached; the proxy of {there} leads there",
                one.host
            ))
            .observed(words(&one.direct))
            .expected(format!("{wanted} set"))
            .detail("variable", wanted)
            .detail("set", one.set.join(", ")),
    )
}

/// A page in place of the service. *Behaviour*: an answer over https, whose certificate was
/// verified, is the service's, unless the probe says otherwise. In the clear many services have
/// a page to sign in themselves, so that without the probe it is a hint.
fn portal(one: &Looked, probe: Option<&Ended>) -> Option<FindingBuilder> {
    let ended = one.way_out();
    if !judge::is_portal(ended, &one.host, false) {
        return None;
    }
    // Only networks answer 511 (RFC 6585, section 6).
    let certain = ended.status() == Some(511);
    let agrees = match probe {
        Some(probe) if judge::is_portal(probe, "", true) => Some(true),
        Some(Ended::Status { status: 204, .. }) => Some(false),
        _ => None,
    };
    match agrees {
        _ if certain => {}
        Some(true) => {}
        Some(false) => return None,
        None if one.url.starts_with("https") => return None,
        None => {}
    }
    let what = words(ended);
    let finding =
        codes::EGRESS_LOGIN_PAGE.at(&one.address).observed(&what).detail("proxy", one.proxy().unwrap_or("none"));
    Some(if certain || agrees == Some(true) {
        finding.message(format!("{} is answered by a page for people ({what}), not by the service", one.host)).likely()
    } else {
        finding
            .message(format!(
                "{} is answered by a page for people ({what}): its own, or that of a portal; `probe-url` would tell",
                one.host
            ))
            .level("warn")
            .possible()
    })
}

/// The URL that answers 204 and nothing else.
#[must_use]
pub fn probe(url: &str, ended: &Ended) -> Option<FindingBuilder> {
    judge::is_portal(ended, seaworthy_check_sdk::endpoint::host(url), true).then(|| {
        let what = words(ended);
        codes::EGRESS_LOGIN_PAGE
            .at(url)
            .message(format!("{url}, which answers 204 and nothing else, is answered otherwise: {what}"))
            .observed(what)
            .expected("204 without a body")
            .detail("proxy", "none")
    })
}

/// Clients that do not understand the exception.
fn misread(one: &Looked) -> Option<FindingBuilder> {
    let (clients, entry) = judge::misread(&one.choices)?;
    Some(unread(one, &clients, entry, "warn"))
}

fn unread(one: &Looked, clients: &[&Choice], entry: &str, level: &str) -> FindingBuilder {
    let names: Vec<&str> = clients.iter().map(|choice| choice.client.as_str()).collect();
    let names = names.join(", ");
    let proxy = clients.iter().find_map(|choice| choice.proxy.as_deref()).unwrap_or("unknown");
    codes::PROXY_ENTRY_UNREAD
        .at(&one.address)
        .message(format!(
            "NO_PROXY excepts {} by `{entry}`, which {names} do not understand: they go to {proxy}",
            one.host
        ))
        .level(level)
        .observed(entry)
        .detail("entry", entry)
        .detail("clients", names)
        .detail("host", &one.host)
        .detail("proxy", proxy)
}

fn idle(one: &Looked) -> Option<FindingBuilder> {
    let (end, proxy) = (one.idle_end.as_deref().filter(|end| *end != "open")?, one.proxy()?);
    // A TLS server that hears no greeting ends the connection itself, on either way.
    let outlived = match one.control.as_deref() {
        Some("open") => true,
        Some(_) => return None,
        None => false,
    };
    let ms: u64 = one.idle_ms.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0);
    let how = if outlived { "; a direct connection outlived it" } else { ", or the service did" };
    let finding = codes::PROXY_IDLE_TIMEOUT
        .at(&one.address)
        .message(format!(
            "the proxy {proxy} ended a tunnel to {} after {} s of silence ({end}){how}",
            one.host,
            ms / 1000
        ))
        .observed(format!("{} s", ms / 1000))
        .detail("proxy", proxy)
        .detail("idle-s", (ms / 1000).to_string())
        .detail("end", end);
    Some(if outlived { finding.likely() } else { finding.possible() })
}

fn with(finding: FindingBuilder, one: &Looked, proxy: &str) -> FindingBuilder {
    let mut finding = finding
        .detail("proxy", proxy)
        .detail("host", &one.host)
        .detail("clients", one.clients())
        .detail("set", one.set.join(", "));
    if let Some(status) = one.tunnel.as_ref().or(one.through.as_ref()).and_then(Ended::status) {
        finding = finding.detail("status", status.to_string());
    }
    finding
}

fn words(ended: &Ended) -> String {
    match ended {
        Ended::Status { status, server, .. } if server.is_empty() => format!("status {status}"),
        Ended::Status { status, server, .. } => format!("status {status} of {server}"),
        Ended::Failed { message, .. } => message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::tests::{failed, status};
    use seaworthy_check_sdk::Findings;

    const PROXY: &str = "http://proxy.test:3128";

    fn looked(url: &str, direct: Ended, through: Option<Ended>, tunnel: Option<Ended>) -> Looked {
        let choice = |client: &str| Choice {
            client: client.into(),
            proxy: (through.is_some() || tunnel.is_some()).then(|| PROXY.to_owned()),
            entry: None,
            unread: None,
        };
        Looked {
            address: url.into(),
            url: url.into(),
            host: seaworthy_check_sdk::endpoint::host(url).into(),
            choices: vec![choice("curl"), choice("rust")],
            ids: vec![1],
            through,
            direct,
            tunnel,
            idle_end: None,
            idle_ms: None,
            control: None,
            other: None,
            set: vec!["HTTP_PROXY".into()],
        }
    }

    fn codes(one: Looked) -> Vec<(String, String)> {
        let mut findings = Findings::new();
        all(&[one], 2, None).into_iter().for_each(|finding| findings.add(finding));
        let outcome = findings.conclude("", Evidence::one(1));
        outcome.findings.into_iter().map(|finding| (finding.code, finding.level)).collect()
    }

    fn is(code: &str, level: &str) -> Vec<(String, String)> {
        vec![(code.into(), level.into())]
    }

    #[test]
    fn each_way_out_has_its_own_fault() {
        let kubo = "http://127.0.0.1:5001";
        let api = "https://api.github.com/";
        let dark = || failed("connect", "timeout", None);
        for (one, expected) in [
            (looked(kubo, status(200), None, None), vec![]),
            (looked(api, dark(), Some(status(200)), Some(status(200))), vec![]),
            (looked(kubo, status(405), Some(status(403)), None), is("proxy.catches-local", "fail")),
            (
                looked(kubo, status(200), Some(failed("connect", "timeout", None)), None),
                is("proxy.catches-local", "fail"),
            ),
            (
                looked(api, dark(), Some(failed("proxy", "protocol", Some(407))), Some(status(407))),
                is("proxy.credentials", "fail"),
            ),
            (
                looked(api, dark(), Some(failed("proxy", "protocol", Some(403))), Some(status(403))),
                is("proxy.refuses", "fail"),
            ),
            (
                looked(api, dark(), Some(failed("proxy", "protocol", Some(503))), Some(status(503))),
                is("proxy.cannot-reach", "fail"),
            ),
            (
                looked(api, dark(), Some(dark()), Some(failed("connect", "connection-refused", None))),
                is("proxy.unreachable", "fail"),
            ),
            (
                looked(api, dark(), Some(dark()), Some(failed("proxy", "protocol", None))),
                is("proxy.not-a-proxy", "fail"),
            ),
            // Broken whatever it is asked for, also where one could do without it.
            (
                looked(api, status(200), Some(dark()), Some(failed("connect", "timeout", None))),
                is("proxy.unreachable", "fail"),
            ),
            // The target fails beyond the tunnel: a certificate that is refused.
            (looked(api, dark(), Some(failed("tls", "tls-unknown-issuer", None)), Some(status(200))), vec![]),
            // The service's own refusal, which a proxy passes on.
            (looked(api, dark(), Some(status(403)), Some(status(200))), vec![]),
            (looked("http://cache.test/", status(503), Some(status(503)), None), vec![]),
        ] {
            assert_eq!(codes(one.clone()), expected, "{one:?}");
        }
    }

    #[test]
    fn what_we_cannot_ask_is_no_fault_of_the_proxy() {
        let api = "https://api.github.com/";
        let absent = || failed("proxy", "not-found", None);
        assert!(codes(looked(api, status(200), None, Some(absent()))).is_empty(), "only Node or Python has one");
        let mut socks = looked(api, status(200), None, Some(failed("proxy", "unsupported", None)));
        socks.choices[0].proxy = Some("socks5h://proxy.test:1080".into());
        assert!(codes(socks.clone()).is_empty(), "curl and Python use it");
        socks.choices[0].proxy = Some("ftp://proxy.test:1080".into());
        assert_eq!(codes(socks), is("proxy.unusable", "fail"));
        let mut entry = looked("http://10.0.0.7:9000", status(200), None, Some(absent()));
        entry.choices[0].unread = Some("10.0.0.0/8".into());
        entry.choices[1] = Choice { proxy: None, entry: Some("10.0.0.0/8".into()), ..entry.choices[1].clone() };
        assert_eq!(codes(entry), is("proxy.entry-unread", "warn"), "nothing failed");
    }

    #[test]
    fn a_page_of_the_service_is_no_portal() {
        let page = |code: u16, location: &str| Ended::Status {
            status: code,
            server: String::new(),
            location: location.into(),
            body: "<!DOCTYPE html><title>GitLab</title><a>Sign in</a>".into(),
        };
        let sso = "https://login.microsoftonline.com/common/oauth2";
        // Its certificate was verified: it is the service.
        assert!(codes(looked("https://gitlab.company.com/", page(200, ""), None, None)).is_empty());
        assert!(codes(looked("https://grafana.company.com/", page(302, sso), None, None)).is_empty());
        let minio = looked("http://minio.lan:9001", page(200, ""), None, None);
        assert_eq!(codes(minio.clone()), is("egress.login-page", "warn"));
        let told = |one: &Looked, probe: &Ended| all(std::slice::from_ref(one), 2, Some(probe)).len();
        assert_eq!(told(&minio, &status(204)), 0, "no portal here: the page is the service's");
        assert_eq!(told(&minio, &page(200, "")), 1);
        assert_eq!(told(&looked("https://gitlab.company.com/", page(200, ""), None, None), &page(302, sso)), 1);
    }

    #[test]
    fn one_variable_of_two() {
        let mut one = looked("https://api.github.com/", failed("connect", "timeout", None), None, None);
        one.other = Some(status(200));
        assert_eq!(codes(one.clone()), is("proxy.scheme-missing", "fail"));
        one.other = Some(status(403));
        assert!(codes(one).is_empty(), "that proxy does not lead there either");
    }

    #[test]
    fn an_entry_that_is_not_read_fails_only_where_it_hurts() {
        let with = |through: Ended| {
            let mut one = looked("http://10.0.0.7:9000", status(200), Some(through), None);
            one.choices[0].unread = Some("10.0.0.0/8".into());
            one.choices[1] = Choice { proxy: None, entry: Some("10.0.0.0/8".into()), ..one.choices[1].clone() };
            codes(one)
        };
        assert_eq!(with(status(200)), is("proxy.entry-unread", "warn"));
        assert_eq!(with(status(503)), is("proxy.entry-unread", "fail"));
    }

    #[test]
    fn silence_ends_a_tunnel() {
        let mut one = looked("https://api.github.com/", status(200), Some(status(200)), Some(status(200)));
        (one.idle_end, one.idle_ms) = (Some("open".into()), Some("60000".into()));
        assert!(codes(one.clone()).is_empty());
        one.idle_end = Some("closed".into());
        let confidence = |one: &Looked| {
            let mut findings = Findings::new();
            all(std::slice::from_ref(one), 2, None).into_iter().for_each(|finding| findings.add(finding));
            findings.conclude("", Evidence::one(1)).findings.pop().map(|finding| finding.confidence)
        };
        assert_eq!(codes(one.clone()), is("proxy.idle-timeout", "warn"));
        assert_eq!(confidence(&one).as_deref(), Some("possible"), "the service may have ended it");
        one.control = Some("open".into());
        assert_eq!(confidence(&one).as_deref(), Some("likely"));
        one.control = Some("closed".into());
        assert!(codes(one).is_empty(), "the service ends every connection that says nothing");
    }
}
