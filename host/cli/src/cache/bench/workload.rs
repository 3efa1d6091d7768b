use super::popularity::Popularity;
use super::random::Random;
use super::sample::SHORTEST;
use super::trace::{Action, Recorded};
use crate::cache::args::BenchArgs;
use crate::error::CliError;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The largest trace, in bytes.
const LONGEST_TRACE: u64 = 64 << 20;
/// Bytes that the values under way may take together.
const MOST_UNDER_WAY: usize = 1 << 30;

/// What the clients do.
#[derive(Debug)]
pub(crate) struct Workload {
    source: Source,
    sizes: (usize, usize),
    prefix: String,
    seed: u64,
}

#[derive(Debug)]
enum Source {
    Generated { popularity: Popularity, keys: usize, read_ratio: f64, stored: Stored },
    Trace { steps: Vec<Recorded>, next: AtomicUsize },
}

/// One operation to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) action: Todo,
    pub(crate) key: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Todo {
    Get,
    /// With a value of so many bytes.
    Put(usize),
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
                read_ratio: arguments.read_ratio,
                stored: Stored::new(arguments.keys),
            },
            Some(path) => Source::Trace { steps: read(path)?, next: AtomicUsize::new(0) },
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
        Ok(Self { source, sizes: arguments.value_size, prefix, seed: arguments.seed })
    }

    /// The numbers that client `number` draws from.
    pub(crate) fn random(&self, number: u64) -> Random {
        Random::new(self.seed, number)
    }

    /// What to do next; `None` when the trace has been played.
    pub(crate) fn next(&self, random: &mut Random) -> Option<Step> {
        match &self.source {
            Source::Generated { popularity, read_ratio, stored, .. } => {
                let number = popularity.draw(random);
                if random.unit() < *read_ratio {
                    return Some(Step { action: Todo::Get, key: self.key(number) });
                }
                stored.note(number);
                Some(Step { action: self.put(random), key: self.key(number) })
            }
            Source::Trace { steps, next } => {
                let step = steps.get(next.fetch_add(1, Ordering::Relaxed))?;
                let action = match step.action {
                    Action::Get => Todo::Get,
                    Action::Remove => Todo::Remove,
                    Action::Put(Some(size)) => Todo::Put(size.max(SHORTEST)),
                    Action::Put(None) => self.put(random),
                };
                Some(Step { action, key: format!("{}{}", self.prefix, step.key) })
            }
        }
    }

    /// Storing the key of that number once; `None` beyond the last.
    pub(crate) fn fill(&self, number: usize, random: &mut Random) -> Option<Step> {
        match &self.source {
            Source::Generated { keys, stored, .. } if number < *keys => {
                stored.note(number);
                Some(Step { action: self.put(random), key: self.key(number) })
            }
            _ => None,
        }
    }

    /// Every key that may have been stored so far.
    pub(crate) fn stored(&self) -> Box<dyn Iterator<Item = String> + '_> {
        match &self.source {
            Source::Generated { keys, stored, .. } => {
                Box::new((0..*keys).filter(|number| stored.has(*number)).map(|number| self.key(number)))
            }
            Source::Trace { steps, .. } => {
                let put = steps.iter().filter(|step| matches!(step.action, Action::Put(_)));
                let keys: BTreeSet<&str> = put.map(|step| step.key.as_str()).collect();
                Box::new(keys.into_iter().map(|key| format!("{}{key}", self.prefix)))
            }
        }
    }

    /// Whether a warm-up can run first: a trace is played once.
    pub(crate) fn is_endless(&self) -> bool {
        matches!(self.source, Source::Generated { .. })
    }

    fn put(&self, random: &mut Random) -> Todo {
        Todo::Put(random.between(self.sizes.0, self.sizes.1))
    }

    fn key(&self, number: usize) -> String {
        format!("{}{number}", self.prefix)
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
            let stored = workload.stored().count();
            (steps, stored)
        };
        assert_eq!(steps(1), steps(1));
        assert_ne!(steps(1).0, steps(2).0);
        let (steps, stored) = steps(1);
        let puts = steps.iter().filter(|s| matches!(s.action, Todo::Put(64..=128))).count();
        assert!((70..130).contains(&puts), "about half of them: {puts}");
        assert_eq!(puts, steps.iter().filter(|s| s.action != Todo::Get).count());
        let written: BTreeSet<&str> = steps.iter().filter(|s| s.action != Todo::Get).map(|s| s.key.as_str()).collect();
        assert_eq!(stored, written.len(), "what was stored is known, so that it can be removed");
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
            steps.push(step.action);
            steps.extend(workload.next(&mut other).map(|step| step.action));
        }
        assert_eq!(steps, [Todo::Put(100), Todo::Get, Todo::Put(200), Todo::Remove]);
        assert_eq!(workload.stored().collect::<Vec<_>>(), ["seaworthy-bench/1/a"]);
    }
}
