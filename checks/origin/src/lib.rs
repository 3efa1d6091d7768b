//! `origin/api`: the HTTP API that values come from.
//!
//! [`judge`] decides and does not call the host; this asks.

pub mod judge;

use judge::{Kind, Symptom, TokenState};
use origin_client::{Base, RateLimit, Refused, header, request_headers};
use seaworthy_check_sdk::credentials::{self, Piece, authorized_http};
use seaworthy_check_sdk::env::vars;
use seaworthy_check_sdk::kit::clock;
use seaworthy_check_sdk::net::{http, tls};
use seaworthy_check_sdk::{Check, Code, Context, ContextExt, Evidence, Failure, Findings, Outcome, millis, row_value};

seaworthy_check_sdk::descriptor!();

/// Enough of a body for the API's own words, or to recognise a page.
const MAX_BODY: u32 = 8192;

/// The check.
pub struct Api;

impl Check for Api {
    const DESCRIPTOR: &'static str = DESCRIPTOR;

    fn run(_id: &str, context: Context) -> Result<Outcome, String> {
        let Some(address) = context.addresses().into_iter().next() else {
            // Asking for nothing is an observation too: the check ran and had no target.
            let seen = vars::read(&[]);
            return Ok(Findings::new().not_configured("no origin is configured", Evidence::one(seen.id)));
        };
        let base = match Base::parse(&address) {
            Ok(base) => base,
            Err(wrong) => {
                let seen = vars::read(&[]);
                let mut findings = Findings::new();
                findings.add(codes::ORIGIN_NOT_AN_API.found().message(wrong.to_string()).cite(seen.id));
                return Ok(findings.conclude("the URL of the origin cannot be used", Evidence::one(seen.id)));
            }
        };
        let label =
            context.target().and_then(|target| row_value(&target.details, "credentials.token")).map(str::to_owned);
        Run { context: &context, base, label, findings: Findings::new(), ids: Vec::new() }.look()
    }
}

struct Run<'a> {
    context: &'a Context,
    base: Base,
    label: Option<String>,
    findings: Findings,
    ids: Vec<u32>,
}

/// The answers to one question, with the token and without.
struct Answers {
    plain: http::Seen,
    authorized: Option<http::Seen>,
}

