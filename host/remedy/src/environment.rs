//! Variables, in a file as `docker run --env-file` and compose's `env_file` take it:
//! no quotes, no `export`, one to a line.

use crate::wanted::Value;

/// Where they go.
pub(crate) const PATH: &str = "seaworthy.env";

/// First line of a file that is ours.
const HEAD: &str = "# Written by `seaworthy fix`, for `docker run --env-file`: values as they are, without quotes.\n";

/// The file with these variables: a line that sets one is replaced or taken away,
/// others stay as they are, comments too.
pub(crate) fn edited(before: Option<&str>, variables: &[(String, Value)]) -> String {
    let mut lines: Vec<String> = before.unwrap_or(HEAD).lines().map(str::to_owned).collect();
    for (name, value) in variables {
        let same = |line: &String| {
            let bare = line.trim_start();
            !bare.starts_with('#') && bare.split('=').next().is_some_and(|known| known.trim() == name)
        };
        let line = match value {
            Value::Text(text) => Some(format!("{name}={text}")),
            // A name by itself takes the value of whoever starts the container.
            Value::Caller => Some(name.clone()),
            Value::Unset => None,
        };
        match (lines.iter().position(same), line) {
            (Some(at), Some(line)) => {
                lines[at] = line;
                // Docker would take the last of several.
                let mut seen = 0;
                lines.retain(|line| !same(line) || std::mem::replace(&mut seen, 1) == 0);
            }
            (None, Some(line)) => lines.push(line),
            (_, None) => lines.retain(|line| !same(line)),
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::edited;
    use crate::Value;

    fn text(name: &str, value: &str) -> (String, Value) {
        (name.to_owned(), Value::Text(value.to_owned()))
    }

    #[test]
    fn a_file_of_somebody_keeps_what_is_not_named() {
        let before = "# peers\nA=1\n#B=old\nB=2\nC=3\nB=4\n";
        let after = edited(Some(before), &[text("B", "x y"), ("C".into(), Value::Unset), ("D".into(), Value::Caller)]);
        assert_eq!(after, "# peers\nA=1\n#B=old\nB=x y\nD\n");
        assert_eq!(edited(Some(&after), &[text("B", "x y")]), after);
    }

    #[test]
    fn a_new_file_says_what_it_is_for() {
        assert_eq!(edited(None, &[text("A", "1")]).lines().count(), 2);
    }
}
