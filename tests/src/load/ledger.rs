use super::Verified;
use super::value::Value;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// What was written under one key, and what of it may be there.
#[derive(Clone, Debug, Default)]
struct Page {
    /// The last acknowledged one; none after an acknowledged removal.
    certain: Option<Written>,
    /// What was sent after it and never answered.
    doubtful: Option<Doubt>,
}

#[derive(Clone, Copy, Debug)]
enum Doubt {
    Written(Written),
    Removed,
}

/// A value, and when it was written: sealed after the first and before the second
/// of these times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    value: Value,
    ttl: Option<u64>,
    sent: u64,
    answered: Option<u64>,
}

impl Written {
    pub(super) fn new(value: Value, ttl: Option<u64>, sent: u64) -> Self {
        Self { value, ttl, sent, answered: None }
    }

    fn may_live(&self, at: u64) -> bool {
        match (self.ttl, self.answered) {
            (Some(ttl), Some(answered)) => at <= answered + ttl,
            _ => true,
        }
    }

    fn may_be_dead(&self, at: u64) -> bool {
        self.ttl.is_some_and(|ttl| at >= self.sent + ttl)
    }
}

/// What one client wrote, key by key. Nobody else writes these keys.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pages: BTreeMap<String, Page>,
}

impl Ledger {
    pub(super) fn keys(&self) -> Vec<String> {
        self.pages.keys().cloned().collect()
    }

    /// A write is about to be sent. Until it is answered, it may have happened.
    pub(super) fn sent(&mut self, key: &str, written: Written) {
        self.pages.entry(key.into()).or_default().doubtful = Some(Doubt::Written(written));
    }

    /// A removal is about to be sent.
    pub(super) fn removing(&mut self, key: &str) {
        self.pages.entry(key.into()).or_default().doubtful = Some(Doubt::Removed);
    }

    /// What was sent last under `key` was acknowledged, at `now`.
    pub(super) fn acknowledged(&mut self, key: &str, now: u64) {
        let Some(page) = self.pages.get_mut(key) else { return };
        page.certain = match page.doubtful.take() {
            Some(Doubt::Written(written)) => Some(Written { answered: Some(now), ..written }),
            _ => None,
        };
    }

    /// What was sent last under `key` failed, at `now`.
    pub(super) fn unanswered(&mut self, key: &str, now: u64) {
        if let Some(Doubt::Written(written)) = self.pages.get_mut(key).and_then(|page| page.doubtful.as_mut()) {
            written.answered = Some(now);
        }
    }

    /// Compares what was read between `from` and `to` with what may be there, and
    /// learns from it.
    pub(super) fn judge(&mut self, key: &str, read: Option<&[u8]>, from: u64, to: u64) -> Result<Verified> {
        let page = self.pages.entry(key.into()).or_default();
        let mut verified = Verified::default();
        let Some(bytes) = read else {
            let excused = match (&page.certain, &page.doubtful) {
                (None, _) | (_, Some(Doubt::Removed)) => true,
                (Some(certain), None) => certain.may_be_dead(to),
                (Some(certain), Some(Doubt::Written(doubtful))) => certain.may_be_dead(to) || doubtful.may_be_dead(to),
            };
            if !excused {
                bail!("{key} is lost: {page:?} was acknowledged, and a read from {from} to {to} found nothing");
            }
            *page = Page::default();
            verified.absent = 1;
            return Ok(verified);
        };
        let Some(claimed) = Value::claimed(bytes).filter(|value| value.is(key, bytes)) else {
            bail!("{key} is torn: {} bytes that nobody wrote; {page:?}", bytes.len());
        };
        if let Some(Doubt::Written(doubtful)) = page.doubtful
            && doubtful.value == claimed
        {
            if !doubtful.may_live(from) {
                bail!("{key} has expired and is still served at {from}: {doubtful:?}");
            }
            *page = Page { certain: Some(doubtful), doubtful: None };
            verified.unacknowledged = 1;
            return Ok(verified);
        }
        match &page.certain {
            Some(certain) if certain.value == claimed => {
                if !certain.may_live(from) {
                    bail!("{key} has expired and is still served at {from}: {certain:?}");
                }
                page.doubtful = None;
                verified.present = 1;
                Ok(verified)
            }
            _ => bail!("{key} has the old value {claimed:?} and not what was acknowledged since: {page:?}"),
        }
    }
}

/// The wall clock in milliseconds, which the peer's is too.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(number: u64, ttl: Option<u64>) -> Written {
        Written::new(Value { number, length: 20 }, ttl, 10)
    }

    fn bytes(number: u64) -> Vec<u8> {
        Value { number, length: 20 }.bytes("k")
    }

    #[test]
    fn what_was_acknowledged_must_be_there_and_nothing_else() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.judge("k", None, 0, 0).unwrap().absent, 1);
        ledger.sent("k", written(1, None));
        ledger.acknowledged("k", 0);
        assert_eq!(ledger.judge("k", Some(&bytes(1)), 0, 0).unwrap().present, 1);
        assert!(ledger.judge("k", None, 0, 0).unwrap_err().to_string().contains("lost"));
        assert!(ledger.judge("k", Some(&bytes(2)), 0, 0).is_err());
        assert!(ledger.judge("k", Some(&bytes(1)[..19]), 0, 0).unwrap_err().to_string().contains("torn"));
        ledger.sent("k", written(2, None));
        // Either of the two, and then no longer the other.
        assert_eq!(ledger.judge("k", Some(&bytes(2)), 0, 0).unwrap().unacknowledged, 1);
        assert!(ledger.judge("k", Some(&bytes(1)), 0, 0).is_err());
        ledger.removing("k");
        ledger.acknowledged("k", 0);
        assert!(ledger.judge("k", Some(&bytes(2)), 0, 0).is_err());
        assert!(ledger.judge("k", None, 0, 0).is_ok());
    }

    #[test]
    fn an_end_is_an_end() {
        let mut ledger = Ledger::default();
        ledger.sent("k", written(1, Some(100)));
        ledger.acknowledged("k", 15);
        assert!(ledger.judge("k", None, 90, 109).is_err());
        assert!(ledger.judge("k", Some(&bytes(1)), 115, 130).is_ok());
        assert!(ledger.judge("k", Some(&bytes(1)), 116, 130).unwrap_err().to_string().contains("expired"));
        assert!(ledger.judge("k", None, 90, 110).is_ok());
    }
}
