//! What is not written, and why.

use crate::made::{Made, cause, remedy, risky, run};
use seaworthy_model::{Layer, Remediation};
use seaworthy_remedy::{Around, Blocker, Change, Kind, propose};

fn env(remedy: Remediation) -> Change {
    let made = Made::on("bridge").cause(cause("x.y", Layer::Config, vec![remedy]));
    let fix = propose(&made.0, &Around::default(), None).fixes.remove(0);
    fix.changes.into_iter().find(|change| change.kind == Kind::Env).unwrap()
}

fn why(command: &str) -> Vec<String> {
    env(remedy("r", vec![run(command)])).blockers.iter().map(ToString::to_string).collect()
}

#[test]
fn what_only_a_person_can_complete_is_left() {
    assert!(
        why("export CACHE_BOOTSTRAP_PEERS=/ip4/ADDRESS/tcp/9100/p2p/ID")[0].starts_with("ADDRESS has to be filled in")
    );
    assert!(why("export CACHE_S3_ENDPOINT=https://u:[redacted:1f2e3d4c]@s3.test")[0].contains("hidden in the report"));
    assert_eq!(why("export CACHE_ENABLE_P2P=true"), Vec::<String>::new());
}

#[test]
fn a_report_of_a_stranger_sets_no_variable_of_another_program() {
    assert_eq!(why("export LD_PRELOAD=/tmp/x.so"), ["LD_PRELOAD is no variable of the cache"]);
    assert!(why("export CACHE_DIR='/a\nPATH=/tmp'").contains(&"CACHE_DIR holds a control character".to_owned()));
    assert_eq!(why("export PATH=/tmp CACHE_DIR=/a"), ["PATH is no variable of the cache"]);
}

#[test]
fn what_opens_access_is_never_written() {
    let change = env(risky("r", vec![run("export CACHE_LISTEN_ADDRESS=0.0.0.0")]));
    assert!(matches!(change.blockers[0], Blocker::Risk(_)));
    assert!(change.blockers[0].to_string().contains("opens access"));
}

#[test]
fn causes_that_disagree_are_mended_one_after_the_other() {
    let one = |code: &str, value: &str| {
        cause(code, Layer::Config, vec![remedy("r", vec![run(&format!("export CACHE_LISTEN_PORT={value}"))])])
    };
    let made = Made::on("bridge").cause(one("a.a", "9101")).cause(one("b.b", "9102")).cause(one("c.c", "9101"));
    let proposal = propose(&made.0, &Around::default(), None);
    let waiting: Vec<bool> = proposal.fixes.iter().map(|fix| !fix.waits.is_empty()).collect();
    assert_eq!(waiting, [false, true, false]);
    let files = proposal.files(&|_| Ok(None));
    let writable: Vec<_> = files.iter().filter(|file| file.blockers.is_empty()).collect();
    assert_eq!(writable.len(), 1);
    assert!(writable[0].after.as_deref().unwrap().contains("CACHE_LISTEN_PORT=9101"));
}

#[test]
fn one_cause_of_several_may_be_asked_for() {
    let made = Made::on("bridge")
        .cause(cause("a.a", Layer::Config, vec![remedy("r", vec![run("export CACHE_ENABLE_P2P=true")])]))
        .cause(cause("b.b", Layer::Config, vec![remedy("r", vec![run("export CACHE_DIR=/c")])]));
    let proposal = propose(&made.0, &Around::default(), Some("b.b"));
    assert_eq!(proposal.fixes.iter().map(|fix| fix.cause.as_str()).collect::<Vec<_>>(), ["b.b"]);
}
