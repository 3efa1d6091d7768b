//! Reads TOML tables key by key, so that everything wrong in a file is found at
//! once, each with its place, and an unknown key can be compared with the keys
//! that were asked for.

use crate::error::{ErrorKind, PolicyError};
use crate::origin::{At, Layer, Origin, Place};
use crate::source::Source;
use crate::suggestion::hint;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Why a value cannot be read.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Wrong {
    pub(crate) fn value(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::BadValue, message: message.into(), help: None }
    }

    pub(crate) fn kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Collects values and errors of one text.
pub(crate) struct Reader<'s> {
    pub(crate) source: &'s Source,
    pub(crate) layer: Layer,
    pub(crate) errors: Vec<PolicyError>,
}

impl Reader<'_> {
    pub(crate) fn place(&self, span: Range<usize>) -> Place {
        self.source.place(span)
    }

    pub(crate) fn at<T>(&self, span: Range<usize>, value: T) -> At<T> {
        At { value, origin: Origin { layer: self.layer.clone(), place: Some(self.place(span)) } }
    }

    pub(crate) fn wrong(&mut self, span: Range<usize>, subject: &str, wrong: Wrong) {
        let place = self.place(span);
        let message = format!("{subject} {}", wrong.message);
        self.errors.push(PolicyError::new(wrong.kind, Some(&place), message).maybe_help(wrong.help));
    }
}

/// One table being read. Ask for every key it may have, then [`Block::finish`].
pub(crate) struct Block<'t, 'i> {
    name: String,
    table: &'t DeTable<'i>,
    span: Range<usize>,
    asked: Vec<&'static str>,
}

impl<'t, 'i> Block<'t, 'i> {
    /// `name` is what messages call it: `[run]`.
    pub(crate) fn new(name: impl Into<String>, table: &'t DeTable<'i>, span: Range<usize>) -> Self {
        Self { name: name.into(), table, span, asked: Vec::new() }
    }

    /// A value that must be a table.
    pub(crate) fn of(
        name: impl Into<String>,
        value: &'t Spanned<DeValue<'i>>,
        reader: &mut Reader<'_>,
    ) -> Option<Self> {
        let name = name.into();
        match value.get_ref() {
            DeValue::Table(table) => Some(Self::new(name, table, value.span())),
            other => {
                reader.wrong(value.span(), &name, Wrong::value(format!("takes a table, not {}", described(other))));
                None
            }
        }
    }

    fn subject(&self, key: &str) -> String {
        if self.name.is_empty() { format!("`{key}`") } else { format!("`{key}` in {}", self.name) }
    }

    fn find(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'i>>> {
        self.asked.push(key);
        self.table.iter().find(|(k, _)| k.get_ref() == key).map(|(_, v)| v)
    }

