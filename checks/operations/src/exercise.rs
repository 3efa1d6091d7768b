//! Putting one tier through its paces, over a trait, so that it can be tested
//! against tiers that are wrong in known ways.

use crate::codes;
use seaworthy_check_sdk::Code;

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Kind of the cache error.
    pub kind: String,
    /// For people.
    pub message: String,
}

/// The host's answer to one operation.
#[derive(Clone, Debug)]
pub struct Answer<T> {
    /// The observation.
    pub id: u32,
    /// Microseconds.
    pub elapsed: u64,
    /// What came back.
    pub outcome: Result<T, Refusal>,
}

/// One tier.
pub trait Store {
    /// The value, or none for a miss.
    fn get(&mut self, key: &str) -> Answer<Option<Vec<u8>>>;
    /// Stores; `ttl` in milliseconds.
    fn put(&mut self, key: &str, value: &[u8], ttl: Option<u64>) -> Answer<()>;
    /// Removes.
    fn invalidate(&mut self, key: &str) -> Answer<()>;
}

/// What a tier is able to do, from its capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// `put` among its operations.
    pub put: bool,
    /// `invalidate` among its operations.
    pub invalidate: bool,
    /// Entries expire.
    pub expiring: bool,
    /// A key keeps its first value.
    pub immutable: bool,
}

/// What is done to each tier.
#[derive(Clone, Copy, Debug)]
pub struct Paces<'a> {
    /// Start of every key, unique to this run and tier.
    pub prefix: &'a str,
    /// The value; its bytes in reverse are the second value.
    pub value: &'a [u8],
    /// Gets and puts that the medians are taken over.
    pub samples: usize,
    /// Life of the entry that has to expire.
    pub ttl: u64,
}

/// One finding, before it becomes one of the SDK's.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// A milder level than the declared one.
    pub level: Option<&'static str>,
    /// What was found.
    pub message: String,
    /// Kind of the cache error, where one was the reason.
    pub error_kind: Option<String>,
    /// The observations it rests on.
    pub cites: Vec<u32>,
}

/// One tier under test. Call [`begin`](Self::begin), wait for the TTL when
/// [`waits`](Self::waits), then [`finish`](Self::finish): that removes every
/// entry, whatever went wrong before.
#[derive(Debug)]
pub struct Session<S> {
    store: S,
    able: Abilities,
    /// Observations, in order.
    pub ids: Vec<u32>,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// Times of gets that found their entry, in microseconds.
    pub gets: Vec<u64>,
    /// Times of puts, in microseconds.
    pub puts: Vec<u64>,
    /// Keys that may be there and have to go.
    left: Vec<String>,
    expiring: Option<String>,
}

impl<S: Store> Session<S> {
    /// A tier that has not been touched yet.
    pub fn new(store: S, able: Abilities) -> Self {
        let (ids, problems, gets, puts, left) = Default::default();
        Self { store, able, ids, problems, gets, puts, left, expiring: None }
    }

    /// Everything but expiry.
    pub fn begin(&mut self, paces: &Paces<'_>) {
        let key = |name: &str| [paces.prefix, name].concat();
        let never = self.get(&key("never-put"));
        if let Ok(Some(_)) = never.outcome {
            self.problem(codes::CACHE_FALSE_HIT, "a random key that was never put is found", &[never.id]);
        }
        if !self.able.put {
            return;
        }
        if self.able.expiring {
            let key = key("expires");
            if self.put(&key, paces.value, Some(paces.ttl)) {
                self.expiring = Some(key);
            }
        }
        let key = key("value");
        if !self.put(&key, paces.value, None) || !self.expect(&key, paces.value, "what was just put") {
            return;
        }
        let mut second = paces.value.to_vec();
        second.reverse();
        second.push(b'.');
        let mut current: &[u8] = paces.value;
        if !self.able.immutable {
            for _ in 1..paces.samples.max(2) {
                if !self.put(&key, &second, None) {
                    return;
                }
            }
            current = &second;
        }
        for _ in 0..paces.samples.max(1) {
            if !self.expect(&key, current, "what was put last") {
                return;
            }
        }
        if self.able.invalidate {
            self.invalidated(&key);
        }
    }

    /// Whether an entry is there that has to expire.
    pub fn waits(&self) -> bool {
        self.expiring.is_some()
    }

