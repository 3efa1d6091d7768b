//! Values of the contract as JSON that people can read and write, and back: records are
//! objects with the field names of the WIT, a `result` is `{"ok": ..}` or `{"err": ..}`, bytes
//! are a text or `{"base64": ".."}`, and a list of pairs is an object where no key repeats.
//!
//! Writing is exact. Reading is lenient, since people write by hand: what is left out is 0,
//! "", [] or none; what does not exist is an error that names what does.

mod read;
mod write;

pub(crate) use read::read;
pub(crate) use write::written;

/// A name of Rust as the WIT has it: `connect_elapsed`, `NotFound` become `connect-elapsed`,
/// `not-found`.
fn kebab(name: &str) -> String {
    let name = name.trim_end_matches('_');
    let mut text = String::with_capacity(name.len() + 2);
    for (at, letter) in name.chars().enumerate() {
        match letter {
            '_' => text.push('-'),
            letter if letter.is_ascii_uppercase() => {
                if at > 0 {
                    text.push('-');
                }
                text.push(letter.to_ascii_lowercase());
            }
            letter => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::wit_net::{http, tcp};
    use crate::bindings::wit_types::types::Failure;
    use serde_json::{Value, json};

    /// Numbers observations from 100 on, whatever is written.
    fn counted() -> impl FnMut(&Value) -> u32 {
        let mut next = 99;
        move |_| {
            next += 1;
            next
        }
    }

    fn failure() -> Failure {
        Failure {
            kind: "timeout".into(),
            stage: "connect".into(),
            os_code: Some(110),
            message: "no answer".into(),
            details: vec![("a".into(), "1".into()), ("a".into(), "2".into())],
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let seen = vec![
            tcp::Seen {
                id: 7,
                target: "a:1".into(),
                elapsed: 12,
                tried: vec![],
                outcome: Ok(tcp::Connection {
                    remote: "1.2.3.4:1".into(),
                    local: "5.6.7.8:2".into(),
                    connect_elapsed: 3,
                    received: b"220 ready\r\n".to_vec(),
                    read_end: "data".into(),
                }),
            },
            tcp::Seen { id: 8, target: "b:1".into(), elapsed: 0, tried: vec![], outcome: Err(failure()) },
        ];
        let text = written(&seen);
        assert_eq!(text[0]["outcome"]["ok"]["received"], json!("220 ready\r\n"));
        assert_eq!(text[0]["outcome"]["ok"]["connect-elapsed"], json!(3));
        assert_eq!(text[1]["outcome"]["err"]["details"], json!([["a", "1"], ["a", "2"]]), "a key that repeats is kept");
        let again: Vec<tcp::Seen> = read(&text, &mut counted()).unwrap();
        assert_eq!(again.iter().map(|seen| seen.id).collect::<Vec<_>>(), [100, 101], "ids are the host's to give");
        assert_eq!(again[0].outcome.as_ref().unwrap().received, b"220 ready\r\n");
        assert_eq!(again[1].outcome.as_ref().unwrap_err().details, failure().details);
        assert_eq!(written(&again)[1]["outcome"], text[1]["outcome"]);
    }

    #[test]
    fn bytes_that_are_no_text_are_base64_and_distinct_pairs_an_object() {
        assert_eq!(written(&vec![0u8, 159, 146, 150]), json!({ "base64": "AJ+Slg==" }));
        assert_eq!(read::<Vec<u8>>(&json!({ "base64": "AJ+Slg==" }), &mut counted()).unwrap(), [0, 159, 146, 150]);
        let pairs = vec![("b".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())];
        assert_eq!(written(&pairs), json!({ "b": "1", "a": "2" }));
        assert_eq!(read::<Vec<(String, String)>>(&json!({ "b": 1, "a": "2" }), &mut counted()).unwrap(), pairs);
        assert_eq!(written(&Option::<u32>::None), Value::Null);
        assert_eq!(written(&vec![1u32, 2]), json!([1, 2]), "numbers that are no bytes stay numbers");
    }

    #[test]
    fn what_is_left_out_has_a_default_and_what_does_not_exist_is_named() {
        let response = json!({ "outcome": { "ok": { "status": 204 } } });
        let seen: http::Seen = read(&response, &mut counted()).unwrap();
        let answer = seen.outcome.unwrap();
        assert_eq!((answer.status, answer.body.len(), answer.truncated), (204, 0, false));
        let wrong = read::<http::Seen>(&json!({ "outcome": { "ok": { "stauts": 204 } } }), &mut counted()).unwrap_err();
        let wrong = wrong.to_string();
        assert!(wrong.contains("outcome.ok") && wrong.contains("`stauts`") && wrong.contains("status"), "{wrong}");
        let wrong = read::<http::Seen>(&json!({ "outcome": { "ok": { "status": "x" } } }), &mut counted()).unwrap_err();
        assert!(wrong.to_string().contains("outcome.ok.status"), "{wrong}");
        let wrong = read::<http::Seen>(&json!({}), &mut counted()).unwrap_err();
        assert!(wrong.to_string().contains("`ok` or `err`"), "{wrong}");
    }

    #[test]
    fn names_of_rust_are_names_of_the_wit() {
        for (rust, wit) in
            [("connect_elapsed", "connect-elapsed"), ("Ok", "ok"), ("NotFound", "not-found"), ("type_", "type")]
        {
            assert_eq!(kebab(rust), wit);
        }
    }
}
