//! What is asked over the network.

use crate::event::Event;
use crate::scope::{self, Where};
use crate::service::{self, Answer, Speaks};
use crate::{Run, codes, detail, facts, job, own_target};
use seaworthy_check_sdk::credentials::Piece;
use seaworthy_check_sdk::credentials::authorized_http::{self, Authorized, Header};
use seaworthy_check_sdk::env::system;
use seaworthy_check_sdk::kit::random;
use seaworthy_check_sdk::net::{http, tcp};
use seaworthy_check_sdk::{Context, ContextExt, Evidence, Failure, FindingBuilder, ip, millis, query, row_value};

const MOST_ANSWER: u32 = 1 << 20;

/// The service that answers at the same port by its name.
struct Elsewhere {
    /// As the target has it.
    configured: String,
    loopback: String,
    service: String,
}

impl Run {
    /// Services of the job that are looked for on localhost.
    pub(crate) fn services(&mut self, context: &Context) {
        let services: Vec<(String, u16)> = context
            .targets
            .iter()
            .filter(|target| target.kind == "service")
            .flat_map(|target| &target.addresses)
            .filter_map(|address| service::endpoint(address))
            .filter(|(host, _)| !ip::is_loopback(host))
            .collect();
        let configured = context.targets.iter().filter(|target| !matches!(target.kind.as_str(), "service" | "actions"));
        let suspects: Vec<Elsewhere> = configured
            .flat_map(|target| &target.addresses)
            .filter_map(|address| Some((address, service::endpoint(address)?)))
            .filter(|(_, (host, _))| ip::is_loopback(host))
            .filter_map(|(address, (host, port))| {
                let (name, _) = services.iter().find(|(_, other)| *other == port)?;
                let (loopback, service) = (service::target(&host, port), service::target(name, port));
                Some(Elsewhere { configured: address.clone(), loopback, service })
            })
            .collect();
        if suspects.is_empty() {
            return;
        }
        let container = system::inspect(&[query("container", vec![])]);
        self.ids.extend(container.iter().map(|seen| seen.id));
        let row = container.first().and_then(|seen| seen.outcome.as_ref().ok()?.first());
        let kind = row.and_then(|row| row_value(row, "kind"));
        let Some(kind) = kind.filter(|kind| !matches!(*kind, "none" | "unknown")) else { return };
        let attempt = |target: &str| tcp::Attempt {
            target: target.to_owned(),
            timeout: self.timeout.min(3_000),
            payload: Vec::new(),
            read_max: 0,
        };
        let attempts: Vec<_> =
            suspects.iter().flat_map(|one| [attempt(&one.loopback), attempt(&one.service)]).collect();
        let seen = tcp::connect(&attempts);
        self.ids.extend(seen.iter().map(|seen| seen.id));
        for (suspect, pair) in suspects.iter().zip(seen.chunks(2)) {
            let [here, there] = pair else { continue };
            let refused = here.outcome.as_ref().is_err_and(|failure| failure.kind == "connection-refused");
            if !refused || there.outcome.is_err() {
                continue;
            }
            let name = suspect.service.rsplit_once(':').map_or(suspect.service.as_str(), |(name, _)| name);
            let finding = codes::CI_SERVICE_ON_LOCALHOST
                .at(&suspect.configured)
                .message(format!(
                    "{} is this job's container itself and refuses; the service answers at {}",
                    suspect.loopback, suspect.service
                ))
                .observed("connection refused on loopback")
                .expected(&suspect.service)
                .detail("service", name)
                .detail("instead", &suspect.service)
                .detail("container", kind);
            let first = container.first().map_or(self.variables, |seen| seen.id);
            self.findings.add(finding.cite(first).and(here.id).and(there.id));
        }
    }

