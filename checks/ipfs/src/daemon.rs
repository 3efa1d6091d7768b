//! Why no daemon listens, from the log that it left.

use crate::{Run, codes};
use seaworthy_check_sdk::env::system;
use seaworthy_check_sdk::{Code, Context, ContextExt, argument, query, row_value};

/// What the last lines of a log say of a start that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// Another process holds the repository.
    Locked,
    /// The repository is of another version than the program.
    Migration,
}

/// Reads lines, the last word of the log counting.
fn ended<'a>(lines: impl Iterator<Item = &'a str>) -> Option<(Ended, &'a str)> {
    let of = |line: &str| {
        let text = line.to_ascii_lowercase();
        if text.contains("daemon is ready") {
            return Some(None);
        }
        if text.contains("someone else has the lock") || text.contains("repo.lock") && text.contains("already locked") {
            return Some(Some(Ended::Locked));
        }
        let migrates = text.contains("migration") && (text.contains("need") || text.contains("run"))
            || text.contains("programs version") && text.contains("lower than your repos");
        migrates.then_some(Some(Ended::Migration))
    };
    lines.filter_map(|line| Some((of(line)?, line))).last().and_then(|(told, line)| Some((told?, line)))
}

impl Run {
    /// Looks into the log where nothing listens and a log is named.
    pub(crate) fn daemon(&mut self, context: &Context) {
        let Some(path) = context.setting("log").filter(|_| self.refused) else { return };
        let (folder, name) = path.rsplit_once('/').unwrap_or(("/", path));
        let folder = if folder.is_empty() { "/" } else { folder };
        let look = |text: &str| {
            query("lines", vec![argument("path", folder), argument("name", name), argument("contains", text)])
        };
        let processes = query("processes", vec![argument("name", "ipfs*")]);
        let asked = [look("lock"), look("migration"), look("version"), look("daemon is ready"), processes];
        let seen = system::inspect(&asked);
        self.ids.extend(seen.iter().map(|seen| seen.id));
        let rows =
            || seen.iter().filter(|seen| seen.topic == "lines").filter_map(|seen| seen.outcome.as_ref().ok()).flatten();
        let mut lines: Vec<(u64, &str)> =
            rows().filter_map(|row| Some((row_value(row, "line")?.parse().ok()?, row_value(row, "text")?))).collect();
        lines.sort_by_key(|(number, _)| *number);
        let Some((why, line)) = ended(lines.iter().map(|(_, text)| *text)) else { return };
        let running = seen.iter().find(|seen| seen.topic == "processes").and_then(|seen| seen.outcome.as_ref().ok());
        let running =
            running.map(|rows| rows.iter().filter_map(|row| row_value(row, "pid")).collect::<Vec<_>>().join(","));
        let (code, message): (Code, &str) = match why {
            Ended::Locked => {
                (codes::IPFS_REPO_LOCKED, "no daemon listens: another process holds the lock of its repository")
            }
            Ended::Migration => (
                codes::IPFS_MIGRATION_NEEDED,
                "no daemon listens: its repository is of another version than the program",
            ),
        };
        let finding = code.at(&self.target).message(message).observed(line).detail("log", path);
        let finding = match &running {
            Some(pids) if !pids.is_empty() => finding.detail("running", pids),
            Some(_) => finding.detail("running", "none"),
            None => finding,
        };
        let mut ids = seen.iter().map(|seen| seen.id);
        let Some(first) = ids.next() else { return };
        self.findings.add(ids.fold(finding.cite(first), |finding, id| finding.and(id)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_start_counts() {
        let told = |lines: &[&str]| ended(lines.iter().copied()).map(|(why, _)| why);
        let locked = "Error: lock /data/ipfs/repo.lock: someone else has the lock";
        let migration = "Found outdated fs-repo, migrations need to be run.";
        assert_eq!(told(&[locked]), Some(Ended::Locked));
        assert_eq!(told(&[migration]), Some(Ended::Migration));
        assert_eq!(told(&[locked, migration]), Some(Ended::Migration));
        assert_eq!(told(&[locked, "Daemon is ready"]), None, "it started after all");
        assert_eq!(told(&["Kubo version: 0.43.0", "Repo version: 18", "Unlocked"]), None);
        assert_eq!(told(&["Error: Your programs version (15) is lower than your repos (16)."]), Some(Ended::Migration));
    }
}
