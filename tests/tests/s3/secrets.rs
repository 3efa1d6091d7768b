//! No secret comes out anywhere.

use crate::Here;
use crate::place::Place;
use anyhow::{Result, ensure};
use seaworthy_tests::{Make, ObjectStore, Run, Scene, Scripted};

const TOKEN: &str = "scene-session-token-AQoDYXdzEPTxxxxwEXAMPLEtc764bNrC9SAPBSM22";

pub(crate) fn scenes() -> Vec<Scene<Here>> {
    vec![
        Scene::new("no_secret_comes_out_of_what_works", |_| works()).unless(crate::obstacle(Make::JuiceFs)),
        Scene::new("no_secret_comes_out_of_what_a_store_repeats", |_| repeated()),
    ]
}

/// Everything that is said with everything switched on.
fn loud(place: &Place, words: &[&str]) -> Result<Run> {
    place.seaworthy(words)?.env("RUST_LOG", "trace").env("SEAWORTHY_LOG", "trace").run()
}

fn hidden(run: &Run) -> Result<()> {
    for (name, secret) in
        [("key id", ObjectStore::KEY), ("secret access key", ObjectStore::SECRET), ("session token", TOKEN)]
    {
        let shown = run.stdout.contains(secret) || run.stderr.contains(secret);
        ensure!(!shown, "the {name} is shown by\n{}", run.transcript());
    }
    Ok(())
}

fn works() -> Result<()> {
    let store = ObjectStore::start(Make::JuiceFs)?;
    let place = Place::at(store.address())?;
    place.put("k", "v", &[])?.exits(0)?;
    for words in [
        &["-v", "cache", "get", "k"][..],
        &["-v", "cache", "stats", "--json"],
        &["-v", "run"],
        &["run", "-f", "json"],
        &["show-config"],
    ] {
        let run = loud(&place, words)?;
        ensure!(!run.stdout.is_empty(), "{}", run.transcript());
        hidden(&run)?;
    }
    // A wrong secret is a secret all the same.
    let wrong = Place::at(store.address())?.with("AWS_ACCESS_KEY_ID", ObjectStore::SECRET);
    hidden(&loud(&wrong, &["-v", "cache", "get", "k"])?)?;
    hidden(&loud(&wrong, &["run", "-f", "json"])?)
}

/// AWS repeats the key id, the string to sign and the canonical request, with the session
/// token in it, in its answer to a wrong signature; Garage repeats the key id in a message.
fn repeated() -> Result<()> {
    let (key, token) = (ObjectStore::KEY, TOKEN);
    for body in [
        format!(
            "<Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>{key}</AWSAccessKeyId><StringToSign>AWS4-HMAC-SHA256</StringToSign>\
             <CanonicalRequest>GET\n/\n\nx-amz-security-token:{token}\n</CanonicalRequest></Error>"
        ),
        format!("<Error><Code>AccessDenied</Code><Message>Forbidden: No such key: {key}</Message></Error>"),
        format!("<Error><Code>AccessDenied</Code><Message>User {key} is not allowed, {token}</Message></Error>"),
        format!("<Error><Code>{key}</Code><Message>{token}</Message></Error>"),
    ] {
        let store = Scripted::always("HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\n", &body)?;
        let place = Place::at(store.address())?.with("AWS_SESSION_TOKEN", TOKEN);
        hidden(&loud(&place, &["-v", "cache", "get", "k"])?)?;
        hidden(&loud(&place, &["-v", "run"])?)?;
        hidden(&loud(&place, &["run", "-f", "json"])?)?;
        let token_sent = store.asked().iter().any(|asked| asked.header("x-amz-security-token") == Some(TOKEN));
        ensure!(token_sent, "the session token was not sent: {:?}", store.asked().first());
    }
    Ok(())
}
