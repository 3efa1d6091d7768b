use seaworthy_model::{Remediation, RemedyStep, Risk, Snippet};

/// A remedy on its way; [`done`](Remedy::done) ends it.
pub(crate) struct Remedy(Remediation);

/// Begins a remedy. It changes configuration unless it says otherwise.
pub(crate) fn remedy(id: &str, title: impl Into<String>, why: impl Into<String>) -> Remedy {
    Remedy(Remediation {
        id: id.into(),
        title: title.into(),
        why: why.into(),
        steps: Vec::new(),
        tradeoff: None,
        risk: Risk::Config,
        docs: None,
        verified_by: None,
    })
}

impl Remedy {
    /// A step without a command.
    pub(crate) fn step(mut self, text: impl Into<String>) -> Self {
        self.0.steps.push(RemedyStep { text: text.into(), command: None, snippet: None });
        self
    }

    /// A step with a command ready to paste.
    pub(crate) fn run(mut self, text: impl Into<String>, command: impl Into<String>) -> Self {
        self.0.steps.push(RemedyStep { text: text.into(), command: Some(command.into()), snippet: None });
        self
    }

    /// A step that writes a piece of a file.
    pub(crate) fn write(mut self, text: impl Into<String>, file: &str, snippet: impl Into<String>) -> Self {
        let language = match file.rsplit_once('.') {
            Some((_, "yml" | "yaml")) => "yaml",
            Some((_, "toml")) => "toml",
            Some((_, "json")) => "json",
            _ => "sh",
        };
        let snippet = Snippet { language: language.into(), file: Some(file.into()), text: snippet.into() };
        self.0.steps.push(RemedyStep { text: text.into(), command: None, snippet: Some(snippet) });
        self
    }

    /// What it costs.
    pub(crate) fn cost(mut self, text: impl Into<String>) -> Self {
        self.0.tradeoff = Some(text.into());
        self
    }

    /// What it touches.
    pub(crate) fn risk(mut self, risk: Risk) -> Self {
        self.0.risk = risk;
        self
    }

    /// Ends it. What proves it is in the record of its cause.
    pub(crate) fn done(self) -> Remediation {
        self.0
    }

    /// Ends it with another check that proves it.
    pub(crate) fn proved_by(mut self, check: impl Into<String>) -> Remediation {
        self.0.verified_by = Some(check.into());
        self.0
    }
}

/// One word for the shell, quoted where it has to be.
pub(crate) fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/.,:_-=@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// `export NAME=value`, quoted where it has to be.
pub(crate) fn export(name: &str, value: &str) -> String {
    format!("export {name}={}", shell(value))
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [init @ .., last] => format!("{} and {last}", init.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{export, list};

    #[test]
    fn commands_survive_hostile_values() {
        assert_eq!(export("A", "/ip4/1.2.3.4/tcp/1,/dns4/x/tcp/2"), "export A=/ip4/1.2.3.4/tcp/1,/dns4/x/tcp/2");
        assert_eq!(export("A", "x'; rm -rf /"), r"export A='x'\''; rm -rf /'");
        assert_eq!(export("A", ""), "export A=''");
        assert_eq!(list(&["a".into(), "b".into(), "c".into()]), "a, b and c");
    }
}
