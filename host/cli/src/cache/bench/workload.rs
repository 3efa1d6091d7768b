use super::popularity::Popularity;
use super::random::Random;
use super::sample::SHORTEST;
use super::trace::{Action, LONGEST_TRACE, Recorded};
use crate::cache::args::BenchArgs;
use crate::error::CliError;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Bytes that the values under way may take together.
const MOST_UNDER_WAY: usize = 1 << 30;

/// What the clients do.
#[derive(Debug)]
pub(crate) struct Workload {
    source: Source,
    sizes: (usize, usize),
    prefix: String,
    seed: u64,
    /// Whether reads that find nothing store something.
    through: bool,
}

#[derive(Debug)]
enum Source {
    Generated { popularity: Popularity, keys: usize, read_ratio: f64, stored: Stored },
    Trace { steps: Vec<Recorded>, sizes: BTreeMap<String, usize>, next: AtomicUsize },
}

/// One operation to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) action: Todo,
    pub(crate) key: String,
    /// Bytes of the value, where one is to be stored.
    pub(crate) size: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Todo {
    Get,
    Put,
    Remove,
}

impl Workload {
    /// As the command line says. Reads the trace.
    pub(crate) fn new(arguments: &BenchArgs) -> Result<Self, CliError> {
        let (low, high) = arguments.value_size;
        if low < SHORTEST {
            return Err(CliError::Usage(format!(
                "values have at least {SHORTEST} bytes, which is what it takes to check them"
            )));
        }
        let source = match &arguments.trace {
            None => Source::Generated {
                popularity: Popularity::new(arguments.keys, arguments.zipf),
                keys: usize::try_from(arguments.keys).unwrap_or(usize::MAX),
                read_ratio: arguments.reads(),
                stored: Stored::new(arguments.keys),
            },
            Some(path) => {
                let steps = read(path)?;
                let size = |step: &Recorded| match step.action {
                    Action::Put(Some(size)) => Some((step.key.clone(), size)),
                    _ => None,
                };
                let sizes = steps.iter().filter_map(size).collect();
                Source::Trace { steps, sizes, next: AtomicUsize::new(0) }
            }
        };
        let longest = match &source {
            Source::Generated { .. } => high,
            Source::Trace { steps, .. } => steps
                .iter()
                .map(|step| step.action.clone())
                .fold(high, |most, action| if let Action::Put(Some(size)) = action { most.max(size) } else { most }),
        };
        if longest.saturating_mul(usize::from(arguments.clients)) > MOST_UNDER_WAY {
            return Err(CliError::Usage(format!(
                "{} clients with values of {longest} bytes would take more than 1 GiB of memory",
                arguments.clients
            )));
        }
        let prefix = format!("seaworthy-bench/{}/", arguments.seed);
        Ok(Self {
            source,
            sizes: arguments.value_size,
            prefix,
            seed: arguments.seed,
            through: arguments.miss_cost.is_some(),
        })
    }

    /// The numbers that client `number` draws from.
    pub(crate) fn random(&self, number: u64) -> Random {
        Random::new(self.seed, number)
    }

    /// What to do next; `None` when the trace has been played.
    ///
    /// *Behaviour*: what a client does next depends on nothing that the cache answered,
    /// and the size of a value only on its key, so that every set of tiers gets the same work.
    pub(crate) fn next(&self, random: &mut Random) -> Option<Step> {
        match &self.source {
            Source::Generated { popularity, read_ratio, .. } => {
                let number = popularity.draw(random);
                let action = if random.unit() < *read_ratio { Todo::Get } else { Todo::Put };
                Some(self.generated(action, number))
            }
            Source::Trace { steps, next, .. } => {
                let step = steps.get(next.fetch_add(1, Ordering::Relaxed))?;
                let key = format!("{}{}", self.prefix, step.key);
                let (action, size) = match step.action {
                    Action::Get => (Todo::Get, self.recorded_size(&step.key)),
                    Action::Remove => (Todo::Remove, 0),
                    Action::Put(Some(size)) => (Todo::Put, size.max(SHORTEST)),
                    Action::Put(None) => (Todo::Put, self.size(&step.key)),
                };
                Some(Step { action, key, size })
            }
        }
    }

    /// Storing the key of that number once; `None` beyond the last.
    pub(crate) fn fill(&self, number: usize) -> Option<Step> {
        match &self.source {
            Source::Generated { keys, .. } if number < *keys => Some(self.generated(Todo::Put, number)),
            _ => None,
        }
    }

    /// Remembers that a step stored something, to be removed at the end.
    pub(crate) fn note(&self, step: &Step) {
        if let Source::Generated { stored, .. } = &self.source
            && let Some(number) = step.key.strip_prefix(&self.prefix).and_then(|number| number.parse().ok())
        {
            stored.note(number);
        }
    }

