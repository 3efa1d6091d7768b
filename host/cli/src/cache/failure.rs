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

/// The error with what is known around it and a way on, on several lines.
pub(crate) fn told(error: &CacheError) -> String {
    let mut text = error.to_string();
    for (key, value) in error.context.iter().take(CONTEXT_LINES) {
        let _ = write!(text, "\n  {key}: {value}");
    }
    let next = match error.kind.as_str() {
        kind::UNREACHABLE | kind::TIMED_OUT => Some("seaworthy run net.connectivity"),
        kind::UNAUTHENTICATED => Some("seaworthy run p2p.encryption"),
        kind::CONFIGURATION => Some("seaworthy run cache.initialization"),
        _ => None,
    };
    if let Some(command) = next {
        let _ = write!(text, "\nwhy: {command}");
    }
    text
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
            assert!(told(&error).contains("it did not work"), "{kind}");
        }
    }
}
