use crate::rule::Rule;
use crate::rules::rules;
use crate::scene::{Scene, Symptom};
use crate::summary;
use seaworthy_model::{Confidence, Layer, Level};

/// Symptoms that share a cause, as numbers into the scene's symptoms.
pub(crate) struct Group {
    /// None: no rule knows better, the finding is its own cause.
    pub(crate) rule: Option<&'static Rule>,
    key: String,
    pub(crate) roots: Vec<usize>,
    pub(crate) consequences: Vec<usize>,
    pub(crate) confidence: Confidence,
    pub(crate) layer: Layer,
}

/// The first rule that knows a symptom.
struct Reading {
    rule: Option<&'static Rule>,
    confidence: Confidence,
    layer: Layer,
}

impl Reading {
    fn of(scene: &Scene<'_>, symptom: &Symptom<'_>) -> Self {
        let known = rules().find_map(|rule| Some((rule, rule.matches(scene, symptom)?)));
        match known {
            Some((rule, confidence)) => Self { rule: Some(rule), confidence, layer: rule.fault.layer },
            None => Self { rule: None, confidence: symptom.finding.confidence, layer: symptom.finding.layer },
        }
    }

    /// Whether, being a root, it brings about what sits at `above` on its target.
    fn explains(&self, above: Layer) -> bool {
        self.layer < above && self.rule.is_none_or(|rule| rule.fault.explains_from <= above)
    }
}

/// Sorts every symptom of a scene into exactly one group.
pub(crate) fn groups(scene: &Scene<'_>) -> Vec<Group> {
    let readings: Vec<Reading> = scene.symptoms.iter().map(|symptom| Reading::of(scene, symptom)).collect();
    let mut groups: Vec<Group> = Vec::new();
    // For each symptom that turned out a root, its group.
    let mut rooted: Vec<(usize, usize)> = Vec::new();
    for index in order(scene) {
        let (symptom, reading) = (&scene.symptoms[index], &readings[index]);
        let below = rooted.iter().find(|(root, _)| {
            let other = &scene.symptoms[*root];
            other.finding.target.is_some()
                && other.finding.target == symptom.finding.target
                && other.finding.level >= symptom.finding.level
                && readings[*root].explains(symptom.finding.layer)
                && !same_fold(scene, &readings[*root], other, reading, symptom)
        });
        if let Some((_, group)) = below {
            groups[*group].consequences.push(index);
            continue;
        }
        let group = join(scene, &mut groups, index, reading);
        rooted.push((index, group));
    }
    absorb(scene, groups)
}

/// Lowest layer first, failures before warnings, then the order of the record.
fn order(scene: &Scene<'_>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scene.symptoms.len()).collect();
    order.sort_by_key(|index| {
        let finding = scene.symptoms[*index].finding;
        (std::cmp::Reverse(finding.level), finding.layer, *index)
    });
    order
}

fn same_fold(scene: &Scene<'_>, a: &Reading, at: &Symptom<'_>, b: &Reading, bt: &Symptom<'_>) -> bool {
    match (a.rule, b.rule) {
        (Some(a), Some(b)) => {
            a.fault.code == b.fault.code && a.fault.fold.key(scene, at) == b.fault.fold.key(scene, bt)
        }
        _ => false,
    }
}

fn join(scene: &Scene<'_>, groups: &mut Vec<Group>, index: usize, reading: &Reading) -> usize {
    let symptom = &scene.symptoms[index];
    let key = match reading.rule {
        Some(rule) => rule.fault.fold.key(scene, symptom),
        // Without a rule each target keeps its own cause.
        None => format!("{}\n{}\n{}", symptom.code(), symptom.subject(), symptom.step.id),
    };
    let code = reading.rule.map(|rule| rule.fault.code);
    if let Some(at) = groups.iter().position(|group| group.rule.map(|rule| rule.fault.code) == code && group.key == key)
    {
        groups[at].roots.push(index);
        groups[at].confidence = groups[at].confidence.min(reading.confidence);
        return at;
    }
    groups.push(Group {
        rule: reading.rule,
        key,
        roots: vec![index],
        consequences: Vec::new(),
        confidence: reading.confidence,
        layer: reading.layer,
    });
    groups.len() - 1
}

