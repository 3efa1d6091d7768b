//! The one place where secrets leave a report.

mod count;
mod forms;
mod patterns;

pub use count::Redactions;

use data_encoding::HEXLOWER;
use forms::forms;
use patterns::{Pattern, hinted, tokens_in};
use regex::{Captures, Regex};
use seaworthy_model::{Environment, Recording, Report, glob_matches_ignoring_case};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Shorter values are not taken for secrets: replacing them would garble everything.
const SHORTEST: usize = 4;

/// What stands in place of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedactMode {
    /// `[redacted]`.
    Hide,
    /// `[redacted:1f2e3d4c]`: the same for the same secret in one run, so that it
    /// can be seen where two values are equal.
    Token,
}

/// What is to be redacted, besides what the environment marks as secret.
#[derive(Clone, Debug)]
pub struct RedactRules {
    /// What stands in place of a secret.
    pub mode: RedactMode,
    /// Names or globs of variables whose values are secrets.
    pub env: Vec<String>,
    /// Regular expressions. The first group is replaced, or the whole match where there is none.
    pub patterns: Vec<String>,
    /// Names or globs of variables whose values are no secrets, whatever else says so.
    pub keep: Vec<String>,
    /// Makes tokens of different runs incomparable. Random, one for each run.
    pub salt: String,
}

/// Why the rules cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RedactError {
    /// An element of `redact.patterns` is no regular expression.
    #[error("`{pattern}` in redact.patterns is not a regular expression: {source}")]
    Pattern {
        /// As written.
        pattern: String,
        /// What is wrong with it.
        source: Box<regex::Error>,
    },
    /// The secrets of the environment are too many or too long to look for.
    #[error("the secrets of the environment cannot be searched for: {0}")]
    TooMany(Box<regex::Error>),
}

/// Replaces secrets in reports and other text.
#[derive(Debug)]
pub struct Redactor {
    mode: RedactMode,
    salt: String,
    /// Every written form of every secret, longest first.
    literals: Option<Regex>,
    /// What stands for each written form, and which variable's value it is.
    tokens: BTreeMap<String, (String, String)>,
    patterns: Vec<Pattern>,
    secrets: forms::Hidden,
    /// The variables of the secrets.
    names: Vec<String>,
}

impl Redactor {
    /// Takes the secrets of an environment: the variables that it marks, and those
    /// named by the rules, less those to be kept. Values under four characters are
    /// not taken.
    ///
    /// # Errors
    /// When a pattern of the rules cannot be read.
    pub fn new(environment: &Environment, rules: &RedactRules) -> Result<Self, RedactError> {
        let secret = |name: &str, marked: bool| (marked || matches(&rules.env, name)) && !matches(&rules.keep, name);
        let (names, secrets): (Vec<String>, Vec<String>) = environment
            .iter()
            .filter(|(name, variable)| secret(name, variable.secret))
            .map(|(name, variable)| (name.to_owned(), variable.value.expose().to_owned()))
            .filter(|(_, value)| value.trim().chars().count() >= SHORTEST)
            .unzip();
        let mut redactor = Self {
            mode: rules.mode,
            salt: rules.salt.clone(),
            literals: None,
            tokens: BTreeMap::new(),
            patterns: Pattern::built_in(),
            secrets: forms::Hidden(secrets),
            names,
        };
        redactor.prepare()?;
        for pattern in &rules.patterns {
            let given = Pattern::given(pattern);
            redactor.patterns.push(
                given.map_err(|source| RedactError::Pattern { pattern: pattern.clone(), source: Box::new(source) })?,
            );
        }
        Ok(redactor)
    }

    fn prepare(&mut self) -> Result<(), RedactError> {
        for (secret, name) in self.secrets.0.iter().zip(&self.names) {
            let token = (self.stand_in(secret), format!("value of {name}"));
            for form in forms(secret).into_iter().filter(|form| form.chars().count() >= SHORTEST) {
                self.tokens.entry(form).or_insert_with(|| token.clone());
            }
        }
        let mut all: Vec<&String> = self.tokens.keys().collect();
        if all.is_empty() {
            return Ok(());
        }
        all.sort_by_key(|form| (std::cmp::Reverse(form.len()), (*form).clone()));
        let all: Vec<String> = all.into_iter().map(|form| regex::escape(form)).collect();
        let built = regex::RegexBuilder::new(&all.join("|")).size_limit(64 << 20).build();
        self.literals = Some(built.map_err(|source| RedactError::TooMany(Box::new(source)))?);
        Ok(())
    }

    /// A report without secrets. *Behaviour*: idempotent, throughout every string of
    /// the report, evidence and its keys included.
    #[must_use]
    pub fn apply(&self, report: Report) -> Report {
        self.apply_counted(report).0
    }

