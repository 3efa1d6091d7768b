//! What a case written by hand need not say: time that stands still until it is waited,
//! numbers that are the same each time, a storage in memory, variables that are given as such.

use data_encoding::HEXLOWER;
use seaworthy_model::HostCall;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Host calls as an author writes them down.
#[derive(Clone, Debug, Default)]
pub struct Scripted {
    /// In the order in which they are to be made.
    pub calls: Vec<HostCall>,
    /// What a clock says at first, in milliseconds since the epoch.
    pub now_ms: u64,
    /// Time that `remaining-ms` answers.
    pub budget_ms: u32,
    /// What the last attempt took, for whoever measures.
    pub used: Arc<Mutex<Used>>,
}

/// What an attempt took of its limits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    /// The most linear memory, in bytes.
    pub memory: usize,
    /// Units of work in host calls.
    pub host_calls: u32,
}

/// Random bytes of one call, as in a live run.
const MOST: u64 = 64;

/// Answers to what is not written down.
pub(super) struct Hand {
    now_us: u64,
    started_us: u64,
    budget_ms: u32,
    /// Random numbers given so far.
    drawn: u32,
    storage: BTreeMap<String, Value>,
}

pub(super) enum Answer {
    Given(Value),
    /// As in a live run, over what the case gives.
    Live,
    None,
}

impl Hand {
    pub(super) fn new(scripted: &Scripted) -> Self {
        let now_us = scripted.now_ms.saturating_mul(1000);
        Self { now_us, started_us: now_us, budget_ms: scripted.budget_ms, drawn: 0, storage: BTreeMap::new() }
    }

    pub(super) fn answer(&mut self, function: &str, asked: &Value) -> Answer {
        let text = |name: &str| asked.get(name).and_then(Value::as_str).unwrap_or_default();
        Answer::Given(match function {
            "kit/clock.unix-ms" => json!(self.now_us / 1000),
            "kit/clock.monotonic-us" => json!(self.now_us - self.started_us),
            "kit/clock.sleep-ms" => {
                let slept = asked.get("duration").and_then(Value::as_u64).unwrap_or_default();
                self.now_us = self.now_us.saturating_add(slept.saturating_mul(1000));
                Value::Null
            }
            "kit/progress.remaining-ms" => {
                let gone = (self.now_us - self.started_us) / 1000;
                json!(u64::from(self.budget_ms).saturating_sub(gone))
            }
            "kit/random.hex" => {
                let bytes = asked.get("bytes").and_then(Value::as_u64).unwrap_or_default();
                if bytes > MOST {
                    return Answer::None;
                }
                self.drawn += 1;
                let pattern = self.drawn.to_be_bytes();
                let bytes: Vec<u8> = pattern.into_iter().cycle().take(usize::try_from(bytes).unwrap_or(0)).collect();
                json!(HEXLOWER.encode(&bytes))
            }
            "cache/storage.open" => json!({ "ok": null }),
            "cache/storage.get" => json!({ "ok": self.storage.get(text("key")) }),
            "cache/storage.put" => {
                let value = asked.get("value").cloned().unwrap_or_default();
                self.storage.insert(text("key").into(), value);
                json!({ "ok": null })
            }
            "cache/storage.delete" => {
                self.storage.remove(text("key"));
                json!({ "ok": null })
            }
            "cache/storage.list" => {
                let limit = asked.get("limit").and_then(Value::as_u64).and_then(|most| usize::try_from(most).ok());
                let keys = self.storage.keys().filter(|key| key.starts_with(text("prefix")));
                json!({ "ok": keys.take(limit.unwrap_or(usize::MAX)).collect::<Vec<_>>() })
            }
            "env/vars.read" | "env/vars.matching" => return Answer::Live,
            _ => return Answer::None,
        })
    }
}
