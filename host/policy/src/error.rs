use crate::origin::Place;
use crate::source::Source;
use seaworthy_model::ExitCode;
use std::fmt::Write as _;

/// What kind of thing is wrong with a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Not TOML.
    Syntax,
    /// The format is newer than this tool knows.
    Version,
    /// `requires-tool` is not met.
    RequiresTool,
    /// A key that means nothing here.
    UnknownKey,
    /// A key that must be there is not.
    MissingKey,
    /// A value that cannot be read.
    BadValue,
    /// A secret is written where only its name may be.
    SecretLiteral,
    /// Known, but not in this version.
    Unsupported,
    /// A name that nothing has: a check, target, variable, plugin, profile.
    Reference,
    /// The same name twice.
    Duplicate,
    /// `needs` that go in a circle.
    Cycle,
    /// A `when` expression that cannot be read.
    Expression,
    /// A component is not the one that was pinned, or cannot be used.
    Component,
    /// `with` does not fit the component's own schema.
    Settings,
    /// A flag or an environment variable of the tool itself.
    Flag,
}

/// One thing that is wrong, where, and what to do about it.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyError {
    /// What kind.
    pub kind: ErrorKind,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where it is written.
    pub place: Option<Place>,
    /// That line, with a secret in it hidden.
    pub line: Option<String>,
    /// What to do.
    pub help: Option<String>,
}

impl PolicyError {
    pub(crate) fn new(kind: ErrorKind, place: Option<&Place>, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), place: place.cloned(), line: None, help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// Adds the text of the line, once the sources are at hand.
    pub(crate) fn quote(&mut self, sources: &[&Source]) {
        let Some(place) = &self.place else { return };
        let Some(source) = sources.iter().find(|s| s.name == place.file) else { return };
        let line = source.line(place.line);
        self.line = Some(if self.kind == ErrorKind::SecretLiteral {
            let start = place.column - 1;
            let chars = line.chars().collect::<Vec<_>>();
            chars.iter().take(start).chain(['*'; 3].iter()).chain(chars.iter().skip(start + place.width)).collect()
        } else {
            line.to_owned()
        });
    }
}

impl std::fmt::Display for PolicyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(place) = &self.place else {
            write!(f, "{}", self.message)?;
            return match &self.help {
                Some(help) => write!(f, "\n  = help: {help}"),
                None => Ok(()),
            };
        };
        let at = place;
        write!(f, "{}:{}:{}: {}", at.file, at.line, at.column, self.message)?;
        let number = at.line.to_string();
        let gutter = " ".repeat(number.len());
        if let Some(line) = &self.line {
            let width = if self.kind == ErrorKind::SecretLiteral { 3 } else { place.width };
            let pad: String = line.chars().take(at.column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            write!(f, "\n {gutter} |\n {number} | {line}\n {gutter} | {pad}{}", "^".repeat(width))?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n {gutter} = help: {help}")?;
        }
        Ok(())
    }
}

/// Everything that is wrong with a policy, in the order of the file.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub struct PolicyErrors(pub Vec<PolicyError>);

impl PolicyErrors {
    /// What the process exits with: 2 when only the command line is wrong, else 3.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        if !self.0.is_empty() && self.0.iter().all(|e| e.kind == ErrorKind::Flag) {
            ExitCode::Usage
        } else {
            ExitCode::Config
        }
    }

    /// In the order of the file, with the lines quoted, without repetitions.
    pub(crate) fn from(mut errors: Vec<PolicyError>, sources: &[&Source]) -> Self {
        for error in &mut errors {
            error.quote(sources);
        }
        // A line with a secret in it is quoted by the error that hides the secret, and by no other.
        let line = |error: &PolicyError| error.place.as_ref().map(|p| (p.file.clone(), p.line));
        let hidden: Vec<_> = errors.iter().filter(|e| e.kind == ErrorKind::SecretLiteral).map(line).collect();
        for error in errors.iter_mut().filter(|e| e.kind != ErrorKind::SecretLiteral) {
            if hidden.contains(&line(error)) {
                error.line = None;
            }
        }
        errors.sort_by_key(|e| e.place.as_ref().map(|p| (p.file.clone(), p.line, p.column)));
        errors.dedup();
        Self(errors)
    }
}

impl std::fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        for error in &self.0 {
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            let _ = write!(text, "{error}");
        }
        f.write_str(&text)
    }
}
