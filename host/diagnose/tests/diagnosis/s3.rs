//! What keeps an S3 store from being a cache.

use crate::causes::{causes, diagnose, says};
use crate::record::*;
use seaworthy_model::{Confidence, Layer, RunRecord};

const STORE: &str = "http://minio:9000";

fn found(code: &str, layer: Layer) -> F {
    finding(code, layer).at(STORE).detail("bucket", "cache")
}

/// A run with the check of the store, and a tier on it that did not open.
fn run(findings: Vec<F>) -> RunRecord {
    let mut record = suite(BRIDGE, vec![], vec![]);
    let shut =
        finding("cache.open-failed", Layer::Cache).at("s3").detail("error-kind", "forbidden").detail("adapter", "s3");
    record.steps.push(step("cache.initialization", "cache/initialization", vec![shut]));
    record.steps.push(step("s3.store", "s3/store", findings));
    record
}

#[test]
fn the_store_explains_its_tier() {
    let region = found("s3.wrong-region", Layer::Config).detail("region", "eu-1").detail("signed-for", "us-east-1");
    let diagnosis = diagnose(run(vec![region]), None);
    assert_eq!(causes(&diagnosis), [("s3.wrong-region", Confidence::Certain)]);
    assert_eq!(diagnosis.causes[0].explains.len(), 2, "the tier follows from it");
    says(&diagnosis, "export AWS_REGION=eu-1");
    assert!(diagnosis.causes[0].remediations.iter().all(|remedy| remedy.verified_by.as_deref() == Some("s3.store")));
}

#[test]
fn a_warning_about_the_clock_explains_no_failure() {
    let diagnosis = diagnose(run(vec![found("s3.clock-skew", Layer::Process).warn()]), None);
    let codes: Vec<&str> = causes(&diagnosis).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["cache.open-failed", "s3.clock-skew"]);
}

#[test]
fn another_tier_is_another_matter() {
    let mut record = suite(BRIDGE, vec![], vec![]);
    let shut = finding("cache.open-failed", Layer::Cache)
        .at("disk")
        .detail("error-kind", "forbidden")
        .detail("adapter", "disk");
    record.steps.push(step("cache.initialization", "cache/initialization", vec![shut]));
    record.steps.push(step("s3.store", "s3/store", vec![found("s3.wrong-secret", Layer::Identity)]));
    assert_eq!(causes(&diagnose(record, None)).len(), 2);
}

#[test]
fn the_missing_permissions_make_the_smallest_policy() {
    let missing = |permission: &str| found("s3.denied", Layer::Identity).detail("permission", permission);
    let diagnosis = diagnose(run(vec![missing("s3:PutObject"), missing("s3:DeleteObject")]), None);
    assert_eq!(causes(&diagnosis).len(), 1);
    says(&diagnosis, r#""Action": ["s3:DeleteObject", "s3:PutObject"], "Resource": "arn:aws:s3:::cache/seaworthy/*""#);
    says(&diagnosis, "read-only = true");
    let first = &diagnosis.causes[0].remediations[0];
    assert_eq!(first.id, "read-only", "the least privilege comes first");
    let all: String = diagnosis.causes[0].remediations.iter().map(|remedy| format!("{remedy:?}")).collect();
    assert!(!all.contains("s3:ListBucket") && !all.contains("s3:GetObject") && !all.contains("s3:*"), "{all}");

    let diagnosis = diagnose(run(vec![missing("s3:ListBucket")]), None);
    says(&diagnosis, r#""Action": ["s3:ListBucket"], "Resource": "arn:aws:s3:::cache""#);
    assert!(diagnosis.causes[0].remediations.iter().all(|remedy| remedy.id != "read-only"), "a reader needs it too");
}

#[test]
fn every_code_has_a_change_and_a_proof() {
    for (code, layer, command) in [
        ("s3.credentials-missing", Layer::Identity, "-e AWS_ACCESS_KEY_ID"),
        ("s3.credentials-incomplete", Layer::Identity, "secrets.AWS_SECRET_ACCESS_KEY"),
        ("s3.credentials-whitespace", Layer::Identity, "printf %s"),
        ("s3.unknown-key", Layer::Identity, "gh secret set AWS_ACCESS_KEY_ID"),
        ("s3.wrong-secret", Layer::Identity, "aws iam create-access-key"),
        ("s3.expired-token", Layer::Identity, "role-duration-seconds"),
        ("s3.invalid-token", Layer::Identity, "unset AWS_SESSION_TOKEN"),
        ("s3.wrong-region", Layer::Config, "get-bucket-location"),
        ("s3.redirected", Layer::Config, "console"),
        ("s3.no-bucket", Layer::Config, "aws s3 mb s3://cache --endpoint-url http://minio:9000"),
        ("s3.clock-skew", Layer::Process, "hwclock -s"),
        ("s3.virtual-host", Layer::Config, "addressing = \"path\""),
        ("s3.not-s3", Layer::Config, "curl -sSi http://minio:9000"),
        ("s3.proxy", Layer::Tls, "NO_PROXY=minio"),
        ("s3.tls", Layer::Tls, "SSL_CERT_FILE"),
        ("s3.metadata-lost", Layer::Cache, "--object-meta"),
    ] {
        let diagnosis = diagnose(run(vec![found(code, layer)]), None);
        assert_eq!(causes(&diagnosis)[0].0, code);
        says(&diagnosis, command);
    }
}
