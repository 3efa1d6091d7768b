use crate::{codes, facts};
use seaworthy_check_sdk::net::http;
use seaworthy_check_sdk::{
    Context, ContextExt, Evidence, Failure, FindingBuilder, Findings, Outcome, millis, row_value,
};

/// Enough of a body to recognise a log-in page.
const MAX_BODY: u32 = 4096;

/// Sends one request to every target at once and judges the status.
pub(crate) fn run(context: &Context) -> Result<Outcome, String> {
    let addresses = context.addresses();
    let wanted: Vec<u16> = context.settings_all("expect-status").filter_map(|status| status.parse().ok()).collect();
    let timeout = context.budget - context.budget / 20;
    let requests: Vec<http::Request> = addresses
        .iter()
        .map(|address| http::Request {
            method: context.setting("method").unwrap_or("GET").into(),
            url: if address.contains("://") { address.clone() } else { ["http://", address].concat() },
            headers: Vec::new(),
            body: Vec::new(),
            timeout,
            max_body: MAX_BODY,
            proxy: context.setting("proxy").unwrap_or("environment").into(),
        })
        .collect();
    let seen = http::send(&requests);
    let mut findings = Findings::new();
    let mut slowest: Option<u64> = None;
    let mut good = 0_usize;
    for (address, seen) in addresses.iter().zip(&seen) {
        let finding = match &seen.outcome {
            Ok(response) => {
                slowest = slowest.max(Some(seen.elapsed));
                match judge(response, &wanted) {
                    Verdict::Good => {
                        good += 1;
                        continue;
                    }
                    Verdict::Captive => captive(address, response),
                    Verdict::BadStatus => bad_status(address, response, &wanted),
                    Verdict::ProxyAuthentication => proxy_failed(address, "the proxy wants credentials (status 407)"),
                }
            }
            Err(failure) if failure.stage.contains("proxy") => proxy_failed(address, &failure.message),
            Err(failure) => unreachable(address, failure),
        };
        findings.add(finding.cite(seen.id));
    }
    let evidence = Evidence::of(seen.iter().map(|s| s.id))?;
    findings.fact(facts::ANSWERED, good, &evidence);
    let mut summary =
        [good.to_string().as_str(), " of ", &addresses.len().to_string(), " answered as expected"].concat();
    if let Some(micros) = slowest {
        let text = millis(micros);
        summary.push_str(&[", the slowest after ", &text, " ms"].concat());
        findings.fact(facts::TOTAL_MS, text, &evidence);
    }
    Ok(findings.conclude(summary, evidence))
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Good,
    /// A log-in page in place of what was asked for.
    Captive,
    ProxyAuthentication,
    BadStatus,
}

fn judge(response: &http::Response, wanted: &[u16]) -> Verdict {
    let status = response.status;
    // Nothing but HTML where 204 has no body at all, and 511, are how portals give themselves away.
    let portal =
        status == 511 || (wanted == [204] && status != 204 && (is_html(&response.body) || is_redirect(status)));
    let good = if wanted.is_empty() { (200..400).contains(&status) } else { wanted.contains(&status) };
    match () {
        () if portal => Verdict::Captive,
        () if good => Verdict::Good,
        () if status == 407 => Verdict::ProxyAuthentication,
        () => Verdict::BadStatus,
    }
}

fn is_html(body: &[u8]) -> bool {
    let start = body.trim_ascii_start();
    let begins = |text: &[u8]| start.len() >= text.len() && start[..text.len()].eq_ignore_ascii_case(text);
    begins(b"<!doctype html") || begins(b"<html")
}

fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

fn expected(wanted: &[u16]) -> String {
    if wanted.is_empty() {
        return "200 to 399".into();
    }
    let list: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    list.join(" or ")
}

fn bad_status(address: &str, response: &http::Response, wanted: &[u16]) -> FindingBuilder {
    let status = response.status.to_string();
    let mut finding = codes::HTTP_BAD_STATUS
        .at(address)
        .message([address, " answers with status ", &status, ", not ", &expected(wanted)].concat())
        .observed(&status)
        .expected(expected(wanted))
        .detail("status", status)
        .detail("remote", &response.remote);
    for key in ["server", "via"] {
        if let Some((_, value)) = response.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)) {
            finding = finding.detail(key, value);
        }
    }
    if let Some(proxy) = row_value(&response.details, "proxy") {
        finding = finding.detail("proxy", proxy);
    }
    finding
}

fn captive(address: &str, response: &http::Response) -> FindingBuilder {
    let status = response.status.to_string();
    codes::HTTP_CAPTIVE_PORTAL
        .at(address)
        .message([address, " is answered by a log-in page (status ", &status, "), not by the service"].concat())
        .observed(&status)
        .expected("204 without a body")
        .likely()
}

fn proxy_failed(address: &str, message: &str) -> FindingBuilder {
    codes::HTTP_PROXY_FAILED
        .at(address)
        .message([address, " was not reached, the proxy failed: ", message].concat())
        .observed(message)
}

fn unreachable(address: &str, failure: &Failure) -> FindingBuilder {
    codes::HTTP_UNREACHABLE
        .at(address)
        .message([address, ": ", crate::tcp::meaning(failure), " (", &failure.message, ")"].concat())
        .observed(&failure.message)
        .detail("kind", &failure.kind)
        .detail("stage", &failure.stage)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &[u8]) -> http::Response {
        http::Response {
            status,
            headers: vec![],
            body: body.to_vec(),
            truncated: false,
            remote: String::new(),
            details: vec![],
        }
    }

    #[test]
    fn a_status_is_judged_by_what_was_asked_for() {
        for (status, body, wanted, verdict) in [
            (200, &b""[..], &[][..], Verdict::Good),
            (404, b"", &[], Verdict::BadStatus),
            (404, b"", &[404], Verdict::Good),
            (204, b"", &[204], Verdict::Good),
            (200, b"\n<!DOCTYPE HTML><title>Log in", &[204], Verdict::Captive),
            (302, b"", &[204], Verdict::Captive),
            (200, b"ok", &[204], Verdict::BadStatus),
            (511, b"", &[], Verdict::Captive),
            (407, b"", &[], Verdict::ProxyAuthentication),
        ] {
            assert_eq!(judge(&response(status, body), wanted), verdict, "{status} {wanted:?}");
        }
    }

    #[test]
    fn what_is_expected_is_said() {
        assert_eq!(expected(&[]), "200 to 399");
        assert_eq!(expected(&[200, 204]), "200 or 204");
    }
}
