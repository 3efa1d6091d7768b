//! `net/proxy`: the way out of here: which proxy, for whom, and what it does.
//!
//! [`judge`] decides and does not call the host; this asks, and [`telling`] says it.

pub mod judge;
pub mod telling;

use judge::{Choice, Ended};
use seaworthy_check_sdk::env::vars;
use seaworthy_check_sdk::kit::clock;
use seaworthy_check_sdk::net::http;
use seaworthy_check_sdk::path::{flows, proxies};
use seaworthy_check_sdk::{Check, Context, ContextExt, Evidence, Failure, Findings, Outcome, endpoint, row_value};
use telling::Looked;

seaworthy_check_sdk::descriptor!();

/// Enough of a body to recognise a page.
const MAX_BODY: u32 = 8192;
/// Targets that are looked at.
const TARGETS: usize = 16;
/// A direct connection is silent for so much longer than a tunnel that was ended, in milliseconds.
const LONGER: u32 = 1000;
/// Variables that say which proxy, and for what not.
const VARIABLES: [&str; 8] =
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"];

/// The check.
pub struct Egress;

impl Check for Egress {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let targets: Vec<(String, String)> = context
            .addresses()
            .into_iter()
            .filter_map(|address| Some((url(&address)?, address)))
            .take(TARGETS)
            .collect();
        let set = vars::read(&VARIABLES.map(str::to_owned));
        if targets.is_empty() {
            let reason = "none of the check's targets speaks HTTP";
            return Ok(Findings::new().not_configured(reason, Evidence::one(set.id)));
        }
        let seen = ask(&context, &targets, &set);
        let evidence = Evidence::one(set.id)
            .and(seen.chosen)
            .with(seen.looked.iter().flat_map(|one| one.ids.iter().copied()))
            .with(seen.probe.iter().map(|probe| probe.1));
        Ok(report(&seen, evidence))
    }
}

seaworthy_check_sdk::export_check!(Egress);

/// Everything that was seen.
#[derive(Clone, Debug, Default)]
struct Seen {
    looked: Vec<Looked>,
    /// URL that answers 204, its observation, and how it ended.
    probe: Option<(String, u32, Ended)>,
    /// Observation of the choices.
    chosen: u32,
}

/// An address as a URL: one with another scheme, or a multiaddr, is none of HTTP.
fn url(address: &str) -> Option<String> {
    match address.split_once("://") {
        Some(("http" | "https", _)) => Some(address.to_owned()),
        Some(_) => None,
        None if address.starts_with('/') => None,
        None => {
            let socket = endpoint::socket(address)?;
            let scheme = if socket.ends_with(":443") { "https" } else { "http" };
            Some(format!("{scheme}://{socket}/"))
        }
    }
}

fn request(url: &str, proxy: &str, timeout: u32) -> http::Request {
    http::Request {
        method: "GET".into(),
        url: url.to_owned(),
        headers: vec![("accept".into(), "application/json, */*;q=0.5".into())],
        body: Vec::new(),
        timeout,
        max_body: MAX_BODY,
        proxy: proxy.to_owned(),
    }
}

fn ask(context: &Context, targets: &[(String, String)], set: &vars::Seen) -> Seen {
    let idle = context.setting("idle-s").and_then(|text| text.parse::<u32>().ok()).unwrap_or(0).saturating_mul(1000);
    let started = clock::unix_ms();
    let timeout = context.budget.saturating_sub(idle) / 3;
    let urls: Vec<String> = targets.iter().map(|(url, _)| url.clone()).collect();
    let chosen = proxies::choose(&urls);
    let choices = |url: &str| -> Vec<Choice> {
        let of = chosen.choices.iter().filter(|choice| choice.url == url);
        of.map(|choice| Choice {
            client: choice.client.clone(),
            proxy: choice.proxy.clone(),
            entry: row_value(&choice.details, "entry").map(str::to_owned),
            unread: row_value(&choice.details, "unread").map(str::to_owned),
        })
        .collect()
    };
    // Through the proxy of whoever uses one, and without: all targets at once.
    let all: Vec<Vec<Choice>> = urls.iter().map(|url| choices(url)).collect();
    let proxies: Vec<Option<String>> =
        all.iter().map(|all| all.iter().find_map(|choice| choice.proxy.clone())).collect();
    let probe = context.setting("probe-url");
    let mut requests = Vec::new();
    for (url, proxy) in urls.iter().zip(&proxies) {
        requests.push(request(url, "direct", timeout));
        requests.extend(proxy.as_ref().map(|_| request(url, "environment", timeout)));
    }
    requests.extend(probe.map(|url| request(url, "environment", timeout)));
    let mut answers = http::send(&requests).into_iter();
    let mut looked = Vec::new();
    for (((url, address), choices), proxy) in targets.iter().zip(all).zip(&proxies) {
        let Some(direct) = answers.next() else { break };
        let through = proxy.as_ref().and_then(|_| answers.next());
        looked.push(Looked {
            address: address.clone(),
            url: url.clone(),
            host: endpoint::host(url).to_owned(),
            choices,
            ids: std::iter::once(direct.id).chain(through.as_ref().map(|seen| seen.id)).collect(),
            // Where the environment leads past the proxy, the answer says nothing of the proxy.
            through: through.filter(is_proxied).map(|seen| ended(&seen)),
            direct: ended(&direct),
            tunnel: None,
            idle_end: None,
            idle_ms: None,
            control: None,
            other: None,
            set: Vec::new(),
        });
    }
    let probe = probe.and_then(|url| answers.next().map(|seen| (url.to_owned(), seen.id, ended(&seen))));
    tunnels(&mut looked, &proxies, set, timeout, idle);
    let spent = u32::try_from(clock::unix_ms().saturating_sub(started)).unwrap_or(u32::MAX);
    controls(&mut looked, context.budget.saturating_sub(spent).saturating_sub(LONGER / 2));
    Seen { looked, probe, chosen: chosen.id }
}