    /// Looks whether the entry has expired, and removes everything.
    pub fn finish(&mut self) {
        if let Some(key) = self.expiring.take() {
            let got = self.get(&key);
            if let Ok(Some(_)) = got.outcome {
                self.problem(codes::CACHE_TTL_IGNORED, "an entry is still served after its TTL", &[got.id]);
            }
        }
        let told = self.problems.iter().any(|problem| problem.code.code == codes::CACHE_INVALIDATE_INEFFECTIVE.code);
        for key in std::mem::take(&mut self.left) {
            let gone = self.store.invalidate(&key);
            self.ids.push(gone.id);
            if let (Err(refusal), true, false) = (gone.outcome, self.able.invalidate, told) {
                let message = format!("this check's own entry {key} could not be removed: {}", refusal.message);
                self.failed(codes::CACHE_INVALIDATE_INEFFECTIVE, &message, gone.id, refusal.kind, Some("warn"));
            }
        }
    }

    fn invalidated(&mut self, key: &str) {
        let gone = self.store.invalidate(key);
        self.ids.push(gone.id);
        if let Err(refusal) = gone.outcome {
            let message = format!("an entry cannot be invalidated: {}", refusal.message);
            self.failed(codes::CACHE_INVALIDATE_INEFFECTIVE, &message, gone.id, refusal.kind, None);
            return;
        }
        let after = self.get(key);
        match after.outcome {
            Ok(None) => self.left.retain(|other| other != key),
            Ok(Some(_)) => {
                let message = "an invalidated entry is still found";
                self.problem(codes::CACHE_INVALIDATE_INEFFECTIVE, message, &[gone.id, after.id]);
            }
            Err(_) => {}
        }
    }

    /// Puts and notes the key; answers whether it worked.
    fn put(&mut self, key: &str, value: &[u8], ttl: Option<u64>) -> bool {
        // Noted before it is tried: a put that fails may still have stored something.
        if !self.left.iter().any(|other| other == key) {
            self.left.push(key.to_owned());
        }
        let done = self.store.put(key, value, ttl);
        self.ids.push(done.id);
        match done.outcome {
            Ok(()) => {
                self.puts.push(done.elapsed);
                true
            }
            Err(refusal) => {
                let message = format!("putting {} bytes failed: {}", value.len(), refusal.message);
                self.failed(codes::CACHE_PUT_FAILED, &message, done.id, refusal.kind, None);
                false
            }
        }
    }

    /// Gets; an error is a finding.
    fn get(&mut self, key: &str) -> Answer<Option<Vec<u8>>> {
        let got = self.store.get(key);
        self.ids.push(got.id);
        if let Err(refusal) = &got.outcome {
            let message = format!("a get failed: {}", refusal.message);
            self.failed(codes::CACHE_GET_FAILED, &message, got.id, refusal.kind.clone(), None);
        }
        got
    }

    /// Gets and compares; answers whether it is as it should be.
    fn expect(&mut self, key: &str, wanted: &[u8], what: &str) -> bool {
        let got = self.get(key);
        match got.outcome {
            Ok(Some(value)) if value == wanted => {
                self.gets.push(got.elapsed);
                true
            }
            Ok(Some(value)) => {
                let message = format!("{what} comes back as {} other bytes instead of {}", value.len(), wanted.len());
                self.problem(codes::CACHE_VALUE_DIFFERS, &message, &[got.id]);
                false
            }
            Ok(None) => {
                self.problem(codes::CACHE_GET_FAILED, &format!("{what} is not found"), &[got.id]);
                false
            }
            Err(_) => false,
        }
    }

    fn problem(&mut self, code: Code, message: &str, cites: &[u32]) {
        self.add(Problem { code, level: None, message: message.into(), error_kind: None, cites: cites.into() });
    }

    fn failed(&mut self, code: Code, message: &str, id: u32, kind: String, level: Option<&'static str>) {
        self.add(Problem { code, level, message: message.into(), error_kind: Some(kind), cites: vec![id] });
    }

    /// The same thing again is one problem with more evidence.
    fn add(&mut self, problem: Problem) {
        let same =
            |other: &&mut Problem| other.code.code == problem.code.code && other.error_kind == problem.error_kind;
        match self.problems.iter_mut().find(same) {
            Some(first) => first.cites.extend(problem.cites),
            None => self.problems.push(problem),
        }
    }
}

