use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two lines of one kind.
const PAUSE: Duration = Duration::from_secs(10);

/// Keeps a log readable, and a disk from filling, when others make the same
/// mistake a thousand times a second: one line a kind in ten seconds.
#[derive(Default)]
pub(super) struct Notices {
    kinds: Mutex<HashMap<&'static str, Kind>>,
}

struct Kind {
    said: Instant,
    unsaid: u64,
}

impl Notices {
    /// Whether to say one of this kind now, and how many were not said since the last.
    pub(super) fn due(&self, kind: &'static str, now: Instant) -> Option<u64> {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        match kinds.get_mut(kind) {
            Some(last) if now.saturating_duration_since(last.said) < PAUSE => {
                last.unsaid += 1;
                None
            }
            Some(last) => {
                last.said = now;
                Some(std::mem::take(&mut last.unsaid))
            }
            None => {
                kinds.insert(kind, Kind { said: now, unsaid: 0 });
                Some(0)
            }
        }
    }
}

/// What another peer made us say: short, and on one line.
pub(super) fn clip(text: &str) -> String {
    text.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_are_counted_and_said_later() {
        let notices = Notices::default();
        let start = Instant::now();
        assert_eq!(notices.due("malformed", start), Some(0));
        assert_eq!(notices.due("malformed", start + PAUSE / 2), None);
        assert_eq!(notices.due("clock", start + PAUSE / 2), Some(0), "another kind");
        assert_eq!(notices.due("malformed", start + PAUSE), Some(1));
        assert_eq!(notices.due("malformed", start + PAUSE * 2), Some(0));
    }

    #[test]
    fn what_others_say_stays_on_its_line() {
        assert_eq!(clip("a\nb\x1b[31m"), "a b [31m");
        assert_eq!(clip(&"x".repeat(1000)).len(), 200);
    }
}
