//! The outline of a YAML file of somebody else's: what stands below a key, by
//! indentation. The file itself is never rewritten, so nothing more has to be known
//! of it; what is not in block style is not seen.

/// Names below a top-level key, each with its own lines.
pub(crate) fn below<'a>(text: &'a str, top: &str) -> Vec<(String, Vec<&'a str>)> {
    let mut found: Vec<(String, Vec<&str>)> = Vec::new();
    let mut depth = None;
    let mut inside = false;
    for line in text.lines() {
        let bare = line.trim_start();
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        let indent = line.len() - bare.len();
        if indent == 0 {
            inside = name(bare).is_some_and(|(name, rest)| name == top && rest.is_empty());
            continue;
        }
        if !inside {
            continue;
        }
        if indent <= *depth.get_or_insert(indent) {
            if let Some((name, _)) = name(bare).filter(|_| Some(indent) == depth) {
                found.push((name, Vec::new()));
            }
        } else if let Some((_, lines)) = found.last_mut() {
            lines.push(line);
        }
    }
    found
}

/// Whether some line of a block sets a key.
pub(crate) fn sets(lines: &[&str], wanted: &str) -> bool {
    lines.iter().any(|line| name(line.trim_start()).is_some_and(|(name, _)| name == wanted))
}

/// `key: rest`, the comment after it left out.
fn name(line: &str) -> Option<(String, &str)> {
    let (key, rest) = line.split_once(':')?;
    let key = key.trim().trim_matches(['"', '\'']);
    let rest = rest.split(" #").next().unwrap_or_default().trim();
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    plain.then(|| (key.to_owned(), rest))
}

/// Which of several is meant: the one that was named, the only one, the only one
/// that speaks of the cache, the one with the usual name.
///
/// # Errors
/// When that cannot be told; with the names there are.
pub(crate) fn choose(all: &[(String, Vec<&str>)], said: Option<&str>, usual: &str) -> Result<String, String> {
    let names = || all.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(said) = said {
        let known = all.iter().any(|(name, _)| name == said);
        return if known { Ok(said.to_owned()) } else { Err(format!("there is no `{said}` among {}", names())) };
    }
    if let [(name, _)] = all {
        return Ok(name.clone());
    }
    let speaks = |lines: &[&str]| lines.iter().any(|line| line.contains("CACHE_BOOTSTRAP_PEERS"));
    let mut speaking = all.iter().filter(|(_, lines)| speaks(lines));
    match (speaking.next(), speaking.next()) {
        (Some((name, _)), None) => Ok(name.clone()),
        _ if all.iter().any(|(name, _)| name == usual) => Ok(usual.to_owned()),
        _ if all.is_empty() => Err("its services cannot be read: say which is meant with --service".into()),
        _ => Err(format!("which of {} is meant cannot be told: say it with --service", names())),
    }
}

#[cfg(test)]
mod tests {
    use super::{below, choose, sets};

    const FILE: &str = "# x\nversion: '3'\nservices:   # all\n    peer:\n        image: p\n        command: [peer]\n    # mine\n    \
                        'build-it':\n        networks: [a]\n        environment:\n            CACHE_BOOTSTRAP_PEERS:\n\nnetworks:\n    a:\n";

    #[test]
    fn services_are_found_in_block_style() {
        let all = below(FILE, "services");
        assert_eq!(all.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["peer", "build-it"]);
        assert!(sets(&all[1].1, "networks") && !sets(&all[0].1, "networks"));
        assert!(below("services: {a: {image: b}}\n", "services").is_empty());
    }

    #[test]
    fn the_one_that_is_meant_is_told_or_asked_for() {
        let all = below(FILE, "services");
        assert_eq!(choose(&all, None, "runner").unwrap(), "build-it");
        assert_eq!(choose(&all, Some("peer"), "runner").unwrap(), "peer");
        assert!(choose(&all, Some("x"), "runner").unwrap_err().contains("peer, build-it"));
        let two = below("services:\n  a:\n    x: 1\n  b:\n    x: 1\n", "services");
        assert!(choose(&two, None, "runner").is_err());
    }
}
