//! The small values of the format: durations, sizes, days, names, choices.

use crate::error::ErrorKind;
use crate::reader::{Wrong, described};
use crate::suggestion::hint;
use seaworthy_model::{Comparison, ErrorRule, Severity, Size, Status, Threshold};
use std::time::Duration;
use toml::de::DeValue;

/// A value out of a fixed set of words.
pub(crate) trait Choice: Copy + PartialEq + 'static {
    /// Every word and what it stands for.
    const ALL: &'static [(&'static str, Self)];

    /// Words of the format that this version does not carry out.
    const LATER: &'static [&'static str] = &[];

    /// The word for a value.
    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, v)| *v == self).map_or("", |(w, _)| w)
    }
}

impl Choice for Severity {
    const ALL: &'static [(&'static str, Self)] =
        &[("critical", Self::Critical), ("major", Self::Major), ("minor", Self::Minor), ("info", Self::Info)];
}

impl Choice for Status {
    const ALL: &'static [(&'static str, Self)] = &[
        ("fail", Self::Fail),
        ("warn", Self::Warn),
        ("error", Self::Error),
        ("skip", Self::Skip),
        ("pass", Self::Pass),
    ];
}

impl Choice for ErrorRule {
    const ALL: &'static [(&'static str, Self)] =
        &[("fail", Self::Fail), ("indeterminate", Self::Indeterminate), ("ignore", Self::Ignore)];
}

pub(crate) fn text(value: &DeValue<'_>) -> Result<String, Wrong> {
    value.as_str().map(str::to_owned).ok_or_else(|| Wrong::value(format!("takes a string, not {}", described(value))))
}

/// Text that says something.
pub(crate) fn prose(value: &DeValue<'_>) -> Result<String, Wrong> {
    let text = text(value)?;
    if text.trim().is_empty() { Err(Wrong::value("must not be empty")) } else { Ok(text) }
}

pub(crate) fn boolean(value: &DeValue<'_>) -> Result<bool, Wrong> {
    value.as_bool().ok_or_else(|| Wrong::value(format!("takes true or false, not {}", described(value))))
}

/// A whole number from `min` on.
pub(crate) fn count<const MIN: u64>(value: &DeValue<'_>) -> Result<u64, Wrong> {
    let wrong = || Wrong::value(format!("takes a whole number from {MIN} on, not {}", shown(value)));
    let integer = value.as_integer().ok_or_else(wrong)?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|n| *n >= MIN).ok_or_else(wrong)
}

/// An amount of money: 0 or more, whole or with a fraction.
pub(crate) fn price(value: &DeValue<'_>) -> Result<f64, Wrong> {
    let number = match value {
        DeValue::Integer(number) => number.as_str().parse::<f64>().ok(),
        DeValue::Float(number) => number.as_str().parse::<f64>().ok(),
        _ => None,
    };
    let wrong = || Wrong::value(format!("takes a price, 0 or more, not {}", shown(value))).help("write 0.023");
    number.filter(|number| number.is_finite() && *number >= 0.0).ok_or_else(wrong)
}

pub(crate) fn duration(value: &DeValue<'_>) -> Result<Duration, Wrong> {
    let wrong = |what: &str| {
        Wrong::value(format!("takes a duration with its unit, not {what}"))
            .help("write \"250ms\", \"5s\", \"2m\" or \"90d\"")
    };
    let text = value.as_str().ok_or_else(|| wrong(&shown(value)))?;
    parse_duration(text).ok_or_else(|| wrong(&format!("\"{text}\"")))
}

/// A duration that is not zero.
pub(crate) fn budget(value: &DeValue<'_>) -> Result<Duration, Wrong> {
    match duration(value)? {
        zero if zero.is_zero() => Err(Wrong::value("takes a duration longer than zero")),
        some => Ok(some),
    }
}

pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    // Units are obligatory, `0` included; a bare number says nothing.
    if text.trim().bytes().all(|b| b.is_ascii_digit()) { None } else { humantime::parse_duration(text.trim()).ok() }
}

