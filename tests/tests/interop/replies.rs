//! What our peer replies to pushes that are not as they should be, seen from
//! Python: the table of `/github-cache/1.0.0`.

use crate::pushes::now;
use crate::{Here, for_each_python, held, peer, python};
use anyhow::{Context, Result, ensure};
use seaworthy_tests::{Peer, PythonPeer, Scene};
use serde_json::{Value, json};

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    for_each_python![
        "garbage_and_wrong_secrets_get_the_reply_of_the_table" => undecipherable,
        "incomplete_messages_get_the_reply_of_the_table" => incomplete,
        "old_and_expired_entries_are_acknowledged_and_not_kept" => out_of_time,
        "wrong_entries_are_dropped_without_a_reply" => dropped,
        "an_entry_from_the_future_is_refused" => future,
        "a_wrong_secret_gets_no_peers" => exchange_refused,
    ]
}

const UNDECIPHERABLE: &str = "ERROR: Decryption failed";
const INCOMPLETE: &str = "ERROR: Invalid format";

/// A Python peer that has dialled ours.
fn pair(version: &'static str) -> Result<(Peer, PythonPeer)> {
    let (ours, mut python) = (peer(&[])?, python(version)?);
    python.dial(&ours.at("ip4/127.0.0.1")?)?;
    Ok((ours, python))
}

fn told(python: &mut PythonPeer, what: &str, question: Value, wanted: Option<&str>) -> Result<()> {
    let answer = python.ask(question)?;
    ensure!(answer["reply"].as_str() == wanted, "{what}: it was told {}, not {wanted:?}", answer["reply"]);
    Ok(())
}

fn message(ours: &Peer, message: Value) -> Value {
    json!({"do": "push", "to": ours.id(), "message": message})
}

/// That the peer still serves after all that.
fn still_serves(ours: &Peer, python: &mut PythonPeer) -> Result<()> {
    let entry = json!({"data": "fine", "timestamp": now(), "ttl": 60});
    told(python, "a good entry", message(ours, json!({"key": "good", "entry": entry})), Some("OK"))?;
    ensure!(held(ours, "good")? == Some(json!("fine")), "a good entry was not kept");
    Ok(())
}

fn undecipherable(version: &'static str) -> Result<()> {
    let (ours, mut python) = pair(version)?;
    let good = json!({"key": "secret", "entry": {"data": 1, "timestamp": now(), "ttl": 60}});
    let other = json!({"do": "push", "to": ours.id(), "message": good, "secret": "another secret"});
    told(&mut python, "another secret", other, Some(UNDECIPHERABLE))?;
    let plain = json!({"do": "push", "to": ours.id(), "message": good, "secret": null});
    told(&mut python, "plain text", plain, Some(UNDECIPHERABLE))?;
    ensure!(held(&ours, "secret")?.is_none(), "what was not made with our secret was kept");
    // base64 of: a lone byte, text, the start of a token, bytes that are no text
    for raw in ["AA==", "bm90IGEgdG9rZW4=", "Z0FBQUFBQmxVX0VB", "//79/P/+/fz//v38"] {
        let ask = json!({"do": "push", "to": ours.id(), "raw": raw});
        told(&mut python, raw, ask, Some(UNDECIPHERABLE))?;
    }
    still_serves(&ours, &mut python)
}

fn incomplete(version: &'static str) -> Result<()> {
    let (ours, mut python) = pair(version)?;
    let entry = json!({"data": 1, "timestamp": now(), "ttl": 60});
    for wrong in [json!({"key": "k"}), json!({"entry": entry}), json!({}), json!({"Key": "k", "Entry": entry})] {
        told(&mut python, &wrong.to_string(), message(&ours, wrong.clone()), Some(INCOMPLETE))?;
    }
    ensure!(held(&ours, "k")?.is_none(), "half a message was kept");
    still_serves(&ours, &mut python)
}

fn out_of_time(version: &'static str) -> Result<()> {
    let (ours, mut python) = pair(version)?;
    let made = now();
    let mut tell = |key: &str, data: &str, timestamp: f64, ttl: u32| {
        let entry = json!({"data": data, "timestamp": timestamp, "ttl": ttl});
        told(&mut python, data, message(&ours, json!({"key": key, "entry": entry})), Some("OK"))
    };
    tell("k", "first", made, 60)?;
    tell("k", "older", made - 5.0, 60)?;
    tell("k", "of the same time", made, 60)?;
    ensure!(held(&ours, "k")? == Some(json!("first")), "it holds {:?}", held(&ours, "k")?);
    tell("gone", "expired", made - 100.0, 60)?;
    ensure!(held(&ours, "gone")?.is_none(), "an entry whose life was over is served");
    tell("k", "newer", made + 1.0, 60)?;
    ensure!(held(&ours, "k")? == Some(json!("newer")), "a newer entry was not kept");
    Ok(())
}

fn dropped(version: &'static str) -> Result<()> {
    let (ours, mut python) = pair(version)?;
    let whole = json!({"data": 1, "timestamp": now(), "ttl": 60, "content_hash": "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", "validation_fields": {"updatedAt": "x"}});
    told(&mut python, "another hash", message(&ours, json!({"key": "k", "entry": whole})), None)?;
    for field in ["data", "timestamp", "ttl"] {
        let mut entry = json!({"data": 1, "timestamp": now(), "ttl": 60});
        entry.as_object_mut().context("not an object")?.remove(field);
        told(&mut python, field, message(&ours, json!({"key": "k", "entry": entry})), None)?;
    }
    ensure!(held(&ours, "k")?.is_none(), "a wrong entry was kept");
    still_serves(&ours, &mut python)
}

/// A Python peer would keep it for ever.
fn future(version: &'static str) -> Result<()> {
    let (ours, mut python) = pair(version)?;
    let entry = |ahead: f64| json!({"key": "k", "entry": {"data": ahead, "timestamp": now() + ahead, "ttl": 60}});
    let reply = python.push(ours.id(), &entry(3600.0))?;
    ensure!(reply.as_ref().is_some_and(|said| said.starts_with("ERROR")), "it was told {reply:?}");
    ensure!(held(&ours, "k")?.is_none(), "an entry from the future was kept");
    let reply = python.push(ours.id(), &entry(20.0))?;
    ensure!(reply.as_deref() == Some("OK") && held(&ours, "k")?.is_some(), "20 s are within bounds: {reply:?}");
    Ok(())
}

fn exchange_refused(version: &'static str) -> Result<()> {
    let ours = peer(&[])?;
    let options = seaworthy_tests::PythonOptions {
        secret: Some("another secret".into()),
        ..seaworthy_tests::PythonOptions::new(version)
    };
    let mut python = PythonPeer::start(&options)?;
    python.dial(&ours.at("ip4/127.0.0.1")?)?;
    told(&mut python, "an exchange", json!({"do": "exchange", "with": ours.id()}), Some("ERROR"))
}
