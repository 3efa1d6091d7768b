/// The known word nearest to `word`, when one is near enough to have been meant.
///
/// *Behaviour*: similarity is Jaro-Winkler over the letters alone, so that
/// `fail_on` finds `fail-on`; the last part of a dotted name counts for the whole, so
/// that `conectivity` finds `net.connectivity`. Below 0.8 nothing is suggested.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['_', ' '], "-");
    let wanted = plain(word);
    let score = |candidate: &str| {
        let candidate = plain(candidate);
        let last = candidate.rsplit(['.', '/']).next().unwrap_or_default();
        // A whole name that is as near goes before a part of one.
        strsim::jaro_winkler(&wanted, &candidate).max(0.95 * strsim::jaro_winkler(&wanted, last))
    };
    known
        .into_iter()
        .map(|candidate| (score(candidate), candidate))
        .filter(|(score, _)| *score >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// ``did you mean `x`?``, or what may be written instead, or nothing when nothing is known.
pub(crate) fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut known: Vec<&str> = known.into_iter().collect();
    if let Some(near) = nearest(word, known.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    known.sort_unstable();
    known.dedup();
    let shown = known.iter().take(16).map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
    match known.len() {
        0 => None,
        1..=16 => Some(format!("known: {shown}")),
        more => Some(format!("known: {shown} and {} more", more - 16)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_only() {
        assert_eq!(nearest("timeot", ["timeout", "retries"]), Some("timeout"));
        assert_eq!(nearest("fail_on", ["fail-on", "on-error"]), Some("fail-on"));
        assert_eq!(nearest("conectivity", ["env.variables", "net.connectivity"]), Some("net.connectivity"));
        assert_eq!(nearest("refused", ["peer.reset", "peer.refused"]), Some("peer.refused"));
        assert_eq!(nearest("timeout", ["net.timeout", "timeouts"]), Some("timeouts"));
        assert_eq!(nearest("zzz", ["timeout"]), None);
        assert_eq!(hint("zzz", ["b", "a"]).unwrap(), "known: `a`, `b`");
    }
}
