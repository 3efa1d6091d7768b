//! `/etc/docker/daemon.json`: settings put into what is there.

use serde_json::{Map, Value};

/// Where it is.
pub(crate) const PATH: &str = "/etc/docker/daemon.json";

/// The file with these settings. *Behaviour*: keys keep their order, new ones come
/// last; objects are merged, what a list lacks is put before what it has (the first
/// name server is asked first), anything else is replaced.
///
/// # Errors
/// When the file there is no JSON object: then nothing may be written over it.
pub(crate) fn edited(before: Option<&str>, settings: &Map<String, Value>) -> Result<String, String> {
    let mut whole = match before.map(str::trim).filter(|text| !text.is_empty()) {
        None => Map::new(),
        Some(text) => match serde_json::from_str(text) {
            Ok(Value::Object(map)) => map,
            Ok(_) => return Err("the file there is no JSON object, so nothing can be put into it".into()),
            Err(error) => return Err(format!("the file there cannot be read as JSON ({error}): mend it first")),
        },
    };
    for (key, value) in settings {
        put(&mut whole, key, value);
    }
    let text = serde_json::to_string_pretty(&Value::Object(whole)).map_err(|error| error.to_string())?;
    Ok(text + "\n")
}

fn put(map: &mut Map<String, Value>, key: &str, value: &Value) {
    match (map.get_mut(key), value) {
        (Some(Value::Object(inner)), Value::Object(new)) => new.iter().for_each(|(key, value)| put(inner, key, value)),
        (Some(Value::Array(known)), Value::Array(new)) => {
            let lacking: Vec<Value> = new.iter().filter(|item| !known.contains(item)).cloned().collect();
            known.splice(0..0, lacking);
        }
        (Some(known), value) => *known = value.clone(),
        (None, value) => {
            map.insert(key.to_owned(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::edited;
    use serde_json::json;

    #[test]
    fn what_is_there_stays_in_its_order() {
        let before = r#"{ "log-driver": "local", "dns": ["1.1.1.1"], "log-opts": { "max-size": "1m" }, "mtu": 1500 }"#;
        let settings =
            json!({ "mtu": 1400, "dns": ["10.0.0.2", "1.1.1.1"], "log-opts": { "max-file": "2" }, "ipv6": true });
        let after = edited(Some(before), settings.as_object().unwrap()).unwrap();
        let expected = "{\n  \"log-driver\": \"local\",\n  \"dns\": [\n    \"10.0.0.2\",\n    \"1.1.1.1\"\n  ],\n  \"log-opts\": {\n    \
                        \"max-size\": \"1m\",\n    \"max-file\": \"2\"\n  },\n  \"mtu\": 1400,\n  \"ipv6\": true\n}\n";
        assert_eq!(after, expected);
        assert_eq!(edited(Some(&after), settings.as_object().unwrap()).unwrap(), after);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_written_over() {
        let settings = json!({ "mtu": 1400 });
        for before in ["{ // comment\n}", "[]", "{"] {
            assert!(edited(Some(before), settings.as_object().unwrap()).is_err(), "{before}");
        }
        assert_eq!(edited(Some(" \n"), settings.as_object().unwrap()).unwrap(), "{\n  \"mtu\": 1400\n}\n");
    }
}