    /// As [`apply`](Self::apply), with what was replaced.
    #[must_use]
    pub fn apply_counted(&self, mut report: Report) -> (Report, Redactions) {
        let counts = RefCell::new(Redactions::default());
        crate::strings::replace(&mut report, &|text| {
            self.has_secret(text).then(|| self.replaced(text, &mut counts.borrow_mut()))
        });
        (report, counts.into_inner())
    }

    /// A recording without secrets, and what was replaced. What a guest made of a secret in the
    /// original, it makes of the replacement when the recording is replayed.
    #[must_use]
    pub fn recording(&self, mut recording: Recording) -> (Recording, Redactions) {
        let counts = RefCell::new(Redactions::default());
        crate::strings::replace_in_recording(&mut recording, &|text| {
            self.has_secret(text).then(|| self.replaced(text, &mut counts.borrow_mut()))
        });
        (recording, counts.into_inner())
    }

    /// Whether there may be something to replace: almost no text has anything.
    fn has_secret(&self, text: &str) -> bool {
        if self.literals.as_ref().is_some_and(|literals| literals.is_match(text)) {
            return true;
        }
        let lower = if hinted(text) { text.to_ascii_lowercase() } else { String::new() };
        self.patterns.iter().any(|pattern| pattern.matching(text, &lower).is_some())
    }

    /// Any text without secrets, as for a log. *Behaviour*: idempotent.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        self.replaced(text, &mut Redactions::default())
    }

    /// As [`text`](Self::text), with what was replaced.
    #[must_use]
    pub fn text_counted(&self, text: &str) -> (String, Redactions) {
        let mut counts = Redactions::default();
        (self.replaced(text, &mut counts), counts)
    }

    fn replaced(&self, text: &str, counts: &mut Redactions) -> String {
        let mut text = self.between_tokens(text, counts);
        let lower = text.to_ascii_lowercase();
        for pattern in &self.patterns {
            if let Some(regex) = pattern.matching(&text, &lower) {
                text = self.replace_pattern(regex, pattern.class(), &text, counts);
            }
        }
        text
    }

    /// The secrets themselves, for whoever has to tell them to a log's own masking.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.0.iter().map(String::as_str)
    }

    /// What stands in place of a secret.
    fn stand_in(&self, secret: &str) -> String {
        match self.mode {
            RedactMode::Hide => "[redacted]".into(),
            RedactMode::Token => {
                let digest = Sha256::new().chain_update(&self.salt).chain_update([0]).chain_update(secret).finalize();
                format!("[redacted:{}]", HEXLOWER.encode(&digest[..4]))
            }
        }
    }

    /// Replaces literals, and never touches what already stands for a secret.
    fn between_tokens(&self, text: &str, counts: &mut Redactions) -> String {
        let Some(literals) = &self.literals else { return text.to_owned() };
        let mut result = String::with_capacity(text.len());
        let mut rest = 0;
        let mut replace = |part: &str| -> String {
            let replaced: Cow<'_, str> = literals.replace_all(part, |found: &Captures<'_>| {
                let known = self.tokens.get(&found[0]).cloned();
                let (token, class) = known.unwrap_or_else(|| (self.stand_in(&found[0]), "secret".into()));
                counts.add(&class);
                token
            });
            replaced.into_owned()
        };
        for (start, end) in tokens_in(text) {
            result.push_str(&replace(&text[rest..start]));
            result.push_str(&text[start..end]);
            rest = end;
        }
        result.push_str(&replace(&text[rest..]));
        result
    }

    fn replace_pattern(&self, pattern: &Regex, class: &str, text: &str, counts: &mut Redactions) -> String {
        let tokens = tokens_in(text);
        let mut result = String::with_capacity(text.len());
        let mut rest = 0;
        for found in pattern.captures_iter(text) {
            let Some(span) = found.get(1).or_else(|| found.get(0)).map(|span| span.range()) else { continue };
            // A part of a token is no secret; a whole one with something around it may be.
            let cuts = |(start, end): &(usize, usize)| {
                span.start < *end && *start < span.end && !(span.start <= *start && *end <= span.end)
            };
            let is_token = tokens.contains(&(span.start, span.end));
            if span.is_empty() || is_token || tokens.iter().any(cuts) {
                continue;
            }
            result.push_str(&text[rest..span.start]);
            result.push_str(&self.stand_in(&text[span.clone()]));
            counts.add(class);
            rest = span.end;
        }
        result.push_str(&text[rest..]);
        result
    }
}

fn matches(globs: &[String], name: &str) -> bool {
    globs.iter().any(|glob| glob_matches_ignoring_case(glob, name))
}
