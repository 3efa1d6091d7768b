//! From stores to trials, and what is said at the end.

use crate::place::Place;
use crate::store::{Breakage, Running, Store};
use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use seaworthy_cache::conformance::{Fault, Subject, cases};
use seaworthy_cache::{Backend, Blob, Capability, Operation};
use seaworthy_engine::CacheSession;
use seaworthy_tests::{Behaviour, NoStage, Relay};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A store works again within this after a fault has passed: breakers look again.
const RECOVERY: Duration = Duration::from_secs(20);

/// Makes the trials of `stores` and runs those that were asked for.
pub(crate) fn run(arguments: &Arguments, stores: Vec<Store>) -> ExitCode {
    let mut trials = Vec::new();
    let mut notes = Vec::new();
    let mut started = Vec::new();
    for store in stores {
        if arguments.list || !names(store.name).iter().any(|name| is_asked_for(arguments, name)) {
            // To be listed, or to be filtered out: neither runs.
            trials.extend(ignored(store.name, "its store was not started"));
            continue;
        }
        match start(&store) {
            Ok((running, capability)) => {
                let running = Arc::new(running);
                trials.extend(of(&store, &running, &capability, &mut notes));
                started.push(running);
            }
            Err(NoStage::Unavailable(why)) => {
                trials.extend(ignored(store.name, &why));
                notes.push(format!("skipped {}: {why}", store.name));
            }
            Err(NoStage::Broken(error)) => {
                let why = format!("{error:#}");
                trials.push(Trial::test(format!("{}::opens", store.name), move || Err(Failed::from(why))));
            }
        }
    }
    let conclusion = libtest_mimic::run(arguments, trials);
    // Before the process ends, so that what the stores made is removed.
    drop(started);
    notes.iter().for_each(|note| println!("{note}"));
    conclusion.exit_code()
}

/// Every trial that a store could have.
fn names(store: &str) -> Vec<String> {
    let cases = cases().into_iter().map(|case| case.name);
    let faults = Fault::ALL.into_iter().map(Fault::name);
    ["opens"].into_iter().chain(cases).chain(faults).map(|name| format!("{store}::{name}")).collect()
}

/// Trials that cannot run. Who runs them all the same, with `--ignored`, is told why not.
fn ignored(store: &str, why: &str) -> Vec<Trial> {
    let trial = |name: String| {
        let why = why.to_owned();
        Trial::test(name, move || Err(Failed::from(why))).with_ignored_flag(true)
    };
    names(store).into_iter().map(trial).collect()
}

/// As libtest-mimic judges a name.
fn is_asked_for(arguments: &Arguments, name: &str) -> bool {
    let fits = |filter: &str| if arguments.exact { name == filter } else { name.contains(filter) };
    let wanted = arguments.filter.as_deref().is_none_or(fits);
    wanted && !arguments.skip.iter().any(|skip| fits(skip))
}

/// Starts a store and opens it once.
fn start(store: &Store) -> Result<(Running, Capability), NoStage> {
    let running = (store.start)()?;
    let opened = block_on(async {
        let session = running.place.session()?;
        backend(&session, &running.place)?.open().await.map_err(told)
    });
    let capability = opened.with_context(|| format!("{} does not open", store.name))?;
    Ok((running, capability))
}

fn of(store: &Store, running: &Arc<Running>, capability: &Capability, notes: &mut Vec<String>) -> Vec<Trial> {
    let trial = |name: &str, work: Box<dyn FnOnce() -> Result<()> + Send>| {
        Trial::test(format!("{}::{name}", store.name), move || work().map_err(|e| Failed::from(format!("{e:#}"))))
    };
    let words: Vec<String> = capability.operations.iter().map(ToString::to_string).collect();
    let properties: Vec<&str> = capability.properties.iter().map(String::as_str).collect();
    notes.push(format!("{} declares {}; is {}", store.name, words.join(", "), properties.join(", ")));
    let asked = capability.clone();
    let again = running.clone();
    let opens = move || {
        block_on(async {
            let session = again.place.session()?;
            let found = backend(&session, &again.place)?.open().await.map_err(told)?;
            ensure!(found == asked, "it opens differently the second time: {found:?}, first {asked:?}");
            ensure!(found.has(Operation::Get), "a cache that cannot be read is none");
            Ok(())
        })
    };
    let mut trials = vec![trial("opens", Box::new(opens))];
    for case in cases() {
        if let Some(how) = running.deviations.get(case.name) {
            notes.push(format!("{}: deviates in {}: {how}", store.name, case.name));
            continue;
        }
        let obstacle = block_on(async {
            let session = running.place.session()?;
            Ok(case.obstacle(&subject(backend(&session, &running.place)?, capability, running, case.name)))
        });
        match obstacle {
            Ok(Some(why)) => notes.push(format!("{}: no {}: {why}", store.name, case.name)),
            // What went wrong is said by the trial itself.
            Ok(None) | Err(_) => {
                let (running, capability) = (running.clone(), capability.clone());
                let work = move || {
                    block_on(async {
                        let session = running.place.session()?;
                        let backend = backend(&session, &running.place)?;
                        backend.open().await.map_err(told)?;
                        let subject = subject(backend, &capability, &running, case.name);
                        case.run(&subject).await.map_err(Error::new)
                    })
                };
                trials.push(trial(case.name, Box::new(work)));
            }
        }
    }
    for fault in Fault::ALL {
        if let Some(Breakage::Cannot(why)) = running.faults.get(&fault) {
            notes.push(format!("{}: no {fault}: {why}", store.name));
            continue;
        }
        let (running, capability) = (running.clone(), capability.clone());
        let work = move || block_on(suffer(&running, &capability, fault));
        trials.push(trial(fault.name(), Box::new(work)));
    }
    trials
}