/// Bytes: `64MiB`, `256KiB`, `1kB`, `100B`. The unit is obligatory; a bare number says nothing.
pub(crate) fn size(value: &DeValue<'_>) -> Result<u64, Wrong> {
    let wrong = || {
        Wrong::value(format!("takes a size with its unit, not {}", shown(value)))
            .help("write \"64MiB\", \"256KiB\" or \"100B\"")
    };
    let size = value.as_str().and_then(|text| Size::parse(text).ok());
    size.filter(|size| size.with_unit).map(|size| size.bytes).ok_or_else(wrong)
}

/// A day, as a TOML date or as text.
pub(crate) fn day(value: &DeValue<'_>) -> Result<jiff::civil::Date, Wrong> {
    let text = match value {
        DeValue::Datetime(date) => date.to_string(),
        DeValue::String(text) => text.to_string(),
        other => return Err(Wrong::value(format!("takes a day, not {}", described(other))).help("write 2026-12-31")),
    };
    let well_formed = text.len() == 10 && text.bytes().filter(|b| *b == b'-').count() == 2;
    let parsed = if well_formed { text.parse().ok() } else { None };
    parsed.ok_or_else(|| Wrong::value(format!("takes a day, not \"{text}\"")).help("write year-month-day: 2026-12-31"))
}

pub(crate) fn choice<T: Choice>(value: &DeValue<'_>) -> Result<T, Wrong> {
    let words = || T::ALL.iter().map(|(w, _)| *w);
    let text = value
        .as_str()
        .ok_or_else(|| Wrong::value(format!("takes one of {}, not {}", list(words()), described(value))))?;
    if T::LATER.contains(&text) {
        let wrong = Wrong::value(format!("does not support \"{text}\" in this version")).kind(ErrorKind::Unsupported);
        return Err(wrong.help(format!("use {}", list(words()))));
    }
    let found = T::ALL.iter().find(|(w, _)| *w == text).map(|(_, v)| *v);
    found.ok_or_else(|| {
        let wrong = Wrong::value(format!("takes one of {}, not \"{text}\"", list(words())));
        match hint(text, words()) {
            Some(help) if help.starts_with("did") => wrong.help(help),
            _ => wrong,
        }
    })
}

/// `> 200`, `<= 0.5`, `== 1`.
pub(crate) fn threshold(value: &DeValue<'_>) -> Result<Threshold, Wrong> {
    let wrong = || {
        Wrong::value(format!("takes a comparison, not {}", shown(value))).help("write \"> 200\", \"<= 5\" or \"== 1\"")
    };
    let text = value.as_str().ok_or_else(wrong)?.trim();
    let table = [
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::GreaterOrEqual),
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];
    let (op, rest) =
        table.iter().find_map(|(sign, op)| text.strip_prefix(sign).map(|rest| (*op, rest))).ok_or_else(wrong)?;
    let value = rest.trim().parse::<f64>().ok().filter(|n| n.is_finite()).ok_or_else(wrong)?;
    Ok(Threshold { op, value })
}

/// Any value, as JSON. Dates become text.
pub(crate) fn json(value: &DeValue<'_>) -> Result<serde_json::Value, Wrong> {
    use serde_json::Value;
    Ok(match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(Value::from)
            .map_err(|_| Wrong::value(format!("holds {number}, which is too large")))?,
        DeValue::Float(number) => {
            let parsed = number.as_str().parse::<f64>().ok().and_then(serde_json::Number::from_f64);
            parsed
                .map(Value::Number)
                .ok_or_else(|| Wrong::value(format!("holds {number}, which is not a finite number")))?
        }
        DeValue::Boolean(truth) => Value::Bool(*truth),
        DeValue::Datetime(date) => Value::from(date.to_string()),
        DeValue::Array(elements) => Value::Array(elements.iter().map(|e| json(e.get_ref())).collect::<Result<_, _>>()?),
        DeValue::Table(table) => {
            let mut entries = table.iter().collect::<Vec<_>>();
            entries.sort_by_key(|(key, _)| key.span().start);
            let read = entries.into_iter().map(|(k, v)| Ok((k.get_ref().to_string(), json(v.get_ref())?)));
            Value::Object(read.collect::<Result<_, Wrong>>()?)
        }
    })
}

