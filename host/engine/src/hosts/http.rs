use crate::bindings::wit_net::http;
use crate::scope::Scope;
use crate::state::State;
use futures::StreamExt as _;
use futures::stream;
use seaworthy_probe::http as probe;
use seaworthy_probe::proxy::ProxyEnvironment;
use serde_json::{Map, Value, json};

/// Bytes of one body that are ever read.
const MAX_BODY: u32 = 4 << 20;

/// Response headers that may carry credentials and are never recorded.
const UNRECORDED: [&str; 3] = ["set-cookie", "www-authenticate", "proxy-authenticate"];

impl http::Host for State {
    async fn send(&mut self, requests: Vec<http::Request>) -> wasmtime::Result<Vec<http::Seen>> {
        let scope = self.scope.clone();
        let urls: Vec<&str> = requests.iter().map(|request| request.url.as_str()).collect();
        let _doing = scope.step.enter("http.send", &urls.join(", "), requests.len())?;
        let proxies = ProxyEnvironment::from_environment(&scope.run.plan.environment);
        let most = super::share(MAX_BODY, requests.len());
        let sent = requests.into_iter().map(|request| send(&scope, request, &proxies, most));
        Ok(stream::iter(sent).buffered(super::AT_ONCE).collect().await)
    }
}

async fn send(scope: &Scope, request: http::Request, proxies: &ProxyEnvironment, most: u32) -> http::Seen {
    let asked = probe::Request {
        timeout: scope.step.clamp(request.timeout),
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body,
        max_body: request.max_body.min(most),
        proxy: request.proxy,
    };
    let seen = probe::send(&asked, scope, proxies).await;
    // Names only of what was sent: a request's headers are where credentials are.
    let names: Vec<&str> = asked.headers.iter().map(|(name, _)| name.as_str()).collect();
    let question = json!({ "method": asked.method, "url": asked.url, "header-names": names, "body-bytes": asked.body.len(), "proxy": asked.proxy });
    let answer = seen.outcome.as_ref().map(|response| {
        json!({ "status": response.status, "remote": response.remote, "headers": headers(&response.headers),
                "body": super::bytes(&response.body), "truncated": response.truncated, "details": response.details })
    });
    let id = scope.record("http.send", question, answer, seen.elapsed);
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

fn headers(headers: &[(String, String)]) -> Value {
    let shown = headers.iter().map(|(name, value)| {
        let hidden = UNRECORDED.iter().any(|secret| name.eq_ignore_ascii_case(secret));
        (name.clone(), if hidden { json!("(not recorded)") } else { json!(value) })
    });
    Value::Object(shown.collect::<Map<_, _>>())
}
