//! The check of the store.

use crate::place::{Place, fact};
use crate::{Here, on_each};
use anyhow::{Context, Result, ensure};
use seaworthy_tests::{
    Behaviour, Make, ObjectStore, Reading as _, Relay, Scene, Scripted, SilentPorts, store_denying, store_says,
};

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    let mut scenes = on_each![
        "a_store_that_is_right_passes" => right,
        "each_wrong_credential_is_told" => credentials,
        "a_bucket_that_is_not_there_is_told" => bucket,
        "a_clock_that_is_off_is_told" => clock,
    ];
    scenes.push(
        Scene::new("a_wrong_region_is_told_with_the_right_one", |_| region()).unless(crate::obstacle(Make::JuiceFs)),
    );
    scenes.extend([
        Scene::new("answers_of_other_stores_are_told_apart", |_| scripted()),
        Scene::new("a_missing_permission_is_named", |_| permissions()),
        Scene::new("a_store_that_does_not_answer_is_told", |_| unanswered()),
        Scene::new("a_run_that_may_not_write_writes_nothing", |_| writes_nothing()),
        Scene::new("without_a_bucket_the_check_is_not_configured", |_| unconfigured()),
    ]);
    scenes
}

fn right(make: Make) -> Result<()> {
    let store = ObjectStore::start(make)?;
    let facts = Place::at(store.address())?.passes()?;
    ensure!(fact(&facts, "permitted")? == "list,read,write,delete", "{facts:?}");
    ensure!(fact(&facts, "region")? == ObjectStore::REGION && fact(&facts, "addressing")? == "path", "{facts:?}");
    ensure!(fact(&facts, "access")? == "keys" && fact(&facts, "latency-ms")?.parse::<f64>()? > 0.0, "{facts:?}");
    ensure!(fact(&facts, "skew-s")?.parse::<i64>()?.abs() <= 2, "both clocks are this machine's: {facts:?}");
    // It leaves nothing behind.
    let list = Place::at(store.address())?.cache(&["list"])?;
    ensure!(list.exits(0)?.stdout.is_empty(), "{}", list.transcript());
    Ok(())
}

fn credentials(make: Make) -> Result<()> {
    let store = ObjectStore::start(make)?;
    let place = || Place::at(store.address());
    place()?.with("AWS_SECRET_ACCESS_KEY", "another-secret-of-some-length").finds("s3.wrong-secret")?;
    place()?.with("AWS_ACCESS_KEY_ID", "another-key-id-of-some-length").finds("s3.unknown-key")?;
    place()?.with("AWS_SECRET_ACCESS_KEY", &format!("{}\n", ObjectStore::SECRET)).finds("s3.credentials-whitespace")?;
    place()?.without("AWS_SECRET_ACCESS_KEY").finds("s3.credentials-incomplete")?;
    place()?.without("AWS_SECRET_ACCESS_KEY").without("AWS_ACCESS_KEY_ID").finds("s3.credentials-missing").map(drop)
}

fn bucket(make: Make) -> Result<()> {
    let store = ObjectStore::start(make)?;
    Place::at(store.address())?.with("CACHE_S3_BUCKET", "no-such-bucket").finds("s3.no-bucket")?;
    Place::at(store.address())?.with("CACHE_S3_BUCKET", "a/b").finds("s3.not-configured").map(drop)
}

fn clock(make: Make) -> Result<()> {
    let store = ObjectStore::start(make)?;
    let relay = Relay::http(store.address())?;
    relay.behave(Behaviour::Skew(3600))?;
    let finding = Place::at(relay.address())?.finds("s3.clock-skew")?;
    let skew: i64 = finding.details.get("skew-s").context("no skew-s")?.parse()?;
    ensure!((3598..=3602).contains(&skew.abs()), "{skew}");
    Ok(())
}

fn region() -> Result<()> {
    let store = ObjectStore::start(Make::JuiceFs)?;
    let finding = Place::at(store.address())?.with("AWS_REGION", "us-west-2").finds("s3.wrong-region")?;
    ensure!(finding.details.get("region").is_some_and(|region| region == ObjectStore::REGION), "{:?}", finding.details);
    let facts = Place::at(store.address())?.without("AWS_REGION").passes()?;
    ensure!(fact(&facts, "region")? == ObjectStore::REGION, "{facts:?}");
    Ok(())
}

fn writes_nothing() -> Result<()> {
    let store = Scripted::start(store_denying(&[], true))?;
    let facts = Place::at(store.address())?.reading_only()?.passes()?;
    ensure!(fact(&facts, "permitted")? == "list,read", "{facts:?}");
    let asked: Vec<String> = store.asked().into_iter().map(|asked| asked.line()).collect();
    ensure!(asked.len() == 2 && asked.iter().all(|line| line.starts_with("GET ")), "{asked:?}");
    Ok(())
}