    /// Every key that may have been stored so far.
    pub(crate) fn stored(&self) -> Box<dyn Iterator<Item = String> + '_> {
        match &self.source {
            Source::Generated { keys, stored, .. } => {
                Box::new((0..*keys).filter(|number| stored.has(*number)).map(|number| self.key(number)))
            }
            Source::Trace { steps, .. } => {
                // A read that went through to the origin stored its key too.
                let touched = steps.iter().filter(|step| self.through || matches!(step.action, Action::Put(_)));
                let keys: BTreeSet<&str> = touched.map(|step| step.key.as_str()).collect();
                Box::new(keys.into_iter().map(|key| format!("{}{key}", self.prefix)))
            }
        }
    }

    /// Whether a warm-up can run first: a trace is played once.
    pub(crate) fn is_endless(&self) -> bool {
        matches!(self.source, Source::Generated { .. })
    }

    /// Bytes of everything that may be stored now, each key once.
    pub(crate) fn stored_bytes(&self) -> u64 {
        let size = |key: String| self.recorded_size(key.strip_prefix(&self.prefix).unwrap_or(&key)) as u64;
        self.stored().map(size).sum()
    }

    fn generated(&self, action: Todo, number: usize) -> Step {
        Step { action, key: self.key(number), size: self.size(&number.to_string()) }
    }

    /// Bytes of the value that belongs to the key of that name.
    fn size(&self, name: &str) -> usize {
        let part = name
            .bytes()
            .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
        Random::new(self.seed, part).between(self.sizes.0, self.sizes.1)
    }

    fn recorded_size(&self, name: &str) -> usize {
        match &self.source {
            Source::Trace { sizes, .. } => sizes.get(name).map_or_else(|| self.size(name), |size| *size.max(&SHORTEST)),
            Source::Generated { .. } => self.size(name),
        }
    }

    fn key(&self, number: usize) -> String {
        format!("{}{number}", self.prefix)
    }
}

#[cfg(test)]
impl Workload {
    /// One of a few keys, for the tests of others.
    pub(crate) fn sample() -> Self {
        let source =
            Source::Generated { popularity: Popularity::new(5, 1.0), keys: 5, read_ratio: 1.0, stored: Stored::new(5) };
        Self { source, sizes: (64, 64), prefix: "p/".into(), seed: 1, through: false }
    }
}

/// Which keys were stored: a bit each.
#[derive(Debug)]
struct Stored(Vec<AtomicU64>);

impl Stored {
    fn new(keys: u32) -> Self {
        Self((0..keys.div_ceil(64)).map(|_| AtomicU64::new(0)).collect())
    }

    fn note(&self, number: usize) {
        if let Some(word) = self.0.get(number / 64) {
            word.fetch_or(1 << (number % 64), Ordering::Relaxed);
        }
    }

    fn has(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word.load(Ordering::Relaxed) & (1 << (number % 64)) != 0)
    }
}

fn read(path: &Path) -> Result<Vec<Recorded>, CliError> {
    let cannot = |why: String| CliError::Usage(format!("cannot use the trace {}: {why}", path.display()));
    let length = std::fs::metadata(path).map_err(|error| cannot(error.to_string()))?.len();
    if length > LONGEST_TRACE {
        return Err(cannot(format!("it is longer than {} MiB", LONGEST_TRACE >> 20)));
    }
    let text = crate::configuration::read_file(path).map_err(|error| cannot(error.to_string()))?;
    super::trace::read(&text).map_err(cannot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Arguments, Command};
    use crate::cache::args::CacheCommand;
    use clap::Parser as _;

    fn workload(words: &str) -> Result<Workload, CliError> {
        let words = format!("seaworthy cache bench {words}");
        match Arguments::try_parse_from(words.split_whitespace()).unwrap().command {
            Some(Command::Cache(cache)) => match cache.command {
                CacheCommand::Bench(bench) => Workload::new(&bench),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_same_seed_is_the_same_workload() {
        let steps = |seed: u64| {
            let workload = workload(&format!("--keys 50 --value-size 64-128 --read-ratio 0.5 --seed {seed}")).unwrap();
            let mut random = workload.random(0);
            let steps: Vec<Step> = (0..200).filter_map(|_| workload.next(&mut random)).collect();
            steps.iter().filter(|step| step.action == Todo::Put).for_each(|step| workload.note(step));
            let stored = (workload.stored().count(), workload.stored_bytes());
            (steps, stored)
        };
        assert_eq!(steps(1), steps(1));
        assert_ne!(steps(1).0, steps(2).0);
        let (steps, stored) = steps(1);
        assert!(steps.iter().all(|s| (64..=128).contains(&s.size)), "{steps:?}");
        let puts: Vec<&Step> = steps.iter().filter(|s| s.action == Todo::Put).collect();
        assert!((70..130).contains(&puts.len()), "about half of them: {}", puts.len());
        let written: BTreeMap<&str, u64> = puts.iter().map(|s| (s.key.as_str(), s.size as u64)).collect();
        let known = (written.len(), written.values().sum());
        assert_eq!(stored, known, "what was stored is known, so that it can be removed");
        assert!(written.values().collect::<BTreeSet<_>>().len() > 10, "sizes differ from key to key");
    }

    #[test]
    fn memory_is_bounded() {
        assert!(workload("--clients 256 --value-size 8MiB").is_err_and(|e| e.to_string().contains("memory")));
        assert!(workload("--value-size 10").is_err_and(|e| e.to_string().contains("at least")));
        assert!(workload("--clients 32 --value-size 1KiB-1MiB").is_ok());
    }

    #[test]
    fn a_trace_is_played_once_by_all_clients_together() {
        let file = std::env::temp_dir().join(format!("seaworthy-trace-{}", std::process::id()));
        std::fs::write(&file, "put a 100\nget a\nput a 200\nrm a\n").unwrap();
        let workload = workload(&format!("--trace {}", file.display()));
        std::fs::remove_file(&file).unwrap();
        let workload = workload.unwrap();
        let (mut one, mut other) = (workload.random(0), workload.random(1));
        let mut steps = Vec::new();
        while let Some(step) = workload.next(&mut one) {
            steps.push((step.action, step.size));
            steps.extend(workload.next(&mut other).map(|step| (step.action, step.size)));
        }
        assert_eq!(steps, [(Todo::Put, 100), (Todo::Get, 200), (Todo::Put, 200), (Todo::Remove, 0)]);
        assert_eq!(workload.stored().collect::<Vec<_>>(), ["seaworthy-bench/1/a"]);
    }
}