fn is_proxied(seen: &http::Seen) -> bool {
    match &seen.outcome {
        Ok(response) => row_value(&response.details, "proxy").is_some_and(|proxy| proxy != "none"),
        Err(failure) => failure.stage.contains("proxy") || row_value(&failure.details, "proxy").is_some(),
    }
}

/// Asks each proxy for a tunnel to the target. Where the environment names none for it and it
/// is not reached, the proxy of the other scheme is asked: one of the variables may be missing.
fn tunnels(looked: &mut [Looked], proxies: &[Option<String>], set: &vars::Seen, timeout: u32, idle: u32) {
    let named: Vec<String> =
        set.variables.iter().filter(|variable| variable.present).map(|variable| variable.name.clone()).collect();
    let other = |url: &str| {
        let names: [&str; 2] =
            if url.starts_with("https") { ["HTTP_PROXY", "http_proxy"] } else { ["HTTPS_PROXY", "https_proxy"] };
        let of = |name: &&str| set.variables.iter().find(|variable| variable.name == **name && variable.present);
        names.iter().find_map(of).and_then(|variable| variable.value.clone())
    };
    let mut attempts = Vec::new();
    let mut whose = Vec::new();
    for (at, one) in looked.iter_mut().enumerate() {
        one.set.clone_from(&named);
        let Some(target) = endpoint::socket(&one.url) else { continue };
        let (proxy, of_other) = match &proxies[at] {
            Some(_) if one.url.starts_with("https") => ("environment".to_owned(), false),
            // Plain HTTP needs no tunnel, and many proxies give none to port 80.
            Some(_) => continue,
            None if one.direct.status().is_none() => match other(&one.url) {
                Some(proxy) => (proxy, true),
                None => continue,
            },
            None => continue,
        };
        attempts.push(proxies::Attempt { proxy, target, timeout, idle: if of_other { 0 } else { idle } });
        whose.push((at, of_other));
    }
    for ((at, of_other), seen) in whose.into_iter().zip(proxies::connect(&attempts)) {
        let one = &mut looked[at];
        one.ids.push(seen.id);
        let end = match &seen.outcome {
            Ok(facts) => {
                one.idle_end = row_value(facts, "idle-end").map(str::to_owned);
                one.idle_ms = row_value(facts, "idle-ms").map(str::to_owned);
                Ended::Status {
                    status: row_value(facts, "status").and_then(|text| text.parse().ok()).unwrap_or(200),
                    server: signed(row_value(facts, "server"), row_value(facts, "via")),
                    location: String::new(),
                    body: String::new(),
                }
            }
            Err(failure) => of_failure(failure),
        };
        if of_other { one.other = Some(end) } else { one.tunnel = Some(end) }
    }
}

/// Where a silent tunnel was ended, leaves a direct connection silent for a little longer, within
/// `left` milliseconds: what ends both is the target.
fn controls(looked: &mut [Looked], left: u32) {
    let wanted = |one: &Looked| {
        one.idle_end.as_deref().filter(|end| *end != "open")?;
        one.direct.status()?;
        let pause = one.idle_ms.as_deref()?.parse::<u32>().ok()?.saturating_add(LONGER);
        let target = endpoint::socket(&one.url)?;
        // Connecting takes its time too.
        let timeout = left.checked_sub(pause).filter(|rest| *rest >= LONGER)?;
        let burst = flows::Burst { pause, payload: Vec::new(), size: 0, timeout: 1, read_max: 0 };
        Some(flows::Attempt { target, timeout, bursts: vec![burst] })
    };
    let (whose, attempts): (Vec<usize>, Vec<flows::Attempt>) =
        looked.iter().enumerate().filter_map(|(at, one)| Some((at, wanted(one)?))).unzip();
    if attempts.is_empty() {
        return;
    }
    for (at, seen) in whose.into_iter().zip(flows::exchange(&attempts)) {
        let one = &mut looked[at];
        one.ids.push(seen.id);
        let burst = seen.outcome.as_ref().ok().and_then(|flow| flow.bursts.first());
        one.control = burst.and_then(|burst| match &burst.failure {
            None => Some("open".to_owned()),
            Some(failure) if matches!(failure.kind.as_str(), "closed" | "connection-reset") => {
                Some(failure.kind.clone())
            }
            Some(_) => None,
        });
    }
}