    /// The Actions cache.
    pub(crate) fn cache(&mut self, context: &Context, event: Option<&Event>) {
        let setting = context.setting("cache").unwrap_or("auto");
        if let Some(missing) = job::not_exported(&self.job, setting) {
            let missing = missing.join(", ");
            let finding = codes::CI_CACHE_NOT_EXPORTED
                .at("ACTIONS_RUNTIME_TOKEN")
                .message(format!("this step uses the Actions cache, and {missing} did not reach it"))
                .observed(format!("not set: {missing}"))
                .expected("exported by a step before")
                .detail("missing", &missing);
            self.findings.add(finding.cite(self.variables));
        } else if setting != "off" {
            self.service(context);
        }
        self.branches(context, event);
    }

    fn service(&mut self, context: &Context) {
        let results =
            own_target(context).and_then(|target| target.addresses.first()).map(|url| url.trim_ascii().to_owned());
        let results = results.filter(|url| !url.is_empty());
        let old = detail(context, "v1").map(str::to_owned);
        let Some(token) = detail(context, "credentials.token").filter(|_| self.job.has("ACTIONS_RUNTIME_TOKEN")) else {
            self.parts.push("this step does not use the Actions cache".into());
            return;
        };
        let key = ["seaworthy-", &random::hex(8)].concat();
        let mut requests = Vec::new();
        let mut versions = Vec::new();
        if let Some(base) = &results {
            let (url, body) = service::question_v2(base, &key);
            requests.push(self.request("POST", url, body, token));
            versions.push(Speaks::V2);
        }
        if let Some(base) = &old {
            requests.push(self.request("GET", service::question_v1(base, &key), Vec::new(), token));
            versions.push(Speaks::V1);
        }
        if requests.is_empty() {
            return;
        }
        let seen = authorized_http::send(&requests);
        self.ids.extend(seen.iter().map(|seen| seen.id));
        let of = |version: Speaks| seen.iter().zip(&versions).find(|(_, one)| **one == version).map(|(seen, _)| seen);
        let (first, second) = (of(Speaks::V1), of(Speaks::V2));
        let works = |seen: Option<&http::Seen>, version| {
            seen.is_some_and(|seen| matches!(answer(seen, version), Ok(Answer::Hit(_) | Answer::Miss)))
        };
        let (v1, v2) = (works(first, Speaks::V1), works(second, Speaks::V2));
        let evidence = Evidence::one(self.variables).with(seen.iter().map(|seen| seen.id));
        let word = match (v1, v2) {
            (true, true) => "both",
            (true, false) => "v1",
            (false, true) => "v2",
            (false, false) => "none",
        };
        // A version that could not be asked may work.
        let unasked = |seen: Option<&http::Seen>| seen.is_some_and(|seen| seen.outcome.as_ref().is_err_and(is_ours));
        if !unasked(first) && !unasked(second) {
            self.findings.fact(facts::CI_CACHE_SERVICE, word, &evidence);
        }
        let client = service::speaks(
            context.setting("protocol").unwrap_or("auto"),
            self.job.is_enterprise_server(),
            self.job.is_on("ACTIONS_CACHE_SERVICE_V2"),
            old.is_some(),
        );
        let (asked, url) = match client {
            Speaks::V1 => (first, old.as_ref()),
            Speaks::V2 => (second, results.as_ref()),
        };
        match (asked, url) {
            (Some(asked), Some(url)) => {
                if !unasked(Some(asked)) {
                    self.findings.fact(facts::CI_CACHE_MS, millis(asked.elapsed), &Evidence::one(asked.id));
                }
                let told = answer(asked, client);
                let reached = told.is_ok();
                let other = unasked(if client == Speaks::V1 { second } else { first });
                if client == Speaks::V1 && matches!(told, Ok(Answer::Retired)) && v2 {
                    self.retired(url, asked, second, context);
                } else {
                    match judge(url, client, told, other) {
                        Ok(Some(finding)) => self.findings.add(finding.cite(asked.id)),
                        Ok(None) => {
                            self.parts.push(format!("the cache service answers in {} ms", millis(asked.elapsed)));
                        }
                        Err(unknown) => self.unknown.push(unknown),
                    }
                }
                if reached {
                    self.blobs(context, url, asked.id);
                }
            }
            // The client has no address at all for the version that it speaks.
            (None, _) if client == Speaks::V1 && v2 => {
                let finding = codes::CI_CACHE_V1_RETIRED
                    .at("ACTIONS_CACHE_URL")
                    .message("the client speaks the first version of the cache service, whose address is not set; the second answers")
                    .observed("ACTIONS_CACHE_URL is not set")
                    .detail("v2", results.as_deref().unwrap_or_default());
                self.findings.add(finding.cite_all(&evidence));
            }
            _ => {
                self.unknown.push("the version of the cache service that the client speaks has no address here".into())
            }
        }
    }

