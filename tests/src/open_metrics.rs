//! OpenMetrics text 1.0.0, read strictly: what a scraper would forgive is an error here.

use anyhow::{Context, Result, bail, ensure};
use std::collections::{BTreeMap, BTreeSet};

/// One metric family.
#[derive(Clone, Debug, Default)]
pub struct Family {
    /// `counter`, `gauge`, `histogram` or `info`.
    pub kind: String,
    /// What it says it is.
    pub help: String,
    /// Empty for an info.
    pub unit: String,
    /// Name and labels of each sample, and its value.
    pub samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

/// A page: families by name.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// In the order of their names.
    pub families: BTreeMap<String, Family>,
}

impl Page {
    /// Reads a page.
    ///
    /// # Errors
    /// The first line that is not as the format wants it.
    pub fn parse(text: &str) -> Result<Self> {
        let body = text.strip_suffix("# EOF\n").context("the page does not end with # EOF")?;
        ensure!(body.is_empty() || body.ends_with('\n'), "# EOF is not on a line of its own");
        let (mut page, mut current) = (Self::default(), String::new());
        for line in body.lines() {
            page.line(line, &mut current).with_context(|| format!("in the line {line:?}"))?;
        }
        for (name, family) in &page.families {
            family.check(name).with_context(|| format!("in the family {name}"))?;
        }
        Ok(page)
    }

    fn line(&mut self, line: &str, current: &mut String) -> Result<()> {
        if let Some(rest) = line.strip_prefix("# ") {
            let (word, rest) = rest.split_once(' ').context("a comment that is no descriptor")?;
            let (name, rest) = rest.split_once(' ').context("a descriptor without a value")?;
            if name != current {
                ensure!(is_name(name), "{name} is no name");
                ensure!(!self.families.contains_key(name), "{name} comes twice, with others between");
                *current = name.to_owned();
            }
            let family = self.families.entry(name.to_owned()).or_default();
            ensure!(family.samples.is_empty(), "a descriptor after the samples");
            let place = match word {
                "HELP" => &mut family.help,
                "TYPE" => &mut family.kind,
                "UNIT" => &mut family.unit,
                _ => bail!("{word} is no descriptor"),
            };
            ensure!(place.is_empty(), "{word} comes twice");
            *place = rest.to_owned();
            return Ok(());
        }
        let (name, labels, value) = sample(line)?;
        let family = self.families.get_mut(current.as_str()).context("a sample before any family")?;
        let suffix = name.strip_prefix(current.as_str()).with_context(|| format!("not a sample of {current}"))?;
        let suffixes: &[&str] = match family.kind.as_str() {
            "counter" => &["_total"],
            "gauge" => &[""],
            "info" => &["_info"],
            "histogram" => &["_bucket", "_count", "_sum"],
            kind => bail!("a family of the type {kind:?}"),
        };
        ensure!(suffixes.contains(&suffix), "{suffix:?} does not go with a {}", family.kind);
        family.samples.push((name, labels, value));
        Ok(())
    }

    /// The one sample of `name` with exactly these labels.
    ///
    /// # Errors
    /// When there is none.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Result<f64> {
        let labels: BTreeMap<_, _> = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let mut samples = self.families.values().flat_map(|family| &family.samples);
        let found = samples.find(|sample| sample.0 == name && sample.1 == labels);
        Ok(found.with_context(|| format!("no sample {name} {labels:?}"))?.2)
    }

    /// All samples of `name` together.
    #[must_use]
    pub fn sum(&self, name: &str) -> f64 {
        self.families.values().flat_map(|family| &family.samples).filter(|sample| sample.0 == name).map(|s| s.2).sum()
    }
}

impl Family {
    fn check(&self, name: &str) -> Result<()> {
        ensure!(self.help.len() > 10, "the help {:?} helps nobody", self.help);
        ensure!(!self.samples.is_empty(), "no sample");
        match (self.kind.as_str(), self.unit.as_str()) {
            ("info", unit) => ensure!(unit.is_empty(), "an info has no unit"),
            (_, unit) => ensure!(!unit.is_empty() && name.ends_with(&format!("_{unit}")), "the unit {unit:?}"),
        }
        let mut seen = BTreeSet::new();
        for (name, labels, value) in &self.samples {
            ensure!(seen.insert((name, labels)), "{name} {labels:?} comes twice");
            ensure!(self.kind == "gauge" || *value >= 0.0, "{name} is {value}");
        }
        if self.kind == "histogram" { self.check_buckets() } else { Ok(()) }
    }

