//! The tier by `seaworthy cache`.

use crate::place::Place;
use crate::{Here, on_each};
use anyhow::{Result, ensure};
use seaworthy_tests::{Behaviour, Make, ObjectStore, Relay, Run, Scene, Scripted};
use std::time::Duration;

/// The exit code of what could not be asked.
const UNKNOWN: i32 = 5;
/// The exit code of what is not there.
const ABSENT: i32 = 6;

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    let mut scenes = on_each![
        "values_go_out_and_come_back" => back,
        "a_missing_key_is_a_miss_and_a_missing_bucket_is_not" => missing,
        "wrong_credentials_are_no_miss" => wrong,
        "values_end" => ends,
        "long_keys_have_short_names" => shortened,
        "sixteen_mebibytes_go_out_and_come_back" => large,
        "a_reader_does_not_write" => reader,
        "damage_on_the_way_is_noticed" => damage,
    ];
    scenes.push(Scene::new("slow_down_is_rate_limited_with_its_time", |_| slow_down()));
    scenes.push(Scene::new("a_store_that_is_down_is_unreachable", |_| down()));
    scenes
        .push(Scene::new("a_region_that_nobody_names_is_learnt", |_| learnt()).unless(crate::obstacle(Make::JuiceFs)));
    scenes
}

fn back(make: Make) -> Result<()> {
    let store = ObjectStore::start(make)?;
    let place = Place::at(store.address())?;
    for (key, value) in
        [("plain", "one"), ("grüße/日本 x.txt", "two"), ("a", "three"), ("a/b//../c", ""), ("a!", "five")]
    {
        place.put(key, value, &["--ttl", "1h", "--meta", "origin=größer & \"so\""])?.exits(0)?;
        let got = place.cache(&["get", key])?;
        ensure!(got.exits(0)?.stdout == value, "{key}: {}", got.transcript());
    }
    let stat = place.cache(&["stat", "grüße/日本 x.txt", "--json"])?;
    ensure!(stat.exits(0)?.stdout.contains("\"ttl-ms\"") && stat.stdout.contains('3'), "{}", stat.transcript());
    let list = place.cache(&["list", "a"])?;
    let lines: Vec<&str> = list.exits(0)?.stdout.lines().collect();
    ensure!(lines.len() == 3 && lines.iter().any(|line| line.contains("a/b//../c")), "{}", list.transcript());
    place.put("plain", "another", &[])?.exits(0)?;
    ensure!(place.cache(&["get", "plain"])?.stdout == "another", "it was not overwritten");
    place.cache(&["rm", "plain"])?.exits(0)?;
    place.cache(&["get", "plain"])?.exits(ABSENT)?;
    place.cache(&["rm", "plain"])?.exits(0)?;
    let long = "k".repeat(1200);
    ensure!(place.put(&long, "x", &[])?.exits(2)?.stderr.contains("too-large"), "a key of 1200 bytes");
    let metadata = format!("note={}", "x".repeat(2100));
    ensure!(place.put("k", "x", &["--meta", &metadata])?.exits(2)?.stderr.contains("too-large"), "2 KiB of metadata");
    place.cache(&["get", "k"])?.exits(ABSENT).map(drop)
}

fn large(make: Make) -> Result<()> {
    let store = ObjectStore::start(make)?;
    let place = Place::at(store.address())?.policy(
        "\n[tiers.s3]\nadapter = \"s3\"\ntarget = \"s3\"\ntimeout = \"60s\"\nwith = { timeout-ms = 60000 }\n\
         [cache]\nbudget = \"60s\"\n",
    )?;
    let value: String =
        (0..).flat_map(|n: u32| format!("{n:08x}").into_bytes()).take(16 << 20).map(char::from).collect();
    place.put("large", &value, &["--ttl", "1h"])?.exits(0)?;
    let got = place.cache(&["get", "large"])?;
    got.exits(0)?;
    ensure!(got.stdout == value, "{} bytes came back, and not those that were stored", got.stdout.len());
    let over = "x".repeat((32 << 20) + 1);
    let refused = place.put("large", &over, &[])?;
    ensure!(refused.exits(2)?.stderr.contains("too-large"), "{}", refused.stderr);
    ensure!(place.cache(&["get", "large"])?.exits(0)?.stdout == value, "what was refused changed something");
    Ok(())
}