    fn retired(&mut self, url: &str, asked: &http::Seen, second: Option<&http::Seen>, context: &Context) {
        let status = asked.outcome.as_ref().map(|response| response.status).unwrap_or_default();
        let said = context.setting("protocol").unwrap_or("auto") != "auto";
        let finding = codes::CI_CACHE_V1_RETIRED
            .at(url)
            .message(format!("the first version of the cache service is shut down ({status}), and it is the one that the client speaks"))
            .observed(format!("status {status}"))
            .expected("a client of the second version, which answers")
            .detail("status", status.to_string())
            .detail("v2-switch", self.job.is_on("ACTIONS_CACHE_SERVICE_V2").to_string());
        // By the variables a client is expected to choose so; the policy knows.
        let finding = if said { finding } else { finding.likely() };
        let cited = finding.cite(asked.id).and(self.variables);
        self.findings.add(match second {
            Some(second) => cited.and(second.id),
            None => cited,
        });
    }

    /// The storage that values come from.
    fn blobs(&mut self, context: &Context, service: &str, answered: u32) {
        let mut urls: Vec<String> = detail(context, "blob").map(str::to_owned).into_iter().collect();
        urls.extend(context.settings_all("blob-hosts").map(|host| ["https://", host, "/"].concat()));
        let github =
            service::endpoint(service).is_some_and(|(host, _)| host.ends_with(".actions.githubusercontent.com"));
        if urls.is_empty() && github {
            urls.push(["https://", service::BLOB_HOST, "/"].concat());
        }
        let request = |url: &String| http::Request {
            method: "GET".into(),
            url: url.clone(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: self.timeout,
            max_body: 4096,
            proxy: "environment".into(),
        };
        if urls.is_empty() {
            return;
        }
        let seen = http::send(&urls.iter().map(request).collect::<Vec<_>>());
        self.ids.extend(seen.iter().map(|seen| seen.id));
        for one in &seen {
            match &one.outcome {
                Ok(_) => self.parts.push(format!("the storage at {} answers", host_of(&one.url))),
                Err(failure) if is_ours(failure) => {
                    self.unknown.push(format!(
                        "the storage at {} could not be asked: {}",
                        host_of(&one.url),
                        failure.message
                    ));
                }
                Err(failure) => {
                    let host = host_of(&one.url);
                    let finding = codes::CI_BLOB_UNREACHABLE
                        .at(&one.url)
                        .message(format!(
                            "the cache service answers, and the storage behind it at {host} does not: {}",
                            failure.message
                        ))
                        .observed(&failure.message)
                        .detail("host", &host)
                        .detail("kind", &failure.kind)
                        .detail("stage", &failure.stage);
                    self.findings.add(finding.cite(one.id).and(answered));
                }
            }
        }
    }

    /// Whether entries that there are can be seen from this ref.
    fn branches(&mut self, context: &Context, event: Option<&Event>) {
        let (Some(key), Some(api), Some(token), Some(repository)) = (
            context.setting("key"),
            detail(context, "api"),
            detail(context, "credentials.api"),
            self.job.text("GITHUB_REPOSITORY").map(str::to_owned),
        ) else {
            return;
        };
        let request = self.request("GET", service::list(api, &repository, key), Vec::new(), token);
        let Some(seen) = authorized_http::send(&[request]).into_iter().next() else { return };
        self.ids.push(seen.id);
        let response = match &seen.outcome {
            Ok(response) => response,
            Err(failure) => {
                self.unknown.push(format!("the list of caches could not be had: {}", failure.message));
                return;
            }
        };
        let text = String::from_utf8_lossy(&response.body).to_ascii_lowercase();
        if response.status == 403 && text.contains("not accessible by integration") {
            let finding = codes::CI_TOKEN_PERMISSION
                .at(api)
                .message("the job's token may not list the caches of the repository")
                .observed("403, Resource not accessible by integration")
                .expected("permissions: actions: read")
                .detail("permission", "actions: read");
            self.findings.add(finding.cite(seen.id));
            return;
        }
        let listed = scope::read(&response.body, key).filter(|_| response.status == 200);
        let Some(listed) = listed else {
            self.unknown.push(format!("the list of caches could not be had: status {}", response.status));
            return;
        };
        let default = context.setting("default-branch").or(event.and_then(|event| event.default_branch.as_deref()));
        let visible = scope::visible(self.job.text("GITHUB_REF"), self.job.text("GITHUB_BASE_REF"), default);
        let evidence = Evidence::one(seen.id).and(self.variables);
        self.findings.fact(facts::CI_CACHE_ENTRIES, listed.refs.len(), &evidence);
        let told = scope::judge(&listed, &visible);
        let within = if let Where::InScope(count) = &told { *count } else { 0 };
        self.findings.fact(facts::CI_CACHE_ENTRIES_IN_SCOPE, within, &evidence);
        match told {
            Where::InScope(count) => {
                self.parts.push(format!("{count} entries `{key}...` are in the scope of this ref"))
            }
            Where::Nowhere => self.parts.push(format!("there is no entry `{key}...` of any ref")),
            Where::Elsewhere(others) => {
                let finding = codes::CI_BRANCH_SCOPE
                    .at(key)
                    .message(format!(
                        "{} entries begin with `{key}`, all of {}; from here only those of {} can be seen",
                        listed.refs.len(),
                        others.join(", "),
                        visible.join(", ")
                    ))
                    .observed(others.join(", "))
                    .expected(visible.join(", "))
                    .detail("refs", others.join(","))
                    .detail("visible", visible.join(","));
                // Without the default branch, or with a part of the list, something may be in scope all the same.
                let finding = if listed.cut || default.is_none() { finding.likely() } else { finding };
                self.findings.add(finding.cite_all(&evidence));
            }
        }
    }

    fn request(&self, method: &str, url: String, body: Vec<u8>, token: &str) -> Authorized {
        let mut headers = vec![("accept".to_owned(), "application/json;api-version=6.0-preview.1".to_owned())];
        if !body.is_empty() {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        let request = http::Request {
            method: method.into(),
            url,
            headers,
            body,
            timeout: self.timeout.min(self.budget),
            max_body: MOST_ANSWER,
            proxy: "environment".into(),
        };
        let bearer = Piece { bytes: b"Bearer ".to_vec(), secret: Some(token.to_owned()), encoding: "text".into() };
        Authorized { request, headers: vec![Header { name: "authorization".into(), value: vec![bearer] }] }
    }
}

/// An answer, read as one of that version.
fn answer(seen: &http::Seen, version: Speaks) -> Result<Answer, &Failure> {
    seen.outcome.as_ref().map(|response| match version {
        Speaks::V1 => service::read_v1(response.status, &response.body),
        Speaks::V2 => service::read_v2(response.status, &response.body),
    })
}

/// What an answer means for the client, or why that cannot be said: what could not be
/// asked is no fault of the service. `other_unasked`: the other version was not either.
fn judge(
    url: &str,
    client: Speaks,
    told: Result<Answer, &Failure>,
    other_unasked: bool,
) -> Result<Option<FindingBuilder>, String> {
    let host = host_of(url);
    match told {
        Err(failure) if is_ours(failure) => {
            Err(format!("the cache service at {host} could not be asked: {}", failure.message))
        }
        Ok(Answer::Retired) if other_unasked => Err(format!(
            "the cache service at {host} says that it has ended, and whether another version answers could not be asked"
        )),
        told => Ok(refused(url, client, told)),
    }
}

/// The finding of an answer that is of no use to the client.
fn refused(url: &str, client: Speaks, told: Result<Answer, &Failure>) -> Option<FindingBuilder> {
    let version = if client == Speaks::V1 { "v1" } else { "v2" };
    let finding = match told {
        Ok(Answer::Hit(_) | Answer::Miss) => return None,
        Ok(Answer::Rejected) => codes::CI_CACHE_TOKEN_REJECTED
            .at(url)
            .message(format!("the cache service at {} refuses the token of this job", host_of(url))),
        Ok(Answer::Limited) => codes::CI_CACHE_RATE_LIMITED
            .at(url)
            .message(format!("the cache service at {} asks for fewer requests (429)", host_of(url))),
        Ok(Answer::Retired) => codes::CI_CACHE_UNREACHABLE
            .at(url)
            .message(format!(
                "the cache service at {} says that it has ended, and no other version answers",
                host_of(url)
            ))
            .detail("kind", "retired"),
        Ok(Answer::Failing) => codes::CI_CACHE_UNREACHABLE
            .at(url)
            .message(format!("the cache service at {} is out of order", host_of(url)))
            .detail("kind", "failing"),
        Ok(Answer::Stranger) => codes::CI_CACHE_UNREACHABLE
            .at(url)
            .message(format!("what answers at {} is not the cache service", host_of(url)))
            .detail("kind", "stranger"),
        Err(failure) => codes::CI_CACHE_UNREACHABLE
            .at(url)
            .message(format!("the cache service at {} does not answer: {}", host_of(url), failure.message))
            .observed(&failure.message)
            .detail("kind", &failure.kind)
            .detail("stage", &failure.stage),
    };
    Some(finding.detail("version", version).detail("host", host_of(url)))
}

/// Not of the network: we could not ask.
fn is_ours(failure: &Failure) -> bool {
    matches!(failure.kind.as_str(), "denied" | "cancelled" | "exhausted" | "invalid" | "too-many-open-files")
}

/// The host of an address, or the address.
fn host_of(url: &str) -> String {
    service::endpoint(url).map_or_else(|| url.to_owned(), |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_check_sdk::Findings;

    fn code(told: Result<Answer, &Failure>) -> Option<String> {
        let mut findings = Findings::new();
        findings.add(judge("https://results.test/", Speaks::V2, told, false).unwrap()?.cite(1));
        findings.conclude("", Evidence::one(1)).findings.into_iter().next().map(|finding| finding.code)
    }

    #[test]
    fn a_miss_is_no_refusal() {
        assert_eq!(code(Ok(Answer::Miss)), None);
        assert_eq!(code(Ok(Answer::Hit("https://b/".into()))), None);
    }

    fn failure(kind: &str) -> Failure {
        Failure {
            kind: kind.into(),
            stage: "connect".into(),
            os_code: None,
            message: "nothing came".into(),
            details: vec![],
        }
    }

    #[test]
    fn what_could_not_be_asked_is_unknown() {
        for kind in ["denied", "cancelled", "exhausted", "invalid", "too-many-open-files"] {
            let told = judge("https://results.test/", Speaks::V2, Err(&failure(kind)), false);
            assert!(told.is_err_and(|unknown| unknown.contains("results.test could not be asked")), "{kind}");
        }
        assert!(judge("https://results.test/", Speaks::V1, Ok(Answer::Retired), true).is_err());
        assert_eq!(code(Ok(Answer::Retired)).as_deref(), Some("ci.cache-unreachable"));
    }

    #[test]
    fn every_refusal_has_its_code() {
        let failure = failure("timeout");
        for (told, wanted) in [
            (Ok(Answer::Rejected), "ci.cache-token-rejected"),
            (Ok(Answer::Limited), "ci.cache-rate-limited"),
            (Ok(Answer::Failing), "ci.cache-unreachable"),
            (Ok(Answer::Stranger), "ci.cache-unreachable"),
            (Err(&failure), "ci.cache-unreachable"),
        ] {
            assert_eq!(code(told).as_deref(), Some(wanted));
        }
    }
}