    /// A value that may be absent.
    pub(crate) fn opt<T>(
        &mut self,
        reader: &mut Reader<'_>,
        key: &'static str,
        parse: impl Fn(&DeValue<'_>) -> Result<T, Wrong>,
    ) -> Option<At<T>> {
        let value = self.find(key)?;
        match parse(value.get_ref()) {
            Ok(parsed) => Some(reader.at(value.span(), parsed)),
            Err(wrong) => {
                reader.wrong(value.span(), &self.subject(key), wrong);
                None
            }
        }
    }

    /// A value that must be there.
    pub(crate) fn req<T>(
        &mut self,
        reader: &mut Reader<'_>,
        key: &'static str,
        why: &str,
        parse: impl Fn(&DeValue<'_>) -> Result<T, Wrong>,
    ) -> Option<At<T>> {
        if !self.table.iter().any(|(k, _)| k.get_ref() == key) {
            self.asked.push(key);
            let of = if self.name.is_empty() { String::new() } else { format!(" of {}", self.name) };
            let place = reader.place(self.span.clone());
            reader.errors.push(
                PolicyError::new(ErrorKind::MissingKey, Some(&place), format!("`{key}`{of} is missing")).help(why),
            );
            return None;
        }
        self.opt(reader, key, parse)
    }

    /// A list whose elements each keep their place.
    pub(crate) fn list<T>(
        &mut self,
        reader: &mut Reader<'_>,
        key: &'static str,
        parse: impl Fn(&DeValue<'_>) -> Result<T, Wrong>,
    ) -> Option<At<Vec<At<T>>>> {
        let value = self.find(key)?;
        let subject = self.subject(key);
        let DeValue::Array(elements) = value.get_ref() else {
            let wrong = Wrong::value(format!("takes a list, not {}", described(value.get_ref())));
            reader.wrong(value.span(), &subject, wrong.help(format!("write `{key} = [...]`")));
            return None;
        };
        let mut read = Vec::new();
        for element in elements.iter() {
            match parse(element.get_ref()) {
                Ok(parsed) => read.push(reader.at(element.span(), parsed)),
                Err(wrong) => reader.wrong(element.span(), &subject, wrong),
            }
        }
        Some(reader.at(value.span(), read))
    }

    /// A nested table, read by `read`.
    pub(crate) fn block<T>(
        &mut self,
        reader: &mut Reader<'_>,
        key: &'static str,
        read: impl FnOnce(&mut Reader<'_>, Block<'t, 'i>) -> T,
    ) -> Option<T> {
        let value = self.find(key)?;
        let name = if self.name.is_empty() { format!("[{key}]") } else { self.subject(key) };
        let block = Block::of(name, value, reader)?;
        Some(read(reader, block))
    }

    /// A table whose keys are names that the author chose.
    pub(crate) fn named<T>(
        &mut self,
        reader: &mut Reader<'_>,
        key: &'static str,
        mut read: impl FnMut(&mut Reader<'_>, &str, &'t Spanned<DeValue<'i>>) -> Option<T>,
    ) -> BTreeMap<String, At<T>> {
        let Some(value) = self.find(key) else { return BTreeMap::new() };
        let subject = self.subject(key);
        let DeValue::Table(table) = value.get_ref() else {
            let wrong = Wrong::value(format!("takes a table of names, not {}", described(value.get_ref())));
            reader.wrong(value.span(), &subject, wrong);
            return BTreeMap::new();
        };
        let mut all = BTreeMap::new();
        for (name, value) in table.iter() {
            if let Err(wrong) = crate::scalar::check_name(name.get_ref()) {
                reader.wrong(name.span(), &subject, wrong);
            }
            if let Some(entry) = read(reader, name.get_ref(), value) {
                all.insert(name.get_ref().to_string(), reader.at(name.span(), entry));
            }
        }
        all
    }

    /// An array of tables.
    pub(crate) fn tables<T>(
        &mut self,
        reader: &mut Reader<'_>,
        key: &'static str,
        mut read: impl FnMut(&mut Reader<'_>, Block<'t, 'i>) -> Option<T>,
    ) -> Vec<At<T>> {
        let Some(value) = self.find(key) else { return Vec::new() };
        let DeValue::Array(elements) = value.get_ref() else {
            let wrong = Wrong::value(format!("takes a list of tables, not {}", described(value.get_ref())));
            reader.wrong(value.span(), &self.subject(key), wrong.help(format!("write `[[{key}]]`")));
            return Vec::new();
        };
        let mut all = Vec::new();
        for element in elements.iter() {
            let Some(block) = Block::of(format!("[[{key}]]"), element, reader) else { continue };
            if let Some(entry) = read(reader, block) {
                all.push(reader.at(element.span(), entry));
            }
        }
        all
    }

    /// A key of the format that this version does not carry out.
    pub(crate) fn unsupported(&mut self, reader: &mut Reader<'_>, key: &'static str, instead: &str) {
        let found = self.table.iter().find(|(k, _)| k.get_ref() == key).map(|(k, _)| k.span());
        if let Some(span) = found {
            self.asked.push(key);
            let wrong = Wrong::value("is not supported in this version").kind(ErrorKind::Unsupported).help(instead);
            reader.wrong(span, &self.subject(key), wrong);
        }
    }

    /// Reports every key that nobody asked for.
    pub(crate) fn finish(self, reader: &mut Reader<'_>) {
        #[cfg(test)]
        crate::schema::asked(&self.name, &self.asked);
        for (key, _) in self.table.iter().filter(|(k, _)| !self.asked.contains(&k.get_ref().as_ref())) {
            let place = reader.place(key.span());
            let of = if self.name.is_empty() { "at the top of the file".into() } else { format!("in {}", self.name) };
            let error =
                PolicyError::new(ErrorKind::UnknownKey, Some(&place), format!("unknown key `{}` {of}", key.get_ref()));
            reader.errors.push(error.maybe_help(hint(key.get_ref(), self.asked.iter().copied())));
        }
    }
}

/// What a TOML value is, for people.
pub(crate) fn described(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
