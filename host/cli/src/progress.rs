//! What a person sees on stderr while a run goes on.

use seaworthy_model::{Event, EventSink};
use seaworthy_report::{Redactor, github, safe};
use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Runs shorter than this show no progress.
const QUIET_FOR: Duration = Duration::from_millis(200);

/// One line that is rewritten, on a terminal only; with `verbose`, a line an event.
pub(crate) struct Progress {
    started: Instant,
    terminal: bool,
    verbose: bool,
    redactor: Arc<Redactor>,
    running: Mutex<BTreeSet<String>>,
}

impl Progress {
    pub(crate) fn new(verbose: u8, quiet: bool, redactor: Arc<Redactor>) -> Self {
        Self {
            started: Instant::now(),
            terminal: !quiet && std::io::stderr().is_terminal(),
            verbose: verbose > 0,
            redactor,
            running: Mutex::default(),
        }
    }

    /// Clears the line.
    pub(crate) fn finish(&self) {
        if self.terminal && self.started.elapsed() > QUIET_FOR {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }

    fn line(&self, text: &str) {
        let text: String = text.chars().filter(|c| !c.is_control()).take(100).collect();
        let _ = write!(std::io::stderr(), "\r\x1b[K{text}");
    }
}

impl EventSink for Progress {
    fn event(&self, event: Event) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match &event {
            Event::StepStarted { check } => {
                running.insert(check.clone());
            }
            Event::StepFinished { check, .. } => {
                running.remove(check);
            }
            _ => {}
        }
        if self.verbose {
            // What a guest says comes from servers it probed: no secret, no escape and
            // no workflow command of theirs may reach a log.
            let plain = |text: &str| github::neutralise(&safe::line(&self.redactor.text(text)));
            match &event {
                Event::Retrying { check, attempt, reason } => {
                    tracing::warn!(%check, attempt, reason = %plain(reason), "trying again");
                }
                Event::Log { check, level, message } => tracing::info!(%check, level, message = %plain(message)),
                Event::Progress { check, message } => tracing::info!(%check, message = %plain(message)),
                _ => {}
            }
        }
        if self.terminal && !running.is_empty() && self.started.elapsed() > QUIET_FOR {
            let names: Vec<&str> = running.iter().map(String::as_str).collect();
            self.line(&format!("running: {}", names.join(", ")));
        }
    }
}
