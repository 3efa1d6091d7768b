/// The known word nearest to `word`, when one is near enough to have been meant.
///
/// *Behaviour*: similarity is Jaro-Winkler over the letters alone, so that
/// `fail_on` finds `fail-on`; below 0.8 nothing is suggested.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['_', ' '], "-");
    let wanted = plain(word);
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&wanted, &plain(candidate)), candidate))
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
        assert_eq!(nearest("zzz", ["timeout"]), None);
        assert_eq!(hint("zzz", ["b", "a"]).unwrap(), "known: `a`, `b`");
    }
}
