//! Texts with placeholders: `{target}`, `{detail:NAME|other word}`, and parts in
//! `[[ ]]` that are left out where something in them is unknown.

/// A piece of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    /// A placeholder: its name, the key behind the colon, the word after the bar.
    Value(String, Option<String>, Option<String>),
    Optional(Vec<Part>),
}

/// What stands alone.
const PLAIN: [&str; 13] = [
    "targets", "target", "host", "port", "ip", "gateway", "own", "subnet", "proof", "message", "observed", "expected",
    "here",
];

/// What names a key.
const KEYED: [&str; 2] = ["detail", "fact"];

/// Reads a text.
///
/// *Behaviour*: braces of other languages stay as they are: `${NAME}`, `%{name}`,
/// `{{.Name}}`, `{"json": 1}`. So do double brackets without a placeholder in
/// them, such as `[[check]]`.
///
/// *Errors*: a placeholder that is not known, or that lacks its key.
pub(crate) fn read(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("[[") {
        let Some(end) = rest[at..].find("]]").map(|end| at + end) else { break };
        let inner = flat(&rest[at + 2..end])?;
        if inner.iter().all(|part| matches!(part, Part::Text(_))) {
            extend(&mut parts, vec![Part::Text(rest[..end + 2].to_owned())]);
        } else {
            extend(&mut parts, flat(&rest[..at])?);
            parts.push(Part::Optional(inner));
        }
        rest = &rest[end + 2..];
    }
    extend(&mut parts, flat(rest)?);
    Ok(parts)
}

/// Appends, and joins texts that meet.
fn extend(parts: &mut Vec<Part>, more: Vec<Part>) {
    for part in more {
        match (parts.last_mut(), part) {
            (Some(Part::Text(text)), Part::Text(next)) => text.push_str(&next),
            (_, Part::Text(text)) if text.is_empty() => {}
            (_, part) => parts.push(part),
        }
    }
}

/// A text without optional parts.
fn flat(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        plain.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if after.starts_with('{') {
            // A template of Go: up to its own end.
            let end = after.find("}}").map_or(after.len(), |end| end + 2);
            plain.push('{');
            plain.push_str(&after[..end]);
            rest = &after[end..];
            continue;
        }
        match after.split_once('}').filter(|_| !plain.ends_with(['$', '%'])) {
            Some((inside, next)) if looks_like_one(inside) => {
                parts.push(Part::Text(std::mem::take(&mut plain)));
                parts.push(placeholder(inside)?);
                rest = next;
            }
            _ => {
                plain.push('{');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    parts.push(Part::Text(plain));
    let mut joined = Vec::new();
    extend(&mut joined, parts);
    Ok(joined)
}

fn looks_like_one(inside: &str) -> bool {
    let name = inside.split(['|', ':']).next().unwrap_or_default();
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') && !inside.contains('{')
}

fn placeholder(inside: &str) -> Result<Part, String> {
    let (name, word) = inside.split_once('|').map_or((inside, None), |(name, word)| (name, Some(word.to_owned())));
    let (name, key) = name.split_once(':').map_or((name, None), |(name, key)| (name, Some(key)));
    let known = match key {
        None => PLAIN.contains(&name),
        Some(key) => KEYED.contains(&name) && !key.is_empty(),
    };
    if known {
        return Ok(Part::Value(name.to_owned(), key.map(str::to_owned), word));
    }
    Err(format!(
        "there is no placeholder `{{{inside}}}`; there are {} and {}:NAME",
        PLAIN.join(", "),
        KEYED.join(":NAME, ")
    ))
}
