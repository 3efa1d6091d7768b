//! Requirements that a shell takes apart: `pip install libp2p>=0.8` without quotation
//! marks asks pip for any libp2p, and writes what pip says to a file called `=0.8`.

use crate::python::{ASKED, normal};

/// The requirement in a line of a workflow, script or Dockerfile that the shell takes
/// apart, as written; only those of the client's own packages.
#[must_use]
pub fn unquoted(line: &str) -> Option<String> {
    let mut installs = false;
    let mut previous = String::new();
    for word in words(command(line)) {
        let (plain, redirected) = match word.redirection {
            Some(at) => (word.text.get(..at).unwrap_or_default(), word.text.get(at..)),
            None => (word.text.as_str(), None),
        };
        if plain.starts_with('#') {
            return None;
        }
        if let Some(rest) = redirected.filter(|rest| installs && version(rest)) {
            let name = if plain.is_empty() { &previous } else { plain };
            if ours(name) {
                return Some([name, rest].concat());
            }
        }
        installs |= plain == "install";
        previous = plain.into();
    }
    None
}

/// Whether a file has the name that such a redirection gives it.
#[must_use]
pub fn is_leftover(name: &str) -> bool {
    name.strip_prefix('=').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// `>=0.8`, and not the redirection of a log.
fn version(text: &str) -> bool {
    let rest = text.trim_start_matches(['>', '=', ' ']);
    text.starts_with('>') && rest.starts_with(|c: char| c.is_ascii_digit())
}

fn ours(requirement: &str) -> bool {
    let name = requirement.split('[').next().unwrap_or_default();
    ASKED.contains(&normal(name).as_str())
}

/// The command of a line: quotation marks of YAML around all of it are not the shell's.
fn command(line: &str) -> &str {
    let line = line.trim_ascii().trim_start_matches("- ").trim_ascii();
    let Some(value) = line.strip_prefix("run:").map(str::trim_ascii) else { return line };
    let inner = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(value)
}

struct Word {
    text: String,
    /// Where a `>` stands that no quotation mark protects.
    redirection: Option<usize>,
}

/// Words as a shell splits them, quotation marks taken away.
fn words(line: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut word = Word { text: String::new(), redirection: None };
    let (mut quote, mut escaped) = (None, false);
    for c in line.chars() {
        match quote {
            _ if escaped => {
                word.text.push(c);
                escaped = false;
            }
            Some(end) if c == end => quote = None,
            Some(_) => word.text.push(c),
            None if c == '\\' => escaped = true,
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c.is_ascii_whitespace() => {
                let done = std::mem::replace(&mut word, Word { text: String::new(), redirection: None });
                if !done.text.is_empty() {
                    words.push(done);
                }
            }
            None => {
                if c == '>' && word.redirection.is_none() {
                    word.redirection = Some(word.text.len());
                }
                word.text.push(c);
            }
        }
    }
    if !word.text.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_takes_apart() {
        for (line, requirement) in [
            ("pip install libp2p>=0.4.0", "libp2p>=0.4.0"),
            ("- run: python -m pip install -U libp2p>=0.4.0 cryptography", "libp2p>=0.4.0"),
            ("RUN pip3 install multiformats libp2p[all]>=0.8 && true", "libp2p[all]>=0.8"),
            ("run: \"pip install py_multihash>=3\"", "py_multihash>=3"),
            ("pip install libp2p >=0.4.0", "libp2p>=0.4.0"),
            ("pip install 'cryptography>=1' libp2p>0.4", "libp2p>0.4"),
        ] {
            assert_eq!(unquoted(line).as_deref(), Some(requirement), "{line}");
        }
    }

    #[test]
    fn what_is_right_is_left_alone() {
        for line in [
            "pip install 'libp2p>=0.8'",
            "run: pip install \"libp2p>=0.8\" cryptography",
            "pip install libp2p\\>=0.8",
            "pip install libp2p==0.8.1",
            "pip install libp2p > install.log 2>&1",
            "pip install flask>=2",
            "# pip install libp2p>=0.8",
            "echo libp2p>=0.8",
            "pip install x # libp2p>=0.8",
            "libp2p>=0.8",
            "",
        ] {
            assert_eq!(unquoted(line), None, "{line}");
        }
    }

    #[test]
    fn leftovers_of_a_redirection() {
        assert!(is_leftover("=0.4.0") && is_leftover("=3"));
        assert!(!is_leftover("=") && !is_leftover("=x") && !is_leftover("0.4.0"));
    }
}
