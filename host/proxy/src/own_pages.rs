//! What the proxy says of itself, below `/.seaworthy/`.

use crate::body::{Body, full};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};
use serde_json::{Value, json};

/// No path of the origin begins with this.
pub(crate) const BELOW: &str = "/.seaworthy/";

pub(crate) fn page(method: &Method, path: &str, stats: impl FnOnce() -> Value) -> Response<Body> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut response = json_answer(StatusCode::METHOD_NOT_ALLOWED, &json!({ "message": "ask with GET or HEAD" }));
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match path.strip_prefix(BELOW) {
        Some("healthz") => json_answer(StatusCode::OK, &json!({ "status": "ok" })),
        Some("stats") => json_answer(StatusCode::OK, &stats()),
        _ => json_answer(
            StatusCode::NOT_FOUND,
            &json!({ "message": "there are /.seaworthy/stats and /.seaworthy/healthz" }),
        ),
    }
}

pub(crate) fn json_answer(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(full(format!("{body}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