/// Lets causes take what they bring about on other targets: first what a rule
/// says of itself, then the findings that only sum others up.
fn absorb(scene: &Scene<'_>, mut groups: Vec<Group>) -> Vec<Group> {
    groups.sort_by_key(|group| (group.layer, group.code(scene).to_owned(), group.roots.first().copied()));
    // Who has the roots of each group; a group without roots left speaks for who took them,
    // so that what follows from a consequence follows from its cause.
    let mut heirs: Vec<usize> = (0..groups.len()).collect();
    for speaker in 0..groups.len() {
        let Some(rule) = groups[speaker].rule else { continue };
        let taker = heirs[speaker];
        let level = groups[taker].level(scene);
        for giver in 0..groups.len() {
            if heirs[giver] != giver || giver == taker {
                continue;
            }
            give(&mut groups, giver, taker, |index| {
                let symptom = &scene.symptoms[index];
                symptom.finding.level <= level && rule.brings(symptom)
            });
            if groups[giver].roots.is_empty() {
                heirs.iter_mut().filter(|heir| **heir == giver).for_each(|heir| *heir = taker);
            }
        }
    }
    // A later summary may sum up an earlier one, so they are taken in their own order.
    for summary in summary::SUMMARIES {
        for giver in 0..groups.len() {
            let sums = groups[giver].roots.iter().any(|index| (summary.is)(&scene.symptoms[*index]));
            let Some(taker) = sums.then(|| source(scene, &groups, giver, summary)).flatten() else { continue };
            give(&mut groups, giver, taker, |index| (summary.is)(&scene.symptoms[index]));
        }
    }
    groups.retain(|group| !group.roots.is_empty());
    groups
}

/// The cause with the most roots that a summary may follow from, and that is no less
/// grave: what follows from a consequence follows from its cause.
fn source(scene: &Scene<'_>, groups: &[Group], giver: usize, summary: &summary::Summary) -> Option<usize> {
    (0..groups.len())
        .filter(|at| *at != giver && groups[*at].level(scene) >= groups[giver].level(scene))
        .filter(|at| groups[*at].all().any(|index| (summary.follows)(&scene.symptoms[index])))
        .max_by_key(|at| (groups[*at].roots.len(), std::cmp::Reverse(*at)))
}

/// Moves roots from one group to the consequences of another; what is left
/// without a root follows with its own consequences.
fn give(groups: &mut [Group], giver: usize, taker: usize, wanted: impl Fn(usize) -> bool) {
    let (given, kept): (Vec<usize>, Vec<usize>) = groups[giver].roots.iter().partition(|index| wanted(**index));
    if given.is_empty() {
        return;
    }
    groups[giver].roots = kept;
    groups[taker].consequences.extend(given);
    if groups[giver].roots.is_empty() {
        let rest = std::mem::take(&mut groups[giver].consequences);
        groups[taker].consequences.extend(rest);
    }
}

impl Group {
    pub(crate) fn code<'a>(&self, scene: &Scene<'a>) -> &'a str {
        match (self.rule, self.roots.first()) {
            (Some(rule), _) => rule.fault.code,
            (None, Some(root)) => &scene.symptoms[*root].finding.code,
            (None, None) => "",
        }
    }

    /// The worst level among its roots.
    pub(crate) fn level(&self, scene: &Scene<'_>) -> Level {
        self.roots.iter().map(|index| scene.symptoms[*index].finding.level).max().unwrap_or(Level::Info)
    }

    /// Its symptoms, roots first.
    pub(crate) fn all(&self) -> impl Iterator<Item = usize> + '_ {
        self.roots.iter().chain(&self.consequences).copied()
    }
}
