use crate::codes;
use crate::counts::Verdict;
use crate::storage::{Storage, Who, Wrong};
use seaworthy_check_sdk::FindingBuilder;

pub(crate) fn count(verdict: &Verdict) -> FindingBuilder {
    match verdict {
        Verdict::Conntrack { used, limit, of_host, full } => {
            let whose = if *of_host { " on the host" } else { "" };
            let (code, then) = if *full {
                (codes::LIMITS_CONNTRACK_FULL, "new connections are dropped without an answer")
            } else {
                (codes::LIMITS_CONNTRACK_NEARLY_FULL, "once all are, new connections are dropped without an answer")
            };
            code.found()
                .message(format!("{used} of {limit} entries of connection tracking{whose} are used: {then}"))
                .observed(format!("{used} of {limit}"))
                .expected("less than 95 percent")
                .detail("used", used.to_string())
                .detail("limit", limit.to_string())
                .detail("suggested", limit.saturating_mul(2).max(262_144).to_string())
        }
        Verdict::Ports { used, waiting, range, first, to_one } => {
            let to = if *to_one { " to one address and port" } else { ", some of which may have come in," };
            let finding = codes::LIMITS_PORTS_EXHAUSTED
                .found()
                .message(format!(
                    "{used} connections{to} are open or wait in TIME_WAIT ({waiting} of all), and source ports come from a range of {range}"
                ))
                .observed(format!("{used} of {range}"))
                .expected("less than 95 percent")
                .detail("used", used.to_string())
                .detail("time-wait", waiting.to_string())
                .detail("range", range.to_string())
                .detail("first-port", first.to_string());
            if *to_one { finding.likely() } else { finding.level("warn").possible() }
        }
        Verdict::FewPorts { range } => codes::LIMITS_FEW_PORTS
            .found()
            .message(format!("connections may be made from {range} source ports only"))
            .observed(range.to_string())
            .expected("28232, the kernel's default")
            .detail("range", range.to_string()),
        Verdict::FilesUsed { used, limit, of_machine } => {
            let whose = if *of_machine { "this machine" } else { "this process" };
            codes::LIMITS_FILES
                .found()
                .message(format!("{used} of the {limit} file descriptors that {whose} may have are used"))
                .observed(format!("{used} of {limit}"))
                .expected("less than 95 percent")
                .detail("used", used.to_string())
                .detail("limit", limit.to_string())
                .detail("whose", if *of_machine { "machine" } else { "process" })
        }
        Verdict::FilesFew { soft, hard, wanted } => {
            let finding = codes::LIMITS_FILES
                .found()
                .level("warn")
                .message(format!("a process here may have {soft} file descriptors, and a cache wants {wanted}"))
                .observed(soft.to_string())
                .expected(format!("at least {wanted}"))
                .detail("limit", soft.to_string())
                .detail("whose", "process");
            match hard {
                Some(hard) => finding.detail("hard", hard.to_string()),
                None => finding,
            }
        }
        Verdict::Processes { limit } => codes::LIMITS_PROCESSES
            .found()
            .message(format!("no more than {limit} processes and threads may run here"))
            .observed(limit.to_string())
            .expected("at least 32")
            .detail("limit", limit.to_string()),
        Verdict::Pools { networks, none_left } => {
            let finding = codes::LIMITS_ADDRESS_POOLS
                .found()
                .message(if *none_left {
                    format!("{networks} networks of the container engine take up all of its 31 subnets: no further one can be made")
                } else {
                    format!("{networks} of the engine's 31 subnets are taken by networks, most of them left behind by jobs")
                })
                .observed(format!("{networks} networks"))
                .expected("fewer than 28")
                .detail("networks", networks.to_string())
                .likely();
            if *none_left { finding } else { finding.level("warn") }
        }
    }
}

pub(crate) fn storage(found: &Storage, wrong: &Wrong, who: &Who, least: u64) -> FindingBuilder {
    let path = found.path.as_str();
    let free = found.free.map_or_else(|| "unknown".to_owned(), |bytes| bytes.to_string());
    let error = found.error.as_deref().unwrap_or("it cannot be made");
    let finding = match wrong {
        Wrong::Full { inodes } => {
            let what = if *inodes {
                format!("no more files can be made in {path}, although {free} bytes are free: the inodes are used up")
            } else {
                format!("{path} is full ({free} bytes free): {error}")
            };
            codes::LIMITS_DISK_FULL
                .at(path)
                .message(what)
                .observed(error)
                .expected("room for a file")
                .detail("what", if *inodes { "inodes" } else { "bytes" })
        }
        Wrong::Scarce => codes::LIMITS_DISK_FULL
            .at(path)
            .level("warn")
            .message(format!("{free} bytes are free in {path}, less than the {least} that the cache should have"))
            .observed(free.clone())
            .expected(format!("at least {least}"))
            .detail("what", "bytes"),
        Wrong::Unwritable => {
            let tried = who.uid.as_deref().map(|uid| format!(" by user {uid}")).unwrap_or_default();
            let owned = match (&found.owner, &found.mode) {
                (Some(owner), Some(mode)) => format!("; it belongs to user {owner}, mode {mode}"),
                _ => String::new(),
            };
            codes::CACHE_DIRECTORY_UNWRITABLE
                .at(path)
                .message(format!("the cache directory {path} cannot be written{tried}: {error}{owned}"))
                .observed(error)
                .expected("a directory that this user can write")
        }
    };
    let mut finding = finding.detail("path", path).detail("free-bytes", free);
    for (key, value) in [
        ("uid", &who.uid),
        ("gid", &who.gid),
        ("owner-uid", &found.owner),
        ("owner-gid", &found.group),
        ("mount-point", &found.mount),
    ] {
        if let Some(value) = value {
            finding = finding.detail(key, value);
        }
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_low_limit_is_a_warning_and_a_used_one_a_failure() {
        let level = |verdict: &Verdict| format!("{:?}", count(verdict).cite(1));
        assert!(level(&Verdict::FilesFew { soft: 256, hard: None, wanted: 1024 }).contains("\"warn\""));
        assert!(level(&Verdict::FilesUsed { used: 9, limit: 9, of_machine: false }).contains("\"fail\""));
        assert!(level(&Verdict::Pools { networks: 28, none_left: false }).contains("\"warn\""));
        let conntrack = |full| level(&Verdict::Conntrack { used: 99, limit: 100, of_host: false, full });
        assert!(conntrack(false).contains("\"warn\"") && conntrack(false).contains("once all are"));
        assert!(conntrack(true).contains("\"fail\""));
        let ports = |to_one| level(&Verdict::Ports { used: 9, waiting: 9, range: 9, first: 1, to_one });
        assert!(ports(false).contains("\"warn\"") && ports(false).contains("possible"));
        assert!(ports(true).contains("\"fail\"") && ports(true).contains("likely"));
    }
}