/// Keys on both sides of the border, and in one listing. The default border is S3's own,
/// where s3s, which keeps names in file names, cannot follow.
fn shortened(make: Make) -> Result<()> {
    let store = ObjectStore::start(make)?;
    let borders: &[u32] = if make == Make::JuiceFs { &[120, 1024] } else { &[120] };
    for border in borders {
        let prefix = format!("names-{border}");
        let place = Place::at(store.address())?.policy(&format!(
            "\n[tiers.s3]\nadapter = \"s3\"\ntarget = \"s3\"\n\
             with = {{ prefix = \"{prefix}\", max-name-bytes = {border} }}\n"
        ))?;
        let keys = ["k".repeat(1024), format!("a/{}", "ü/".repeat(150)), "a/brief".to_owned(), "b".to_owned()];
        for key in &keys {
            place.put(key, key, &["--ttl", "1h", "--meta", "note=long"])?.exits(0)?;
        }
        for key in &keys {
            let got = place.cache(&["get", key])?;
            ensure!(got.exits(0)?.stdout == *key, "{border}: {}", got.transcript());
        }
        for (beginning, expected) in [("", 4), ("a/", 2), ("a/ü", 1), ("kkk", 1), ("c", 0)] {
            let list = place.cache(&["list", beginning])?;
            let lines: Vec<&str> = list.exits(0)?.stdout.lines().collect();
            let told = keys.iter().filter(|key| key.starts_with(beginning));
            ensure!(lines.len() == expected, "{border} `{beginning}`: {}", list.transcript());
            for key in told {
                ensure!(lines.iter().any(|line| line.contains(key.as_str())), "{border}: `{key}` is not listed");
            }
        }
        place.cache(&["rm", &keys[0]])?.exits(0)?;
        place.cache(&["get", &keys[0]])?.exits(ABSENT)?;
        let long = "k".repeat(1025);
        ensure!(place.put(&long, "x", &[])?.exits(2)?.stderr.contains("too-large"), "a key of 1025 bytes");
    }
    Ok(())
}

fn missing(make: Make) -> Result<()> {
    let store = ObjectStore::start(make)?;
    let place = Place::at(store.address())?;
    place.cache(&["get", "nobody-stored-this"])?.exits(ABSENT)?;
    place.cache(&["stat", "nobody-stored-this"])?.exits(ABSENT)?;
    let other = Place::at(store.address())?.with("CACHE_S3_BUCKET", "no-such-bucket");
    says(&other.cache(&["get", "k"])?, 3, &["configuration", "no-such-bucket", "NoSuchBucket"])
}

fn wrong(make: Make) -> Result<()> {
    let store = ObjectStore::start(make)?;
    let secret = Place::at(store.address())?.with("AWS_SECRET_ACCESS_KEY", "another-secret-of-some-length");
    says(&secret.cache(&["get", "k"])?, UNKNOWN, &["unauthenticated", "SignatureDoesNotMatch"])?;
    says(&secret.put("k", "v", &[])?, UNKNOWN, &["unauthenticated"])?;
    let key = Place::at(store.address())?.with("AWS_ACCESS_KEY_ID", "another-key-id-of-some-length");
    says(&key.cache(&["get", "k"])?, UNKNOWN, &["unauthenticated", "does not know the access key"])?;
    let half = Place::at(store.address())?.without("AWS_SECRET_ACCESS_KEY");
    says(&half.cache(&["get", "k"])?, UNKNOWN, &["unauthenticated", "AWS_SECRET_ACCESS_KEY is not"])?;
    let nobody = Place::at(store.address())?.without("AWS_SECRET_ACCESS_KEY").without("AWS_ACCESS_KEY_ID");
    says(&nobody.cache(&["get", "k"])?, UNKNOWN, &["unauthenticated"])
}

