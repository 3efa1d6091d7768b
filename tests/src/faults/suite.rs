use super::{Bench, Confusion, Outcome, Scene, Topology, play, play_pair};
use anyhow::{Context as _, Result};
use libtest_mimic::{Arguments, Conclusion, Failed, Trial};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

/// What is shown beside the scenes, in the same places.
#[derive(Clone, Copy)]
pub struct Trick {
    /// `domain/what`.
    pub name: &'static str,
    /// Where it plays.
    pub topology: Topology,
    /// Shows it.
    pub play: fn(&Arc<Bench>) -> Result<()>,
}

/// All scenes of a test file.
pub struct Suite {
    /// One fault each.
    pub scenes: Vec<Scene>,
    /// Names of scenes that are played two at a time.
    pub pairs: Vec<[&'static str; 2]>,
    /// What is no fault.
    pub tricks: Vec<Trick>,
    /// Where the confusion matrix goes.
    pub folder: PathBuf,
}

/// At once; each of them starts processes that want a processor.
const THREADS: usize = 2;

impl Suite {
    /// Plays everything that the arguments of this process choose. `after` sees what
    /// came of a whole run, with nothing left out by a filter.
    pub fn run(self, bench: Bench, after: fn(&Confusion) -> Result<()>) -> ExitCode {
        let mut arguments = Arguments::from_args();
        arguments.test_threads.get_or_insert(THREADS);
        let bench = Arc::new(bench);
        let results: Arc<Mutex<Confusion>> = Arc::default();
        let trials = self.trials(&arguments, &bench, &results);
        let conclusion = libtest_mimic::run(&arguments, trials);
        // Before the process ends, so that what it made is removed.
        drop(bench);
        let mut confusion = std::mem::take(&mut *results.lock().unwrap_or_else(PoisonError::into_inner));
        confusion.outcomes.sort_by(|a, b| a.scene.cmp(&b.scene));
        if arguments.list {
            return conclusion.exit_code();
        }
        for (name, why) in &confusion.skipped {
            println!("skipped {name}: {why}");
        }
        print!("{}", confusion.summary());
        let written = confusion.write(&self.folder);
        // Where something failed the rates are another matter, unless they are asked for.
        let blessed = std::env::var_os("SEAWORTHY_BLESS").is_some();
        let chosen = arguments.filter.is_some() || !arguments.skip.is_empty();
        let whole = !chosen && (blessed || !conclusion.has_failed());
        let looked = if whole { after(&confusion) } else { Ok(()) };
        verdict(&conclusion, &confusion, written.and(looked))
    }

    fn trials(&self, arguments: &Arguments, bench: &Arc<Bench>, results: &Arc<Mutex<Confusion>>) -> Vec<Trial> {
        let scenes = self.scenes.iter().map(|&scene| Piece {
            name: scene.name.to_owned(),
            kind: "fault",
            obstacle: wanted(arguments, scene.name).then(|| scene.obstacle(bench)).flatten(),
            play: Box::new(move |bench| play(bench, &scene).map(Some)),
        });
        let pairs = self.pairs.iter().map(|names| {
            let found = names.map(|name| self.scenes.iter().copied().find(|scene| scene.name == name));
            let name = format!("{} + {}", names[0], names[1]);
            let wanted = wanted(arguments, &name);
            let obstacle = found.iter().flatten().find_map(|scene| wanted.then(|| scene.obstacle(bench)).flatten());
            let play: Play = match found {
                [Some(a), Some(b)] => Box::new(move |bench| play_pair(bench, [&a, &b]).map(Some)),
                _ => Box::new(|_| anyhow::bail!("one of the two scenes does not exist")),
            };
            Piece { name, kind: "pair", obstacle, play }
        });
        let tricks = self.tricks.iter().map(|&trick| Piece {
            name: trick.name.to_owned(),
            kind: "lab",
            obstacle: wanted(arguments, trick.name)
                .then(|| Scene::new(trick.name, trick.topology, &[], &[]).obstacle(bench))
                .flatten(),
            play: Box::new(move |bench| (trick.play)(bench).map(|()| None)),
        });
        scenes.chain(pairs).chain(tricks).map(|piece| piece.trial(bench, results)).collect()
    }
}

type Play = Box<dyn FnOnce(&Arc<Bench>) -> Result<Option<Outcome>> + Send>;

/// A trial before it is one.
struct Piece {
    name: String,
    kind: &'static str,
    obstacle: Option<String>,
    play: Play,
}

impl Piece {
    fn trial(self, bench: &Arc<Bench>, results: &Arc<Mutex<Confusion>>) -> Trial {
        let (bench, results) = (Arc::clone(bench), Arc::clone(results));
        let ignored = self.obstacle.is_some();
        if let Some(why) = self.obstacle {
            results.lock().unwrap_or_else(PoisonError::into_inner).skipped.push((self.name.clone(), why));
        }
        Trial::test(self.name, move || {
            let outcome = (self.play)(&bench).map_err(|e| Failed::from(format!("{e:#}")))?;
            drop(bench);
            let Some(outcome) = outcome else { return Ok(()) };
            let told = match (outcome.is_right(), &outcome.known_miss) {
                (false, None) => {
                    Err(Failed::from(format!("{:?} is expected, and {:?} named", outcome.expected, outcome.named)))
                }
                (true, Some(why)) => Err(Failed::from(format!("it is named right, and was known to be missed: {why}"))),
                _ => Ok(()),
            };
            results.lock().unwrap_or_else(PoisonError::into_inner).outcomes.push(outcome);
            told
        })
        .with_kind(self.kind)
        .with_ignored_flag(ignored)
    }
}

/// Whether the arguments choose a trial: only then it is looked whether it can be played.
fn wanted(arguments: &Arguments, name: &str) -> bool {
    let hit = |filter: &String| if arguments.exact { name == filter } else { name.contains(filter.as_str()) };
    !arguments.list && arguments.filter.as_ref().is_none_or(hit) && !arguments.skip.iter().any(hit)
}

fn verdict(conclusion: &Conclusion, confusion: &Confusion, rest: Result<()>) -> ExitCode {
    if let Err(error) = rest.context("after the scenes") {
        eprintln!("{error:#}");
        return ExitCode::FAILURE;
    }
    if !confusion.is_good() {
        eprintln!("too few of the injected faults were named");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}
