//! Programs that run here, as far as they can be told apart from their names.

use super::{Arguments, Row, RowBuilder};
use procfs::Current;
use seaworthy_model::{Failure, glob_matches};
use std::ffi::OsStr;

/// Rows of one answer.
const ROWS: usize = 200;
/// Settings of the cache that are shown of another process. None of them is a
/// secret, and no other variable of it is looked at.
const VARIABLES: [(&str, &str); 3] =
    [("CACHE_ENABLE_P2P", "enable-p2p"), ("CACHE_LISTEN_PORT", "listen-port"), ("RUNNER_NAME", "runner-name")];

/// The processes of this process namespace whose name matches one of the globs
/// `name`; all without one.
///
/// *Behaviour*: rows `pid`, `name`, `uid`, `age-s` (seconds since it started), `script`
/// (what an interpreter was told to run: a file, or the module of `-m`; never its
/// arguments), and the cache's settings `enable-p2p`, `listen-port`, `runner-name`
/// where this user may see them.
///
/// # Errors
/// When /proc cannot be read.
pub(crate) fn inspect(arguments: &Arguments<'_>) -> Result<Vec<Row>, Failure> {
    let globs = arguments.all("name");
    let all = procfs::process::all_processes().map_err(|e| super::procfs_failure("/proc", &e))?;
    let up = procfs::Uptime::current().ok().map(|uptime| uptime.uptime_duration().as_secs());
    let mut rows = Vec::new();
    for process in all.flatten() {
        let Ok(status) = process.stat() else { continue };
        if !globs.is_empty() && !globs.iter().any(|glob| glob_matches(glob, &status.comm)) {
            continue;
        }
        let script = process.cmdline().ok().and_then(|words| script(&words));
        let environment = process.environ().unwrap_or_default();
        let mut row = RowBuilder::default()
            .put("pid", process.pid)
            .put("name", &status.comm)
            .known("uid", process.uid().ok())
            .known("age-s", up.and_then(|up| up.checked_sub(status.starttime / procfs::ticks_per_second())))
            .known("script", script);
        for (name, key) in VARIABLES {
            row = row.known(key, environment.get(OsStr::new(name)).map(|value| value.to_string_lossy()));
        }
        rows.push(row.done());
        if rows.len() >= ROWS {
            break;
        }
    }
    Ok(rows)
}

/// What an interpreter was told to run. Code on the command line (`-c`) is not shown.
fn script(words: &[String]) -> Option<String> {
    let mut words = words.iter().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "-m" => return words.next().cloned(),
            "-c" | "-" => return None,
            // These take a word of their own.
            "-W" | "-X" => drop(words.next()),
            option if option.starts_with('-') => {}
            file => return Some(file.to_owned()),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn the_script_and_nothing_after_it() {
        let of = |line: &str| script(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(of("python3 -u -m cache.worker --token x").as_deref(), Some("cache.worker"));
        assert_eq!(of("python3 -X dev /srv/worker.py secret").as_deref(), Some("/srv/worker.py"));
        assert_eq!(of("python3 -c import-this"), None);
        assert_eq!(of("python3"), None);
    }

    #[test]
    fn only_the_settings_of_the_cache_are_shown() {
        let mut child = Command::new("sleep")
            .arg("30")
            .env("CACHE_ENABLE_P2P", "true")
            .env("CACHE_P2P_SHARED_SECRET", "do-not-show")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let pid = child.id().to_string();
        let find = || {
            let rows = inspect(&Arguments(&[("name".to_owned(), "sleep".to_owned())])).unwrap();
            rows.into_iter().find(|row| row.contains(&("pid".to_owned(), pid.clone())))
        };
        // Between fork and exec the child is still called as we are.
        let row = (0..100).find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            find()
        });
        let _ = child.kill();
        let _ = child.wait();
        let row = row.expect("the child");
        assert!(row.contains(&("enable-p2p".into(), "true".into())), "{row:?}");
        let age = row.iter().find(|(key, _)| key == "age-s").and_then(|(_, value)| value.parse::<u64>().ok());
        assert!(age.is_some_and(|age| age < 30), "{row:?}");
        assert!(row.iter().all(|(_, value)| !value.contains("do-not-show")), "{row:?}");
    }
}