/// Brings a fault about and has it judged.
async fn suffer(running: &Running, capability: &Capability, fault: Fault) -> Result<()> {
    let breakage = running.faults.get(&fault);
    let breakage = breakage.context("nobody said how this store has this fault, or why it cannot")?;
    let judged = async |session: &CacheSession, place: &Place, key: &str, when: &str| {
        let subject = subject(backend(session, place)?, capability, running, fault.name());
        fault.judge(&subject, key).await.map_err(|violation| anyhow!("{when}: {violation}"))
    };
    match breakage {
        Breakage::Cannot(_) => Ok(()),
        Breakage::At(place) => {
            let (_healthy, key) = stored(running, &running.place, capability, fault).await?;
            judged(&place.session()?, place, &key, "from the start").await
        }
        Breakage::Within(place) => {
            let (session, key) = stored(running, place, capability, fault).await?;
            judged(&session, place, &key, "while it is open").await
        }
        Breakage::Done(act) => {
            let (session, key) = stored(running, &running.place, capability, fault).await?;
            act(&key).context("the fault could not be brought about")?;
            judged(&session, &running.place, &key, "while it is open").await?;
            let fresh = running.place.session()?;
            judged(&fresh, &running.place, &key, "before it is open").await
        }
        Breakage::Relay(behaviour) => {
            let through = running.through.as_ref().context("the store says no way through a relay")?;
            let relay = if through.http { Relay::http(through.server) } else { Relay::tcp(through.server) }?;
            let place = (through.place)(relay.address())?;
            let (_healthy, key) = stored(running, &running.place, capability, fault).await?;
            let (open, closed) = (place.session()?, place.session()?);
            found(&open, &place, running, &key, Duration::ZERO)
                .await
                .context("through the relay, while all is well")?;
            let seen = relay.requests();
            ensure!(seen > 0, "the way of this place does not lead through the relay");
            relay.behave(*behaviour)?;
            let (first, second) = tokio::join!(
                judged(&open, &place, &key, "while it is open"),
                judged(&closed, &place, &key, "before it is open")
            );
            first.and(second)?;
            relay.behave(Behaviour::Pass)?;
            // A session that was asked for patience has it; another one knows of nothing.
            let patient = fault == Fault::RateLimited;
            let (open, closed) = if patient { (place.session()?, place.session()?) } else { (open, closed) };
            found(&open, &place, running, &key, RECOVERY).await.context("after the fault has passed")?;
            found(&closed, &place, running, &key, RECOVERY).await.context("opened after the fault has passed")
        }
    }
}

/// A session with the sample in it, and under which key.
async fn stored(
    running: &Running,
    place: &Place,
    capability: &Capability,
    fault: Fault,
) -> Result<(CacheSession, String)> {
    let session = place.session()?;
    let backend = backend(&session, place)?;
    backend.open().await.map_err(told).context("before the fault")?;
    if let Some((key, _)) = &running.known {
        return Ok((session, key.clone()));
    }
    ensure!(capability.has(Operation::Put), "a store that only reads has to name a value by `knowing`");
    let key = format!("conformance-{}/{}/sample", salt(), fault.name());
    backend
        .put(&key, Blob::new(Fault::sample()).with_ttl_ms(600_000))
        .await
        .map_err(told)
        .context("before the fault")?;
    Ok((session, key))
}

/// That the sample is found, within `patience`.
async fn found(session: &CacheSession, place: &Place, running: &Running, key: &str, patience: Duration) -> Result<()> {
    let expected = running.known.as_ref().map_or_else(Fault::sample, |(_, value)| value.clone());
    let asked = Instant::now();
    loop {
        match backend(session, place)?.get(key).await {
            Ok(Some(blob)) if blob.bytes == expected => return Ok(()),
            Ok(Some(blob)) => bail!("another value of {} bytes is there", blob.bytes.len()),
            Ok(None) => bail!("the value is said not to be there"),
            Err(error) if asked.elapsed() >= patience => return Err(told(error)),
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

fn subject<'a>(backend: &'a dyn Backend, capability: &'a Capability, running: &Running, name: &str) -> Subject<'a> {
    let mut subject = Subject::new(backend, capability, &format!("conformance-{}/{name}/", salt()));
    if let Some((key, value)) = &running.known {
        subject = subject.with_known(key, value);
    }
    if let Some(keys) = running.listed {
        subject = subject.listing(keys);
    }
    subject
}

/// Tells the keys of two runs apart that use one service.
fn salt() -> String {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    format!("{}-{:x}", std::process::id(), since.as_nanos())
}

fn backend<'a>(session: &'a CacheSession, place: &Place) -> Result<&'a dyn Backend> {
    session.tiers().tier(place.tier()).map(seaworthy_cache::Tier::backend).context("the session has no such tier")
}

fn told(error: seaworthy_cache::CacheError) -> Error {
    anyhow!("{error} {:?}", error.context)
}

fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_background();
    outcome
}
