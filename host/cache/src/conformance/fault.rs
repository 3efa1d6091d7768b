use super::subject::{filled, told};
use super::violation::context;
use super::{Subject, Violation};
use crate::{Blob, CacheError, Operation, Retry, kind};
use futures::future::join_all;
use std::fmt;
use std::time::Duration;

/// The property of a backend whose index of keys is on this machine, and complete.
const LOCAL_INDEX: &str = "local-index";

/// Something that is wrong behind a backend, and that it must tell from everything else.
///
/// Whoever runs the suite brings the fault about; [`judge`](Self::judge) then asks the
/// backend and says whether what it answers is the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The credentials are wrong: `unauthenticated` or `forbidden`, permanent.
    WrongCredentials,
    /// Nothing listens at the address: `unreachable`, temporary.
    Down,
    /// It takes longer than the time budget: `timed-out`, temporary.
    Slow,
    /// A byte of the value has changed: `integrity`.
    Flipped,
    /// The value is shorter than it was, and the store does not say so: `integrity`.
    Truncated,
    /// The connection ends in the middle of the value: an error, and no part of it.
    Cut,
    /// Two clocks differ: `clock`.
    Skewed,
    /// The store asks for patience, for [`PATIENCE`](Self::PATIENCE): `rate-limited`
    /// with that time, temporary.
    RateLimited,
    /// The policy does not grant what it takes: `denied`, naming the grant.
    Denied,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 9] = [
        Fault::WrongCredentials,
        Fault::Down,
        Fault::Slow,
        Fault::Flipped,
        Fault::Truncated,
        Fault::Cut,
        Fault::Skewed,
        Fault::RateLimited,
        Fault::Denied,
    ];

    /// How long a store asks to be left alone under [`RateLimited`](Self::RateLimited).
    /// Longer than any retry waits, so that the answer is told and not waited for.
    pub const PATIENCE: Duration = Duration::from_secs(37);

    /// Bytes of the value that [`sample`](Self::sample) makes.
    pub const SAMPLE_BYTES: usize = 8 << 10;

    /// The value to store before the fault is brought about.
    #[must_use]
    pub fn sample() -> Vec<u8> {
        filled(Self::SAMPLE_BYTES, 200)
    }

    /// What must come of it, in words with underscores.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Fault::WrongCredentials => "wrong_credentials_are_said_to_be_wrong",
            Fault::Down => "a_store_that_is_down_is_unreachable",
            Fault::Slow => "a_slow_store_times_out",
            Fault::Flipped => "a_flipped_byte_is_noticed",
            Fault::Truncated => "a_truncated_value_is_noticed",
            Fault::Cut => "a_cut_connection_is_an_error",
            Fault::Skewed => "a_skewed_clock_is_said_to_be_skewed",
            Fault::RateLimited => "a_rate_limit_is_told_with_its_time",
            Fault::Denied => "a_missing_grant_is_named",
        }
    }

    /// Asks the backend while the fault lasts. `subject` has the capability of the
    /// healthy backend, and `key` was stored with [`sample`](Self::sample) before, or
    /// is known to be there.
    ///
    /// *Behaviour*: a fault of the place is asked about with every declared operation
    /// at once, also with a key that nobody stored; a fault of the value only with
    /// `get`. Whatever is answered, that there is nothing is always wrong; but a backend
    /// with the property `local-index`, whose keys are kept beside it and complete, knows
    /// without its store that a key is not there, and which ones are. That what it stored
    /// can be read, only the store can say.
    ///
    /// # Errors
    /// What the backend did wrong.
    pub async fn judge(self, subject: &Subject<'_>, key: &str) -> Result<(), Violation> {
        let absent = subject.key("nobody-stored-this");
        let operations: Vec<(Operation, &str)> = match self {
            Fault::Flipped | Fault::Truncated | Fault::Cut | Fault::Skewed => vec![(Operation::Get, key)],
            _ => {
                let declared = Operation::ALL.into_iter().filter(|operation| subject.can(*operation));
                declared.map(|operation| (operation, key)).chain([(Operation::Get, absent.as_str())]).collect()
            }
        };
        let asked = operations.into_iter().map(async |(operation, key)| {
            let outcome = ask(subject, operation, key).await;
            let of_index = key == absent || matches!(operation, Operation::List | Operation::Invalidate);
            if of_index && subject.is(LOCAL_INDEX) && outcome.as_ref().is_ok_and(|claimed| claimed.is_true_of_index) {
                return Ok(());
            }
            let outcome = outcome.map(|claimed| claimed.text);
            self.check(&format!("{operation} of `{}`", key.escape_debug()), outcome)
        });
        join_all(asked).await.into_iter().collect()
    }

    /// Whether an error tells this fault; `Ok` is what was claimed instead.
    pub(super) fn check(self, asked: &str, outcome: Result<String, CacheError>) -> Result<(), Violation> {
        let (kinds, retry): (&[&str], Option<Retry>) = match self {
            Fault::WrongCredentials => (&[kind::UNAUTHENTICATED, kind::FORBIDDEN], Some(Retry::Permanent)),
            Fault::Down => (&[kind::UNREACHABLE], Some(Retry::Temporary)),
            Fault::Slow => (&[kind::TIMED_OUT], Some(Retry::Temporary)),
            Fault::Flipped | Fault::Truncated => (&[kind::INTEGRITY], None),
            Fault::Cut => (&[kind::UNREACHABLE, kind::TIMED_OUT, kind::INTEGRITY, kind::OTHER], None),
            Fault::Skewed => (&[kind::CLOCK], None),
            Fault::RateLimited => (&[kind::RATE_LIMITED], Some(Retry::Temporary)),
            Fault::Denied => (&[kind::DENIED], Some(Retry::Permanent)),
        };
        let must = format!("end in the kind {}", kinds.join(" or "));
        let wrong = |must: &str, did: &str| Violation::wrong(&format!("{asked}, under {self:?},"), must, did);
        let error = match outcome {
            Ok(claimed) => return Err(wrong(&must, &claimed)),
            Err(error) => error,
        };
        let did = || format!("ended in: {error}{}", context(&error));
        if !kinds.contains(&error.kind.as_str()) {
            return Err(wrong(&must, &did()));
        }
        if retry.is_some_and(|retry| retry != error.retry) {
            let must = format!("say {}", retry.map_or("", Retry::as_str));
            return Err(wrong(&must, &did()));
        }
        if self == Fault::RateLimited && error.retry_after != Some(Self::PATIENCE) {
            let did = format!("said {:?}: {error}", error.retry_after);
            return Err(wrong(&format!("say to wait {:?}", Self::PATIENCE), &did));
        }
        if self == Fault::Denied && !error.message.contains("add to checks.toml: ") {
            return Err(wrong("name the grant that is missing", &did()));
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an operation answered where it did not fail.
struct Claimed {
    text: String,
    /// It is right about the keys, as far as an index alone can say.
    is_true_of_index: bool,
}

/// One operation; what it claims where it does not fail.
async fn ask(subject: &Subject<'_>, operation: Operation, key: &str) -> Result<Claimed, CacheError> {
    let nothing = || "answered that there is nothing".to_owned();
    let aside = subject.key("while-it-is-broken");
    let claimed = |text: String, is_true_of_index: bool| Claimed { text, is_true_of_index };
    Ok(match operation {
        Operation::Get => {
            let found = subject.backend.get(key).await?;
            let none = found.is_none();
            claimed(found.map_or_else(nothing, |blob| format!("answered {}", told(&blob.bytes))), none)
        }
        Operation::Stat => {
            let found = subject.backend.stat(key).await?;
            claimed(found.map_or_else(nothing, |entry| format!("answered {entry:?}")), false)
        }
        Operation::Put => {
            subject.try_put(&aside, Blob::new("v")).await?;
            claimed("said that it stored".to_owned(), false)
        }
        // Nobody stored this one.
        Operation::Invalidate => {
            subject.backend.invalidate(&aside).await?;
            claimed("said that it removed".to_owned(), true)
        }
        Operation::List => {
            let entries = subject.backend.list(key, 10).await?;
            let named = entries.iter().any(|entry| entry.key == key);
            claimed(format!("named {} keys", entries.len()), named)
        }
    })
}
