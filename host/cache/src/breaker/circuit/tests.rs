use super::*;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

const RULES: BreakerRules =
    BreakerRules { failures: 3, open: Duration::from_secs(1), max_open: Duration::from_secs(6) };

fn failed() -> Verdict {
    Verdict::Failed(CacheError::unreachable("get", "refused"))
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Asks once and answers at once.
fn ask(circuit: &mut Circuit, verdict: &Verdict, now: Instant) -> bool {
    let Ok(pass) = circuit.admit(now) else { return false };
    circuit.settle(&pass, verdict, now);
    true
}

#[test]
fn failures_in_a_row_open_it_and_an_answer_between_them_does_not() {
    let now = Instant::now();
    let mut circuit = Circuit::new(RULES);
    for verdict in [failed(), failed(), Verdict::Answered, failed(), failed()] {
        assert!(ask(&mut circuit, &verdict, now));
    }
    assert_eq!(circuit.state(), CircuitState::Closed);
    assert!(ask(&mut circuit, &failed(), now));
    assert_eq!((circuit.state(), circuit.openings()), (CircuitState::Open, 1));
    let (error, left) = circuit.admit(now).unwrap_err();
    assert_eq!((error.kind.as_str(), left), ("unreachable", seconds(1)));
}

#[test]
fn one_trial_decides_and_waits_double_up_to_the_cap() {
    let mut now = Instant::now();
    let mut circuit = Circuit::new(RULES);
    (0..3).for_each(|_| assert!(ask(&mut circuit, &failed(), now)));
    for wait in [1, 2, 4, 6, 6] {
        assert!(circuit.admit(now + seconds(wait) - Duration::from_millis(1)).is_err(), "too early: {wait}");
        now += seconds(wait);
        let trial = circuit.admit(now).unwrap();
        assert_eq!(circuit.state(), CircuitState::HalfOpen);
        assert!(circuit.admit(now).is_err(), "one trial at a time");
        circuit.settle(&trial, &failed(), now);
        assert_eq!(circuit.state(), CircuitState::Open);
    }
    now += seconds(6);
    assert!(ask(&mut circuit, &Verdict::Answered, now));
    assert_eq!((circuit.state(), circuit.openings(), circuit.trials()), (CircuitState::Closed, 6, 6));
    (0..3).for_each(|_| assert!(ask(&mut circuit, &failed(), now)));
    assert_eq!(circuit.admit(now).unwrap_err().1, seconds(1), "a tier that worked again starts afresh");
}

#[test]
fn a_wish_to_be_left_alone_is_obeyed_and_capped() {
    for (wish, obeyed) in [(0, 1), (4, 4), (3600, 6)] {
        let now = Instant::now();
        let mut circuit = Circuit::new(RULES);
        let busy = Verdict::Busy(CacheError::rate_limited("get", "429", Some(seconds(wish))), seconds(wish));
        assert!(ask(&mut circuit, &busy, now));
        assert_eq!(circuit.admit(now).unwrap_err().1, seconds(obeyed), "{wish} s");
        assert!(circuit.admit(now + seconds(obeyed)).is_ok(), "it does not cost the tier for the run");
    }
}

#[test]
fn a_trial_that_nobody_waits_for_is_given_to_the_next() {
    let now = Instant::now();
    let mut circuit = Circuit::new(RULES);
    ask(&mut circuit, &Verdict::Broken(CacheError::unauthenticated("get", "wrong secret")), now);
    assert_eq!(circuit.admit(now).unwrap_err().1, seconds(6), "at once, and for long");
    let later = now + seconds(6);
    let trial = circuit.admit(later).unwrap();
    circuit.release(&trial, later);
    assert_eq!(circuit.state(), CircuitState::Open);
    assert!(ask(&mut circuit, &Verdict::Answered, later));
    assert_eq!(circuit.state(), CircuitState::Closed);
}

#[test]
fn what_was_asked_before_it_opened_neither_closes_nor_opens_it() {
    let now = Instant::now();
    let mut circuit = Circuit::new(RULES);
    let slow: Vec<Pass> = (0..8).map(|_| circuit.admit(now).unwrap()).collect();
    (0..3).for_each(|n| circuit.settle(&slow[n], &failed(), now));
    assert_eq!(circuit.openings(), 1);
    circuit.settle(&slow[3], &Verdict::Answered, now);
    circuit.settle(&slow[4], &failed(), now);
    circuit.release(&slow[5], now);
    assert_eq!((circuit.state(), circuit.openings()), (CircuitState::Open, 1));
}

/// Two hundred random histories: whatever happens, the rules of the states hold.
#[test]
fn no_history_gets_it_stuck() {
    for seed in 0..200 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut circuit = Circuit::new(RULES);
        let mut now = Instant::now();
        let mut out: Vec<Pass> = Vec::new();
        for _ in 0..50 {
            let before = circuit.state();
            match random.random_range(0..6) {
                0 => now += Duration::from_millis(random.random_range(0..3000)),
                1 | 2 => match circuit.admit(now) {
                    Ok(pass) => {
                        let expected = if before == CircuitState::Closed { before } else { CircuitState::HalfOpen };
                        assert_eq!(circuit.state(), expected, "seed {seed}");
                        assert_eq!(pass.trial, before == CircuitState::Open, "seed {seed}");
                        out.push(pass);
                    }
                    Err((_, left)) => {
                        assert_ne!(before, CircuitState::Closed, "a closed circuit refuses nobody; seed {seed}");
                        assert!(left <= RULES.max_open, "seed {seed}");
                    }
                },
                what if !out.is_empty() => {
                    let pass = out.swap_remove(random.random_range(0..out.len()));
                    let current = pass.turn == circuit.turn;
                    let busy = Verdict::Busy(CacheError::rate_limited("get", "429", None), seconds(9));
                    match what {
                        3 => circuit.settle(&pass, &Verdict::Answered, now),
                        4 if random.random() => circuit.settle(&pass, &busy, now),
                        4 => circuit.settle(&pass, &failed(), now),
                        _ => circuit.release(&pass, now),
                    }
                    assert!(current || circuit.state() == before, "an old answer changed the state; seed {seed}");
                    if current && pass.trial {
                        assert_ne!(circuit.state(), CircuitState::HalfOpen, "the trial is over; seed {seed}");
                    }
                }
                _ => {}
            }
            let trials = out.iter().filter(|pass| pass.trial && pass.turn == circuit.turn).count();
            assert_eq!(trials, usize::from(circuit.state() == CircuitState::HalfOpen), "seed {seed}");
            assert!(circuit.openings() >= u64::from(circuit.again), "seed {seed}");
        }
        // The way back is always there: everybody gives up, the time passes, one trial succeeds.
        out.iter().for_each(|pass| circuit.release(pass, now));
        now += RULES.max_open;
        assert!(ask(&mut circuit, &Verdict::Answered, now), "seed {seed}");
        assert_eq!(circuit.state(), CircuitState::Closed, "seed {seed}");
    }
}