fn scripted() -> Result<()> {
    let times = "<RequestTime>20150830T123600Z</RequestTime><ServerTime>2015-08-30T14:36:00Z</ServerTime>";
    for (status, headers, inner, code, detail) in [
        ("400 Bad Request", "", "<Code>ExpiredToken</Code>", "s3.expired-token", ("code", "ExpiredToken")),
        ("400 Bad Request", "", "<Code>InvalidToken</Code>", "s3.invalid-token", ("code", "InvalidToken")),
        (
            "403 Forbidden",
            "",
            &*format!("<Code>RequestTimeTooSkewed</Code>{times}"),
            "s3.clock-skew",
            ("skew-s", "-7200"),
        ),
        (
            "301 Moved Permanently",
            "x-amz-bucket-region: us-west-2\r\n",
            "<Code>PermanentRedirect</Code><Endpoint>b.s3-us-west-2.amazonaws.com</Endpoint>",
            "s3.wrong-region",
            ("region", "us-west-2"),
        ),
        (
            "307 Temporary Redirect",
            "",
            "<Code>TemporaryRedirect</Code><Endpoint>elsewhere.test</Endpoint>",
            "s3.redirected",
            ("endpoint", "elsewhere.test"),
        ),
        ("503 Slow Down", "Retry-After: 7\r\n", "<Code>SlowDown</Code>", "s3.busy", ("retry-after-ms", "7000")),
        ("500 Internal Server Error", "", "<Code>InternalError</Code>", "s3.out-of-order", ("status", "500")),
        ("507 Insufficient Storage", "", "<Code>XMinioStorageFull</Code>", "s3.full", ("code", "XMinioStorageFull")),
        (
            "403 Forbidden",
            "",
            "<Code>AccessDenied</Code><Message>Forbidden: Invalid signature</Message>",
            "s3.wrong-secret",
            ("status", "403"),
        ),
    ] {
        let store = Scripted::start(store_says(status, headers, inner))?;
        let finding = Place::at(store.address())?.finds(code).context(code)?;
        let found = finding.details.get(detail.0).map(String::as_str);
        ensure!(found == Some(detail.1), "{code}: {} is {found:?}", detail.0);
        ensure!(!store.asked().is_empty(), "{code}: nobody asked");
    }
    let console =
        Scripted::always("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n", "<!doctype html><title>Console</title>")?;
    Place::at(console.address())?.finds("s3.not-s3").map(drop)
}

fn permissions() -> Result<()> {
    let permission = |place: Place| -> Result<String> {
        let finding = place.finds("s3.denied")?;
        finding.details.get("permission").cloned().context("no permission is named")
    };
    let closed = Scripted::start(store_denying(&["PUT"], true))?;
    ensure!(permission(Place::at(closed.address())?)? == "s3:PutObject", "writing");
    let mute = Scripted::start(store_denying(&["GET"], true))?;
    ensure!(permission(Place::at(mute.address())?.reading_only()?)? == "s3:GetObject", "reading");
    let sticky = Scripted::start(store_denying(&["DELETE"], true))?;
    let report = Place::at(sticky.address())?.report()?;
    let denied = report
        .check("s3.store")?
        .findings
        .iter()
        .filter_map(|f| f.details.get("permission"))
        .any(|p| p == "s3:DeleteObject");
    ensure!(denied, "removing");
    let blind = Scripted::start(store_denying(&[], false))?;
    let place = Place::at(blind.address())?.reading_only()?;
    ensure!(permission(Place::at(blind.address())?.reading_only()?)? == "s3:ListBucket", "listing");
    // The tier says it too, and that a miss could not be told.
    let get = place.cache(&["get", "k"])?;
    ensure!(get.exits(5)?.stderr.contains("forbidden") && get.stderr.contains("s3:ListBucket"), "{}", get.transcript());
    Ok(())
}

fn unanswered() -> Result<()> {
    let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    Place::at(address)?.finds("s3.unreachable")?;
    let silent = SilentPorts::open(1)?;
    Place::at(silent.addresses[0])?.finds("s3.slow")?;
    // Plain HTTP where TLS is expected.
    let plain = Scripted::always("HTTP/1.1 200 OK\r\n", "")?;
    Place::at(plain.address())?
        .with("CACHE_S3_ENDPOINT", &format!("https://{}", plain.address()))
        .finds("s3.tls")
        .map(drop)
}

fn unconfigured() -> Result<()> {
    let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let report = Place::at(address)?.without("CACHE_S3_BUCKET").report()?;
    let step = report.check("s3.store")?;
    ensure!(step.skip_reason.is_some() && step.findings.is_empty(), "{:?}: {}", step.status, step.message);
    Ok(())
}
