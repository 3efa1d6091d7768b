//! The host functions: each checks its grant, asks a probe, records the
//! observation and returns. Nothing here decides what an answer means.

mod caches;
mod credentials;
mod datagrams;
mod dns;
mod files;
mod flows;
mod http;
mod kit;
mod names;
pub(crate) mod peers;
mod proxies;
mod secrets;
mod sharing;
mod storage;
mod swarm;
mod system;
mod tcp;
mod tls;
mod turns;
mod vars;

#[cfg(test)]
mod tests;

use crate::bindings::wit_types::types as wit;
use seaworthy_model::Failure;
use serde_json::{Value, json};
use std::time::Duration;

/// How much of one batch is under way at once, where each part holds a socket or an
/// answer in memory.
const AT_ONCE: usize = 32;

/// The part of `batch` bytes that each of `parts` may take, at most what it asked for.
fn share(batch: u32, asked: u32, parts: usize) -> u32 {
    asked.min(batch / u32::try_from(parts.max(1)).unwrap_or(u32::MAX))
}

/// A failure as the guest sees it.
fn failure(failure: &Failure) -> wit::Failure {
    wit::Failure {
        kind: failure.kind.clone(),
        stage: failure.stage.clone(),
        os_code: failure.os_code,
        message: failure.message.clone(),
        details: failure.details.clone().into_iter().collect(),
    }
}

/// Microseconds of a duration.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Milliseconds of a duration.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Pairs as a JSON object, for observations.
fn object<'a>(pairs: impl IntoIterator<Item = (&'a String, &'a String)>) -> Value {
    Value::Object(pairs.into_iter().map(|(key, value)| (key.clone(), json!(value))).collect())
}

/// Bytes for an observation: their number, and what of the beginning can be read.
fn bytes(bytes: &[u8]) -> Value {
    const SHOWN: usize = 200;
    let head = &bytes[..bytes.len().min(SHOWN)];
    json!({ "length": bytes.len(), "text": head.escape_ascii().to_string() })
}

impl crate::bindings::check::seaworthy::types::types::Host for crate::state::State {}
impl crate::bindings::check::seaworthy::cache::types::Host for crate::state::State {}
