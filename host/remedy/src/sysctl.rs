//! Kernel settings, as a drop-in of `/etc/sysctl.d`.

/// Where they go.
pub(crate) const PATH: &str = "/etc/sysctl.d/90-seaworthy.conf";

/// First line of a drop-in that is ours.
const HEAD: &str = "# Written by `seaworthy fix`; read by `sysctl --system`.\n";

/// Settings from `key=value` words or lines; comments and empty lines are passed
/// over. None where one is neither.
pub(crate) fn read<'a>(words: impl Iterator<Item = &'a str>) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    for word in words.map(str::trim).filter(|word| !word.is_empty() && !word.starts_with(['#', ';'])) {
        let (key, value) = word.split_once('=')?;
        let (key, value) = (key.trim(), value.trim());
        let known = ["net.", "vm.", "fs.", "kernel."].iter().any(|family| key.starts_with(family));
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        let simple = |c: char| c.is_ascii_alphanumeric() || " \t.,_-".contains(c);
        if !known || !key.chars().all(plain) || value.is_empty() || !value.chars().all(simple) {
            return None;
        }
        found.push((key.to_owned(), value.to_owned()));
    }
    (!found.is_empty()).then_some(found)
}

/// The drop-in with these settings: a line that sets a key is replaced, others
/// stay as they are.
pub(crate) fn edited(before: Option<&str>, settings: &[(String, String)]) -> String {
    let mut lines: Vec<String> = before.unwrap_or(HEAD).lines().map(str::to_owned).collect();
    for (key, value) in settings {
        let line = format!("{key} = {value}");
        let same = |known: &&mut String| known.split_once('=').is_some_and(|(name, _)| name.trim() == key);
        match lines.iter_mut().find(same) {
            Some(known) => *known = line,
            None => lines.push(line),
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::{edited, read};

    #[test]
    fn settings_are_read_and_nothing_else() {
        assert_eq!(read(["net.core.rmem_max=7500000"].into_iter()).unwrap()[0].1, "7500000");
        for bad in ["rm -rf /", "net.x=1;reboot", "net.x", "kernel.core_pattern=|/bin/sh", "evil.x=1", "net.x=`id`"] {
            assert_eq!(read([bad].into_iter()), None, "{bad}");
        }
    }

    #[test]
    fn a_line_is_replaced_and_the_rest_stays() {
        let settings = [("net.core.rmem_max".to_owned(), "2".to_owned()), ("vm.x".to_owned(), "1".to_owned())];
        let text = edited(Some("# mine\nnet.core.rmem_max=1\nnet.y = 3\n"), &settings);
        assert_eq!(text, "# mine\nnet.core.rmem_max = 2\nnet.y = 3\nvm.x = 1\n");
        assert_eq!(edited(Some(&text), &settings), text);
        assert!(edited(None, &settings).starts_with("# Written by"));
    }
}