/// The middle of the measured times; none without any.
#[must_use]
pub fn median(times: &[u64]) -> Option<u64> {
    let mut sorted: Vec<u64> = Vec::with_capacity(times.len());
    for &time in times {
        let at = sorted.iter().position(|&other| other > time).unwrap_or(sorted.len());
        sorted.insert(at, time);
    }
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Fake {
        entries: Vec<(String, Vec<u8>, bool)>,
        next: u32,
        expired: bool,
        fault: &'static str,
        removed: usize,
    }

    impl Fake {
        fn answer<T>(&mut self, outcome: Result<T, Refusal>) -> Answer<T> {
            self.next += 1;
            Answer { id: self.next, elapsed: u64::from(self.next), outcome }
        }

        fn broken<T>() -> Result<T, Refusal> {
            Err(Refusal { kind: "unreachable".into(), message: "no".into() })
        }
    }

    impl Store for &mut Fake {
        fn get(&mut self, key: &str) -> Answer<Option<Vec<u8>>> {
            let found = self.entries.iter().find(|(k, _, ttl)| k == key && !(*ttl && self.expired));
            let outcome = match (self.fault, found) {
                ("get", _) => Fake::broken(),
                ("hit", None) => Ok(Some(vec![1])),
                ("cut", Some((_, value, _))) => Ok(Some(value[1..].to_vec())),
                ("forget", _) => Ok(None),
                (_, found) => Ok(found.map(|(_, value, _)| value.clone())),
            };
            self.answer(outcome)
        }

        fn put(&mut self, key: &str, value: &[u8], ttl: Option<u64>) -> Answer<()> {
            if self.fault == "put" {
                return self.answer(Fake::broken());
            }
            let old = self.entries.iter().any(|(k, ..)| k == key);
            if !(old && self.fault == "first-wins") {
                self.entries.retain(|(k, ..)| k != key);
                let expires = ttl.is_some() && self.fault != "no-ttl";
                self.entries.push((key.into(), value.into(), expires));
            }
            self.answer(Ok(()))
        }

        fn invalidate(&mut self, key: &str) -> Answer<()> {
            self.removed += 1;
            match self.fault {
                "no-delete" => return self.answer(Fake::broken()),
                "keep" => {}
                _ => self.entries.retain(|(k, ..)| k != key),
            }
            self.answer(Ok(()))
        }
    }

    fn run(fault: &'static str) -> (Vec<&'static str>, Fake) {
        let mut fake = Fake { fault, ..Fake::default() };
        let able = Abilities { put: true, invalidate: true, expiring: true, immutable: false };
        let mut session = Session::new(&mut fake, able);
        session.begin(&Paces { prefix: "p/", value: b"abcdef", samples: 3, ttl: 300 });
        session.store.expired = true;
        session.finish();
        let codes: Vec<_> = session.problems.iter().map(|problem| problem.code.code).collect();
        assert!(session.problems.iter().all(|problem| !problem.cites.is_empty()));
        (codes, fake)
    }

    #[test]
    fn a_right_tier_passes_and_is_left_empty() {
        let (codes, fake) = run("");
        assert!(codes.is_empty(), "{codes:?}");
        assert!(fake.entries.is_empty());
    }

    #[test]
    fn each_fault_has_its_code() {
        for (fault, code) in [
            ("get", "cache.get-failed"),
            ("put", "cache.put-failed"),
            ("forget", "cache.get-failed"),
            ("cut", "cache.value-differs"),
            ("first-wins", "cache.value-differs"),
            ("keep", "cache.invalidate-ineffective"),
            ("no-delete", "cache.invalidate-ineffective"),
            ("no-ttl", "cache.ttl-ignored"),
        ] {
            assert_eq!(run(fault).0, [code], "{fault}");
        }
        assert_eq!(run("hit").0[0], "cache.false-hit");
    }

    #[test]
    fn entries_are_removed_after_failures_too() {
        for fault in ["cut", "first-wins", "get", "no-ttl", "forget"] {
            assert!(run(fault).1.entries.is_empty(), "{fault}");
        }
        assert!(run("put").1.removed > 0);
    }

    #[test]
    fn a_tier_that_cannot_put_is_not_asked_to() {
        let mut fake = Fake { fault: "put", ..Fake::default() };
        let able = Abilities { put: false, invalidate: false, expiring: true, immutable: false };
        let mut session = Session::new(&mut fake, able);
        session.begin(&Paces { prefix: "p/", value: b"abc", samples: 3, ttl: 300 });
        session.finish();
        assert!(session.problems.is_empty() && session.ids.len() == 1);
    }

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[9, 1, 5]), Some(5));
        assert_eq!(median(&[4, 1, 3, 2]), Some(3));
    }
}
