//! Group commit: changes that come while one commit is made share the next one.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

/// Threads bring changes. One of those that wait makes the next commit, of all
/// changes that may go together, and each thread leaves with the outcome of its own.
pub(super) struct Queue<Change, Outcome> {
    state: Mutex<State<Change, Outcome>>,
}

struct State<Change, Outcome> {
    waiting: VecDeque<Waiting<Change>>,
    /// None when the commit was not carried through.
    outcomes: HashMap<u64, Option<Outcome>>,
    next: u64,
    committing: bool,
}

struct Waiting<Change> {
    ticket: Ticket,
    change: Change,
}

/// The number of a change, and the thread that waits for its outcome.
struct Ticket(u64, Thread);

impl<Change, Outcome> Queue<Change, Outcome> {
    pub(super) fn new() -> Self {
        let state = State { waiting: VecDeque::new(), outcomes: HashMap::new(), next: 0, committing: false };
        Self { state: Mutex::new(state) }
    }

    /// Brings a change and waits for its outcome.
    ///
    /// `joins(batch, change)` says whether a change may go with those before it in
    /// the batch; the first is not asked for. `commit` commits them all and answers
    /// in their order. *Behaviour*: the order in which changes came is kept. None
    /// when the thread that committed ours panicked: then nothing is known of it.
    pub(super) fn carry(
        &self,
        change: Change,
        joins: impl Fn(&[Change], &Change) -> bool,
        commit: impl Fn(Vec<Change>) -> Vec<Outcome>,
    ) -> Option<Outcome> {
        let mut state = self.state();
        let own = state.next;
        state.next += 1;
        state.waiting.push_back(Waiting { ticket: Ticket(own, thread::current()), change });
        loop {
            if let Some(outcome) = state.outcomes.remove(&own) {
                return outcome;
            }
            if state.committing {
                // Woken by the one who committed ours, or left the next commit to us.
                drop(state);
                thread::park();
                state = self.state();
                continue;
            }
            let (tickets, batch) = state.batch(&joins);
            state.committing = true;
            drop(state);
            let mut turn = Turn { queue: self, tickets, outcomes: Vec::new() };
            turn.outcomes = commit(batch);
            drop(turn);
            state = self.state();
        }
    }

    fn state(&self) -> MutexGuard<'_, State<Change, Outcome>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Change, Outcome> State<Change, Outcome> {
    fn batch(&mut self, joins: impl Fn(&[Change], &Change) -> bool) -> (Vec<Ticket>, Vec<Change>) {
        let (mut tickets, mut batch) = (Vec::new(), Vec::new());
        while let Some(first) = self.waiting.front()
            && (batch.is_empty() || joins(&batch, &first.change))
            && let Some(Waiting { ticket, change }) = self.waiting.pop_front()
        {
            tickets.push(ticket);
            batch.push(change);
        }
        (tickets, batch)
    }
}

/// One thread's turn to commit. Its end hands out the outcomes, even if that end is
/// a panic: the others must not wait for ever.
struct Turn<'q, Change, Outcome> {
    queue: &'q Queue<Change, Outcome>,
    tickets: Vec<Ticket>,
    outcomes: Vec<Outcome>,
}

impl<Change, Outcome> Drop for Turn<'_, Change, Outcome> {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        let outcomes = self.outcomes.drain(..).map(Some).chain(std::iter::repeat_with(|| None));
        state.outcomes.extend(self.tickets.iter().map(|Ticket(number, _)| *number).zip(outcomes));
        state.committing = false;
        let next = state.waiting.front().map(|waiting| waiting.ticket.1.clone());
        drop(state);
        // The one to commit next first, and nobody who would only wait again.
        next.iter().chain(self.tickets.iter().map(|Ticket(_, thread)| thread)).for_each(Thread::unpark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::thread::{scope, sleep};
    use std::time::Duration;

    #[test]
    fn changes_that_wait_go_together_and_each_gets_its_outcome() {
        let queue = Queue::new();
        let commits = AtomicUsize::new(0);
        let carry = |change: usize| {
            let commit = |batch: Vec<usize>| {
                commits.fetch_add(1, Relaxed);
                sleep(Duration::from_millis(20));
                batch.iter().map(|c| c * 10).collect()
            };
            queue.carry(change, |batch, _| batch.len() < 8, commit)
        };
        let start = Barrier::new(17);
        scope(|s| {
            let threads: Vec<_> = (0..16)
                .map(|n| {
                    let (carry, start) = (&carry, &start);
                    s.spawn(move || {
                        start.wait();
                        assert_eq!(carry(n), Some(n * 10));
                    })
                })
                .collect();
            start.wait();
            threads.into_iter().for_each(|t| t.join().unwrap());
        });
        // The first alone or with some, the rest in full batches as far as they had come.
        assert!((2..8).contains(&commits.load(Relaxed)), "{commits:?}");
        assert!(queue.state().outcomes.is_empty() && queue.state().waiting.is_empty());
    }

    #[test]
    fn a_panic_leaves_nobody_waiting() {
        let queue = Queue::<u32, u32>::new();
        scope(|s| {
            let first = s.spawn(|| {
                queue.carry(
                    1,
                    |_, _| true,
                    |_| {
                        sleep(Duration::from_millis(50));
                        panic!("as a test")
                    },
                )
            });
            sleep(Duration::from_millis(20));
            assert_eq!(queue.carry(2, |_, _| true, |batch| batch), Some(2));
            assert!(first.join().is_err());
        });
    }
}