fn ends(make: Make) -> Result<()> {
    let store = ObjectStore::start(make)?;
    let place = Place::at(store.address())?;
    place.put("brief", "v", &["--ttl", "1s"])?.exits(0)?;
    std::thread::sleep(Duration::from_millis(1200));
    place.cache(&["get", "brief"])?.exits(ABSENT)?;
    place.cache(&["stat", "brief"])?.exits(ABSENT).map(drop)
}

fn reader(make: Make) -> Result<()> {
    let store = ObjectStore::start(make)?;
    Place::at(store.address())?.put("k", "v", &[])?.exits(0)?;
    let place = Place::at(store.address())?;
    let place = place.policy("\n[tiers.s3]\nadapter = \"s3\"\ntarget = \"s3\"\nwith = { read-only = true }\n")?;
    ensure!(place.cache(&["get", "k"])?.exits(0)?.stdout == "v", "a reader reads");
    let put = place.put("k", "other", &[])?;
    ensure!(put.code() != Some(0), "a reader stored: {}", put.transcript());
    ensure!(place.cache(&["get", "k"])?.exits(0)?.stdout == "v", "nothing was overwritten");
    let stats = place.cache(&["stats"])?;
    ensure!(stats.stdout.contains("can: get stat list\n"), "{}", stats.transcript());
    Ok(())
}

fn damage(make: Make) -> Result<()> {
    let store = ObjectStore::start(make)?;
    let value = "0123456789".repeat(400);
    Place::at(store.address())?.put("k", &value, &[])?.exits(0)?;
    let relay = Relay::http(store.address())?;
    let place = Place::at(relay.address())?;
    ensure!(place.cache(&["get", "k"])?.exits(0)?.stdout == value, "through the relay, while all is well");
    for behaviour in [Behaviour::Flip, Behaviour::Truncate] {
        relay.behave(behaviour)?;
        says(&place.cache(&["get", "k"])?, UNKNOWN, &["integrity"])?;
    }
    relay.behave(Behaviour::Skew(3600))?;
    says(&place.cache(&["get", "k"])?, UNKNOWN, &["clock", "NTP"])?;
    relay.behave(Behaviour::Cut)?;
    let cut = place.cache(&["get", "k"])?;
    ensure!(cut.exits(UNKNOWN)?.stdout.is_empty(), "a part of a value came out: {}", cut.transcript());
    Ok(())
}

fn slow_down() -> Result<()> {
    let body = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
    let store =
        Scripted::always("HTTP/1.1 503 Slow Down\r\nRetry-After: 41\r\nContent-Type: application/xml\r\n", body)?;
    says(&Place::at(store.address())?.cache(&["get", "k"])?, UNKNOWN, &["rate-limited", "SlowDown"])?;
    ensure!(!store.asked().is_empty(), "nobody asked");
    Ok(())
}

fn down() -> Result<()> {
    let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    says(&Place::at(address)?.cache(&["get", "k"])?, UNKNOWN, &["unreachable"])
}

fn learnt() -> Result<()> {
    let store = ObjectStore::start(Make::JuiceFs)?;
    let place = Place::at(store.address())?.without("AWS_REGION");
    place.put("k", "v", &[])?.exits(0)?;
    ensure!(place.cache(&["get", "k"])?.exits(0)?.stdout == "v", "the region was not learnt");
    let wrong = Place::at(store.address())?.with("AWS_REGION", "us-west-2");
    says(&wrong.cache(&["get", "k"])?, 3, &["configuration", "AWS_REGION=eu-scene-1"])
}

/// Checks the exit code, and that all of this is on stderr.
fn says(run: &Run, code: i32, words: &[&str]) -> Result<()> {
    run.exits(code)?;
    for word in words {
        ensure!(run.stderr.contains(word), "`{word}` is not in\n{}", run.transcript());
    }
    Ok(())
}