fn signed(server: Option<&str>, via: Option<&str>) -> String {
    [server, via].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn ended(seen: &http::Seen) -> Ended {
    match &seen.outcome {
        Ok(response) => {
            let header = |name: &str| {
                let found = response.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.as_str())
            };
            Ended::Status {
                status: response.status,
                server: signed(header("server"), header("via")),
                location: header("location").unwrap_or_default().to_owned(),
                body: String::from_utf8_lossy(&response.body).into_owned(),
            }
        }
        Err(failure) => of_failure(failure),
    }
}

fn of_failure(failure: &Failure) -> Ended {
    Ended::Failed {
        // At the proxy, the host says how far the way to it got.
        stage: row_value(&failure.details, "at-stage").unwrap_or(&failure.stage).to_owned(),
        kind: failure.kind.clone(),
        proxy_status: row_value(&failure.details, "proxy-status").and_then(|text| text.parse().ok()),
        message: failure.message.clone(),
    }
}

fn report(seen: &Seen, evidence: Evidence) -> Outcome {
    let mut findings = Findings::new();
    for finding in telling::all(&seen.looked, seen.chosen, seen.probe.as_ref().map(|probe| &probe.2)) {
        findings.add(finding);
    }
    if let Some((url, id, ended)) = &seen.probe
        && let Some(finding) = telling::probe(url, ended)
    {
        findings.add(finding.cite(*id));
    }
    let proxied = seen.looked.iter().filter(|one| one.proxy().is_some()).count();
    let mut proxies: Vec<&str> = seen.looked.iter().filter_map(Looked::proxy).collect();
    proxies.sort_unstable();
    proxies.dedup();
    let shown = if proxies.is_empty() { "none".to_owned() } else { proxies.join(",") };
    findings.fact(facts::PROXIES, &shown, &evidence);
    findings.fact(facts::PROXIED_TARGETS, proxied, &evidence);
    let answered = seen.looked.iter().filter(|one| one.way_out().status().is_some()).count();
    findings.fact(facts::ANSWERING, answered, &evidence);
    let mut summary =
        format!("{answered} of {} targets answer, {proxied} through a proxy ({shown})", seen.looked.len());
    if let Some(socks) = seen.looked.iter().find_map(Looked::socks) {
        summary.push_str(&format!("; {socks} was not tried, since this check does not speak SOCKS"));
    }
    if answered == 0 && findings.is_empty() {
        // Where nothing answers there is nothing to say of the way out.
        return findings.inconclusive(summary, evidence);
    }
    findings.conclude(summary, evidence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_speaks_http_by_its_notation() {
        for (address, expected) in [
            ("http://127.0.0.1:5001", Some("http://127.0.0.1:5001")),
            ("a.test:443", Some("https://a.test:443/")),
            ("a.test:9000", Some("http://a.test:9000/")),
            ("redis://a.test", None),
            ("/ip4/10.0.0.1/tcp/9100", None),
            ("a.test", None),
        ] {
            assert_eq!(url(address).as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn nothing_that_answers_is_no_pass() {
        let seen = |direct: Ended, proxy: Option<&str>| {
            let choice = Choice { client: "curl".into(), proxy: proxy.map(str::to_owned), entry: None, unread: None };
            let one = Looked {
                address: "https://a.test/".into(),
                url: "https://a.test/".into(),
                host: "a.test".into(),
                choices: vec![choice],
                ids: vec![1],
                through: None,
                direct,
                tunnel: proxy.map(|_| judge::tests::failed("proxy", "unsupported", None)),
                idle_end: None,
                idle_ms: None,
                control: None,
                other: None,
                set: Vec::new(),
            };
            report(&Seen { looked: vec![one], probe: None, chosen: 2 }, Evidence::one(1))
        };
        let concluded = |outcome: &Outcome| format!("{:?}", outcome.conclusion).contains("Concluded");
        let dark = judge::tests::failed("connect", "timeout", None);
        assert!(!concluded(&seen(dark.clone(), None)));
        assert!(concluded(&seen(judge::tests::status(404), None)));
        let socks = seen(dark, Some("socks5h://p.test:1080"));
        assert!(!concluded(&socks) && socks.findings.is_empty() && socks.summary.contains("not tried"));
    }

    #[test]
    fn the_way_to_the_proxy_is_told_from_the_proxy() {
        let failure = |stage: &str, details: &[(&str, &str)]| Failure {
            kind: "timeout".into(),
            stage: stage.into(),
            os_code: None,
            message: "why".into(),
            details: details.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        };
        let code = |failure: &Failure| judge::proxy(&of_failure(failure)).map(|code| code.code);
        assert_eq!(code(&failure("proxy", &[("at-stage", "connect")])), Some("proxy.unreachable"));
        assert_eq!(code(&failure("proxy", &[])), Some("proxy.not-a-proxy"));
    }
}
