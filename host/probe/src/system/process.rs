use super::{Context, Row, RowBuilder, text};
use nix::unistd::{getegid, geteuid};

/// Who we are. Read from /proc and /etc/passwd, so that a static binary needs no NSS modules.
pub(crate) fn inspect(context: &Context) -> Row {
    let status = text("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(|value| value.trim().to_owned())
    };
    let uid = geteuid();
    let user = std::fs::read_to_string("/etc/passwd").ok().and_then(|passwd| name_of(&passwd, uid.as_raw()));
    RowBuilder::default()
        .put("uid", uid)
        .put("gid", getegid())
        .known("user", user)
        .known("no-new-privs", field("NoNewPrivs").map(|v| v == "1"))
        .known("capabilities", field("CapEff"))
        .known("cwd", std::env::current_dir().ok().map(|d| d.display().to_string()))
        .known("hostname", text("/proc/sys/kernel/hostname"))
        .put("pid", std::process::id())
        .known("home", context.environment.text("HOME"))
        .known("kernel", text("/proc/sys/kernel/osrelease"))
        .done()
}

fn name_of(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.get(2)?.parse() == Ok(uid)).then(|| fields[0].to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_is_found_by_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nrunner:x:1001:127::/home/runner:/bin/bash\n";
        assert_eq!(name_of(passwd, 1001).as_deref(), Some("runner"));
        assert_eq!(name_of(passwd, 7), None);
    }

    #[test]
    fn our_own_process_is_described() {
        let row = inspect(&Context::default());
        assert!(row.contains(&("pid".into(), std::process::id().to_string())));
        let capabilities = row.iter().find(|(k, _)| k == "capabilities").unwrap();
        assert!(u64::from_str_radix(&capabilities.1, 16).is_ok(), "{capabilities:?}");
    }
}
