use crate::Status;

/// What happens during a run, for whoever shows progress.
#[derive(Clone, Debug)]
pub enum Event {
    /// The run began, with this many steps.
    RunStarted {
        /// Steps in the plan that are not already skipped.
        steps: usize,
    },
    /// A step began.
    StepStarted {
        /// Check id.
        check: String,
    },
    /// A guest said what it is doing.
    Progress {
        /// Check id.
        check: String,
        /// One line.
        message: String,
    },
    /// A guest logged a line.
    Log {
        /// Check id.
        check: String,
        /// `trace` to `error`.
        level: &'static str,
        /// The line with its fields.
        message: String,
    },
    /// An attempt failed and the step will be tried again.
    Retrying {
        /// Check id.
        check: String,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// Why.
        reason: String,
    },
    /// A step ended.
    StepFinished {
        /// Check id.
        check: String,
        /// What came of it.
        status: Status,
        /// Seconds.
        duration_s: f64,
    },
}

/// Receives events. Called from the run's own tasks, so it must not block.
pub trait EventSink: Send + Sync {
    /// Takes one event.
    fn event(&self, event: Event);
}

/// Drops every event.
pub struct NoEvents;

impl EventSink for NoEvents {
    fn event(&self, _event: Event) {}
}