/// A table of anything, as JSON.
pub(crate) fn object(value: &DeValue<'_>) -> Result<serde_json::Value, Wrong> {
    if value.is_table() { json(value) } else { Err(Wrong::value(format!("takes a table, not {}", described(value)))) }
}

/// One name or a list of them.
pub(crate) fn one_or_many(value: &DeValue<'_>) -> Result<Vec<String>, Wrong> {
    match value {
        DeValue::Array(elements) => elements.iter().map(|e| prose(e.get_ref())).collect(),
        DeValue::String(_) => Ok(vec![prose(value)?]),
        other => Err(Wrong::value(format!("takes a string or a list of strings, not {}", described(other)))),
    }
}

/// A list of texts, or one `${variable}` that holds a list.
pub(crate) fn texts(value: &DeValue<'_>) -> Result<Vec<String>, Wrong> {
    match value {
        DeValue::Array(elements) => elements.iter().map(|e| text(e.get_ref())).collect(),
        DeValue::String(text) if variable(text).is_some() => Ok(vec![text.to_string()]),
        other => Err(Wrong::value(format!("takes a list of strings or \"${{variable}}\", not {}", described(other)))),
    }
}

/// The name inside `${name}`, when the whole text is such a reference.
pub(crate) fn variable(text: &str) -> Option<&str> {
    text.strip_prefix("${")?.strip_suffix('}')
}

/// Names of the author's choice.
pub(crate) fn check_name(name: &str) -> Result<(), Wrong> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty() && name.chars().all(good) && name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        Ok(())
    } else {
        Err(Wrong::value(format!("holds the name \"{name}\"")).help("names are letters, digits, `-`, `_` and `.`"))
    }
}

fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("\"{text}\""),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(truth) => truth.to_string(),
        other => described(other).into(),
    }
}

fn list(words: impl Iterator<Item = &'static str>) -> String {
    words.map(|w| format!("\"{w}\"")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T>(parse: impl Fn(&DeValue<'_>) -> Result<T, Wrong>, toml: &str) -> Result<T, String> {
        parse(DeValue::parse(toml).unwrap().get_ref()).map_err(|w| w.message)
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(read(duration, "'250ms'").unwrap(), Duration::from_millis(250));
        assert_eq!(read(duration, "5").unwrap_err(), "takes a duration with its unit, not 5");
        assert_eq!(read(duration, "'5'").unwrap_err(), "takes a duration with its unit, not \"5\"");
        assert!(read(budget, "'0s'").is_err());
    }

    #[test]
    fn sizes_days_and_thresholds() {
        assert_eq!(read(size, "'64MiB'").unwrap(), 64 << 20);
        assert!(read(size, "'64'").is_err() && read(size, "'99999999999GiB'").is_err());
        assert_eq!(read(day, "2026-12-31").unwrap(), jiff::civil::date(2026, 12, 31));
        assert_eq!(read(day, "'31.12.2026'").unwrap_err(), "takes a day, not \"31.12.2026\"");
        assert!(read(day, "'2026-02-30'").is_err());
        assert_eq!(read(threshold, "'>= 0.5'").unwrap(), Threshold { op: Comparison::GreaterOrEqual, value: 0.5 });
        assert!(read(threshold, "'200'").is_err() && read(threshold, "'> inf'").is_err());
    }

    #[test]
    fn prices_are_not_negative() {
        assert_eq!([read(price, "0.023"), read(price, "5"), read(price, "0")], [Ok(0.023), Ok(5.0), Ok(0.0)]);
        assert_eq!(read(price, "-0.1").unwrap_err(), "takes a price, 0 or more, not -0.1");
        assert!(read(price, "inf").is_err() && read(price, "nan").is_err() && read(price, "'1'").is_err());
    }

    #[test]
    fn a_misspelt_choice_is_named() {
        assert_eq!(
            read(choice::<Severity>, "'majro'").unwrap_err(),
            "takes one of \"critical\", \"major\", \"minor\", \"info\", not \"majro\""
        );
    }
}
