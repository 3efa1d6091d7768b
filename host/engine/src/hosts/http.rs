use crate::bindings::wit_net::http;
use crate::scope::Scope;
use crate::state::State;
use crate::tape::through;
use futures::StreamExt as _;
use futures::stream;
use seaworthy_model::Failure;
use seaworthy_probe::http as native;
use seaworthy_probe::proxy::ProxyEnvironment;
use seaworthy_probe::trust::Roots;
use serde_json::{Map, Value, json};
use std::time::Duration;
use url::Url;

/// Response headers that may carry credentials and are never recorded.
const UNRECORDED: [&str; 3] = ["set-cookie", "www-authenticate", "proxy-authenticate"];

impl http::Host for State {
    async fn send(&mut self, requests: Vec<http::Request>) -> wasmtime::Result<Vec<http::Seen>> {
        through!(self, "net/http.send", [requests], {
            let scope = self.scope.clone();
            send_all(&scope, "http.send", requests.into_iter().map(Ok).collect()).await
        })
    }
}

/// Sends what is ready to be sent, all at once; the answer to what is not is why.
pub(super) async fn send_all(
    scope: &Scope,
    probe: &str,
    requests: Vec<Result<http::Request, Box<Unsent>>>,
) -> wasmtime::Result<Vec<http::Seen>> {
    let urls = requests.iter().map(|request| match request {
        Ok(request) => request.url.as_str(),
        Err(unsent) => unsent.request.url.as_str(),
    });
    let _doing = scope.step.enter(probe, &urls.collect::<Vec<_>>().join(", "), requests.len())?;
    let proxies = ProxyEnvironment::from_environment(&scope.run.plan.environment);
    let most = super::share(scope.step.handover.batch, scope.step.handover.body, requests.len());
    let sent = requests.into_iter().map(|request| {
        let proxies = &proxies;
        async move {
            match request {
                Ok(request) => send(scope, probe, request, proxies, most).await,
                Err(unsent) => unsent.seen(scope, probe),
            }
        }
    });
    Ok(stream::iter(sent).buffered(super::AT_ONCE).collect().await)
}

/// A request that could not be made ready, and why.
pub(super) struct Unsent {
    pub(super) request: http::Request,
    pub(super) failure: Failure,
}

impl Unsent {
    fn seen(self, scope: &Scope, probe: &str) -> http::Seen {
        let Self { request, failure } = self;
        let question = json!({ "method": request.method, "url": request.url, "sent": false });
        let id = scope.record(probe, question, Err(&failure), Duration::ZERO);
        http::Seen { id, url: request.url, elapsed: 0, outcome: Err(super::failure(&failure)) }
    }
}

async fn send(scope: &Scope, probe: &str, request: http::Request, proxies: &ProxyEnvironment, most: u32) -> http::Seen {
    let asked = native::Request {
        timeout: scope.step.clamp(request.timeout),
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body,
        max_body: request.max_body.min(most),
        proxy: request.proxy,
    };
    let seen = match roots(scope, &asked.url) {
        Ok(roots) => native::send_on(&asked, scope, proxies, &roots, scope.step.connections.as_ref()).await,
        Err(failure) => native::Seen { elapsed: Duration::ZERO, outcome: Err(failure) },
    };
    // Names only of what was sent: a request's headers are where credentials are.
    let names: Vec<&str> = asked.headers.iter().map(|(name, _)| name.as_str()).collect();
    let question = json!({ "method": asked.method, "url": asked.url, "header-names": names, "body-bytes": asked.body.len(), "proxy": asked.proxy });
    let answer = seen.outcome.as_ref().map(|response| {
        json!({ "status": response.status, "remote": response.remote, "headers": headers(&response.headers),
                "body": super::bytes(&response.body), "truncated": response.truncated, "details": response.details })
    });
    let id = scope.record(probe, question, answer, seen.elapsed);
    http::Seen {
        id,
        url: asked.url,
        elapsed: super::micros(seen.elapsed),
        outcome: seen.outcome.map_err(|failure| super::failure(&failure)).map(|response| http::Response {
            status: response.status,
            headers: response.headers,
            body: response.body,
            truncated: response.truncated,
            remote: response.remote.to_string(),
            details: response.details.into_iter().collect(),
        }),
    }
}

/// Who judges the server of a URL. What cannot be read is refused where it is sent.
fn roots(scope: &Scope, url: &str) -> Result<Roots, Failure> {
    let parsed = Url::parse(url).ok().filter(|url| url.scheme() == "https");
    let place = parsed.as_ref().and_then(|url| Some((url.host_str()?, url.port_or_known_default()?)));
    place.map_or(Ok(Roots::Native), |(host, port)| scope.run.roots(host, port))
}

fn headers(headers: &[(String, String)]) -> Value {
    let shown = headers.iter().map(|(name, value)| {
        let hidden = UNRECORDED.iter().any(|secret| name.eq_ignore_ascii_case(secret));
        (name.clone(), if hidden { json!("(not recorded)") } else { json!(value) })
    });
    Value::Object(shown.collect::<Map<_, _>>())
}
