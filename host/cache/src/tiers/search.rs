use super::counts::Counts;
use super::{Answer, Hit, Lookup, Shared, Tier, TierAnswer, first_failure, nobody, over_budget};
use crate::{Blob, Operation, kind};
use futures::stream::{FuturesUnordered, StreamExt as _};
use std::sync::Arc;
use tokio::time::Instant;

/// One search through the tiers.
struct Search<'a> {
    shared: &'a Shared,
    answers: Vec<Option<TierAnswer>>,
    /// When each was asked, as far as it was.
    asked: Vec<Instant>,
    /// Which of them were asked before the one above had answered.
    early: Vec<bool>,
}

/// Looks for `key` in the tiers in order, until one has it or the time is over.
///
/// *Behaviour*: the next tier is asked when the last one asked has answered without a
/// value, or has not answered within its hedge delay. The first value ends the search;
/// who was asked and has not answered is not waited for.
pub(super) async fn search(shared: &Shared, key: &str) -> Lookup {
    let epoch = shared.fills.epoch();
    let deadline = shared.deadline();
    let tiers = &shared.tiers;
    let mut search = Search { shared, answers: vec![None; tiers.len()], asked: Vec::new(), early: Vec::new() };
    let mut under_way = FuturesUnordered::new();
    // Whether to ask the next one, and whether that is early.
    let mut next = Some(false);
    loop {
        if let Some(early) = next
            && let Some(tier) = tiers.get(search.asked.len())
        {
            let place = search.asked.len();
            search.asked.push(Instant::now());
            search.early.push(early);
            under_way.push(async move {
                match shared.stale.error(place, key) {
                    Some(error) => (place, (tier.answered(Answer::Failed(error), Instant::now()), None)),
                    None => (place, tier.looked_up(key).await),
                }
            });
        }
        let last = search.asked.len();
        let hedge = search.hedge_at().filter(|_| last < tiers.len());
        next = tokio::select! {
            biased;
            answered = under_way.next() => {
                let Some((place, (answer, blob))) = answered else { break };
                if let Some(blob) = blob {
                    drop(under_way);
                    return search.found(place, answer, blob, epoch, key);
                }
                if let Some(slot) = search.answers.get_mut(place) {
                    *slot = Some(answer);
                }
                (place + 1 == last).then_some(false)
            }
            () = until(deadline) => {
                drop(under_way);
                return search.out_of_time();
            }
            () = until(hedge) => {
                Counts::one_more(&shared.counts.hedges);
                Some(true)
            }
        };
    }
    search.ended()
}

/// Never, without a time.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

impl Search<'_> {
    /// When the next tier is asked though the last one has not answered.
    fn hedge_at(&self) -> Option<Instant> {
        let last = self.asked.len().checked_sub(1)?;
        let waiting = self.answers.get(last).is_some_and(Option::is_none);
        let delay = self.shared.tiers.get(last).and_then(|tier| tier.hedge()).filter(|_| waiting)?;
        self.asked.get(last).map(|asked| *asked + delay)
    }

    fn found(mut self, place: usize, answer: TierAnswer, blob: Blob, epoch: u64, key: &str) -> Lookup {
        if self.answers.iter().take(place).any(Option::is_none) && self.early.iter().take(place + 1).any(|early| *early)
        {
            self.shared.counts.hedge_won(place);
        }
        let missed =
            self.answers.iter().zip(&self.shared.tiers).enumerate().take(place).filter_map(|(at, (answer, tier))| {
                answer.as_ref().is_some_and(|answer| wants(&answer.answer)).then_some((at, tier))
            });
        let missed: Vec<(usize, Arc<Tier>)> = missed.map(|(place, tier)| (place, Arc::clone(tier))).collect();
        self.shared.fills.schedule(epoch, missed, key, &blob);
        let tier = answer.label.clone();
        if let Some(slot) = self.answers.get_mut(place) {
            *slot = Some(answer);
        }
        Lookup { outcome: Ok(Some(Hit { tier, blob })), tried: self.tried(|_| Answer::Unanswered) }
    }

    fn out_of_time(self) -> Lookup {
        Counts::one_more(&self.shared.counts.over_budget);
        self.shared.blame(
            Operation::Get,
            self.answers.iter().zip(&self.asked).map(|(answer, asked)| answer.is_none().then_some(*asked)),
        );
        // Those that it never came to could not tell either.
        let mut all = self;
        all.asked.resize(all.shared.tiers.len(), Instant::now());
        let budget = all.shared.rules.budget.unwrap_or_default();
        let tried = all.tried(|_| Answer::Failed(over_budget("get", budget)));
        concluded(tried)
    }

    fn ended(self) -> Lookup {
        concluded(self.tried(|_| Answer::Unanswered))
    }

    /// What the tiers that were asked said, with `otherwise` for those that said nothing.
    fn tried(self, otherwise: impl Fn(&Tier) -> Answer) -> Vec<TierAnswer> {
        let asked = self.shared.tiers.iter().zip(self.answers).zip(self.asked);
        asked.map(|((tier, answer), asked)| answer.unwrap_or_else(|| tier.answered(otherwise(tier), asked))).collect()
    }
}

/// Whether a value found below is to be written to a tier that answered so: it looked and
/// has none, or what it has is damaged or old, which is so until it is overwritten.
fn wants(answer: &Answer) -> bool {
    match answer {
        Answer::Miss => true,
        Answer::Failed(error) => matches!(error.kind.as_str(), kind::INTEGRITY | kind::STALE),
        Answer::Hit | Answer::Done | Answer::Without | Answer::Unanswered => false,
    }
}

/// Nobody had it.
fn concluded(tried: Vec<TierAnswer>) -> Lookup {
    let outcome = if tried.iter().any(|tier| tier.answer == Answer::Miss) {
        Ok(None)
    } else {
        Err(first_failure(&tried).unwrap_or_else(|| nobody("get", &tried)))
    };
    Lookup { outcome, tried }
}

#[cfg(test)]
mod tests;
