use crate::safe;
use seaworthy_model::Observation;
use serde_json::Value;

/// An observation on one line: `o3 tcp.connect 172.17.0.1:9100: connection-refused (0.2 ms)`.
pub(crate) fn line(seen: &Observation, max: usize) -> String {
    let asked = short(&seen.asked, max);
    let asked = if asked.is_empty() { asked } else { format!(" {asked}") };
    let result = match (&seen.failure, &seen.answer) {
        (Some(failure), _) => safe::cut(&format!("{}: {}", failure.kind, safe::line(&failure.message)), max),
        (None, Some(answer)) => short(answer, max),
        (None, None) => "no answer".into(),
    };
    format!("{} {}{asked}: {result} ({})", seen.id, safe::line(&seen.probe), duration(seen.elapsed_s))
}

/// The one value that says what it is about, else compact JSON.
fn short(value: &Value, max: usize) -> String {
    let telling = ["target", "address", "url", "name", "topic", "path", "label"];
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(map) => match telling.iter().find_map(|key| map.get(*key).and_then(Value::as_str)) {
            Some(text) if map.len() <= 4 => text.to_owned(),
            _ if map.is_empty() => String::new(),
            _ => value.to_string(),
        },
        other => other.to_string(),
    };
    safe::cut(&safe::line(&text), max)
}

/// `0.2 ms`, `340 ms`, `3.1 s`.
pub(crate) fn duration(seconds: f64) -> String {
    let ms = seconds * 1000.0;
    if ms < 10.0 {
        format!("{ms:.1} ms")
    } else if ms < 1000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{seconds:.1} s")
    }
}