    fn check_buckets(&self) -> Result<()> {
        let mut buckets: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
        let mut counts = BTreeMap::new();
        for (name, labels, value) in &self.samples {
            let mut labels = labels.clone();
            let bound = labels.remove("le");
            if name.ends_with("_bucket") {
                let bound = number(&bound.context("a bucket without a bound")?)?;
                buckets.entry(labels).or_default().push((bound, *value));
            } else if name.ends_with("_count") {
                counts.insert(labels, *value);
            }
        }
        ensure!(buckets.len() == counts.len(), "buckets and counts of other labels");
        for (labels, buckets) in buckets {
            let rising = buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
            ensure!(rising, "the buckets of {labels:?} do not rise: {buckets:?}");
            let last = buckets.last().context("no bucket")?;
            ensure!(last.0 == f64::INFINITY && Some(&last.1) == counts.get(&labels), "the last bucket of {labels:?}");
        }
        Ok(())
    }
}

fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn number(text: &str) -> Result<f64> {
    match text {
        "+Inf" => Ok(f64::INFINITY),
        _ => text.parse().with_context(|| format!("{text:?} is no number")),
    }
}

/// `name{a="b",c="d"} 1.5`, with neither time nor exemplar, which our pages never have.
fn sample(line: &str) -> Result<(String, BTreeMap<String, String>, f64)> {
    let end = line.find(['{', ' ']).context("no value")?;
    let (name, rest) = line.split_at(end);
    ensure!(is_name(name), "{name} is no name");
    let mut labels = BTreeMap::new();
    let value = match rest.strip_prefix('{') {
        None => rest.strip_prefix(' ').context("no value")?,
        Some(rest) => {
            let (inside, value) = rest.split_once("} ").context("labels without an end")?;
            for pair in inside.split(',') {
                let (label, quoted) = pair.split_once('=').context("a label without a value")?;
                let text = quoted.strip_prefix('"').and_then(|t| t.strip_suffix('"')).context("not quoted")?;
                ensure!(is_name(label) && !text.contains(['"', '\\']), "the label {pair}");
                ensure!(labels.insert(label.to_owned(), text.to_owned()).is_none(), "{label} comes twice");
            }
            value
        }
    };
    Ok((name.to_owned(), labels, number(value)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "# HELP a_bytes Bytes of it.\n# TYPE a_bytes counter\n# UNIT a_bytes bytes\na_bytes_total{x=\"y\"} 3\n";

    #[test]
    fn good_pages_are_read_and_others_are_not() -> Result<()> {
        let page = Page::parse(&format!("{GOOD}# EOF\n"))?;
        assert_eq!(page.value("a_bytes_total", &[("x", "y")])?, 3.0);
        assert!(page.value("a_bytes_total", &[]).is_err());
        for bad in [
            GOOD.to_owned(),
            format!("{GOOD}a_bytes_total{{x=\"y\"}} 4\n# EOF\n"),
            format!("{GOOD}{GOOD}# EOF\n"),
            GOOD.replace("_total", "") + "# EOF\n",
            GOOD.replace("# UNIT a_bytes bytes\n", "") + "# EOF\n",
            GOOD.replace(" 3", " three") + "# EOF\n",
            GOOD.replace(" 3", " -3") + "# EOF\n",
            GOOD.replace("Bytes of it.", "B") + "# EOF\n",
        ] {
            assert!(Page::parse(&bad).is_err(), "{bad}");
        }
        let histogram = |middle: &str| {
            format!(
                "# HELP t_seconds How long it took.\n# TYPE t_seconds histogram\n# UNIT t_seconds seconds\n\
                 t_seconds_sum 1\nt_seconds_count 2\nt_seconds_bucket{{le=\"0.1\"}} {middle}\n\
                 t_seconds_bucket{{le=\"+Inf\"}} 2\n# EOF\n"
            )
        };
        assert!(Page::parse(&histogram("1")).is_ok());
        assert!(Page::parse(&histogram("3")).is_err(), "not cumulative");
        Ok(())
    }
}
