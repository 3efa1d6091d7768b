//! What a cache error means to the process: its exit code, and what to do next.

use super::shown;
use seaworthy_cache::{Answer, CacheError, TierAnswer, kind};
use seaworthy_model::ExitCode;
use std::fmt::Write as _;

/// Lines of context that are shown: what each of several peers said.
const CONTEXT_LINES: usize = 8;

/// The exit code of a command that ended with `error`. It is never that of a miss.
pub(crate) fn exit_code(error: &CacheError) -> ExitCode {
    match error.kind.as_str() {
        kind::INVALID | kind::TOO_LARGE => ExitCode::Usage,
        kind::CONFIGURATION | kind::DENIED => ExitCode::Config,
        _ => ExitCode::Indeterminate,
    }
}

/// The error with what is known around it and a way on, on several lines; `adapter` is
/// that of the tier it comes from, where it comes from one.
pub(crate) fn told(error: &CacheError, adapter: Option<&str>) -> String {
    let mut text = error.to_string();
    for (key, value) in error.context.iter().take(CONTEXT_LINES) {
        let _ = write!(text, "\n  {key}: {value}");
    }
    if let Some(next) = way_on(error, adapter) {
        let _ = write!(text, "\nwhy: {next}");
    }
    text
}

/// Which check says more about it. Those of services are not among the eight that run
/// by default, so they are named as a policy names them.
fn way_on(error: &CacheError, adapter: Option<&str>) -> Option<&'static str> {
    let service = match adapter {
        Some("s3") => Some("add the check `bundled:s3/store` to checks.toml and run it"),
        Some("ipfs") => Some("add the check `bundled:ipfs/node` to checks.toml and run it"),
        Some("storacha") => Some("add the check `bundled:storacha/space` to checks.toml and run it"),
        Some("origin") => Some("add the check `bundled:origin/api` to checks.toml and run it"),
        _ => None,
    };
    match error.kind.as_str() {
        kind::UNAUTHENTICATED | kind::FORBIDDEN | kind::RETIRED | kind::RATE_LIMITED if service.is_some() => service,
        kind::CLOCK if service.is_some() && !error.context.contains_key("ahead-ms") => service,
        kind::UNAUTHENTICATED if adapter == Some("p2p") => Some("seaworthy run p2p.encryption"),
        kind::UNREACHABLE | kind::TIMED_OUT => service.or(Some("seaworthy run net.connectivity")),
        kind::CONFIGURATION => service.or(Some("seaworthy run cache.initialization")),
        _ => None,
    }
}

/// What one tier answered, on one line.
pub(crate) fn line(answer: &TierAnswer) -> String {
    let said = match &answer.answer {
        Answer::Hit => "found".to_owned(),
        Answer::Miss => "not there".to_owned(),
        Answer::Done => "done".to_owned(),
        Answer::Without => "has no such operation".to_owned(),
        Answer::Unanswered => "had not answered when another did".to_owned(),
        Answer::Failed(error) => error.to_string(),
    };
    format!("{}: {said} ({})", answer.label, shown::time(answer.elapsed))
}

/// The tier that failed with this error.
pub(crate) fn whose<'a>(tried: &'a [TierAnswer], error: &CacheError) -> Option<&'a str> {
    let failed = tried.iter().find(|tier| matches!(&tier.answer, Answer::Failed(failed) if failed == error));
    failed.map(|tier| tier.label.as_str())
}

/// The first failure among the answers.
pub(crate) fn first(tried: &[TierAnswer]) -> Option<&CacheError> {
    tried.iter().find_map(|tier| match &tier.answer {
        Answer::Failed(error) => Some(error),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_error_is_a_miss() {
        let kinds = [
            kind::UNREACHABLE,
            kind::TIMED_OUT,
            kind::UNAUTHENTICATED,
            kind::INTEGRITY,
            kind::TOO_LARGE,
            kind::CONFIGURATION,
            kind::DENIED,
            kind::INVALID,
            "something-newer",
        ];
        for kind in kinds {
            let error = CacheError::new(kind, seaworthy_cache::Retry::Permanent, "get", "it did not work");
            let exit = exit_code(&error);
            assert!(!matches!(exit, ExitCode::Missing | ExitCode::Passed), "{kind}");
            assert!(told(&error, None).contains("it did not work"), "{kind}");
        }
    }

    #[test]
    fn the_way_on_is_that_of_the_tier() {
        let secret = CacheError::unauthenticated("get", "wrong secret");
        for (adapter, named) in [
            ("p2p", "p2p.encryption"),
            ("s3", "bundled:s3/store"),
            ("ipfs", "bundled:ipfs/node"),
            ("storacha", "bundled:storacha/space"),
            ("origin", "bundled:origin/api"),
        ] {
            assert!(told(&secret, Some(adapter)).contains(named), "{adapter}");
        }
        for adapter in [None, Some("disk"), Some("somebody-elses")] {
            assert!(!told(&secret, adapter).contains("why:"), "{adapter:?}");
        }
        let future = CacheError::clock("put", "made in the future").with("ahead-ms", "3600000");
        assert!(!told(&future, Some("s3")).contains("why:"), "no store is at fault");
    }
}