impl Run<'_> {
    fn look(mut self) -> Result<Outcome, String> {
        let token = self.token();
        let answers = self.ask(token.as_deref())?;
        self.ids.push(answers.plain.id);
        self.ids.extend(answers.authorized.as_ref().map(|seen| seen.id));
        let telling = answers.authorized.as_ref().unwrap_or(&answers.plain);
        let evidence = Evidence::one(telling.id);
        self.findings.fact(facts::ORIGIN_ANSWERS, telling.outcome.is_ok(), &evidence);
        match &telling.outcome {
            Err(failure) => self.unreachable(telling.id, failure),
            Ok(response) => {
                self.facts(telling, response);
                self.clock(telling.id, response);
                self.judge(telling.id, response, &answers, token.is_some());
            }
        }
        let evidence = Evidence::of(self.ids)?;
        let summary = if self.findings.is_empty() {
            format!("{} answers", self.base.as_str())
        } else {
            format!("{} was asked", self.base.as_str())
        };
        Ok(self.findings.conclude(summary, evidence))
    }

    /// The label of the token, where one is set.
    fn token(&mut self) -> Option<String> {
        let label = self.label.clone()?;
        let status = credentials::inspect(std::slice::from_ref(&label)).into_iter().next()?;
        self.ids.push(status.id);
        let evidence = Evidence::one(status.id);
        if let Some(form) = row_value(&status.details, "form") {
            self.findings.fact(facts::ORIGIN_TOKEN_FORM, form, &evidence);
        }
        if !status.present {
            self.findings.fact(facts::ORIGIN_TOKEN, TokenState::Missing.word(), &evidence);
            let level = if self.context.setting("require-token") == Some("true") { "fail" } else { "warn" };
            let finding = codes::ORIGIN_TOKEN_MISSING
                .at(self.base.as_str())
                .message(format!("no token `{label}` is set, so {} is asked as anybody may ask it", self.base.as_str()))
                .level(level);
            self.findings.add(finding.cite(status.id));
            return None;
        }
        Some(label)
    }

    /// Asks twice at once: what an API says to a token is told from what it says to everybody.
    fn ask(&self, token: Option<&str>) -> Result<Answers, String> {
        let path = self.context.setting("path").unwrap_or("rate_limit");
        let url = self.base.url(path).map_err(|wrong| format!("the setting `path`: {wrong}"))?;
        let request = http::Request {
            method: "GET".into(),
            url,
            headers: request_headers(None),
            body: Vec::new(),
            timeout: self.context.budget - self.context.budget / 10,
            max_body: MAX_BODY,
            proxy: "environment".into(),
        };
        let header = |label: &str| authorized_http::Header {
            name: "authorization".into(),
            value: vec![Piece { bytes: b"Bearer ".to_vec(), secret: Some(label.into()), encoding: "text".into() }],
        };
        let mut requests = vec![authorized_http::Authorized { request: request.clone(), headers: Vec::new() }];
        requests.extend(token.map(|label| authorized_http::Authorized { request, headers: vec![header(label)] }));
        let mut seen = authorized_http::send(&requests).into_iter();
        let plain = seen.next().ok_or("the host answered nothing")?;
        Ok(Answers { plain, authorized: seen.next() })
    }

    fn unreachable(&mut self, id: u32, failure: &Failure) {
        let mut others = Vec::new();
        if failure.kind.starts_with("tls-") && self.base.is_https() {
            let seen = self.handshakes();
            if judge::blames_certificate(&failure.kind, seen.get(1).map(|shown| shown.outcome.is_ok())) {
                self.untrusted(id, failure, &seen);
                return;
            }
            others = seen;
        }
        let proxied = failure.stage.contains("proxy") || row_value(&failure.details, "proxy").is_some();
        let code = if proxied && row_value(&failure.details, "proxy-status").is_some() {
            codes::ORIGIN_INTERCEPTED
        } else {
            codes::ORIGIN_UNREACHABLE
        };
        let mut finding = code
            .at(self.base.as_str())
            .message(format!("{} does not answer: {}", self.base.as_str(), failure.message))
            .observed(&failure.message)
            .detail("kind", &failure.kind)
            .detail("stage", &failure.stage);
        for key in ["proxy", "proxy-status"] {
            if let Some(value) = row_value(&failure.details, key) {
                finding = finding.detail(key, value);
            }
        }
        let cited = others.iter().fold(finding.cite(id), |finding, seen| finding.and(seen.id));
        self.findings.add(cited);
    }

    /// One handshake judged by the roots that are compiled in, and one by nobody.
    fn handshakes(&mut self) -> Vec<tls::Seen> {
        let attempt = |roots: &str| tls::Attempt {
            target: self.base.host_and_port(),
            server_name: None,
            alpn: vec!["http/1.1".into()],
            roots: roots.into(),
            timeout: self.context.budget / 3,
        };
        let seen = tls::handshake(&[attempt("bundled"), attempt("none")]);
        self.ids.extend(seen.iter().map(|seen| seen.id));
        seen
    }

    /// Who trusts the certificate, and whose it is.
    fn untrusted(&mut self, id: u32, failure: &Failure, seen: &[tls::Seen]) {
        let bundled = seen.first().is_some_and(|seen| seen.outcome.is_ok());
        let shown = seen.get(1).and_then(|seen| seen.outcome.as_ref().ok());
        let detail = |key: &str| {
            let shown = shown.and_then(|session| row_value(&session.details, key));
            shown.or_else(|| row_value(&failure.details, key)).unwrap_or("unknown").to_owned()
        };
        let why = judge::untrusted(&failure.kind, bundled);
        let finding = codes::ORIGIN_UNTRUSTED
            .at(self.base.as_str())
            .message(format!(
                "the certificate of {} is refused ({}): {}; its issuer is {}",
                self.base.host_and_port(),
                failure.kind,
                why.words(),
                detail("issuer")
            ))
            .observed(&failure.message)
            .detail("reason", why.key())
            .detail("kind", &failure.kind)
            .detail("issuer", detail("issuer"))
            .detail("subject", detail("subject"))
            .detail("not-before", detail("not-before"))
            .detail("not-after", detail("not-after"));
        let cited = seen.iter().fold(finding.cite(id), |finding, seen| finding.and(seen.id));
        self.findings.add(cited);
    }

    fn facts(&mut self, seen: &http::Seen, response: &http::Response) {
        let evidence = Evidence::one(seen.id);
        let kind = Kind::of(&self.base, &response.headers);
        self.findings.fact(facts::ORIGIN_KIND, kind.word(), &evidence);
        if let Some(version) = header(&response.headers, "x-github-enterprise-version") {
            self.findings.fact(facts::ORIGIN_VERSION, version, &evidence);
        }
        self.findings.fact(facts::ORIGIN_MS, millis(seen.elapsed), &evidence);
        if let Some(micros) = row_value(&response.details, "first-byte-us").and_then(|text| text.parse().ok()) {
            self.findings.fact(facts::ORIGIN_FIRST_BYTE_MS, millis(micros), &evidence);
        }
        if let Some(proxy) = row_value(&response.details, "proxy") {
            self.findings.fact(facts::ORIGIN_PROXY, proxy, &evidence);
        }
        if let Some(scopes) = header(&response.headers, "x-oauth-scopes") {
            self.findings.fact(facts::ORIGIN_SCOPES, scopes, &evidence);
        }
    }

    fn clock(&mut self, id: u32, response: &http::Response) {
        let Some(offset) = judge::clock_offset_s(&response.headers, clock::unix_ms()) else { return };
        self.findings.fact(facts::ORIGIN_CLOCK_OFFSET_S, offset, &Evidence::one(id));
        let most = self.number("max-skew-s", 30);
        if offset.unsigned_abs() <= most {
            return;
        }
        let (by, direction) = (offset.unsigned_abs(), if offset > 0 { "ahead of" } else { "behind" });
        let level = if by > most.saturating_mul(10) { "fail" } else { "warn" };
        let finding = codes::ORIGIN_CLOCK_SKEW
            .at(self.base.as_str())
            .message(format!("this machine's clock is {by} s {direction} that of {}", self.base.authority()))
            .observed(format!("{offset} s"))
            .expected(format!("at most {most} s"))
            .level(level)
            .likely();
        self.findings.add(finding.cite(id));
    }

    fn judge(&mut self, id: u32, response: &http::Response, answers: &Answers, token: bool) {
        let refused = Refused::read(response.status, &response.headers, &response.body, clock::unix_ms());
        let kind = Kind::of(&self.base, &response.headers);
        let custom = self.context.setting("path").is_some_and(|path| path != "rate_limit");
        let symptom = judge::symptom(kind, response.status, &response.headers, &response.body, &refused, custom);
        if token {
            let plain = answers.plain.outcome.as_ref().map(|plain| plain.status).ok();
            let state = judge::token(kind, response.status, plain);
            self.findings.fact(facts::ORIGIN_TOKEN, state.word(), &Evidence::one(id));
        }
        if let Some(symptom) = symptom {
            self.tell(id, response, &symptom, &refused);
        }
        self.limit(id, response, matches!(symptom, Some(Symptom::RateLimited)));
        self.worth(id, response);
    }

    fn tell(&mut self, id: u32, response: &http::Response, symptom: &Symptom, refused: &Refused) {
        let url = self.base.as_str();
        let code: Code = match symptom {
            Symptom::Intercepted => codes::ORIGIN_INTERCEPTED,
            Symptom::NotAnApi => codes::ORIGIN_NOT_AN_API,
            Symptom::Failing => codes::ORIGIN_FAILING,
            Symptom::TokenRejected => codes::ORIGIN_TOKEN_REJECTED,
            Symptom::SingleSignOn => codes::ORIGIN_SSO_REQUIRED,
            Symptom::Scope => codes::ORIGIN_SCOPE_MISSING,
            Symptom::RateLimited => codes::ORIGIN_RATE_LIMITED,
            Symptom::Secondary => codes::ORIGIN_SECONDARY_LIMIT,
            Symptom::Forbidden => codes::ORIGIN_FORBIDDEN,
        };
        let mut finding = code
            .at(url)
            .message(format!("{url} answers with {refused}: {}", symptom.words()))
            .observed(refused.to_string())
            .detail("status", response.status.to_string());
        for (key, value) in judge::details(&refused.refusal) {
            finding = finding.detail(key, value);
        }
        for key in ["server", "via", "location"] {
            if let Some(value) = header(&response.headers, key) {
                finding = finding.detail(key, value);
            }
        }
        if let Some(label) = &self.label {
            finding = finding.detail("token", label);
        }
        self.findings.add(finding.cite(id));
    }

    fn limit(&mut self, id: u32, response: &http::Response, told: bool) {
        let limit = RateLimit::of(&response.headers);
        let evidence = Evidence::one(id);
        let reset = limit.reset_in_ms(&response.headers, clock::unix_ms()).map(|ms| ms / 1000);
        for (key, value) in [
            (facts::ORIGIN_LIMIT, limit.limit),
            (facts::ORIGIN_REMAINING, limit.remaining),
            (facts::ORIGIN_RESET_S, reset),
        ] {
            if let Some(value) = value {
                self.findings.fact(key, value, &evidence);
            }
        }
        let least = self.number("least-remaining", 100);
        let Some(remaining) = limit.remaining.filter(|remaining| *remaining < least && !told) else { return };
        // A window may be smaller than what is asked to be left of it: nothing was used then.
        if remaining > 0 && limit.limit == Some(remaining) {
            return;
        }
        let of = limit.limit.map(|limit| format!(" of {limit}")).unwrap_or_default();
        let code = if remaining == 0 { codes::ORIGIN_RATE_LIMITED } else { codes::ORIGIN_RATE_LIMIT_LOW };
        let mut finding = code
            .at(self.base.as_str())
            .message(format!(
                "{remaining}{of} requests are left at {}, for {} s",
                self.base.authority(),
                reset.map_or_else(|| "an unknown number of".to_owned(), |s| s.to_string())
            ))
            .observed(remaining.to_string())
            .expected(format!("at least {least}"));
        for (key, value) in [("limit", limit.limit), ("remaining", Some(remaining)), ("reset-s", reset)] {
            if let Some(value) = value {
                finding = finding.detail(key, value.to_string());
            }
        }
        if let Some(resource) = &limit.resource {
            finding = finding.detail("resource", resource);
        }
        self.findings.add(finding.cite(id));
    }

    /// What an accepted token is worth: its scopes and its end.
    fn worth(&mut self, id: u32, response: &http::Response) {
        if response.status >= 400 {
            return;
        }
        let url = self.base.as_str();
        let wanted: Vec<&str> = self.context.settings_all("scopes").collect();
        let missing = judge::missing_scopes(&response.headers, &wanted);
        if !missing.is_empty() {
            let held = header(&response.headers, "x-oauth-scopes").unwrap_or_default();
            let finding = codes::ORIGIN_SCOPE_MISSING
                .at(url)
                .message(format!("the token lacks the scope {}; it has: {held}", missing.join(", ")))
                .observed(held)
                .expected(wanted.join(", "))
                .detail("needed", missing.join(", "))
                .detail("held", held);
            self.findings.add(finding.cite(id));
        }
        if let Some(days) = judge::expires_in_days(&response.headers).filter(|days| *days < judge::SOON_DAYS) {
            let finding = codes::ORIGIN_TOKEN_EXPIRES
                .at(url)
                .message(format!("the token expires in {days} days"))
                .observed(format!("{days} days"))
                .expected(format!("at least {} days", judge::SOON_DAYS))
                .detail("days", days.to_string());
            self.findings.add(finding.cite(id));
        }
    }

    fn number(&self, key: &str, default: u64) -> u64 {
        self.context.setting(key).and_then(|text| text.parse().ok()).unwrap_or(default)
    }
}

seaworthy_check_sdk::export_check!(Api);
