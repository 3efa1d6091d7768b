//! The folder in which runners of the Python cache tell each other where they are:
//! one `peer_NAME.json` a runner, written by its bootstrap helper.

use super::{Arguments, Row, RowBuilder};
use seaworthy_model::Failure;
use serde_json::Value;
use std::io::Read as _;
use std::path::Path;
use std::time::SystemTime;

/// Files that are read; the cache itself takes ten peers.
const FILES: usize = 64;
/// Bytes of one file; a real one has some 400.
const BYTES: u64 = 16 << 10;
/// Characters of a value that are shown.
const SHOWN: usize = 256;

/// The entries of the registry in `path`.
///
/// *Behaviour*: one row `folder` (`path`, `exists`, `complete`, `error`), one row
/// `peer` for each file (`file`, `runner-name`, `peer-id`, `listen-port`,
/// `multiaddr`, `public-ip`, `pid`, `age-seconds`; or `error`). Nothing is dialled
/// and nothing is removed.
pub(crate) fn inspect(arguments: &Arguments<'_>) -> Result<Vec<Row>, Failure> {
    let path = arguments.wanted("peer-registry", "path")?[0];
    if !path.starts_with('/') {
        return Err(Failure::new("invalid", "parse", format!("`{path}` is not an absolute path")));
    }
    let folder = RowBuilder::default().put("row-kind", "folder").put("path", path);
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => {
            let failure = Failure::from_io("read", &error);
            let row = folder.put("exists", error.kind() != std::io::ErrorKind::NotFound).put("complete", false);
            return Ok(vec![row.put("error", failure.message).put("error-kind", failure.kind).done()]);
        }
    };
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("peer_") && name.ends_with(".json"))
        .take(FILES + 1)
        .collect();
    let complete = names.len() <= FILES;
    names.truncate(FILES);
    names.sort();
    let mut rows = vec![folder.put("exists", true).put("complete", complete).done()];
    rows.extend(names.iter().map(|name| peer(&Path::new(path).join(name), name)));
    Ok(rows)
}

fn peer(path: &Path, name: &str) -> Row {
    let row = RowBuilder::default().put("row-kind", "peer").put("file", name);
    let entry = match read(path) {
        Ok(entry) => entry,
        Err(reason) => return row.put("error", reason).done(),
    };
    let text = |key: &str| {
        let value = entry.get(key).or_else(|| entry.get("metadata")?.get(key))?;
        let text = value.as_str().map(str::to_owned).or_else(|| value.as_i64().map(|number| number.to_string()))?;
        Some(text.chars().take(SHOWN).collect::<String>())
    };
    let age = text("last_seen").and_then(|seen| age(&seen)).or_else(|| {
        let changed = std::fs::metadata(path).ok()?.modified().ok()?;
        SystemTime::now().duration_since(changed).ok().map(|age| age.as_secs().cast_signed())
    });
    row.known("runner-name", text("runner_name"))
        .known("peer-id", text("peer_id"))
        .known("listen-port", text("listen_port"))
        .known("multiaddr", text("multiaddr"))
        .known("public-ip", text("public_ip"))
        .known("pid", text("pid"))
        .known("age-seconds", age)
        .done()
}

fn read(path: &Path) -> Result<Value, String> {
    if !std::fs::metadata(path).map_err(|e| e.to_string())?.is_file() {
        return Err("not a regular file".into());
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
    file.take(BYTES).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    serde_json::from_slice(&bytes).map_err(|e| format!("not an entry of a registry: {e}"))
}

/// Seconds since a time as Python writes it: ISO 8601, in UTC when it says nothing
/// else. Negative for one in the future.
fn age(text: &str) -> Option<i64> {
    let instant = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let civil: jiff::civil::DateTime = text.parse().ok()?;
        Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    })?;
    Some(jiff::Timestamp::now().as_second().saturating_sub(instant.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value<'a>(row: &'a Row, key: &str) -> &'a str {
        row.iter().find(|(k, _)| k == key).map_or("absent", |(_, v)| v)
    }

    fn registry(path: &Path) -> Vec<Row> {
        inspect(&Arguments(&[("path".to_owned(), path.display().to_string())])).unwrap()
    }

    #[test]
    fn entries_are_read_as_the_helper_writes_them() {
        let folder = tempfile::tempdir().unwrap();
        let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).datetime();
        let entry = format!(
            "{{\"peer_id\": \"12D3\", \"runner_name\": \"a\", \"public_ip\": null, \"listen_port\": 9100, \
             \"multiaddr\": \"/ip4/0.0.0.0/tcp/9100/p2p/12D3\", \"last_seen\": \"{now}\", \"metadata\": {{\"pid\": 7}}}}"
        );
        std::fs::write(folder.path().join("peer_a.json"), entry).unwrap();
        std::fs::write(folder.path().join("peer_b.json"), "{").unwrap();
        std::fs::write(folder.path().join("note.txt"), "").unwrap();
        let rows = registry(folder.path());
        assert_eq!(rows.len(), 3, "{rows:?}");
        let peer = &rows[1];
        assert_eq!((value(peer, "peer-id"), value(peer, "listen-port"), value(peer, "pid")), ("12D3", "9100", "7"));
        assert_eq!(value(peer, "public-ip"), "absent");
        assert!(value(peer, "age-seconds").parse::<i64>().unwrap() < 60);
        assert!(value(&rows[2], "error").contains("not an entry"));
    }

    #[test]
    fn times_of_both_forms_are_read() {
        let hour = 3600;
        let then = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(hour);
        let civil = then.to_zoned(jiff::tz::TimeZone::UTC).datetime().to_string();
        for text in [then.to_string(), civil.clone(), format!("{civil}+00:00")] {
            assert!((age(&text).unwrap() - hour).abs() <= 1, "{text}");
        }
        assert_eq!(age("yesterday"), None);
    }

    #[test]
    fn what_is_no_registry_says_so() {
        assert_eq!(value(&registry(Path::new("/nowhere/at/all"))[0], "exists"), "false");
        assert_eq!(value(&registry(Path::new("/dev/null"))[0], "exists"), "true");
    }
}
