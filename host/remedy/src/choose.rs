//! Which of a cause's remedies is taken.

use crate::read;
use crate::situation::{Reach, Situation};
use crate::strategy::Strategy;
use crate::tiers;
use crate::wanted::Wanted;
use seaworthy_model::{Cause, Remediation};

/// A remedy, understood.
pub(crate) struct Candidate {
    pub(crate) strategy: Strategy,
    pub(crate) remedy: Remediation,
    pub(crate) wanted: Wanted,
    /// What speaks against it here.
    pub(crate) objection: Option<String>,
}

/// All remedies of a cause, the one to take first.
///
/// *Behaviour*: what the facts speak against goes last; then what opens something or
/// may lose data goes behind what does not; then what only looks goes behind what
/// mends; and where all of that is equal the order of the report holds, which is
/// least privilege first. So `--network host`, which opens everything, comes last
/// wherever anything else is left.
pub(crate) fn candidates(cause: &Cause, situation: &Situation) -> Vec<Candidate> {
    let own = cause.remediations.iter().map(|remedy| (remedy.clone(), false));
    let beside = tiers::beside(cause, situation).into_iter().map(|remedy| (remedy, true));
    let mut all: Vec<Candidate> = own
        .chain(beside)
        .map(|(remedy, beside)| {
            let wanted = read::wanted(&remedy, situation);
            let strategy = Strategy::of(&wanted, remedy.risk, situation);
            let objection = strategy.objection(situation).map(str::to_owned);
            let unproven = beside && situation.reach != Reach::Filtered;
            let objection = objection.or_else(|| {
                unproven.then(|| {
                    "peers may still be reached over UDP, which was not tried: add their /quic-v1 addresses".into()
                })
            });
            Candidate { strategy, remedy, wanted, objection }
        })
        .collect();
    all.sort_by_key(|candidate| {
        let looks = candidate.strategy == Strategy::Look;
        (candidate.objection.is_some(), looks, candidate.remedy.risk, candidate.strategy == Strategy::HostNetwork)
    });
    all
}
